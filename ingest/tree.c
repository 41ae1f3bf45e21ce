/* Finding the files of a list in a folder. Contract: ingest/tree.h */
#include "ingest/tree.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "ingest/frames.h"

#define DEPTH 4

bool vs_is_video(const char *name)
{
    static const char *const endings[] = {
        "avi", "mp4", "mkv", "webm", "mov", "m4v", "mpg", "mpeg", "wmv", "flv", "ts", "ogv",
        "3gp", "asf", "gif"
    };
    const char *ext = vs_path_ext(name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
        if (strcasecmp(ext, endings[i]) == 0)
            return true;
    return false;
}

void vs_tree_init(vs_tree *disk, const char *root)
{
    *disk = (vs_tree){ .root = vs_strdup(root) };
}

void vs_tree_free(vs_tree *disk)
{
    for (int i = 0; i < disk->n; i++)
        free(disk->file[i].path);
    free(disk->file);
    free(disk->used);
    free(disk->root);
    *disk = (vs_tree){ 0 };
}

/* Length of a name without its ending, when that is one of a video. */
static int stem_length(const char *name)
{
    const size_t n = strlen(name);
    return (int)(vs_is_video(name) ? n - strlen(vs_path_ext(name)) - 1 : n);
}

static void add_file(vs_tree *disk, char *path)
{
    const char *stem = vs_path_base(path);
    const vs_tree_file file = { path, stem, stem_length(stem) };
    VS_PUSH(disk->file, disk->n, file);
}

static vs_err walk(vs_tree *disk, const char *below, int depth)
{
    char *dir = *below ? vs_path_join(disk->root, below) : vs_strdup(disk->root), **names = NULL;
    int n = 0;
    vs_err err = vs_dir_list(dir, &names, &n);
    for (int i = 0; i < n && err == VS_OK; i++) {
        char *path = *below ? vs_path_join(below, names[i]) : vs_strdup(names[i]);
        char *full = vs_path_join(disk->root, path);
        const bool hidden = names[i][0] == '.';
        if (!hidden && vs_is_video(names[i]) && !vs_path_is_dir(full)) {
            add_file(disk, path);
            path = NULL;
        } else if (!hidden && vs_path_is_dir(full) && vs_is_frames(full)) {
            add_file(disk, path);
            path = NULL;
        } else if (!hidden && depth < DEPTH && vs_path_is_dir(full)) {
            err = walk(disk, path, depth + 1);
        }
        free(full);
        free(path);
    }
    vs_names_free(names, n);
    free(dir);
    return err;
}

static int compare_stems(const char *a, int n, const char *b, int m)
{
    const int c = strncmp(a, b, (size_t)(n < m ? n : m));
    return c ? c : n - m;
}

static int by_stem(const void *a, const void *b)
{
    const vs_tree_file *x = a, *y = b;
    const int c = compare_stems(x->stem, x->stem_length, y->stem, y->stem_length);
    return c ? c : strcmp(x->path, y->path);
}

vs_err vs_tree_scan(vs_tree *disk)
{
    if (disk->scanned)
        return VS_OK;
    disk->scanned = true;
    VS_TRY(walk(disk, "", 0));
    if (disk->n > 1)
        qsort(disk->file, (size_t)disk->n, sizeof(*disk->file), by_stem);
    disk->used = vs_new((size_t)disk->n + 1);
    return VS_OK;
}

int vs_tree_stem(const vs_tree *disk, const char *stem, int n, int *count)
{
    int lo = 0, hi = disk->n;
    while (lo < hi) {
        const int mid = lo + (hi - lo) / 2;
        const vs_tree_file *f = &disk->file[mid];
        if (compare_stems(f->stem, f->stem_length, stem, n) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *count = 0;
    while (lo + *count < disk->n && disk->file[lo + *count].stem_length == n &&
           strncmp(disk->file[lo + *count].stem, stem, (size_t)n) == 0)
        (*count)++;
    return *count > 0 ? lo : -1;
}

/* How well a file's folders fit what the list says. */
static int fitness(const char *path, const char *name, const char *split)
{
    const char *slash = strrchr(name, '/');
    char *class = slash ? vs_strf("%.*s/", (int)(slash - name), name) : NULL;
    const int fit = (strstr(path, "replacement") ? 4 : 0) +
                    (class && strstr(path, class) ? 2 : 0) + (split && strstr(path, split) ? 1 : 0);
    free(class);
    return fit;
}

static char *pick(vs_tree *disk, const char *stem, int n, const char *name, const char *split)
{
    int count, best = -1, best_fit = -1;
    const int first = vs_tree_stem(disk, stem, n, &count);
    for (int i = first; count > 0 && i < first + count; i++) {
        const int fit = fitness(disk->file[i].path, name, split);
        if (fit > best_fit) {
            best = i;
            best_fit = fit;
        }
    }
    if (best < 0)
        return NULL;
    disk->used[best] = true;
    return vs_path_join(disk->root, disk->file[best].path);
}

char *vs_tree_find(vs_tree *disk, const char *name, const char *split, const char *other_stem)
{
    char *path = vs_path_join(disk->root, name);
    const char *base = vs_path_base(name);
    if (!disk->scanned && vs_path_exists(path))
        return path;
    if (vs_tree_scan(disk) != VS_OK)
        return path;
    char *found = pick(disk, base, stem_length(base), name, split);
    if (!found && other_stem)
        found = pick(disk, other_stem, (int)strlen(other_stem), name, split);
    if (!found)
        return path;
    free(path);
    return found;
}
