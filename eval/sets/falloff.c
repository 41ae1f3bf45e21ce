/* The exponent of a spectrum, with kissfft. See falloff.h. */
#include "eval/sets/falloff.h"

#include <kissfft/kiss_fftr.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

#define PER_OCTAVE 4
#define FIRST 4.0                      /* cycles a picture where ring 0 begins */

struct vs_falloff {
    int N, columns;                    /* columns: N / 2 + 1 */
    kiss_fftr_cfg row;
    kiss_fft_cfg column;
    float *window, *line;              /* (N) */
    kiss_fft_cpx *whole, *in, *out;    /* (N, columns), (N), (N) */
    int8_t *ring;                      /* (N, columns); -1 = none */
    int count[VS_FALLOFF_RINGS];
    double log_f[VS_FALLOFF_RINGS];    /* mean of the ring */
};

int vs_falloff_rings(int N)
{
    return (int)floor(PER_OCTAVE * log2(N / 4 / FIRST) + 1e-9);
}

double vs_falloff_cycles(int j)
{
    return FIRST * exp2((j + 0.5) / PER_OCTAVE);
}

static void sort_into_rings(vs_falloff *f)
{
    const int rings = vs_falloff_rings(f->N);
    for (int y = 0; y < f->N; y++)
        for (int x = 0; x < f->columns; x++) {
            const int fy = y <= f->N / 2 ? y : y - f->N;
            const double r2 = (double)x * x + (double)fy * fy;
            const double at = r2 > 0 ? PER_OCTAVE * log2(sqrt(r2) / FIRST) : -1;
            const int j = at < 0 || at >= rings ? -1 : (int)at;
            f->ring[y * f->columns + x] = (int8_t)j;
            if (j < 0)
                continue;
            f->count[j]++;
            f->log_f[j] += log(r2) / 2;
        }
    for (int j = 0; j < rings; j++)
        f->log_f[j] /= f->count[j];
}

vs_err vs_falloff_open(vs_falloff **out, int N)
{
    VS_ASSERT(N % 2 == 0 && N >= VS_FALLOFF_LEAST && N <= VS_FALLOFF_MOST);
    const size_t n = (size_t)N, half = n * (n / 2 + 1);
    vs_falloff *f = vs_new(sizeof(*f));
    f->N = N;
    f->columns = N / 2 + 1;
    f->row = kiss_fftr_alloc(N, 0, NULL, NULL);
    f->column = kiss_fft_alloc(N, 0, NULL, NULL);
    f->window = malloc(sizeof(float) * n);
    f->line = malloc(sizeof(float) * n);
    f->whole = malloc(sizeof(kiss_fft_cpx) * half);
    f->in = malloc(sizeof(kiss_fft_cpx) * n);
    f->out = malloc(sizeof(kiss_fft_cpx) * n);
    f->ring = malloc(half);
    if (!f->row || !f->column || !f->window || !f->line || !f->whole || !f->in || !f->out ||
        !f->ring) {
        vs_falloff_close(&f);
        return VS_FAIL(VS_ERR_NOMEM, "no memory for the spectrum of %d x %d pixels", N, N);
    }
    for (int i = 0; i < N; i++)
        f->window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * (i + 0.5) / N));
    sort_into_rings(f);
    *out = f;
    return VS_OK;
}

void vs_falloff_close(vs_falloff **falloff)
{
    vs_falloff *f = *falloff;
    *falloff = NULL;
    if (!f)
        return;
    kiss_fftr_free(f->row);
    kiss_fft_free(f->column);
    free(f->window);
    free(f->line);
    free(f->whole);
    free(f->in);
    free(f->out);
    free(f->ring);
    free(f);
}

void vs_falloff_luma(float *luma, const uint8_t *rgb, int N)
{
    for (size_t i = 0; i < (size_t)N * (size_t)N; i++)
        luma[i] = (0.299f * rgb[3 * i] + 0.587f * rgb[3 * i + 1] + 0.114f * rgb[3 * i + 2]) / 255;
}

/* Rows of the windowed picture, then columns, in place. */
static void transform(vs_falloff *f, const float *luma, float mean)
{
    for (int y = 0; y < f->N; y++) {
        for (int x = 0; x < f->N; x++)
            f->line[x] = (luma[(size_t)y * (size_t)f->N + (size_t)x] - mean) * f->window[x] *
                         f->window[y];
        kiss_fftr(f->row, f->line, f->whole + (size_t)y * (size_t)f->columns);
    }
    for (int x = 0; x < f->columns; x++) {
        for (int y = 0; y < f->N; y++)
            f->in[y] = f->whole[(size_t)y * (size_t)f->columns + (size_t)x];
        kiss_fft(f->column, f->in, f->out);
        for (int y = 0; y < f->N; y++)
            f->whole[(size_t)y * (size_t)f->columns + (size_t)x] = f->out[y];
    }
}

static double slope(const double *x, const double *y, int n)
{
    double mx = 0, my = 0, xx = 0, xy = 0;
    for (int i = 0; i < n; i++) {
        mx += x[i] / n;
        my += y[i] / n;
    }
    for (int i = 0; i < n; i++) {
        xx += (x[i] - mx) * (x[i] - mx);
        xy += (x[i] - mx) * (y[i] - my);
    }
    return xy / xx;
}

double vs_falloff_fit(vs_falloff *f, const float *luma, double *log_amplitude)
{
    const int rings = vs_falloff_rings(f->N);
    const size_t pixels = (size_t)f->N * (size_t)f->N;
    double sum[VS_FALLOFF_RINGS] = { 0 }, mean = 0;
    float least = luma[0], most = luma[0];
    for (size_t i = 0; i < pixels; i++) {
        mean += luma[i];
        least = fminf(least, luma[i]);
        most = fmaxf(most, luma[i]);
    }
    if (!(most > least))
        return NAN;
    transform(f, luma, (float)(mean / (double)pixels));
    for (size_t i = 0; i < (size_t)f->N * (size_t)f->columns; i++)
        if (f->ring[i] >= 0)
            sum[f->ring[i]] += hypot(f->whole[i].r, f->whole[i].i);
    for (int j = 0; j < rings; j++) {
        sum[j] = log(sum[j] / f->count[j] / (double)pixels);
        if (log_amplitude)
            log_amplitude[j] = sum[j];
    }
    return -slope(f->log_f, sum, rings);
}
