/* Lists and manifest of an exported set. Layout: export.h
 *
 *     ucf101     classInd.txt, testlist0N.txt and trainlist0N.txt (one of them empty)
 *     hmdb51     CLASS_test_splitN.txt
 *     kinetics   test.csv, val.csv or train.csv with the columns of the official tables
 *     ssv2       validation.json, train.json or test.json, and labels.json
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/version.h"
#include "eval/export.h"

char *vs_export_folder(const char *out, const vs_cell_plan *cell)
{
    return vs_strf("%s/%s/%d", out, cell->corruption ? cell->corruption->name : "clean",
                   cell->severity);
}

/* Waits while another run writes lists, which is short. */
static vs_err lock_folder(int *fd, const char *out)
{
    char *path = vs_path_join(out, ".lock");
    vs_err err = vs_lock_take(fd, path);
    for (int tries = 0; err != VS_OK && vs_path_exists(path) && tries < 600; tries++) {
        usleep(50 * 1000);
        err = vs_lock_take(fd, path);
    }
    free(path);
    return err;
}

/* ---- list.csv ------------------------------------------------------------------------------- */

static vs_err write_list(const char *out, const vs_export_set *set, const vs_cell_plan *cell)
{
    char *folder = vs_export_folder(out, cell), *path = vs_path_join(folder, "list.csv");
    vs_atomic a = { 0 };
    vs_err err = vs_path_is_dir(folder) ? vs_atomic_open(&a, path) : VS_OK;
    for (int i = 0; a.f && i < set->n; i++) {
        char *file = vs_path_join(folder, set->item[i].out);
        if (vs_path_exists(file) && set->item[i].label >= 0)
            fprintf(a.f, "%s %d\n", set->item[i].out, set->item[i].label);
        else if (vs_path_exists(file))
            fprintf(a.f, "%s\n", set->item[i].out);
        free(file);
    }
    if (a.f)
        err = vs_atomic_commit(&a);
    free(folder);
    free(path);
    return err;
}

/* ---- Lists of the authors ------------------------------------------------------------------- */

typedef void lines_fn(FILE *f, const vs_export_set *set, int label);

/* NAME in the folder, written by `lines`; label: what it is about. Takes over the name. */
static vs_err write_lines(const char *folder, char *name, const vs_export_set *set, int label,
                          lines_fn *lines)
{
    char *path = vs_path_join(folder, name);
    vs_atomic a;
    vs_err err = vs_atomic_open(&a, path);
    if (err == VS_OK) {
        lines(a.f, set, label);
        err = vs_atomic_commit(&a);
    }
    free(path);
    free(name);
    return err;
}

static void class_lines(FILE *f, const vs_export_set *set, int label)
{
    for (int i = 0; i < set->classes; i++)
        fprintf(f, "%s\n", set->class_name[i]);
}

static void class_ind(FILE *f, const vs_export_set *set, int label)
{
    for (int i = 0; i < set->classes; i++)
        fprintf(f, "%d %s\n", i + 1, set->class_name[i]);
}

static void ucf101_lines(FILE *f, const vs_export_set *set, int label)
{
    for (int i = 0; i < set->n; i++)
        if (strcmp(set->part, "train") == 0)
            fprintf(f, "%s %d\n", set->item[i].out, set->item[i].label + 1);
        else
            fprintf(f, "%s\n", set->item[i].out);
}

static void no_lines(FILE *f, const vs_export_set *set, int label)
{
}

static void hmdb51_lines(FILE *f, const vs_export_set *set, int label)
{
    for (int i = 0; i < set->n; i++)
        if (set->item[i].label == label)
            fprintf(f, "%s %d\n", vs_path_base(set->item[i].out),
                    strcmp(set->part, "train") == 0 ? 1 : 2);
}

/* ID_SSSSSS_EEEEEE, with what cannot be read from the name left empty. */
static void kinetics_lines(FILE *f, const vs_export_set *set, int label)
{
    fprintf(f, "label,youtube_id,time_start,time_end,split\n");
    for (int i = 0; i < set->n; i++) {
        const char *base = vs_path_base(set->item[i].out);
        const int stem = (int)(strlen(base) - strlen(vs_path_ext(base))) - 1;
        int start, end, used = 0;
        const bool timed = stem > 14 && sscanf(base + stem - 14, "_%6d_%6d%n", &start, &end,
                                               &used) == 2 && used == 14;
        const int label_of = set->item[i].label;
        fprintf(f, "\"%s\",%.*s,", label_of >= 0 ? set->class_name[label_of] : "",
                timed ? stem - 14 : stem, base);
        if (timed)
            fprintf(f, "%d,%d,", start, end);
        else
            fprintf(f, ",,");
        fprintf(f, "%s\n", strcmp(set->part, "val") == 0 ? "validate" : set->part);
    }
}

static vs_err write_ssv2(const char *folder, const vs_export_set *set)
{
    json_t *list = json_array(), *labels = json_object();
    char number[16];
    for (int i = 0; i < set->n; i++) {
        const char *base = vs_path_base(set->item[i].out);
        const int stem = (int)(strlen(base) - strlen(vs_path_ext(base))) - 1;
        const int l = set->item[i].label;
        json_t *row = json_pack("{ss%}", "id", base, (size_t)stem);
        if (l >= 0)
            json_object_update_new(row, json_pack("{ss ss s[]}", "label", set->class_name[l],
                                                  "template", set->class_name[l], "placeholders"));
        json_array_append_new(list, row);
    }
    for (int i = 0; i < set->classes; i++) {
        snprintf(number, sizeof(number), "%d", i);
        json_object_set_new(labels, set->class_name[i], json_string(number));
    }
    char *name = vs_strf("%s.json", strcmp(set->part, "val") == 0 ? "validation" : set->part);
    char *path = vs_path_join(folder, name), *other = vs_path_join(folder, "labels.json");
    vs_err err = vs_json_save(path, list);
    if (err == VS_OK)
        err = vs_json_save(other, labels);
    else
        json_decref(labels);
    free(name);
    free(path);
    free(other);
    return err;
}

static vs_err write_layout(const char *folder, const vs_export_set *set)
{
    const bool train = strcmp(set->part, "train") == 0;
    const char *part = train ? "train" : "test";
    vs_err err = VS_OK;
    if (strcmp(set->layout, "ucf101") == 0) {
        err = write_lines(folder, vs_strdup("classInd.txt"), set, 0, class_ind);
        if (err == VS_OK)
            err = write_lines(folder, vs_strf("%slist%02d.txt", part, set->fold), set, 0,
                              ucf101_lines);
        if (err == VS_OK)          /* readers want both parts of a fold */
            err = write_lines(folder, vs_strf("%slist%02d.txt", train ? "test" : "train",
                                              set->fold), set, 0, no_lines);
    } else if (strcmp(set->layout, "hmdb51") == 0) {
        for (int i = 0; i < set->classes && err == VS_OK; i++)
            err = write_lines(folder, vs_strf("%s_test_split%d.txt", set->class_name[i], set->fold),
                              set, i, hmdb51_lines);
    } else if (strcmp(set->layout, "kinetics") == 0) {
        err = write_lines(folder, vs_strf("%s.csv", set->part), set, 0, kinetics_lines);
    } else if (strcmp(set->layout, "ssv2") == 0) {
        err = write_ssv2(folder, set);
    }
    return err;
}

static vs_err write_annotations(const char *out, const vs_export_set *set)
{
    char *folder = vs_path_join(out, "annotations");
    vs_err err = set->class_name ? vs_dir_make(folder) : VS_OK;
    if (err == VS_OK && set->class_name)
        err = write_lines(folder, vs_strdup("classes.txt"), set, 0, class_lines);
    if (err == VS_OK && set->class_name)
        err = write_layout(folder, set);
    free(folder);
    return err;
}

vs_err vs_export_lists(const char *out, const vs_export_set *set, const vs_cell_plan *cell,
                       int cells)
{
    int lock = -1;
    VS_TRY(lock_folder(&lock, out));
    vs_err err = write_annotations(out, set);
    for (int i = 0; i < cells && err == VS_OK; i++)
        err = write_list(out, set, &cell[i]);
    vs_lock_release(&lock);
    return err;
}

/* ---- manifest.json -------------------------------------------------------------------------- */

static vs_err disagreement(const char *path, const char *key, const json_t *was, const json_t *now)
{
    char *a = was ? json_dumps(was, JSON_ENCODE_ANY) : NULL;
    char *b = now ? json_dumps(now, JSON_ENCODE_ANY) : NULL;
    const vs_err err = VS_FAIL(VS_ERR_CORRUPT, "%s: this set was made with %s %s, not %s; use the "
                               "same or another --out", path, key, a ? a : "(none)",
                               b ? b : "(none)");
    free(a);
    free(b);
    return err;
}

static vs_err compare(const char *path, const json_t *settings)
{
    json_t *old, *now = (json_t *)(uintptr_t)settings, *value;
    const char *key;
    vs_err err = vs_json_load(&old, path);
    VS_TRY(err);
    json_object_foreach(now, key, value)
        if (err == VS_OK && strcmp(key, "version") != 0 &&
            !json_equal(value, json_object_get(old, key)))
            err = disagreement(path, key, json_object_get(old, key), value);
    json_decref(old);
    return err;
}

vs_err vs_export_manifest(const char *out, json_t *settings)
{
    char *path = vs_path_join(out, "manifest.json");
    int lock = -1;
    json_object_set_new(settings, "tool", json_string("vsyn-robust export"));
    json_object_set_new(settings, "version", json_string(VS_VERSION));
    vs_err err = lock_folder(&lock, out);
    if (err == VS_OK && vs_path_exists(path))
        err = compare(path, settings);
    else if (err == VS_OK)
        err = vs_json_save(path, json_incref(settings));
    vs_lock_release(&lock);
    json_decref(settings);
    free(path);
    return err;
}
