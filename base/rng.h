/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * A draw is a pure function of (seed, purpose, index, position), so the same
 * numbers come out on any thread count, on CPU and GPU, and after a resume:
 *
 *     key     = seed (64 bits)
 *     counter = { position in blocks of 4, purpose, index low, index high }
 *
 * `purpose` keeps uses apart (VS_RNG_*); `index` is the video, the sample in
 * its epoch, the frame: whatever the numbers belong to. Combine several indices
 * with vs_rng_index(). Everything here compiles as C and as CUDA.
 */
#ifndef VSYN_BASE_RNG_H
#define VSYN_BASE_RNG_H

#include <math.h>
#include <stdint.h>

#include "base/hd.h"

/* What a stream is for. Append only: a changed value changes every result. */
enum {
    VS_RNG_SCENE = 1,      /* parameters of a synthetic video */
    VS_RNG_TEXTURE = 2,
    VS_RNG_MOTION = 3,     /* labelled motion clips */
    VS_RNG_SHUFFLE = 4,    /* order of an epoch */
    VS_RNG_VIEW = 5,       /* window, crop, flip of a training sample */
    VS_RNG_MASK = 6,
    VS_RNG_INIT = 7,       /* weights */
    VS_RNG_DROP = 8,       /* drop path, dropout */
    VS_RNG_MIX = 9,        /* mixup, cutmix */
    VS_RNG_AUGMENT = 10,
    VS_RNG_CORRUPT = 11,   /* robustness */
    VS_RNG_BOOTSTRAP = 12,
    VS_RNG_FILL = 13,      /* which textures fill the shapes of a video */
    VS_RNG_TEST = 99
};

typedef struct vs_rng {
    uint64_t key, index;
    uint32_t purpose, block, left, word[4];
} vs_rng;

VS_HD void vs_philox(uint32_t out[4], uint64_t key, const uint32_t counter[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

VS_HD vs_rng vs_rng_at(uint64_t seed, uint32_t purpose, uint64_t index)
{
    vs_rng r;
    r.key = seed;
    r.index = index;
    r.purpose = purpose;
    r.block = r.left = 0;
    r.word[0] = r.word[1] = r.word[2] = r.word[3] = 0;
    return r;
}

/* Two indices as one, e.g. (epoch, sample): a bijective mix, then exclusive or. */
VS_HD uint64_t vs_rng_index(uint64_t a, uint64_t b)
{
    uint64_t z = (a + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (z ^ (z >> 31)) ^ b;
}

VS_HD uint32_t vs_rng_u32(vs_rng *r)
{
    if (r->left == 0) {
        uint32_t counter[4];
        counter[0] = r->block++;
        counter[1] = r->purpose;
        counter[2] = (uint32_t)r->index;
        counter[3] = (uint32_t)(r->index >> 32);
        vs_philox(r->word, r->key, counter);
        r->left = 4;
    }
    return r->word[4 - r->left--];
}

VS_HD uint64_t vs_rng_u64(vs_rng *r)
{
    const uint64_t high = vs_rng_u32(r);
    return high << 32 | vs_rng_u32(r);
}

/* The stream from its number `position` of 32 bits on: where a thread begins in the middle. */
VS_HD vs_rng vs_rng_from(uint64_t seed, uint32_t purpose, uint64_t index, uint32_t position)
{
    vs_rng r = vs_rng_at(seed, purpose, index);
    r.block = position / 4;
    for (uint32_t i = 0; i < position % 4; i++)
        (void)vs_rng_u32(&r);
    return r;
}

/* [0, 1) with 24 and 53 random bits. */
VS_HD float vs_rng_f32(vs_rng *r)
{
    return (float)(vs_rng_u32(r) >> 8) * 0x1p-24f;
}

VS_HD double vs_rng_f64(vs_rng *r)
{
    return (double)(vs_rng_u64(r) >> 11) * 0x1p-53;
}

/* [lo, hi) */
VS_HD double vs_rng_uniform(vs_rng *r, double lo, double hi)
{
    return lo + (hi - lo) * vs_rng_f64(r);
}

/* 0..n-1 for n >= 1: the high part of a 64 x 32 bit product; bias below 2^-32. */
VS_HD uint32_t vs_rng_below(vs_rng *r, uint32_t n)
{
    const uint64_t high = (uint64_t)vs_rng_u32(r) * n;
    const uint64_t low = (uint64_t)vs_rng_u32(r) * n;
    return (uint32_t)((high + (low >> 32)) >> 32);
}

/* Standard normal, Box-Muller on doubles (one value per call, two u64). */
VS_HD double vs_rng_normal(vs_rng *r)
{
    const double u = 1.0 - vs_rng_f64(r), v = vs_rng_f64(r);
    return sqrt(-2.0 * log(u)) * cos(6.283185307179586476925286766559 * v);
}

/* Fisher-Yates; `item` holds n ints. */
VS_HD void vs_rng_shuffle(vs_rng *r, int *item, int n)
{
    for (int i = n - 1; i > 0; i--) {
        const int j = (int)vs_rng_below(r, (uint32_t)i + 1), keep = item[i];
        item[i] = item[j];
        item[j] = keep;
    }
}

#endif /* VSYN_BASE_RNG_H */
