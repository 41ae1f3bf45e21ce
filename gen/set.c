/* Making a set of videos. Layout of the folder and rules: gen/set.h */
#include "gen/set.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "gen/memory.h"
#include "gen/scene/truth.h"
#include "gen/set_files.h"
#include "gen/set_store.h"

/* One run: what all its workers share. */
typedef struct run {
    const vs_set *set;
    vs_set_store store;
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

/* ---- What is there ----------------------------------------------------------------------- */

/* What video i still needs. */
typedef struct need {
    bool file, clip, scene;
    unsigned truth;                /* kinds */
} need;

static bool lacks(char *path)
{
    const bool there = vs_path_exists(path);
    free(path);
    return !there;
}

static vs_err find_need(need *out, const run *r, int64_t i)
{
    const vs_set *set = r->set;
    bool stored = true;
    out->file = set->out && lacks(vs_set_video_path(set->out, i));
    out->scene = set->dump && lacks(vs_set_scene_path(set->out, i));
    char *stem = set->truth ? vs_set_truth_stem(set->out, i) : NULL;
    out->truth = stem ? vs_truth_missing(stem, set->truth) : 0;
    free(stem);
    if (r->store.writer)
        VS_TRY(vs_set_store_has(&stored, &r->store, i));
    out->clip = !stored;
    return VS_OK;
}

static vs_err find_missing(run *r)
{
    const vs_set *set = r->set;
    r->todo = malloc(sizeof(*r->todo) * (size_t)(set->videos / set->shards + 1));
    if (!r->todo)
        return VS_FAIL(VS_ERR_NOMEM, "--videos: no memory for a list of %lld",
                       (long long)set->videos);
    for (int64_t i = set->first; i < set->first + set->videos; i++) {
        need n;
        if (i % set->shards != set->shard)
            continue;
        VS_TRY(find_need(&n, r, i));
        if (n.file || n.clip || n.scene || n.truth)
            r->todo[r->n++] = i;
        else
            r->done->present++;
    }
    return VS_OK;
}

/* ---- One video -------------------------------------------------------------------------- */

/* Where frames go: either or both. */
typedef struct sink {
    vs_encoder *encoder;
    vs_clip_writer *clip;
} sink;

static vs_err sink_open(sink *s, const run *r, int64_t i, need n)
{
    *s = (sink){ 0 };
    vs_err err = n.file ? vs_encoder_open(&s->encoder, &r->set->encode) : VS_OK;
    if (err == VS_OK && n.clip)
        err = vs_set_store_begin(&s->clip, &r->store, r->set, i);
    if (err != VS_OK)
        vs_encoder_drop(&s->encoder);
    return err;
}

static void sink_drop(sink *s)
{
    vs_encoder_drop(&s->encoder);
    vs_clip_drop(&s->clip);
}

static vs_err sink_frame(sink *s, const uint8_t *rgb)
{
    if (s->encoder)
        VS_TRY(vs_encoder_frame(s->encoder, rgb));
    return s->clip ? vs_clip_frame(s->clip, rgb) : VS_OK;
}

static vs_err sink_commit(sink *s, const char *path, int64_t *bytes)
{
    int64_t file = 0;
    if (s->clip)
        *bytes += (int64_t)vs_clip_bytes(s->clip);
    if (s->clip)
        VS_TRY(vs_clip_commit(&s->clip, NULL));
    if (s->encoder)
        VS_TRY(vs_encoder_finish(&s->encoder, path, &file));
    *bytes += file;
    return VS_OK;
}

static size_t frame_bytes(const vs_set *set)
{
    const size_t rgb = 3 * (size_t)set->encode.W * (size_t)set->encode.H;
    return (rgb + 63) / 64 * 64;
}

/* Frame by frame into the planes of the encoder, with no RGB picture between. */
static vs_err draw_planes(const vs_drawer *d, vs_encoder *to, const void *video, int frames,
                          void *scratch)
{
    const bool still = d->still && d->still(video);
    for (int f = 0; f < frames; f++) {
        if (f == 0 || !still) {
            vs_yuv420 planes;
            VS_TRY(vs_encoder_planes(to, &planes));
            d->draw_yuv(video, f, &planes, scratch);
        }
        VS_TRY(vs_encoder_push(to));
    }
    return VS_OK;
}

static vs_err draw_frames(const vs_set *set, sink *to, const void *video, int frames,
                          uint8_t *frame)
{
    const vs_drawer *d = &set->drawer;
    uint8_t *const scratch = frame + frame_bytes(set);
    if (d->draw_yuv && !to->clip && to->encoder && vs_encoder_takes_yuv(to->encoder))
        return draw_planes(d, to->encoder, video, frames, scratch);
    const bool still = d->still && d->still(video);
    for (int f = 0; f < frames; f++) {
        if (f == 0 || !still)
            d->draw(video, f, frame, scratch);
        VS_TRY(sink_frame(to, frame));
    }
    return VS_OK;
}

static vs_err make_video(const run *r, int64_t i, need n, const void *video, int frames,
                         uint8_t *frame, int64_t *bytes)
{
    sink to;
    VS_TRY(sink_open(&to, r, i, n));
    char *path = n.file ? vs_set_video_path(r->set->out, i) : NULL;
    vs_err err = draw_frames(r->set, &to, video, frames, frame);
    if (err == VS_OK)
        err = sink_commit(&to, path, bytes);
    sink_drop(&to);
    free(path);
    return err;
}

static vs_err make_truth(const run *r, int64_t i, unsigned kinds, const void *video, int frames,
                         int64_t *bytes)
{
    char *stem = vs_set_truth_stem(r->set->out, i);
    const vs_err err = r->set->drawer.truth(bytes, stem, video, frames, kinds);
    free(stem);
    return err;
}

/* Description and truth first: a video that is there has all that belongs to it. */
static vs_err make_item(const run *r, int64_t i, uint8_t *frame, int *frames, int64_t *bytes)
{
    const vs_drawer *d = &r->set->drawer;
    need n;
    void *video;
    VS_TRY(find_need(&n, r, i));
    VS_TRY(d->open(d->ctx, (uint64_t)i, &video, frames));
    vs_err err = VS_OK;
    if (n.scene) {
        char *path = vs_set_scene_path(r->set->out, i);
        err = vs_json_save(path, d->describe(video));
        free(path);
    }
    if (err == VS_OK && n.truth)
        err = make_truth(r, i, n.truth, video, *frames, bytes);
    if (err == VS_OK && (n.file || n.clip))
        err = make_video(r, i, n, video, *frames, frame, bytes);
    d->close(video);
    return err;
}

static void one(void *ctx, int64_t k, int worker)
{
    run *r = ctx;
    if (atomic_load(&r->failed) || vs_stop_requested())
        return;
    int frames = 0;
    int64_t bytes = 0;
    const vs_err err = make_item(r, r->todo[k], r->frame[worker], &frames, &bytes);
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

/* Draws and encodes the first frames of the first video and throws them away. */
static vs_err try_out(const run *r, int *frames, int64_t *bytes, int64_t *truth)
{
    enum { SAMPLE = 25 };
    const vs_drawer *d = &r->set->drawer;
    const need n = { .file = r->set->out, .clip = r->store.writer };
    void *video;
    sink to;
    VS_TRY(d->open(d->ctx, (uint64_t)r->todo[0], &video, frames));
    *frames = *frames < SAMPLE ? *frames : SAMPLE;
    *bytes = 0;
    vs_err err = sink_open(&to, r, r->todo[0], n);
    if (err == VS_OK)
        err = draw_frames(r->set, &to, video, *frames, r->frame[0]);
    if (err == VS_OK && to.encoder)
        err = vs_encoder_finish(&to.encoder, NULL, bytes);
    if (err == VS_OK && to.clip)
        *bytes += (int64_t)vs_clip_bytes(to.clip);
    if (err == VS_OK && r->set->truth)
        err = d->truth(truth, NULL, video, *frames, r->set->truth);
    sink_drop(&to);
    d->close(video);
    return err;
}

/* What the run will take, from its first frames. A worker's memory is what those frames
 * needed and a finished video, which is written in one go. */
static vs_err estimate(const run *r, int threads)
{
    const vs_set *set = r->set;
    vs_set_done *done = r->done;
    const char *place = set->out ? set->out : set->store;
    const double before = vs_memory_now(), start = vs_now();
    const int at_once = r->n < threads ? (int)r->n : threads;
    int frames;
    int64_t bytes, truth = 0;      /* truth is written as it is made: no memory */
    VS_TRY(try_out(r, &frames, &bytes, &truth));
    const double worker = fmax(vs_memory_now() - before, vs_memory_peak() - before);
    const double all = set->mean_frames * (double)r->n, part = all / frames;
    char time[32], disk[32], left[32], memory[32];
    uint64_t space;
    VS_TRY(vs_disk_free(place, &space));
    done->expected_seconds = (vs_now() - start) * part / at_once;
    done->expected_bytes = (double)(bytes + truth) * part;
    done->expected_memory =
        before + at_once * (worker + (double)bytes / frames * set->mean_frames);
    vs_say("%lld video%s to make, about %.0f frames: %s on %d thread%s, %s of memory, %s of disk "
           "(%s free)", (long long)r->n, r->n == 1 ? "" : "s", all,
           vs_human_time(time, done->expected_seconds), threads, threads == 1 ? "" : "s",
           vs_human_bytes(memory, done->expected_memory),
           vs_human_bytes(disk, done->expected_bytes), vs_human_bytes(left, (double)space));
    if (done->expected_bytes > (double)space)
        vs_warn("%s: the disk will probably be full before the end", place);
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

static vs_err prepare(run *r)
{
    if (r->set->out) {
        VS_TRY(vs_set_folders(r->set));
        VS_TRY(vs_set_manifest(r->set));
    }
    VS_TRY(vs_set_store_open(&r->store, r->set));
    VS_TRY(find_missing(r));
    const vs_drawer *d = &r->set->drawer;
    const bool preview = r->set->out && r->set->preview;
    if (d->prepare && (r->n > 0 || preview))
        VS_TRY(d->prepare(d->ctx));
    return preview ? vs_set_preview(r->set) : VS_OK;
}

vs_err vs_set_make(vs_set_done *done, const vs_set *set)
{
    *done = (vs_set_done){ 0 };
    run r = { .set = set, .done = done, .lock = PTHREAD_MUTEX_INITIALIZER };
    const double start = vs_now();
    vs_err err = prepare(&r);
    if (err == VS_OK && r.n > 0)
        err = make_all(&r);
    free(r.todo);
    VS_TRY(vs_set_store_close(&r.store, err));
    done->present += done->made;
    done->seconds = vs_now() - start;
    done->memory = vs_memory_peak();
    if (set->out)
        VS_TRY(vs_set_annotations(set));
    if (done->made < r.n)
        return VS_FAIL(VS_ERR_STOPPED,
                       "stopped after %lld of %lld videos; the same command again makes the rest",
                       (long long)done->made, (long long)r.n);
    return VS_OK;
}
