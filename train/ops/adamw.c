/* AdamW and the sum of squares on the CPU. Contract and formulas: train/ops/ops.h */
#include "train/ops/cpu.h"

VS_KERNEL static double sum_squares(const float *x, int64_t n)
{
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

void VS_CPU(sumsq)(vs_device *dev, double *out, const float *x, int64_t n)
{
    const int64_t pieces = vs_ceil_div(n, VS_CHUNK);
    double *part = vs_device_scratch(dev, sizeof(double) * (size_t)pieces);
    if (!part)
        return;
    VS_PARALLEL(dev, n)
    for (int64_t i = 0; i < pieces; i++)
        part[i] = sum_squares(x + i * VS_CHUNK, vs_piece(n, i * VS_CHUNK, VS_CHUNK));
    for (int64_t i = 0; i < pieces; i++)
        *out += part[i];
}

/* What is the same for every value of a step. */
struct step {
    float keep;                    /* 1 - lr * weight_decay */
    float b1, b1_rest, b2, b2_rest, rate, v_scale, eps;
};

VS_KERNEL static void update(float *w, float *m, float *v, const float *g, const struct step *a,
                             int64_t n)
{
    const struct step s = *a;
    VS_SIMD
    for (int64_t i = 0; i < n; i++) {
        const float mi = s.b1 * m[i] + s.b1_rest * g[i];
        const float vi = s.b2 * v[i] + s.b2_rest * g[i] * g[i];
        m[i] = mi;
        v[i] = vi;
        w[i] = w[i] * s.keep - s.rate * mi / (sqrtf(vi) * s.v_scale + s.eps);
    }
}

void VS_CPU(adamw)(vs_device *dev, float *w, float *m, float *v, const float *g,
                  const vs_adamw_args *args, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    const double t = (double)args->step, b1 = (double)args->beta1, b2 = (double)args->beta2;
    const struct step s = {
        .keep = (float)(1.0 - (double)args->lr * (double)args->weight_decay),
        .b1 = args->beta1,
        .b1_rest = (float)(1.0 - b1),
        .b2 = args->beta2,
        .b2_rest = (float)(1.0 - b2),
        .rate = (float)((double)args->lr / (1.0 - pow(b1, t))),
        .v_scale = (float)(1.0 / sqrt(1.0 - pow(b2, t))),
        .eps = args->eps,
    };
    VS_PARALLEL(dev, n)
    for (int64_t at = 0; at < n; at += VS_CHUNK)
        update(w + at, m + at, v + at, g + at, &s, vs_piece(n, at, VS_CHUNK));
}
