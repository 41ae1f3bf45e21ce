/* Noise, independent for every pixel, channel and frame. v is the byte, x = v / 255; the
 * result is the byte floor(255 clip(x', 0, 1)): truncated, not rounded, as the reference
 * does. N is standard normal.
 *
 *   gaussian   x' = x + s N
 *   speckle    x' = x + x s N
 *   shot       x' = Poisson(c x) / c
 *   impulse    x' = 0 or 1 with probability a/2 each, else x
 *
 * Numbers come from Philox blocks, counter (block, CORRUPT, frame + 1, 0): a value's draw
 * depends on its place only. A normal draw is the quantile at (u + 1/2) / 2^16 of a 16-bit
 * u, from a table: exact in distribution to 2^-17, tails to 4.3 sigma. Poisson and impulse
 * compare 32 bits with their cumulative probabilities.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/kinds.h"

#define LEVELS 65536
#define BLOCKS 64                  /* Philox blocks made at a time */

/* ---- The normal distribution ------------------------------------------------------ */

/* Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (Applied
 * Statistics 37, 1988), the single-precision set: relative error 1e-7. */
double vs_normal_quantile(double p)
{
    const double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        const double r = 0.180625 - q * q;
        return q *
               (((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179) /
               (((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1.0);
    }
    double r = sqrt(-log(q < 0 ? p : 1 - p)), z;
    if (r <= 5) {
        r -= 1.6;
        z = (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777) /
            ((0.12021132975 * r + 0.73700164250) * r + 1.0);
    } else {
        r -= 5;
        z = (((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150) /
            ((0.012258202635 * r + 0.24197894225) * r + 1.0);
    }
    return q < 0 ? -z : z;
}

/* ---- Random words ------------------------------------------------------------------ */

#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))

/* vs_philox() of BLOCKS counters side by side: word[4 i ..] belongs to block first + i. */
VECTOR static void philox_words(uint32_t *word, uint64_t seed, uint32_t first, uint32_t frame)
{
    uint32_t a[BLOCKS], b[BLOCKS], c[BLOCKS], d[BLOCKS];
    uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        a[i] = first + i;
        b[i] = VS_RNG_CORRUPT;
        c[i] = frame;
        d[i] = 0;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            const uint64_t p = (uint64_t)0xD2511F53u * a[i], q = (uint64_t)0xCD9E8D57u * c[i];
            a[i] = (uint32_t)(q >> 32) ^ b[i] ^ key0;
            c[i] = (uint32_t)(p >> 32) ^ d[i] ^ key1;
            b[i] = (uint32_t)q;
            d[i] = (uint32_t)p;
        }
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    for (int i = 0; i < BLOCKS; i++) {
        word[4 * i] = a[i];
        word[4 * i + 1] = b[i];
        word[4 * i + 2] = c[i];
        word[4 * i + 3] = d[i];
    }
}

static void make_words(uint32_t *word, const vs_frame *f, uint32_t first)
{
    philox_words(word, f->seed, first, (uint32_t)f->t + 1);
}

/* For each run of values: 16 bits or 32 bits of `word` to each. */
typedef void noise_fn(uint8_t *dst, const uint8_t *src, int n, const uint32_t *word,
                      const vs_frame *f);

static vs_err each_value(uint8_t *dst, const uint8_t *src, const vs_frame *f, noise_fn *fn,
                         int per_block)
{
    const size_t n = (size_t)f->H * f->W * 3, at_once = (size_t)BLOCKS * per_block;
    uint32_t word[4 * BLOCKS], first = 0;
    for (size_t i = 0; i < n; i += at_once, first += BLOCKS) {
        make_words(word, f, first);
        fn(dst + i, src + i, (int)(n - i < at_once ? n - i : at_once), word, f);
    }
    return VS_OK;
}

static uint32_t half_word(const uint32_t *word, int i)
{
    return word[i / 2] >> 16 * (i % 2) & 0xffff;
}

/* ---- Gaussian: floor(v + 255 s N) = v + floor(255 s N) ------------------------------- */

static vs_err prepare_gaussian(void **table, const double *level)
{
    int16_t *step = malloc(sizeof(int16_t) * LEVELS);
    if (!step)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a table of normal numbers");
    for (int u = 0; u < LEVELS; u++)
        step[u] = (int16_t)floor(255 * level[0] * vs_normal_quantile((u + 0.5) / LEVELS));
    *table = step;
    return VS_OK;
}

static void add_gaussian(uint8_t *dst, const uint8_t *src, int n, const uint32_t *word,
                         const vs_frame *f)
{
    const int16_t *step = f->table;
    for (int i = 0; i < n; i++) {
        const int v = src[i] + step[half_word(word, i)];
        dst[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static vs_err frame_gaussian(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    return each_value(dst, src, f, add_gaussian, 8);
}

/* ---- Speckle --------------------------------------------------------------------------- */

static vs_err prepare_speckle(void **table, const double *level)
{
    float *factor = malloc(sizeof(float) * LEVELS);
    if (!factor)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a table of normal numbers");
    for (int u = 0; u < LEVELS; u++)
        factor[u] = (float)(1 + level[0] * vs_normal_quantile((u + 0.5) / LEVELS));
    *table = factor;
    return VS_OK;
}

static void times_speckle(uint8_t *dst, const uint8_t *src, int n, const uint32_t *word,
                          const vs_frame *f)
{
    const float *factor = f->table;
    for (int i = 0; i < n; i++) {
        const float v = (float)src[i] * factor[half_word(word, i)];
        dst[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
    }
}

static vs_err frame_speckle(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    return each_value(dst, src, f, times_speckle, 8);
}

/* ---- Impulse ----------------------------------------------------------------------------- */

struct impulse {
    uint32_t black, white;         /* u below: 0; below: 255 */
    uint8_t kept[256];             /* floor((v / 255) * 255), which may lose one */
};

static vs_err prepare_impulse(void **table, const double *level)
{
    struct impulse *t = malloc(sizeof(*t));
    if (!t)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a table of impulse noise");
    t->black = (uint32_t)(0x1p32 * level[0] / 2);
    t->white = (uint32_t)(0x1p32 * level[0]);
    for (int v = 0; v < 256; v++)
        t->kept[v] = (uint8_t)(v / 255.0 * 255.0);
    *table = t;
    return VS_OK;
}

static void flip_impulse(uint8_t *dst, const uint8_t *src, int n, const uint32_t *word,
                         const vs_frame *f)
{
    const struct impulse *t = f->table;
    for (int i = 0; i < n; i++)
        dst[i] = word[i] < t->black ? 0 : word[i] < t->white ? 255 : t->kept[src[i]];
}

static vs_err frame_impulse(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    return each_value(dst, src, f, flip_impulse, 4);
}

/* ---- Shot: k photons, found by a guide table and a short walk ----------------------------- */

struct shot {
    int photons;                   /* columns of `upto` */
    uint16_t guide[256][256];      /* [v][top byte of u]: the first k that may be meant */
    uint8_t *out;                  /* (photons) byte for k photons */
    uint32_t upto[];               /* (256, photons): largest u that means at most k photons */
};

static void fill_shot(uint32_t *upto, int photons, double mean)
{
    double sum = 0;
    for (int k = 0; k < photons; k++) {
        sum += mean > 0 ? exp(k * log(mean) - mean - lgamma(k + 1.0)) : k == 0;
        const double u = ceil(sum * 0x1p32) - 1;
        upto[k] = u >= 0xffffffffu || k == photons - 1 ? 0xffffffffu : u < 0 ? 0 : (uint32_t)u;
    }
}

static vs_err prepare_shot(void **table, const double *level)
{
    const int photons = (int)(level[0] + 10 * sqrt(level[0]) + 20);
    const size_t row = (size_t)photons;
    struct shot *t = malloc(sizeof(*t) + row * 256 * sizeof(uint32_t) + row);
    if (!t)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a table of shot noise");
    t->photons = photons;
    t->out = (uint8_t *)(t->upto + row * 256);
    for (int k = 0; k < photons; k++)
        t->out[k] = (uint8_t)(fmin(k / level[0], 1) * 255);
    for (int v = 0; v < 256; v++) {
        uint32_t *upto = t->upto + row * (size_t)v;
        fill_shot(upto, photons, v / 255.0 * level[0]);
        for (int top = 0, k = 0; top < 256; top++) {
            while (upto[k] < (uint32_t)top << 24)
                k++;
            t->guide[v][top] = (uint16_t)k;
        }
    }
    *table = t;
    return VS_OK;
}

static void count_photons(uint8_t *dst, const uint8_t *src, int n, const uint32_t *word,
                          const vs_frame *f)
{
    const struct shot *t = f->table;
    for (int i = 0; i < n; i++) {
        const uint32_t *upto = t->upto + (size_t)src[i] * (size_t)t->photons;
        int k = t->guide[src[i]][word[i] >> 24];
        while (word[i] > upto[k])
            k++;
        dst[i] = t->out[k];
    }
}

static vs_err frame_shot(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    return each_value(dst, src, f, count_photons, 4);
}

const vs_kind vs_kind_gaussian = { .prepare = prepare_gaussian, .frame = frame_gaussian };
const vs_kind vs_kind_shot = { .prepare = prepare_shot, .frame = frame_shot };
const vs_kind vs_kind_impulse = { .prepare = prepare_impulse, .frame = frame_impulse };
const vs_kind vs_kind_speckle = { .prepare = prepare_speckle, .frame = frame_speckle };
