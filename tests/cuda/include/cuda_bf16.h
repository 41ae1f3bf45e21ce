/* bfloat16 as cuda_bf16.h names it, for kernels that run on the CPU (tests/cuda/emulate.cpp).
 * Written from the documented meaning: rounds to the nearest, ties to even; NaN is 0x7fff. */
#ifndef VSYN_TESTS_CUDA_INCLUDE_CUDA_BF16_H
#define VSYN_TESTS_CUDA_INCLUDE_CUDA_BF16_H

#include <cstring>

#include "cuda_runtime.h"

struct __nv_bfloat16 {
    unsigned short bits;
    __nv_bfloat16() = default;
    inline __nv_bfloat16(float x);
    inline operator float() const;
};

struct alignas(4) __nv_bfloat162 {
    __nv_bfloat16 x, y;
};

static inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 x)
{
    return x.bits;
}

static inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits)
{
    __nv_bfloat16 y;
    y.bits = bits;
    return y;
}

static inline float __bfloat162float(__nv_bfloat16 x)
{
    return __uint_as_float((unsigned)x.bits << 16);
}

static inline __nv_bfloat16 __float2bfloat16(float x)
{
    const unsigned bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return __ushort_as_bfloat16(0x7fff);
    return __ushort_as_bfloat16((unsigned short)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16));
}

static inline __nv_bfloat16 __float2bfloat16_rn(float x)
{
    return __float2bfloat16(x);
}

inline __nv_bfloat16::__nv_bfloat16(float x)
{
    bits = __float2bfloat16(x).bits;
}

inline __nv_bfloat16::operator float() const
{
    return __bfloat162float(*this);
}

static inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y)
{
    return { x, y };
}

static inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y)
{
    return { __float2bfloat16(x), __float2bfloat16(y) };
}

static inline float2 __bfloat1622float2(__nv_bfloat162 a)
{
    return make_float2(__bfloat162float(a.x), __bfloat162float(a.y));
}

static inline float __low2float(__nv_bfloat162 a)
{
    return __bfloat162float(a.x);
}

static inline float __high2float(__nv_bfloat162 a)
{
    return __bfloat162float(a.y);
}

#endif /* VSYN_TESTS_CUDA_INCLUDE_CUDA_BF16_H */
