/* Corruptions of the camera: rotation and translation, black where nothing is seen.
 *
 *   static_rotate   one angle for the clip; degrees, counter-clockwise
 *   rotate          a whole number of degrees per frame, uniform in -n..n
 *   translate       out[y][x] = in[y + r][x + c], r and c uniform in 0..n-1;
 *                   arre draws them once per clip, vlmr for every frame
 *
 * Rotation takes the nearest pixel about the centre of the picture, in the 16.16
 * fixed-point arithmetic of the reference (Pillow), so that every pixel agrees with it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/kinds.h"

#define PI 3.14159265358979323846

static void put(uint8_t *dst, const uint8_t *src)
{
    dst[0] = src[0];
    dst[1] = src[1];
    dst[2] = src[2];
}

/* Right angles are exact. 90 and 270 only where the picture is square. */
static void quarter_turns(uint8_t *dst, const uint8_t *src, int H, int W, int turns)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const int from_y = turns == 0 ? y : turns == 1 ? x : turns == 2 ? H - 1 - y : H - 1 - x;
            const int from_x = turns == 0 ? x : turns == 1 ? W - 1 - y : turns == 2 ? W - 1 - x : y;
            put(dst + 3 * ((size_t)y * W + x), src + 3 * ((size_t)from_y * W + from_x));
        }
}

/* To 15 decimals, as the reference rounds its matrix. */
static double decimals15(double v)
{
    char text[32];
    snprintf(text, sizeof(text), "%.15f", v);
    return strtod(text, NULL);
}

static int64_t fixed(double v)
{
    return (int64_t)floor(v * 65536.0 + 0.5);
}

static void turn(uint8_t *dst, const uint8_t *src, int H, int W, double degrees)
{
    const double angle = -degrees * (PI / 180);
    const double a = decimals15(cos(angle)), b = decimals15(sin(angle));
    const double d = decimals15(-sin(angle)), e = a;
    const double cx = W / 2.0, cy = H / 2.0;
    const double c = a * -cx + b * -cy + cx, f = d * -cx + e * -cy + cy;
    const int64_t A = fixed(a), B = fixed(b), D = fixed(d), E = fixed(e);
    const int64_t C = fixed(c + a * 0.5 + b * 0.5), F = fixed(f + d * 0.5 + e * 0.5);
    memset(dst, 0, (size_t)H * W * 3);
    for (int y = 0; y < H; y++) {
        int64_t from_x = C + B * y, from_y = F + E * y;
        for (int x = 0; x < W; x++, from_x += A, from_y += D) {
            const int64_t sx = from_x >> 16, sy = from_y >> 16;
            if (sx >= 0 && sx < W && sy >= 0 && sy < H)
                put(dst + 3 * ((size_t)y * W + x), src + 3 * ((size_t)sy * W + sx));
        }
    }
}

static void rotated(uint8_t *dst, const uint8_t *src, int H, int W, double degrees)
{
    const double whole = fmod(fmod(degrees, 360) + 360, 360), turns = whole / 90;
    const bool exact = turns == 0 || turns == 2 || (H == W && (turns == 1 || turns == 3));
    if (exact)
        quarter_turns(dst, src, H, W, (int)turns);
    else
        turn(dst, src, H, W, whole);
}

static vs_err frame_static_rotate(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    rotated(dst, src, f->H, f->W, f->level[0]);
    return VS_OK;
}

static vs_err frame_rotate(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    vs_rng rng = vs_frame_rng(f);
    const int most = (int)f->level[0];
    const int degrees = (int)vs_rng_below(&rng, (uint32_t)(2 * most + 1)) - most;
    rotated(dst, src, f->H, f->W, degrees);
    return VS_OK;
}

static vs_err frame_translate(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    vs_rng rng = f->options->variant == VS_VARIANT_VLMR ? vs_frame_rng(f) : vs_clip_rng(f->seed);
    const uint32_t room = (uint32_t)f->level[0];
    const int rows = (int)vs_rng_below(&rng, room), columns = (int)vs_rng_below(&rng, room);
    const size_t line = (size_t)f->W * 3;
    const size_t kept = columns < f->W ? line - 3 * (size_t)columns : 0;
    memset(dst, 0, line * (size_t)f->H);
    for (int y = 0; y + rows < f->H; y++)
        memcpy(dst + line * (size_t)y, src + line * (size_t)(y + rows) + (line - kept), kept);
    return VS_OK;
}

const vs_kind vs_kind_static_rotate = { .frame = frame_static_rotate };
const vs_kind vs_kind_rotate = { .frame = frame_rotate };
const vs_kind vs_kind_translate = { .frame = frame_translate };
