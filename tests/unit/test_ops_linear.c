/* Linear layer and LayerNorm: values against plain double loops, gradients against finite
 * differences, sums that accumulate, bits that do not depend on the number of threads. */
#include "tests/gradient.h"

struct shape { int N, C, K; };
static const struct shape shapes[] = {
    { 1, 1, 1 }, { 3, 7, 5 }, { 17, 33, 9 }, { 130, 16, 48 }, { 65, 96, 1 },
    { 200, 130, 70 }, { 2500, 3, 2 },
};
enum { SHAPES = sizeof(shapes) / sizeof(*shapes) };

struct linear {
    vs_device *dev;
    struct shape s;
    float *x, *w, *b, *y, *dy;
};

static double linear_loss(void *ctx)
{
    struct linear *l = ctx;
    vs_ops_cpu.matmul_fwd(l->dev, l->y, l->x, l->w, l->b, l->s.N, l->s.C, l->s.K);
    return check_dot(l->y, l->dy, (long)l->s.N * l->s.K);
}

static struct linear linear_new(vs_device *dev, struct shape s)
{
    return (struct linear){
        dev, s, check_values((long)s.N * s.C, 1, -1, 1), check_values((long)s.K * s.C, 2, -1, 1),
        check_values(s.K, 3, -1, 1), check_values((long)s.N * s.K, 4, 0, 0),
        check_values((long)s.N * s.K, 5, -1, 1),
    };
}

static void linear_free(struct linear *l)
{
    free(l->x); free(l->w); free(l->b); free(l->y); free(l->dy);
}

Test(linear, values_are_those_of_the_formula)
{
    vs_device *dev = check_cpu(2);
    for (int i = 0; i < SHAPES; i++) {
        const struct shape s = shapes[i];
        struct linear l = linear_new(dev, s);
        for (int bias = 0; bias < 2; bias++) {
            vs_ops_cpu.matmul_fwd(dev, l.y, l.x, l.w, bias ? l.b : NULL, s.N, s.C, s.K);
            for (int n = 0; n < s.N; n++)
                for (int k = 0; k < s.K; k++) {
                    double sum = bias ? (double)l.b[k] : 0.0;
                    for (int c = 0; c < s.C; c++)
                        sum += (double)l.x[n * s.C + c] * l.w[k * s.C + c];
                    cr_assert_float_eq(l.y[n * s.K + k], sum, 2e-5, "(%d,%d,%d) [%d,%d]", s.N, s.C,
                                       s.K, n, k);
                }
        }
        linear_free(&l);
    }
    vs_device_close(&dev);
}

Test(linear, gradients_match_finite_differences)
{
    vs_device *dev = check_cpu(2);
    for (int i = 0; i < SHAPES; i++) {
        const struct shape s = shapes[i];
        struct linear l = linear_new(dev, s);
        float *dx = check_values((long)s.N * s.C, 6, 9, 9);       /* written: old values go */
        float *dw = check_values((long)s.K * s.C, 7, 0, 0), *db = check_values(s.K, 8, 0, 0);
        vs_ops_cpu.matmul_bwd_x(dev, dx, l.dy, l.w, s.N, s.C, s.K);
        vs_ops_cpu.matmul_bwd_w(dev, dw, db, l.dy, l.x, s.N, s.C, s.K);
        check_gradient("dx", linear_loss, &l, l.x, dx, (long)s.N * s.C, 2e-3);
        check_gradient("dw", linear_loss, &l, l.w, dw, (long)s.K * s.C, 2e-3);
        check_gradient("db", linear_loss, &l, l.b, db, s.K, 2e-3);
        free(dx); free(dw); free(db);
        linear_free(&l);
    }
    vs_device_close(&dev);
}

/* y = r + scale (x w^T + b), with every part there or not, and into r itself. */
Test(linear, residual_is_added_and_clips_are_scaled)
{
    enum { B = 3, S = 25, N = B * S, C = 37, K = 70 };
    vs_device *dev = check_cpu(2);
    struct linear l = linear_new(dev, (struct shape){ N, C, K });
    float *r = check_values(N * K, 6, -1, 1), *y = check_values(N * K, 7, 0, 0);
    const float scale[B] = { 0.0f, 1.0f, 2.5f };
    for (int i = 0; i < 8; i++) {
        const float *const b = i & 1 ? l.b : NULL, *const by = i & 2 ? scale : NULL;
        const bool residual = i & 4;
        memcpy(y, r, sizeof(float) * N * K);
        vs_ops_cpu.matmul_fwd(dev, l.y, l.x, l.w, b, N, C, K);
        vs_ops_cpu.matmul_add_fwd(dev, y, l.x, l.w, b, residual ? y : NULL, by, S, N, C, K);
        for (int k = 0; k < N * K; k++) {
            const float a = l.y[k] * (by ? scale[k / K / S] : 1.0f);
            cr_assert_float_eq(y[k], residual ? r[k] + a : a, 2e-6, "%d: [%d]", i, k);
        }
    }
    free(r);
    free(y);
    linear_free(&l);
    vs_device_close(&dev);
}

Test(linear, parameter_gradients_accumulate)
{
    vs_device *dev = check_cpu(2);
    struct linear l = linear_new(dev, (struct shape){ 70, 5, 6 });
    float once[36] = { 0 }, twice[36] = { 0 };
    vs_ops_cpu.matmul_bwd_w(dev, once, once + 30, l.dy, l.x, 70, 5, 6);
    for (int i = 0; i < 2; i++)
        vs_ops_cpu.matmul_bwd_w(dev, twice, twice + 30, l.dy, l.x, 70, 5, 6);
    for (int i = 0; i < 36; i++)
        cr_expect_float_eq(twice[i], 2 * once[i], 1e-5, "%d", i);
    linear_free(&l);
    vs_device_close(&dev);
}

/* ---- LayerNorm ------------------------------------------------------------------- */

struct norm {
    vs_device *dev;
    int N, C;
    float *x, *w, *b, *y, *dy, *mean, *rstd;
};

static double norm_loss(void *ctx)
{
    struct norm *l = ctx;
    vs_ops_cpu.layernorm_fwd(l->dev, l->y, l->mean, l->rstd, l->x, l->w, l->b, 1e-6f, l->N, l->C);
    return check_dot(l->y, l->dy, (long)l->N * l->C);
}

static struct norm norm_new(vs_device *dev, int N, int C)
{
    const long n = (long)N * C;
    return (struct norm){
        dev, N, C, check_values(n, 1, -3, 5), check_values(C, 2, 0.5f, 1.5f),
        check_values(C, 3, -1, 1), check_values(n, 4, 0, 0), check_values(n, 5, -1, 1),
        check_values(N, 6, 0, 0), check_values(N, 7, 0, 0),
    };
}

static void norm_free(struct norm *l)
{
    free(l->x); free(l->w); free(l->b); free(l->y); free(l->dy); free(l->mean); free(l->rstd);
}

static const int norm_shapes[][2] = { { 1, 2 }, { 3, 7 }, { 65, 33 }, { 200, 96 }, { 2, 768 } };

Test(layernorm, rows_have_mean_0_and_deviation_1)
{
    vs_device *dev = check_cpu(2);
    for (int i = 0; i < 5; i++) {
        const int N = norm_shapes[i][0], C = norm_shapes[i][1];
        struct norm l = norm_new(dev, N, C);
        for (int c = 0; c < C; c++) {
            l.w[c] = 1.0f;
            l.b[c] = 0.0f;
        }
        norm_loss(&l);
        for (int n = 0; n < N; n++) {
            double sum = 0, squares = 0;
            for (int c = 0; c < C; c++) {
                sum += l.y[n * C + c];
                squares += (double)l.y[n * C + c] * l.y[n * C + c];
            }
            cr_expect_float_eq(sum / C, 0.0, 1e-5, "mean of row %d of (%d, %d)", n, N, C);
            cr_expect_float_eq(squares / C, 1.0, 1e-4, "row %d of (%d, %d)", n, N, C);
        }
        norm_free(&l);
    }
    vs_device_close(&dev);
}

Test(layernorm, gradients_match_finite_differences_and_add_to_dx)
{
    vs_device *dev = check_cpu(2);
    for (int i = 1; i < 5; i++) {          /* two channels: y is +-1, whatever x */
        const int N = norm_shapes[i][0], C = norm_shapes[i][1];
        const long n = (long)N * C;
        struct norm l = norm_new(dev, N, C);
        float *dx = check_values(n, 8, 0.25f, 0.25f);
        float *dw = check_values(C, 9, 0, 0), *db = check_values(C, 10, 0, 0);
        norm_loss(&l);
        vs_ops_cpu.layernorm_bwd(dev, dx, dw, db, l.dy, l.x, l.w, l.mean, l.rstd, N, C);
        for (long k = 0; k < n; k++)
            dx[k] -= 0.25f;
        check_gradient("dx", norm_loss, &l, l.x, dx, n, 1e-2);
        check_gradient("dw", norm_loss, &l, l.w, dw, C, 2e-3);
        check_gradient("db", norm_loss, &l, l.b, db, C, 2e-3);
        free(dx); free(dw); free(db);
        norm_free(&l);
    }
    vs_device_close(&dev);
}

/* Partial sums lie over fixed rows: the same bits from any number of threads. */
Test(layernorm, gradients_do_not_depend_on_threads)
{
    enum { N = 333, C = 48 };
    float sum[3][2 * C] = { { 0 } };
    for (int t = 0; t < 3; t++) {
        vs_device *dev = check_cpu(t + 1);
        struct norm l = norm_new(dev, N, C);
        float *dx = check_values((long)N * C, 8, 0, 0);
        norm_loss(&l);
        vs_ops_cpu.layernorm_bwd(dev, dx, sum[t], sum[t] + C, l.dy, l.x, l.w, l.mean, l.rstd, N,
                                 C);
        free(dx);
        norm_free(&l);
        vs_device_close(&dev);
    }
    cr_expect(memcmp(sum[0], sum[1], sizeof(sum[0])) == 0);
    cr_expect(memcmp(sum[0], sum[2], sizeof(sum[0])) == 0);
}
