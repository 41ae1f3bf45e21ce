/* One folder per class: DIR/class/video.mp4, or DIR/class/clip/img_00001.jpg. Files with other
 * endings are passed over. */
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "ingest/frames.h"
#include "ingest/tree.h"
#include "ingest/ingest.h"

/* Sort key of a file: a draw from (seed, its name), the same whatever lies beside it. */
struct draw {
    uint64_t key;
    int i;
};

static int by_key(const void *a, const void *b)
{
    const struct draw *x = a, *y = b;
    return x->key != y->key ? (x->key < y->key ? -1 : 1) : x->i - y->i;
}

/* Items first .. end-1 are a class: of those to be chosen the lowest keys become the test part. */
static void choose_test(const char **split, const vs_listing *l, int first, int end)
{
    const int n = end - first;
    int test = (int)(l->test_share * n + 0.5), open = 0;
    test = l->test_share <= 0 || n < 2 ? 0 : test < 1 ? 1 : test > n - 1 ? n - 1 : test;
    struct draw *draw = vs_new(sizeof(*draw) * (size_t)n);
    for (int i = first; i < end; i++) {
        const char *name = l->item[i].name;
        vs_rng r = vs_rng_at(l->seed, VS_RNG_SHUFFLE, vs_checksum(name, strlen(name)));
        if (split[i])
            test -= strcmp(split[i], l->split[1]) == 0;
        else
            draw[open++] = (struct draw){ vs_rng_u64(&r), i };
    }
    qsort(draw, (size_t)open, sizeof(*draw), by_key);
    for (int i = 0; i < open; i++)
        split[draw[i].i] = l->split[i < test ? 1 : 0];
    free(draw);
}

void vs_list_shares(const char **split, const vs_listing *l)
{
    for (int i = 0, end; i < l->n; i = end) {
        for (end = i + 1; end < l->n && l->item[end].label == l->item[i].label;)
            end++;
        choose_test(split, l, i, end);
    }
}

/* The videos of one sub-folder; *others counts the files passed over. */
static vs_err add_class(vs_listing *l, const char *path, const char *name, int *others)
{
    char *class = vs_path_join(path, name), **files = NULL;
    int n = 0;
    const int before = l->n;
    const vs_err err = vs_dir_list(class, &files, &n);
    for (int i = 0; i < n; i++) {
        char *full = vs_path_join(class, files[i]);
        const bool dir = vs_path_is_dir(full);
        if (files[i][0] != '.' && (dir ? vs_is_frames(full) : vs_is_video(files[i]))) {
            vs_listing_add(l, full, vs_strf("%s/%s", name, files[i]), l->split[0], l->classes);
        } else {
            *others += files[i][0] != '.';
            free(full);
        }
    }
    if (l->n > before)
        VS_PUSH(l->class_name, l->classes, vs_strdup(name));
    else if (err == VS_OK)
        vs_warn("%s: no videos in it, not taken as a class", class);
    vs_names_free(files, n);
    free(class);
    return err;
}

static vs_err walk(vs_listing *out, const char *path)
{
    char **names;
    int n, others = 0, loose = 0;
    VS_TRY(vs_dir_list(path, &names, &n));
    vs_err err = VS_OK;
    for (int i = 0; i < n && err == VS_OK; i++) {
        char *dir = vs_path_join(path, names[i]);
        if (names[i][0] != '.' && vs_path_is_dir(dir))
            err = add_class(out, path, names[i], &others);
        else
            loose += vs_is_video(names[i]);
        free(dir);
    }
    vs_names_free(names, n);
    VS_TRY(err);
    if (out->n == 0)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no videos in sub-folders (%d lie in it directly); "
                       "expected one sub-folder per class, or --unlabelled", path, loose);
    if (loose + others > 0)
        vs_say("%s: %d files are not videos of a class and are left out", path, loose + others);
    return VS_OK;
}

vs_err vs_list_folder(vs_listing *out, const char *path, double test_share, uint64_t seed)
{
    *out = (vs_listing){ .split = { vs_strdup("train"), vs_strdup("test") },
                         .keep_split = true, .test_share = test_share, .seed = seed };
    vs_err err = vs_path_is_dir(path) ? walk(out, path)
                                      : VS_FAIL(VS_ERR_IO, "%s: no such folder", path);
    const char **split = vs_new(sizeof(*split) * ((size_t)out->n + 1));
    vs_list_shares(split, out);
    for (int i = 0; i < out->n; i++)
        out->item[i].split = split[i];
    free(split);
    if (err != VS_OK)
        vs_listing_free(out);
    return err;
}

vs_err vs_list_tree(vs_listing *out, const char *path)
{
    *out = (vs_listing){ .split = { vs_strdup("train") } };
    vs_tree tree;
    vs_tree_init(&tree, path);
    vs_err err = vs_path_is_dir(path) ? vs_tree_scan(&tree)
                                      : VS_FAIL(VS_ERR_IO, "%s: no such folder", path);
    for (int i = 0; i < tree.n; i++)
        vs_listing_add(out, vs_path_join(path, tree.file[i].path), vs_strdup(tree.file[i].path),
                       out->split[0], -1);
    if (err == VS_OK && out->n == 0)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: no videos in it", path);
    vs_tree_free(&tree);
    if (err != VS_OK)
        vs_listing_free(out);
    return err;
}
