/* Making a set of videos. Layout of the folder and rules: gen/set.h */
#include "gen/set.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "gen/set_files.h"

/* One run: what all its workers share. */
typedef struct run {
    const vs_set *set;
    int64_t *todo;                 /* (n) numbers of the videos to make */
    int64_t n;
    uint8_t **frame;               /* per worker: one picture, then the drawer's scratch */
    vs_progress *progress;
    atomic_bool failed;
    pthread_mutex_t lock;          /* of what follows */
    vs_err err;
    char *detail;                  /* of the first failure */
    vs_set_done *done;
} run;

vs_err vs_shard_parse(int *shard, int *shards, const char *text)
{
    *shard = 0;
    *shards = 1;
    if (!text)
        return VS_OK;
    int i, n, end = 0;
    if (sscanf(text, "%d/%d%n", &i, &n, &end) != 2 || text[end] || n < 1 || i < 1 || i > n)
        return VS_FAIL(VS_ERR_USAGE, "--shard: expected I/N with 1 <= I <= N, got \"%s\"", text);
    *shard = i - 1;
    *shards = n;
    return VS_OK;
}

/* ---- One video -------------------------------------------------------------------------- */

static size_t frame_bytes(const vs_set *set)
{
    const size_t rgb = 3 * (size_t)set->encode.W * (size_t)set->encode.H;
    return (rgb + 63) / 64 * 64;
}

/* Draws and encodes at most `limit` frames into `path` (NULL: only measures). */
static vs_err make_video(const vs_set *set, const void *video, int frames, const char *path,
                         uint8_t *frame, int64_t *bytes)
{
    vs_encoder *encoder;
    VS_TRY(vs_encoder_open(&encoder, &set->encode));
    for (int f = 0; f < frames; f++) {
        set->drawer.draw(video, f, frame, frame + frame_bytes(set));
        const vs_err err = vs_encoder_frame(encoder, frame);
        if (err != VS_OK) {
            vs_encoder_drop(&encoder);
            return err;
        }
    }
    return vs_encoder_finish(&encoder, path, bytes);
}

/* The description first: a video that is there has all that belongs to it. */
static vs_err make_item(const vs_set *set, int64_t i, uint8_t *frame, int *frames, int64_t *bytes)
{
    void *video;
    VS_TRY(set->drawer.open(set->drawer.ctx, (uint64_t)i, &video, frames));
    char *path = vs_set_video_path(set->out, i), *scene = vs_set_scene_path(set->out, i);
    vs_err err = VS_OK;
    *bytes = 0;
    if (set->dump && set->drawer.describe && !vs_path_exists(scene))
        err = vs_json_save(scene, set->drawer.describe(video));
    if (err == VS_OK && !vs_path_exists(path))
        err = make_video(set, video, *frames, path, frame, bytes);
    free(path);
    free(scene);
    set->drawer.close(video);
    return err;
}

static void one(void *ctx, int64_t k, int worker)
{
    run *r = ctx;
    if (atomic_load(&r->failed) || vs_stop_requested())
        return;
    int frames = 0;
    int64_t bytes = 0;
    const vs_err err = make_item(r->set, r->todo[k], r->frame[worker], &frames, &bytes);
    pthread_mutex_lock(&r->lock);
    if (err == VS_OK) {
        r->done->made++;
        r->done->frames += frames;
        r->done->bytes += bytes;
    } else if (r->err == VS_OK) {
        r->err = err;
        r->detail = vs_strdup(vs_err_detail());
        atomic_store(&r->failed, true);
    }
    pthread_mutex_unlock(&r->lock);
    if (err == VS_OK)
        vs_progress_add(r->progress, 1);
}

/* ---- The run ----------------------------------------------------------------------------- */

static bool is_there(const vs_set *set, int64_t i)
{
    char *path = vs_set_video_path(set->out, i), *scene = vs_set_scene_path(set->out, i);
    const bool there = vs_path_exists(path) && (!set->dump || vs_path_exists(scene));
    free(path);
    free(scene);
    return there;
}

static vs_err find_missing(run *r)
{
    const vs_set *set = r->set;
    r->todo = malloc(sizeof(*r->todo) * (size_t)(set->videos / set->shards + 1));
    if (!r->todo)
        return VS_FAIL(VS_ERR_NOMEM, "--videos: no memory for a list of %lld",
                       (long long)set->videos);
    for (int64_t i = set->first; i < set->first + set->videos; i++) {
        if (i % set->shards != set->shard)
            continue;
        if (is_there(set, i))
            r->done->present++;
        else
            r->todo[r->n++] = i;
    }
    return VS_OK;
}

/* Time, frames and disk that the run will take, from the first frames of its first video. */
static vs_err estimate(const run *r, int threads)
{
    enum { SAMPLE = 25 };
    const vs_set *set = r->set;
    void *video;
    int frames;
    int64_t bytes = 0;
    const double start = vs_now();
    VS_TRY(set->drawer.open(set->drawer.ctx, (uint64_t)r->todo[0], &video, &frames));
    frames = frames < SAMPLE ? frames : SAMPLE;
    const vs_err err = make_video(set, video, frames, NULL, r->frame[0], &bytes);
    set->drawer.close(video);
    VS_TRY(err);
    const double all = set->mean_frames * (double)r->n, part = all / frames;
    const int busy = r->n < threads ? (int)r->n : threads;
    char time[32], disk[32], left[32];
    uint64_t space;
    VS_TRY(vs_disk_free(set->out, &space));
    vs_say("%lld video%s to make, about %.0f frames: %s on %d thread%s, %s of disk (%s free)",
           (long long)r->n, r->n == 1 ? "" : "s", all,
           vs_human_time(time, (vs_now() - start) * part / busy), threads, threads == 1 ? "" : "s",
           vs_human_bytes(disk, (double)bytes * part), vs_human_bytes(left, (double)space));
    if ((double)bytes * part > (double)space)
        vs_warn("%s: the disk will probably be full before the end", set->out);
    return VS_OK;
}

static vs_err take_frames(run *r, int threads)
{
    const size_t scratch = (r->set->drawer.scratch + 63) / 64 * 64;
    r->frame = vs_new(sizeof(*r->frame) * (size_t)threads);
    for (int w = 0; w < threads; w++) {
        r->frame[w] = aligned_alloc(64, frame_bytes(r->set) + scratch);
        if (!r->frame[w])
            return VS_FAIL(VS_ERR_NOMEM, "no memory for frames of %d x %d", r->set->encode.W,
                           r->set->encode.H);
    }
    return VS_OK;
}

static vs_err make_all(run *r)
{
    vs_pool *pool = NULL;
    const int threads = r->set->jobs;
    vs_err err = take_frames(r, threads);
    if (err == VS_OK)
        err = estimate(r, threads);
    if (err == VS_OK)
        err = vs_pool_open(&pool, threads, 0);
    if (err == VS_OK) {
        r->progress = vs_progress_start("generate", "videos", r->n);
        vs_pool_each(pool, r->n, one, r);
        vs_progress_end(&r->progress);
    }
    vs_pool_close(&pool);
    for (int w = 0; r->frame && w < threads; w++)
        free(r->frame[w]);
    free(r->frame);
    if (err == VS_OK && r->err != VS_OK)
        err = VS_FAIL(r->err, "%s", r->detail);
    free(r->detail);
    return err;
}

vs_err vs_set_make(vs_set_done *done, const vs_set *set)
{
    *done = (vs_set_done){ 0 };
    run r = { .set = set, .done = done, .lock = PTHREAD_MUTEX_INITIALIZER };
    const double start = vs_now();
    vs_err err = vs_set_folders(set);
    if (err == VS_OK)
        err = vs_set_manifest(set);
    if (err == VS_OK)
        err = find_missing(&r);
    if (err == VS_OK && r.n > 0)
        err = make_all(&r);
    free(r.todo);
    VS_TRY(err);
    done->present += done->made;
    done->seconds = vs_now() - start;
    VS_TRY(vs_set_annotations(set));
    if (done->made < r.n)
        return VS_FAIL(VS_ERR_STOPPED,
                       "stopped after %lld of %lld videos; the same command again makes the rest",
                       (long long)done->made, (long long)r.n);
    return VS_OK;
}
