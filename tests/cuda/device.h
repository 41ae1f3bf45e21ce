/* A CUDA device for tests: the backend of VSYN_CUDA_PLUGIN (the emulated one, in CI), else the one
 * that is installed, which needs a GPU. */
#ifndef VSYN_TESTS_CUDA_DEVICE_H
#define VSYN_TESTS_CUDA_DEVICE_H

#include "tests/gradient.h"

static inline vs_bf16 half_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (vs_bf16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float float_of(vs_bf16 x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float y;
    memcpy(&y, &bits, 4);
    return y;
}

/* NULL, and a loud line, where there is no GPU; a backend that was named must open. */
static inline vs_device *check_cuda(vs_precision precision)
{
    vs_device *dev = NULL;
    const char *const named = getenv("VSYN_CUDA_PLUGIN");
    const vs_err err = vs_device_open_cuda(&dev, 0);
    cr_assert(err == VS_OK || !named || !*named, "%s", vs_err_detail());
    if (err != VS_OK)
        fprintf(stderr, "SKIPPED: CUDA: %s\n", vs_err_detail());
    else
        vs_device_set_precision(dev, precision);
    return dev;
}

#endif /* VSYN_TESTS_CUDA_DEVICE_H */
