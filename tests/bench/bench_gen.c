/* How fast scenes become videos: JSON lines. Usage: bench_gen [VIDEOS per stage, 8 by default]
 *
 *     draw      milliseconds a frame, to RGB and to YUV planes, on one thread
 *     video     each flat stage on one thread, for each codec: generation (sample, draw, convert,
 *               encode, mux) against encoding alone: the same encoder, settings and frames, which
 *               lie in memory as YUV (lossless: RGB) before the clock starts, and the same MP4
 *               muxer. Video by video, one after the other; CPU seconds, so that other load on
 *               the machine counts little. ratio = videos/s of generation / of encoding alone
 *     threads   generation of one stage by 1 and by 2 threads, seconds by the clock
 *
 * videos_per_s are of 150 frames; x_reference: times the Python reference on one core, whose
 * flat stages make 0.31 to 0.77 of them; first against its fastest, then against its slowest. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "gen/encode.h"
#include "gen/motion.h"
#include "gen/scene/scene.h"

enum { SIZE = 256, AREA = SIZE * SIZE, FRAMES = 150 };
static const double REFERENCE[2] = { 0.77, 0.31 };

static const struct {
    const char *name;
    vs_video_codec codec;
} codecs[] = { { "mpeg4", VS_CODEC_MPEG4 }, { "h264", VS_CODEC_H264 },
               { "lossless", VS_CODEC_LOSSLESS } };

static void must(vs_err err)
{
    if (err == VS_OK)
        return;
    fprintf(stderr, "bench_gen: %s\n", vs_err_detail());
    exit(1);
}

/* Seconds of this thread on a CPU. */
static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static vs_scene open_scene(const char *stage, int64_t index)
{
    vs_scene_params params = vs_stage_find(stage)->params;
    params.frames_lo = params.frames_hi = FRAMES;
    vs_scene scene;
    must(vs_scene_sample(&scene, &params, 0, (uint64_t)index));
    return scene;
}

static void draw_yuv(const vs_scene *scene, int f, const vs_yuv420 *to, void *scratch)
{
    const vs_picture out = { VS_LAYOUT_YUV420, { to->plane[0], to->plane[1], to->plane[2] },
                             { to->stride[0], to->stride[1], to->stride[2] } };
    vs_scene_draw_to(&out, scene, f, scratch);
}

/* ---- Drawing -------------------------------------------------------------------------------- */

static void bench_draw(const char *stage, int videos, void *scratch)
{
    uint8_t *picture = vs_new(3 * AREA);
    const vs_yuv420 yuv = { { picture, picture + AREA, picture + AREA + AREA / 4 },
                            { SIZE, SIZE / 2, SIZE / 2 } };
    double sample = 0, seconds[2] = { 0, 0 };
    for (int v = 0; v < videos; v++) {
        const double start = cpu_now();
        vs_scene scene = open_scene(stage, v);
        sample += cpu_now() - start;
        for (int kind = 0; kind < 2; kind++) {
            const double before = cpu_now();
            for (int f = 0; f < FRAMES; f++)
                if (kind)
                    draw_yuv(&scene, f, &yuv, scratch);
                else
                    vs_scene_draw(&scene, f, picture, scratch);
            seconds[kind] += cpu_now() - before;
        }
        vs_scene_free(&scene);
    }
    const double frames = (double)videos * FRAMES;
    printf("{\"bench\": \"draw\", \"stage\": \"%s\", \"size\": %d, \"objects\": 500, "
           "\"rgb_ms\": %.4f, \"yuv_ms\": %.4f, \"sample_ms\": %.4f}\n", stage, SIZE,
           1e3 * seconds[0] / frames, 1e3 * seconds[1] / frames, 1e3 * sample / videos);
    free(picture);
}

static void bench_motion(int videos)
{
    enum { SMALL = 112 };
    uint8_t *rgb = vs_new(3 * SMALL * SMALL);
    void *scratch = vs_new(vs_motion_scratch(SMALL));
    const double start = cpu_now();
    for (int v = 0; v < videos; v++) {
        vs_motion m;
        vs_motion_sample(&m, SMALL, true, 0, (uint64_t)v);
        for (int f = 0; f < 80; f++)
            vs_motion_draw(&m, f, rgb, scratch);
    }
    printf("{\"bench\": \"draw\", \"stage\": \"motion\", \"size\": %d, \"rgb_ms\": %.4f}\n", SMALL,
           1e3 * (cpu_now() - start) / (80 * videos));
    free(scratch);
    free(rgb);
}

/* ---- Videos --------------------------------------------------------------------------------- */

/* As vsyn-gen makes it. Returns the bytes of the file. */
static int64_t generate(const char *stage, int64_t index, vs_video_codec codec, uint8_t *rgb,
                        void *scratch)
{
    const vs_encode_options options = { SIZE, SIZE, 25, codec, 0 };
    vs_scene scene = open_scene(stage, index);
    vs_encoder *encoder;
    int64_t bytes;
    must(vs_encoder_open(&encoder, &options));
    const bool still = vs_scene_is_still(&scene), yuv = vs_encoder_takes_yuv(encoder);
    for (int f = 0; f < FRAMES; f++) {
        vs_yuv420 to;
        const bool draw = f == 0 || !still;
        if (yuv) {
            if (draw) {
                must(vs_encoder_planes(encoder, &to));
                draw_yuv(&scene, f, &to, scratch);
            }
            must(vs_encoder_push(encoder));
        } else {
            if (draw)
                vs_scene_draw(&scene, f, rgb, scratch);
            must(vs_encoder_frame(encoder, rgb));
        }
    }
    must(vs_encoder_finish(&encoder, NULL, &bytes));
    vs_scene_free(&scene);
    return bytes;
}

/* (FRAMES, 3 * AREA): what the encoder is given, and nothing to compute. */
static void prepare(uint8_t *frames, const char *stage, int64_t index, bool yuv, void *scratch)
{
    vs_scene scene = open_scene(stage, index);
    for (int f = 0; f < FRAMES; f++) {
        uint8_t *p = frames + (size_t)f * 3 * AREA;
        const vs_yuv420 to = { { p, p + AREA, p + AREA + AREA / 4 },
                               { SIZE, SIZE / 2, SIZE / 2 } };
        if (yuv)
            draw_yuv(&scene, f, &to, scratch);
        else
            vs_scene_draw(&scene, f, p, scratch);
    }
    vs_scene_free(&scene);
}

static int64_t encode_only(const uint8_t *frames, vs_video_codec codec)
{
    const vs_encode_options options = { SIZE, SIZE, 25, codec, 0 };
    vs_encoder *encoder;
    int64_t bytes;
    must(vs_encoder_open(&encoder, &options));
    for (int f = 0; f < FRAMES; f++) {
        const uint8_t *p = frames + (size_t)f * 3 * AREA;
        const uint8_t *const plane[3] = { p, p + AREA, p + AREA + AREA / 4 };
        const size_t stride[3] = { vs_encoder_takes_yuv(encoder) ? SIZE : 3 * SIZE, SIZE / 2,
                                   SIZE / 2 };
        must(vs_encoder_borrow(encoder, plane, stride));
    }
    must(vs_encoder_finish(&encoder, NULL, &bytes));
    return bytes;
}

typedef struct cost {
    double generate, encode;       /* CPU seconds */
    int64_t bytes;
} cost;

static void bench_video(const char *stage, int codec, int videos, void *scratch)
{
    uint8_t *frames = aligned_alloc(64, (size_t)FRAMES * 3 * AREA), *rgb = vs_new(3 * AREA);
    const bool yuv = codecs[codec].codec != VS_CODEC_LOSSLESS;
    cost sum = { 0 };
    for (int v = -1; v < videos; v++) {              /* the first one only warms up */
        prepare(frames, stage, v < 0 ? 0 : v, yuv, scratch);
        const double start = cpu_now();
        const int64_t bytes = generate(stage, v < 0 ? 0 : v, codecs[codec].codec, rgb, scratch);
        const double middle = cpu_now();
        const int64_t same = encode_only(frames, codecs[codec].codec);
        const double end = cpu_now();
        if (bytes != same)
            must(VS_FAIL(VS_ERR_CORRUPT, "%s: %lld and %lld bytes", stage, (long long)bytes,
                         (long long)same));
        if (v < 0)
            continue;
        sum.generate += middle - start;
        sum.encode += end - middle;
        sum.bytes += bytes;
    }
    printf("{\"bench\": \"video\", \"stage\": \"%s\", \"codec\": \"%s\", \"threads\": 1, "
           "\"videos_per_s\": %.2f, \"encode_only_videos_per_s\": %.2f, \"ratio\": %.3f, "
           "\"x_reference\": [%.1f, %.1f], \"bytes_per_frame\": %.0f}\n", stage, codecs[codec].name,
           videos / sum.generate, videos / sum.encode, sum.encode / sum.generate,
           videos / sum.generate / REFERENCE[0], videos / sum.generate / REFERENCE[1],
           (double)sum.bytes / (FRAMES * videos));
    fflush(stdout);
    free(frames);
    free(rgb);
}

/* ---- Threads -------------------------------------------------------------------------------- */

static void generate_one(void *ctx, int64_t k, int worker)
{
    void *const *scratch = ctx;
    generate("accelerating-shapes", k, VS_CODEC_MPEG4, NULL, scratch[worker]);
}

static double seconds_of(int threads, int videos, void *const scratch[2])
{
    vs_pool *pool;
    must(vs_pool_open(&pool, threads, 0));
    const double start = vs_now();
    vs_pool_each(pool, videos, generate_one, (void *)(uintptr_t)scratch);
    const double seconds = vs_now() - start;
    vs_pool_close(&pool);
    return seconds;
}

static void bench_threads(int videos, void *const scratch[2])
{
    double seconds[3] = { 0, 0, 0 };
    for (int round = 0; round < 2; round++)
        for (int threads = 1; threads <= 2; threads++)
            seconds[threads] += seconds_of(threads, 2 * videos, scratch);
    for (int threads = 1; threads <= 2; threads++)
        printf("{\"bench\": \"threads\", \"stage\": \"accelerating-shapes\", "
               "\"codec\": \"mpeg4\", \"threads\": %d, \"videos_per_s\": %.2f, "
               "\"speedup\": %.2f}\n", threads, 4 * videos / seconds[threads],
               seconds[1] / seconds[threads]);
}

int main(int argc, char **argv)
{
    static const char *const flat[] = { "static-circles", "moving-circles", "moving-shapes",
                                        "transforming-shapes", "accelerating-shapes" };
    const int videos = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 8;
    if (videos < 1)
        return 2;
    void *const scratch[2] = { vs_new(vs_draw_scratch(SIZE)), vs_new(vs_draw_scratch(SIZE)) };
    for (int k = 0; k < 5; k++)
        bench_draw(flat[k], videos, scratch[0]);
    bench_motion(videos);
    for (int c = 0; c < 3; c++)
        for (int k = 0; k < 5; k++)
            bench_video(flat[k], c, c ? 1 : videos, scratch[0]);
    bench_threads(videos, scratch);
    free(scratch[0]);
    free(scratch[1]);
    return 0;
}
