/* RGB to YUV 4:2:0: BT.601 in limited range, what video codecs expect of 8-bit pictures.
 *
 * Per pixel, in 16.16 fixed point with round to nearest:
 *
 *     Y =  16 + ( 16829 R + 33039 G +  6416 B) / 65536
 *     U = 128 + ( -9714 R - 19070 G + 28784 B) / 65536
 *     V = 128 + ( 28784 R - 24103 G -  4681 B) / 65536
 *
 * and U and V of a block of 2x2 pixels are (a + b + c + d + 2) / 4 of its pixels' values. This
 * is the definition: vector code, scenes drawn straight to YUV and the GPU give these bytes.
 * libswscale differs by at most 1 (tests/unit/test_gen_encode.c). The weights of a row sum to
 * 219 / 255 or to 0, so that white is 235 and every grey has U = V = 128.
 */
#ifndef VSYN_GEN_SCENE_YUV_H
#define VSYN_GEN_SCENE_YUV_H

#include <stddef.h>
#include <stdint.h>

#include "base/hd.h"

VS_HD uint8_t vs_yuv_y(int r, int g, int b)
{
    return (uint8_t)((16829 * r + 33039 * g + 6416 * b + (16 << 16) + 32768) >> 16);
}

VS_HD uint8_t vs_yuv_u(int r, int g, int b)
{
    return (uint8_t)((-9714 * r - 19070 * g + 28784 * b + (128 << 16) + 32768) >> 16);
}

VS_HD uint8_t vs_yuv_v(int r, int g, int b)
{
    return (uint8_t)((28784 * r - 24103 * g - 4681 * b + (128 << 16) + 32768) >> 16);
}

VS_HD uint8_t vs_yuv_mean(int a, int b, int c, int d)
{
    return (uint8_t)((a + b + c + d + 2) >> 2);
}

/* A colour as it is, or as Y U V of a pixel. */
VS_HD void vs_yuv_values(uint8_t out[3], const uint8_t rgb[3], int yuv)
{
    const int r = rgb[0], g = rgb[1], b = rgb[2];
    out[0] = yuv ? vs_yuv_y(r, g, b) : rgb[0];
    out[1] = yuv ? vs_yuv_u(r, g, b) : rgb[1];
    out[2] = yuv ? vs_yuv_v(r, g, b) : rgb[2];
}

/* Planes Y (H, W), U and V (H / 2, W / 2), each row `stride` bytes after the one before. */
typedef struct vs_yuv420 {
    uint8_t *plane[3];
    size_t stride[3];
} vs_yuv420;

/* rgb: (H, W, 3); W and H even. */
void vs_yuv_from_rgb(const vs_yuv420 *out, const uint8_t *rgb, int W, int H);
/* Three planes of red, green and blue, (H, W) each, rows `stride` bytes apart. */
void vs_yuv_from_planes(const vs_yuv420 *out, const uint8_t *const rgb[3], size_t stride, int W,
                        int H);
/* out (H / 2, W / 2): the means of the blocks of in (H, W). */
void vs_yuv_halve(uint8_t *out, size_t out_stride, const uint8_t *in, size_t in_stride, int W,
                  int H);
/* rgb (H, W, 3) from three planes. */
void vs_rgb_interleave(uint8_t *rgb, size_t rgb_stride, const uint8_t *const plane[3],
                       size_t stride, int W, int H);

#endif /* VSYN_GEN_SCENE_YUV_H */
