/* CPU time of the trainer's large operations, one thread: JSON lines, the best of ten turns.
 *
 * CPU time and the best turn, because others may load the machine: two builds are compared by
 * running their programs in turns. Shapes are those of `vsyn-train bench`: base and small with
 * two clips (encoder of the visible tokens, decoder of all), and micro with sixteen.
 *
 * Usage: bench_ops [bf16|fp32] [OPERATION] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/ops/ops.h"

enum { TURNS = 10, MOST = 3136 * 3072 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct linear { const char *of; int N, C, K; };
static const struct linear linear[] = {
    { "base", 784, 768, 3072 }, { "base decoder", 3136, 384, 1536 },
    { "small decoder", 3136, 192, 768 }, { "micro decoder", 2048, 48, 192 },
};
struct heads { const char *of; int B, S, H, D; };
static const struct heads heads[] = {
    { "base", 2, 392, 12, 64 }, { "base decoder", 2, 1568, 6, 64 },
    { "small decoder", 2, 1568, 3, 64 }, { "micro decoder", 16, 128, 3, 16 },
};

/* Buffers that every operation finds its operands in: values of vs_narrow, of float. */
struct room {
    vs_device *dev;
    const vs_ops *ops;
    void *narrow[4];
    float *wide[4];
};

static void run_linear(const struct room *r, int kind, const struct linear *s)
{
    const vs_ops *const o = r->ops;
    void *const *const n = r->narrow;
    float *const *const w = r->wide;
    const int N = s->N, C = s->C, K = s->K;
    switch (kind) {
    case 0: o->matmul_fwd(r->dev, n[1], n[0], w[0], w[1], N, C, K); break;
    case 1: o->matmul_add_fwd(r->dev, w[2], n[0], w[0], w[1], w[3], NULL, N, N, K, C); break;
    case 2: o->matmul_gelu_fwd(r->dev, n[1], n[2], n[0], w[0], w[1], N, C, K); break;
    case 3: o->matmul_bwd_x(r->dev, n[1], n[0], w[0], N, C, K); break;
    case 4: o->matmul_gelu_bwd(r->dev, n[1], n[2], n[0], w[0], n[3], N, K, C); break;
    case 5: o->matmul_bwd_w(r->dev, w[2], w[3], n[0], n[3], N, C, K); break;
    case 6: o->layernorm_fwd(r->dev, n[1], w[2], w[3], w[0], w[1], w[1], 1e-6f, N, C); break;
    default: o->layernorm_bwd(r->dev, w[2], w[3], w[3] + C, n[0], w[0], w[1], w[1] + C,
                              w[1] + C + N, N, C);
    }
}

static void report(const char *name, const char *of, const double *seconds, double flops)
{
    double best = seconds[0];
    for (int i = 1; i < TURNS; i++)
        best = seconds[i] < best ? seconds[i] : best;
    printf("{\"operation\": \"%s\", \"of\": \"%s\", \"ms\": %.4f, \"gflops_per_s\": %.1f}\n",
           name, of, 1e3 * best, 1e-9 * flops / best);
    fflush(stdout);
}

static void time_linear(const struct room *r, const char *only)
{
    static const char *const name[] = { "matmul_fwd", "matmul_add_fwd", "matmul_gelu_fwd",
        "matmul_bwd_x", "matmul_gelu_bwd", "matmul_bwd_w", "layernorm_fwd", "layernorm_bwd" };
    for (int kind = 0; kind < 8; kind++)
        for (size_t i = 0; i < sizeof(linear) / sizeof(*linear); i++) {
            const struct linear *const s = &linear[i];
            double seconds[TURNS];
            if (only && strcmp(only, name[kind]) != 0)
                continue;
            run_linear(r, kind, s);
            for (int turn = 0; turn < TURNS; turn++) {
                const double start = now();
                run_linear(r, kind, s);
                seconds[turn] = now() - start;
            }
            report(name[kind], s->of, seconds, kind < 6 ? 2.0 * s->N * s->C * s->K : 0.0);
        }
}

static void time_attention(const struct room *r, const char *only)
{
    for (int back = 0; back < 2; back++)
        for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
            const struct heads s = heads[i];
            const char *const name = back ? "attention_bwd" : "attention_fwd";
            double seconds[TURNS];
            if (only && strcmp(only, name) != 0)
                continue;
            r->ops->attention_fwd(r->dev, r->narrow[1], r->wide[0], r->narrow[0], s.B, s.S, s.H,
                                  s.D);
            for (int turn = 0; turn < TURNS; turn++) {
                const double start = now();
                if (back)
                    r->ops->attention_bwd(r->dev, r->narrow[2], r->narrow[3], r->narrow[1],
                                          r->narrow[0], r->wide[0], s.B, s.S, s.H, s.D);
                else
                    r->ops->attention_fwd(r->dev, r->narrow[1], r->wide[0], r->narrow[0], s.B,
                                          s.S, s.H, s.D);
                seconds[turn] = now() - start;
            }
            report(name, s.of, seconds, (back ? 8.0 : 4.0) * s.B * s.H * s.S * s.S * s.D);
        }
}

static void time_adamw(const struct room *r, const char *only)
{
    const vs_adamw_args a = { 1e-5f, 0.9f, 0.95f, 1e-8f, 0.05f, 3 };
    double seconds[TURNS];
    if (only && strcmp(only, "adamw") != 0)
        return;
    for (int turn = 0; turn < TURNS; turn++) {
        const double start = now();
        r->ops->adamw(r->dev, r->wide[0], r->wide[1], r->wide[2], r->wide[3], &a, MOST);
        seconds[turn] = now() - start;
    }
    report("adamw", "9.6 million values", seconds, 0.0);
}

int main(int argc, char **argv)
{
    const bool wide = argc > 1 && strcmp(argv[1], "fp32") == 0;
    const char *const only = argc > 2 ? argv[2] : NULL;
    struct room r = { .ops = wide ? &vs_ops_cpu : &vs_ops_cpu_bf16 };
    vs_rng g = vs_rng_at(0, VS_RNG_TEST, 0);
    if (vs_device_open_cpu(&r.dev, 1) != VS_OK)
        return 1;
    for (int i = 0; i < 4; i++) {
        r.narrow[i] = (char *)vs_device_alloc(r.dev, sizeof(float) * MOST + 8192) + 832 * i;
        r.wide[i] = vs_device_alloc(r.dev, sizeof(float) * MOST);
        for (int64_t j = 0; r.wide[i] && r.narrow[i] && j < MOST; j++) {
            const float x = vs_rng_f32(&g) * 2.0f - 1.0f;
            uint32_t bits;
            memcpy(&bits, &x, 4);
            r.wide[i][j] = i == 2 ? x * x : x;
            if (wide)
                ((float *)r.narrow[i])[j] = x;
            else
                ((vs_bf16 *)r.narrow[i])[j] = (vs_bf16)(bits >> 16);
        }
    }
    if (vs_device_sync(r.dev) != VS_OK)
        return 1;
    time_linear(&r, only);
    time_attention(&r, only);
    time_adamw(&r, only);
    vs_device_close(&r.dev);
    return 0;
}
