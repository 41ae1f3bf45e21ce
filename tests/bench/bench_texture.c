/* Textured stages: JSON lines. Usage: bench_texture [VIDEOS per stage, 6 by default] [SLOPES.svg]
 *
 *     make      CPU seconds that one texture of 256x256 takes
 *     video     each textured stage on one thread, mpeg4, videos of 150 frames of 256x256: sample,
 *               draw, encode, mux; per CPU second. x_reference is against 0.007 videos/s, the
 *               figure of the Python reference
 *     slopes    how the measured spectrum slopes of 100 statistical textures are spread, in
 *               steps of 0.25 from 0; SLOPES.svg is their picture
 *
 * The bank of each stage has 32 textures; those of accelerating-images are statistical ones (what
 * a bank was made from does not change how it is drawn). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "gen/encode.h"
#include "gen/scene/scene.h"
#include "gen/texture/make.h"
#include "gen/texture/pyramid.h"

enum { SIZE = 256, FRAMES = 150, BANK = 32, SLOPES = 100, BINS = 16 };

static void must(vs_err err)
{
    if (err == VS_OK)
        return;
    fprintf(stderr, "bench_texture: %s\n", vs_err_detail());
    exit(1);
}

/* Seconds of this thread on a CPU. */
static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static vs_textures *make_bank(const char *from)
{
    vs_textures *bank;
    vs_maker *maker;
    uint8_t *rgb = vs_new(3 * SIZE * SIZE);
    must(vs_textures_new(&bank, BANK, SIZE));
    must(vs_maker_new(&maker, vs_texture_kind_of(from), SIZE));
    const double start = cpu_now();
    for (int i = 0; i < BANK; i++) {
        must(vs_maker_make(maker, rgb, 0, (uint64_t)i));
        vs_textures_set(bank, i, rgb);
    }
    printf("{\"bench\": \"make\", \"kind\": \"%s\", \"size\": %d, \"texture_s\": %.4f}\n", from,
           SIZE, (cpu_now() - start) / BANK);
    vs_maker_free(&maker);
    free(rgb);
    return bank;
}

static void generate(const vs_scene *scene, double *drawing, void *scratch)
{
    const vs_encode_options options = { SIZE, SIZE, 25, VS_CODEC_MPEG4, 0 };
    vs_encoder *encoder;
    int64_t bytes;
    must(vs_encoder_open(&encoder, &options));
    for (int f = 0; f < FRAMES; f++) {
        vs_yuv420 to;
        must(vs_encoder_planes(encoder, &to));
        const vs_picture out = { VS_LAYOUT_YUV420, { to.plane[0], to.plane[1], to.plane[2] },
                                 { to.stride[0], to.stride[1], to.stride[2] } };
        const double before = cpu_now();
        vs_scene_draw_to(&out, scene, f, scratch);
        *drawing += cpu_now() - before;
        must(vs_encoder_push(encoder));
    }
    must(vs_encoder_finish(&encoder, NULL, &bytes));
}

static void bench_stage(const char *stage, const vs_textures *bank, int videos)
{
    void *scratch = vs_new(vs_draw_scratch(SIZE));
    const double start = cpu_now();
    double drawing = 0;
    for (int v = 0; v < videos; v++) {
        vs_scene_params params = vs_stage_find(stage)->params;
        params.frames_lo = params.frames_hi = FRAMES;
        params.textures = bank;
        vs_scene scene;
        must(vs_scene_sample(&scene, &params, 0, (uint64_t)v));
        generate(&scene, &drawing, scratch);
        vs_scene_free(&scene);
    }
    const double each = (cpu_now() - start) / videos;
    printf("{\"bench\": \"video\", \"stage\": \"%s\", \"codec\": \"mpeg4\", "
           "\"videos_per_s\": %.2f, \"draw_ms\": %.4f, \"x_reference\": %.0f}\n", stage, 1 / each,
           1e3 * drawing / (videos * FRAMES), 1 / each / 0.007);
    free(scratch);
}

static void write_svg(const char *path, const int count[BINS])
{
    enum { W = 420, H = 170, LEFT = 30, BASE = 140, STEP = 24 };
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        exit(1);
    }
    int most = 1;
    for (int b = 0; b < BINS; b++)
        most = count[b] > most ? count[b] : most;
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
               "font-family=\"sans-serif\" font-size=\"11\">\n"
               "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", W, H);
    for (int b = 0; b < BINS; b++) {
        const int h = count[b] * 110 / most, x = LEFT + b * STEP;
        fprintf(f, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"#3b6ea5\"/>\n", x + 1,
                BASE - h, STEP - 2, h);
        if (b % 2 == 0)
            fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%.1f</text>\n", x,
                    BASE + 14, 0.25 * b);
    }
    fprintf(f, "<text x=\"%d\" y=\"18\">measured slopes of %d statistical textures; drawn from "
               "U(0.5, 3.5)</text>\n</svg>\n", LEFT, SLOPES);
    fclose(f);
}

static void bench_slopes(const char *svg)
{
    int count[BINS] = { 0 };
    vs_maker *maker;
    vs_pyramid *p;
    uint8_t *rgb = vs_new(3 * SIZE * SIZE);
    float *x = vs_new(sizeof(*x) * SIZE * SIZE);
    must(vs_maker_new(&maker, VS_TEXTURE_STATISTICAL, SIZE));
    must(vs_pyramid_new(&p, SIZE, 4));
    for (int i = 0; i < SLOPES; i++) {
        must(vs_maker_make(maker, rgb, 1, (uint64_t)i));
        for (int k = 0; k < SIZE * SIZE; k++)
            x[k] = (float)(rgb[3 * k] + rgb[3 * k + 1] + rgb[3 * k + 2]);
        const int bin = (int)(vs_spectrum_slope(p, x) / 0.25);
        count[bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin]++;
    }
    printf("{\"bench\": \"slopes\", \"textures\": %d, \"count\": [", SLOPES);
    for (int b = 0; b < BINS; b++)
        printf("%s%d", b ? ", " : "", count[b]);
    printf("]}\n");
    if (svg)
        write_svg(svg, count);
    vs_pyramid_free(&p);
    vs_maker_free(&maker);
    free(rgb);
    free(x);
}

int main(int argc, char **argv)
{
    const int videos = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 6;
    if (videos < 1)
        return 2;
    vs_textures *statistical = make_bank("statistical"), *stylegan = make_bank("stylegan");
    bench_stage("accelerating-textures", statistical, videos);
    bench_stage("accelerating-stylegan", stylegan, videos);
    bench_stage("accelerating-images", statistical, videos);
    vs_textures_free(&statistical);
    vs_textures_free(&stylegan);
    bench_slopes(argc > 2 ? argv[2] : NULL);
    return 0;
}
