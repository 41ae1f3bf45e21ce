/* vsyn-robust export: which videos are missing, making one, and how long all will take. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/shard.h"
#include "base/stop.h"
#include "eval/export_run.h"

/* ---- What is missing ------------------------------------------------------------------------ */

static char *file_of(const vs_export_run *r, int item, int cell)
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

static bool lacks(const vs_export_run *r, int item, int cell)
{
    char *path = file_of(r, item, cell);
    const bool there = vs_path_exists(path);
    free(path);
    return !there;
}

vs_err vs_export_find_missing(vs_export_run *r)
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

static vs_err read_item(const vs_export_run *r, vs_footage *out, int item, int worker)
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
static vs_err corrupt(const vs_export_run *r, uint8_t *out, int *T, const vs_footage *clip,
                      int frames, const char *name, const vs_cell_plan *cell)
{
    const struct vs_export_settings *s = r->s;
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

static vs_err make_one(const vs_export_run *r, int item, int cell, const vs_footage *clip,
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

static void note_failure(vs_export_run *r, vs_err err)
{
    pthread_mutex_lock(&r->lock);
    if (r->err == VS_OK) {
        r->err = err;
        r->detail = vs_strdup(vs_err_detail());
    }
    pthread_mutex_unlock(&r->lock);
    atomic_store(&r->failed, true);
}

static void make_item(vs_export_run *r, int item, const vs_footage *clip)
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

void vs_export_one(void *ctx, int64_t k, int worker)
{
    vs_export_run *r = ctx;
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
static vs_err try_out(const vs_export_run *r, struct estimate *e, const vs_footage *clip)
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

static vs_err make_estimate(vs_export_run *r, struct estimate *e)
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
static double work_of(const vs_export_run *r, const struct estimate *e)
{
    double work = 0;
    for (int k = 0; k < r->todos; k++) {
        const vs_clip *c = &r->set.item[r->todo[k]].clip;
        work += r->set.store ? (double)c->frames * c->H * c->W : e->work;
    }
    return work;
}

static void say_estimate(const vs_export_run *r, const struct estimate *e, int threads)
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

vs_err vs_export_estimate(vs_export_run *r, int threads)
{
    struct estimate e;
    VS_TRY(make_estimate(r, &e));
    say_estimate(r, &e, threads);
    return VS_OK;
}
