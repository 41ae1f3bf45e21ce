/* Which videos are exported, and under which names. Contract: export.h */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "eval/export.h"

void vs_export_close(vs_export_set *s)
{
    for (int i = 0; i < s->n; i++) {
        free(s->item[i].name);
        free(s->item[i].out);
        free(s->item[i].path);
    }
    free(s->item);
    vs_names_free(s->class_name, s->class_name ? s->classes : 0);
    free(s->layout);
    free(s->part);
    vs_split_free(&s->split);
    vs_store_close(&s->store);
    *s = (vs_export_set){ 0 };
}

/* ---- Names ---------------------------------------------------------------------------------- */

/* "../a//b.webm" -> "__/a/b.mp4": below the folder of its cell whatever the list says. */
static char *out_name(const char *name, const char *ending)
{
    const char *ext = vs_path_ext(name);
    const bool stays = !ending && (strcasecmp(ext, "mp4") == 0 || strcasecmp(ext, "avi") == 0);
    const size_t stem = strlen(name) - (*ext ? strlen(ext) + 1 : 0);
    char *out = vs_new(strlen(name) + 8), *to = out;
    for (size_t i = 0; i < stem;) {
        const size_t part = strcspn(name + i, "/"), n = part < stem - i ? part : stem - i;
        const bool up = n == 2 && name[i] == '.' && name[i + 1] == '.';
        if (n && !(n == 1 && name[i] == '.')) {
            if (to > out)
                *to++ = '/';
            memcpy(to, up ? "__" : name + i, n);
            to += n;
        }
        i += n + 1;
    }
    snprintf(to, 6, ".%s", stays ? ext : ending ? ending : "mp4");
    return out;
}

static int by_out(const void *a, const void *b)
{
    const vs_export_item *const *x = a, *const *y = b;
    return strcmp((*x)->out, (*y)->out);
}

static vs_err check_names(const vs_export_set *s)
{
    const vs_export_item **order = vs_new(sizeof(*order) * (size_t)s->n);
    vs_err err = VS_OK;
    for (int i = 0; i < s->n; i++)
        order[i] = &s->item[i];
    qsort(order, (size_t)s->n, sizeof(*order), by_out);
    for (int i = 1; i < s->n && err == VS_OK; i++)
        if (strcmp(order[i - 1]->out, order[i]->out) == 0)
            err = VS_FAIL(VS_ERR_CORRUPT, "%s and %s would both be written as %s",
                          order[i - 1]->name, order[i]->name, order[i]->out);
    free(order);
    return err;
}

static vs_err settle_names(vs_export_set *s, const char *ending)
{
    for (int i = 0; i < s->n; i++)
        s->item[i].out = out_name(s->item[i].name, ending);
    return check_names(s);
}

/* ---- Layouts -------------------------------------------------------------------------------- */

struct sets {
    int n;
    char *name;
};

static void count_set(void *ctx, const vs_set_info *info)
{
    struct sets *sets = ctx;
    if (sets->n++ == 0)
        sets->name = vs_strdup(info->name);
}

/* The data set of a split: named in it, or the only one of the store; "" otherwise. */
static vs_err find_set(char **name, vs_store *store, const char *split)
{
    const char *colon = strchr(split, ':');
    struct sets sets = { 0 };
    if (colon) {
        *name = vs_strf("%.*s", (int)(colon - split), split);
        return VS_OK;
    }
    const vs_err err = vs_store_each_set(store, count_set, &sets);
    *name = vs_strdup(sets.n == 1 ? sets.name : "");
    free(sets.name);
    return err;
}

static const char *layout_of(const char *set)
{
    return strncmp(set, "kinetics", 8) == 0 ? "kinetics"
           : strcmp(set, "ucf101") == 0 || strcmp(set, "hmdb51") == 0 || strcmp(set, "ssv2") == 0
               ? set
               : "none";
}

/* "ucf101:test2" -> part test, fold 2. */
static void find_part(vs_export_set *s, const char *split)
{
    const char *name = strchr(split, ':') ? strchr(split, ':') + 1 : split;
    const char digit = name[strcspn(name, "0123456789")];
    s->fold = digit >= '1' && digit <= '3' ? digit - '0' : 1;
    s->part = strncmp(name, "train", 5) == 0 ? vs_strdup("train")
              : strncmp(name, "val", 3) == 0 ? vs_strdup("val")
                                             : vs_strdup("test");
}

/* ---- Sources -------------------------------------------------------------------------------- */

static vs_err take_clips(vs_export_set *s, const char *split)
{
    VS_TRY(vs_store_split(&s->split, s->store, split));
    for (int i = 0; i < s->split.n; i++) {
        const vs_clip *clip = &s->split.clip[i];
        const vs_export_item item = { .name = vs_strdup(clip->name), .clip = *clip,
                                      .label = clip->label };
        VS_PUSH(s->item, s->n, item);
    }
    for (int i = 0; i < s->split.classes && s->split.class_name; i++)
        VS_PUSH(s->class_name, s->classes, vs_strdup(s->split.class_name[i]));
    return VS_OK;
}

vs_err vs_export_open_store(vs_export_set *s, const char *store, const char *split,
                            const char *ending, const char *layout)
{
    char *set = NULL;
    *s = (vs_export_set){ 0 };
    vs_err err = vs_store_open(&s->store, store);
    if (err == VS_OK) {
        vs_footage_store(s->store);
        err = take_clips(s, split);
    }
    if (err == VS_OK)
        err = find_set(&set, s->store, split);
    if (err == VS_OK) {
        s->layout = vs_strdup(strcmp(layout, "auto") == 0 ? layout_of(set) : layout);
        find_part(s, split);
        err = settle_names(s, ending);
    }
    free(set);
    if (err != VS_OK)
        vs_export_close(s);
    return err;
}

vs_err vs_export_open_folder(vs_export_set *s, const char *folder, const char *ending,
                             const char *layout)
{
    *s = (vs_export_set){ 0 };
    vs_err err = vs_export_list_folder(s, folder);
    if (err == VS_OK) {
        s->layout = vs_strdup(strcmp(layout, "auto") == 0 ? "none" : layout);
        find_part(s, "test");
        err = settle_names(s, ending);
    }
    if (err != VS_OK)
        vs_export_close(s);
    return err;
}
