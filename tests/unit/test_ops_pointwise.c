/* Element-wise operations, means, losses and AdamW: against the C library in double
 * precision and against finite differences. */
#include "tests/gradient.h"

static double normal_cdf(double x)
{
    return 0.5 * erfc(-x / sqrt(2.0));
}

/* Through the linear layer that ends in it, whose one weight is 1. */
static void gelu(vs_device *dev, float *y, const float *x, int n)
{
    const float one = 1.0f;
    float *h = check_values(n, 0, 0, 0);
    vs_ops_cpu.matmul_gelu_fwd(dev, h, y, x, &one, NULL, n, 1, 1);
    cr_assert(memcmp(h, x, sizeof(float) * (size_t)n) == 0);
    free(h);
}

static void gelu_slope(vs_device *dev, float *dx, const float *dy, const float *x, int n)
{
    const float one = 1.0f;
    float *y = check_values(n, 0, 0, 0), *again = check_values(n, 0, 0, 0);
    vs_ops_cpu.matmul_gelu_bwd(dev, dx, again, dy, &one, x, n, 1, 1);
    gelu(dev, y, x, n);
    cr_assert(memcmp(y, again, sizeof(float) * (size_t)n) == 0, "the value made again differs");
    free(y);
    free(again);
}

Test(pointwise, gelu_is_exact_from_minus_8_to_8)
{
    enum { N = 40001 };
    vs_device *dev = check_cpu(2);
    float *x = check_values(N, 0, 0, 0), *y = check_values(N, 0, 0, 0);
    for (int i = 0; i < N; i++)
        x[i] = -8.0f + 16.0f * (float)i / (N - 1);
    gelu(dev, y, x, N);
    for (int i = 0; i < N; i++)
        cr_assert_float_eq(y[i], (double)x[i] * normal_cdf(x[i]),
                           2e-7 * fmax(1.0, fabs((double)x[i])), "gelu(%.9g)", (double)x[i]);
    free(x);
    free(y);
    vs_device_close(&dev);
}

Test(pointwise, gelu_far_out)
{
    vs_device *dev = check_cpu(1);
    const float x[6] = { -1e4f, -100.0f, -20.0f, 20.0f, 100.0f, 1e4f };
    const float dy[6] = { 1, 1, 1, 1, 1, 1 };
    float y[6], d[6];
    gelu_slope(dev, d, dy, x, 6);
    gelu(dev, y, x, 6);
    const float y_expected[6] = { 0, 0, 0, 20, 100, 1e4f }, d_expected[6] = { 0, 0, 0, 1, 1, 1 };
    for (int i = 0; i < 6; i++) {
        cr_expect_float_eq(y[i], y_expected[i], 1e-6, "gelu, %d: %g", i, (double)y[i]);
        cr_expect_float_eq(d[i], d_expected[i], 1e-6, "slope, %d: %g", i, (double)d[i]);
    }
    vs_device_close(&dev);
}

Test(pointwise, gelu_slope_is_cdf_plus_x_density)
{
    enum { N = 2001 };
    vs_device *dev = check_cpu(2);
    float *x = check_values(N, 1, -6, 6), *dy = check_values(N, 2, -1, 1);
    float *dx = check_values(N, 3, 0, 0);
    gelu_slope(dev, dx, dy, x, N);
    for (int i = 0; i < N; i++) {
        const double density = exp(-0.5 * (double)x[i] * x[i]) / sqrt(2.0 * 3.14159265358979324);
        cr_assert_float_eq(dx[i], dy[i] * (normal_cdf(x[i]) + x[i] * density), 5e-7);
    }
    free(x); free(dy); free(dx);
    vs_device_close(&dev);
}

Test(pointwise, clips_are_scaled_each_by_its_factor)
{
    enum { B = 3, N = 20000 };
    vs_device *dev = check_cpu(2);
    float *x = check_values(B * N, 1, -1, 1), *a = check_values(B * N, 2, -1, 1);
    float *y = check_values(B * N, 3, 0, 0);
    const float scale[B] = { 0.0f, 1.0f, 2.5f };
    vs_ops_cpu.scale_clips(dev, y, x, scale, B, N);
    for (int i = 0; i < B * N; i++)
        cr_assert_float_eq(y[i], x[i] * scale[i / N], 1e-6);
    vs_ops_cpu.scale_clips(dev, y, x, NULL, B, N);
    cr_assert(memcmp(x, y, sizeof(float) * B * N) == 0);
    vs_ops_cpu.multiply(dev, y, x, a, B * N);
    for (int i = 0; i < B * N; i++)
        cr_assert_float_eq(y[i], x[i] * a[i], 1e-6);
    free(x); free(a); free(y);
    vs_device_close(&dev);
}

Test(loss, mean_over_tokens_and_back)
{
    enum { B = 2, S = 5, C = 3 };
    vs_device *dev = check_cpu(2);
    float *x = check_values(B * S * C, 1, -1, 1), y[B * C], dx[B * S * C];
    vs_ops_cpu.mean_fwd(dev, y, x, B, S, C);
    vs_ops_cpu.mean_bwd(dev, dx, y, B, S, C);
    for (int b = 0; b < B; b++)
        for (int c = 0; c < C; c++) {
            double sum = 0.0;
            for (int s = 0; s < S; s++)
                sum += x[(b * S + s) * C + c];
            cr_expect_float_eq(y[b * C + c], sum / S, 1e-6);
            for (int s = 0; s < S; s++)
                cr_expect_float_eq(dx[(b * S + s) * C + c], y[b * C + c] / S, 1e-6);
        }
    free(x);
    vs_device_close(&dev);
}

struct loss {
    vs_device *dev;
    float *y, *t, *p;
    int B, K;
};

static double mse(void *ctx)
{
    struct loss *l = ctx;
    float loss;
    vs_ops_cpu.mse_fwd(l->dev, &loss, l->y, l->t, (int64_t)l->B * l->K);
    return 3.0 * loss;             /* scale 3 */
}

static double cross_entropy(void *ctx)
{
    struct loss *l = ctx;
    float loss;
    vs_ops_cpu.softmax_ce_fwd(l->dev, &loss, l->p, l->y, l->t, l->B, l->K);
    return 3.0 * loss;
}

static void soften(float *t, int B, int K)
{
    for (int b = 0; b < B; b++) {
        float sum = 0.0f;
        for (int k = 0; k < K; k++)
            sum += t[b * K + k];
        for (int k = 0; k < K; k++)
            t[b * K + k] /= sum;
    }
}

Test(loss, gradients_match_finite_differences)
{
    enum { B = 3, K = 6 };
    vs_device *dev = check_cpu(2);
    struct loss l = { dev, check_values(B * K, 1, -2, 2), check_values(B * K, 2, 0.1f, 1),
                      check_values(B * K, 3, 0, 0), B, K };
    float d[B * K];
    soften(l.t, B, K);
    mse(&l);
    vs_ops_cpu.mse_bwd(dev, d, l.y, l.t, 3.0f, B * K);
    check_gradient("mse", mse, &l, l.y, d, B * K, 2e-3);
    cross_entropy(&l);
    vs_ops_cpu.softmax_ce_bwd(dev, d, l.p, l.t, 3.0f, B, K);
    check_gradient("cross-entropy", cross_entropy, &l, l.y, d, B * K, 2e-3);
    free(l.y); free(l.t); free(l.p);
    vs_device_close(&dev);
}

Test(loss, cross_entropy_of_huge_logits_is_finite)
{
    vs_device *dev = check_cpu(1);
    const float y[4] = { 1000, -1000, -1000, 1000 }, t[4] = { 1, 0, 1, 0 };
    float p[4], loss;
    vs_ops_cpu.softmax_ce_fwd(dev, &loss, p, y, t, 2, 2);
    cr_expect_float_eq(loss, 1000.0, 1e-3);        /* 0 for the first clip, 2000 for the other */
    cr_expect_float_eq(p[0], 1.0, 1e-6);
    cr_expect_float_eq(p[2], 0.0, 1e-6);
    vs_device_close(&dev);
}

/* The definition in double precision, over several steps. */
Test(adamw, follows_the_formula)
{
    enum { N = 40000 };
    vs_device *dev = check_cpu(2);
    float *w = check_values(N, 1, -1, 1), *g = check_values(N, 2, -1, 1);
    float *m = check_values(N, 3, 0, 0), *v = check_values(N, 4, 0, 0);
    double *ww = calloc(N, 8), *mm = calloc(N, 8), *vv = calloc(N, 8);
    for (int i = 0; i < N; i++)
        ww[i] = w[i];
    for (int step = 1; step <= 4; step++) {
        const vs_adamw_args a = { 1e-2f, 0.9f, 0.95f, 1e-8f, 0.05f, step };
        fill_uniform(g, N, (uint64_t)step + 10, -1, 1);
        vs_ops_cpu.adamw(dev, w, m, v, g, &a, N);
        for (int i = 0; i < N; i++) {
            mm[i] = 0.9 * mm[i] + 0.1 * g[i];
            vv[i] = 0.95 * vv[i] + 0.05 * g[i] * g[i];
            ww[i] *= 1.0 - 1e-2 * 0.05;
            ww[i] -= 1e-2 * (mm[i] / (1 - pow(0.9, step))) /
                     (sqrt(vv[i] / (1 - pow(0.95, step))) + 1e-8);
        }
    }
    for (int i = 0; i < N; i++)
        cr_assert_float_eq(w[i], ww[i], 1e-6, "w[%d]: %.9g, expected %.9g", i, (double)w[i], ww[i]);
    free(w); free(g); free(m); free(v); free(ww); free(mm); free(vv);
    vs_device_close(&dev);
}

Test(adamw, sum_of_squares_adds_up_and_does_not_depend_on_threads)
{
    enum { N = 100001 };
    float *x = check_values(N, 1, -1, 1);
    double expected = 5.0, sum[3] = { 5.0, 5.0, 5.0 };
    for (int i = 0; i < N; i++)
        expected += (double)x[i] * x[i];
    for (int t = 0; t < 3; t++) {
        vs_device *dev = check_cpu(t + 1);
        vs_ops_cpu.sumsq(dev, &sum[t], x, N);
        vs_device_close(&dev);
    }
    cr_expect_float_eq(sum[0], expected, 1e-7 * expected);
    cr_expect(sum[0] == sum[1] && sum[0] == sum[2]);
    free(x);
}
