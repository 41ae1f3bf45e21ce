/* Milliseconds per training sample from a store, one thread: 16 frames at stride 4 from a
 * random place, a random crop resampled to 224 x 224. One JSON line.
 * Usage: bench_store STORE [SAMPLES]      a store made by vsyn-ingest
 *        bench_store                      a store of waves and noise, 340 x 256, in $TMPDIR */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "ingest/store/store.h"

enum { T = 16, STRIDE = 4, SIDE = 224, CLIPS = 8, FRAMES = 128, W = 340, H = 256 };

static void try_or_exit(vs_err err)
{
    if (err == VS_OK)
        return;
    fprintf(stderr, "bench_store: %s\n", vs_err_detail());
    exit(1);
}

static void make_store(const char *path)
{
    vs_writer *w;
    vs_clip_writer *clip;
    int64_t set;
    uint8_t *rgb = vs_new((size_t)W * H * 3);
    vs_rng r = vs_rng_at(0, VS_RNG_TEST, 0);
    try_or_exit(vs_writer_open(&w, path, NULL));
    try_or_exit(vs_writer_dataset(&set, w, "bench", NULL, 0));
    for (int c = 0; c < CLIPS; c++) {
        char name[16];
        snprintf(name, sizeof(name), "%d", c);
        const vs_clip_info info = { .dataset = set, .name = name, .W = W, .H = H, .fps = 25 };
        try_or_exit(vs_clip_begin(&clip, w, &info));
        for (int f = 0; f < FRAMES; f++) {
            for (int i = 0; i < W * H * 3; i++)
                rgb[i] = (uint8_t)(128 + 90 * sin(i / 3 % W * .11 + f) * cos(i / 3 / W * .13 + c) +
                                   vs_rng_below(&r, 24));
            try_or_exit(vs_clip_frame(clip, rgb));
        }
        try_or_exit(vs_clip_commit(&clip, NULL));
    }
    try_or_exit(vs_writer_close(&w));
    free(rgb);
}

/* A window of T frames; short clips repeat their last frame. */
static double one_sample(vs_reader *reader, const vs_clip *clip, vs_rng *r, uint8_t *out)
{
    int index[T];
    const int span = (T - 1) * STRIDE + 1;
    const int start = clip->frames > span ? (int)vs_rng_below(r, (uint32_t)(clip->frames - span))
                                          : 0;
    for (int t = 0; t < T; t++) {
        const int f = start + t * STRIDE;
        index[t] = f < clip->frames ? f : clip->frames - 1;
    }
    const double side = fmin(clip->W, clip->H) * vs_rng_uniform(r, 0.66, 1);
    const vs_rect crop = { vs_rng_uniform(r, 0, clip->W - side),
                           vs_rng_uniform(r, 0, clip->H - side), side, side };
    const double begun = vs_now();
    try_or_exit(vs_reader_frames(reader, clip, index, T, crop, SIDE, SIDE, false, out));
    return 1000 * (vs_now() - begun);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    char *made = NULL;
    if (argc < 2) {
        const char *tmp = getenv("TMPDIR");
        made = vs_strf("%s/vsyn-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp");
        if (!mkdtemp(made))
            return 1;
        make_store(made);
    }
    const int n = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 200;
    vs_store *store;
    vs_split split;
    vs_reader *reader;
    const double begun = vs_now();
    try_or_exit(vs_store_open(&store, made ? made : argv[1]));
    const double opened = vs_now() - begun;
    try_or_exit(vs_store_split(&split, store, NULL));
    try_or_exit(vs_reader_open(&reader, store));
    uint8_t *out = vs_new((size_t)T * SIDE * SIDE * 3);
    double *ms = vs_new(sizeof(*ms) * (size_t)(n > 0 ? n : 1)), sum = 0;
    vs_rng r = vs_rng_at(1, VS_RNG_TEST, 0);
    for (int i = 0; i < n; i++)
        sum += ms[i] = one_sample(reader, &split.clip[i % split.n], &r, out);
    qsort(ms, (size_t)n, sizeof(*ms), by_value);
    printf("{\"bench\": \"store\", \"sample\": \"16x224x224 stride 4\", \"clips\": %d, "
           "\"samples\": %d, \"open_ms\": %.2f, \"ms_per_sample\": %.2f, \"ms_median\": %.2f, "
           "\"ms_min\": %.2f}\n",
           split.n, n, 1000 * opened, sum / n, ms[n / 2], ms[0]);
    vs_reader_close(&reader);
    vs_split_free(&split);
    vs_store_close(&store);
    if (made) {
        char *command = vs_strf("rm -rf '%s'", made);
        if (system(command) != 0)
            return 1;
        free(command);
    }
    free(made);
    free(ms);
    free(out);
    return 0;
}
