/* Decoding with FFmpeg. Rules: video.h
 *
 * Errors that the libraries only log are counted through their log, per thread: each
 * decoder runs in its caller's thread alone (thread_count 1), so that a line can be told
 * from those of other files.
 */
#include "ingest/video.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "ingest/frames.h"
#include "ingest/picture.h"

#define GAP_MAX 10                 /* longest distance between two frames, in seconds */
#define PIXELS_MAX (INT64_C(16384) * 16384)

struct errors {
    int64_t count;
    char first[96];
};

struct vs_decoder {
    vs_decode_options options;
    AVFormatContext *format;       /* of a folder of frames: only holds the stream */
    vs_frames frames;              /* n = 0: a file */
    AVCodecContext *codec;
    AVStream *stream;
    AVPacket *packet;
    AVFrame *frame, *held;
    vs_picture *picture;
    struct errors errors;
    /* In ticks of the stream. Stamps minus `shift` are times; what is counted from is the start of
     * the file, as for ffmpeg, and moves with holes. */
    int64_t shift, first, now, length, step;       /* step: usual distance */
    int64_t held_end, next;        /* resampling: when `held` ends; number of the next output */
    int64_t time;                  /* of the frame given last, us */
    int64_t packets, decoded, given;
    int pictures;                  /* of a folder, taken so far */
    bool sent, drained, ended, broken_off;
    char *note;
    vs_packet_fn *tap;
    void *tap_ctx;
};

/* ---- The libraries' log -------------------------------------------------------------- */

static _Thread_local struct errors *listener;

static void on_log(void *object, int level, const char *fmt, va_list ap)
{
    if (level > AV_LOG_ERROR || !listener)
        return;
    if (listener->count++ > 0)
        return;
    vsnprintf(listener->first, sizeof(listener->first), fmt, ap);
    listener->first[strcspn(listener->first, "\n")] = 0;
}

static void listen_once(void)
{
    av_log_set_callback(on_log);
}

/* Everything between enter() and leave() that the libraries complain of is this file's. */
static void enter(vs_decoder *d)
{
    listener = &d->errors;
    vs_watched_enter(d->options.watched);
}

static void leave(vs_decoder *d)
{
    listener = NULL;
    vs_watched_leave(d->options.watched);
}

static vs_err fail_av(const char *what, int code)
{
    char reason[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, reason, sizeof(reason));
    return VS_FAIL(VS_ERR_CODEC, "%s: %s", what, reason);
}

/* ---- Opening ------------------------------------------------------------------------- */

static int on_interrupt(void *arg)
{
    const vs_decoder *d = arg;
    return vs_watched_expired(d->options.watched);
}

static vs_err fail_timed_out(const vs_decoder *d)
{
    return VS_FAIL(VS_ERR_CODEC, "timed out after %g s", vs_watched_limit(d->options.watched));
}

static int quarter_turns(const AVStream *stream)
{
    const uint8_t *matrix = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    const double degrees = matrix ? av_display_rotation_get((const int32_t *)matrix) : 0;
    if (isnan(degrees))
        return 0;
    const long turns = lround(-degrees / 90);
    return fabs(-degrees - 90.0 * (double)turns) < 1 ? (int)(((turns % 4) + 4) % 4) : 0;
}

static vs_err open_format(vs_decoder *d, const char *path)
{
    d->format = avformat_alloc_context();
    if (!d->format)
        return VS_FAIL(VS_ERR_NOMEM, "out of memory");
    d->format->interrupt_callback = (AVIOInterruptCB){ on_interrupt, d };
    AVDictionary *only_files = NULL;
    av_dict_set(&only_files, "protocol_whitelist", "file", 0);
    char *url = vs_strf("file:%s", path);          /* a path is never an address */
    const int code = avformat_open_input(&d->format, url, NULL, &only_files);
    free(url);
    av_dict_free(&only_files);
    if (code < 0)
        return fail_av("not a video", code);
    const char *name = d->format->iformat->name;
    const size_t n = strlen(name);
    if (strcmp(name, "image2") == 0 || (n > 5 && strcmp(name + n - 5, "_pipe") == 0))
        return VS_FAIL(VS_ERR_CODEC, "a picture, not a video (%s)", name);
    const int found = avformat_find_stream_info(d->format, NULL);
    return found < 0 ? fail_av("cannot find out what is in it", found) : VS_OK;
}

static vs_err start_codec(vs_decoder *d, const AVCodec *codec)
{
    d->codec = avcodec_alloc_context3(codec);
    if (!d->codec)
        return VS_FAIL(VS_ERR_NOMEM, "out of memory");
    int code = avcodec_parameters_to_context(d->codec, d->stream->codecpar);
    d->codec->thread_count = 1;
    d->codec->max_pixels = PIXELS_MAX;
    d->codec->pkt_timebase = d->stream->time_base;
    if (code >= 0)
        code = avcodec_open2(d->codec, codec, NULL);
    return code < 0 ? fail_av("cannot start its decoder", code) : VS_OK;
}

/* By their first bytes: endings of pictures are often wrong. */
static enum AVCodecID picture_codec(const uint8_t *data, size_t size)
{
    static const struct {
        const char *magic;
        size_t n, at;
        enum AVCodecID id;
    } known[] = { { "\xff\xd8", 2, 0, AV_CODEC_ID_MJPEG }, { "\x89PNG", 4, 0, AV_CODEC_ID_PNG },
                  { "WEBP", 4, 8, AV_CODEC_ID_WEBP },      { "BM", 2, 0, AV_CODEC_ID_BMP },
                  { "II*\0", 4, 0, AV_CODEC_ID_TIFF },     { "MM\0*", 4, 0, AV_CODEC_ID_TIFF },
                  { "P6", 2, 0, AV_CODEC_ID_PPM } };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (size >= known[i].at + known[i].n &&
            memcmp(data + known[i].at, known[i].magic, known[i].n) == 0)
            return known[i].id;
    return AV_CODEC_ID_NONE;
}

/* The first of them that can be read tells the codec. */
static vs_err find_picture_codec(enum AVCodecID *id, const vs_decoder *d)
{
    *id = AV_CODEC_ID_NONE;
    for (int i = 0; i < d->frames.n && *id == AV_CODEC_ID_NONE; i++) {
        void *data;
        size_t size;
        if (vs_file_read(d->frames.path[i], &data, &size) != VS_OK)
            continue;
        *id = picture_codec(data, size);
        free(data);
    }
    return *id == AV_CODEC_ID_NONE
               ? VS_FAIL(VS_ERR_CODEC, "none of its %d pictures is one", d->frames.n) : VS_OK;
}

static vs_err open_frames(vs_decoder *d, const char *path)
{
    enum AVCodecID id;
    VS_TRY(vs_frames_open(&d->frames, path, d->options.frame_rate));
    VS_TRY(find_picture_codec(&id, d));
    d->format = avformat_alloc_context();
    d->stream = d->format ? avformat_new_stream(d->format, NULL) : NULL;
    if (!d->stream)
        return VS_FAIL(VS_ERR_NOMEM, "out of memory");
    const int n = d->frames.n;
    const double length = n > 1 ? (double)d->frames.time[n - 1] : 0;
    d->stream->time_base = AV_TIME_BASE_Q;
    d->stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
    d->stream->codecpar->codec_id = id;
    d->stream->nb_frames = n;
    d->stream->avg_frame_rate = n > 1 ? av_d2q((n - 1) * 1e6 / length, 1001000)
                                      : (AVRational){ 25, 1 };
    d->stream->r_frame_rate = d->stream->avg_frame_rate;
    return VS_OK;
}

static vs_err open_codec(vs_decoder *d)
{
    const AVCodec *codec = NULL;
    if (d->frames.n > 0) {
        codec = avcodec_find_decoder(d->stream->codecpar->codec_id);
        return codec ? start_codec(d, codec)
                     : VS_FAIL(VS_ERR_CODEC, "no decoder for its pictures");
    }
    const int index = av_find_best_stream(d->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (index == AVERROR_DECODER_NOT_FOUND)
        return VS_FAIL(VS_ERR_CODEC, "no decoder for its video codec");
    if (index < 0)
        return VS_FAIL(VS_ERR_CODEC, "no video stream");
    d->stream = d->format->streams[index];
    if (d->stream->disposition & AV_DISPOSITION_ATTACHED_PIC)
        return VS_FAIL(VS_ERR_CODEC, "no video stream, only cover art");
    for (unsigned i = 0; i < d->format->nb_streams; i++)
        if ((int)i != index)
            d->format->streams[i]->discard = AVDISCARD_ALL;
    return start_codec(d, codec);
}

/* Which stamp is time 0: the earliest of all streams; only ours in formats whose clock jumps. */
static int64_t start_of_file(const vs_decoder *d)
{
    const AVStream *s = d->stream;
    if (d->frames.n > 0)
        return 0;
    if ((d->format->iformat->flags & AVFMT_TS_DISCONT) && s->start_time != AV_NOPTS_VALUE)
        return s->start_time;
    return d->format->start_time == AV_NOPTS_VALUE
               ? 0 : av_rescale_q(d->format->start_time, AV_TIME_BASE_Q, s->time_base);
}

static vs_err open_all(vs_decoder *d, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return VS_FAIL(VS_ERR_IO, "%s", errno == ENOENT ? "no such file" : strerror(errno));
    const bool folder = S_ISDIR(st.st_mode);
    if (!folder && !S_ISREG(st.st_mode))           /* a pipe would be waited for */
        return VS_FAIL(VS_ERR_IO, "not a regular file");
    if (!folder && st.st_size == 0)
        return VS_FAIL(VS_ERR_CODEC, "empty file");
    VS_TRY(folder ? open_frames(d, path) : open_format(d, path));
    VS_TRY(open_codec(d));
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    d->held = av_frame_alloc();
    if (!d->packet || !d->frame || !d->held)
        return VS_FAIL(VS_ERR_NOMEM, "out of memory");
    d->picture = vs_picture_new(quarter_turns(d->stream), d->options.short_side);
    const AVRational rate = av_guess_frame_rate(d->format, d->stream, NULL);
    const bool known = rate.num > 0 && rate.den > 0;
    d->step = av_rescale_q(1, known ? av_inv_q(rate) : (AVRational){ 1, 25 }, d->stream->time_base);
    d->step = d->step > 0 ? d->step : 1;
    d->shift = start_of_file(d);
    return VS_OK;
}

vs_err vs_decoder_open(vs_decoder **out, const char *path, const vs_decode_options *options)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, listen_once);
    vs_decoder *d = vs_new(sizeof(*d));
    d->options = *options;
    enter(d);
    vs_err err = open_all(d, path);
    if (err == VS_ERR_CODEC && vs_watched_expired(options->watched))
        err = fail_timed_out(d);
    leave(d);
    if (err != VS_OK)
        vs_decoder_close(&d);
    *out = d;
    return err;
}

void vs_decoder_close(vs_decoder **decoder)
{
    vs_decoder *d = *decoder;
    if (!d)
        return;
    enter(d);
    av_packet_free(&d->packet);
    av_frame_free(&d->frame);
    av_frame_free(&d->held);
    avcodec_free_context(&d->codec);
    avformat_close_input(&d->format);
    vs_frames_close(&d->frames);
    vs_picture_free(&d->picture);
    leave(d);
    free(d->note);
    free(d);
    *decoder = NULL;
}

/* ---- Frames as they are ---------------------------------------------------------------- */

/* The next picture of a folder; one that cannot be read is counted and passed over. */
static int read_picture(vs_decoder *d)
{
    while (d->pictures < d->frames.n) {
        const int i = d->pictures++;
        void *data;
        size_t size;
        const bool read = vs_file_read(d->frames.path[i], &data, &size) == VS_OK;
        const bool taken = read && size > 0 && size < INT32_MAX / 2 &&
                           av_new_packet(d->packet, (int)size) >= 0;
        if (taken)
            memcpy(d->packet->data, data, size);
        if (read)
            free(data);
        if (taken) {
            d->packet->pts = d->packet->dts = d->frames.time[i];
            d->packet->duration = i + 1 < d->frames.n ? d->frames.time[i + 1] - d->frames.time[i]
                                                      : d->step;
            d->packet->flags |= AV_PKT_FLAG_KEY;
            d->packet->stream_index = d->stream->index;
            return 0;
        }
        if (d->errors.count++ == 0)
            snprintf(d->errors.first, sizeof(d->errors.first), "%s: cannot be read or empty",
                     vs_path_base(d->frames.path[i]));
    }
    return AVERROR_EOF;
}

static int read_packet(vs_decoder *d)
{
    if (d->frames.n > 0)
        return read_picture(d);
    int code;
    while ((code = av_read_frame(d->format, d->packet)) >= 0 &&
           d->packet->stream_index != d->stream->index)
        av_packet_unref(d->packet);
    return code;
}

/* One packet of our stream into the decoder; at the end of the file, the wish to drain. */
static void feed(vs_decoder *d)
{
    if (!d->sent) {
        const int code = read_packet(d);
        if (code < 0) {
            d->broken_off = d->broken_off || code == AVERROR_EXIT;
            if (code != AVERROR_EOF && code != AVERROR_EXIT)
                d->errors.count++;
            d->drained = true;
            (void)avcodec_send_packet(d->codec, NULL);
            return;
        }
        d->packet->pos = d->packets++;
        if (d->tap)
            d->tap(d->tap_ctx, d->packet);
    }
    const int code = avcodec_send_packet(d->codec, d->packet);
    d->sent = code == AVERROR(EAGAIN);             /* the same packet again, after a frame */
    if (!d->sent)
        av_packet_unref(d->packet);
}

/* The next frame that decodes; damaged packets are counted by the log and passed over. */
static vs_err decode(vs_decoder *d)
{
    for (;;) {
        av_frame_unref(d->frame);
        const int code = avcodec_receive_frame(d->codec, d->frame);
        if (code >= 0) {
            d->decoded++;
            vs_watched_alive(d->options.watched);
            return VS_OK;
        }
        if (code == AVERROR_EOF || (d->drained && code == AVERROR(EAGAIN)))
            return VS_ERR_END;
        if (vs_watched_expired(d->options.watched)) {
            d->broken_off = true;
            return VS_ERR_END;
        }
        if (!d->drained)
            feed(d);
    }
}

static double seconds(const vs_decoder *d, int64_t ticks)
{
    return (double)ticks * av_q2d(d->stream->time_base);
}

/* Time of the frame in ticks, never before the last one's; one step after it where the file has
 * none. Clocks that jump go on from there, and holes of hours are made short. */
static int64_t time_of(vs_decoder *d, const AVFrame *f)
{
    const int64_t stamp = f->best_effort_timestamp;
    const bool known = stamp != AV_NOPTS_VALUE;
    if (d->decoded == 1)
        return known ? stamp - d->shift : 0;
    const int64_t after = d->now + d->step, t = known ? stamp - d->shift : after;
    if (fabs(seconds(d, t - d->now)) > GAP_MAX) {
        const int64_t gap = av_rescale_q(GAP_MAX, (AVRational){ 1, 1 }, d->stream->time_base);
        const int64_t to = t > d->now ? d->now + gap : after;
        d->shift += t - to;
        return to;
    }
    return t > d->now ? t : d->now;
}

/* The next frame, with its time in d->now; END also after max_seconds. */
static vs_err advance(vs_decoder *d)
{
    vs_err err = d->ended ? VS_ERR_END : decode(d);
    if (err == VS_OK) {
        const int64_t t = time_of(d, d->frame);
        const double most = d->options.max_seconds;
        if (d->decoded == 1)
            d->first = t;
        /* Half a step of grace: 2 s at 25 fps are 50 frames, however the stamps are rounded. */
        if (most > 0 && t > d->first && seconds(d, t - d->first) > most - seconds(d, d->step) / 2) {
            d->decoded--;
            err = VS_ERR_END;
        } else {
            d->now = t;
            d->length = d->frame->pkt_duration > 0 ? d->frame->pkt_duration : d->step;
        }
    }
    d->ended = err == VS_ERR_END;
    return err;
}

/* ---- Frames at a chosen rate ------------------------------------------------------------ */

static int64_t output_at(const vs_decoder *d, int64_t ticks)
{
    const AVRational rate = av_d2q(d->options.fps, 1001000);
    return av_rescale_q_rnd(ticks, d->stream->time_base, av_inv_q(rate), AV_ROUND_NEAR_INF);
}

/* The next frame of the output into d->held. The last source frame is shown as long as it says;
 * unlike with ffmpeg's filter, a video shorter than half an output frame gives one all the same. */
static vs_err resample(vs_decoder *d)
{
    if (d->given == 0) {
        VS_TRY(advance(d));
        d->next = output_at(d, d->now);
    }
    while (!d->ended && output_at(d, d->now) <= d->next) {
        av_frame_unref(d->held);
        av_frame_move_ref(d->held, d->frame);
        d->held_end = output_at(d, d->now + d->length);
        const vs_err err = advance(d);
        if (err != VS_OK && err != VS_ERR_END)
            return err;
    }
    if (d->ended && d->held_end <= d->next && d->given > 0)
        return VS_ERR_END;
    d->next++;
    return VS_OK;
}

/* Of the frame that is about to be given. */
static int64_t time_to_give(const vs_decoder *d)
{
    if (d->given == 0)
        return 0;
    if (d->options.fps > 0)
        return llround((double)d->given * 1e6 / d->options.fps);
    const int64_t us = av_rescale_q(d->now - d->first, d->stream->time_base, AV_TIME_BASE_Q);
    return us > d->time ? us : d->time + 1;
}

vs_err vs_decoder_next(vs_decoder *d, const uint8_t *plane[3], int stride[3])
{
    enter(d);
    vs_err err = d->options.fps > 0 ? resample(d) : advance(d);
    if (err == VS_OK) {
        const AVFrame *f = d->options.fps > 0 ? d->held : d->frame;
        const AVRational sar = av_guess_sample_aspect_ratio(d->format, d->stream, (AVFrame *)f);
        err = vs_picture_make(d->picture, plane, stride, f, sar);
        d->time = time_to_give(d);
        d->given += err == VS_OK;
    } else if (err == VS_ERR_END && d->given == 0) {
        err = d->broken_off
                  ? fail_timed_out(d)
                  : d->errors.count > 0
                        ? VS_FAIL(VS_ERR_CODEC, "no frame decodes: %s", d->errors.first)
                        : VS_FAIL(VS_ERR_CODEC, "no frame decodes");
    }
    leave(d);
    return err;
}

/* ---- What is known at the end ------------------------------------------------------------ */

int64_t vs_decoder_time(const vs_decoder *d)
{
    return d->time;
}

int vs_decoder_width(const vs_decoder *d)
{
    return vs_picture_width(d->picture);
}

int vs_decoder_height(const vs_decoder *d)
{
    return vs_picture_height(d->picture);
}

const char *vs_decoder_codec(const vs_decoder *d)
{
    return d->codec->codec->name;
}

void vs_decoder_tap(vs_decoder *d, vs_packet_fn *tap, void *ctx)
{
    d->tap = tap;
    d->tap_ctx = ctx;
}

const AVFrame *vs_decoder_frame(const vs_decoder *d)
{
    return d->frame;
}

const AVStream *vs_decoder_stream(const vs_decoder *d)
{
    return d->stream;
}

int vs_decoder_turn(const vs_decoder *d)
{
    return quarter_turns(d->stream);
}

vs_watched *vs_decoder_watched(const vs_decoder *d)
{
    return d->options.watched;
}

double vs_decoder_expected(const vs_decoder *d)
{
    /* Odd containers state 1000 and more. */
    const double usual = fmin(60, 1 / seconds(d, d->step));
    const double rate = d->options.fps > 0 ? d->options.fps : usual;
    double length = d->format->duration > 0 ? (double)d->format->duration / AV_TIME_BASE : 0;
    if (d->stream->nb_frames > 0)
        length = (double)d->stream->nb_frames / usual;
    if (d->options.max_seconds > 0 && length > d->options.max_seconds)
        length = d->options.max_seconds;
    return fmax(1, length * rate);
}

double vs_decoder_fps(const vs_decoder *d)
{
    if (d->options.fps > 0)
        return d->options.fps;
    const AVRational rate = d->stream->avg_frame_rate;
    const double stated = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    const double seen = d->decoded > 1 && d->now > d->first
                            ? (double)(d->decoded - 1) / seconds(d, d->now - d->first) : 0;
    return stated > 0 && stated <= 1000 ? stated : seen <= 1000 ? seen : 0;
}

/* Frames that the container announces beyond those it holds. One is the habit of DivX
 * files with packed B-frames. Of a folder of frames those that their numbers announce. */
static int64_t announced(const vs_decoder *d)
{
    const int64_t n = d->stream->nb_frames;
    if (d->frames.missing > 0)
        return d->frames.n + d->frames.missing;
    return d->options.max_seconds <= 0 && n > d->packets + 1 ? n : 0;
}

const char *vs_decoder_note(vs_decoder *d)
{
    const int64_t n = announced(d);
    if (n == 0 && d->errors.count == 0 && !d->broken_off)
        return NULL;
    char of[32] = "", errors[160] = "";
    if (n > 0)
        snprintf(of, sizeof(of), " of %lld", (long long)n);
    if (d->errors.count > 0)
        snprintf(errors, sizeof(errors), ", %lld decoder errors (first: %s)",
                 (long long)d->errors.count, *d->errors.first ? d->errors.first : "read error");
    free(d->note);
    d->note = vs_strf("partial: %lld%s frames%s%s", (long long)d->decoded, of, errors,
                      d->broken_off ? ", given up when no more came" : "");
    return d->note;
}
