/* Attention: values and gradients, over shapes on both sides of a tile. */
#include "tests/gradient.h"

struct shape { int B, S, H, D; };
static const struct shape shapes[] = {
    { 1, 1, 1, 4 }, { 2, 5, 3, 8 }, { 1, 64, 2, 16 }, { 2, 65, 1, 7 }, { 1, 200, 2, 8 },
    { 1, 801, 1, 6 },                /* more keys than one pass takes; parts of a head */
};
enum { SHAPES = sizeof(shapes) / sizeof(*shapes) };

struct attention {
    vs_device *dev;
    struct shape s;
    long n;                        /* values of y */
    float *qkv, *y, *dy, *lse;
};

static struct attention attention_new(vs_device *dev, struct shape s)
{
    const long n = (long)s.B * s.S * s.H * s.D;
    return (struct attention){ dev, s, n, check_values(3 * n, 1, -2, 2), check_values(n, 2, 0, 0),
                               check_values(n, 3, -1, 1),
                               check_values((long)s.B * s.H * s.S, 4, 0, 0) };
}

static void attention_free(struct attention *a)
{
    free(a->qkv); free(a->y); free(a->dy); free(a->lse);
}

static double attention_loss(void *ctx)
{
    struct attention *a = ctx;
    vs_ops_cpu.attention_fwd(a->dev, a->y, a->lse, a->qkv, a->s.B, a->s.S, a->s.H, a->s.D);
    return check_dot(a->y, a->dy, a->n);
}

/* One row of y in plain double loops. */
static void witness(double *y, double *lse, const struct attention *a, int b, int h, int i)
{
    const int S = a->s.S, D = a->s.D, C = a->s.H * D;
    const float *clip = a->qkv + (long)b * S * 3 * C + (long)h * D, *q = clip + (long)i * 3 * C;
    double sum = 0.0;
    memset(y, 0, sizeof(double) * (size_t)D);
    for (int j = 0; j < S; j++) {
        const float *k = clip + (long)j * 3 * C + C, *v = k + C;
        double dot = 0.0;
        for (int c = 0; c < D; c++)
            dot += (double)q[c] * k[c];
        const double e = exp(dot / sqrt(D));
        sum += e;
        for (int c = 0; c < D; c++)
            y[c] += e * v[c];
    }
    for (int c = 0; c < D; c++)
        y[c] /= sum;
    *lse = log(sum);
}

Test(attention, values_are_those_of_the_formula)
{
    vs_device *dev = check_cpu(2);
    for (int i = 0; i < SHAPES; i++) {
        const struct shape s = shapes[i];
        struct attention a = attention_new(dev, s);
        attention_loss(&a);
        for (int row = 0; row < s.B * s.H * s.S; row++) {
            const int q = row % s.S, h = row / s.S % s.H, b = row / s.S / s.H;
            double y[16], lse;
            witness(y, &lse, &a, b, h, q);
            cr_assert_float_eq(a.lse[row], lse, 2e-5);
            for (int c = 0; c < s.D; c++)
                cr_assert_float_eq(a.y[(((long)b * s.S + q) * s.H + h) * s.D + c], y[c], 1e-5,
                                   "(%d,%d,%d,%d) clip %d head %d row %d", s.B, s.S, s.H, s.D, b, h,
                                   q);
        }
        attention_free(&a);
    }
    vs_device_close(&dev);
}

Test(attention, gradients_match_finite_differences)
{
    vs_device *dev = check_cpu(2);
    for (int i = 0; i < SHAPES; i++) {
        const struct shape s = shapes[i];
        struct attention a = attention_new(dev, s);
        float *d = check_values(3 * a.n, 5, 9, 9);     /* written: old values go */
        attention_loss(&a);
        vs_ops_cpu.attention_bwd(dev, d, a.dy, a.y, a.qkv, a.lse, s.B, s.S, s.H, s.D);
        check_gradient("dqkv", attention_loss, &a, a.qkv, d, 3 * a.n, 5e-3);
        free(d);
        attention_free(&a);
    }
    vs_device_close(&dev);
}

/* Scores of some hundreds: without taking the largest out, exp would overflow. */
Test(attention, large_scores_stay_finite)
{
    vs_device *dev = check_cpu(1);
    const struct shape s = { 1, 9, 1, 4 };
    struct attention a = attention_new(dev, s);
    float *d = check_values(3 * a.n, 5, 0, 0);
    fill_uniform(a.qkv, 3 * a.n, 6, -40, 40);
    attention_loss(&a);
    vs_ops_cpu.attention_bwd(dev, d, a.dy, a.y, a.qkv, a.lse, s.B, s.S, s.H, s.D);
    for (long i = 0; i < a.n; i++)
        cr_expect(isfinite(a.y[i]) && fabsf(a.y[i]) <= 40.0f, "y[%ld] = %g", i, (double)a.y[i]);
    for (long i = 0; i < 3 * a.n; i++)
        cr_expect(isfinite(d[i]), "dqkv[%ld] = %g", i, (double)d[i]);
    free(d);
    attention_free(&a);
    vs_device_close(&dev);
}

Test(attention, the_same_bits_from_any_number_of_threads)
{
    const struct shape s = { 3, 70, 3, 8 };
    float *y[3], *d[3];
    long n = 0;
    for (int t = 0; t < 3; t++) {
        vs_device *dev = check_cpu(t + 1);
        struct attention a = attention_new(dev, s);
        n = a.n;
        d[t] = check_values(3 * n, 5, 0, 0);
        attention_loss(&a);
        vs_ops_cpu.attention_bwd(dev, d[t], a.dy, a.y, a.qkv, a.lse, s.B, s.S, s.H, s.D);
        y[t] = a.y;
        a.y = NULL;
        attention_free(&a);
        vs_device_close(&dev);
    }
    for (int t = 1; t < 3; t++) {
        cr_expect(memcmp(y[0], y[t], sizeof(float) * (size_t)n) == 0, "y, %d threads", t + 1);
        cr_expect(memcmp(d[0], d[t], sizeof(float) * 3 * (size_t)n) == 0, "%d threads", t + 1);
    }
    for (int t = 0; t < 3; t++) {
        free(y[t]);
        free(d[t]);
    }
}
