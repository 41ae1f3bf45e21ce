/* Seconds per clip of 16 x 224 x 224 for every corruption, one thread: JSON lines, the
 * slowest severity of each. Usage: bench_corrupt [NAME] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "eval/robust.h"

enum { T = 16, H = 224, W = 224, N = T * H * W * 3 };

/* Smooth waves and some noise, as the content of video mostly is. */
static uint8_t *make_clip(void)
{
    uint8_t *clip = vs_new(N);
    vs_rng r = vs_rng_at(0, VS_RNG_TEST, 0);
    for (int i = 0; i < N; i++) {
        const int x = i / 3 % W, y = i / 3 / W % H, t = i / 3 / W / H;
        clip[i] = (uint8_t)(128 + 100 * sin(x * .05 + t) * cos(y * .03) + vs_rng_below(&r, 16));
    }
    return clip;
}

static double seconds(const vs_corrupter *c, uint8_t *out, const uint8_t *clip)
{
    double best = 1e9;
    for (int k = 0; k < 3; k++) {
        const double start = vs_now();
        int frames;
        if (vs_corrupter_run(c, out, &frames, clip, T, H, W, (uint64_t)k, NULL) != VS_OK)
            exit(1);
        const double took = vs_now() - start;
        best = took < best ? took : best;
    }
    return best;
}

int main(int argc, char **argv)
{
    uint8_t *clip = make_clip(), *out = vs_new(N);
    for (int i = 0; i < vs_corruption_count(); i++) {
        const vs_corruption *corruption = vs_corruption_at(i);
        double slowest = 0, prepare = 0;
        int severity = 0;
        const bool asked = argc < 2 || strcmp(argv[1], corruption->name) == 0;
        if (!asked || vs_corruption_missing(corruption))
            continue;
        for (int s = 1; s <= VS_SEVERITIES; s++) {
            vs_corrupter *c;
            const double start = vs_now();
            if (vs_corrupter_open(&c, corruption, s, NULL) != VS_OK)
                exit(1);
            const double opened = vs_now() - start, took = seconds(c, out, clip);
            vs_corrupter_close(&c);
            prepare = opened > prepare ? opened : prepare;
            severity = took > slowest ? s : severity;
            slowest = took > slowest ? took : slowest;
        }
        printf("{\"bench\": \"corrupt\", \"name\": \"%s\", \"clip\": \"16x224x224\", "
               "\"threads\": 1, \"severity\": %d, \"seconds\": %.4f, \"prepare_seconds\": %.4f}\n",
               corruption->name, severity, slowest, prepare);
    }
    free(clip);
    free(out);
    return 0;
}
