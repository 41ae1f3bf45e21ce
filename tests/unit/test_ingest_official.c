/* Official lists of Kinetics and Something-Something, folds, lists without labels. */
#include <sys/resource.h>

#include "ingest/ingest.h"
#include "tests/check.h"

static void put(const char *dir, const char *name, const char *text)
{
    char *path = vs_path_join(dir, name), *folder = vs_strdup(path);
    *strrchr(folder, '/') = 0;
    CHECK_OK(vs_dir_make(folder));
    CHECK_OK(vs_file_write(path, text, strlen(text)));
    free(folder);
    free(path);
}

/* below: where the file was found under dir. */
static void has(const vs_listing *l, int i, const char *dir, const char *name, const char *split,
                int label, const char *below)
{
    char *path = vs_path_join(dir, below);
    cr_assert_lt(i, l->n);
    cr_expect_str_eq(l->item[i].name, name);
    cr_expect_str_eq(l->item[i].split, split);
    cr_expect_eq(l->item[i].label, label, "%s: label %d", name, l->item[i].label);
    cr_expect_str_eq(l->item[i].path, path);
    free(path);
}

/* Layouts of copies: class folders with blanks or underscores, flat, renamed, other endings,
 * replacements of broken files, and files that are missing. */
Test(official, kinetics)
{
    char *dir = check_tmp(), *ann = vs_path_join(dir, "ann"), *root = vs_path_join(dir, "k");
    put(dir, "ann/kinetics-400_train.csv",
        "\xEF\xBB\xBFlabel,youtube_id,time_start,time_end,split,is_cc\r\n"
        "testifying,---QUuC4vJs,84,94,train,0\r\n"
        "\"passing_American_football_(in_game)\",abc,1,11,train,1\r\n"
        "massaging persons head,-x_y,0,10,train,0\r\n"
        "abseiling,gone,0,10,train,0\r\n"
        "abseiling,gone,0,10,train,0\r\n");
    put(dir, "ann/val.csv", "youtube_id,time_start,time_end,label,split\n"
                            "bare,5.0,15.0,zumba,validate\n");
    put(dir, "ann/test.csv", "youtube_id,time_start,time_end\nt,1,2\n");
    put(dir, "ann/labels.csv", "id,name\n0,abseiling\n");
    put(root, "train/testifying/---QUuC4vJs_000084_000094.mp4", "x");
    put(root, "replacement_for_corrupted/---QUuC4vJs_000084_000094.mp4", "x");
    put(root, "train_256/passing_American_football_(in_game)/abc_000001_000011.mkv", "x");
    put(root, "-x_y_000000_000010.mp4", "x");
    put(root, "val/zumba/bare.mp4", "x");
    vs_listing l;
    CHECK_OK(vs_list_kinetics(&l, "kinetics400", root, ann));
    cr_assert(l.n == 6 && l.classes == 400 && l.repeated == 1);
    cr_expect_str_eq(l.class_name[0], "abseiling");
    cr_expect_str_eq(l.class_name[399], "zumba");
    has(&l, 0, root, "---QUuC4vJs_000084_000094.mp4", "train", 354,
        "replacement_for_corrupted/---QUuC4vJs_000084_000094.mp4");
    has(&l, 1, root, "abc_000001_000011.mp4", "train", 208,
        "train_256/passing_American_football_(in_game)/abc_000001_000011.mkv");
    has(&l, 2, root, "-x_y_000000_000010.mp4", "train", 196, "-x_y_000000_000010.mp4");
    has(&l, 3, root, "gone_000000_000010.mp4", "train", 0, "gone_000000_000010.mp4");
    has(&l, 4, root, "t_000001_000002.mp4", "test", -1, "t_000001_000002.mp4");
    has(&l, 5, root, "bare_000005_000015.mp4", "val", 399, "val/zumba/bare.mp4");
    vs_listing_free(&l);
    static const struct {
        const char *text, *message;
    } bad[] = {
        { "label,youtube_id,time_start,time_end,split\nabsailing,a,0,10,train\n",
          "val.csv:2: \"absailing\" is none of the 400 classes; did you mean abseiling" },
        { "label,youtube_id,time_start,time_end,split\n\nabseiling,a,x,10,train\n", "val.csv:3:" },
        { "label,youtube_id,time_start,time_end,split\nabseiling,a\n", "val.csv:2: 2 fields" },
        { "label,youtube_id,time_start,time_end,split\nzumba,gone,0,10,train\n",
          "gone_000000_000010.mp4 has the labels" },
        { "label,youtube_id,time_start,time_end,split\nabseiling,gone,0,10,val\n",
          "gone_000000_000010.mp4 is listed twice (in the splits train and val)" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        put(dir, "ann/val.csv", bad[i].text);
        CHECK_FAILS(vs_list_kinetics(&l, "kinetics400", root, ann), VS_ERR_CORRUPT,
                    bad[i].message);
    }
    CHECK_FAILS(vs_list_kinetics(&l, "kinetics700", root, root), VS_ERR_CORRUPT, "expected train");
    free(ann);
    free(root);
    check_rm(dir);
}

Test(official, something_something)
{
    char *dir = check_tmp();
    put(dir, "something-something-v2-labels.json", "{\"Holding something\": \"1\", "
        "\"Pushing something\": \"0\"}");
    put(dir, "something-something-v2-train.json", "\n[\n{\"id\":\"7\","
        "\"label\":\"holding a, ] cup\","
        "\"template\":\"Holding [something]\",\"placeholders\":[\"a\"]},\n"
        "{\"id\":8,\"template\":\"Pushing [something]\"}\n]\n");
    put(dir, "something-something-v2-test.json", "[{\"id\":\"9\"},{\"id\":\"10\"}]");
    put(dir, "test-answers.csv", "10;Pushing something\n");
    put(dir, "videos/7.mp4", "x");
    put(dir, "20bn/8.webm", "x");
    vs_listing l;
    CHECK_OK(vs_list_ssv2(&l, dir, dir));
    cr_assert(l.n == 4 && l.classes == 2);
    cr_expect_str_eq(l.class_name[1], "Holding something");
    has(&l, 0, dir, "7.webm", "train", 1, "videos/7.mp4");
    has(&l, 1, dir, "8.webm", "train", 0, "20bn/8.webm");
    has(&l, 2, dir, "9.webm", "test", -1, "9.webm");
    has(&l, 3, dir, "10.webm", "test", 0, "10.webm");
    vs_listing_free(&l);
    static const struct {
        const char *text, *message;
    } bad[] = {
        { "{}", "validation.json:1: expected a list" },
        { "[\n{\"id\":\"1\"},\n{\"id\":}]", "validation.json:3: not an element" },
        { "[{\"id\":\"1\"}\n{\"id\":\"2\"}]", "validation.json:1: expected , or ]" },
        { "[[3]]", "expected an object" },
        { "[{\"id\":\"../1\"}]", "an object with an \"id\"" },
        { "[{\"id\":\"1\",\"template\":\"Eating [something]\"}]",
          "\"Eating something\" is not in" },
        { "[{\"id\":\"1\"}", "expected , or ]" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        put(dir, "validation.json", bad[i].text);
        CHECK_FAILS(vs_list_ssv2(&l, dir, dir), VS_ERR_CORRUPT, bad[i].message);
    }
    put(dir, "labels.json", "{\"a\": \"0\", \"b\": \"0\"}");
    CHECK_FAILS(vs_list_ssv2(&l, dir, dir), VS_ERR_CORRUPT, "have the same label 0");
    check_rm(dir);
}

/* All folds at once: a file of several folds is decoded once, and is in each split. */
Test(official, every_fold)
{
    char *dir = check_tmp();
    put(dir, "classInd.txt", "1 Run\n");
    for (int f = 1; f <= 3; f++) {
        char name[32], text[64];
        snprintf(name, sizeof(name), "trainlist%02d.txt", f);
        snprintf(text, sizeof(text), "Run/a%d.avi 1\nRun/b.avi 1\n", f);
        put(dir, name, text);
        snprintf(name, sizeof(name), "testlist%02d.txt", f);
        snprintf(text, sizeof(text), "Run/a%d.avi\n", f % 3 + 1);
        put(dir, name, text);
    }
    vs_listing l;
    CHECK_OK(vs_list_ucf101(&l, dir, dir, 0));
    cr_assert_eq(l.n, 9);
    int files = 0;
    for (int i = 0; i < l.n; i++)
        files += !l.item[i].again;
    cr_expect_eq(files, 4);
    cr_expect_str_eq(l.item[8].split, "test3");
    vs_listing_free(&l);
    CHECK_OK(vs_list_ucf101(&l, dir, dir, 2));
    cr_expect(l.n == 3 && strcmp(l.item[0].split, "train2") == 0);
    vs_listing_free(&l);
    check_rm(dir);
}

static void reads(const char *text, vs_list_format format, int n, const char *first, int label)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "ucf101_train_split_2_videos.txt");
    vs_listing l;
    put(dir, "ucf101_train_split_2_videos.txt", text);
    CHECK_OK(vs_list_read(&l, path, format));
    cr_expect(l.n == n, "%s: %d", text, l.n);
    cr_expect_str_eq(l.item[0].name, first);
    cr_expect_str_eq(l.item[0].split, "train2");
    cr_expect_eq(l.item[0].label, label);
    vs_listing_free(&l);
    free(path);
    check_rm(dir);
}

Test(official, list_formats)
{
    reads("a b.mp4 3\nc.mp4 0\n", VS_LIST_AUTO, 2, "a b.mp4", 3);
    reads("some/dir 163 1\nother dir 98 0\n", VS_LIST_AUTO, 2, "some/dir", 1);
    reads("some/dir 163 1\nother.mp4 0\n", VS_LIST_AUTO, 2, "some/dir 163", 1);
    reads("some/dir 163 1\n", VS_LIST_PATH_LABEL, 1, "some/dir 163", 1);
    reads("v/a.mp4 0 -1\nv/b.mp4 0 -1\n", VS_LIST_AUTO, 2, "v/a.mp4", -1);
    reads("a b.mp4\n\n\"c.webm\"\n", VS_LIST_AUTO, 2, "a b.mp4", -1);
    reads("a b\n", VS_LIST_PATH, 1, "a b", -1);
    reads("a b.mp4,3\n", VS_LIST_COMMA, 1, "a b.mp4", 3);
}

/* 200,000 rows: read, checked, registered. What it takes is printed and bounded. */
Test(official, memory_of_200000_rows)
{
    enum { ROWS = 200000 };
    char *dir = check_tmp(), *path = vs_path_join(dir, "train.csv");
    FILE *f = fopen(path, "w");
    for (int i = 0; i < ROWS; i++)
        fprintf(f, "some_class_%d/a_video_with_a_usual_name_%06d.mp4 %d\n", i % 400, i, i % 400);
    cr_assert_eq(fclose(f), 0);
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    vs_listing l;
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_list_file(&l, path, NULL, NULL, NULL));
    cr_assert_eq(l.n, ROWS);
    char *store = vs_path_join(dir, "store");
    CHECK_OK(vs_writer_open(&w, store, NULL));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, l.classes));
    for (int i = 0; i < l.n; i++)
        CHECK_OK(vs_writer_member(w, set, l.item[i].split, l.item[i].name, l.item[i].label));
    CHECK_OK(vs_writer_close(&w));
    vs_listing_free(&l);
    getrusage(RUSAGE_SELF, &after);
    const long kilobytes = after.ru_maxrss - before.ru_maxrss;
    fprintf(stderr, "200,000 rows: %ld kB more than before\n", kilobytes);
#ifndef __SANITIZE_ADDRESS__           /* which keeps what is freed */
    cr_expect_lt(kilobytes, 160000);
#endif
    free(store);
    free(path);
    check_rm(dir);
}
