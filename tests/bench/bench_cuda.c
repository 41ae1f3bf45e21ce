/* The trainer's large operations alone on a GPU: JSON lines, the median of five turns.
 *
 * "large product": 8192 x 8192 by 8192 x 8192, what this GPU reaches at best; "large copy": a pass
 * over 1 GB. Then the shapes of base with 64 clips (pre-training: encoder of the visible tokens,
 * decoder of all; fine-tuning: 32 clips, all tokens) and of small. A turn queues as many calls as
 * fill 20 ms and waits once.
 *
 * Usage: bench_cuda [bf16|fp32] [--tiny]     --tiny: sizes for a stand-in of a GPU */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "train/ops/ops.h"

enum { TURNS = 5 };

struct linear { const char *of; int N, C, K; };
static const struct linear linear[] = {
    { "large product", 8192, 8192, 8192 },
    { "base qkv", 25088, 768, 2304 }, { "base hidden", 25088, 768, 3072 },
    { "base back", 25088, 3072, 768 }, { "base decoder hidden", 100352, 384, 1536 },
    { "base pixels", 75264, 384, 1536 }, { "base fine-tuning hidden", 50176, 768, 3072 },
    { "small hidden", 25088, 384, 1536 }, { "small decoder hidden", 100352, 192, 768 },
};
static const struct linear tiny_linear[] = { { "large product", 64, 64, 64 } };

struct heads { const char *of; int B, S, H, D; };
static const struct heads heads[] = {
    { "base", 64, 392, 12, 64 }, { "base decoder", 64, 1568, 6, 64 },
    { "base fine-tuning", 32, 1568, 12, 64 }, { "small decoder", 64, 1568, 3, 64 },
};
static const struct heads tiny_heads[] = { { "base", 1, 32, 2, 16 } };

/* Where every operation finds its operands. */
struct room {
    vs_device *dev;
    const vs_ops *ops;
    size_t bytes;                  /* of each */
    void *x, *y, *h, *dy, *w, *b;
    double *beyond;                /* a sum of squares just above 1: it clips by a factor of 1 */
};

typedef void run_fn(const struct room *r, const void *shape);

#define LINEAR const struct linear *const s = shape
#define HEADS const struct heads *const s = shape

static void fwd(const struct room *r, const void *shape)
{
    LINEAR;
    r->ops->matmul_fwd(r->dev, r->y, r->x, r->w, r->b, s->N, s->C, s->K);
}

static void gelu_fwd(const struct room *r, const void *shape)
{
    LINEAR;
    r->ops->matmul_gelu_fwd(r->dev, r->h, r->y, r->x, r->w, r->b, s->N, s->C, s->K);
}

static void bwd_x(const struct room *r, const void *shape)
{
    LINEAR;
    r->ops->matmul_bwd_x(r->dev, r->y, r->dy, r->w, s->N, s->C, s->K);
}

static void bwd_w(const struct room *r, const void *shape)
{
    LINEAR;
    r->ops->matmul_bwd_w(r->dev, r->h, r->b, r->dy, r->x, s->N, s->C, s->K);
}

static void attention(const struct room *r, const void *shape)
{
    HEADS;
    r->ops->attention_fwd(r->dev, r->y, r->b, r->x, s->B, s->S, s->H, s->D);
}

static void attention_back(const struct room *r, const void *shape)
{
    HEADS;
    r->ops->attention_bwd(r->dev, r->h, r->dy, r->y, r->x, r->b, s->B, s->S, s->H, s->D);
}

static void norm(const struct room *r, const void *shape)
{
    LINEAR;
    r->ops->layernorm_fwd(r->dev, r->y, r->b, (float *)r->b + s->N, r->x, r->w, r->w, 1e-6f, s->N,
                          s->C);
}

static void norm_back(const struct room *r, const void *shape)
{
    LINEAR;
    float *const sums = (float *)r->b + 2 * s->N;
    r->ops->layernorm_bwd(r->dev, r->h, sums, sums + s->C, r->dy, r->x, r->w, r->b,
                          (float *)r->b + s->N, s->N, s->C);
}

static void copy(const struct room *r, const void *shape)
{
    r->ops->clip(r->dev, r->x, r->beyond, 1.0f, *(const int64_t *)shape);
}

/* Seconds of one call: a turn is as many as fill 20 ms. */
static double seconds_of(run_fn *run, const struct room *r, const void *shape)
{
    double turn[TURNS];
    int calls = 1;
    for (int i = -2; i < TURNS; i++) {
        const double start = vs_now();
        for (int k = 0; k < calls; k++)
            run(r, shape);
        if (vs_device_sync(r->dev) != VS_OK)
            return 0.0;
        const double s = (vs_now() - start) / calls;
        if (i < 0) {
            calls = s < 0.02 ? (int)(0.02 / (s + 1e-6)) + 1 : 1;
            calls = i == -2 ? 1 : calls;           /* the first call made plans */
            continue;
        }
        int at = i;
        for (; at > 0 && turn[at - 1] > s; at--)
            turn[at] = turn[at - 1];
        turn[at] = s;
    }
    return turn[TURNS / 2];
}

static bool report(const char *name, const char *of, double seconds, double flops, double bytes)
{
    if (seconds <= 0.0) {
        fprintf(stderr, "bench_cuda: %s of %s: %s\n", name, of, vs_err_detail());
        return false;
    }
    printf("{\"operation\": \"%s\", \"of\": \"%s\", \"us\": %.2f, ", name, of, 1e6 * seconds);
    if (flops > 0.0)
        printf("\"tflops_per_s\": %.1f}\n", 1e-12 * flops / seconds);
    else
        printf("\"gb_per_s\": %.1f}\n", 1e-9 * bytes / seconds);
    fflush(stdout);
    return true;
}

static bool time_linear(const struct room *r, const struct linear *s, bool large, double narrow)
{
    static const struct { const char *name; run_fn *run; } of[] = {
        { "matmul_fwd", fwd }, { "matmul_gelu_fwd", gelu_fwd }, { "matmul_bwd_x", bwd_x },
        { "matmul_bwd_w", bwd_w },
    };
    const double flops = 2.0 * s->N * s->C * s->K, values = (double)s->N * s->C;
    bool fine = true;
    for (int i = 0; i < (large ? 1 : 4); i++)
        fine = fine && report(of[i].name, s->of, seconds_of(of[i].run, r, s), flops, 0.0);
    if (large)
        return fine;
    fine = fine && report("layernorm_fwd", s->of, seconds_of(norm, r, s), 0.0,
                          values * (4.0 + narrow));
    return fine && report("layernorm_bwd", s->of, seconds_of(norm_back, r, s), 0.0,
                          values * (12.0 + narrow));
}

static bool time_all(const struct room *r, bool tiny)
{
    const struct linear *const l = tiny ? tiny_linear : linear;
    const struct heads *const h = tiny ? tiny_heads : heads;
    const size_t n_linear = tiny ? 1 : sizeof(linear) / sizeof(*linear);
    const size_t n_heads = tiny ? 1 : sizeof(heads) / sizeof(*heads);
    const int64_t n = (int64_t)(r->bytes / sizeof(float));
    const double narrow = vs_device_precision(r->dev) == VS_BF16 ? 2.0 : 4.0;
    bool fine = report("clip", "large copy", seconds_of(copy, r, &n), 0.0, 8.0 * (double)n);
    for (size_t i = 0; fine && i < n_linear; i++)
        fine = time_linear(r, &l[i], i == 0, narrow);
    for (size_t i = 0; fine && i < n_heads; i++) {
        const double flops = 4.0 * h[i].B * h[i].H * h[i].S * (double)h[i].S * h[i].D;
        fine = report("attention_fwd", h[i].of, seconds_of(attention, r, &h[i]), flops, 0.0) &&
               report("attention_bwd", h[i].of, seconds_of(attention_back, r, &h[i]),
                      2.0 * flops, 0.0);
    }
    return fine;
}

/* Random values everywhere: a GPU is faster on zeros. As floats and as bfloat16, of size 1. */
static void fill(const struct room *r, void *at)
{
    enum { PIECE = 1 << 20 };
    const size_t piece = sizeof(float) * PIECE;
    float *const some = malloc(piece);
    vs_rng g = vs_rng_at(0, VS_RNG_TEST, (uint64_t)(uintptr_t)at);
    for (int i = 0; some && i < PIECE; i++) {
        const uint32_t u = vs_rng_u32(&g);
        const uint32_t halves = 0x3f003f00u | (u & 0x80ff80ffu);       /* 0.5 to 2, any sign */
        memcpy(&some[i], &halves, 4);
    }
    for (size_t k = 0; some && k < r->bytes; k += piece)
        vs_device_upload(r->dev, (char *)at + k, some,
                         r->bytes - k < piece ? r->bytes - k : piece);
    free(some);
}

int main(int argc, char **argv)
{
    bool wide = false, tiny = false;
    struct room r = { 0 };
    for (int i = 1; i < argc; i++) {
        wide |= strcmp(argv[i], "fp32") == 0;
        tiny |= strcmp(argv[i], "--tiny") == 0;
    }
    if (vs_device_open_cuda(&r.dev, 0) != VS_OK) {
        fprintf(stderr, "SKIPPED: %s\n", vs_err_detail());
        return 1;
    }
    vs_device_set_precision(r.dev, wide ? VS_FP32 : VS_BF16);
    r.ops = vs_ops_of(r.dev);
    r.bytes = tiny ? 1 << 20 : (size_t)1 << 30;
    void **const all[] = { &r.x, &r.y, &r.h, &r.dy, &r.w, &r.b };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        *all[i] = vs_device_alloc(r.dev, r.bytes);
        if (*all[i])
            fill(&r, *all[i]);
    }
    const double beyond = 1.0 + 1e-12;
    r.beyond = vs_device_alloc(r.dev, sizeof(beyond));
    if (r.beyond)
        vs_device_upload(r.dev, r.beyond, &beyond, sizeof(beyond));
    bool fine = vs_device_sync(r.dev) == VS_OK;
    if (!fine)
        fprintf(stderr, "bench_cuda: %s\n", vs_err_detail());
    fine = fine && time_all(&r, tiny);
    vs_device_close(&r.dev);
    return !fine;
}
