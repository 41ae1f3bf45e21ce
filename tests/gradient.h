/* Gradients against finite differences. The loss of an operation is sum_i y[i] * dy[i] for a
 * fixed random dy, so the gradient of the loss with respect to an input is what the
 * backward operation gives for dy. */
#ifndef VSYN_TESTS_GRADIENT_H
#define VSYN_TESTS_GRADIENT_H

#include "tests/check.h"
#include "train/ops/ops.h"

typedef double check_loss_fn(void *ctx);

static inline double check_dot(const float *y, const float *dy, long n)
{
    double sum = 0.0;
    for (long i = 0; i < n; i++)
        sum += (double)y[i] * dy[i];
    return sum;
}

/* Moves each of up to 24 values of x, spread over its n, by +-h. The error allowed is
 * `tolerance` of the largest gradient: fp32 noise over h is the same for all of them. */
static inline void check_gradient(const char *what, check_loss_fn *loss, void *ctx, float *x,
                                  const float *dx, long n, double tolerance)
{
    const float h = 1e-2f;
    const long step = n > 24 ? n / 24 : 1;
    double most = 1e-6;
    for (long i = 0; i < n; i++)
        most = fmax(most, fabs((double)dx[i]));
    for (long i = 0; i < n; i += step) {
        const float keep = x[i];
        x[i] = keep + h;
        const double above = loss(ctx), up = x[i];
        x[i] = keep - h;
        const double below = loss(ctx), down = x[i];
        x[i] = keep;
        const double expected = (above - below) / (up - down);
        cr_expect(fabs((double)dx[i] - expected) <= tolerance * most,
                  "%s[%ld]: gradient %.6g, difference quotient %.6g (largest %.3g)", what, i,
                  (double)dx[i], expected, most);
    }
}

/* n random values in [lo, hi); the caller frees them. */
static inline float *check_values(long n, uint64_t index, float lo, float hi)
{
    float *x = calloc((size_t)n + 1, sizeof(float));
    cr_assert(x);
    fill_uniform(x, n, index, lo, hi);
    return x;
}

static inline vs_device *check_cpu(int threads)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, threads));
    return dev;
}

#endif /* VSYN_TESTS_GRADIENT_H */
