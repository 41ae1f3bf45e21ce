/* Products by plain loops, one thread per value: they stand in, on the emulated GPU, for
 * train/ops/matmul.cu, whose library needs a real one. Contract: train/ops/ops.h */
#include "train/ops/cuda.cuh"

static __device__ float phi(float h)
{
    return 0.5f * (1.0f + erff(h * 0.70710678f));
}

struct out {
    vs_narrow *y, *h;              /* h: where gelu's input goes */
    float *real;                   /* instead of y */
    const float *b, *r, *scale;
    int S;
};

static __global__ void fwd_kernel(out o, const vs_narrow *x, const vs_narrow *w, int64_t n, int C,
                                  int K)
{
    VS_EACH(i, n) {
        const int64_t row = i / K, k = i % K;
        float a = 0.0f;
        for (int c = 0; c < C; c++)
            a += widened(x[row * C + c]) * widened(w[k * C + c]);
        a += o.b ? o.b[k] : 0.0f;
        if (o.real) {
            o.real[i] = (o.r ? o.r[i] : 0.0f) + a * (o.scale ? o.scale[row / o.S] : 1.0f);
        } else if (o.h) {
            put(o.h + i, a);
            put(o.y + i, a * phi(a));
        } else {
            put(o.y + i, a);
        }
    }
}

static void fwd(vs_device *dev, out o, const vs_narrow *x, const float *w, int N, int C, int K)
{
    const vs_narrow *const narrow = vs_product_weight(dev, w);
    const int64_t n = (int64_t)N * K;
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(fwd_kernel, blocks_for(n), VS_THREADS, 0, stream_of(dev), o, x, narrow, n, C, K);
    VS_LAUNCHED(dev);
}

void VS_CUDA(matmul_fwd)(vs_device *dev, vs_narrow *y, const vs_narrow *x, const vs_real *w,
                         const vs_real *b, int N, int C, int K)
{
    fwd(dev, { y, NULL, NULL, b, NULL, NULL, 1 }, x, w, N, C, K);
}

void VS_CUDA(matmul_add_fwd)(vs_device *dev, vs_real *y, const vs_narrow *x, const vs_real *w,
                             const vs_real *b, const vs_real *r, const float *scale, int S, int N,
                             int C, int K)
{
    fwd(dev, { NULL, NULL, y, b, r, scale, S }, x, w, N, C, K);
}

void VS_CUDA(matmul_gelu_fwd)(vs_device *dev, vs_narrow *h, vs_narrow *y, const vs_narrow *x,
                              const vs_real *w, const vs_real *b, int N, int C, int K)
{
    fwd(dev, { y, h, NULL, b, NULL, NULL, 1 }, x, w, N, C, K);
}

/* h NULL: matmul_bwd_x */
static __global__ void bwd_x_kernel(vs_narrow *dx, vs_narrow *y, const vs_narrow *dy,
                                    const vs_narrow *w, const vs_narrow *h, int64_t n, int C, int K)
{
    VS_EACH(i, n) {
        const int64_t row = i / C, c = i % C;
        float a = 0.0f;
        for (int k = 0; k < K; k++)
            a += widened(dy[row * K + k]) * widened(w[(int64_t)k * C + c]);
        if (h) {
            const float v = widened(h[i]);
            put(y + i, v * phi(v));
            a *= phi(v) + v * 0.39894228f * expf(-0.5f * v * v);
        }
        put(dx + i, a);
    }
}

void VS_CUDA(matmul_bwd_x)(vs_device *dev, vs_narrow *dx, const vs_narrow *dy, const vs_real *w,
                           int N, int C, int K)
{
    VS_CUDA(matmul_gelu_bwd)(dev, dx, NULL, dy, w, NULL, N, C, K);
}

void VS_CUDA(matmul_gelu_bwd)(vs_device *dev, vs_narrow *dh, vs_narrow *y, const vs_narrow *dy,
                              const vs_real *w, const vs_narrow *h, int N, int C, int K)
{
    const vs_narrow *const narrow = vs_product_weight(dev, w);
    const int64_t n = (int64_t)N * C;
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(bwd_x_kernel, blocks_for(n), VS_THREADS, 0, stream_of(dev), dh, y, dy, narrow, h, n,
              C, K);
    VS_LAUNCHED(dev);
}

static __global__ void bwd_w_kernel(float *dw, float *db, const vs_narrow *dy, const vs_narrow *x,
                                    int N, int C, int K)
{
    VS_EACH(i, (int64_t)K * C) {
        const int64_t k = i / C, c = i % C;
        float a = 0.0f, b = 0.0f;
        for (int64_t n = 0; n < N; n++) {
            a += widened(dy[n * K + k]) * widened(x[n * C + c]);
            b += widened(dy[n * K + k]);
        }
        dw[i] += a;
        if (db && c == 0)
            db[k] += b;
    }
}

void VS_CUDA(matmul_bwd_w)(vs_device *dev, float *dw, float *db, const vs_narrow *dy,
                           const vs_narrow *x, int N, int C, int K)
{
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(bwd_w_kernel, blocks_for((int64_t)K * C), VS_THREADS, 0, stream_of(dev), dw, db, dy,
              x, N, C, K);
    VS_LAUNCHED(dev);
}
