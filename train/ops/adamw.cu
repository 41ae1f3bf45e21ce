/* AdamW and the sum of squares on CUDA. Contract and formulas: train/ops/ops.h
 *
 * One pass over w, m, v and g, which writes the bfloat16 copy of w (train/device/gpu.cuh), too,
 * where there is one. What changes from step to step comes by value, or from device memory when
 * the step is replayed from a graph (vs_cuda_args). */
#include "train/ops/cuda.cuh"

#include <math.h>

static __global__ void sumsq_kernel(double *part, const float *x, int64_t n, int64_t piece)
{
    __shared__ double warps[VS_THREADS / 32];
    const int64_t first = blockIdx.x * piece, end = first + piece < n ? first + piece : n;
    double sum = 0.0;
#pragma unroll 4
    for (int64_t i = first + threadIdx.x; i < end; i += VS_THREADS)
        sum += (double)x[i] * (double)x[i];
    sum = block_sum(sum, warps);
    if (threadIdx.x == 0)
        part[blockIdx.x] = sum;
}

void VS_CUDA(sumsq)(vs_device *dev, double *out, const float *x, int64_t n)
{
    const int64_t piece = values_of_piece(n), pieces = ceil_div(n, piece);
    double *const part = (double *)vs_device_scratch(dev, sizeof(double) * (size_t)pieces);
    if (!part)
        return;
    VS_LAUNCH(sumsq_kernel, (unsigned)pieces, VS_THREADS, 0, stream_of(dev), part, x, n, piece);
    VS_LAUNCHED(dev);
    VS_CUDA(add_up)(dev, NULL, out, part, (int)pieces, 1.0);
}

/* What is the same for every value of a step. */
struct step {
    float keep;                    /* 1 - lr * weight_decay */
    float b1, b1_rest, b2, b2_rest, rate, v_scale, eps;
};

static __device__ float update(float *m, float *v, float w, float g, const step &s)
{
    *m = s.b1 * *m + s.b1_rest * g;
    *v = s.b2 * *v + s.b2_rest * g * g;
    return w * s.keep - s.rate * *m / (sqrtf(*v) * s.v_scale + s.eps);
}

/* narrow: NULL, or the copy of w; elsewhere: NULL, or where to read the step from */
static __global__ void adamw_kernel(float *w, float *m, float *v, const float *g,
                                    __nv_bfloat16 *narrow, step by_value, const step *elsewhere,
                                    int64_t n, int64_t fours)
{
    const step s = elsewhere ? *elsewhere : by_value;
    VS_EACH(i, fours) {
        vs_four wi = load4(w + 4 * i), mi = load4(m + 4 * i), vi = load4(v + 4 * i);
        const vs_four gi = load4(g + 4 * i);
        for (int j = 0; j < 4; j++)
            wi.v[j] = update(&mi.v[j], &vi.v[j], wi.v[j], gi.v[j], s);
        store4(w + 4 * i, wi);
        store4(m + 4 * i, mi);
        store4(v + 4 * i, vi);
        if (narrow)
            store4(narrow + 4 * i, wi);
    }
    VS_EACH(i, n - 4 * fours) {
        const int64_t k = 4 * fours + i;
        w[k] = update(&m[k], &v[k], w[k], g[k], s);
        if (narrow)
            put(narrow + k, w[k]);
    }
}

static step step_of(const vs_adamw_args *args)
{
    const double t = (double)args->step, b1 = (double)args->beta1, b2 = (double)args->beta2;
    step s;
    s.keep = (float)(1.0 - (double)args->lr * (double)args->weight_decay);
    s.b1 = args->beta1;
    s.b1_rest = (float)(1.0 - b1);
    s.b2 = args->beta2;
    s.b2_rest = (float)(1.0 - b2);
    s.rate = (float)((double)args->lr / (1.0 - pow(b1, t)));
    s.v_scale = (float)(1.0 / sqrt(1.0 - pow(b2, t)));
    s.eps = args->eps;
    return s;
}

void VS_CUDA(adamw)(vs_device *dev, float *w, float *m, float *v, const float *g,
                    const vs_adamw_args *args, int64_t n)
{
    if (vs_device_failed(dev))
        return;
    const step s = step_of(args);
    const step *const elsewhere = (const step *)vs_cuda_args(dev, &s, sizeof(s));
    if (vs_device_failed(dev) || dev->gpu->args.mode == VS_GPU_REPLAY)
        return;
    __nv_bfloat16 *const narrow = vs_cuda_narrow_copy_of(dev, w);
    const int64_t fours = aligned_to(narrow, 8) && aligned_to(g, 16) ? fours_of(n, w, m, v) : 0;
    VS_LAUNCH(adamw_kernel, blocks_for(ceil_div(n, 4)), VS_THREADS, 0, stream_of(dev), w, m, v, g,
              narrow, s, elsewhere, n, fours);
    VS_LAUNCHED(dev);
}
