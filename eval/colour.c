/* Corruptions of colour and of detail, as ImageNet-C defines them (Hendrycks & Dietterich,
 * ICLR 2019), taken over by Mini Kinetics-C (Yi et al., NeurIPS 2021). x is the picture in
 * 0..1; the result is floor(255 clip(x', 0, 1)).
 *
 *   contrast     x' = (x - m) c + m, m the mean of the channel over the frame
 *   brightness   value of HSV + c, clipped to 0..1
 *   saturate     saturation of HSV * a + b, clipped to 0..1
 *   pixelate     box-resampled to c of the size and back, rounded to bytes each time, in the
 *                fixed point of the reference (Pillow)
 */
#include <math.h>
#include <stdlib.h>

#include "eval/kinds.h"

static uint8_t to_byte(double x)
{
    return (uint8_t)(255 * (x < 0 ? 0 : x > 1 ? 1 : x));
}

/* ---- Contrast ----------------------------------------------------------------------------- */

static vs_err frame_contrast(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const size_t n = (size_t)f->H * f->W;
    const double c = f->level[0];
    for (int k = 0; k < 3; k++) {
        uint64_t sum = 0;
        uint8_t map[256];
        for (size_t i = 0; i < n; i++)
            sum += src[3 * i + (size_t)k];
        const double mean = (double)sum / (double)n / 255;
        for (int v = 0; v < 256; v++)
            map[v] = to_byte((v / 255.0 - mean) * c + mean);
        for (size_t i = 0; i < n; i++)
            dst[3 * i + (size_t)k] = map[src[3 * i + (size_t)k]];
    }
    return VS_OK;
}

/* ---- Value and saturation -------------------------------------------------------------------
 * Hue, saturation and value in 0..1, in doubles and in the order of scikit-image's rgb2hsv and
 * hsv2rgb: a byte is truncated, so the last bit of a double tells. */

static void to_hsv(double hsv[3], const uint8_t *rgb)
{
    const double r = rgb[0] / 255.0, g = rgb[1] / 255.0, b = rgb[2] / 255.0;
    const double top = fmax(fmax(r, g), b), range = top - fmin(fmin(r, g), b);
    double hue = 0;
    if (range > 0) {
        hue = b == top ? 4 + (r - g) / range : g == top ? 2 + (b - r) / range : (g - b) / range;
        hue /= 6;
        hue = hue < 0 ? hue + 1 : hue;
    }
    hsv[0] = hue;
    hsv[1] = range > 0 ? range / top : 0;
    hsv[2] = top;
}

static void from_hsv(uint8_t *rgb, const double hsv[3])
{
    static const uint8_t place[6][3] = { { 0, 3, 1 }, { 2, 0, 1 }, { 1, 0, 3 },
                                         { 1, 2, 0 }, { 3, 1, 0 }, { 0, 1, 2 } };
    const double s = hsv[1], v = hsv[2], sixth = floor(hsv[0] * 6), part = hsv[0] * 6 - sixth;
    const double level[4] = { v, v * (1 - s), v * (1 - part * s), v * (1 - (1 - part) * s) };
    for (int k = 0; k < 3; k++)
        rgb[k] = to_byte(level[place[(int)sixth % 6][k]]);
}

static double clip(double x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static vs_err frame_brightness(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const size_t n = (size_t)f->H * f->W * 3;
    for (size_t i = 0; i < n; i += 3) {
        double hsv[3];
        to_hsv(hsv, src + i);
        hsv[2] = clip(hsv[2] + f->level[0]);
        from_hsv(dst + i, hsv);
    }
    return VS_OK;
}

static vs_err frame_saturate(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const size_t n = (size_t)f->H * f->W * 3;
    for (size_t i = 0; i < n; i += 3) {
        double hsv[3];
        to_hsv(hsv, src + i);
        hsv[1] = clip(hsv[1] * f->level[0] + f->level[1]);
        from_hsv(dst + i, hsv);
    }
    return VS_OK;
}

/* ---- Pixelate ------------------------------------------------------------------------------ */

/* Pixels begin..begin+n-1 of a row of `in` share a pixel of a row of `out`: those whose centre
 * lies under it; the nearest one when the row grows. */
static void box_span(int *begin, int *n, int at, int in, int out)
{
    const double scale = (double)in / out, centre = (at + 0.5) * scale;
    const double support = scale < 1 ? 0.5 : 0.5 * scale;
    int first = (int)(centre - support + 0.5), last = (int)(centre + support + 0.5);
    first = first < 0 ? 0 : first;
    last = last > in ? in : last;
    *begin = first;
    *n = last > first ? last - first : 1;
}

/* One direction: `lines` rows of `in` pixels, `step` bytes from pixel to pixel, `pitch` from row
 * to row. */
static void box_pass(uint8_t *dst, const uint8_t *src, int lines, int in, int out,
                     const size_t src_step[2], const size_t dst_step[2])
{
    for (int at = 0; at < out; at++) {
        int begin, n;
        box_span(&begin, &n, at, in, out);
        const int64_t weight = (int64_t)(0.5 + (1.0 / n) * (1 << 22));
        for (int line = 0; line < lines; line++) {
            const uint8_t *from = src + (size_t)line * src_step[1] + (size_t)begin * src_step[0];
            uint8_t *to = dst + (size_t)line * dst_step[1] + (size_t)at * dst_step[0];
            for (int k = 0; k < 3; k++) {
                int64_t sum = 1 << 21;
                for (int i = 0; i < n; i++)
                    sum += from[(size_t)i * src_step[0] + (size_t)k] * weight;
                sum >>= 22;
                to[k] = (uint8_t)(sum > 255 ? 255 : sum);
            }
        }
    }
}

/* (H, W) to (h, w): along rows, then along columns; `tmp` holds (H, w). */
static void box_resize(uint8_t *dst, uint8_t *tmp, const uint8_t *src, int H, int W, int h, int w)
{
    box_pass(tmp, src, H, W, w, (const size_t[]){ 3, 3 * (size_t)W },
             (const size_t[]){ 3, 3 * (size_t)w });
    box_pass(dst, tmp, w, H, h, (const size_t[]){ 3 * (size_t)w, 3 },
             (const size_t[]){ 3 * (size_t)w, 3 });
}

static vs_err frame_pixelate(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const int h = (int)(f->H * f->level[0]) > 0 ? (int)(f->H * f->level[0]) : 1;
    const int w = (int)(f->W * f->level[0]) > 0 ? (int)(f->W * f->level[0]) : 1;
    uint8_t *small = malloc((size_t)h * w * 3), *tmp = malloc((size_t)f->H * f->W * 3);
    vs_err err = VS_OK;
    if (small && tmp) {
        box_resize(small, tmp, src, f->H, f->W, h, w);
        box_resize(dst, tmp, small, h, w, f->H, f->W);
    } else {
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for a %d x %d picture", f->W, f->H);
    }
    free(small);
    free(tmp);
    return err;
}

const vs_kind vs_kind_contrast = { .frame = frame_contrast };
const vs_kind vs_kind_brightness = { .frame = frame_brightness };
const vs_kind vs_kind_saturate = { .frame = frame_saturate };
const vs_kind vs_kind_pixelate = { .frame = frame_pixelate };
