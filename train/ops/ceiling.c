/* What a machine reaches at best with products alone. Contract: train/ops/ops.h
 *
 * On a GPU the size doubles from 64 until a product takes half a millisecond, 8192 at most, so that
 * launches do not count, and a stand-in of a GPU is done, too. Values are random: a GPU that
 * multiplies zeros draws less power and is faster. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rng.h"
#include "train/device/device_priv.h"
#include "train/ops/ops.h"

enum { LEAST = 64, MOST = 8192, PIECE = 1 << 18 };

/* Two bfloat16 between 0.5 and 2, of any sign, or one float of the kind. */
static void fill(vs_device *dev, void *at, size_t bytes)
{
    uint32_t *const some = malloc(sizeof(*some) * PIECE);
    vs_rng r = vs_rng_at(0, VS_RNG_TEST, bytes);
    for (int i = 0; some && i < PIECE; i++)
        some[i] = 0x3f003f00u | (vs_rng_u32(&r) & 0x80ff80ffu);
    for (size_t k = 0; some && k < bytes; k += sizeof(*some) * PIECE) {
        const size_t rest = bytes - k;
        vs_device_upload(dev, (char *)at + k, some,
                         rest < sizeof(*some) * PIECE ? rest : sizeof(*some) * PIECE);
    }
    free(some);
}

/* Operands of n x n by n x n. */
struct square {
    float *y, *x, *w;
    int n;
};

/* Seconds of `calls` products, and of waiting for them. */
static double products(vs_device *dev, const struct square *s, int calls)
{
    const double began = vs_now();
    for (int i = 0; i < calls; i++)
        vs_ops_untimed(dev)->matmul_fwd(dev, s->y, s->x, s->w, NULL, s->n, s->n, s->n);
    dev->kind->wait(dev);
    return vs_now() - began;
}

/* Adds products of this size, if it is large enough; false when a larger one is wanted. */
static bool add_products(vs_device *dev, vs_op_time *sum, int n, double seconds)
{
    const size_t bytes = sizeof(float) * (size_t)n * (size_t)n;
    struct square s = { .n = n };
    s.y = vs_device_alloc(dev, bytes);
    s.x = vs_device_alloc(dev, bytes);
    s.w = vs_device_alloc(dev, bytes);
    double once = 0.0;
    if (s.y && s.x && s.w) {
        fill(dev, s.x, bytes);
        fill(dev, s.w, bytes);
        (void)products(dev, &s, 1);                    /* the first of a size makes a plan */
        once = products(dev, &s, 1);
    }
    const bool enough = once > 5e-4 || n == MOST;
    if (enough && once > 0.0) {
        const int calls = (int)(seconds / once) + 1;
        sum->seconds += products(dev, &s, calls);
        sum->flops += 2.0 * calls * n * n * (double)n;
        sum->calls += calls;
    }
    vs_device_free(dev, s.w);
    vs_device_free(dev, s.x);
    vs_device_free(dev, s.y);
    return enough || vs_device_failed(dev);
}

static void large_products(vs_device *dev, vs_op_time *sum, double seconds)
{
    int n = LEAST;
    while (!add_products(dev, sum, n, seconds))
        n *= 2;
}

void vs_ops_packed_gemm(vs_device *dev, vs_op_time *sum, double seconds)
{
    if (vs_device_is_cuda(dev))
        large_products(dev, sum, seconds);
    else if (vs_device_precision(dev) == VS_BF16)
        vs_packed_gemm_cpu_bf16(dev, sum, seconds);
    else
        vs_packed_gemm_cpu(dev, sum, seconds);
}
