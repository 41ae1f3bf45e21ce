/* The operations in bf16 against those in fp32, on inputs that bf16 holds exactly.
 *
 * Bounds: u = 2^-8 is the largest relative error of rounding to bfloat16 (half a step of 2^-7).
 * Products of rounded inputs are exact in float and are added in float, so a linear layer is
 * off by the one rounding of its result, and by the order of float sums, far below it.
 * Attention rounds p before its product with v, and its result; backward also dy, ds. */
#include "tests/gradient.h"

#define U 0.00390625               /* 2^-8 */

static vs_bf16 half_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (vs_bf16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float float_of(vs_bf16 x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, 4);
    return y;
}

/* Values rounded in place, and their copy in bfloat16. */
static vs_bf16 *halves(float *x, long n)
{
    vs_bf16 *h = malloc(sizeof(*h) * (size_t)n + 4);
    for (long i = 0; i < n; i++) {
        h[i] = half_of(x[i]);
        x[i] = float_of(h[i]);
    }
    return h;
}

/* |got - expected| <= u * bound relative to the largest value. */
static void near(const char *what, const vs_bf16 *got, const float *expected, long n,
                 double roundings)
{
    double most = 0.0;
    for (long i = 0; i < n; i++)
        most = fmax(most, fabs((double)expected[i]));
    for (long i = 0; i < n; i++)
        cr_assert(fabs((double)float_of(got[i]) - expected[i]) <= roundings * U * most,
                  "%s[%ld]: %g, expected %g", what, i, (double)float_of(got[i]),
                  (double)expected[i]);
}

static const int shapes[][3] = {
    { 1, 1, 1 }, { 3, 7, 5 }, { 17, 33, 9 }, { 130, 16, 48 }, { 200, 130, 70 }, { 64, 192, 129 },
    { 2500, 3, 2 },
};

Test(bf16, linear_layers_differ_by_one_rounding)
{
    vs_device *dev = check_cpu(2);
    for (int i = 0; i < (int)(sizeof(shapes) / sizeof(*shapes)); i++) {
        const int N = shapes[i][0], C = shapes[i][1], K = shapes[i][2];
        float *x = check_values((long)N * C, 1, -1, 1), *w = check_values((long)K * C, 2, -1, 1);
        float *dy = check_values((long)N * K, 3, -1, 1), *b = check_values(K, 4, -1, 1);
        float *y = check_values((long)N * K, 5, 0, 0), *dx = check_values((long)N * C, 6, 0, 0);
        float *dw = check_values(2L * K * C, 7, 0, 0), *db = check_values(2L * K, 8, 0, 0);
        vs_bf16 *hx = halves(x, (long)N * C), *hdy = halves(dy, (long)N * K);
        vs_bf16 *hy = calloc((size_t)N * (size_t)K, 2), *hdx = calloc((size_t)N * (size_t)C, 2);
        free(halves(w, (long)K * C));
        vs_ops_cpu.matmul_fwd(dev, y, x, w, b, N, C, K);
        vs_ops_cpu_bf16.matmul_fwd(dev, hy, hx, w, b, N, C, K);
        near("y", hy, y, (long)N * K, 1 + 1e-3);
        vs_ops_cpu.matmul_bwd_x(dev, dx, dy, w, N, C, K);
        vs_ops_cpu_bf16.matmul_bwd_x(dev, hdx, hdy, w, N, C, K);
        near("dx", hdx, dx, (long)N * C, 1 + 1e-3);
        vs_ops_cpu.matmul_bwd_w(dev, dw, db, dy, x, N, C, K);
        vs_ops_cpu_bf16.matmul_bwd_w(dev, dw + K * C, db + K, hdy, hx, N, C, K);
        cr_expect(relative_l2(dw + K * C, dw, (long)K * C) < 1e-5, "dw (%d, %d, %d)", N, C, K);
        cr_expect(relative_l2(db + K, db, K) < 1e-5, "db (%d, %d, %d)", N, C, K);
        free(x); free(w); free(dy); free(b); free(y); free(dx); free(dw); free(db);
        free(hx); free(hdy); free(hy); free(hdx);
    }
    vs_device_close(&dev);
}

static const int heads[][4] = {
    { 1, 1, 1, 4 }, { 2, 5, 3, 8 }, { 1, 64, 2, 16 }, { 2, 65, 1, 7 }, { 1, 200, 2, 8 },
    { 1, 101, 1, 80 }, { 1, 600, 1, 64 }, { 1, 801, 1, 33 },
};

Test(bf16, attention_differs_by_few_roundings)
{
    vs_device *dev = check_cpu(2);
    for (int i = 0; i < (int)(sizeof(heads) / sizeof(*heads)); i++) {
        const int B = heads[i][0], S = heads[i][1], H = heads[i][2], D = heads[i][3];
        const long n = (long)B * S * H * D;
        float *qkv = check_values(3 * n, 1, -1, 1), *dy = check_values(n, 2, -1, 1);
        float *y = check_values(n, 3, 0, 0), *d = check_values(3 * n, 4, 0, 0);
        float *lse = check_values(2L * B * H * S, 5, 0, 0);
        vs_bf16 *hqkv = halves(qkv, 3 * n), *hdy = halves(dy, n);
        vs_bf16 *hy = calloc((size_t)n, 2), *hd = calloc((size_t)n, 6);
        vs_ops_cpu.attention_fwd(dev, y, lse, qkv, B, S, H, D);
        vs_ops_cpu_bf16.attention_fwd(dev, hy, lse + B * H * S, hqkv, B, S, H, D);
        near("y", hy, y, n, 2);
        cr_expect(relative_l2(lse + B * H * S, lse, (long)B * H * S) < 1e-3);
        vs_ops_cpu.attention_bwd(dev, d, dy, y, qkv, lse, B, S, H, D);
        vs_ops_cpu_bf16.attention_bwd(dev, hd, hdy, hy, hqkv, lse, B, S, H, D);
        near("dqkv", hd, d, 3 * n, 4);
        free(qkv); free(dy); free(y); free(d); free(lse); free(hqkv); free(hdy); free(hy); free(hd);
    }
    vs_device_close(&dev);
}

Test(bf16, gelu_layernorm_and_copies_differ_by_one_rounding)
{
    enum { N = 70, C = 33, K = 40 };
    vs_device *dev = check_cpu(2);
    float *x = check_values(N * C, 1, -1, 1), *w = check_values(K * C, 2, -1, 1);
    float *b = check_values(K, 3, -1, 1), *y = check_values(N * K, 4, 0, 0);
    float *dh = check_values(N * K, 5, 0, 0), *h = check_values(N * K, 6, 0, 0);
    float *dy = check_values(N * C, 7, -1, 1), *wide = check_values(N * C, 8, 0, 0);
    float *stat = check_values(4 * N, 9, 0, 0), *dx = check_values(2 * N * C, 10, 0, 0);
    float *dw = check_values(4 * C, 11, 0, 0);
    vs_bf16 *hx = halves(x, N * C), *hdy = halves(dy, N * C), hh[N * K], hy[N * K], hn[N * C];
    free(halves(w, K * C));
    vs_ops_cpu.matmul_gelu_fwd(dev, h, y, x, w, b, N, C, K);
    vs_ops_cpu_bf16.matmul_gelu_fwd(dev, hh, hy, hx, w, b, N, C, K);
    near("h", hh, h, N * K, 1 + 1e-3);
    near("gelu", hy, y, N * K, 2.2);           /* of h, times a slope below 1.13, and of y */
    for (int i = 0; i < N * K; i++)
        h[i] = float_of(hh[i]);
    /* dy (N, C) through w as (C, K): the hidden layer is the input of that product. */
    vs_ops_cpu.matmul_gelu_bwd(dev, dh, y, dy, w, h, N, K, C);
    vs_bf16 again[N * K];
    vs_ops_cpu_bf16.matmul_gelu_bwd(dev, hy, again, hdy, w, hh, N, K, C);
    near("dh", hy, dh, N * K, 1 + 1e-3);
    near("gelu again", again, y, N * K, 1 + 1e-3);

    vs_ops_cpu.layernorm_fwd(dev, wide, stat, stat + N, x, b, b, 1e-6f, N, C);
    vs_ops_cpu_bf16.layernorm_fwd(dev, hn, stat + 2 * N, stat + 3 * N, x, b, b, 1e-6f, N, C);
    near("layernorm", hn, wide, N * C, 1 + 1e-3);
    cr_expect(memcmp(stat, stat + 2 * N, sizeof(float) * 2 * N) == 0, "statistics differ");
    vs_ops_cpu.layernorm_bwd(dev, dx, dw, dw + C, dy, x, b, stat, stat + N, N, C);
    vs_ops_cpu_bf16.layernorm_bwd(dev, dx + N * C, dw + 2 * C, dw + 3 * C, hdy, x, b, stat,
                                  stat + N, N, C);
    cr_expect(relative_l2(dx + N * C, dx, N * C) < 1e-6);
    cr_expect(relative_l2(dw + 2 * C, dw, 2 * C) < 1e-6);

    vs_ops_cpu_bf16.scale_clips(dev, hn, dy, NULL, 1, N * C);
    cr_expect(memcmp(hn, hdy, sizeof(vs_bf16) * N * C) == 0);
    vs_ops_cpu_bf16.widen(dev, wide, hn, N * C);
    cr_expect(memcmp(wide, dy, sizeof(float) * N * C) == 0);
    free(x); free(w); free(b); free(y); free(dh); free(h); free(dy); free(wide); free(stat);
    free(dx); free(dw); free(hx); free(hdy);
    vs_device_close(&dev);
}

/* GELU and its slope at every bfloat16 between 2^-12 and 9, both signs: the value's own rounding
 * (u), and what the tail of the normal distribution may be off by: 4e-4 of itself and 1e-7, its
 * density 4e-4 of itself (train/ops/avx512.h). */
Test(bf16, gelu_keeps_its_digits_in_the_tails)
{
    enum { FROM = 0x3980, TO = 0x4110, HALF = TO - FROM, N = 2 * HALF };
    static vs_bf16 x[N], h[N], y[N], dh[N], again[N], dy[N];
    const float one = 1.0f;
    vs_device *dev = check_cpu(1);
    for (int i = 0; i < N; i++) {
        x[i] = (vs_bf16)(FROM + i % HALF + (i < HALF ? 0 : 0x8000));
        dy[i] = half_of(1.0f);
    }
    vs_ops_cpu_bf16.matmul_gelu_fwd(dev, h, y, x, &one, NULL, N, 1, 1);
    vs_ops_cpu_bf16.matmul_gelu_bwd(dev, dh, again, dy, &one, h, N, 1, 1);
    cr_expect(memcmp(h, x, sizeof(x)) == 0 && memcmp(y, again, sizeof(y)) == 0);
    for (int i = 0; i < N; i++) {
        const double v = (double)float_of(x[i]), tail = erfc(fabs(v) / sqrt(2)) / 2;
        const double F = v < 0 ? tail : 1 - tail, f = exp(-v * v / 2) / sqrt(2 * acos(-1));
        const double value = v * F, slope = F + v * f;
        cr_assert(fabs((double)float_of(y[i]) - value) <=
                  U * fabs(value) + fabs(v) * (4e-4 * tail + 1e-7), "gelu(%g) = %g, not %g", v,
                  (double)float_of(y[i]), value);
        cr_assert(fabs((double)float_of(dh[i]) - slope) <=
                  U * fabs(slope) + 4e-4 * (tail + fabs(v) * f) + 1e-7, "slope(%g) = %g, not %g", v,
                  (double)float_of(dh[i]), slope);
    }
    vs_device_close(&dev);
}

/* Sums and attention lie over fixed pieces: the same bits from any number of threads. */
Test(bf16, attention_and_sums_do_not_depend_on_threads)
{
    enum { B = 1, S = 801, H = 3, D = 16, C = H * D, N = B * S };
    struct result { vs_bf16 y[N * C], d[3 * N * C]; float lse[B * H * S], dx[N * C], dw[2 * C]; };
    struct result *r[3];
    float *x = check_values(3L * N * C, 1, -1, 1), *dy = check_values((long)N * C, 2, -1, 1);
    float *w = check_values(C, 3, -1, 1), stat[2 * N];
    vs_bf16 *hx = halves(x, 3L * N * C), *hdy = halves(dy, (long)N * C);
    for (int n = 0; n < N; n++) {
        stat[n] = 0.0f;
        stat[N + n] = 1.5f;
    }
    for (int t = 0; t < 3; t++) {
        vs_device *dev = check_cpu(t + 1);
        r[t] = calloc(1, sizeof(**r));
        vs_ops_cpu_bf16.attention_fwd(dev, r[t]->y, r[t]->lse, hx, B, S, H, D);
        vs_ops_cpu_bf16.attention_bwd(dev, r[t]->d, hdy, r[t]->y, hx, r[t]->lse, B, S, H, D);
        vs_ops_cpu_bf16.layernorm_bwd(dev, r[t]->dx, r[t]->dw, r[t]->dw + C, hdy, x, w, stat,
                                      stat + N, N, C);
        vs_device_close(&dev);
    }
    cr_expect(r[0]->dw[0] != 0.0f && r[0]->d[5] != 0);
    for (int t = 1; t < 3; t++)
        cr_expect(memcmp(r[0], r[t], sizeof(**r)) == 0, "%d threads", t + 1);
    for (int t = 0; t < 3; t++)
        free(r[t]);
    free(x); free(dy); free(w); free(hx); free(hdy);
}
