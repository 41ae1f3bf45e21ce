/* Element-wise operations on CUDA. Contract and formulas: train/ops/ops.h
 * Four values at a time where all pointers are aligned so; what is left, one by one. */
#include "train/ops/cuda.cuh"

/* y = a x, a from a clip's factor; clips along y of the grid */
static __global__ void scale_clips_kernel(vs_narrow *y, const vs_real *x, const float *scale, int B,
                                          int64_t n, int64_t fours)
{
    for (int b = blockIdx.y; b < B; b += gridDim.y) {
        const float a = scale ? scale[b] : 1.0f;
        const vs_real *const xb = x + b * n;
        vs_narrow *const yb = y + b * n;
        VS_EACH(i, fours) {
            vs_four v = load4(xb + 4 * i);
            for (int j = 0; j < 4; j++)
                v.v[j] *= a;
            store4(yb + 4 * i, v);
        }
        VS_EACH(i, n - 4 * fours)
            put(yb + 4 * fours + i, xb[4 * fours + i] * a);
    }
}

void VS_CUDA(scale_clips)(vs_device *dev, vs_narrow *y, const vs_real *x, const float *scale,
                          int B, int64_t n)
{
    const int64_t fours = n % 4 == 0 ? fours_of(n, x, y, x) : 0;
    const dim3 grid(blocks_for(ceil_div(n, 4)), (unsigned)(B < 65535 ? B : 65535));
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(scale_clips_kernel, grid, VS_THREADS, 0, stream_of(dev), y, x, scale, B, n, fours);
    VS_LAUNCHED(dev);
}

static __global__ void widen_kernel(float *y, const vs_narrow *x, int64_t n, int64_t fours)
{
    VS_EACH(i, fours)
        store4(y + 4 * i, load4(x + 4 * i));
    VS_EACH(i, n - 4 * fours)
        y[4 * fours + i] = widened(x[4 * fours + i]);
}

void VS_CUDA(widen)(vs_device *dev, float *y, const vs_narrow *x, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(widen_kernel, blocks_for(ceil_div(n, 4)), VS_THREADS, 0, stream_of(dev), y, x, n,
              fours_of(n, x, y, x));
    VS_LAUNCHED(dev);
}

static __global__ void clip_kernel(float *x, const double *sumsq, float limit, int64_t n,
                                   int64_t fours)
{
    const double norm = sqrt(*sumsq);
    if (!(norm > (double)limit))
        return;
    const float a = (float)((double)limit / norm);
    VS_EACH(i, fours) {
        vs_four v = load4(x + 4 * i);
        for (int j = 0; j < 4; j++)
            v.v[j] *= a;
        store4(x + 4 * i, v);
    }
    VS_EACH(i, n - 4 * fours)
        x[4 * fours + i] *= a;
}

void VS_CUDA(clip)(vs_device *dev, float *x, const double *sumsq, float limit, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(clip_kernel, blocks_for(ceil_div(n, 4)), VS_THREADS, 0, stream_of(dev), x, sumsq,
              limit, n, fours_of(n, x, x, x));
    VS_LAUNCHED(dev);
}

static __global__ void multiply_kernel(vs_narrow *y, const vs_narrow *x, const float *m, int64_t n,
                                       int64_t fours)
{
    VS_EACH(i, fours) {
        vs_four v = load4(x + 4 * i);
        const vs_four a = load4(m + 4 * i);
        for (int j = 0; j < 4; j++)
            v.v[j] *= a.v[j];
        store4(y + 4 * i, v);
    }
    VS_EACH(i, n - 4 * fours) {
        const int64_t k = 4 * fours + i;
        put(y + k, widened(x[k]) * m[k]);
    }
}

void VS_CUDA(multiply)(vs_device *dev, vs_narrow *y, const vs_narrow *x, const float *m, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(multiply_kernel, blocks_for(ceil_div(n, 4)), VS_THREADS, 0, stream_of(dev), y, x, m,
              n, fours_of(n, x, y, m));
    VS_LAUNCHED(dev);
}
