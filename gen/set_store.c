/* A set that goes into a clip store. Contract: gen/set_store.h */
#include "gen/set_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/mem.h"
#include "gen/set_files.h"

static void name_of(char text[32], int64_t i)
{
    snprintf(text, 32, "%07lld", (long long)i);
}

static char *dataset_name(const vs_set *set)
{
    json_t *pictures = json_copy(set->parameters);
    json_object_del(pictures, "codec");
    json_object_del(pictures, "quality");
    char *text = json_dumps(pictures, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(pictures);
    VS_ASSERT(text);
    char *name = vs_strf("%s-%08x", set->kind, (unsigned)vs_checksum(text, strlen(text)));
    free(text);
    return name;
}

/* Splits keep the order of the first calls: by number. */
static vs_err enter(const vs_set_store *s, const vs_set *set)
{
    const vs_drawer *d = &set->drawer;
    for (int64_t i = set->first; i < set->first + set->videos; i++) {
        char name[32];
        if (i % set->shards != set->shard)
            continue;
        name_of(name, i);
        const bool test = d->label && vs_set_is_test(i, d->classes);
        VS_TRY(vs_writer_member(s->writer, s->dataset, test ? "test" : "train", name,
                                d->label ? d->label(d->ctx, (uint64_t)i) : -1));
    }
    return VS_OK;
}

vs_err vs_set_store_open(vs_set_store *out, const vs_set *set)
{
    *out = (vs_set_store){ 0 };
    if (!set->store)
        return VS_OK;
    VS_TRY(vs_writer_open(&out->writer, set->store, &(vs_writer_options){ 0 }));
    char *name = dataset_name(set);
    vs_err err = vs_writer_dataset(&out->dataset, out->writer, name, set->drawer.class_name,
                                   set->drawer.classes);
    free(name);
    if (err == VS_OK)
        err = enter(out, set);
    return err == VS_OK ? VS_OK : vs_set_store_close(out, err);
}

vs_err vs_set_store_close(vs_set_store *s, vs_err err)
{
    if (!s->writer)
        return err;
    char *reason = vs_strdup(vs_err_detail());
    const vs_err closed = vs_writer_close(&s->writer);
    if (err != VS_OK)
        VS_FAIL(err, "%s", reason);
    free(reason);
    return err != VS_OK ? err : closed;
}

vs_err vs_set_store_has(bool *out, const vs_set_store *s, int64_t i)
{
    char name[32];
    name_of(name, i);
    return vs_writer_has(out, s->writer, s->dataset, name);
}

vs_err vs_set_store_begin(vs_clip_writer **clip, const vs_set_store *s, const vs_set *set,
                          int64_t i)
{
    char name[32];
    name_of(name, i);
    const vs_clip_info info = {
        .dataset = s->dataset, .name = name, .W = set->encode.W, .H = set->encode.H,
        .fps = set->encode.fps, .codec = "vsyn-gen",
    };
    return vs_clip_begin(clip, s->writer, &info);
}
