/* Making textures with untrained networks. What they are: gen/texture/stylegan.h */
#include "gen/texture/stylegan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

enum { C = 32, FAN = 4, K = 5, PAD = K / 2, BLOCKS = 8, FIRST = 4, RGB_FROM = 32 };
enum { STREAM_NETWORK = 0x6e6574, STREAM_IMAGE = 0x696d67 };

typedef struct layer {
    int from[C][FAN];              /* input channels of each output */
    float filter[C][FAN][K * K];
    float bias[C];
    float loudness;                /* of the noise */
} layer;

struct vs_stylegan {
    int size, blocks;
    uint64_t seed, network;        /* whose weights these are */
    bool ready;
    float start[C][FIRST * FIRST];
    layer layer[2 * BLOCKS];
    float to_rgb[BLOCKS][3][C];
    float *x, *y;                  /* (C, size, size) */
    float *padded;                 /* (C, size + 2 PAD, size + 2 PAD) */
    float *rgb, *coarse;           /* (3, size, size) */
    float *noise;                  /* (size, size) */
};

/* ---- The network -------------------------------------------------------------------------- */

/* sharpen: how much of the mean is taken away. With none the coarse blocks are all that is seen. */
static void fill_filter(float *w, double angle, double frequency, double phase, double width,
                        double sharpen)
{
    double sum = 0, squares = 0;
    for (int j = 0; j < K; j++)
        for (int i = 0; i < K; i++) {
            const double x = i - PAD, y = j - PAD;
            const double u = cos(angle) * x + sin(angle) * y, v = cos(angle) * y - sin(angle) * x;
            const double g = exp(-(u * u / (2 * width * width) + v * v / (8 * width * width)));
            const double value = g * cos(6.283185307179586 * frequency * u + phase);
            w[j * K + i] = (float)value;
            sum += value;
        }
    for (int k = 0; k < K * K; k++) {
        w[k] -= (float)(sharpen * sum / (K * K));
        squares += (double)w[k] * w[k];
    }
    for (int k = 0; k < K * K; k++)
        w[k] = (float)(w[k] / sqrt(squares + 1e-12));
}

static void draw_layer(layer *l, vs_rng *r)
{
    const double sharpen = vs_rng_uniform(r, 0.2, 1);
    for (int o = 0; o < C; o += 2) {
        const double angle = vs_rng_uniform(r, 0, 3.141592653589793);
        for (int k = 0; k < FAN; k++) {
            const double frequency = vs_rng_uniform(r, 0.05, 0.3);
            const double width = vs_rng_uniform(r, 0.6, 1.4);
            const double phase = vs_rng_uniform(r, 0, 6.283185307179586);
            const float weight = (float)vs_rng_normal(r);
            for (int pair = 0; pair < 2; pair++) {
                float *w = l->filter[o + pair][k];
                l->from[o + pair][k] = (int)vs_rng_below(r, C);
                fill_filter(w, angle, frequency, phase + pair * 1.570796326794897, width,
                            sharpen);
                for (int t = 0; t < K * K; t++)
                    w[t] *= weight;
            }
        }
    }
    for (int o = 0; o < C; o++)
        l->bias[o] = (float)vs_rng_uniform(r, -0.2, 0.2);
    l->loudness = (float)fabs(vs_rng_normal(r));
}

static void draw_network(vs_stylegan *g, uint64_t seed, uint64_t network)
{
    if (g->ready && g->seed == seed && g->network == network)
        return;
    vs_rng r = vs_rng_at(seed, VS_RNG_TEXTURE, vs_rng_index(STREAM_NETWORK, network));
    for (int c = 0; c < C; c++)
        for (int i = 0; i < FIRST * FIRST; i++)
            g->start[c][i] = (float)vs_rng_normal(&r);
    for (int k = 0; k < 2 * BLOCKS; k++)
        draw_layer(&g->layer[k], &r);
    for (int k = 0; k < BLOCKS; k++)
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < C; i++)
                g->to_rgb[k][c][i] = (float)(vs_rng_normal(&r) / sqrt(C));
    g->seed = seed;
    g->network = network;
    g->ready = true;
}

static void draw_style(float w[C], vs_rng *r)
{
    for (int c = 0; c < C; c++) {
        const float v = (float)vs_rng_normal(r);
        w[c] = v < 0 ? 0.2f * v : v;
    }
}

/* ---- Pictures ------------------------------------------------------------------------------- */

/* Twice the side: bilinear at half-pixel centres, weights 3/4 and 1/4. in (n, n). */
static void enlarge(float *out, const float *in, int n)
{
    for (int y = 0; y < 2 * n; y++) {
        const int a = y / 2, b = y % 2 ? (a + 1 < n ? a + 1 : a) : (a > 0 ? a - 1 : 0);
        for (int x = 0; x < 2 * n; x++) {
            const int c = x / 2, d = x % 2 ? (c + 1 < n ? c + 1 : c) : (c > 0 ? c - 1 : 0);
            const float near = 0.75f * in[a * n + c] + 0.25f * in[a * n + d];
            const float far = 0.75f * in[b * n + c] + 0.25f * in[b * n + d];
            out[y * 2 * n + x] = 0.75f * near + 0.25f * far;
        }
    }
}

/* Octaves of equal variance, so that amplitudes fall as 1 / f. */
static void pink_noise(float *noise, float *tmp, int n, vs_rng *r)
{
    noise[0] = 0;
    for (int m = 1; m <= n; m *= 2) {
        for (int i = 0; i < m * m; i++)
            noise[i] += (float)vs_rng_normal(r);
        if (m == n)
            return;
        enlarge(tmp, noise, m);
        memcpy(noise, tmp, 4 * (size_t)m * (size_t)m * sizeof(*noise));
    }
}

/* in (n, n) into the middle of out, its edges repeated PAD times. */
static void pad(float *out, const float *in, int n)
{
    const int W = n + 2 * PAD;
    for (int y = 0; y < W; y++) {
        const int from = y < PAD ? 0 : y - PAD < n ? y - PAD : n - 1;
        float *row = out + (size_t)y * (size_t)W;
        memcpy(row + PAD, in + (size_t)from * (size_t)n, (size_t)n * sizeof(*row));
        for (int k = 0; k < PAD; k++) {
            row[k] = row[PAD];
            row[PAD + n + k] = row[PAD + n - 1];
        }
    }
}

/* out (n, n) += the correlation of a padded channel with one filter. */
static void add_filtered(float *restrict out, const float *restrict padded,
                         const float *restrict w, float gain, int n)
{
    const int W = n + 2 * PAD;
    for (int y = 0; y < n; y++)
        for (int t = 0; t < K; t++) {
            const float *row = padded + (size_t)(y + t) * (size_t)W;
            float *to = out + (size_t)y * (size_t)n;
            const float a = w[t * K] * gain, b = w[t * K + 1] * gain, c = w[t * K + 2] * gain,
                        d = w[t * K + 3] * gain, e = w[t * K + 4] * gain;
            for (int x = 0; x < n; x++)
                to[x] += a * row[x] + b * row[x + 1] + c * row[x + 2] + d * row[x + 3] +
                         e * row[x + 4];
        }
}

/* ---- A layer -------------------------------------------------------------------------------- */

static float demodulation(const layer *l, int o, const float style[C])
{
    double sum = 1e-8;
    for (int k = 0; k < FAN; k++)
        for (int t = 0; t < K * K; t++) {
            const double v = l->filter[o][k][t] * style[l->from[o][k]];
            sum += v * v;
        }
    return (float)(1 / sqrt(sum));
}

/* x (C, n, n) becomes the layer's output. */
static void run_layer(vs_stylegan *g, const layer *l, int n, vs_rng *r)
{
    const size_t pixels = (size_t)n * (size_t)n;
    const size_t wide = (size_t)(n + 2 * PAD) * (size_t)(n + 2 * PAD);
    float style[C];
    draw_style(style, r);
    pink_noise(g->noise, g->y, n, r);
    for (size_t c = 0; c < C; c++)
        pad(g->padded + c * wide, g->x + c * pixels, n);
    memset(g->y, 0, C * pixels * sizeof(*g->y));
    for (size_t o = 0; o < C; o++) {
        float *to = g->y + o * pixels;
        const float unit = demodulation(l, (int)o, style);
        for (int k = 0; k < FAN; k++) {
            const int from = l->from[o][k];
            add_filtered(to, g->padded + (size_t)from * wide, l->filter[o][k], unit * style[from],
                         n);
        }
        for (size_t i = 0; i < pixels; i++) {
            const float v = to[i] + l->loudness * g->noise[i] + l->bias[o];
            to[i] = (v < 0 ? 0.2f * v : v) * 1.41421356f;
        }
    }
    float *keep = g->x;
    g->x = g->y;
    g->y = keep;
}

static void add_rgb(vs_stylegan *g, int block, int n, vs_rng *r)
{
    const size_t pixels = (size_t)n * (size_t)n;
    float style[C];
    draw_style(style, r);
    if (n < RGB_FROM)
        return;             /* its colours would drown what comes after */
    for (size_t c = 0; c < 3; c++)
        for (size_t k = 0; k < C; k++) {
            const float w = g->to_rgb[block][c][k] * style[k];
            for (size_t i = 0; i < pixels; i++)
                g->rgb[c * pixels + i] += w * g->x[k * pixels + i];
        }
}

static void enlarge_all(vs_stylegan *g, int n)
{
    const size_t pixels = (size_t)n * (size_t)n;
    for (size_t c = 0; c < C; c++)
        enlarge(g->y + 4 * c * pixels, g->x + c * pixels, n);
    float *keep = g->x;
    g->x = g->y;
    g->y = keep;
    for (size_t c = 0; c < 3; c++)
        enlarge(g->coarse + 4 * c * pixels, g->rgb + c * pixels, n);
    keep = g->rgb;
    g->rgb = g->coarse;
    g->coarse = keep;
}

/* ---- A texture ------------------------------------------------------------------------------- */

static void to_bytes(const vs_stylegan *g, uint8_t *out, vs_rng *r)
{
    static const double mean[3][2] = { { .483, .145 }, { .455, .142 }, { .401, .161 } };
    static const double spread[3][2] = { { .219, .063 }, { .213, .062 }, { .213, .069 } };
    const size_t pixels = (size_t)g->size * (size_t)g->size;
    for (size_t c = 0; c < 3; c++) {
        const float *x = g->rgb + c * pixels;
        double sum = 0, squares = 0;
        for (size_t i = 0; i < pixels; i++)
            sum += x[i];
        sum /= (double)pixels;
        for (size_t i = 0; i < pixels; i++)
            squares += (x[i] - sum) * (x[i] - sum);
        const double to = mean[c][0] + mean[c][1] * vs_rng_normal(r);
        const double wide = spread[c][0] + spread[c][1] * vs_rng_normal(r);
        const double gain = (wide > 0.05 ? wide : 0.05) / sqrt(squares / (double)pixels + 1e-20);
        for (size_t i = 0; i < pixels; i++) {
            const double v = 255 * (to + (x[i] - sum) * gain) + 0.5;
            out[3 * i + c] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

vs_err vs_stylegan_make(vs_stylegan *g, uint8_t *rgb, uint64_t seed, uint64_t index)
{
    draw_network(g, seed, index / VS_STYLEGAN_SHARE);
    vs_rng r = vs_rng_at(seed, VS_RNG_TEXTURE, vs_rng_index(STREAM_IMAGE, index));
    memcpy(g->x, g->start, sizeof(g->start));
    memset(g->rgb, 0, 3 * FIRST * FIRST * sizeof(*g->rgb));
    int n = FIRST;
    for (int block = 0; block < g->blocks; block++) {
        if (block > 0) {
            enlarge_all(g, n);
            n *= 2;
        }
        run_layer(g, &g->layer[2 * block], n, &r);
        run_layer(g, &g->layer[2 * block + 1], n, &r);
        add_rgb(g, block, n, &r);
    }
    to_bytes(g, rgb, &r);
    return VS_OK;
}

vs_err vs_stylegan_new(vs_stylegan **out, int size)
{
    vs_stylegan *g = calloc(1, sizeof(*g));
    *out = NULL;
    if (!g)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a network of %dx%d", size, size);
    const size_t pixels = (size_t)size * (size_t)size;
    const size_t wide = (size_t)(size + 2 * PAD) * (size_t)(size + 2 * PAD);
    g->size = size;
    for (int n = FIRST; n <= size; n *= 2)
        g->blocks++;
    VS_ASSERT(g->blocks <= BLOCKS);
    g->x = malloc(C * pixels * sizeof(float));
    g->y = malloc(C * pixels * sizeof(float));
    g->padded = malloc(C * wide * sizeof(float));
    g->rgb = malloc(3 * pixels * sizeof(float));
    g->coarse = malloc(3 * pixels * sizeof(float));
    g->noise = malloc(pixels * sizeof(float));
    if (!g->x || !g->y || !g->padded || !g->rgb || !g->coarse || !g->noise) {
        vs_stylegan_free(&g);
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a network of %dx%d", size, size);
    }
    *out = g;
    return VS_OK;
}

void vs_stylegan_free(vs_stylegan **stylegan)
{
    vs_stylegan *g = *stylegan;
    if (!g)
        return;
    free(g->x);
    free(g->y);
    free(g->padded);
    free(g->rgb);
    free(g->coarse);
    free(g->noise);
    free(g);
    *stylegan = NULL;
}
