/* A store into another: lists first, then clip after clip in the order of their ids.
 *
 *     submit i+window ... | read, encode (pool) | commit i (here)
 *
 * Clips keep names, times, notes and places in lists. Frames that are stored as asked for are taken
 * over byte for byte; others go through planes, or through resampled RGB where they become
 * smaller. What the new store has is not made again, so a run that was stopped or killed goes on,
 * and several stores can be brought into one. A clip that cannot be read becomes a failure there.
 */
#include "ingest/convert.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "ingest/copy.h"
#include "ingest/ingest.h"

const vs_opt vs_convert_opts[] = {
    { "out", VS_OPT_TEXT, offsetof(vs_convert_settings, out), .arg = "NEW", .required = true,
      .help = "the store to write; one that is there gets what it lacks" },
    { "encoding", VS_OPT_CHOICE, offsetof(vs_convert_settings, encoding), .def = "jpeg",
      .choices = "jpeg|raw", .help = "of the new store; what is stored so is taken over as it is" },
    { "quality", VS_OPT_INT, offsetof(vs_convert_settings, quality), .def = "0", .min = 0,
      .max = 100, .arg = "Q", .help = "of jpeg (0: 90); given: what is jpeg already is made anew" },
    { "short-side", VS_OPT_INT, offsetof(vs_convert_settings, short_side), .def = "0", .min = 0,
      .max = 16384, .arg = "N", .help = "larger clips are reduced to it; 0 keeps every size" },
    VS_OPTS_COMMON(vs_convert_settings),
    { 0 }
};

/* A clip that the new store lacks. */
struct item {
    int64_t id, dataset;           /* dataset: in the new store */
    char *set, *name, *codec, *note;
    double bytes;                  /* that it will take, about */
    int64_t frames;
};

struct work {
    struct run *run;
    const struct item *item;
    vs_clip_writer *clip;
    char *reason;
    vs_err err;
    bool store_failed, done;       /* err is of the new store: full disk */
};

struct run {
    const vs_convert_settings *settings;
    vs_store *from;
    vs_writer *to;
    vs_pool *pool;
    vs_reader **reader;            /* per worker */
    pthread_mutex_t lock;
    pthread_cond_t finished;
    struct item *item;             /* (n) */
    int n;
    int64_t last, known, converted, failed, frames;
};

/* ---- One clip (in the pool) --------------------------------------------------------------- */

static void size_of(int *W, int *H, const vs_clip *clip, int short_side)
{
    const int side = clip->W < clip->H ? clip->W : clip->H;
    const double scale = short_side > 0 && side > short_side ? (double)short_side / side : 1;
    *W = scale < 1 ? 2 * (int)lround(clip->W * scale / 2) : clip->W;
    *H = scale < 1 ? 2 * (int)lround(clip->H * scale / 2) : clip->H;
    if (scale < 1 && clip->W <= clip->H)
        *W = short_side;
    else if (scale < 1)
        *H = short_side;
}

/* Errors of reading leave `store_failed` as it is. */
static vs_err to_store(struct work *w, vs_err err)
{
    w->store_failed = err != VS_OK;
    return err;
}

static vs_err put_frame(struct work *w, vs_reader *reader, const vs_clip *clip, int frame, int W,
                        int H, uint8_t *rgb)
{
    const vs_convert_settings *s = w->run->settings;
    const bool jpeg = s->encoding == VS_ENCODING_JPEG;
    const uint8_t *data, *plane[3];
    int stride[3];
    size_t bytes;
    if (rgb) {
        VS_TRY(vs_reader_frames(reader, clip, &frame, 1, (vs_rect){ 0 }, W, H, false, rgb));
        return to_store(w, vs_clip_frame(w->clip, rgb));
    }
    if (clip->encoding == (vs_encoding)s->encoding && !(jpeg && s->quality > 0)) {
        VS_TRY(vs_reader_bytes(reader, clip, frame, &data, &bytes));
        return to_store(w, vs_clip_piece(w->clip, data, bytes));
    }
    VS_TRY(vs_reader_planes(reader, clip, frame, plane, stride));
    return to_store(w, vs_clip_frame_yuv420(w->clip, plane, stride));
}

static vs_err put_frames(struct work *w, vs_reader *reader, const vs_clip *clip)
{
    int W, H;
    size_of(&W, &H, clip, w->run->settings->short_side);
    const bool smaller = W != clip->W || H != clip->H;
    uint8_t *rgb = smaller ? malloc((size_t)W * (size_t)H * 3) : NULL;
    double *seconds = clip->variable ? vs_new(sizeof(*seconds) * (size_t)clip->frames) : NULL;
    const struct item *item = w->item;
    vs_err err = smaller && !rgb ? VS_FAIL(VS_ERR_NOMEM, "a frame of %dx%d does not fit in memory",
                                           W, H)
                                 : VS_OK;
    if (err == VS_OK && seconds)
        err = vs_store_times(seconds, w->run->from, clip);
    if (err == VS_OK) {
        const vs_clip_info info = { .dataset = item->dataset, .name = item->name, .W = W, .H = H,
                                    .fps = clip->fps, .codec = item->codec, .note = item->note };
        err = to_store(w, vs_clip_begin(&w->clip, w->run->to, &info));
    }
    for (int i = 0; i < clip->frames && err == VS_OK; i++) {
        err = put_frame(w, reader, clip, i, W, H, rgb);
        if (err == VS_OK && seconds)
            vs_clip_time(w->clip, llround(seconds[i] * 1e6));
    }
    free(seconds);
    free(rgb);
    return err;
}

static void work_on(void *arg, int worker)
{
    struct work *w = arg;
    struct run *run = w->run;
    vs_clip clip;
    w->err = vs_store_clip(&clip, run->from, w->item->id);
    if (w->err == VS_OK)
        w->err = put_frames(w, run->reader[worker], &clip);
    if (w->err != VS_OK) {
        w->reason = vs_strdup(vs_err_detail());
        vs_clip_drop(&w->clip);
    }
    pthread_mutex_lock(&run->lock);
    w->done = true;
    pthread_cond_signal(&run->finished);
    pthread_mutex_unlock(&run->lock);
}

/* ---- In order (in the caller's thread) ------------------------------------------------------ */

static void wait_for(struct run *run, const struct work *w)
{
    pthread_mutex_lock(&run->lock);
    while (!w->done)
        pthread_cond_wait(&run->finished, &run->lock);
    pthread_mutex_unlock(&run->lock);
}

static vs_err settle(struct run *run, struct work *w)
{
    vs_err err;
    if (w->err == VS_OK) {
        err = vs_clip_commit(&w->clip, NULL);
        run->converted += err == VS_OK;
        run->frames += err == VS_OK ? w->item->frames : 0;
    } else if (w->store_failed) {
        err = VS_FAIL(w->err, "%s", w->reason);
    } else {
        run->failed++;
        vs_warn("%s", w->reason);
        err = vs_writer_failure(run->to, w->item->dataset, w->item->name, w->reason);
    }
    free(w->reason);
    return err;
}

static vs_err convert_all(struct run *run)
{
    const int window = vs_pool_threads(run->pool) * 2 + 2;
    struct work *ring = vs_new(sizeof(*ring) * (size_t)window);
    vs_progress *progress = vs_progress_start("convert", "clips", run->n);
    vs_err err = VS_OK;
    int submitted = 0, settled = 0;
    while (settled < run->n && err == VS_OK) {
        while (submitted < run->n && submitted - settled < window && !vs_stop_requested()) {
            struct work *w = &ring[submitted % window];
            *w = (struct work){ .run = run, .item = &run->item[submitted++] };
            vs_pool_submit(run->pool, work_on, w);
        }
        if (settled == submitted)
            break;
        struct work *w = &ring[settled++ % window];
        wait_for(run, w);
        err = settle(run, w);
        vs_progress_add(progress, 1);
    }
    if (err == VS_OK && settled < run->n)
        err = VS_FAIL(VS_ERR_STOPPED, "stopped after %d of %d clips; the same command goes on",
                      settled, run->n);
    char *reason = vs_strdup(vs_err_detail());
    for (; settled < submitted; settled++) {
        struct work *w = &ring[settled % window];
        wait_for(run, w);
        vs_clip_drop(&w->clip);
        free(w->reason);
    }
    if (err != VS_OK)
        err = VS_FAIL(err, "%s", reason);
    free(reason);
    free(ring);
    vs_progress_end(&progress);
    return err;
}

/* ---- Before and after ----------------------------------------------------------------------- */

static char *copy_or_null(const char *text)
{
    return text ? vs_strdup(text) : NULL;
}

/* Rows come by id; a clip has one per split. */
static void take_row(void *ctx, const vs_row_info *i)
{
    struct run *run = ctx;
    const vs_convert_settings *s = run->settings;
    if (i->id == run->last)
        return;
    run->last = i->id;
    const vs_clip clip = { .W = i->W, .H = i->H };
    int W, H;
    size_of(&W, &H, &clip, s->short_side);
    const bool raw = s->encoding == VS_ENCODING_RAW;
    const bool as_stored = !raw && W == i->W && s->quality == 0 && strcmp(i->encoding, "jpeg") == 0;
    const struct item item = {
        .id = i->id, .set = vs_strdup(i->set), .name = vs_strdup(i->name),
        .codec = copy_or_null(i->codec), .note = copy_or_null(i->note), .frames = i->frames,
        .bytes = as_stored ? (double)i->bytes : (raw ? 1.5 : 0.17) * W * H * (double)i->frames
    };
    VS_PUSH(run->item, run->n, item);
}

static void free_item(struct item *item)
{
    free(item->set);
    free(item->name);
    free(item->codec);
    free(item->note);
}

/* Leaves the clips that the new store lacks. */
static vs_err leave_known(struct run *run)
{
    int kept = 0;
    char *set = vs_strdup("");
    int64_t dataset = 0;
    vs_err err = VS_OK;
    for (int i = 0; i < run->n; i++) {
        vs_clip_state state = VS_CLIP_ABSENT;
        if (err == VS_OK && strcmp(set, run->item[i].set) != 0) {
            free(set);
            set = vs_strdup(run->item[i].set);
            err = vs_writer_dataset(&dataset, run->to, set, NULL, 0);
        }
        run->item[i].dataset = dataset;
        if (err == VS_OK)
            err = vs_writer_state(&state, run->to, dataset, run->item[i].name);
        if (state == VS_CLIP_STORED) {
            run->known++;
            free_item(&run->item[i]);
        } else {
            run->item[kept++] = run->item[i];
        }
    }
    run->n = kept;
    free(set);
    return err;
}

static vs_err announce(const struct run *run)
{
    double bytes = 0, frames = 0;
    char need[32], have[32];
    uint64_t room = 0;
    for (int i = 0; i < run->n; i++) {
        bytes += run->item[i].bytes;
        frames += (double)run->item[i].frames;
    }
    VS_TRY(vs_disk_free(run->settings->out, &room));
    vs_say("%d clips of %.0f frames to convert, %" PRId64 " known already; about %s, %s free",
           run->n, frames, run->known, vs_human_bytes(need, bytes),
           vs_human_bytes(have, (double)room));
    if (bytes > (double)room)
        vs_warn("%s: the disk may fill up; what is stored until then stays, and the same command "
                "goes on", run->settings->out);
    return VS_OK;
}

static vs_err tell(const struct run *run)
{
    const vs_convert_settings *s = run->settings;
    if (s->common.json)
        vs_json_print(json_pack("{s:s, s:I, s:I, s:I, s:I}", "store", s->out, "converted",
                                (json_int_t)run->converted, "known", (json_int_t)run->known,
                                "failed", (json_int_t)run->failed, "frames",
                                (json_int_t)run->frames));
    else
        printf("%s: %" PRId64 " clips converted (%" PRId64 " frames), %" PRId64 " known already, "
               "%" PRId64 " cannot be read\n", s->out, run->converted, run->frames, run->known,
               run->failed);
    return run->failed ? VS_FAIL(VS_ERR_CORRUPT, "%" PRId64 " of %d clips cannot be read; they are "
                                 "failures in the new store", run->failed, run->n)
                       : VS_OK;
}

static vs_err run_all(struct run *run)
{
    VS_TRY(vs_writer_carry(run->to, run->from));
    VS_TRY(vs_store_each_row(run->from, NULL, take_row, run));
    VS_TRY(leave_known(run));
    VS_TRY(announce(run));
    VS_TRY(vs_pool_open(&run->pool, run->settings->common.jobs, 0));
    const int threads = vs_pool_threads(run->pool);
    run->reader = vs_new(sizeof(*run->reader) * (size_t)threads);
    vs_err err = VS_OK;
    for (int i = 0; i < threads && err == VS_OK; i++)
        err = vs_reader_open(&run->reader[i], run->from);
    if (err == VS_OK)
        err = convert_all(run);
    for (int i = 0; i < threads; i++)
        vs_reader_close(&run->reader[i]);
    free(run->reader);
    vs_pool_close(&run->pool);
    return err == VS_OK ? tell(run) : err;
}

static vs_err check_other(const char *from, const char *to)
{
    char *a = realpath(from, NULL), *b = realpath(to, NULL);
    const bool same = a && b && strcmp(a, b) == 0;
    free(a);
    free(b);
    return same ? VS_FAIL(VS_ERR_USAGE, "--out %s is the store itself; a new one is made, then the "
                          "old one can be deleted", to)
                : VS_OK;
}

vs_err vs_command_convert(vs_call *call)
{
    const vs_convert_settings *s = call->settings;
    const vs_writer_options writer = { .encoding = (vs_encoding)s->encoding,
                                       .quality = s->quality };
    struct run run = { .settings = s, .last = -1 };
    if (s->quality > 0 && s->encoding == VS_ENCODING_RAW)
        return VS_FAIL(VS_ERR_USAGE, "--quality does not go with --encoding raw");
    VS_TRY(check_other(call->args[0], s->out));
    VS_TRY(vs_store_open(&run.from, call->args[0]));
    vs_store_decode_with(run.from, &vs_copy_ffmpeg);
    pthread_mutex_init(&run.lock, NULL);
    pthread_cond_init(&run.finished, NULL);
    vs_err err = vs_writer_open(&run.to, s->out, &writer);
    if (err == VS_OK)
        err = run_all(&run);
    char *reason = vs_strdup(err == VS_OK ? "" : vs_err_detail());
    const vs_err closed = vs_writer_close(&run.to);
    if (err != VS_OK)
        VS_FAIL(err, "%s", reason);
    free(reason);
    for (int i = 0; i < run.n; i++)
        free_item(&run.item[i]);
    free(run.item);
    pthread_cond_destroy(&run.finished);
    pthread_mutex_destroy(&run.lock);
    vs_store_close(&run.from);
    return err != VS_OK ? err : closed;
}
