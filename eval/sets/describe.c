/* Low-level features. See describe.h. */
#include "eval/sets/describe.h"

#include <math.h>
#include <string.h>

enum { SIDE = VS_DESCRIBE_SIDE, CELLS = 4, CELL = SIDE / CELLS, NUMBERS = 8, HALVES = 2,
       POOLED = HALVES * HALVES * NUMBERS };

static float lightness(const float *lab, int x, int y)
{
    return lab[3 * (y * SIDE + x)];
}

static void describe_cell(float out[NUMBERS], const float *lab, int x0, int y0)
{
    double sum[NUMBERS] = { 0 }, square = 0;
    for (int y = y0; y < y0 + CELL; y++)
        for (int x = x0; x < x0 + CELL; x++) {
            const int l = x > 0, r = x + 1 < SIDE, u = y > 0, d = y + 1 < SIDE;
            const double dx = (lightness(lab, x + r, y) - lightness(lab, x - l, y)) / (l + r);
            const double dy = (lightness(lab, x, y + d) - lightness(lab, x, y - u)) / (u + d);
            const float *p = lab + 3 * (y * SIDE + x);
            for (int c = 0; c < 3; c++)
                sum[c] += p[c];
            square += (double)p[0] * p[0];
            sum[4] += fabs(dx);
            sum[5] += fabs(dy);
            sum[6] += fabs(dx + dy) * M_SQRT1_2;
            sum[7] += fabs(dx - dy) * M_SQRT1_2;
        }
    for (int k = 0; k < NUMBERS; k++)
        out[k] = (float)(sum[k] / (CELL * CELL));
    const double mean = sum[0] / (CELL * CELL);
    out[3] = (float)sqrt(fmax(square / (CELL * CELL) - mean * mean, 0));
}

void vs_describe_frame(float *frame, const float *lab)
{
    for (int j = 0; j < CELLS; j++)
        for (int i = 0; i < CELLS; i++)
            describe_cell(frame + (j * CELLS + i) * NUMBERS, lab, i * CELL, j * CELL);
}

/* Mean of the 2 x 2 cells of each quarter. */
static void pool(double out[POOLED], const float *frame)
{
    memset(out, 0, sizeof(*out) * POOLED);
    for (int j = 0; j < CELLS; j++)
        for (int i = 0; i < CELLS; i++)
            for (int k = 0; k < NUMBERS; k++)
                out[(j / 2 * HALVES + i / 2) * NUMBERS + k] +=
                    frame[(j * CELLS + i) * NUMBERS + k] / 4.0;
}

static void add_change(double out[HALVES * HALVES], const float *before, const float *after)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            out[y / (SIDE / 2) * HALVES + x / (SIDE / 2)] +=
                fabs((double)lightness(after, x, y) - lightness(before, x, y)) /
                (SIDE * SIDE / 4);
}

void vs_describe_video(float *video, const float *frame, const float *lab, int n)
{
    double sum[POOLED] = { 0 }, square[POOLED] = { 0 }, change[HALVES * HALVES] = { 0 };
    for (int t = 0; t < n; t++) {
        double now[POOLED];
        pool(now, frame + (size_t)t * VS_DESCRIBE_FRAME);
        for (int k = 0; k < POOLED; k++) {
            sum[k] += now[k];
            square[k] += now[k] * now[k];
        }
        if (t)
            add_change(change, lab + (size_t)(t - 1) * SIDE * SIDE * 3,
                       lab + (size_t)t * SIDE * SIDE * 3);
    }
    for (int k = 0; k < POOLED; k++) {
        const double mean = sum[k] / n;
        video[k] = (float)mean;
        video[POOLED + k] = (float)sqrt(fmax(square[k] / n - mean * mean, 0));
    }
    for (int k = 0; k < HALVES * HALVES; k++)
        video[2 * POOLED + k] = n > 1 ? (float)(change[k] / (n - 1)) : 0;
}
