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
#include "ingest/ingest.h"

/* ROOT/CLASS/FILE, or ROOT/FILE when the copy is flat. */
static char *find_video(const char *root, const char *name)
{
    char *path = vs_path_join(root, name);
    if (vs_path_exists(path))
        return path;
    char *flat = vs_path_join(root, vs_path_base(name));
    const bool there = vs_path_exists(flat);
    free(there ? path : flat);
    return there ? flat : path;
}

static vs_err begin(vs_listing *out, const char *root, const char *annotations, int fold)
{
    *out = (vs_listing){ 0 };
    if (!vs_path_is_dir(root))
        return VS_FAIL(VS_ERR_IO, "%s: no such folder (--root)", root);
    if (!vs_path_is_dir(annotations))
        return VS_FAIL(VS_ERR_IO, "%s: no such folder (--annotations)", annotations);
    out->split[0] = fold == 1 ? vs_strdup("train") : vs_strf("train%d", fold);
    out->split[1] = fold == 1 ? vs_strdup("test") : vs_strf("test%d", fold);
    return VS_OK;
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
static void parse_video(vs_listing *l, vs_lines *lines, int i, const char *root, bool labelled)
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
    vs_listing_add(l, find_video(root, path), vs_strdup(path), l->split[!labelled], label);
}

static vs_err read_videos(vs_listing *l, const char *root, const char *annotations,
                          const char *kind, int fold)
{
    char *name = vs_strf("%slist%02d.txt", kind, fold), *path = vs_path_join(annotations, name);
    free(name);
    vs_lines lines;
    vs_err err = vs_lines_read(&lines, path);
    if (err == VS_OK) {
        for (int i = 0; i < lines.n; i++)
            if (*lines.line[i])
                parse_video(l, &lines, i, root, strcmp(kind, "train") == 0);
        err = vs_lines_verdict(&lines);
        vs_lines_free(&lines);
    }
    free(path);
    return err;
}

/* A video in the training and the test part would make every figure worthless. */
static int by_name(const void *a, const void *b)
{
    return strcmp((*(const vs_item *const *)a)->name, (*(const vs_item *const *)b)->name);
}

static vs_err check_disjoint(const vs_listing *l, const char *annotations)
{
    const vs_item **order = vs_new(sizeof(*order) * ((size_t)l->n + 1));
    for (int i = 0; i < l->n; i++)
        order[i] = &l->item[i];
    qsort(order, (size_t)l->n, sizeof(*order), by_name);
    vs_err err = VS_OK;
    for (int i = 1; i < l->n && err == VS_OK; i++)
        if (by_name(&order[i - 1], &order[i]) == 0)
            err = VS_FAIL(VS_ERR_CORRUPT, "%s: %s is listed twice (in the splits %s and %s)",
                          annotations, order[i]->name, order[i - 1]->split, order[i]->split);
    if (err == VS_OK && l->n == 0)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: the lists name no videos", annotations);
    free(order);
    return err;
}

vs_err vs_list_ucf101(vs_listing *out, const char *root, const char *annotations, int fold)
{
    vs_err err = begin(out, root, annotations, fold);
    if (err == VS_OK)
        err = read_class_index(out, annotations);
    if (err == VS_OK)
        err = read_videos(out, root, annotations, "train", fold);
    if (err == VS_OK)
        err = read_videos(out, root, annotations, "test", fold);
    if (err == VS_OK)
        err = check_disjoint(out, annotations);
    if (err != VS_OK)
        vs_listing_free(out);
    return err;
}

/* ---- HMDB51 ---------------------------------------------------------------------------- */

/* The lines of one class. */
static vs_err read_hmdb_class(vs_listing *l, const char *root, const char *path, const char *class)
{
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
            vs_listing_add(l, find_video(root, name), name, l->split[part - 1], l->classes);
        }
    }
    const vs_err err = vs_lines_verdict(&lines);
    vs_lines_free(&lines);
    VS_PUSH(l->class_name, l->classes, vs_strdup(class));
    return err;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static vs_err read_hmdb(vs_listing *l, const char *root, const char *annotations, int fold)
{
    char **names, ending[32];
    int n;
    snprintf(ending, sizeof(ending), "_test_split%d.txt", fold);
    VS_TRY(vs_dir_list(annotations, &names, &n));
    char **class = NULL;
    int classes = 0;
    for (int i = 0; i < n; i++) {
        const size_t length = strlen(names[i]), tail = strlen(ending);
        if (length > tail && strcmp(names[i] + length - tail, ending) == 0)
            VS_PUSH(class, classes, vs_strf("%.*s", (int)(length - tail), names[i]));
    }
    vs_names_free(names, n);
    if (classes > 1)               /* sword comes before sword_exercise, its file after */
        qsort(class, (size_t)classes, sizeof(*class), by_bytes);
    vs_err err = VS_OK;
    for (int i = 0; i < classes && err == VS_OK; i++) {
        char *path = vs_strf("%s/%s%s", annotations, class[i], ending);
        err = read_hmdb_class(l, root, path, class[i]);
        free(path);
    }
    vs_names_free(class, classes);
    if (err == VS_OK && l->classes == 0)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: no files named CLASS%s in it", annotations, ending);
    return err == VS_OK ? check_disjoint(l, annotations) : err;
}

vs_err vs_list_hmdb51(vs_listing *out, const char *root, const char *annotations, int fold)
{
    vs_err err = begin(out, root, annotations, fold);
    if (err == VS_OK)
        err = read_hmdb(out, root, annotations, fold);
    if (err != VS_OK)
        vs_listing_free(out);
    return err;
}
