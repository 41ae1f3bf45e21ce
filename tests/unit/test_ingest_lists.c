/* Lists of files: every trap of the annotation formats, and messages that name the line. */
#include <sys/stat.h>

#include "ingest/ingest.h"
#include "tests/check.h"

static char *put(const char *dir, const char *name, const char *text)
{
    char *path = vs_path_join(dir, name), *folder = vs_strdup(path);
    *strrchr(folder, '/') = 0;
    CHECK_OK(vs_dir_make(folder));
    CHECK_OK(vs_file_write(path, text, strlen(text)));
    free(folder);
    return path;
}

static void has(const vs_listing *l, int i, const char *name, const char *split, int label)
{
    cr_assert_lt(i, l->n);
    cr_expect_str_eq(l->item[i].name, name);
    cr_expect_str_eq(l->item[i].split, split);
    cr_expect_eq(l->item[i].label, label, "%s: label %d", name, l->item[i].label);
}

Test(lists, paths_with_blanks_quotes_bom_and_crlf)
{
    char *dir = check_tmp();
    char *path = put(dir, "train.csv", "\xEF\xBB\xBF" "a clip.mp4 0\r\n"
                     "\r\n"
                     "\"b/with quotes.mp4\" 1\r\n"
                     "c,with comma.mp4\t2\r\n"
                     "  d.mp4   10  \r\n"
                     "/abs/e 5.mp4 0");
    vs_listing l;
    CHECK_OK(vs_list_file(&l, path, NULL, NULL, NULL));
    cr_assert_eq(l.n, 5);
    has(&l, 0, "a clip.mp4", "train", 0);
    has(&l, 1, "b/with quotes.mp4", "train", 1);
    has(&l, 2, "c,with comma.mp4", "train", 2);
    has(&l, 3, "d.mp4", "train", 10);
    has(&l, 4, "/abs/e 5.mp4", "train", 0);
    cr_expect_eq(l.classes, 11);
    cr_expect_null(l.class_name);
    char *full = vs_path_join(dir, "a clip.mp4");
    cr_expect_str_eq(l.item[0].path, full);
    cr_expect_str_eq(l.item[4].path, "/abs/e 5.mp4");
    vs_listing_free(&l);
    free(full);
    free(path);
    check_rm(dir);
}

Test(lists, split_and_root_by_default_and_by_hand)
{
    char *dir = check_tmp(), *val = put(dir, "val.csv", "a 0\n");
    char *other = put(dir, "x.csv", "a 0\n");
    vs_listing l;
    CHECK_OK(vs_list_file(&l, val, NULL, NULL, NULL));
    has(&l, 0, "a", "val", 0);
    vs_listing_free(&l);
    CHECK_OK(vs_list_file(&l, other, "/", NULL, NULL));
    has(&l, 0, "a", "all", 0);
    cr_expect_str_eq(l.item[0].path, "/a");
    vs_listing_free(&l);
    CHECK_OK(vs_list_file(&l, other, NULL, "mine", NULL));
    has(&l, 0, "a", "mine", 0);
    vs_listing_free(&l);
    CHECK_FAILS(vs_list_file(&l, other, "/nowhere", NULL, NULL), VS_ERR_IO, "/nowhere: no such");
    CHECK_FAILS(vs_list_file(&l, "/nowhere/l.csv", NULL, NULL, NULL), VS_ERR_IO, "/nowhere/l.csv");
    free(val);
    free(other);
    check_rm(dir);
}

/* The list's text, and what the message must say. */
static void refused(const char *text, const char *message)
{
    char *dir = check_tmp(), *path = put(dir, "l.csv", text);
    vs_listing l;
    CHECK_FAILS(vs_list_file(&l, path, NULL, NULL, NULL), VS_ERR_CORRUPT, message);
    free(path);
    check_rm(dir);
}

Test(lists, bad_lines_are_named)
{
    refused("a.mp4 0\nb.mp4,1\n", "l.csv:2: a comma before the label");
    refused("a.mp4 0\nb.mp4, 1\n", "l.csv:2: a comma before the label");
    refused("path label\n", "l.csv:1: the label is \"label\", expected a whole number");
    refused("a.mp4 0\n\n\nb.mp4\n", "l.csv:4: no label");
    refused("a.mp4 -1\n", "l.csv:1: the label is \"-1\"");
    refused("a.mp4 1.5\n", "the label is \"1.5\"");
    refused("a.mp4 99999999999999999999\n", "the label is \"99999999999999999999\"");
    refused("a 0\nb 0\na 1\n", "l.csv:3: a has the label 1 here and 0 in line 1");
    refused("x\ny\na 0\nz\n", "l.csv:1: no label; expected \"path label\"; 3 bad lines in all, "
            "the next: 2, 4");
    refused("x\nx\nx\nx\nx\nx\nx\nx\n", "8 bad lines in all, the next: 2, 3, 4, 5, 6, ...");
    refused("\n\n", "no files in this list");
    refused("", "no files in this list");
    refused(" 5\n", "l.csv:1: no label");
}

Test(lists, a_binary_file_is_not_a_list)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "l.csv");
    CHECK_OK(vs_file_write(path, "ab\0cd 1\n", 8));
    vs_listing l;
    CHECK_FAILS(vs_list_file(&l, path, NULL, NULL, NULL), VS_ERR_CORRUPT, "not a text file");
    free(path);
    check_rm(dir);
}

Test(lists, repeated_lines_count_once)
{
    char *dir = check_tmp(), *path = put(dir, "l.csv", "b 1\na 0\nb 1\nc 0\n");
    vs_listing l;
    CHECK_OK(vs_list_file(&l, path, NULL, NULL, NULL));
    cr_assert_eq(l.n, 3);
    cr_expect_eq(l.repeated, 1);
    has(&l, 0, "b", "all", 1);
    has(&l, 2, "c", "all", 0);
    vs_listing_free(&l);
    free(path);
    check_rm(dir);
}

Test(lists, class_names_bound_the_labels)
{
    char *dir = check_tmp(), *list = put(dir, "l.csv", "a 0\nb 2\n");
    char *one = put(dir, "from1.csv", "a 1\nb 3\n");
    char *classes = put(dir, "classes.txt", "run\r\njump high\r\nwave\r\n\r\n");
    vs_listing l;
    CHECK_OK(vs_list_file(&l, list, NULL, NULL, classes));
    cr_expect_eq(l.classes, 3);
    cr_expect_str_eq(l.class_name[1], "jump high");
    vs_listing_free(&l);
    CHECK_FAILS(vs_list_file(&l, one, NULL, NULL, classes), VS_ERR_CORRUPT,
                "from1.csv:2: the label is 3, with 3 class names it is 0 to 2 (is this list "
                "counted from 1?)");
    char *twice = put(dir, "twice.txt", "run\njump\nrun\n");
    CHECK_FAILS(vs_list_file(&l, list, NULL, NULL, twice), VS_ERR_CORRUPT,
                "twice.txt:3: class \"run\" is in line 1 already");
    free(list);
    free(one);
    free(classes);
    free(twice);
    check_rm(dir);
}

Test(lists, folder_per_class)
{
    char *dir = check_tmp();
    static const char *const files[] = { "walk/b.mp4", "walk/a b.AVI", "walk/notes.txt",
                                         "run fast/x.webm", "empty/readme", ".git/x.mp4",
                                         "loose.mp4" };
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        free(put(dir, files[i], "x"));
    vs_listing l;
    CHECK_OK(vs_list_folder(&l, dir, 0, 0));
    cr_assert(l.n == 3 && l.classes == 2);
    has(&l, 0, "run fast/x.webm", "train", 0);
    has(&l, 1, "walk/a b.AVI", "train", 1);
    has(&l, 2, "walk/b.mp4", "train", 1);
    cr_expect_str_eq(l.class_name[0], "run fast");
    vs_listing_free(&l);
    char *inner = vs_path_join(dir, "walk");
    CHECK_FAILS(vs_list_folder(&l, inner, 0, 0), VS_ERR_CORRUPT, "2 lie in it directly");
    CHECK_FAILS(vs_list_folder(&l, "/nowhere", 0, 0), VS_ERR_IO, "/nowhere: no such folder");
    free(inner);
    check_rm(dir);
}

static int tests_of(const vs_listing *l, int label)
{
    int n = 0;
    for (int i = 0; i < l->n; i++)
        n += l->item[i].label == label && strcmp(l->item[i].split, "test") == 0;
    return n;
}

Test(lists, folder_test_share_leaves_one_on_either_side)
{
    char *dir = check_tmp(), name[32];
    static const int sizes[] = { 1, 2, 3, 20 };
    for (int c = 0; c < 4; c++)
        for (int i = 0; i < sizes[c]; i++) {
            snprintf(name, sizeof(name), "class%d/%02d.mp4", c, i);
            free(put(dir, name, "x"));
        }
    vs_listing a, b, other;
    CHECK_OK(vs_list_folder(&a, dir, 0.2, 0));
    CHECK_OK(vs_list_folder(&b, dir, 0.2, 0));
    CHECK_OK(vs_list_folder(&other, dir, 0.2, 1));
    static const int expected[] = { 0, 1, 1, 4 };
    int differ = 0;
    for (int c = 0; c < 4; c++)
        cr_expect_eq(tests_of(&a, c), expected[c], "class %d: %d", c, tests_of(&a, c));
    for (int i = 0; i < a.n; i++) {
        cr_expect_str_eq(a.item[i].split, b.item[i].split);
        differ += strcmp(a.item[i].split, other.item[i].split) != 0;
    }
    cr_expect(differ > 0, "another seed chooses other files");
    vs_listing_free(&a);
    vs_listing_free(&b);
    CHECK_OK(vs_list_folder(&b, dir, 0.9, 0));
    cr_expect(tests_of(&b, 1) == 1 && tests_of(&b, 2) == 2 && tests_of(&b, 3) == 18);
    vs_listing_free(&b);
    vs_listing_free(&other);
    check_rm(dir);
}

struct ucf {
    const char *classes, *train, *test;
};

static vs_err read_ucf(vs_listing *l, const char *dir, const struct ucf *u)
{
    free(put(dir, "ann/classInd.txt", u->classes));
    free(put(dir, "ann/trainlist01.txt", u->train));
    free(put(dir, "ann/testlist01.txt", u->test));
    char *annotations = vs_path_join(dir, "ann");
    const vs_err err = vs_list_ucf101(l, dir, annotations, 1);
    free(annotations);
    return err;
}

Test(lists, ucf101)
{
    char *dir = check_tmp();
    free(put(dir, "Jump/v_Jump_g01_c01.avi", "x"));
    free(put(dir, "v_Run_g02_c01.avi", "x"));      /* a flat copy */
    vs_listing l;
    const struct ucf good = { "1 Run\r\n2 Jump\r\n\r\n",
                              "Run/v_Run_g02_c01.avi 1\r\nJump/v_Jump_g01_c01.avi 2\r\n",
                              "Jump/v_Jump_g09_c01.avi\r\n" };
    CHECK_OK(read_ucf(&l, dir, &good));
    cr_assert(l.n == 3 && l.classes == 2);
    cr_expect_str_eq(l.class_name[0], "Run");       /* the order of classInd, not of the alphabet */
    has(&l, 0, "Run/v_Run_g02_c01.avi", "train", 0);
    has(&l, 1, "Jump/v_Jump_g01_c01.avi", "train", 1);
    has(&l, 2, "Jump/v_Jump_g09_c01.avi", "test", 1);
    char *flat = vs_path_join(dir, "v_Run_g02_c01.avi");
    char *deep = vs_path_join(dir, "Jump/v_Jump_g01_c01.avi");
    cr_expect_str_eq(l.item[0].path, flat);
    cr_expect_str_eq(l.item[1].path, deep);
    free(flat);
    free(deep);
    vs_listing_free(&l);
    static const struct {
        struct ucf files;
        const char *message;
    } bad[] = {
        { { "0 Run\n1 Jump\n", "", "" }, "classInd.txt:1: \"0 Run\", expected \"1 CLASS\"" },
        { { "1 Run\n3 Jump\n", "", "" }, "classInd.txt:2: \"3 Jump\", expected \"2 CLASS\"" },
        { { "1 Run\n2 Run\n", "", "" }, "classInd.txt:2: class Run is number 1 already" },
        { { "1 Run\n", "Run/a.avi 0\n", "" }, "trainlist01.txt:1: number 0, but Run is number 1" },
        { { "1 Run\n", "Run/a.avi\n", "" }, "trainlist01.txt:1: \"Run/a.avi\", expected" },
        { { "1 Run\n", "Run/a.avi 1\n", "\nSit/a.avi\n" },
          "testlist01.txt:2: the class of \"Sit/" },
        { { "1 Run\n", "Run/a.avi 1\n", "Run/a.avi\n" }, "Run/a.avi is listed twice" },
        { { "1 Run\n", "", "" }, "name no videos" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK_FAILS(read_ucf(&l, dir, &bad[i].files), VS_ERR_CORRUPT, bad[i].message);
    CHECK_FAILS(vs_list_ucf101(&l, dir, dir, 2), VS_ERR_IO, "classInd.txt");
    CHECK_FAILS(vs_list_ucf101(&l, "/nowhere", dir, 1), VS_ERR_IO, "(--root)");
    CHECK_FAILS(vs_list_ucf101(&l, dir, "/nowhere", 1), VS_ERR_IO, "(--annotations)");
    check_rm(dir);
}

Test(lists, hmdb51)
{
    char *dir = check_tmp();
    free(put(dir, "sword_exercise_test_split2.txt", "b #1(x)&;.avi 1 \nunused.avi 0 \n"));
    free(put(dir, "sword_test_split2.txt", "a.avi 2 \r\nwith blank.avi 1 \r\n"));
    free(put(dir, "sword_test_split1.txt", "a.avi 1\n"));
    vs_listing l;
    CHECK_OK(vs_list_hmdb51(&l, dir, dir, 2));
    cr_assert(l.n == 3 && l.classes == 2);
    cr_expect_str_eq(l.class_name[0], "sword");
    cr_expect_str_eq(l.class_name[1], "sword_exercise");
    has(&l, 0, "sword/a.avi", "test2", 0);
    has(&l, 1, "sword/with blank.avi", "train2", 0);
    has(&l, 2, "sword_exercise/b #1(x)&;.avi", "train2", 1);
    vs_listing_free(&l);
    free(put(dir, "sword_test_split1.txt", "a.avi 1\nb.avi 3\n"));
    CHECK_FAILS(vs_list_hmdb51(&l, dir, dir, 1), VS_ERR_CORRUPT,
                "sword_test_split1.txt:2: expected \"FILE 0\", 1 or 2 after \"b.avi");
    CHECK_FAILS(vs_list_hmdb51(&l, dir, dir, 3), VS_ERR_CORRUPT, "_test_split3.txt");
    check_rm(dir);
}
