/* vsyn-robust export: a labelled set, corrupted, as videos and lists. Layout and rules: export.h
 *
 * Each video is read once, by one thread, which makes all that is missing of it: every corruption
 * at every severity that was asked for. A video that cannot be read is named and left out; anything
 * that cannot be written ends the run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/stop.h"
#include "eval/commands.h"
#include "eval/export_run.h"

#define AT(field) offsetof(struct vs_export_settings, field)
static const vs_opt export_opts[] = {
    { "store", VS_OPT_TEXT, AT(store), .arg = "STORE", .help = "clip store with the videos" },
    { "split", VS_OPT_TEXT, AT(split), .arg = "S", .help = "of the store: which videos" },
    { "folder", VS_OPT_TEXT, AT(folder), .arg = "DIR",
      .help = "instead of a store: videos in one sub-folder per class" },
    { "corruptions", VS_OPT_TEXT, AT(corruptions), .def = "ucf101-p", .arg = "LIST",
      .help = "names and presets; see vsyn-robust list" },
    { "severities", VS_OPT_TEXT, AT(severities), .def = "1,2,3,4,5", .arg = "LIST",
      .help = "of 1..5" },
    { "out", VS_OPT_TEXT, AT(out), .arg = "DIR", .required = true,
      .help = "CORRUPTION/SEVERITY/NAME, lists, annotations" },
    { "clean", VS_OPT_FLAG, AT(clean), .help = "also the videos as they are, in clean/0" },
    { "container", VS_OPT_CHOICE, AT(container), .def = "keep", .choices = "keep|mp4|avi",
      .help = "keep: .avi and .mp4 stay, others become .mp4" },
    { "codec", VS_OPT_CHOICE, AT(codec), .def = "lossless", .choices = VS_VIDEO_CODECS,
      .help = "lossless keeps every pixel; the others add losses of their own" },
    { "quality", VS_OPT_INT, AT(quality), .def = "0", .min = 0, .max = 51, .arg = "N",
      .help = "h264: CRF [18]; mpeg4: quantiser [3]" },
    { "short-side", VS_OPT_INT, AT(short_side), .def = "0", .min = 0, .max = 16384, .arg = "N",
      .help = "of --folder: reduce videos to it before; 0 = as they are" },
    { "layout", VS_OPT_TEXT, AT(layout), .def = "auto", .arg = "NAME",
      .help = "lists of ucf101, hmdb51, kinetics, ssv2 or none; auto: by the store's data set" },
    { "shard", VS_OPT_TEXT, AT(shard), .arg = "I/N",
      .help = "only every N-th video, from the I-th (default: the place in a SLURM job array)" },
    { "variant", VS_OPT_CHOICE, AT(variant), .def = "arre", .choices = VS_VARIANT_CHOICES,
      .help = "which published definition, where two differ" },
    { "reference-negative", VS_OPT_FLAG, AT(negative),
      .help = "as the published loader: picture corruptions see the negative" },
    { "falling-rain", VS_OPT_FLAG, AT(falling),
      .help = "rain falls from frame to frame; otherwise drawn anew, as the benchmark does" },
    VS_OPTS_COMMON(struct vs_export_settings),
    { 0 }
};

/* ---- What is asked for ---------------------------------------------------------------------- */

static vs_err open_set(vs_export_run *r)
{
    static const char *const layouts[] = { "auto", "ucf101", "hmdb51", "kinetics", "ssv2", "none" };
    const struct vs_export_settings *s = r->s;
    const char *const ending[] = { NULL, "mp4", "avi" };
    bool known = false;
    for (int i = 0; i < 6; i++)
        known = known || strcmp(s->layout, layouts[i]) == 0;
    if (!known)
        return VS_FAIL(VS_ERR_USAGE, "--layout: expected auto, ucf101, hmdb51, kinetics, ssv2 or "
                       "none, got \"%s\"", s->layout);
    if (!s->store == !s->folder)
        return VS_FAIL(VS_ERR_USAGE, "give either --store STORE --split S, or --folder DIR");
    if (s->store && !s->split)
        return VS_FAIL(VS_ERR_USAGE, "--split S is required: which videos of %s", s->store);
    if (s->store && s->short_side)
        return VS_FAIL(VS_ERR_USAGE, "--short-side is for --folder; a store has its size already");
    VS_TRY(vs_footage_check_video("a.mp4", &r->format));
    return s->store ? vs_export_open_store(&r->set, s->store, s->split, ending[s->container],
                                           s->layout)
                    : vs_export_open_folder(&r->set, s->folder, ending[s->container], s->layout);
}

/* What decides the bytes of the videos. */
static json_t *settings_of(const struct vs_export_settings *s)
{
    static const char *const keys[] = { "split",  "container",          "codec",       "quality",
                                        "short-side", "seed", "variant", "reference-negative",
                                        "falling-rain" };
    json_t *all = vs_opts_record(export_opts, s), *out = json_object();
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        json_object_set(out, keys[i], json_object_get(all, keys[i]));
    json_decref(all);
    return out;
}

/* ---- The run -------------------------------------------------------------------------------- */

static vs_err open_readers(vs_export_run *r, int threads)
{
    if (!r->set.store)
        return VS_OK;
    r->reader = vs_new(sizeof(*r->reader) * (size_t)threads);
    for (int i = 0; i < threads; i++)
        VS_TRY(vs_reader_open(&r->reader[i], r->set.store));
    return VS_OK;
}

static vs_err make_all(vs_export_run *r)
{
    vs_pool *pool = NULL;
    VS_TRY(vs_pool_open(&pool, r->s->common.jobs, 0));
    const int threads = vs_pool_threads(pool);
    vs_err err = open_readers(r, threads);
    if (err == VS_OK)
        err = vs_export_estimate(r, threads);
    if (err == VS_OK) {
        r->progress = vs_progress_start("export", "videos", r->missing);
        vs_pool_each(pool, r->todos, vs_export_one, r);
        vs_progress_end(&r->progress);
    }
    vs_pool_close(&pool);
    for (int i = 0; r->reader && i < threads; i++)
        vs_reader_close(&r->reader[i]);
    free(r->reader);
    return err;
}

static void report(const vs_export_run *r, double seconds)
{
    char time[32], size[32];
    const int64_t there = r->present + r->made;
    if (r->s->common.json) {
        vs_json_print(json_pack("{ss sI sI sI sI sf}", "out", r->s->out, "videos",
                                (json_int_t)there, "made", (json_int_t)r->made, "left_out",
                                (json_int_t)r->unread, "bytes", (json_int_t)r->bytes, "seconds",
                                seconds));
        return;
    }
    printf("%s: %lld videos, %lld of them new", r->s->out, (long long)there, (long long)r->made);
    if (r->made)
        printf(" (%s, %s)", vs_human_time(time, seconds), vs_human_bytes(size, (double)r->bytes));
    if (r->unread)
        printf("; %lld of the data set could not be read", (long long)r->unread);
    putchar('\n');
}

static vs_err verdict(const vs_export_run *r)
{
    if (r->err != VS_OK)
        return VS_FAIL(r->err, "%s", r->detail);
    if (vs_stop_requested())
        return VS_FAIL(VS_ERR_STOPPED, "stopped after %lld of %lld videos; the same command again "
                       "makes the rest", (long long)r->made, (long long)r->missing);
    if (r->unread && !r->made && !r->present)
        return VS_FAIL(VS_ERR_CODEC, "none of %lld videos could be read", (long long)r->unread);
    return VS_OK;
}

static vs_err export_set(vs_export_run *r)
{
    const double start = vs_now();
    VS_TRY(vs_dir_make(r->s->out));
    VS_TRY(vs_export_manifest(r->s->out, settings_of(r->s)));
    VS_TRY(vs_export_find_missing(r));
    const vs_err err = r->todos ? make_all(r) : VS_OK;
    VS_TRY(err);
    VS_TRY(vs_export_lists(r->s->out, &r->set, r->cell, r->cells));
    VS_TRY(verdict(r));
    report(r, vs_now() - start);
    return VS_OK;
}

static vs_err run_export(vs_call *call)
{
    const struct vs_export_settings *s = call->settings;
    vs_export_run r = { .s = s, .format = { s->codec, s->quality },
                     .lock = PTHREAD_MUTEX_INITIALIZER };
    if (s->clean)
        VS_PUSH(r.cell, r.cells, ((vs_cell_plan){ 0 }));
    vs_err err = vs_cells_pick(&r.cell, &r.cells, NULL, s->corruptions, s->severities);
    if (err == VS_OK)
        err = open_set(&r);
    if (err == VS_OK)
        err = export_set(&r);
    vs_export_close(&r.set);
    free(r.cell);
    free(r.todo);
    free(r.detail);
    return err;
}

const vs_command vs_command_export = {
    .name = "export", .args = "",
    .help = "a corrupted data set as videos and lists (UCF101-P and its kind)",
    .opts = export_opts, .settings_size = sizeof(struct vs_export_settings), .run = run_export
};
