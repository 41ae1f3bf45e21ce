/* What every command that makes a set does around it: check, make, lists, preview, report. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "gen/gen.h"
#include "gen/scene/truth.h"
#include "base/shard.h"

/* What decides the bytes of a set, from the options of its command. */
static json_t *parameters_of(const vs_call *call)
{
    static const char *const other[] = { "out",  "store", "videos", "first",   "shard",
                                         "jobs", "quiet", "json",   "preview", "dump-scenes",
                                         "truth" };
    json_t *record = vs_opts_record(call->command->opts, call->settings);
    for (size_t k = 0; k < sizeof(other) / sizeof(*other); k++)
        json_object_del(record, other[k]);
    return record;
}

static void report_json(const char *place, const vs_set_done *done)
{
    vs_json_print(json_pack(
        "{s:s, s:I, s:I, s:I, s:I, s:f, s:I, s:{s:f, s:I, s:I}}", "out", place, "videos",
        (json_int_t)done->present, "made", (json_int_t)done->made, "frames",
        (json_int_t)done->frames, "bytes", (json_int_t)done->bytes, "seconds", done->seconds,
        "memory_bytes", (json_int_t)done->memory, "estimate", "seconds", done->expected_seconds,
        "bytes", (json_int_t)done->expected_bytes, "memory_bytes",
        (json_int_t)done->expected_memory));
}

static void report(const vs_gen_settings *s, const vs_set_done *done)
{
    const char *place = s->out ? s->out : s->store;
    char size[32], time[32], memory[32];
    if (s->common.json) {
        report_json(place, done);
        return;
    }
    printf("%s: %lld videos, %lld of them new", place, (long long)done->present,
           (long long)done->made);
    if (done->made > 0)
        printf(" (%lld frames, %s, %s, at most %s of memory)", (long long)done->frames,
               vs_human_time(time, done->seconds), vs_human_bytes(size, (double)done->bytes),
               vs_human_bytes(memory, done->memory));
    putchar('\n');
}

static vs_err make(const vs_gen_settings *s, const vs_set *set)
{
    vs_set_done done;
    VS_TRY(vs_set_make(&done, set));
    if (s->out && set->drawer.label)
        VS_TRY(vs_set_lists(s->out, &set->drawer));
    report(s, &done);
    return VS_OK;
}

static vs_encode_options encode_options(const vs_gen_settings *s)
{
    return (vs_encode_options){ s->size, s->size, s->fps, (vs_video_codec)s->codec, s->quality };
}

static bool whole(vs_span s)
{
    return s.lo == (double)(int64_t)s.lo && s.hi == (double)(int64_t)s.hi;
}

/* Truth is of pictures in which a pixel shows one object. */
static vs_err check_truth(const vs_gen_settings *s)
{
    unsigned kinds;
    VS_TRY(vs_truth_parse(&kinds, s->truth));
    if (!s->out)
        return VS_FAIL(VS_ERR_USAGE, "--truth is written into --out DIR, which is missing");
    if (s->antialias)
        return VS_FAIL(VS_ERR_USAGE, "--truth with --antialias: a smooth edge shows several "
                       "objects in one pixel; drop one of the two");
    if (s->objects > VS_TRUTH_OBJECTS)
        return VS_FAIL(VS_ERR_USAGE, "--truth: at most %d objects (numbers of 16 bits), got "
                       "--objects %d", VS_TRUTH_OBJECTS, s->objects);
    return VS_OK;
}

vs_err vs_gen_check(const vs_call *call)
{
    const vs_gen_settings *s = call->settings;
    int shard, shards;
    bool array;
    if (!s->out && !s->store)
        return VS_FAIL(VS_ERR_USAGE, "--out DIR or --store STORE is required");
    if (!s->out && (s->preview || s->dump_scenes))
        return VS_FAIL(VS_ERR_USAGE, "--%s is written into --out DIR, which is missing",
                       s->preview ? "preview" : "dump-scenes");
    if (s->truth)
        VS_TRY(check_truth(s));
    if (!whole(s->frames))
        return VS_FAIL(VS_ERR_USAGE, "--frames: expected whole numbers, got %g:%g", s->frames.lo,
                       s->frames.hi);
    VS_TRY(vs_shard_find(&shard, &shards, &array, s->shard));
    const vs_encode_options encode = encode_options(s);
    return vs_encode_check(&encode);
}

vs_err vs_gen_run(const vs_call *call, const char *kind, const vs_drawer *drawer)
{
    const vs_gen_settings *s = call->settings;
    vs_set set = {
        .out = s->out, .store = s->store, .kind = kind, .encode = encode_options(s),
        .mean_frames = (s->frames.lo + s->frames.hi) / 2, .first = s->first,
        .videos = s->videos, .jobs = s->common.jobs, .dump = s->dump_scenes,
        .preview = s->preview, .drawer = *drawer,
    };
    bool array;
    if (s->truth)
        VS_TRY(vs_truth_parse(&set.truth, s->truth));
    VS_TRY(vs_shard_find(&set.shard, &set.shards, &array, s->shard));
    if (array)
        vs_say("shard %d/%d, from SLURM_ARRAY_TASK_ID", set.shard + 1, set.shards);
    set.parameters = parameters_of(call);
    const vs_err err = make(s, &set);
    json_decref(set.parameters);
    return err;
}
