/* The official splits of UCF101 and HMDB51, as their authors publish them.
 *
 *     UCF101   classInd.txt        "1 ApplyEyeMakeup", counted from 1
 *              trainlist0N.txt     "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1"
 *              testlist0N.txt      the path alone
 *     HMDB51   CLASS_test_splitN.txt   "name.avi 1": 1 train, 2 test, 0 not used
 *
 * Videos lie in ROOT/CLASS/ or all in ROOT itself. UCF101 keeps the order of classInd,
 * HMDB51 is numbered in the order of the class names.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "ingest/tree.h"
#include "ingest/ingest.h"

vs_err vs_listing_begin(vs_listing *out, const char *root, const char *annotations)
{
    *out = (vs_listing){ 0 };
    if (!vs_path_is_dir(root))
        return VS_FAIL(VS_ERR_IO, "%s: no such folder (--root)", root);
    if (!vs_path_is_dir(annotations))
        return VS_FAIL(VS_ERR_IO, "%s: no such folder (--annotations)", annotations);
    return VS_OK;
}

/* Names of a fold's splits, at their places. */
static const char *fold_split(vs_listing *l, int fold, bool test)
{
    char **at = &l->split[2 * (fold - 1) + test];
    if (!*at)
        *at = fold == 1 ? vs_strdup(test ? "test" : "train")
                        : vs_strf("%s%d", test ? "test" : "train", fold);
    return *at;
}

struct entry {
    const vs_item *item;
    int i;
};

static int by_name(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const int c = strcmp(x->item->name, y->item->name);
    return c ? c : x->i - y->i;
}

static int fold_of(const vs_listing *l, const char *split)
{
    int i = 0;
    while (l->split[i] != split)
        i++;
    return l->split[2] && strcmp(l->split[2], "test") == 0 ? 0 : i / 2;
}

/* Two places of one file: VS_OK when they go together; *same: they say the same. */
static vs_err compare_places(bool *same, const vs_listing *l, const vs_item *a, const vs_item *b,
                             const char *annotations)
{
    *same = a->split == b->split && a->label == b->label;
    if (*same)
        return VS_OK;
    if (a->label != b->label)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: %s has the labels %d and %d", annotations, a->name,
                       a->label, b->label);
    /* A video in the training and the test part would make every figure worthless. */
    if (fold_of(l, a->split) == fold_of(l, b->split))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: %s is listed twice (in the splits %s and %s)",
                       annotations, a->name, a->split, b->split);
    return VS_OK;
}

/* The items that `drop` marks, out. */
static void leave_out(vs_listing *l, const bool *drop)
{
    int kept = 0;
    for (int i = 0; i < l->n; i++) {
        if (drop[i]) {
            free(l->item[i].path);
            free(l->item[i].name);
        } else {
            l->item[kept++] = l->item[i];
        }
    }
    l->repeated += l->n - kept;
    l->n = kept;
}

vs_err vs_listing_settle(vs_listing *l, const char *annotations, const char *expected)
{
    if (l->n == 0)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: the lists name no videos; expected %s", annotations,
                       expected);
    struct entry *order = vs_new(sizeof(*order) * (size_t)l->n);
    bool *drop = vs_new((size_t)l->n);
    vs_err err = VS_OK;
    for (int i = 0; i < l->n; i++)
        order[i] = (struct entry){ &l->item[i], i };
    qsort(order, (size_t)l->n, sizeof(*order), by_name);
    for (int i = 1; i < l->n && err == VS_OK; i++)
        for (int k = i - 1; k >= 0 && err == VS_OK && !drop[order[i].i] &&
                            strcmp(order[k].item->name, order[i].item->name) == 0; k--) {
            l->item[order[i].i].again = true;
            err = compare_places(&drop[order[i].i], l, order[k].item, order[i].item, annotations);
        }
    if (err == VS_OK)
        leave_out(l, drop);
    free(order);
    free(drop);
    return err;
}

/* ---- UCF101 ---------------------------------------------------------------------------- */

static void parse_class(vs_listing *l, vs_lines *lines, int i)
{
    char *end;
    const long number = strtol(lines->line[i], &end, 10);
    while (*end == ' ' || *end == '\t')
        end++;
    if (number != l->classes + 1 || !*end) {
        vs_lines_problem(lines, i, "\"%.60s\", expected \"%d CLASS\"", lines->line[i],
                         l->classes + 1);
        return;
    }
    for (int k = 0; k < l->classes; k++)
        if (strcmp(l->class_name[k], end) == 0)
            vs_lines_problem(lines, i, "class %s is number %d already", end, k + 1);
    VS_PUSH(l->class_name, l->classes, vs_strdup(end));
}

static vs_err read_class_index(vs_listing *l, const char *annotations)
{
    char *path = vs_path_join(annotations, "classInd.txt");
    vs_lines lines;
    vs_err err = vs_lines_read(&lines, path);
    if (err == VS_OK) {
        for (int i = 0; i < lines.n && lines.problems == 0; i++)
            if (*lines.line[i])
                parse_class(l, &lines, i);
        err = vs_lines_verdict(&lines);
        if (err == VS_OK && l->classes == 0)
            err = VS_FAIL(VS_ERR_CORRUPT, "%s: no classes in it", path);
        vs_lines_free(&lines);
    }
    free(path);
    return err;
}

static int class_of_path(const vs_listing *l, const char *path)
{
    const char *slash = strchr(path, '/');
    const size_t n = slash ? (size_t)(slash - path) : 0;
    for (int k = 0; n > 0 && k < l->classes; k++)
        if (strlen(l->class_name[k]) == n && strncmp(l->class_name[k], path, n) == 0)
            return k;
    return -1;
}

/* labelled: the line ends with the number of its class, counted from 1. */
static void parse_video(vs_listing *l, vs_lines *lines, int i, vs_tree *disk, bool labelled,
                        const char *split)
{
    char *path = lines->line[i];
    int number = 0;
    const bool has_number = vs_line_label(&path, &number, path);
    if (labelled && !has_number) {
        vs_lines_problem(lines, i, "\"%.80s\", expected \"CLASS/FILE NUMBER\"", lines->line[i]);
        return;
    }
    const int label = class_of_path(l, path);
    if (label < 0)
        vs_lines_problem(lines, i, "the class of \"%.80s\" is not in classInd.txt; expected "
                         "CLASS/FILE", path);
    else if (has_number && number != label + 1)
        vs_lines_problem(lines, i, "number %d, but %s is number %d in classInd.txt", number,
                         l->class_name[label], label + 1);
    vs_listing_add(l, vs_tree_find(disk, path, NULL, NULL), vs_strdup(path), split, label);
}

static vs_err read_videos(vs_listing *l, vs_tree *disk, const char *annotations, int fold,
                          bool test)
{
    const char *kind = test ? "test" : "train", *split = fold_split(l, fold, test);
    char *name = vs_strf("%slist%02d.txt", kind, fold), *path = vs_path_join(annotations, name);
    free(name);
    vs_lines lines;
    vs_err err = vs_lines_read(&lines, path);
    if (err == VS_OK) {
        for (int i = 0; i < lines.n; i++)
            if (*lines.line[i])
                parse_video(l, &lines, i, disk, !test, split);
        err = vs_lines_verdict(&lines);
        vs_lines_free(&lines);
    }
    free(path);
    return err;
}

/* Is this fold meant? 0 means those whose list is there. */
static bool wants_fold(const char *annotations, int fold, int i)
{
    char *path = vs_strf("%s/trainlist%02d.txt", annotations, i);
    const bool there = vs_path_exists(path);
    free(path);
    return fold == i || (fold == 0 && there);
}

vs_err vs_list_ucf101(vs_listing *out, const char *root, const char *annotations, int fold)
{
    vs_tree disk;
    vs_err err = vs_listing_begin(out, root, annotations);
    vs_tree_init(&disk, root);
    if (err == VS_OK)
        err = read_class_index(out, annotations);
    for (int i = 1; i <= 3 && err == VS_OK; i++) {
        if (!wants_fold(annotations, fold, i))
            continue;
        err = read_videos(out, &disk, annotations, i, false);
        if (err == VS_OK)
            err = read_videos(out, &disk, annotations, i, true);
    }
    if (err == VS_OK)
        err = vs_listing_settle(out, annotations, "trainlist01.txt and testlist01.txt");
    vs_tree_free(&disk);
    if (err != VS_OK)
        vs_listing_free(out);
    return err;
}

/* ---- HMDB51 ---------------------------------------------------------------------------- */

/* The lines of one class. */
static vs_err read_hmdb_class(vs_listing *l, vs_tree *disk, const char *path, int label, int fold)
{
    const char *class = l->class_name[label];
    vs_lines lines;
    VS_TRY(vs_lines_read(&lines, path));
    for (int i = 0; i < lines.n; i++) {
        char *file;
        int part;
        if (!*lines.line[i])
            continue;
        if (!vs_line_label(&file, &part, lines.line[i]) || part > 2) {
            vs_lines_problem(&lines, i, "expected \"FILE 0\", 1 or 2 after \"%.80s\"",
                             lines.line[i]);
        } else if (part > 0) {
            char *name = vs_strf("%s/%s", class, file);
            vs_listing_add(l, vs_tree_find(disk, name, NULL, NULL), name,
                           fold_split(l, fold, part == 2), label);
        }
    }
    const vs_err err = vs_lines_verdict(&lines);
    vs_lines_free(&lines);
    return err;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "sword" of sword_test_split1.txt, when it is a list of this fold; the caller frees it. */
static char *class_of_list(const char *name, int fold)
{
    char ending[32];
    const int tail = snprintf(ending, sizeof(ending), "_test_split%d.txt", fold);
    const int stem = (int)strlen(name) - tail;
    return stem > 0 && strcmp(name + stem, ending) == 0 ? vs_strf("%.*s", stem, name) : NULL;
}

/* Classes of the folds that are meant, in the order of their names: sword comes before
 * sword_exercise, its file after. */
static void collect_classes(vs_listing *l, char **names, int n, int fold)
{
    for (int i = 0; i < n; i++)
        for (int f = fold ? fold : 1; f <= (fold ? fold : 3); f++) {
            char *class = class_of_list(names[i], f);
            bool known = !class;
            for (int k = 0; k < l->classes && !known; k++)
                known = strcmp(l->class_name[k], class) == 0;
            if (!known)
                VS_PUSH(l->class_name, l->classes, vs_strdup(class));
            free(class);
        }
    if (l->classes > 1)
        qsort(l->class_name, (size_t)l->classes, sizeof(*l->class_name), by_bytes);
}

static vs_err read_hmdb(vs_listing *l, vs_tree *disk, const char *annotations, int fold)
{
    char **names;
    int n;
    VS_TRY(vs_dir_list(annotations, &names, &n));
    collect_classes(l, names, n, fold);
    vs_names_free(names, n);
    vs_err err = VS_OK;
    for (int f = fold ? fold : 1; f <= (fold ? fold : 3); f++)
        for (int i = 0; i < l->classes && err == VS_OK; i++) {
            char *path = vs_strf("%s/%s_test_split%d.txt", annotations, l->class_name[i], f);
            if (fold || vs_path_exists(path))
                err = read_hmdb_class(l, disk, path, i, f);
            free(path);
        }
    return err;
}

vs_err vs_list_hmdb51(vs_listing *out, const char *root, const char *annotations, int fold)
{
    vs_tree disk;
    char expected[64];
    vs_err err = vs_listing_begin(out, root, annotations);
    vs_tree_init(&disk, root);
    if (err == VS_OK)
        err = read_hmdb(out, &disk, annotations, fold);
    snprintf(expected, sizeof(expected), "files named CLASS_test_split%d.txt", fold ? fold : 1);
    if (err == VS_OK)
        err = vs_listing_settle(out, annotations, expected);
    vs_tree_free(&disk);
    if (err != VS_OK)
        vs_listing_free(out);
    return err;
}
