/* YUV to RGB. Definition: planes.h. A row of chroma is mixed of two rows, then widened; these and
 * the colours are plain loops that the compiler turns into vector code. */
#include "eval/planes.h"

#include <stdlib.h>

#include "gen/scene/vector.h"

/* Weights 3 and 1 of the nearer and the farther row. */
VS_VECTOR static void mix_rows(int16_t *restrict out, const uint8_t *restrict near,
                               const uint8_t *restrict far, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = (int16_t)(3 * near[i] + far[i]);
}

/* Each value twice, leaning to its neighbour; in[-1] and in[n] repeat the ends. */
VS_VECTOR static void widen_row(int16_t *restrict out, const int16_t *restrict in, int n)
{
    for (int i = 0; i < n; i++) {
        out[2 * i] = (int16_t)(((3 * in[i] + in[i - 1] + 8) >> 4) - 128);
        out[2 * i + 1] = (int16_t)(((3 * in[i] + in[i + 1] + 8) >> 4) - 128);
    }
}

static inline uint8_t cut(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

VS_VECTOR static void colour_row(uint8_t *restrict rgb, const uint8_t *restrict y,
                                 const int16_t *restrict u, const int16_t *restrict v, int n)
{
    for (int i = 0; i < n; i++) {
        const int grey = 76309 * (y[i] - 16) + 32768;
        rgb[3 * i] = cut((grey + 104597 * v[i]) >> 16);
        rgb[3 * i + 1] = cut((grey - 25675 * u[i] - 53279 * v[i]) >> 16);
        rgb[3 * i + 2] = cut((grey + 132201 * u[i]) >> 16);
    }
}

/* The row of chroma for row h of the picture; mixed: room for n + 2. */
static void chroma_row(int16_t *out, int16_t *mixed, const uint8_t *plane, int stride, int h,
                       int rows, int n)
{
    const int near = h / 2, other = h % 2 ? near + 1 : near - 1;
    const int far = other < 0 ? 0 : other >= rows ? rows - 1 : other;
    mix_rows(mixed + 1, plane + (size_t)near * (size_t)stride, plane + (size_t)far * (size_t)stride,
             n);
    mixed[0] = mixed[1];
    mixed[n + 1] = mixed[n];
    widen_row(out, mixed + 1, n);
}

vs_err vs_planes_to_rgb(uint8_t *rgb, const uint8_t *const plane[3], const int stride[3], int H,
                        int W)
{
    const int n = (W + 1) / 2, rows = (H + 1) / 2;
    int16_t *row = malloc(sizeof(*row) * ((size_t)n * 5 + 2));
    if (!row)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a picture %d pixels wide", W);
    int16_t *const u = row, *const v = row + 2 * n, *const mixed = row + 4 * n;
    for (int h = 0; h < H; h++) {
        chroma_row(u, mixed, plane[1], stride[1], h, rows, n);
        chroma_row(v, mixed, plane[2], stride[2], h, rows, n);
        colour_row(rgb + (size_t)h * (size_t)W * 3, plane[0] + (size_t)h * (size_t)stride[0], u, v,
                   W);
    }
    free(row);
    return VS_OK;
}
