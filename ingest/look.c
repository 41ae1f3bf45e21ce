/* vsyn-ingest info, list, verify: what is in a store. */
#include "ingest/look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "ingest/ingest.h"

const vs_opt vs_info_opts[] = {
    { "clip", VS_OPT_LONG, offsetof(vs_look_settings, clip), .arg = "ID", .min = 0, .max = 9e15,
      .help = "all about this one, with the time of each frame" },
    VS_OPTS_COMMON(vs_look_settings),
    { 0 }
};

const vs_opt vs_verify_opts[] = { VS_OPTS_COMMON(vs_look_settings), { 0 } };

const vs_opt vs_list_opts[] = {
    { "split", VS_OPT_TEXT, offsetof(vs_look_settings, split), .arg = "S",
      .help = "only this one: SPLIT or DATASET:SPLIT" },
    { "failures", VS_OPT_FLAG, offsetof(vs_look_settings, failures),
      .help = "files that could not be used, with the reason" },
    VS_OPTS_COMMON(vs_look_settings),
    { 0 }
};

json_t *vs_name_json(const char *name)
{
    if (!name)
        return json_null();
    json_t *text = json_string(name);
    if (text)
        return text;
    char *plain = vs_strdup(name);
    for (char *p = plain; *p; p++)
        if ((unsigned char)*p >= 128)
            *p = '?';
    text = json_string(plain);
    free(plain);
    return text;
}

/* ---- Rows --------------------------------------------------------------------------------- */

static void row_json(void *ctx, const vs_row_info *i)
{
    json_array_append_new(
        ctx, json_pack("{s:I, s:s, s:s?, s:i, s:o, s:i, s:i, s:i, s:f, s:b, s:s, s:s?, s:I, s:o, "
                       "s:o}", "id", (json_int_t)i->id, "dataset", i->set, "split", i->split,
                       "label", i->label, "class", vs_name_json(i->class_name), "frames", i->frames,
                       "width", i->W, "height", i->H, "fps", i->fps, "variable", i->variable,
                       "encoding", i->encoding, "codec", i->codec, "bytes", (json_int_t)i->bytes,
                       "name", vs_name_json(i->name), "note", vs_name_json(i->note)));
}

static void row_line(void *ctx, const vs_row_info *i)
{
    printf("%" PRId64 "\t%s:%s\t%d\t%s\t%d\t%dx%d\t%.4g\t%s%s%s\n", i->id, i->set,
           i->split ? i->split : "-", i->label, i->class_name ? i->class_name : "-", i->frames,
           i->W, i->H, i->fps, i->name, i->note ? "\t" : "", i->note ? i->note : "");
}

/* ---- info ---------------------------------------------------------------------------------- */

static void set_json(void *ctx, const vs_set_info *i)
{
    json_array_append_new(ctx, json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:f, s:I}",
                                         "name", i->name, "classes", i->classes, "clips",
                                         (json_int_t)i->clips, "partial", (json_int_t)i->partial,
                                         "variable", (json_int_t)i->variable, "frames",
                                         (json_int_t)i->frames, "bytes", (json_int_t)i->bytes,
                                         "seconds", i->seconds, "failures",
                                         (json_int_t)i->failures));
}

static void split_json(void *ctx, const vs_split_info *i)
{
    json_array_append_new(ctx, json_pack("{s:s, s:s, s:I, s:I}", "dataset", i->set, "name", i->name,
                                         "listed", (json_int_t)i->listed, "clips",
                                         (json_int_t)i->clips));
}

static void set_line(void *ctx, const vs_set_info *i)
{
    char bytes[32], time[32];
    printf("data set %-16s %d classes, %" PRId64 " clips (%" PRId64 " partial, %" PRId64
           " of variable rate), %" PRId64 " frames, %s of video, %s, %" PRId64 " failures\n",
           i->name, i->classes, i->clips, i->partial, i->variable, i->frames,
           vs_human_time(time, i->seconds), vs_human_bytes(bytes, (double)i->bytes), i->failures);
}

static void split_line(void *ctx, const vs_split_info *i)
{
    char *name = vs_strf("%s:%s", i->set, i->name);
    printf("split    %-24s %" PRId64 " clips of %" PRId64 " listed\n", name, i->clips, i->listed);
    free(name);
}

static vs_err show_store(vs_store *store, const char *path, bool json)
{
    json_t *sets = json_array(), *splits = json_array();
    vs_err err = vs_store_each_set(store, json ? set_json : set_line, sets);
    if (err == VS_OK)
        err = vs_store_each_split(store, json ? split_json : split_line, splits);
    if (err == VS_OK && json)
        vs_json_print(json_pack("{s:s, s:O, s:O}", "store", path, "datasets", sets, "splits",
                                splits));
    json_decref(sets);
    json_decref(splits);
    return err;
}

struct rows_of_clip {
    int64_t id;
    json_t *rows;                  /* NULL: lines */
};

static void one_of_clip(void *ctx, const vs_row_info *i)
{
    const struct rows_of_clip *of = ctx;
    if (i->id != of->id)
        return;
    if (of->rows)
        row_json(of->rows, i);
    else
        row_line(NULL, i);
}

static void print_times(const double *seconds, const vs_clip *clip)
{
    enum { A_LINE = 10 };
    printf("%d frames of %dx%d, ", clip->frames, clip->W, clip->H);
    if (!seconds)
        puts("neither times nor a rate are known");
    else if (!clip->variable)
        printf("%.6g a second\n", clip->fps);
    else
        printf("%.6g a second in the mean, shown at these seconds:\n", clip->fps);
    for (int i = 0; i < clip->frames && seconds && clip->variable; i++)
        printf("%.6f%s", seconds[i], (i + 1) % A_LINE && i + 1 < clip->frames ? " " : "\n");
}

static json_t *times_json(const double *seconds, int n)
{
    json_t *list = json_array();
    for (int i = 0; seconds && i < n; i++)
        json_array_append_new(list, json_real(seconds[i]));
    return list;
}

static vs_err show_clip(vs_store *store, int64_t id, bool json)
{
    vs_clip clip;
    VS_TRY(vs_store_clip(&clip, store, id));
    double *seconds = vs_new(sizeof(*seconds) * (size_t)clip.frames);
    const vs_err timed = vs_store_times(seconds, store, &clip);
    vs_err err = timed == VS_ERR_UNSUPPORTED ? VS_OK : timed;
    struct rows_of_clip of = { id, json ? json_array() : NULL };
    if (err == VS_OK)
        err = vs_store_each_row(store, NULL, one_of_clip, &of);
    if (err == VS_OK && json)
        vs_json_print(json_pack("{s:I, s:b, s:o, s:O}", "id", (json_int_t)id, "variable",
                                clip.variable, "seconds",
                                times_json(timed == VS_OK ? seconds : NULL, clip.frames), "clips",
                                of.rows));
    else if (err == VS_OK)
        print_times(timed == VS_OK ? seconds : NULL, &clip);
    json_decref(of.rows);
    free(seconds);
    return err;
}

vs_err vs_command_info(vs_call *call)
{
    const vs_look_settings *s = call->settings;
    vs_store *store;
    VS_TRY(vs_store_open(&store, call->args[0]));
    const vs_err err = s->clip > 0 ? show_clip(store, s->clip, s->common.json)
                                   : show_store(store, call->args[0], s->common.json);
    vs_store_close(&store);
    return err;
}

/* ---- list ---------------------------------------------------------------------------------- */

static void failure_json(void *ctx, const vs_failure_info *i)
{
    json_array_append_new(ctx, json_pack("{s:s, s:o, s:o}", "dataset", i->set, "name",
                                         vs_name_json(i->name), "reason",
                                         vs_name_json(i->reason)));
}

static void failure_line(void *ctx, const vs_failure_info *i)
{
    printf("%s\t%s\t%s\n", i->set, i->name, i->reason);
}

vs_err vs_command_list(vs_call *call)
{
    const vs_look_settings *s = call->settings;
    if (s->split && s->failures)
        return VS_FAIL(VS_ERR_USAGE, "--failures lists those of all splits; leave out --split");
    vs_store *store;
    VS_TRY(vs_store_open(&store, call->args[0]));
    json_t *rows = json_array();
    vs_err err;
    if (s->failures) {
        err = vs_store_each_failure(store, s->common.json ? failure_json : failure_line, rows);
    } else {
        if (!s->common.json)
            printf("id\tsplit\tlabel\tclass\tframes\tsize\tfps\tname\n");
        err = vs_store_each_row(store, s->split, s->common.json ? row_json : row_line, rows);
    }
    if (err == VS_OK && s->common.json)
        vs_json_print(json_pack("{s:O}", s->failures ? "failures" : "clips", rows));
    json_decref(rows);
    vs_store_close(&store);
    return err;
}

/* ---- verify -------------------------------------------------------------------------------- */

struct verify {
    const vs_split *split;
    vs_reader **reader;            /* one per worker */
    char **damage;                 /* (n) what is wrong with a clip, or NULL */
    bool *skipped;
    vs_progress *progress;
};

static void verify_one(void *ctx, int64_t i, int worker)
{
    const struct verify *v = ctx;
    if (vs_stop_requested())
        v->skipped[i] = true;
    else if (vs_reader_verify(v->reader[worker], &v->split->clip[i]) != VS_OK)
        v->damage[i] = vs_strdup(vs_err_detail());
    vs_progress_add(v->progress, 1);
}

static vs_err verify_clips(const char *path, vs_store *store, const vs_split *split, int jobs)
{
    vs_pool *pool;
    VS_TRY(vs_pool_open(&pool, jobs, 0));
    const int threads = vs_pool_threads(pool);
    struct verify v = { .split = split, .reader = vs_new(sizeof(*v.reader) * (size_t)threads),
                        .damage = vs_new(sizeof(*v.damage) * (size_t)split->n),
                        .skipped = vs_new(sizeof(*v.skipped) * (size_t)split->n) };
    vs_err err = VS_OK;
    for (int i = 0; i < threads && err == VS_OK; i++)
        err = vs_reader_open(&v.reader[i], store);
    int damaged = 0, skipped = 0;
    if (err == VS_OK) {
        v.progress = vs_progress_start("verify", "clips", split->n);
        vs_pool_each(pool, split->n, verify_one, &v);
        vs_progress_end(&v.progress);
    }
    for (int i = 0; i < split->n; i++) {
        if (v.damage[i])
            printf("%s\n", v.damage[i]);
        damaged += v.damage[i] != NULL;
        skipped += v.skipped[i];
        free(v.damage[i]);
    }
    for (int i = 0; i < threads; i++)
        vs_reader_close(&v.reader[i]);
    vs_pool_close(&pool);
    free(v.reader);
    free(v.damage);
    free(v.skipped);
    if (err == VS_OK && damaged > 0)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: %d of %d clips are damaged", path, damaged, split->n);
    else if (err == VS_OK && skipped > 0)
        err = VS_FAIL(VS_ERR_STOPPED, "stopped with %d of %d clips unchecked", skipped, split->n);
    return err;
}

vs_err vs_command_verify(vs_call *call)
{
    const vs_look_settings *s = call->settings;
    vs_store *store;
    vs_split split;
    VS_TRY(vs_store_open(&store, call->args[0]));
    vs_err err = vs_store_check_index(store);
    if (err == VS_OK)
        err = vs_store_split(&split, store, NULL);
    if (err == VS_OK) {
        err = verify_clips(call->args[0], store, &split, s->common.jobs);
        if (err == VS_OK && s->common.json)
            vs_json_print(json_pack("{s:i, s:i}", "clips", split.n, "damaged", 0));
        else if (err == VS_OK)
            printf("%d clips, every checksum is right\n", split.n);
        vs_split_free(&split);
    }
    vs_store_close(&store);
    return err;
}
