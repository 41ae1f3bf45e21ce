/* Steerable pyramid and spectra, with kissfft. Definitions: gen/texture/pyramid.h */
#include "gen/texture/pyramid.h"

#include <kissfft/kiss_fftr.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Transforms of pictures of side M: rows of real numbers, then columns of M / 2 + 1 complex ones.
 * (The ones of several dimensions in kissfft 131.1.0 cannot be opened.) */
typedef struct level {
    int M;
    kiss_fftr_cfg row, row_back;
    kiss_fft_cfg column, column_back;
    kiss_fft_cpx *line;            /* (M) */
} level;

struct vs_pyramid {
    int N, scales;
    level level[VS_PYRAMID_SCALES];
    kiss_fft_cpx *whole, *sum, *part;          /* (N, N / 2 + 1) each */
    float *band;                   /* (N, N) */
    float *mask;                   /* band filters, one after the other */
    float *rest;                   /* (N, N / 2 + 1): what both residuals let pass, squared */
};

static double low(double r, double cut)
{
    if (r <= cut / 2)
        return 1;
    return r >= cut ? 0 : cos(acos(-1.0) / 2 * log2(2 * r / cut));
}

static double high(double r, double cut)
{
    const double l = low(r, cut);
    return sqrt(1 - l * l);
}

static int frequency(int row, int M)
{
    return row <= M / 2 ? row : row - M;
}

static double radius_of(int fx, int fy, int N)
{
    return sqrt((double)fx * fx + (double)fy * fy) / (N / 2);
}

static float band_filter(int fx, int fy, int N, int scale, int orientation)
{
    const double r = radius_of(fx, fy, N), cut = pow(2, -scale);
    const double angle = atan2(fy, fx) - orientation * acos(-1.0) / VS_PYRAMID_ORIENTATIONS;
    const double around = pow(fabs(cos(angle)), 3) / sqrt(1.25);
    return (float)(low(r, cut) * high(r, cut / 2) * around);
}

static size_t half_plane(int M)
{
    return (size_t)M * (size_t)(M / 2 + 1);
}

static float *mask_of(const vs_pyramid *p, int scale, int orientation)
{
    float *mask = p->mask;
    for (int k = 0; k < scale; k++)
        mask += VS_PYRAMID_ORIENTATIONS * half_plane(p->level[k].M);
    return mask + (size_t)orientation * half_plane(p->level[scale].M);
}

static void fill_masks(vs_pyramid *p)
{
    for (int k = 0; k < p->scales; k++)
        for (int j = 0; j < VS_PYRAMID_ORIENTATIONS; j++) {
            const int M = p->level[k].M, columns = M / 2 + 1;
            float *mask = mask_of(p, k, j);
            for (int y = 0; y < M; y++)
                for (int x = 0; x < columns; x++)
                    mask[y * columns + x] = band_filter(x, frequency(y, M), p->N, k, j);
        }
    for (int y = 0; y < p->N; y++)
        for (int x = 0; x <= p->N / 2; x++) {
            const double r = radius_of(x, frequency(y, p->N), p->N);
            const double h = high(r, 1), l = low(r, pow(2, -p->scales));
            p->rest[y * (p->N / 2 + 1) + x] = (float)(h * h + l * l);
        }
}

static bool open_level(level *to, int M)
{
    *to = (level){ M, kiss_fftr_alloc(M, 0, NULL, NULL), kiss_fftr_alloc(M, 1, NULL, NULL),
                   kiss_fft_alloc(M, 0, NULL, NULL), kiss_fft_alloc(M, 1, NULL, NULL),
                   malloc((size_t)M * sizeof(kiss_fft_cpx)) };
    return to->row && to->row_back && to->column && to->column_back && to->line;
}

static void close_level(level *l)
{
    free(l->row);
    free(l->row_back);
    free(l->column);
    free(l->column_back);
    free(l->line);
}

static void turn_columns(const level *l, kiss_fft_cfg plan, kiss_fft_cpx *spectrum)
{
    const int columns = l->M / 2 + 1;
    for (int x = 0; x < columns; x++) {
        kiss_fft_stride(plan, spectrum + x, l->line, columns);
        for (int y = 0; y < l->M; y++)
            spectrum[y * columns + x] = l->line[y];
    }
}

static void forward(const level *l, kiss_fft_cpx *spectrum, const float *x)
{
    for (int y = 0; y < l->M; y++)
        kiss_fftr(l->row, x + (size_t)y * (size_t)l->M, spectrum + y * (l->M / 2 + 1));
    turn_columns(l, l->column, spectrum);
}

/* M * M times the inverse; the spectrum is used up. */
static void inverse(const level *l, float *x, kiss_fft_cpx *spectrum)
{
    turn_columns(l, l->column_back, spectrum);
    for (int y = 0; y < l->M; y++)
        kiss_fftri(l->row_back, spectrum + y * (l->M / 2 + 1), x + (size_t)y * (size_t)l->M);
}

vs_err vs_pyramid_new(vs_pyramid **out, int N, int scales)
{
    VS_ASSERT(N >= 32 && N <= 1024 && N % 16 == 0 && scales <= VS_PYRAMID_SCALES);
    vs_pyramid *p = calloc(1, sizeof(*p));
    bool good = p;
    if (p) {
        *p = (vs_pyramid){ .N = N, .scales = scales };
        const size_t half = half_plane(N);
        p->whole = malloc(half * sizeof(*p->whole));
        p->sum = malloc(half * sizeof(*p->sum));
        p->part = malloc(half * sizeof(*p->part));
        p->band = malloc((size_t)N * (size_t)N * sizeof(*p->band));
        p->mask = malloc(2 * VS_PYRAMID_ORIENTATIONS * half * sizeof(*p->mask));
        p->rest = malloc(half * sizeof(*p->rest));
        good = p->whole && p->sum && p->part && p->band && p->mask && p->rest;
        for (int k = 0; k < scales; k++)
            good = open_level(&p->level[k], N >> k) && good;
    }
    if (!good) {
        vs_pyramid_free(&p);
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a pyramid of %dx%d", N, N);
    }
    fill_masks(p);
    *out = p;
    return VS_OK;
}

void vs_pyramid_free(vs_pyramid **pyramid)
{
    vs_pyramid *p = *pyramid;
    for (int k = 0; p && k < p->scales; k++)
        close_level(&p->level[k]);
    if (p) {
        free(p->whole);
        free(p->sum);
        free(p->part);
        free(p->band);
        free(p->mask);
        free(p->rest);
    }
    free(p);
    *pyramid = NULL;
}

/* Row y of a spectrum of side M within one of side N. */
static size_t row_in(int y, int M, int N)
{
    return (size_t)(y <= M / 2 ? y : N - M + y) * (size_t)(N / 2 + 1);
}

static void change_band(vs_pyramid *p, int scale, int orientation, vs_band_fn *change, void *ctx)
{
    const level *l = &p->level[scale];
    const int M = l->M, columns = M / 2 + 1;
    const float *mask = mask_of(p, scale, orientation);
    const float unscale = 1 / ((float)p->N * (float)p->N), scaled = 1 / unscale / (float)(M * M);
    for (int y = 0; y < M; y++)
        for (int x = 0; x < columns; x++) {
            const kiss_fft_cpx from = p->whole[row_in(y, M, p->N) + (size_t)x];
            const float w = mask[y * columns + x] * unscale;
            p->part[y * columns + x] = (kiss_fft_cpx){ from.r * w, from.i * w };
        }
    inverse(l, p->band, p->part);
    change(ctx, scale, orientation, p->band, (size_t)M * (size_t)M);
    forward(l, p->part, p->band);
    for (int y = 0; y < M; y++)
        for (int x = 0; x < columns; x++) {
            kiss_fft_cpx *to = &p->sum[row_in(y, M, p->N) + (size_t)x];
            const float w = mask[y * columns + x] * scaled;
            to->r += p->part[y * columns + x].r * w;
            to->i += p->part[y * columns + x].i * w;
        }
}

void vs_pyramid_change(vs_pyramid *p, float *x, vs_band_fn *change, void *ctx)
{
    const size_t half = half_plane(p->N), pixels = (size_t)p->N * (size_t)p->N;
    forward(&p->level[0], p->whole, x);
    for (size_t i = 0; i < half; i++)
        p->sum[i] = (kiss_fft_cpx){ p->whole[i].r * p->rest[i], p->whole[i].i * p->rest[i] };
    for (int k = 0; k < p->scales; k++)
        for (int j = 0; j < VS_PYRAMID_ORIENTATIONS; j++)
            change_band(p, k, j, change, ctx);
    inverse(&p->level[0], x, p->sum);
    for (size_t i = 0; i < pixels; i++)
        x[i] /= (float)pixels;
}

/* ---- Spectra ------------------------------------------------------------------------------- */

static void moments(double *mean, double *deviation, const float *x, size_t n)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    *mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *deviation = sqrt(squares / (double)n);
}

void vs_spectrum_impose(vs_pyramid *p, float *x, double sx, double sy)
{
    const int N = p->N, columns = N / 2 + 1;
    const size_t pixels = (size_t)N * (size_t)N;
    double mean, deviation, now_mean, now;
    moments(&mean, &deviation, x, pixels);
    forward(&p->level[0], p->whole, x);
    for (int fy = 0; fy < N; fy++) {
        const double along_y = pow(abs(frequency(fy, N)) / (double)N, sy);
        for (int fx = 0; fx < columns; fx++) {
            kiss_fft_cpx *v = &p->whole[fy * columns + fx];
            const double amplitude = sqrt((double)v->r * v->r + (double)v->i * v->i);
            const double wanted = 1 / (pow(fx / (double)N, sx) + along_y);
            const float w = amplitude > 0 && (fx || fy) ? (float)(wanted / amplitude) : 0;
            *v = (kiss_fft_cpx){ v->r * w, v->i * w };
        }
    }
    inverse(&p->level[0], x, p->whole);
    moments(&now_mean, &now, x, pixels);
    const double gain = now > 0 ? deviation / now : 0;
    for (size_t i = 0; i < pixels; i++)
        x[i] = (float)(mean + (x[i] - now_mean) * gain);
}

double vs_spectrum_slope(vs_pyramid *p, const float *x)
{
    enum { RINGS = 12, FROM = 2, TO = 16 };
    const int N = p->N, columns = N / 2 + 1;
    const double first = log(FROM), last = log(TO);
    double sum[RINGS] = { 0 }, at[RINGS] = { 0 };
    int count[RINGS] = { 0 };
    forward(&p->level[0], p->whole, x);
    for (int y = 0; y < N; y++)
        for (int fx = 0; fx < columns; fx++) {
            const int fy = frequency(y, N);
            const double f = log(sqrt((double)fx * fx + (double)fy * fy) + 1e-9);
            const int ring = (int)floor((f - first) / (last - first) * RINGS);
            const kiss_fft_cpx v = p->whole[y * columns + fx];
            if (ring < 0 || ring >= RINGS)
                continue;
            sum[ring] += sqrt((double)v.r * v.r + (double)v.i * v.i);
            at[ring] += f;
            count[ring]++;
        }
    double n = 0, mx = 0, my = 0, xx = 0, xy = 0;
    for (int k = 0; k < RINGS; k++) {
        if (!count[k] || !(sum[k] > 0))
            continue;
        const double a = at[k] / count[k], b = log(sum[k] / count[k]);
        n++;
        mx += a;
        my += b;
        xx += a * a;
        xy += a * b;
    }
    return n < 2 ? 0 : -(xy - mx * my / n) / (xx - mx * mx / n);
}
