/* One case for each operation of the table (train/ops/ops.h). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "gen/scene/texture.h"
#include "tests/ops/parity.h"

#define CASE(op) static void run_##op(trial *t)

/* n[0] says whether the trial has the size of a model. */
#define SHAPE2(a, b) const int a = t->n[1], b = t->n[2]
#define SHAPE3(a, b, c) const int a = t->n[1], b = t->n[2], c = t->n[3]
#define SHAPE4(a, b, c, d) const int a = t->n[1], b = t->n[2], c = t->n[3], d = t->n[4]

/* ---- Clips ------------------------------------------------------------- */

/* B, stage, objects; side of the picture. What is in the crops: clip_of(). */
static const int drawn[][SIZES] = { { 0, 1, 0, 30, 64 }, { 0, 3, 4, 60, 48 }, { 0, 2, 5, 40, 70 },
                                    { 1, 4, 4, 500, 256 }, { 1, 2, 5, 500, 256 } };
static const char *const stages[] = { "static-circles", "moving-circles", "moving-shapes",
                                      "transforming-shapes", "accelerating-shapes",
                                      "accelerating-textures" };

static vs_scene_clip clip_of(int size, int b)
{
    const int w = size - b * (size / 7), h = size - (b + 1) % 3 * (size / 5);
    return (vs_scene_clip){ .seed = 11, .video = (uint64_t)b + ((uint64_t)b << 33),
                            .crop = { b ? size - w : 0, b % 2 ? (size - h) / 2 : 0, w, h },
                            .flip = b & 1 };
}

/* One for all trials: a device knows a bank by its address. */
static vs_textures *noise_textures(void)
{
    enum { n = 5, side = 40 };
    static vs_textures *bank;
    if (bank)
        return bank;
    uint8_t *const rgb = vs_new((size_t)3 * side * side);
    VS_ASSERT(vs_textures_new(&bank, n, side) == VS_OK);
    for (int i = 0; i < n; i++) {
        vs_rng r = vs_rng_at(3, VS_RNG_TEST, (uint64_t)i);
        for (int k = 0; k < 3 * side * side; k++)
            rgb[k] = (uint8_t)vs_rng_below(&r, 256);
        vs_textures_set(bank, i, rgb);
    }
    free(rgb);
    return bank;
}

CASE(draw_clips)
{
    enum { T = 3, H = 36, W = 44 };
    SHAPE4(B, stage, objects, size);
    vs_clip_form form = { .params = vs_stage_find(stages[stage])->params, .T = T, .H = H, .W = W };
    form.params.objects = objects;
    form.params.size = size;
    form.params.textures = form.params.textured ? noise_textures() : NULL;
    operand *const clip = in_bytes(t, "clip", B * (int64_t)sizeof(vs_scene_clip));
    operand *const index = in_ints(t, "index", (int64_t)B * T);
    for (int b = 0; b < B; b++) {
        const vs_scene_clip one = clip_of(size, b);
        memcpy((char *)clip->host + (size_t)b * sizeof(one), &one, sizeof(one));
        for (int k = 0; k < T; k++)
            ((int32_t *)index->host)[b * T + k] = 7 * b + 13 * k;
    }
    send(t, clip);
    send(t, index);
    operand *const frames = out_bytes(t, "frames", 3 * (int64_t)B * T * H * W);
    BOTH(t, draw_clips, AT(frames), &form, AT(clip), AT(index), B);
}

/* B, T, H, W */
static const int mixed[][SIZES] = { { 0, 1, 2, 3, 5 }, { 0, 2, 1, 7, 9 }, { 0, 5, 3, 16, 12 },
                                    { 1, 4, 16, 224, 224 } };

CASE(mix_clips)
{
    SHAPE4(B, T, H, W);
    operand *const blend = in_ints(t, "blend", 5 * (int64_t)B);
    for (int b = 0; b < B; b++) {
        const vs_blend one = b % 2 ? (vs_blend){ .keep = 65536 - 9973 * b }
                                   : (vs_blend){ 0, W / 4, H / 3, W / 2 + 1, H / 2 };
        memcpy((char *)blend->host + (size_t)b * sizeof(one), &one, sizeof(one));
    }
    send(t, blend);
    operand *const frames = in_out_bytes(t, "frames", 3 * (int64_t)B * T * H * W);
    BOTH(t, mix_clips, AT(frames), AT(blend), B, T, H, W);
}

/* ---- Tokens ------------------------------------------------------------ */

static const vs_grid grids[] = {
    { 4, 24, 16, 2, 8 }, { 16, 64, 64, 2, 16 }, { 16, 224, 224, 2, 16 },
};
/* B, S, grid; S 0: all, without an index. */
static const int patches[][SIZES] = {
    { 0, 1, 1, 0 }, { 0, 3, 5, 0 }, { 0, 2, 0, 0 }, { 0, 2, 32, 1 }, { 1, 2, 392, 2 },
};

static int tokens_of(const vs_grid *g)
{
    return g->T / g->tubelet * (g->H / g->patch) * (g->W / g->patch);
}

/* Each clip takes its own S of the N tokens, in order, as a mask gives them. */
static operand *index_of(trial *t, const char *name, int B, int S, int N)
{
    operand *const o = in_ints(t, name, (int64_t)B * S);
    for (int b = 0; b < B && !t->again; b++)
        for (int s = 0; s < S; s++)
            ((int32_t *)o->host)[b * S + s] = (int32_t)(((int64_t)s * N + b % (N / S)) / S) % N;
    send(t, o);
    return o;
}

static void run_patches(trial *t, bool target)
{
    SHAPE3(B, wanted, g);
    const vs_grid *const grid = &grids[g];
    const int N = tokens_of(grid), S = wanted ? wanted : N;
    const int64_t P = 3 * (int64_t)grid->tubelet * grid->patch * grid->patch;
    operand *const frames = in_bytes(t, "frames", 3 * (int64_t)B * grid->T * grid->H * grid->W);
    operand *const index = wanted ? index_of(t, "index", B, S, N) : NULL;
    if (target) {
        operand *const y = out(t, "t", B * S * P);
        BOTH(t, patch_target, AT(y), AT(frames), AT(index), B, S, grid);
    } else {
        operand *const y = out_narrow(t, "x", B * S * P);
        BOTH(t, patch_gather, AT(y), AT(frames), AT(index), B, S, grid);
    }
}

CASE(patch_gather) { run_patches(t, false); }
CASE(patch_target) { run_patches(t, true); }

/* B, S, C; positions of 2 S tokens. */
static const int positions[][SIZES] = { { 0, 1, 1, 1 }, { 0, 3, 5, 7 }, { 0, 2, 32, 96 },
                                        { 1, 4, 392, 768 } };

CASE(position_add)
{
    SHAPE3(B, S, C);
    operand *const index = index_of(t, "index", B, S, 2 * S);
    operand *const x = in_out(t, "x", (int64_t)B * S * C);
    operand *const pos = in(t, "pos", 2 * (int64_t)S * C);
    BOTH(t, position_add, AT(x), AT(pos), AT(index), B, S, C);
}

/* B, V, M, C */
static const int joins[][SIZES] = { { 0, 1, 1, 1, 1 }, { 0, 3, 2, 5, 7 }, { 0, 2, 32, 96, 48 },
                                    { 1, 4, 392, 1176, 384 } };

CASE(join_fwd)
{
    SHAPE4(B, V, M, C);
    const int64_t S = V + M;
    operand *const visible = index_of(t, "visible", B, V, (int)S);
    operand *const masked = index_of(t, "masked", B, M, (int)S);
    operand *const x = in(t, "x", (int64_t)B * V * C), *const token = in(t, "token", C);
    operand *const pos = in(t, "pos", S * C), *const y = out(t, "y", B * S * C);
    BOTH(t, join_fwd, AT(y), AT(x), AT(token), AT(pos), AT(visible), AT(masked), B, V, M, C);
}

CASE(join_bwd)
{
    SHAPE4(B, V, M, C);
    operand *const dy = in(t, "dy", (int64_t)B * (V + M) * C);
    operand *const dtoken = in_out(t, "dtoken", C);
    operand *const dx = out_narrow(t, "dx", (int64_t)B * V * C);
    BOTH(t, join_bwd, AT(dx), AT(dtoken), AT(dy), B, V, M, C);
}

CASE(tail_fwd)
{
    SHAPE4(B, V, M, C);
    operand *const x = in(t, "x", (int64_t)B * (V + M) * C);
    operand *const y = out(t, "y", (int64_t)B * M * C);
    BOTH(t, tail_fwd, AT(y), AT(x), B, V + M, M, C);
}

CASE(tail_bwd)
{
    SHAPE4(B, V, M, C);
    operand *const dy = in(t, "dy", (int64_t)B * M * C);
    operand *const dx = out(t, "dx", (int64_t)B * (V + M) * C);
    BOTH(t, tail_bwd, AT(dx), AT(dy), B, V + M, M, C);
}

/* ---- Linear layer ------------------------------------------------------------ */

/* N, C, K; rows of one clip where that counts: a third of N. */
static const int linear[][SIZES] = {
    { 0, 1, 1, 1 }, { 0, 3, 7, 5 }, { 0, 33, 8, 16 }, { 0, 66, 96, 48 }, { 0, 132, 72, 200 },
    { 0, 258, 1, 3 }, { 1, 783, 768, 3072 }, { 1, 3135, 384, 1536 }, { 1, 1176, 1536, 384 },
};

static int clip_rows(int N)
{
    return N % 3 ? N : N / 3;
}

CASE(matmul_fwd)
{
    SHAPE3(N, C, K);
    operand *const x = in_narrow(t, "x", (int64_t)N * C), *const w = in(t, "w", (int64_t)K * C);
    operand *const b = N % 2 ? in(t, "b", K) : NULL, *const y = out_narrow(t, "y", (int64_t)N * K);
    BOTH(t, matmul_fwd, AT(y), AT(x), AT(w), AT(b), N, C, K);
}

CASE(matmul_add_fwd)
{
    SHAPE3(N, C, K);
    const int S = clip_rows(N);
    operand *const x = in_narrow(t, "x", (int64_t)N * C), *const w = in(t, "w", (int64_t)K * C);
    operand *const b = N % 2 ? in(t, "b", K) : NULL;
    operand *const scale = N % 4 != 2 ? in(t, "scale", N / S) : NULL;
    if (C % 2) {
        operand *const r = C > 1 ? in(t, "r", (int64_t)N * K) : NULL;
        operand *const y = out(t, "y", (int64_t)N * K);
        BOTH(t, matmul_add_fwd, AT(y), AT(x), AT(w), AT(b), AT(r), AT(scale), S, N, C, K);
    } else {
        operand *const y = in_out(t, "y", (int64_t)N * K);
        BOTH(t, matmul_add_fwd, AT(y), AT(x), AT(w), AT(b), AT(y), AT(scale), S, N, C, K);
    }
}

CASE(matmul_gelu_fwd)
{
    SHAPE3(N, C, K);
    operand *const x = in_narrow(t, "x", (int64_t)N * C), *const w = in(t, "w", (int64_t)K * C);
    operand *const b = in(t, "b", K), *const h = out_narrow(t, "h", (int64_t)N * K);
    operand *const y = out_narrow(t, "y", (int64_t)N * K);
    t->roundings = 2;                          /* h, of which y may be made */
    BOTH(t, matmul_gelu_fwd, AT(h), AT(y), AT(x), AT(w), AT(b), N, C, K);
}

CASE(matmul_bwd_x)
{
    SHAPE3(N, C, K);
    operand *const dy = in_narrow(t, "dy", (int64_t)N * K), *const w = in(t, "w", (int64_t)K * C);
    operand *const dx = out_narrow(t, "dx", (int64_t)N * C);
    BOTH(t, matmul_bwd_x, AT(dx), AT(dy), AT(w), N, C, K);
}

CASE(matmul_gelu_bwd)
{
    SHAPE3(N, C, K);
    operand *const dy = in_narrow(t, "dy", (int64_t)N * K), *const w = in(t, "w", (int64_t)K * C);
    operand *const h = in_narrow(t, "h", (int64_t)N * C);
    operand *const y = out_narrow(t, "y", (int64_t)N * C);
    operand *const dh = out_narrow(t, "dh", (int64_t)N * C);
    t->roundings = 2;                          /* the product may be rounded before the slope */
    BOTH(t, matmul_gelu_bwd, AT(dh), AT(y), AT(dy), AT(w), AT(h), N, C, K);
}

CASE(matmul_bwd_w)
{
    SHAPE3(N, C, K);
    operand *const dy = in_narrow(t, "dy", (int64_t)N * K);
    operand *const x = in_narrow(t, "x", (int64_t)N * C);
    operand *const dw = in_out(t, "dw", (int64_t)K * C);
    operand *const db = N % 2 ? in_out(t, "db", K) : NULL;
    BOTH(t, matmul_bwd_w, AT(dw), AT(db), AT(dy), AT(x), N, C, K);
}

/* ---- LayerNorm ------------------------------------------------------------ */

/* N, C */
static const int rows[][SIZES] = {
    { 0, 1, 2 }, { 0, 5, 7 }, { 0, 33, 48 }, { 0, 70, 96 }, { 0, 9, 130 }, { 0, 3, 1280 },
    { 1, 3136, 384 }, { 1, 1568, 768 },
};

/* x, and its statistics, which the forward pass of the CPU gives to both. */
static operand *normed(trial *t, operand **mean, operand **rstd, int N, int C)
{
    operand *const x = in(t, "x", (int64_t)N * C);
    *mean = in(t, "mean", N);
    *rstd = in(t, "rstd", N);
    for (int n = 0; n < N && !t->again; n++) {
        const float *const row = values(x) + (int64_t)n * C;
        double sum = 0.0, square = 0.0;
        for (int c = 0; c < C; c++)
            sum += (double)row[c];
        for (int c = 0; c < C; c++)
            square += ((double)row[c] - sum / C) * ((double)row[c] - sum / C);
        values(*mean)[n] = (float)(sum / C);
        values(*rstd)[n] = (float)(1.0 / sqrt(square / C + 1e-6));
    }
    send(t, *mean);
    send(t, *rstd);
    return x;
}

CASE(layernorm_fwd)
{
    SHAPE2(N, C);
    operand *const x = in(t, "x", (int64_t)N * C), *const w = in(t, "w", C);
    operand *const b = in(t, "b", C);
    operand *const mean = out(t, "mean", N), *const rstd = out(t, "rstd", N);
    operand *const y = out_narrow(t, "y", (int64_t)N * C);
    t->steep = t->fill == OFFSET ? 200 : 1;    /* x - mean of values around 100 */
    BOTH(t, layernorm_fwd, AT(y), AT(mean), AT(rstd), AT(x), AT(w), AT(b), 1e-6f, N, C);
}

CASE(layernorm_bwd)
{
    SHAPE2(N, C);
    operand *mean, *rstd, *const x = normed(t, &mean, &rstd, N, C), *const w = in(t, "w", C);
    operand *const dy = in_narrow(t, "dy", (int64_t)N * C);
    operand *const dx = in_out(t, "dx", (int64_t)N * C);
    operand *const dw = in_out(t, "dw", C), *const db = in_out(t, "db", C);
    t->steep = t->fill == OFFSET ? 200 : t->fill == TINY ? 10 : 1;
    BOTH(t, layernorm_bwd, AT(dx), AT(dw), AT(db), AT(dy), AT(x), AT(w), AT(mean), AT(rstd), N, C);
}

/* ---- Attention ------------------------------------------------------------ */

/* B, S, H, D */
static const int heads[][SIZES] = {
    { 0, 1, 1, 1, 8 }, { 0, 2, 5, 3, 8 }, { 0, 1, 65, 2, 16 }, { 0, 2, 130, 1, 32 },
    { 0, 1, 40, 2, 80 },
    { 1, 2, 392, 12, 64 }, { 1, 1, 1568, 6, 64 }, { 1, 1, 160, 8, 80 },
};

CASE(attention_fwd)
{
    SHAPE4(B, S, H, D);
    operand *const qkv = in_narrow(t, "qkv", 3 * (int64_t)B * S * H * D);
    operand *const y = out_narrow(t, "y", (int64_t)B * S * H * D);
    operand *const lse = out(t, "lse", (int64_t)B * H * S);
    t->roundings = 2;                          /* p, then y */
    t->steep = t->fill == PLAIN ? 1 : 10;      /* scores around 50; logarithms around 0 */
    BOTH(t, attention_fwd, AT(y), AT(lse), AT(qkv), B, S, H, D);
}

CASE(attention_bwd)
{
    SHAPE4(B, S, H, D);
    const int64_t n = (int64_t)B * S * H * D;
    operand *const qkv = in_narrow(t, "qkv", 3 * n), *const dy = in_narrow(t, "dy", n);
    operand *const y = in_narrow(t, "y", n), *const lse = in(t, "lse", (int64_t)B * H * S);
    operand *const dqkv = out_narrow(t, "dqkv", 3 * n);
    /* What forward gives, from the CPU to both. */
    if (!t->again) {
        t->ops[0]->attention_fwd(t->dev[0], y->at[0], lse->at[0], qkv->at[0], B, S, H, D);
        (void)vs_device_download(t->dev[0], y->host, y->at[0], sizeof(float) * (size_t)n);
        (void)vs_device_download(t->dev[0], lse->host, lse->at[0], sizeof(float) * (size_t)lse->n);
    }
    send(t, y);
    send(t, lse);
    t->roundings = 3;                          /* p, ds, the gradient itself */
    t->steep = t->fill == LARGE ? 100 : 10;    /* dy v - r cancels */
    BOTH(t, attention_bwd, AT(dqkv), AT(dy), AT(y), AT(qkv), AT(lse), B, S, H, D);
}

/* ---- Element by element ------------------------------------------------------------ */

/* B, n */
static const int flat[][SIZES] = { { 0, 1, 1 }, { 0, 3, 5 }, { 0, 4, 1024 }, { 0, 7, 999 },
                                   { 1, 4, 392 * 768 } };

CASE(scale_clips)
{
    SHAPE2(B, n);
    operand *const x = in(t, "x", (int64_t)B * n), *const scale = B != 3 ? in(t, "scale", B) : NULL;
    operand *const y = out_narrow(t, "y", (int64_t)B * n);
    BOTH(t, scale_clips, AT(y), AT(x), AT(scale), B, n);
}

CASE(multiply)
{
    SHAPE2(B, n);
    operand *const m = in(t, "m", (int64_t)B * n);
    if (B % 2) {
        operand *const x = in_narrow(t, "x", (int64_t)B * n);
    operand *const y = out_narrow(t, "y", (int64_t)B * n);
        BOTH(t, multiply, AT(y), AT(x), AT(m), (int64_t)B * n);
    } else {
        operand *const x = in_out_narrow(t, "x", (int64_t)B * n);
        BOTH(t, multiply, AT(x), AT(x), AT(m), (int64_t)B * n);
    }
}

CASE(widen)
{
    SHAPE2(B, n);
    operand *const x = in_narrow(t, "x", (int64_t)B * n), *const y = out(t, "y", (int64_t)B * n);
    BOTH(t, widen, AT(y), AT(x), (int64_t)B * n);
}

/* Beyond the limit of odd n, within that of even n. */
CASE(clip)
{
    SHAPE2(B, n);
    operand *const x = in_out(t, "x", (int64_t)B * n), *const sum = in_double(t, "sumsq", 1);
    *(double *)sum->host = 4.0;
    send(t, sum);
    BOTH(t, clip, AT(x), AT(sum), n % 2 ? 0.74f : 2.5f, (int64_t)B * n);
}

/* ---- Means and losses ------------------------------------------------------------ */

CASE(mean_fwd)
{
    SHAPE3(B, S, C);
    operand *const x = in(t, "x", (int64_t)B * S * C), *const y = out(t, "y", (int64_t)B * C);
    t->steep = 4;                              /* means of S values that cancel */
    BOTH(t, mean_fwd, AT(y), AT(x), B, S, C);
}

CASE(mean_bwd)
{
    SHAPE3(B, S, C);
    operand *const dy = in(t, "dy", (int64_t)B * C), *const dx = out(t, "dx", (int64_t)B * S * C);
    BOTH(t, mean_bwd, AT(dx), AT(dy), B, S, C);
}

CASE(mse_fwd)
{
    SHAPE2(B, n);
    operand *const y = in(t, "y", (int64_t)B * n), *const target = in(t, "t", (int64_t)B * n);
    operand *const loss = out(t, "loss", 1);
    BOTH(t, mse_fwd, AT(loss), AT(y), AT(target), (int64_t)B * n);
}

CASE(mse_bwd)
{
    SHAPE2(B, n);
    operand *const y = in(t, "y", (int64_t)B * n), *const target = in(t, "t", (int64_t)B * n);
    operand *const dy = out_narrow(t, "dy", (int64_t)B * n);
    BOTH(t, mse_bwd, AT(dy), AT(y), AT(target), 0.5f, (int64_t)B * n);
}

/* B, K */
static const int classes[][SIZES] = { { 0, 1, 1 }, { 0, 3, 5 }, { 0, 16, 101 }, { 0, 2, 1000 },
                                      { 1, 64, 700 } };

static operand *labels(trial *t, const char *name, int B, int K)
{
    operand *const o = in(t, name, (int64_t)B * K);
    for (int i = 0; i < B * K && !t->again; i++)
        values(o)[i] = 0.1f / (float)K + (i % K == i / K * 7 % K ? 0.9f : 0.0f);
    send(t, o);
    return o;
}

CASE(softmax_ce_fwd)
{
    SHAPE2(B, K);
    operand *const y = in(t, "y", (int64_t)B * K), *const target = labels(t, "t", B, K);
    operand *const loss = out(t, "loss", 1), *const p = out(t, "p", (int64_t)B * K);
    t->steep = t->fill == OFFSET ? 10 : 1;
    BOTH(t, softmax_ce_fwd, AT(loss), AT(p), AT(y), AT(target), B, K);
}

CASE(softmax_ce_bwd)
{
    SHAPE2(B, K);
    operand *const p = in(t, "p", (int64_t)B * K), *const target = labels(t, "t", B, K);
    operand *const dy = out_narrow(t, "dy", (int64_t)B * K);
    BOTH(t, softmax_ce_bwd, AT(dy), AT(p), AT(target), 0.5f, B, K);
}

/* ---- Optimiser ------------------------------------------------------------ */

CASE(sumsq)
{
    SHAPE2(B, n);
    operand *const x = in(t, "x", (int64_t)B * n), *const sum = in_out_double(t, "out", 1);
    BOTH(t, sumsq, AT(sum), AT(x), (int64_t)B * n);
}

CASE(adamw)
{
    SHAPE2(B, n);
    const vs_adamw_args args = { 1e-3f, 0.9f, 0.95f, 1e-8f, 0.05f, B };
    operand *const w = in_out(t, "w", (int64_t)B * n), *const m = in_out(t, "m", (int64_t)B * n);
    operand *const v = in_out(t, "v", (int64_t)B * n), *const g = in(t, "g", (int64_t)B * n);
    for (int64_t i = 0; i < v->n && !t->again; i++)
        values(v)[i] = fabsf(values(v)[i]);
    send(t, v);
    BOTH(t, adamw, AT(w), AT(m), AT(v), AT(g), &args, (int64_t)B * n);
}

/* ---- The list ------------------------------------------------------------ */

#define SIZES_OF(list) list, sizeof(list) / sizeof(*list)
/* Scores around 100 x 100 say nothing of an attention that rounds. */
#define FILLS_attention (F_PLAIN | F_LARGE | F_TINY | F_ZERO)

#define CASE_draw_clips SIZES_OF(drawn), F_PLAIN
#define CASE_mix_clips SIZES_OF(mixed), F_PLAIN
#define CASE_patch_gather SIZES_OF(patches), F_PLAIN
#define CASE_patch_target SIZES_OF(patches), F_PLAIN
#define CASE_position_add SIZES_OF(positions), F_ALL
#define CASE_join_fwd SIZES_OF(joins), F_ALL
#define CASE_join_bwd SIZES_OF(joins), F_ALL
#define CASE_tail_fwd SIZES_OF(joins), F_PLAIN
#define CASE_tail_bwd SIZES_OF(joins), F_PLAIN
#define CASE_matmul_fwd SIZES_OF(linear), F_ALL
#define CASE_matmul_add_fwd SIZES_OF(linear), F_ALL
#define CASE_matmul_gelu_fwd SIZES_OF(linear), F_ALL
#define CASE_matmul_bwd_x SIZES_OF(linear), F_ALL
#define CASE_matmul_gelu_bwd SIZES_OF(linear), F_ALL
#define CASE_matmul_bwd_w SIZES_OF(linear), F_ALL
#define CASE_layernorm_fwd SIZES_OF(rows), F_ALL
#define CASE_layernorm_bwd SIZES_OF(rows), F_ALL
#define CASE_attention_fwd SIZES_OF(heads), FILLS_attention
#define CASE_attention_bwd SIZES_OF(heads), FILLS_attention
#define CASE_scale_clips SIZES_OF(flat), F_ALL
#define CASE_multiply SIZES_OF(flat), F_ALL
#define CASE_widen SIZES_OF(flat), F_ALL
#define CASE_clip SIZES_OF(flat), F_ALL
#define CASE_mean_fwd SIZES_OF(positions), F_ALL
#define CASE_mean_bwd SIZES_OF(positions), F_ALL
#define CASE_mse_fwd SIZES_OF(flat), F_ALL
#define CASE_mse_bwd SIZES_OF(flat), F_ALL
#define CASE_softmax_ce_fwd SIZES_OF(classes), F_ALL
#define CASE_softmax_ce_bwd SIZES_OF(classes), F_PLAIN
#define CASE_sumsq SIZES_OF(flat), F_ALL
#define CASE_adamw SIZES_OF(flat), F_ALL

const op_case vs_parity_case[VS_OPS] = {
#define X(op) [VS_OP_##op] = { #op, run_##op, CASE_##op },
    VS_OP_MAP(X)
#undef X
};
