/* Names and lists of a store that is turned back into files. Rules: ingest/unpack.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "ingest/tree.h"
#include "ingest/unpack.h"

/* A name that stays below the folder it is put in: no empty parts, none of dots alone. */
static char *safe_path(const char *name)
{
    char *out = vs_new(strlen(name) * 2 + 2), *to = out;
    while (*name) {
        const size_t n = strcspn(name, "/");
        const bool dots = strspn(name, ".") >= n;
        if (n > 0) {
            if (to > out)
                *to++ = '/';
            for (size_t i = 0; i < n; i++)
                *to++ = dots || (unsigned char)name[i] < ' ' ? '_' : name[i];
        }
        name += n + (name[n] == '/');
    }
    if (to == out)
        *to++ = '_';
    return out;
}

static char *path_of(const char *name)
{
    char *path = safe_path(name), *base = (char *)vs_path_base(path);
    if (vs_is_video(base) && strrchr(base, '.') > base)
        *strrchr(base, '.') = 0;
    return path;
}

static int set_of(vs_unpack_plan *plan, const char *set)
{
    for (int i = 0; i < plan->sets; i++)
        if (strcmp(plan->set[i], set) == 0)
            return i;
    VS_PUSH(plan->set, plan->sets, vs_strdup(set));
    return plan->sets - 1;
}

struct gather {
    vs_unpack_plan *plan;
    int *set;                      /* (n) of each clip */
};

/* Rows come by id; a clip has one per split. */
static void take_row(void *ctx, const vs_row_info *i)
{
    struct gather *g = ctx;
    vs_unpack_plan *plan = g->plan;
    if (plan->n > 0 && plan->clip[plan->n - 1].id == i->id)
        return;
    const vs_unpack_clip clip = { .id = i->id, .path = path_of(i->name), .frames = i->frames };
    int n = plan->n;
    VS_PUSH(g->set, n, set_of(plan, i->set));
    VS_PUSH(plan->clip, plan->n, clip);
}

static char *set_folder(const vs_unpack_plan *plan, int set)
{
    char *name = safe_path(plan->set[set]);
    for (char *p = name; *p; p++)
        *p = *p == '/' ? '_' : *p;
    return name;
}

static int by_path(const void *a, const void *b)
{
    const vs_unpack_clip *x = *(vs_unpack_clip *const *)a, *y = *(vs_unpack_clip *const *)b;
    const int c = strcmp(x->path, y->path);
    return c ? c : (x->id > y->id) - (x->id < y->id);
}

/* The clip that came first keeps the name, whatever is added later. */
static void tell_apart(vs_unpack_plan *plan)
{
    vs_unpack_clip **order = vs_new(sizeof(*order) * ((size_t)plan->n + 1));
    for (int i = 0; i < plan->n; i++)
        order[i] = &plan->clip[i];
    qsort(order, (size_t)plan->n, sizeof(*order), by_path);
    for (int i = plan->n - 1; i > 0; i--)
        if (strcmp(order[i]->path, order[i - 1]->path) == 0) {
            char *path = vs_strf("%s-%lld", order[i]->path, (long long)order[i]->id);
            free(order[i]->path);
            order[i]->path = path;
        }
    free(order);
}

vs_err vs_unpack_plan_make(vs_unpack_plan *out, vs_store *store, const char *split)
{
    *out = (vs_unpack_plan){ 0 };
    struct gather g = { .plan = out };
    const vs_err err = vs_store_each_row(store, split, take_row, &g);
    for (int i = 0; i < out->n && out->sets > 1; i++) {
        char *folder = set_folder(out, g.set[i]), *path = vs_path_join(folder, out->clip[i].path);
        free(out->clip[i].path);
        out->clip[i].path = path;
        free(folder);
    }
    free(g.set);
    tell_apart(out);
    if (err != VS_OK)
        vs_unpack_plan_free(out);
    return err;
}

void vs_unpack_plan_free(vs_unpack_plan *plan)
{
    for (int i = 0; i < plan->n; i++)
        free(plan->clip[i].path);
    for (int i = 0; i < plan->sets; i++)
        free(plan->set[i]);
    free(plan->clip);
    free(plan->set);
    *plan = (vs_unpack_plan){ 0 };
}

static bool pictures(const vs_unpack_options *o)
{
    return o->format == VS_UNPACK_JPEG || o->format == VS_UNPACK_PNG;
}

char *vs_unpack_path(const vs_unpack_clip *clip, const vs_unpack_options *o)
{
    char *path = vs_path_join(o->out, clip->path);
    char *full = vs_strf("%s%s", path, pictures(o) ? "" : ".mp4");
    free(path);
    return full;
}

/* ---- Lists -------------------------------------------------------------------------------- */

struct lists {
    const vs_unpack_plan *plan;
    vs_store *store;
    const vs_unpack_options *options;
    char **split, **set;           /* (n) of the store */
    int n;
};

static void take_split(void *ctx, const vs_split_info *i)
{
    struct lists *l = ctx;
    const char *only = l->options->split;
    char *full = vs_strf("%s:%s", i->set, i->name);
    if (i->clips > 0 && (!only || strcmp(only, i->name) == 0 || strcmp(only, full) == 0)) {
        int n = l->n;
        VS_PUSH(l->set, n, vs_strdup(i->set));
        VS_PUSH(l->split, l->n, vs_strdup(i->name));
    }
    free(full);
}

static const vs_unpack_clip *find(const vs_unpack_plan *plan, int64_t id)
{
    int lo = 0, hi = plan->n;
    while (lo < hi) {
        const int mid = lo + (hi - lo) / 2;
        if (plan->clip[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < plan->n && plan->clip[lo].id == id ? &plan->clip[lo] : NULL;
}

static void put_line(FILE *f, const vs_unpack_clip *c, const char *path, int label, bool frames,
                     bool labels)
{
    fputs(path, f);
    if (frames)
        fprintf(f, " %d %d\n", c->frames, label);
    else if (labels)
        fprintf(f, ".mp4 %d\n", label);
    else
        fputs(".mp4\n", f);
}

static vs_err put_list(const struct lists *l, const char *folder, const char *split,
                       const vs_split *clips)
{
    char *name = safe_path(split), *file = vs_strf("%s.csv", name);
    for (char *p = file; *p; p++)
        *p = *p == '/' ? '_' : *p;
    char *path = vs_path_join(folder, file);
    const size_t skip = strlen(folder) - strlen(l->options->out);      /* the set's folder */
    vs_atomic a;
    vs_err err = vs_atomic_open(&a, path);
    for (int i = 0; i < clips->n && err == VS_OK; i++) {
        const vs_unpack_clip *c = find(l->plan, clips->clip[i].id);
        if (c && c->good)
            put_line(a.f, c, c->path + skip, clips->clip[i].label, pictures(l->options),
                     clips->classes > 0);
    }
    if (err == VS_OK)
        err = vs_atomic_commit(&a);
    free(path);
    free(file);
    free(name);
    return err;
}

/* Classes that are only numbers have no names to tell. */
static vs_err put_classes(const char *folder, const vs_split *clips)
{
    bool named = false;
    for (int i = 0; i < clips->classes; i++) {
        char number[16];
        snprintf(number, sizeof(number), "%d", i);
        named = named || strcmp(number, clips->class_name[i]) != 0;
    }
    if (!named)
        return VS_OK;
    char *path = vs_path_join(folder, "classes.txt");
    vs_atomic a;
    vs_err err = vs_atomic_open(&a, path);
    for (int i = 0; i < clips->classes && err == VS_OK; i++)
        fprintf(a.f, "%s\n", clips->class_name[i]);
    if (err == VS_OK)
        err = vs_atomic_commit(&a);
    free(path);
    return err;
}

static vs_err put_split(const struct lists *l, int i)
{
    char *name = vs_strf("%s:%s", l->set[i], l->split[i]), *folder = vs_strdup(l->options->out);
    for (int k = 0; k < l->plan->sets && l->plan->sets > 1; k++)
        if (strcmp(l->plan->set[k], l->set[i]) == 0) {
            char *below = set_folder(l->plan, k);
            free(folder);
            folder = vs_path_join(l->options->out, below);
            free(below);
        }
    vs_split clips;
    vs_err err = vs_store_split(&clips, l->store, name);
    if (err == VS_OK) {
        err = vs_dir_make(folder);
        if (err == VS_OK)
            err = put_list(l, folder, l->split[i], &clips);
        if (err == VS_OK)
            err = put_classes(folder, &clips);
        vs_split_free(&clips);
    }
    free(folder);
    free(name);
    return err;
}

vs_err vs_unpack_lists(const vs_unpack_plan *plan, vs_store *store, const vs_unpack_options *o)
{
    struct lists l = { plan, store, o, NULL, NULL, 0 };
    vs_err err = vs_store_each_split(store, take_split, &l);
    for (int i = 0; i < l.n && err == VS_OK; i++)
        err = put_split(&l, i);
    for (int i = 0; i < l.n; i++) {
        free(l.set[i]);
        free(l.split[i]);
    }
    free(l.set);
    free(l.split);
    return err;
}
