/* Rain, as Mini Kinetics-C defines it: floor(H W / area) streaks one pixel wide, from (x, y) to
 * (x + slant, y + length). Where v is a byte of the picture and m the mean of all its bytes:
 *
 *     r  = v + floor(220 (1 - v / 255) (1 - m / 255)) under a streak, v elsewhere
 *     v' = 220/255 (3 x 3 mean of r, rounded) + (1 - 220/255) v under a streak, v elsewhere
 *     result = floor(255 clip((v'/255 - M) d + M, 0, 1)), M the mean of v'/255 over the channel
 *
 * The published program draws the streaks of every frame anew, and a slant from -10..9 with them
 * that it then forgets: only the range of x follows it, the streaks themselves lean by -1. Here as
 * it does by default. With `falling`, slant and streaks are drawn once for the clip and fall along
 * the slant, each by 1 to 2 of its lengths a frame; one that has left the frame comes in again at
 * another place of the upper border.
 */
#include <math.h>
#include <stdlib.h>

#include "eval/field.h"
#include "eval/kinds.h"

#define COLOUR 220.0

struct veil {
    int H, W, streaks, length, slant;
    uint8_t *under;                /* (H, W) 1: under a streak */
};

/* ---- Streaks ------------------------------------------------------------------------------ */

/* Bresenham's line by `length` rows and `slant` columns, |slant| <= length, from the end that lies
 * further left, as OpenCV goes; what lies outside the frame is left out. */
static void draw_streak(const struct veil *v, int x, int y)
{
    const bool up = v->slant < 0;
    const int across = abs(v->slant), step = up ? -1 : 1;
    int px = up ? x + v->slant : x, py = up ? y + v->length : y, err = v->length - 2 * across;
    for (int i = 0; i <= v->length; i++, py += step) {
        if (px >= 0 && px < v->W && py >= 0 && py < v->H)
            v->under[(size_t)py * (size_t)v->W + (size_t)px] = 1;
        if (err < 0) {
            px++;
            err += 2 * v->length;
        }
        err -= 2 * across;
    }
}

static int below(vs_rng *rng, int n)
{
    return (int)vs_rng_below(rng, n > 1 ? (uint32_t)n : 1);
}

/* Streaks that are whole, but for those that start beyond the left border. */
static void draw_anew(struct veil *v, vs_rng *rng)
{
    const int slant = below(rng, 20) - 10, left = slant < 0 ? slant : 0;
    v->slant = -1;
    for (int i = 0; i < v->streaks; i++) {
        const int x = left + below(rng, v->W - abs(slant) - 2 * left);
        const int y = below(rng, v->H - v->length);
        if (x > 0)
            draw_streak(v, x, y);
        else if (x == 0)           /* OpenCV cuts a line at the border, which leaves one pixel */
            v->under[(size_t)y * (size_t)v->W] = 1;
    }
}

static void draw_falling(struct veil *v, vs_rng *rng, int t)
{
    v->slant = below(rng, 20) - 10;
    const double height = v->H + v->length, lean = (double)v->slant / v->length;
    const double width = v->W + fabs(lean) * height, left = lean > 0 ? -lean * height : 0;
    for (int i = 0; i < v->streaks; i++) {
        const double x = vs_rng_f64(rng), y = vs_rng_f64(rng);
        const double fallen = y * height + t * v->length * vs_rng_uniform(rng, 1, 2);
        const double times = floor(fallen / height), down = fallen - times * height;
        const double place = x + 0.618033988749895 * times;
        draw_streak(v, (int)floor(left + (place - floor(place)) * width + lean * down),
                    (int)floor(down) - v->length);
    }
}

/* ---- The picture under them --------------------------------------------------------------- */

/* Rounded mean of 3 x 3 values of the brightened picture around (y, x), its border mirrored. */
static int wet_mean(const uint8_t *src, const struct veil *v, const uint8_t bright[256], int y,
                    int x, int c)
{
    int sum = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            const size_t i = (size_t)vs_border_index(y + dy, v->H, VS_BORDER_MIRROR) *
                                 (size_t)v->W +
                             (size_t)vs_border_index(x + dx, v->W, VS_BORDER_MIRROR);
            const uint8_t value = src[3 * i + (size_t)c];
            sum += v->under[i] ? bright[value] : value;
        }
    return (2 * sum + 9) / 18;
}

/* wet: v' / 255 of the pixels under streaks, in their order, (pixels, 3); sum: of v' / 255. */
static void make_wet(double *wet, double sum[3], const uint8_t *src, const struct veil *v)
{
    uint64_t all = 0, dry[3] = { 0 };
    const size_t n = (size_t)v->H * (size_t)v->W;
    uint8_t bright[256];
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++) {
            all += src[3 * i + c];
            dry[c] += v->under[i] ? 0 : src[3 * i + c];
        }
    const double mean = (double)all / (double)(3 * n);
    for (int k = 0; k < 256; k++)
        bright[k] = (uint8_t)(k + (uint8_t)(COLOUR * (1 - k / 255.0) * (1 - mean / 255.0)));
    for (int c = 0; c < 3; c++)
        sum[c] = (double)dry[c] / 255;
    for (size_t i = 0; i < n; i++)
        for (int c = 0; v->under[i] && c < 3; c++) {
            const int y = (int)(i / (size_t)v->W), x = (int)(i % (size_t)v->W);
            const double value = wet_mean(src, v, bright, y, x, c) * COLOUR / 255.0 +
                                 src[3 * i + (size_t)c] * (1 - COLOUR / 255.0);
            sum[c] += *wet++ = value / 255;
        }
}

static uint8_t to_byte(double x)
{
    return (uint8_t)((x < 0 ? 0 : x > 1 ? 1 : x) * 255);
}

static void darken(uint8_t *dst, const uint8_t *src, const double *wet, const double sum[3],
                   const struct veil *v, double d)
{
    const size_t n = (size_t)v->H * (size_t)v->W;
    double mean[3];
    uint8_t map[3][256];
    for (int c = 0; c < 3; c++) {
        mean[c] = sum[c] / (double)n;
        for (int k = 0; k < 256; k++)
            map[c][k] = to_byte((k / 255.0 - mean[c]) * d + mean[c]);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            dst[3 * i + c] = v->under[i] ? to_byte((*wet++ - mean[c]) * d + mean[c])
                                         : map[c][src[3 * i + c]];
}

static size_t count_under(const struct veil *v)
{
    size_t n = 0;
    for (size_t i = 0; i < (size_t)v->H * (size_t)v->W; i++)
        n += v->under[i];
    return n;
}

static vs_err frame_rain(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const size_t area = (size_t)f->H * (size_t)f->W;
    vs_rng rng = f->options->falling ? vs_clip_rng(f->seed) : vs_frame_rng(f);
    struct veil v = { .H = f->H, .W = f->W, .length = (int)f->level[0],
                      .streaks = (int)((double)area / f->level[2]),
                      .under = calloc(area, 1) };
    double *wet = NULL, sum[3];
    vs_err err = VS_OK;
    if (v.under) {
        if (f->options->falling)
            draw_falling(&v, &rng, f->t);
        else
            draw_anew(&v, &rng);
        wet = malloc(sizeof(double) * (3 * count_under(&v) + 1));
    }
    if (wet) {
        make_wet(wet, sum, src, &v);
        darken(dst, src, wet, sum, &v, f->level[1]);
    } else {
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for rain on a %d x %d picture", f->W, f->H);
    }
    free(v.under);
    free(wet);
    return err;
}

const vs_kind vs_kind_rain = { .frame = frame_rain };
