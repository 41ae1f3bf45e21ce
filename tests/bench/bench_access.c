/* A training sample, 16 frames at stride 4 from a random place, a random crop to 224 x 224, from
 * the store in each encoding and from the video itself with FFmpeg's libraries (seek to the
 * keyframe, decode, crop and scale with swscale). One thread, turn by turn on the same places.
 * One JSON line each: bytes per frame, median milliseconds (also as normalised numbers), PSNR of
 * the sample against the one of the raw store, and of that against base/image.h on whole RGB
 * frames.
 * Usage: bench_access VIDEO [SAMPLES]      e.g. 340 x 256, H.264 with long groups of pictures */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "ingest/copy.h"
#include "ingest/store/store.h"
#include "ingest/video.h"

enum { T = 16, STRIDE = 4, SIDE = 224, SIZE = SIDE * SIDE * 3 };

static void try_or_exit(vs_err err)
{
    if (err == VS_OK)
        return;
    fprintf(stderr, "bench_access: %s\n", vs_err_detail());
    exit(1);
}

static double now(void)            /* milliseconds of this process's CPU */
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return 1e3 * (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
           1e-3 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof(*v), by_value);
    return v[n / 2];
}

static double psnr(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum > 0 ? 10 * log10(255.0 * 255.0 * (double)n / sum) : 99;
}

/* ---- The store ------------------------------------------------------------------------------ */

struct stored {
    vs_store *store;
    vs_reader *reader;
    vs_clip clip;
    double frame_bytes;
};

static void fill(const char *path, const char *video, vs_encoding encoding, double *bytes)
{
    const vs_decode_options options = { 0 };
    const vs_writer_options how = { .encoding = encoding };
    vs_writer *w;
    vs_decoder *d;
    vs_clip_writer *clip = NULL;
    int64_t set;
    const uint8_t *plane[3];
    vs_copy *copy = NULL;
    int stride[3], n = 0;
    try_or_exit(vs_writer_open(&w, path, &how));
    try_or_exit(vs_writer_dataset(&set, w, "bench", NULL, 0));
    try_or_exit(vs_decoder_open(&d, video, &options));
    if (encoding == VS_ENCODING_COPY)
        copy = vs_copy_new(d, w);
    while (vs_decoder_next(d, plane, stride) == VS_OK) {
        const vs_clip_info info = { .dataset = set, .name = "video", .W = vs_decoder_width(d),
                                    .H = vs_decoder_height(d) };
        if (n++ == 0)
            try_or_exit(vs_clip_begin(&clip, w, &info));
        try_or_exit(copy ? vs_copy_frame(copy) : vs_clip_frame_yuv420(clip, plane, stride));
    }
    if (copy)
        try_or_exit(vs_copy_finish(copy, clip));
    vs_copy_free(&copy);
    *bytes = n > 0 ? (double)vs_clip_bytes(clip) / n : 0;
    try_or_exit(vs_clip_commit(&clip, NULL));
    vs_decoder_close(&d);
    try_or_exit(vs_writer_close(&w));
}

static void open_stored(struct stored *s, const char *dir, const char *video, vs_encoding encoding)
{
    char *path = vs_strf("%s/%d", dir, (int)encoding);
    fill(path, video, encoding, &s->frame_bytes);
    try_or_exit(vs_store_open(&s->store, path));
    vs_store_decode_with(s->store, &vs_copy_ffmpeg);
    try_or_exit(vs_store_clip(&s->clip, s->store, 1));
    try_or_exit(vs_reader_open(&s->reader, s->store));
    free(path);
}

/* ---- The video ------------------------------------------------------------------------------ */

struct direct {
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *scaler;     /* made again when the size of the crop changes */
    int stream;
    int64_t *stamp;                /* of every frame, in order of display */
    int frames;
};

static void need(bool right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "bench_access: %s\n", what);
    exit(1);
}

static bool next_frame(struct direct *d)
{
    for (;;) {
        const int code = avcodec_receive_frame(d->codec, d->frame);
        if (code != AVERROR(EAGAIN))
            return code >= 0;
        const int read = av_read_frame(d->format, d->packet);
        if (read >= 0 && d->packet->stream_index == d->stream)
            (void)avcodec_send_packet(d->codec, d->packet);
        else if (read < 0)
            (void)avcodec_send_packet(d->codec, NULL);
        av_packet_unref(d->packet);
    }
}

static void rewind_to(struct direct *d, int64_t stamp)
{
    need(av_seek_frame(d->format, d->stream, stamp, AVSEEK_FLAG_BACKWARD) >= 0, "cannot seek");
    avcodec_flush_buffers(d->codec);
}

static void open_direct(struct direct *d, const char *video)
{
    const AVCodec *codec;
    need(avformat_open_input(&d->format, video, NULL, NULL) >= 0, "cannot open the video");
    need(avformat_find_stream_info(d->format, NULL) >= 0, "cannot read the video");
    d->stream = av_find_best_stream(d->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    need(d->stream >= 0, "no video stream");
    d->codec = avcodec_alloc_context3(codec);
    avcodec_parameters_to_context(d->codec, d->format->streams[d->stream]->codecpar);
    d->codec->thread_count = 1;
    need(avcodec_open2(d->codec, codec, NULL) >= 0, "cannot open the decoder");
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    while (next_frame(d))
        VS_PUSH(d->stamp, d->frames, d->frame->best_effort_timestamp);
    need(d->frames > 0, "no frames");
}

static void crop_frame(struct direct *d, uint8_t *rgb, vs_rect r)
{
    const AVFrame *f = d->frame;
    const int x = (int)r.x0 & ~1, y = (int)r.y0 & ~1;
    d->scaler = sws_getCachedContext(d->scaler, (int)r.rw, (int)r.rh, f->format, SIDE, SIDE,
                                     AV_PIX_FMT_RGB24, SWS_BILINEAR, NULL, NULL, NULL);
    const uint8_t *const from[4] = { f->data[0] + (ptrdiff_t)y * f->linesize[0] + x,
                                     f->data[1] + (ptrdiff_t)y / 2 * f->linesize[1] + x / 2,
                                     f->data[2] + (ptrdiff_t)y / 2 * f->linesize[2] + x / 2 };
    uint8_t *const to[4] = { rgb };
    const int pitch[4] = { 3 * SIDE };
    sws_scale(d->scaler, from, f->linesize, 0, (int)r.rh, to, pitch);
}

static void sample_direct(struct direct *d, const int *index, vs_rect crop, uint8_t *rgb)
{
    rewind_to(d, d->stamp[index[0]]);
    int got = 0;
    while (got < T && next_frame(d))
        for (; got < T && d->frame->best_effort_timestamp >= d->stamp[index[got]]; got++)
            crop_frame(d, rgb + (size_t)got * SIZE, crop);
    need(got == T, "frames are missing after a seek");
}

/* ---- Both ----------------------------------------------------------------------------------- */

static void one_sample(int *index, vs_rect *crop, const vs_clip *clip, vs_rng *r)
{
    const int span = (T - 1) * STRIDE + 1;
    const int start = clip->frames > span ? (int)vs_rng_below(r, (uint32_t)(clip->frames - span))
                                          : 0;
    for (int t = 0; t < T; t++)
        index[t] = start + t * STRIDE < clip->frames ? start + t * STRIDE : clip->frames - 1;
    const double side = floor(fmin(clip->W, clip->H) * vs_rng_uniform(r, 0.66, 1));
    *crop = (vs_rect){ floor(vs_rng_uniform(r, 0, clip->W - side)),
                       floor(vs_rng_uniform(r, 0, clip->H - side)), side, side };
}

/* A sample of the raw store, with whole frames in RGB resampled by base/image.h. */
static double fidelity(struct stored *s, const int *index, vs_rect crop, const uint8_t *sample)
{
    const int W = s->clip.W, H = s->clip.H;
    uint8_t *whole = vs_new((size_t)W * (size_t)H * 3), *want = vs_new(SIZE);
    vs_resize *plan = vs_resize_new(W, H, crop, SIDE, SIDE, false);
    void *tmp = vs_new(vs_resize_scratch(plan));
    const vs_rect all = { 0, 0, W, H };
    try_or_exit(vs_reader_frames(s->reader, &s->clip, index, 1, all, W, H, false, whole));
    vs_resize_run(plan, want, whole, tmp);
    const double db = psnr(want, sample, SIZE);
    vs_resize_free(&plan);
    free(tmp);
    free(want);
    free(whole);
    return db;
}

int main(int argc, char **argv)
{
    need(argc >= 2, "usage: bench_access VIDEO [SAMPLES]");
    enum { KINDS = 7 };            /* jpeg, raw, copy, these as numbers, video */
    const int n = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 60;
    const char *tmp = getenv("TMPDIR");
    char *dir = vs_strf("%s/vsyn-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    need(n > 0 && mkdtemp(dir), "no samples, or no place for the stores");
    struct stored s[3];
    struct direct d = { 0 };
    open_stored(&s[0], dir, argv[1], VS_ENCODING_JPEG);
    open_stored(&s[1], dir, argv[1], VS_ENCODING_RAW);
    open_stored(&s[2], dir, argv[1], VS_ENCODING_COPY);
    open_direct(&d, argv[1]);
    need(d.frames == s[0].clip.frames, "the store has another number of frames");
    static const float mean[3] = { .485f, .456f, .406f }, std[3] = { .229f, .224f, .225f };
    uint8_t *rgb[4];
    for (int k = 0; k < 4; k++)
        rgb[k] = vs_new((size_t)T * SIZE);
    float *number = vs_new(sizeof(*number) * T * SIZE);
    double *ms[KINDS], jpeg_db = 0, view_db = 0;
    for (int k = 0; k < KINDS; k++)
        ms[k] = vs_new(sizeof(double) * (size_t)n);
    vs_rng r = vs_rng_at(1, VS_RNG_TEST, 0);
    for (int i = 0; i < n; i++) {
        int index[T];
        vs_rect crop;
        one_sample(index, &crop, &s[0].clip, &r);
        for (int k = 0; k < KINDS; k++) {
            const struct stored *from = &s[k % 3];
            const double begun = now();
            if (k == 6)
                sample_direct(&d, index, crop, rgb[3]);
            else if (k >= 3)
                try_or_exit(vs_reader_normalised(from->reader, &from->clip, index, T, crop, SIDE,
                                                 SIDE, false, mean, std, number));
            else
                try_or_exit(vs_reader_frames(from->reader, &from->clip, index, T, crop, SIDE,
                                             SIDE, false, rgb[k]));
            ms[k][i] = now() - begun;
        }
        need(memcmp(rgb[1], rgb[2], (size_t)T * SIZE) == 0, "copy and raw give other samples");
        jpeg_db += psnr(rgb[0], rgb[1], (size_t)T * SIZE) / n;
        view_db += fidelity(&s[1], index, crop, rgb[1]) / n;
    }
    const double jpeg = median(ms[0], n), raw = median(ms[1], n), copy = median(ms[2], n);
    const double video = median(ms[6], n);
    printf("{\"bench\": \"access\", \"from\": \"jpeg\", \"bytes_per_frame\": %.0f, \"ms\": %.2f, "
           "\"ms_normalised\": %.2f, \"psnr_db\": %.1f, \"faster_than_video\": %.1f}\n",
           s[0].frame_bytes, jpeg, median(ms[3], n), jpeg_db, video / jpeg);
    printf("{\"bench\": \"access\", \"from\": \"raw\", \"bytes_per_frame\": %.0f, \"ms\": %.2f, "
           "\"ms_normalised\": %.2f, \"psnr_of_views_db\": %.1f, \"faster_than_video\": %.1f}\n",
           s[1].frame_bytes, raw, median(ms[4], n), view_db, video / raw);
    printf("{\"bench\": \"access\", \"from\": \"copy\", \"bytes_per_frame\": %.0f, \"ms\": %.2f, "
           "\"ms_normalised\": %.2f, \"faster_than_video\": %.1f}\n", s[2].frame_bytes, copy,
           median(ms[5], n), video / copy);
    printf("{\"bench\": \"access\", \"from\": \"%s\", \"bytes_per_frame\": %.0f, \"ms\": %.2f}\n",
           d.codec->codec->name, (double)avio_size(d.format->pb) / d.frames, video);
    char *command = vs_strf("rm -rf '%s'", dir);
    return system(command) != 0;
}
