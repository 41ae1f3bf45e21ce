/* Out of focus: every pixel becomes a small disk.
 *
 * Kernel, (2m+1) x (2m+1) with m = 8, or r for a radius r above 8: the disk
 * X^2 + Y^2 <= r^2 divided by its count, smoothed by a normalised Gaussian of 3 (r <= 8)
 * or 5 taps, the kernel's own border mirrored (which makes its sum a little more than one
 * where the disk touches the border), in float32. The picture's border is mirrored without
 * repeating the edge. Result: floor(min(255, sum of weight x byte)).
 *
 * The weights take few different values, each on vertical runs of pixels. So sums of
 * bytes are taken first, per weight, as differences of vertical prefix sums in 16 bits
 * (wrapping; a group holds at most 257 pixels, so its sum fits), and then weighted: in
 * float32, and again in doubles - where it is exact - for the few values so close to a
 * whole number that float32 cannot tell on which side they are.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/kinds.h"

#define SIDE 21                    /* the largest kernel */
#define TAPS (SIDE * SIDE)
#define PER_GROUP 257              /* 257 x 255 = 65535 */
#define CHUNK 32                   /* values at a time: one vector */
#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))
/* Beyond the error of at most TAPS float32 additions near 256. */
#define NEAR 0x1p-7f
/* Weights below this cannot carry a sum of the others over a whole number: those are
 * multiples of 2^-40. */
#define NOTHING 0x1p-60f

struct run {
    int16_t dx, top, bottom;       /* column and rows in the kernel, bottom excluded */
};

struct group {
    float weight;
    int first, n;                  /* runs */
};

struct defocus {
    int m, groups;
    struct group group[TAPS];
    struct run run[TAPS];
};

/* ---- The kernel ---------------------------------------------------------------------- */

static int mirrored(int i, int n)
{
    if (n == 1)
        return 0;
    i %= 2 * (n - 1);
    i = i < 0 ? i + 2 * (n - 1) : i;
    return i < n ? i : 2 * (n - 1) - i;
}

static void smooth(double *out, const double *in, int side, const double *g, int taps, int down)
{
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            double sum = 0;
            for (int i = 0; i < taps; i++) {
                const int d = i - taps / 2;
                const int sy = mirrored(y + (down ? d : 0), side);
                const int sx = mirrored(x + (down ? 0 : d), side);
                sum += g[i] * in[sy * side + sx];
            }
            out[y * side + x] = sum;
        }
}

/* kernel (side, side); returns m, side = 2m + 1. */
static int disk(float *kernel, double radius, double sigma)
{
    const int m = radius <= 8 ? 8 : (int)radius, side = 2 * m + 1, taps = radius <= 8 ? 3 : 5;
    double a[TAPS], b[TAPS], g[5], sum = 0;
    int count = 0;
    for (int i = 0; i < side * side; i++) {
        const int x = i % side - m, y = i / side - m;
        a[i] = x * x + y * y <= radius * radius;
        count += a[i] > 0;
    }
    for (int i = 0; i < side * side; i++)
        a[i] = (float)a[i] / (float)count;
    for (int i = 0; i < taps; i++) {
        const double d = i - taps / 2;
        g[i] = exp(-d * d / (2 * sigma * sigma));
        sum += g[i];
    }
    for (int i = 0; i < taps; i++)
        g[i] /= sum;
    smooth(b, a, side, g, taps, 0);
    smooth(a, b, side, g, taps, 1);
    for (int i = 0; i < side * side; i++)
        kernel[i] = (float)a[i];
    return m;
}

/* ---- Groups of equal weight --------------------------------------------------------------- */

/* The runs of one weight, as one or more groups; `used` marks what is done. */
static int add_groups(struct defocus *t, const float *kernel, float weight, int runs)
{
    const int side = 2 * t->m + 1;
    struct group *g = NULL;
    int taps = 0;
    for (int x = 0; x < side; x++)
        for (int y = 0, end; y < side; y = end) {
            end = y + 1;
            if (kernel[y * side + x] != weight)
                continue;
            while (end < side && kernel[end * side + x] == weight)
                end++;
            if (!g || taps + end - y > PER_GROUP) {
                g = &t->group[t->groups++];
                *g = (struct group){ .weight = weight, .first = runs };
                taps = 0;
            }
            taps += end - y;
            t->run[runs++] = (struct run){ (int16_t)x, (int16_t)y, (int16_t)end };
            g->n++;
        }
    return runs;
}

static int seen_before(const struct defocus *t, float weight)
{
    for (int g = 0; g < t->groups; g++)
        if (t->group[g].weight == weight)
            return 1;
    return 0;
}

static vs_err prepare_defocus(void **table, const double *level)
{
    struct defocus *t = calloc(1, sizeof(*t));
    float kernel[TAPS];
    if (!t)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a blur kernel");
    t->m = disk(kernel, level[0], level[1]);
    const int side = 2 * t->m + 1;
    for (int i = 0, runs = 0; i < side * side; i++)
        if (kernel[i] >= NOTHING && !seen_before(t, kernel[i]))
            runs = add_groups(t, kernel, kernel[i], runs);
    *table = t;
    return VS_OK;
}

/* ---- The picture -------------------------------------------------------------------------- */

/* Prefix sums down the columns of the picture with its mirrored border of m pixels:
 * sum[r][x] = rows 0..r-1 of column x, modulo 2^16. (H + 2m + 1, stride). */
static uint16_t *prefix_sums(const uint8_t *src, int H, int W, int m, size_t stride)
{
    const int rows = H + 2 * m;
    uint16_t *sum = calloc((size_t)(rows + 1) * stride, sizeof(*sum));
    for (int r = 0; sum && r < rows; r++) {
        const uint8_t *line = src + (size_t)mirrored(r - m, H) * W * 3;
        const uint16_t *above = sum + (size_t)r * stride;
        uint16_t *here = sum + (size_t)(r + 1) * stride;
        for (int x = 0; x < W + 2 * m; x++) {
            const uint8_t *p = line + 3 * mirrored(x - m, W);
            for (int c = 0; c < 3; c++)
                here[3 * x + c] = (uint16_t)(above[3 * x + c] + p[c]);
        }
    }
    return sum;
}

typedef uint16_t lanes __attribute__((vector_size(2 * CHUNK)));

/* s[0..CHUNK-1]: the bytes under one group. */
static inline void sum_group(uint16_t *s, const uint16_t *sum, size_t stride, const struct run *run,
                             int n)
{
    lanes all = { 0 }, top, bottom;
    for (int k = 0; k < n; k++) {
        memcpy(&top, sum + (size_t)run[k].top * stride + 3 * run[k].dx, sizeof(top));
        memcpy(&bottom, sum + (size_t)run[k].bottom * stride + 3 * run[k].dx, sizeof(bottom));
        all += bottom - top;
    }
    memcpy(s, &all, sizeof(all));
}

static double exact(const struct defocus *t, uint16_t s[][CHUNK], int i)
{
    double v = 0;
    for (int g = 0; g < t->groups; g++)
        v += (double)t->group[g].weight * s[g][i];
    return v;
}

VECTOR static void blur_chunk(uint8_t *dst, int n, const uint16_t *sum, size_t stride,
                              const struct defocus *t)
{
    uint16_t s[TAPS][CHUNK];
    float v[CHUNK] = { 0 };
    for (int g = 0; g < t->groups; g++) {
        const float weight = t->group[g].weight;
        sum_group(s[g], sum, stride, t->run + t->group[g].first, t->group[g].n);
        for (int i = 0; i < CHUNK; i++)
            v[i] += weight * (float)s[g][i];
    }
    for (int i = 0; i < n; i++) {
        const float above = v[i] - (float)(int)v[i];
        const double value = above < NEAR || above > 1 - NEAR ? exact(t, s, i) : (double)v[i];
        dst[i] = (uint8_t)(value > 255 ? 255 : value);
    }
}

static vs_err frame_defocus(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const struct defocus *t = f->table;
    const int n = f->W * 3;
    const size_t stride = ((size_t)f->W + 2 * (size_t)t->m) * 3 + CHUNK;
    uint16_t *sum = prefix_sums(src, f->H, f->W, t->m, stride);
    if (!sum)
        return VS_FAIL(VS_ERR_NOMEM, "no memory to blur a %d x %d picture", f->W, f->H);
    for (int y = 0; y < f->H; y++)
        for (int x = 0; x < n; x += CHUNK)
            blur_chunk(dst + (size_t)y * n + x, n - x < CHUNK ? n - x : CHUNK,
                       sum + (size_t)y * stride + x, stride, t);
    free(sum);
    return VS_OK;
}

const vs_kind vs_kind_defocus = { .prepare = prepare_defocus, .frame = frame_defocus };
