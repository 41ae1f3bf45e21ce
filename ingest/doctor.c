/* vsyn-ingest doctor: a list against the disk and, with --store, against a store; nothing is
 * decoded and nothing is changed. Exit 0: no trouble (notes alone are none); 1: trouble. */
#include "ingest/doctor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "ingest/classes.h"
#include "ingest/ingest.h"
#include "ingest/tree.h"

#define AT(field) offsetof(vs_doctor_settings, field)
const vs_opt vs_doctor_opts[] = {
    { "dataset", VS_OPT_TEXT, AT(add.dataset), .arg = "NAME",
      .help = "ucf101, hmdb51, kinetics400, kinetics600, kinetics700, ssv2: the official lists" },
    { "list", VS_OPT_TEXT, AT(add.list), .arg = "FILE", .help = "a list, as add takes it" },
    { "root", VS_OPT_TEXT, AT(add.root), .arg = "DIR", .help = "where the videos are" },
    { "annotations", VS_OPT_TEXT, AT(add.annotations), .arg = "DIR",
      .help = "folder of the official lists" },
    { "fold", VS_OPT_INT, AT(add.fold), .def = "0", .min = 0, .max = 3, .arg = "N",
      .help = "1, 2 or 3; 0: all that are there" },
    { "store", VS_OPT_TEXT, AT(store), .arg = "STORE", .help = "compare with this store, too" },
    { "name", VS_OPT_TEXT, AT(add.name), .arg = "NAME", .help = "of the data set in the store" },
    { "show", VS_OPT_INT, AT(show), .def = "5", .min = 0, .max = 1000000, .arg = "N",
      .help = "names to print of each kind" },
    VS_OPTS_COMMON(vs_add_settings),
    { 0 }
};

/* Kinds of findings, in the order of the report. */
#define KINDS(X)                                                   \
    X(MISSING, true, "missing on disk")                            \
    X(EMPTY, true, "empty file")                                   \
    X(OTHER_CLASS, true, "in the folder of another class")         \
    X(FAILED, true, "failed in the store")                         \
    X(PARTIAL, true, "partial in the store")                       \
    X(OTHER_LABEL, true, "another label in the store")             \
    X(REPEATED, false, "listed more than once, alike")             \
    X(TWICE, false, "on disk more than once")                      \
    X(UNLISTED, false, "on disk, not in the annotation")           \
    X(NOT_STORED, false, "not in the store yet")                   \
    X(STORED_ONLY, false, "in the store, not in the annotation")
enum kind {
#define X(name, trouble, text) name,
    KINDS(X)
#undef X
    KIND_COUNT
};
static const struct {
    bool trouble;
    const char *text;
} kinds[] = {
#define X(name, trouble, text) { trouble, text },
    KINDS(X)
#undef X
};

struct finding {
    int64_t count;
    char **first;
    int shown;
};

struct doctor {
    const vs_doctor_settings *settings;
    const char *dataset;
    vs_listing l;
    const vs_item **by_name;       /* (files) without the places in other splits */
    bool *stored;                  /* (files) */
    const vs_item **by_path;       /* (files) */
    int files;
    int64_t on_disk;
    struct finding found[KIND_COUNT];
};

static void find(struct doctor *d, enum kind kind, const char *name, const char *why)
{
    struct finding *f = &d->found[kind];
    f->count++;
    if (f->shown < d->settings->show)
        VS_PUSH(f->first, f->shown, why ? vs_strf("%s: %s", name, why) : vs_strdup(name));
}

static int name_order(const void *a, const void *b)
{
    return strcmp((*(const vs_item *const *)a)->name, (*(const vs_item *const *)b)->name);
}

static int path_order(const void *a, const void *b)
{
    return strcmp((*(const vs_item *const *)a)->path, (*(const vs_item *const *)b)->path);
}

static void sort_items(struct doctor *d)
{
    d->by_name = vs_new(sizeof(*d->by_name) * ((size_t)d->l.n + 1));
    d->by_path = vs_new(sizeof(*d->by_path) * ((size_t)d->l.n + 1));
    d->stored = vs_new((size_t)d->l.n + 1);
    for (int i = 0; i < d->l.n; i++)
        if (!d->l.item[i].again) {
            d->by_path[d->files] = &d->l.item[i];
            d->by_name[d->files++] = &d->l.item[i];
        }
    qsort(d->by_name, (size_t)d->files, sizeof(*d->by_name), name_order);
    qsort(d->by_path, (size_t)d->files, sizeof(*d->by_path), path_order);
}

/* ---- The disk ------------------------------------------------------------------------------ */

/* The class that a file's folder is called after; -1: after none. */
static int class_of_folder(const vs_class_index *index, const char *path)
{
    const char *base = vs_path_base(path);
    if (base == path)
        return -1;
    char *folder = vs_strf("%.*s", (int)(base - path - 1), path);
    const int label = vs_class_find(index, vs_path_base(folder));
    free(folder);
    return label;
}

static void check_items(struct doctor *d)
{
    vs_class_index index = { 0 };
    char **names = NULL;
    int n = 0;
    for (int i = 0; d->l.class_name && i < d->l.classes; i++)
        VS_PUSH(names, n, vs_strdup(d->l.class_name[i]));
    vs_class_index_make(&index, names, n);
    for (int i = 0; i < d->files; i++) {
        const vs_item *item = d->by_name[i];
        const int64_t size = vs_file_size(item->path);
        if (size < 0) {
            find(d, MISSING, item->name, NULL);
            continue;
        }
        if (size == 0)
            find(d, EMPTY, item->path, NULL);
        const int label = item->label >= 0 ? class_of_folder(&index, item->path) : -1;
        if (label >= 0 && label != item->label)
            find(d, OTHER_CLASS, item->path, d->l.class_name[item->label]);
    }
    vs_class_index_free(&index);
}

static vs_err check_tree(struct doctor *d, const char *root)
{
    vs_tree tree;
    vs_tree_init(&tree, root);
    const vs_err err = vs_tree_scan(&tree);
    d->on_disk = tree.n;
    for (int i = 0; i < tree.n && err == VS_OK; i++) {
        const vs_tree_file *f = &tree.file[i];
        char *path = vs_path_join(root, f->path);
        const vs_item key = { .path = path }, *at = &key;
        const bool listed = bsearch(&at, d->by_path, (size_t)d->files, sizeof(*d->by_path),
                                    path_order) != NULL;
        int count;
        if (vs_tree_stem(&tree, f->stem, f->stem_length, &count) < i)
            find(d, TWICE, f->path, tree.file[i - 1].path);
        else if (!listed && count == 1)
            find(d, UNLISTED, f->path, NULL);
        free(path);
    }
    vs_tree_free(&tree);
    return err;
}

/* ---- The store ------------------------------------------------------------------------------ */

/* The place of a name among the files, or -1. */
static int place_of(const struct doctor *d, const char *name)
{
    const vs_item key = { .name = (char *)name }, *at = &key;
    const vs_item **hit = bsearch(&at, d->by_name, (size_t)d->files, sizeof(*d->by_name),
                                  name_order);
    return hit ? (int)(hit - d->by_name) : -1;
}

static void see_clip(void *ctx, const vs_row_info *row)
{
    struct doctor *d = ctx;
    if (strcmp(row->set, d->dataset) != 0)
        return;
    const int at = place_of(d, row->name);
    if (at < 0) {
        find(d, STORED_ONLY, row->name, NULL);
        return;
    }
    if (d->stored[at])             /* its place in another split */
        return;
    d->stored[at] = true;
    if (row->note)
        find(d, PARTIAL, row->name, row->note);
    if (row->split && row->label != d->by_name[at]->label)
        find(d, OTHER_LABEL, row->name, NULL);
}

static void see_failure(void *ctx, const vs_failure_info *row)
{
    struct doctor *d = ctx;
    const int at = strcmp(row->set, d->dataset) == 0 ? place_of(d, row->name) : -1;
    if (at < 0)
        return;
    d->stored[at] = true;
    find(d, FAILED, row->name, row->reason);
}

static vs_err check_store(struct doctor *d)
{
    vs_store *store;
    VS_TRY(vs_store_open(&store, d->settings->store));
    vs_err err = vs_store_each_row(store, NULL, see_clip, d);
    if (err == VS_OK)
        err = vs_store_each_failure(store, see_failure, d);
    for (int i = 0; i < d->files && err == VS_OK; i++)
        if (!d->stored[i])
            find(d, NOT_STORED, d->by_name[i]->name, NULL);
    vs_store_close(&store);
    return err;
}

/* ---- The report ------------------------------------------------------------------------------ */

static void print_json(const struct doctor *d, int64_t trouble)
{
    json_t *list = json_array();
    for (int k = 0; k < KIND_COUNT; k++) {
        json_t *first = json_array();
        for (int i = 0; i < d->found[k].shown; i++)
            json_array_append_new(first, vs_name_json(d->found[k].first[i]));
        json_array_append_new(list, json_pack("{s:s, s:b, s:I, s:o}", "kind", kinds[k].text,
                                              "trouble", kinds[k].trouble, "count",
                                              (json_int_t)d->found[k].count, "first", first));
    }
    vs_json_print(json_pack("{s:i, s:i, s:I, s:I, s:o}", "listed", d->files, "classes",
                            d->l.classes, "on_disk", (json_int_t)d->on_disk, "trouble",
                            (json_int_t)trouble, "kinds", list));
}

static void print_text(const struct doctor *d)
{
    printf("annotation: %d files, %d classes\n", d->files, d->l.classes);
    for (size_t s = 0; s < sizeof(d->l.split) / sizeof(*d->l.split); s++) {
        int n = 0;
        for (int i = 0; i < d->l.n; i++)
            n += d->l.item[i].split == d->l.split[s];
        if (n > 0)
            printf("  split %-10s %8d\n", d->l.split[s], n);
    }
    for (int k = 0; k < KIND_COUNT; k++) {
        const struct finding *f = &d->found[k];
        if (f->count > 0)
            printf("%-8s %8" PRId64 "  %s\n", kinds[k].trouble ? "trouble" : "note", f->count,
                   kinds[k].text);
        for (int i = 0; i < f->shown; i++)
            printf("                   %s\n", f->first[i]);
        if (f->count > f->shown && f->shown > 0)
            printf("                   ...\n");
    }
}

static vs_err report(const struct doctor *d)
{
    int64_t trouble = 0;
    for (int k = 0; k < KIND_COUNT; k++)
        trouble += kinds[k].trouble ? d->found[k].count : 0;
    if (d->settings->add.common.json)
        print_json(d, trouble);
    else
        print_text(d);
    if (trouble > 0)
        return VS_FAIL(VS_ERR_CORRUPT, "%" PRId64 " findings of trouble, %d files are listed",
                       trouble, d->files);
    if (!d->settings->add.common.json)
        printf("no trouble\n");
    return VS_OK;
}

vs_err vs_command_doctor(vs_call *call)
{
    const vs_doctor_settings *s = call->settings;
    VS_TRY(vs_add_check(call, &s->add));
    struct doctor d = { .settings = s };
    VS_TRY(vs_add_listing(&d.l, &s->add));
    char *name = vs_add_name(&s->add);
    d.dataset = name;
    d.found[REPEATED].count = d.l.repeated;
    sort_items(&d);
    check_items(&d);
    vs_err err = s->add.root ? check_tree(&d, s->add.root) : VS_OK;
    if (err == VS_OK && s->store)
        err = check_store(&d);
    if (err == VS_OK)
        err = report(&d);
    for (int k = 0; k < KIND_COUNT; k++)
        vs_names_free(d.found[k].first, d.found[k].shown);
    free(d.by_name);
    free(d.by_path);
    free(d.stored);
    free(name);
    vs_listing_free(&d.l);
    return err;
}
