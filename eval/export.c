/* vsyn-robust export: a labelled set, corrupted, as videos and lists. Layout and rules: export.h
 *
 * Each video is read once, by one thread, which makes all that is missing of it: every corruption
 * at every severity that was asked for. A video that cannot be read is named and left out; anything
 * that cannot be written ends the run. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/shard.h"
#include "base/stop.h"
#include "eval/commands.h"
#include "eval/export.h"

struct export_settings {
    vs_common common;
    const char *store, *split, *folder, *corruptions, *severities, *out, *shard, *layout;
    int variant, codec, quality, container, short_side;
    bool negative, falling, clean;
};

#define AT(field) offsetof(struct export_settings, field)
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
    VS_OPTS_COMMON(struct export_settings),
    { 0 }
};

/* One run: what all its workers share. */
struct run {
    const struct export_settings *s;
    vs_export_set set;
    vs_cell_plan *cell;
    int cells;
    vs_video_format format;
    int *todo, todos;              /* items of which something is missing */
    int64_t missing, present;      /* videos to make; that are there */
    vs_reader **reader;            /* per worker; NULL: files */
    vs_progress *progress;
    atomic_bool failed;
    pthread_mutex_t lock;          /* of what follows */
    int64_t made, bytes, unread;
    vs_err err;
    char *detail;                  /* of the first failure */
};

/* ---- What is asked for ---------------------------------------------------------------------- */

static vs_err open_set(struct run *r)
{
    static const char *const layouts[] = { "auto", "ucf101", "hmdb51", "kinetics", "ssv2", "none" };
    const struct export_settings *s = r->s;
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
static json_t *settings_of(const struct export_settings *s)
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

/* ---- What is missing ------------------------------------------------------------------------ */

static char *file_of(const struct run *r, int item, int cell)
{
    char *folder = vs_export_folder(r->s->out, &r->cell[cell]);
    char *path = vs_path_join(folder, r->set.item[item].out);
    free(folder);
    return path;
}

/* Of a folder that is looked at first now: what killed runs left in it. */
static void clean_folder(char **last, const char *path)
{
    char *folder = vs_strf("%.*s", (int)(vs_path_base(path) - path - 1), path);
    if (!*last || strcmp(*last, folder) != 0)
        vs_tmp_clean(folder);
    free(*last);
    *last = folder;
}

static bool lacks(const struct run *r, int item, int cell)
{
    char *path = file_of(r, item, cell);
    const bool there = vs_path_exists(path);
    free(path);
    return !there;
}

static vs_err find_missing(struct run *r)
{
    int shard, shards;
    bool array;
    char **cleaned = vs_new(sizeof(*cleaned) * (size_t)r->cells);
    const vs_err err = vs_shard_find(&shard, &shards, &array, r->s->shard);
    if (err == VS_OK && array)
        vs_say("shard %d/%d, from SLURM_ARRAY_TASK_ID", shard + 1, shards);
    for (int i = shard; err == VS_OK && i < r->set.n; i += shards) {
        int missing = 0;
        for (int c = 0; c < r->cells; c++) {
            char *path = file_of(r, i, c);
            if (shards == 1)           /* others may run on other machines */
                clean_folder(&cleaned[c], path);
            missing += !vs_path_exists(path);
            free(path);
        }
        r->present += r->cells - missing;
        r->missing += missing;
        if (missing)
            VS_PUSH(r->todo, r->todos, i);
    }
    vs_names_free(cleaned, r->cells);
    return err;
}

/* ---- One video ------------------------------------------------------------------------------ */

static vs_err read_item(const struct run *r, vs_footage *out, int item, int worker)
{
    const vs_export_item *it = &r->set.item[item];
    const vs_footage_limits limits = { .short_side = r->s->short_side };
    return it->path ? vs_footage_read(out, it->path, &limits)
                    : vs_footage_clip(out, r->reader[worker], &it->clip);
}

/* FNV-1a of the name: the same video from a store, from a folder, in any order. */
static int64_t number_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    while (*name)
        h = (h ^ (uint8_t)*name++) * 0x100000001b3u;
    return (int64_t)(h >> 1);
}

/* The first `frames` frames under one corruption, in `out`; *T of them. */
static vs_err corrupt(const struct run *r, uint8_t *out, int *T, const vs_footage *clip, int frames,
                      const char *name, const vs_cell_plan *cell)
{
    const struct export_settings *s = r->s;
    const vs_corrupt_options options = { .variant = (vs_variant)s->variant, .fps = clip->fps,
                                         .negative = s->negative, .falling = s->falling };
    *T = frames;
    if (!cell->corruption) {
        memcpy(out, clip->rgb, (size_t)frames * (size_t)clip->H * (size_t)clip->W * 3);
        return VS_OK;
    }
    const uint64_t seed = vs_corrupt_seed((uint64_t)s->common.seed, number_of(name),
                                          cell->corruption, cell->severity, 0);
    return vs_corrupt_apply(out, T, clip->rgb, frames, clip->H, clip->W, cell->corruption,
                            cell->severity, seed, &options, NULL);
}

static vs_err make_folder_of(const char *path)
{
    char *folder = vs_strf("%.*s", (int)(vs_path_base(path) - path - 1), path);
    const vs_err err = vs_dir_make(folder);
    free(folder);
    return err;
}

static vs_err make_one(const struct run *r, int item, int cell, const vs_footage *clip,
                       uint8_t *room, int64_t *bytes)
{
    char *path = file_of(r, item, cell);
    int T;
    vs_err err = corrupt(r, room, &T, clip, clip->T, r->set.item[item].name, &r->cell[cell]);
    if (err == VS_OK)
        err = make_folder_of(path);
    if (err == VS_OK)
        err = vs_footage_write_video(path, &r->format, room, T, clip->H, clip->W, clip->fps, bytes);
    free(path);
    return err;
}

static void note_failure(struct run *r, vs_err err)
{
    pthread_mutex_lock(&r->lock);
    if (r->err == VS_OK) {
        r->err = err;
        r->detail = vs_strdup(vs_err_detail());
    }
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->failed, true);
}

static void make_item(struct run *r, int item, const vs_footage *clip)
{
    uint8_t *room = malloc((size_t)clip->T * (size_t)clip->H * (size_t)clip->W * 3);
    vs_err err = room ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %d frames of %d x %d",
                                        r->set.item[item].name, clip->T, clip->W, clip->H);
    for (int c = 0; c < r->cells && err == VS_OK; c++) {
        int64_t bytes = 0;
        if (atomic_load(&r->failed) || vs_stop_requested())
            break;
        if (!lacks(r, item, c))
            continue;
        err = make_one(r, item, c, clip, room, &bytes);
        if (err == VS_OK) {
            pthread_mutex_lock(&r->lock);
            r->made++;
            r->bytes += bytes;
            pthread_mutex_unlock(&r->lock);
            vs_progress_add(r->progress, 1);
        }
    }
    if (err != VS_OK)
        note_failure(r, err);
    free(room);
}

static void one(void *ctx, int64_t k, int worker)
{
    struct run *r = ctx;
    const int item = r->todo[k];
    vs_footage clip;
    if (atomic_load(&r->failed) || vs_stop_requested())
        return;
    if (read_item(r, &clip, item, worker) == VS_OK) {
        if (clip.note)
            vs_warn("%s: %s", r->set.item[item].name, clip.note);
        make_item(r, item, &clip);
        vs_footage_free(&clip);
        return;
    }
    vs_warn("left out: %s", vs_err_detail());
    pthread_mutex_lock(&r->lock);
    r->unread++;
    pthread_mutex_unlock(&r->lock);
}

/* ---- Estimate ------------------------------------------------------------------------------- */

struct estimate {
    double seconds, bytes;         /* of one frame of one pixel, in every cell together */
    double work;                   /* frames x pixels of the first video */
    double memory;                 /* of the largest */
};

/* Makes the first frames of a video under each corruption, at one severity, for nothing. */
static vs_err try_out(const struct run *r, struct estimate *e, const vs_footage *clip)
{
    enum { SAMPLE = 16 };
    const int frames = clip->T < SAMPLE ? clip->T : SAMPLE;
    const double work = (double)frames * clip->H * clip->W;
    uint8_t *room = malloc((size_t)frames * (size_t)clip->H * (size_t)clip->W * 3);
    vs_err err = room ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "no memory for %d frames", frames);
    for (int c = 0; c < r->cells && err == VS_OK;) {
        int same = 1, T;           /* severities of one corruption stand together */
        int64_t bytes = 0;
        while (c + same < r->cells && r->cell[c + same].corruption == r->cell[c].corruption)
            same++;
        const double start = vs_now();
        err = corrupt(r, room, &T, clip, frames, "", &r->cell[c + same / 2]);
        if (err == VS_OK)
            err = vs_footage_write_video(NULL, &r->format, room, T, clip->H, clip->W, clip->fps,
                                         &bytes);
        e->seconds += same * (vs_now() - start) / work;
        e->bytes += same * (double)bytes / work;
        c += same;
    }
    free(room);
    return err;
}

static vs_err make_estimate(struct run *r, struct estimate *e)
{
    vs_footage clip;
    vs_err err = VS_ERR_END;
    *e = (struct estimate){ 0 };
    for (int k = 0; k < r->todos && err != VS_OK; k++)
        err = read_item(r, &clip, r->todo[k], 0);
    VS_TRY(err);
    e->work = (double)clip.T * clip.H * clip.W;
    e->memory = 6 * e->work;
    err = try_out(r, e, &clip);
    vs_footage_free(&clip);
    for (int k = 0; r->set.store && k < r->todos; k++) {
        const vs_clip *c = &r->set.item[r->todo[k]].clip;
        e->memory = fmax(e->memory, 6.0 * c->frames * c->H * c->W);
    }
    return err;
}

/* Files are taken to be as long and large as the first. */
static double work_of(const struct run *r, const struct estimate *e)
{
    double work = 0;
    for (int k = 0; k < r->todos; k++) {
        const vs_clip *c = &r->set.item[r->todo[k]].clip;
        work += r->set.store ? (double)c->frames * c->H * c->W : e->work;
    }
    return work;
}

static void say_estimate(const struct run *r, const struct estimate *e, int threads)
{
    char time[32], disk[32], room[32], memory[32];
    uint64_t free_bytes = 0;
    const double share = (double)r->missing / ((double)r->todos * r->cells);
    const double work = share * work_of(r, e), bytes = e->bytes * work;
    const int busy = threads < r->todos ? threads : r->todos;
    vs_say("%d videos x %d of corruption and severity: %lld to make, %lld are there", r->set.n,
           r->cells, (long long)r->missing, (long long)r->present);
    if (vs_disk_free(r->s->out, &free_bytes) != VS_OK)
        free_bytes = 0;
    vs_say("estimate: %s on %d thread%s, %s on disk (%s are free), %s of memory",
           vs_human_time(time, e->seconds * work / busy), busy, busy == 1 ? "" : "s",
           vs_human_bytes(disk, bytes), vs_human_bytes(room, (double)free_bytes),
           vs_human_bytes(memory, busy * e->memory));
    if (free_bytes && bytes > (double)free_bytes)
        vs_warn("%s: this will probably not fit on the disk", r->s->out);
}

/* ---- The run -------------------------------------------------------------------------------- */

static vs_err open_readers(struct run *r, int threads)
{
    if (!r->set.store)
        return VS_OK;
    r->reader = vs_new(sizeof(*r->reader) * (size_t)threads);
    for (int i = 0; i < threads; i++)
        VS_TRY(vs_reader_open(&r->reader[i], r->set.store));
    return VS_OK;
}

static vs_err make_all(struct run *r)
{
    vs_pool *pool = NULL;
    struct estimate e;
    VS_TRY(vs_pool_open(&pool, r->s->common.jobs, 0));
    const int threads = vs_pool_threads(pool);
    vs_err err = open_readers(r, threads);
    if (err == VS_OK)
        err = make_estimate(r, &e);
    if (err == VS_OK) {
        say_estimate(r, &e, threads);
        r->progress = vs_progress_start("export", "videos", r->missing);
        vs_pool_each(pool, r->todos, one, r);
        vs_progress_end(&r->progress);
    }
    vs_pool_close(&pool);
    for (int i = 0; r->reader && i < threads; i++)
        vs_reader_close(&r->reader[i]);
    free(r->reader);
    return err;
}

static void report(const struct run *r, double seconds)
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

static vs_err verdict(const struct run *r)
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

static vs_err export_set(struct run *r)
{
    const double start = vs_now();
    VS_TRY(vs_dir_make(r->s->out));
    VS_TRY(vs_export_manifest(r->s->out, settings_of(r->s)));
    VS_TRY(find_missing(r));
    const vs_err err = r->todos ? make_all(r) : VS_OK;
    VS_TRY(err);
    VS_TRY(vs_export_lists(r->s->out, &r->set, r->cell, r->cells));
    VS_TRY(verdict(r));
    report(r, vs_now() - start);
    return VS_OK;
}

static vs_err run_export(vs_call *call)
{
    const struct export_settings *s = call->settings;
    struct run r = { .s = s, .format = { s->codec, s->quality },
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
    .opts = export_opts, .settings_size = sizeof(struct export_settings), .run = run_export
};
