/* The files of a set beside its videos: manifest.json, annotations.csv, lists of classes. */
#include "gen/set_files.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/version.h"
#include "gen/scene/truth.h"

char *vs_set_video_path(const char *out, int64_t i)
{
    return vs_strf("%s/videos/%07lld.mp4", out, (long long)i);
}

char *vs_set_scene_path(const char *out, int64_t i)
{
    return vs_strf("%s/scenes/%07lld.json", out, (long long)i);
}

char *vs_set_truth_stem(const char *out, int64_t i)
{
    return vs_strf("%s/truth/%07lld", out, (long long)i);
}

static vs_err make_folder(const char *out, const char *name)
{
    char *path = vs_path_join(out, name);
    const vs_err err = vs_dir_make(path);
    if (err == VS_OK)
        vs_tmp_clean(path);
    free(path);
    return err;
}

vs_err vs_set_folders(const vs_set *set)
{
    VS_TRY(make_folder(set->out, "videos"));
    if (set->dump)
        VS_TRY(make_folder(set->out, "scenes"));
    if (set->truth)
        VS_TRY(make_folder(set->out, "truth"));
    vs_tmp_clean(set->out);
    return VS_OK;
}

/* Held while manifest.json or annotations.csv is read and replaced, so that two shards
 * that end together do not undo each other. Short: who finds it taken waits. */
static vs_err lock_folder(int *fd, const char *out)
{
    char *path = vs_path_join(out, ".lock");
    vs_err err = vs_lock_take(fd, path);
    for (int tries = 0; err != VS_OK && vs_path_exists(path) && tries < 200; tries++) {
        usleep(50 * 1000);
        err = vs_lock_take(fd, path);
    }
    free(path);
    return err;
}

/* ---- manifest.json ----------------------------------------------------------------------- */

static vs_err disagreement(const char *path, const char *name, const json_t *was,
                           const json_t *now)
{
    char *a = was ? json_dumps(was, JSON_ENCODE_ANY) : NULL;
    char *b = now ? json_dumps(now, JSON_ENCODE_ANY) : NULL;
    const vs_err err = VS_FAIL(VS_ERR_CORRUPT,
                               "%s: this set was made with %s %s, not %s; use the same or "
                               "another --out", path, name, a ? a : "(none)", b ? b : "(none)");
    free(a);
    free(b);
    return err;
}

/* The first parameter in which two objects differ. */
static vs_err compare(const char *path, json_t *was, json_t *now)
{
    const char *name;
    json_t *v;
    json_object_foreach(now, name, v)
        if (!json_equal(v, json_object_get(was, name)))
            return disagreement(path, name, json_object_get(was, name), v);
    json_object_foreach(was, name, v)
        if (!json_object_get(now, name))
            return disagreement(path, name, v, NULL);
    return VS_OK;
}

/* The range grows to what every run so far asked for. */
static void widen(const json_t *old, int64_t *first, int64_t *end)
{
    int64_t a, n;
    if (vs_json_int(&a, old, "first", "") != VS_OK || vs_json_int(&n, old, "videos", "") != VS_OK)
        return;
    *first = a < *first ? a : *first;
    *end = a + n > *end ? a + n : *end;
}

static vs_err check_manifest(const char *path, const vs_set *set, const json_t *old)
{
    const char *kind, *version;
    json_t *parameters = json_object_get(old, "parameters");
    VS_TRY(vs_json_text(&kind, old, "kind", path));
    VS_TRY(vs_json_text(&version, old, "version", path));
    if (strcmp(kind, set->kind) != 0)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: this set is of %s, not %s; use another --out", path,
                       kind, set->kind);
    if (!json_is_object(parameters))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: parameters: expected a JSON object", path);
    if (strcmp(version, VS_VERSION) != 0)
        vs_warn("%s: begun by version %s, this is %s", path, version, VS_VERSION);
    return compare(path, parameters, set->parameters);
}

/* Kinds of ground truth that earlier runs wrote. */
static vs_err known_truth(unsigned *kinds, const json_t *old, const char *path)
{
    const char *text;
    unsigned known;
    if (!json_object_get(old, "truth"))
        return VS_OK;
    VS_TRY(vs_json_text(&text, old, "truth", path));
    if (vs_truth_parse(&known, text) != VS_OK)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: truth: expected some of masks,flow,tracks, got \"%s\"",
                       path, text);
    *kinds |= known;
    return VS_OK;
}

static vs_err update_manifest(const char *path, const vs_set *set)
{
    int64_t first = set->first, end = set->first + set->videos;
    unsigned truth = set->truth;
    char kinds[32];
    json_t *old = NULL;
    if (vs_path_exists(path)) {
        VS_TRY(vs_json_load(&old, path));
        vs_err err = check_manifest(path, set, old);
        if (err == VS_OK)
            err = known_truth(&truth, old, path);
        if (err == VS_OK)
            widen(old, &first, &end);
        json_decref(old);
        VS_TRY(err);
    }
    json_t *manifest = json_pack("{s:s, s:s, s:s, s:O, s:I, s:I}", "tool", "vsyn-gen", "version",
                                 VS_VERSION, "kind", set->kind, "parameters", set->parameters,
                                 "first", (json_int_t)first, "videos", (json_int_t)(end - first));
    if (truth)
        json_object_set_new(manifest, "truth", json_string(vs_truth_text(kinds, truth)));
    return vs_json_save(path, manifest);
}

vs_err vs_set_manifest(const vs_set *set)
{
    int fd;
    VS_TRY(lock_folder(&fd, set->out));
    char *path = vs_path_join(set->out, "manifest.json");
    const vs_err err = update_manifest(path, set);
    free(path);
    vs_lock_release(&fd);
    return err;
}

/* ---- Lists ------------------------------------------------------------------------------- */

/* "0000012.mp4" -> 12; -1 for any other name. */
static int64_t number_of(const char *name)
{
    char *end;
    const long long i = strtoll(name, &end, 10);
    return name[0] >= '0' && name[0] <= '9' && strcmp(end, ".mp4") == 0 ? i : -1;
}

static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Numbers of the videos in the folder, ascending; the caller frees *list. */
static vs_err list_videos(int64_t **list, int *n, const char *out)
{
    char *dir = vs_path_join(out, "videos"), **names;
    int files;
    const vs_err err = vs_dir_list(dir, &names, &files);
    free(dir);
    VS_TRY(err);
    *list = vs_new(sizeof(**list) * (size_t)(files + 1));
    *n = 0;
    for (int k = 0; k < files; k++)
        if (number_of(names[k]) >= 0)
            (*list)[(*n)++] = number_of(names[k]);
    vs_names_free(names, files);
    qsort(*list, (size_t)*n, sizeof(**list), by_number);
    return VS_OK;
}

typedef bool keep_fn(int64_t i, int classes);

/* "videos/0000012.mp4 LABEL" of every video that `keep` wants (NULL: all). */
static vs_err write_list(const char *out, const char *name, const vs_drawer *drawer,
                         keep_fn *keep, int classes)
{
    int64_t *list;
    int n;
    VS_TRY(list_videos(&list, &n, out));
    char *path = vs_path_join(out, name);
    vs_atomic a;
    vs_err err = vs_atomic_open(&a, path);
    if (err == VS_OK) {
        for (int k = 0; k < n; k++)
            if (!keep || keep(list[k], classes))
                fprintf(a.f, "videos/%07lld.mp4 %d\n", (long long)list[k],
                        drawer->label ? drawer->label(drawer->ctx, (uint64_t)list[k]) : 0);
        err = vs_atomic_commit(&a);
    }
    free(path);
    free(list);
    return err;
}

vs_err vs_set_annotations(const vs_set *set)
{
    int fd;
    VS_TRY(lock_folder(&fd, set->out));
    const vs_err err = write_list(set->out, "annotations.csv", &set->drawer, NULL, 0);
    vs_lock_release(&fd);
    return err;
}

/* Videos come in rounds of one per class; every fifth round, from the second on, is for
 * testing. So both lists are balanced, and a longer set keeps the lists of a shorter one. */
bool vs_set_is_test(int64_t i, int classes)
{
    return i / classes % 5 == 1;
}

static bool is_train(int64_t i, int classes)
{
    return !vs_set_is_test(i, classes);
}

vs_err vs_set_lists(const char *out, const vs_drawer *drawer)
{
    const int classes = drawer->classes;
    VS_TRY(write_list(out, "train.csv", drawer, is_train, classes));
    VS_TRY(write_list(out, "test.csv", drawer, vs_set_is_test, classes));
    char *path = vs_path_join(out, "classes.txt");
    vs_atomic a;
    vs_err err = vs_atomic_open(&a, path);
    if (err == VS_OK) {
        for (int k = 0; k < classes; k++)
            fprintf(a.f, "%s\n", drawer->class_name[k]);
        err = vs_atomic_commit(&a);
    }
    free(path);
    return err;
}
