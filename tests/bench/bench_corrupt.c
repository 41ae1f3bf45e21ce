/* CPU seconds per clip of 16 x 224 x 224 for every corruption, one thread, the slowest severity of
 * each, beside the Python reference where its cost was measured (../shared/golden/corrupt; for
 * weather the published formulas in NumPy, SciPy and OpenCV on one thread): JSON lines, or with
 * "table" the table of the README. Usage: bench_corrupt [table] [NAME] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

static const struct reference {
    const char *name;
    double low, high;              /* seconds */
} references[] = {
    { "gaussian_noise", .04, .05 }, { "shot_noise", .12, .13 },   { "impulse_noise", .04, .05 },
    { "speckle_noise", .04, .05 },  { "defocus_blur", .07, .09 }, { "motion_blur", .77, .96 },
    { "zoom_blur", 1.2, 1.3 },      { "glass_blur", 8, 12.5 },    { "jpeg", .007, .009 },
    { "rotate", .0025, .0025 },     { "translate", .007, .007 },  { "rain", .04, .044 },
    { "fog", .011, .016 },          { "snow", .074, .08 },        { "spatter", .043, .116 },
    { "elastic", .244, 1.059 },     { "temporal_motion_blur", .006, .019 },
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds(const vs_corrupter *c, uint8_t *out, const uint8_t *clip)
{
    double best = 1e9;
    for (int k = 0; k < 5; k++) {
        const double start = cpu_seconds();
        int frames;
        if (vs_corrupter_run(c, out, &frames, clip, T, H, W, (uint64_t)k, NULL) != VS_OK)
            exit(1);
        const double took = cpu_seconds() - start;
        best = took < best ? took : best;
    }
    return best;
}

struct row {
    int severity;
    double slowest, prepare;
};

static struct row measure(const vs_corruption *corruption, uint8_t *out, const uint8_t *clip)
{
    struct row r = { 0 };
    for (int s = 1; s <= VS_SEVERITIES; s++) {
        vs_corrupter *c;
        const double start = cpu_seconds();
        if (vs_corrupter_open(&c, corruption, s, NULL) != VS_OK)
            exit(1);
        const double opened = cpu_seconds() - start, took = seconds(c, out, clip);
        vs_corrupter_close(&c);
        r.prepare = opened > r.prepare ? opened : r.prepare;
        r.severity = took > r.slowest ? s : r.severity;
        r.slowest = took > r.slowest ? took : r.slowest;
    }
    return r;
}

static const struct reference *reference_of(const char *name)
{
    for (size_t i = 0; i < sizeof(references) / sizeof(*references); i++)
        if (strcmp(references[i].name, name) == 0)
            return &references[i];
    return NULL;
}

static void print_table(const char *name, struct row r, const struct reference *known)
{
    printf("| %s | %.1f |", name, 1e3 * r.slowest);
    if (known && known->low < known->high)
        printf(" %g .. %g |\n", 1e3 * known->low, 1e3 * known->high);
    else if (known)
        printf(" %g |\n", 1e3 * known->low);
    else
        printf(" |\n");
}

static void print_json(const char *name, struct row r, const struct reference *known)
{
    printf("{\"bench\": \"corrupt\", \"name\": \"%s\", \"clip\": \"16x224x224\", "
           "\"threads\": 1, \"severity\": %d, \"cpu_seconds\": %.4f, \"prepare_seconds\": %.4f",
           name, r.severity, r.slowest, r.prepare);
    if (known)
        printf(", \"reference_seconds\": [%g, %g]", known->low, known->high);
    printf("}\n");
}

int main(int argc, char **argv)
{
    const bool table = argc > 1 && strcmp(argv[1], "table") == 0;
    const char *only = argc > 1 + table ? argv[1 + table] : NULL;
    uint8_t *clip = make_clip(), *out = vs_new(N);
    if (table)
        printf("| corruption | ms of CPU | the Python reference |\n|---|---|---|\n");
    for (int i = 0; i < vs_corruption_count(); i++) {
        const vs_corruption *corruption = vs_corruption_at(i);
        if ((only && strcmp(only, corruption->name) != 0) || vs_corruption_missing(corruption))
            continue;
        const struct row r = measure(corruption, out, clip);
        (table ? print_table : print_json)(corruption->name, r, reference_of(corruption->name));
        fflush(stdout);
    }
    free(clip);
    free(out);
    return 0;
}
