/* The second stage of sums: pieces are added up in order. Contract: train/ops/cuda.cuh
 *
 * Over rows: a block has 32 columns; each of its 8 warps adds every eighth piece, and the first
 * adds up the warps. The order is fixed by the number of pieces. */
#include "train/ops/cuda.cuh"

static __global__ void add_pieces_kernel(float *out, const float *part, int pieces, int C,
                                         int64_t stride)
{
    __shared__ float sums[VS_WARPS][32];
    const int c = blockIdx.x * 32 + threadIdx.x;
    float sum = 0.0f;
    if (c < C)
        for (int i = threadIdx.y; i < pieces; i += VS_WARPS)
            sum += part[i * stride + c];
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y != 0 || c >= C)
        return;
    for (int i = 1; i < VS_WARPS; i++)
        sum += sums[i][threadIdx.x];
    out[c] += sum;
}

void VS_CUDA(add_pieces)(vs_device *dev, float *out, const float *part, int pieces, int C,
                         int64_t stride)
{
    const dim3 block(32, VS_WARPS);
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(add_pieces_kernel, (unsigned)ceil_div(C, 32), block, 0, stream_of(dev), out, part,
              pieces, C, stride);
    VS_LAUNCHED(dev);
}

static __global__ void add_up_kernel(float *mean, double *total, const double *part, int pieces,
                                     double n)
{
    __shared__ double warps[VS_THREADS / 32];
    double sum = 0.0;
    for (int i = threadIdx.x; i < pieces; i += VS_THREADS)
        sum += part[i];
    sum = block_sum(sum, warps);
    if (threadIdx.x != 0)
        return;
    if (mean)
        *mean = (float)(sum / n);
    if (total)
        *total += sum;
}

void VS_CUDA(add_up)(vs_device *dev, float *mean, double *total, const double *part, int pieces,
                     double n)
{
    if (vs_device_failed(dev))
        return;
    VS_LAUNCH(add_up_kernel, 1, VS_THREADS, 0, stream_of(dev), mean, total, part, pieces, n);
    VS_LAUNCHED(dev);
}
