/* Clips of a store as files, several at a time. Rules: ingest/unpack.h */
#include "ingest/unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/image.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "ingest/ingest.h"
#include "ingest/movie.h"
#include "ingest/store/frame.h"

struct worker {
    vs_reader *reader;
    vs_codec codec;                /* of pictures */
};

struct unpack {
    vs_store *store;
    const vs_unpack_options *options;
    vs_unpack_plan plan;
    struct worker *worker;         /* (threads) */
    vs_progress *progress;
    pthread_mutex_t lock;          /* of everything below */
    int64_t done, there, failed, frames;
    char *full;                    /* why nothing more can be written */
};

static char *picture_path(const char *dir, int frame, vs_unpack_format format)
{
    return vs_strf("%s/img_%05d.%s", dir, frame + 1, format == VS_UNPACK_PNG ? "png" : "jpg");
}

/* ---- One clip: *wrote says that an error is of the disk, not of the clip ----------------- */

static vs_err put_times(const struct unpack *u, const vs_clip *clip, const char *dir, bool *wrote)
{
    double *seconds = vs_new(sizeof(*seconds) * (size_t)clip->frames);
    char *path = vs_path_join(dir, "times.txt");
    vs_err err = vs_store_times(seconds, u->store, clip);
    vs_atomic a;
    if (err == VS_OK) {
        *wrote = true;
        err = vs_atomic_open(&a, path);
        for (int i = 0; i < clip->frames && err == VS_OK; i++)
            fprintf(a.f, "%.6f\n", seconds[i]);
        if (err == VS_OK)
            err = vs_atomic_commit(&a);
    } else if (err == VS_ERR_UNSUPPORTED) {
        err = VS_OK;               /* no rate is known: nothing to tell */
    }
    free(path);
    free(seconds);
    return err;
}

static vs_err put_png(const char *path, struct worker *w, const vs_clip *clip, int frame,
                      uint8_t *rgb, bool *wrote)
{
    VS_TRY(vs_reader_frames(w->reader, clip, &frame, 1, (vs_rect){ 0 }, clip->W, clip->H, false,
                            rgb));
    *wrote = true;
    return vs_png_write(path, clip->W, clip->H, rgb);
}

/* The stored bytes where they are JPEG. */
static vs_err put_jpeg(const char *path, struct worker *w, const vs_clip *clip, int frame,
                       int quality, uint8_t *room, bool *wrote)
{
    const uint8_t *data = room, *plane[3];
    int stride[3];
    size_t bytes;
    if (clip->encoding == VS_ENCODING_JPEG) {
        VS_TRY(vs_reader_bytes(w->reader, clip, frame, &data, &bytes));
    } else {
        VS_TRY(vs_reader_planes(w->reader, clip, frame, plane, stride));
        VS_TRY(vs_frame_encode_yuv(&w->codec, room, &bytes, VS_ENCODING_JPEG,
                                   quality ? quality : 90, plane, stride, clip->W, clip->H));
    }
    *wrote = true;
    FILE *f = fopen(path, "wb");
    const bool good = f && fwrite(data, 1, bytes, f) == bytes;
    const int reason = errno;
    if ((f && fclose(f) != 0) || !good)
        return VS_FAIL(VS_ERR_IO, "%s: cannot write: %s", path, strerror(good ? errno : reason));
    return VS_OK;
}

static void empty_folder(const char *dir)
{
    char **names = NULL;
    int n = 0;
    if (!vs_path_is_dir(dir) || vs_dir_list(dir, &names, &n) != VS_OK)
        return;
    for (int i = 0; i < n; i++) {
        char *path = vs_path_join(dir, names[i]);
        unlink(path);
        free(path);
    }
    vs_names_free(names, n);
}

static vs_err put_pictures(const struct unpack *u, struct worker *w, const vs_clip *clip,
                           const char *part, const char *path, bool *wrote)
{
    const vs_unpack_options *o = u->options;
    const size_t rgb = (size_t)clip->W * (size_t)clip->H * 3;
    const size_t jpeg = vs_frame_bound(VS_ENCODING_JPEG, clip->W, clip->H);
    uint8_t *room = malloc(rgb > jpeg ? rgb : jpeg);
    if (!room)
        return VS_FAIL(VS_ERR_NOMEM, "a frame of %dx%d does not fit in memory", clip->W, clip->H);
    empty_folder(part);
    *wrote = true;
    vs_err err = vs_dir_make(part);
    for (int i = 0; i < clip->frames && err == VS_OK; i++) {
        char *file = picture_path(part, i, o->format);
        *wrote = false;
        err = o->format == VS_UNPACK_PNG ? put_png(file, w, clip, i, room, wrote)
                                         : put_jpeg(file, w, clip, i, o->quality, room, wrote);
        free(file);
    }
    free(room);
    if (err == VS_OK)
        err = put_times(u, clip, part, wrote);
    if (err == VS_OK && rename(part, path) != 0)
        err = VS_FAIL(VS_ERR_IO, "%s: cannot be given its name: %s", part, strerror(errno));
    if (err != VS_OK) {
        empty_folder(part);
        rmdir(part);
    }
    return err;
}

static vs_err put_movie(const struct unpack *u, struct worker *w, const vs_clip *clip,
                        const char *part, const char *path, bool *wrote)
{
    const vs_unpack_options *o = u->options;
    double *seconds = clip->variable ? vs_new(sizeof(*seconds) * (size_t)clip->frames) : NULL;
    const vs_movie_options movie = { clip->W, clip->H, clip->frames, clip->fps, seconds,
                                     o->format == VS_UNPACK_LOSSLESS ? 0
                                     : o->quality > 0                ? o->quality : 18 };
    vs_movie *m = NULL;
    vs_err err = seconds ? vs_store_times(seconds, u->store, clip) : VS_OK;
    *wrote = err == VS_OK;
    if (err == VS_OK)
        err = vs_movie_open(&m, part, &movie);
    for (int i = 0; i < clip->frames && err == VS_OK; i++) {
        const uint8_t *plane[3];
        int stride[3];
        err = vs_reader_planes(w->reader, clip, i, plane, stride);
        *wrote = err == VS_OK;
        if (err == VS_OK)
            err = vs_movie_frame(m, plane, stride);
    }
    if (err == VS_OK)
        err = vs_movie_finish(&m, path);
    vs_movie_drop(&m);
    free(seconds);
    return err;
}

static vs_err make_parent(const char *path)
{
    char *dir = vs_strf("%.*s", (int)(vs_path_base(path) - path), path);
    const vs_err err = vs_dir_make(dir);
    free(dir);
    return err;
}

/* Complete under its name? A folder of other pictures is not what is asked for. */
static vs_err is_there(bool *there, const struct unpack *u, const char *path)
{
    const vs_unpack_format format = u->options->format;
    *there = vs_path_exists(path);
    if (!*there || format == VS_UNPACK_MP4 || format == VS_UNPACK_LOSSLESS)
        return VS_OK;
    char *first = picture_path(path, 0, format);
    const bool same = vs_path_exists(first);
    free(first);
    return same ? VS_OK : VS_FAIL(VS_ERR_IO, "%s: is there and holds other things than these "
                                  "pictures; choose another --out", path);
}

static vs_err unpack_one(struct unpack *u, struct worker *w, vs_unpack_clip *c, bool *there,
                         bool *wrote)
{
    vs_clip clip;
    char *path = vs_unpack_path(c, u->options), *part = vs_strf("%s.part", path);
    *wrote = true;
    vs_err err = is_there(there, u, path);
    if (err == VS_OK && !*there) {
        err = make_parent(path);
        *wrote = err != VS_OK;
        if (err == VS_OK)
            err = vs_store_clip(&clip, u->store, c->id);
        if (err == VS_OK)
            err = u->options->format == VS_UNPACK_MP4 || u->options->format == VS_UNPACK_LOSSLESS
                      ? put_movie(u, w, &clip, part, path, wrote)
                      : put_pictures(u, w, &clip, part, path, wrote);
    }
    free(part);
    free(path);
    return err;
}

static void work_on(void *ctx, int64_t i, int worker)
{
    struct unpack *u = ctx;
    vs_unpack_clip *c = &u->plan.clip[i];
    bool there = false, wrote = false;
    pthread_mutex_lock(&u->lock);
    const bool ended = u->full != NULL;
    pthread_mutex_unlock(&u->lock);
    if (ended || vs_stop_requested())
        return;
    const vs_err err = unpack_one(u, &u->worker[worker], c, &there, &wrote);
    c->good = err == VS_OK;
    pthread_mutex_lock(&u->lock);
    u->there += there && c->good;
    u->done += !there && c->good;
    u->frames += !there && c->good ? c->frames : 0;
    if (err != VS_OK && wrote && !u->full)
        u->full = vs_strdup(vs_err_detail());
    else if (err != VS_OK && !wrote) {
        u->failed++;
        vs_warn("%s", vs_err_detail());
    }
    pthread_mutex_unlock(&u->lock);
    vs_progress_add(u->progress, 1);
}

/* ---- All of them -------------------------------------------------------------------------- */

struct expected {
    vs_unpack_format format;
    int64_t last;
    double bytes, frames;
};

/* Bytes a pixel, of video: as CRF 18, lossless H.264, JPEG at 90, PNG take. */
static void expect_row(void *ctx, const vs_row_info *i)
{
    static const double per_pixel[] = { 0.06, 0.5, 0.17, 1.6 };
    struct expected *e = ctx;
    if (i->id == e->last)
        return;
    const bool as_stored = e->format == VS_UNPACK_JPEG && strcmp(i->encoding, "jpeg") == 0;
    e->bytes += as_stored ? (double)i->bytes
                          : per_pixel[e->format] * i->W * i->H * (double)i->frames;
    e->frames += i->frames;
    e->last = i->id;
}

static vs_err announce(struct unpack *u)
{
    const vs_unpack_options *o = u->options;
    struct expected e = { .format = o->format };
    char need[32], have[32];
    uint64_t room = 0;
    VS_TRY(vs_store_each_row(u->store, o->split, expect_row, &e));
    VS_TRY(vs_disk_free(o->out, &room));
    vs_say("%d clips of %.0f frames to extract; about %s, %s free", u->plan.n, e.frames,
           vs_human_bytes(need, e.bytes), vs_human_bytes(have, (double)room));
    return VS_OK;
}

static vs_err open_workers(struct unpack *u, int threads)
{
    for (int i = 0; i < threads; i++) {
        VS_TRY(vs_reader_open(&u->worker[i].reader, u->store));
        VS_TRY(vs_codec_open_encoder(&u->worker[i].codec));
    }
    return VS_OK;
}

static vs_err run(struct unpack *u)
{
    vs_pool *pool;
    VS_TRY(vs_pool_open(&pool, u->options->jobs, 0));
    const int threads = vs_pool_threads(pool);
    u->worker = vs_new(sizeof(*u->worker) * (size_t)threads);
    const vs_err err = open_workers(u, threads);
    if (err == VS_OK) {
        u->progress = vs_progress_start("extract", "clips", u->plan.n);
        vs_pool_each(pool, u->plan.n, work_on, u);
        vs_progress_end(&u->progress);
    }
    for (int i = 0; i < threads; i++) {
        vs_reader_close(&u->worker[i].reader);
        vs_codec_close(&u->worker[i].codec);
    }
    free(u->worker);
    vs_pool_close(&pool);
    return err;
}

static vs_err settle(struct unpack *u)
{
    const vs_unpack_options *o = u->options;
    const int64_t seen = u->done + u->there + u->failed;
    if (u->full)
        return VS_FAIL(VS_ERR_IO, "%s; %" PRId64 " of %d clips are there, the same command goes on",
                       u->full, u->done + u->there, u->plan.n);
    if (seen < u->plan.n)
        return VS_FAIL(VS_ERR_STOPPED, "stopped after %" PRId64 " of %d clips; the same command "
                       "goes on", seen, u->plan.n);
    VS_TRY(vs_unpack_lists(&u->plan, u->store, o));
    if (o->json)
        vs_json_print(json_pack("{s:s, s:I, s:I, s:I, s:I}", "out", o->out, "extracted",
                                (json_int_t)u->done, "known", (json_int_t)u->there, "failed",
                                (json_int_t)u->failed, "frames", (json_int_t)u->frames));
    else
        printf("%s: %" PRId64 " clips extracted (%" PRId64 " frames), %" PRId64 " were there, "
               "%" PRId64 " cannot be read\n", o->out, u->done, u->frames, u->there, u->failed);
    return u->failed ? VS_FAIL(VS_ERR_CORRUPT, "%" PRId64 " of %d clips cannot be read; the lists "
                               "leave them out", u->failed, u->plan.n)
                     : VS_OK;
}

vs_err vs_unpack(vs_store *store, const vs_unpack_options *o)
{
    struct unpack u = { .store = store, .options = o };
    if (o->format == VS_UNPACK_MP4 || o->format == VS_UNPACK_LOSSLESS)
        VS_TRY(vs_movie_possible());
    VS_TRY(vs_dir_make(o->out));
    char *path = vs_path_join(o->out, ".lock");
    int lock = -1;
    vs_err err = vs_lock_take(&lock, path);
    if (err == VS_OK)
        err = vs_unpack_plan_make(&u.plan, store, o->split);
    pthread_mutex_init(&u.lock, NULL);
    if (err == VS_OK)
        err = announce(&u);
    if (err == VS_OK)
        err = run(&u);
    if (err == VS_OK)
        err = settle(&u);
    if (lock >= 0)
        unlink(path);
    vs_lock_release(&lock);
    pthread_mutex_destroy(&u.lock);
    vs_unpack_plan_free(&u.plan);
    free(u.full);
    free(path);
    return err;
}
