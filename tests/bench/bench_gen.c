/* Scenes drawn and videos encoded per second on one thread: JSON lines, one per stage and
 * per codec. Usage: bench_gen [SECONDS per line, 2 by default] */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "gen/encode.h"
#include "gen/motion.h"
#include "gen/scene/scene.h"

enum { SIZE = 256 };

static void must(vs_err err)
{
    if (err == VS_OK)
        return;
    fprintf(stderr, "bench_gen: %s\n", vs_err_detail());
    exit(1);
}

static void bench_draw(const vs_stage *stage, double limit, uint8_t *rgb, void *scratch)
{
    const double start = vs_now();
    double sampling = 0;
    long frames = 0, videos = 0;
    while (vs_now() - start < limit) {
        vs_scene scene;
        const double before = vs_now();
        must(vs_scene_sample(&scene, &stage->params, 0, (uint64_t)videos++));
        sampling += vs_now() - before;
        for (int f = 0; f < scene.frames; f += 4, frames++)
            vs_scene_draw(&scene, f, rgb, scratch);
        vs_scene_free(&scene);
    }
    const double drawing = vs_now() - start - sampling;
    printf("{\"bench\": \"draw\", \"stage\": \"%s\", \"size\": %d, \"objects\": %d, "
           "\"frames_per_s\": %.1f, \"frame_ms\": %.4f, \"sample_ms\": %.4f}\n",
           stage->name, stage->params.size, stage->params.objects, (double)frames / drawing,
           1e3 * drawing / (double)frames, 1e3 * sampling / (double)videos);
}

static void bench_encode(const char *name, vs_video_codec codec, double limit, uint8_t *rgb,
                         void *scratch)
{
    const vs_encode_options options = { SIZE, SIZE, 25, codec, 0 };
    const double start = vs_now();
    long frames = 0, videos = 0;
    int64_t bytes = 0;
    while (vs_now() - start < limit) {
        vs_scene scene;
        vs_encoder *encoder;
        int64_t size;
        must(vs_scene_sample(&scene, &vs_stage_find("accelerating-shapes")->params, 0,
                             (uint64_t)videos++));
        must(vs_encoder_open(&encoder, &options));
        for (int f = 0; f < scene.frames; f++, frames++) {
            vs_scene_draw(&scene, f, rgb, scratch);
            must(vs_encoder_frame(encoder, rgb));
        }
        must(vs_encoder_finish(&encoder, NULL, &size));
        bytes += size;
        vs_scene_free(&scene);
    }
    const double seconds = vs_now() - start;
    printf("{\"bench\": \"video\", \"stage\": \"accelerating-shapes\", \"codec\": \"%s\", "
           "\"videos_per_s\": %.2f, \"frames_per_s\": %.1f, \"bytes_per_frame\": %.0f}\n",
           name, (double)videos / seconds, (double)frames / seconds,
           (double)bytes / (double)frames);
}

static void bench_motion(double limit, uint8_t *rgb)
{
    enum { SMALL = 112 };
    void *scratch = malloc(vs_motion_scratch(SMALL));
    const double start = vs_now();
    long frames = 0;
    for (uint64_t i = 0; vs_now() - start < limit; i++) {
        vs_motion m;
        vs_motion_sample(&m, SMALL, true, 0, i);
        for (int f = 0; f < 80; f += 4, frames++)
            vs_motion_draw(&m, f, rgb, scratch);
    }
    printf("{\"bench\": \"draw\", \"stage\": \"motion\", \"size\": %d, \"frames_per_s\": %.1f}\n",
           SMALL, (double)frames / (vs_now() - start));
    free(scratch);
}

int main(int argc, char **argv)
{
    const double limit = argc > 1 ? strtod(argv[1], NULL) : 2;
    uint8_t *rgb = malloc(3 * SIZE * SIZE);
    void *scratch = malloc(vs_draw_scratch(SIZE));
    if (!rgb || !scratch || !(limit > 0))
        return 2;
    for (int i = 0; i < vs_stage_count(); i++)
        if (!vs_stage_at(i)->params.textured)
            bench_draw(vs_stage_at(i), limit, rgb, scratch);
    bench_motion(limit, rgb);
    bench_encode("mpeg4", VS_CODEC_MPEG4, limit, rgb, scratch);
    bench_encode("h264", VS_CODEC_H264, limit, rgb, scratch);
    bench_encode("lossless", VS_CODEC_LOSSLESS, limit, rgb, scratch);
    free(rgb);
    free(scratch);
    return 0;
}
