/* RGB to YUV, whole pictures. Definition: gen/scene/yuv.h
 *
 * Plain loops, which the compiler turns into vector code for each kind of CPU (VS_VECTOR);
 * the loader picks one. Integers only, so all of them give the same bytes.
 */
#include "gen/scene/yuv.h"

#include <string.h>

#include "base/err.h"
#include "gen/scene/vector.h"

enum { CHUNK = 256 };              /* pixels of a row at a time; even */

VS_VECTOR static void convert_row(uint8_t *restrict y, uint8_t *restrict u, uint8_t *restrict v,
                                  const uint8_t *restrict r, const uint8_t *restrict g,
                                  const uint8_t *restrict b, int n)
{
    for (int i = 0; i < n; i++) {
        y[i] = vs_yuv_y(r[i], g[i], b[i]);
        u[i] = vs_yuv_u(r[i], g[i], b[i]);
        v[i] = vs_yuv_v(r[i], g[i], b[i]);
    }
}

VS_VECTOR static void split_row(uint8_t *restrict r, uint8_t *restrict g, uint8_t *restrict b,
                                const uint8_t *restrict rgb, int n)
{
    for (int i = 0; i < n; i++) {
        r[i] = rgb[3 * i];
        g[i] = rgb[3 * i + 1];
        b[i] = rgb[3 * i + 2];
    }
}

VS_VECTOR static void join_row(uint8_t *restrict rgb, const uint8_t *restrict r,
                               const uint8_t *restrict g, const uint8_t *restrict b, int n)
{
    for (int i = 0; i < n; i++) {
        rgb[3 * i] = r[i];
        rgb[3 * i + 1] = g[i];
        rgb[3 * i + 2] = b[i];
    }
}

/* Two neighbours are one 16-bit number whose bytes are added, whichever comes first. */
VS_VECTOR static void halve_row(uint8_t *restrict out, const uint8_t *restrict above,
                                const uint8_t *restrict below, int n)
{
    for (int i = 0; i < n; i++) {
        uint16_t a, b;
        memcpy(&a, above + 2 * i, sizeof(a));
        memcpy(&b, below + 2 * i, sizeof(b));
        const unsigned sum = (a & 255u) + (a >> 8) + (b & 255u) + (b >> 8);
        out[i] = (uint8_t)((sum + 2) >> 2);
    }
}

/* Rows h and h + 1, pixels w .. w + n - 1, from 2 rows each of red, green and blue. */
static void convert_pair(const vs_yuv420 *out, const uint8_t *rgb[2][3], int h, int w, int n)
{
    uint8_t u[2][CHUNK], v[2][CHUNK];
    for (int k = 0; k < 2; k++)
        convert_row(out->plane[0] + (size_t)(h + k) * out->stride[0] + w, u[k], v[k], rgb[k][0],
                    rgb[k][1], rgb[k][2], n);
    halve_row(out->plane[1] + (size_t)(h / 2) * out->stride[1] + w / 2, u[0], u[1], n / 2);
    halve_row(out->plane[2] + (size_t)(h / 2) * out->stride[2] + w / 2, v[0], v[1], n / 2);
}

void vs_yuv_from_rgb(const vs_yuv420 *out, const uint8_t *rgb, int W, int H)
{
    VS_ASSERT(W % 2 == 0 && H % 2 == 0);
    uint8_t part[2][3][CHUNK];
    const uint8_t *row[2][3];
    for (int k = 0; k < 6; k++)
        row[k / 3][k % 3] = part[k / 3][k % 3];
    for (int h = 0; h < H; h += 2)
        for (int w = 0; w < W; w += CHUNK) {
            const int n = W - w < CHUNK ? W - w : CHUNK;
            for (int k = 0; k < 2; k++)
                split_row(part[k][0], part[k][1], part[k][2],
                          rgb + 3 * ((size_t)(h + k) * (size_t)W + (size_t)w), n);
            convert_pair(out, row, h, w, n);
        }
}

void vs_yuv_from_planes(const vs_yuv420 *out, const uint8_t *const rgb[3], size_t stride, int W,
                        int H)
{
    VS_ASSERT(W % 2 == 0 && H % 2 == 0);
    for (int h = 0; h < H; h += 2)
        for (int w = 0; w < W; w += CHUNK) {
            const uint8_t *row[2][3];
            for (int k = 0; k < 6; k++)
                row[k / 3][k % 3] = rgb[k % 3] + (size_t)(h + k / 3) * stride + w;
            convert_pair(out, row, h, w, W - w < CHUNK ? W - w : CHUNK);
        }
}

void vs_yuv_halve(uint8_t *out, size_t out_stride, const uint8_t *in, size_t in_stride, int W,
                  int H)
{
    for (int h = 0; h < H / 2; h++) {
        const uint8_t *above = in + 2 * (size_t)h * in_stride;
        halve_row(out + (size_t)h * out_stride, above, above + in_stride, W / 2);
    }
}

void vs_rgb_interleave(uint8_t *rgb, size_t rgb_stride, const uint8_t *const plane[3],
                       size_t stride, int W, int H)
{
    for (int h = 0; h < H; h++) {
        const size_t at = (size_t)h * stride;
        join_row(rgb + (size_t)h * rgb_stride, plane[0] + at, plane[1] + at, plane[2] + at, W);
    }
}
