/* Snow, as ImageNet-C defines it, falling. Numbers: mean, deviation, zoom, threshold, radius and
 * sigma of the streaks, k. x is the picture in 0..1:
 *
 *     flakes  a normal field (H, W), its centre zoomed (corner on corner, bilinear), what is below
 *             the threshold 0, floor(255 clip(flakes, 0, 1))
 *     layer   ImageMagick's motion blur of the flakes at an angle from -135..-45 degrees, / 255
 *     x'      = k x + (1 - k) max(x, 1.5 grey + 0.5), grey = 0.299 R + 0.587 G + 0.114 B
 *     result  = floor(255 clip(x' + layer + layer turned by 180 degrees, 0, 1))
 *
 * ImageNet-C has pictures only. In a clip, field and angle are drawn once; the flakes move down
 * along their streaks, as far in a frame as the exposure of half a frame has smeared them: by
 * 2 sigma pixels, those of the turned layer, further away, by 1.4 sigma. What leaves the frame
 * comes in again at the other side. Frame 0 is the picture of ImageNet-C.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/field.h"
#include "eval/kinds.h"

#define VECTOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "default"), noinline))
#define RADIANS (3.14159265358979323846 / 180)

enum { MEAN, DEVIATION, ZOOM, THRESHOLD, RADIUS, SIGMA, KEPT };

struct snow {
    double angle;
    uint8_t flake[];               /* (H, W) */
};

static void zoom_flakes(uint8_t *flake, const double *field, int H, int W, vs_axis *down,
                        vs_axis *across, const double *level)
{
    vs_zoom_axis(down, H, level[ZOOM]);
    vs_zoom_axis(across, W, level[ZOOM]);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const double *a = field + (size_t)down[y].i * (size_t)W;
            const double *b = field + (size_t)down[y].j * (size_t)W;
            const double f = down[y].f, g = across[x].f;
            const int i = across[x].i, j = across[x].j;
            const double v = (a[i] * (1 - f) + b[i] * f) * (1 - g) +
                             (a[j] * (1 - f) + b[j] * f) * g;
            *flake++ = v < level[THRESHOLD] || v < 0 ? 0 : (uint8_t)((v > 1 ? 1 : v) * 255);
        }
}

static vs_err scene_snow(void **scene, const vs_frame *f)
{
    const size_t H = (size_t)f->H, W = (size_t)f->W, n = H * W;
    vs_rng rng = vs_clip_rng(f->seed);
    struct snow *snow = malloc(sizeof(*snow) + n);
    double *field = malloc(sizeof(*field) * n);
    vs_axis *axis = malloc(sizeof(*axis) * (H + W));
    if (snow && field && axis) {
        vs_field_normal(field, n, &rng);
        for (size_t i = 0; i < n; i++)
            field[i] = f->level[MEAN] + f->level[DEVIATION] * field[i];
        zoom_flakes(snow->flake, field, f->H, f->W, axis, axis + H, f->level);
        snow->angle = vs_rng_uniform(&rng, -135, -45);
        *scene = snow;
    }
    free(field);
    free(axis);
    if (!*scene)
        free(snow);
    return *scene ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "no memory for snow of %d x %d", f->W, f->H);
}

static int modulo(double v, int n)
{
    const int m = (int)fmod(nearbyint(v), n);
    return m < 0 ? m + n : m;
}

/* The flakes moved by (down, right) on a torus, and smeared. tmp (H, W). */
static vs_err smear(uint8_t *layer, uint8_t *tmp, const struct snow *snow, const vs_frame *f,
                    double down, double right)
{
    const size_t W = (size_t)f->W;
    const size_t dy = (size_t)modulo(down, f->H), dx = (size_t)modulo(right, f->W);
    for (size_t y = 0; y < (size_t)f->H; y++) {
        uint8_t *to = tmp + (y + dy) % (size_t)f->H * W;
        memcpy(to + dx, snow->flake + y * W, W - dx);
        memcpy(to, snow->flake + y * W + W - dx, dx);
    }
    return vs_motion_blur(layer, tmp, f->H, f->W, 1, f->level[RADIUS], f->level[SIGMA],
                          snow->angle);
}

/* fallen: layer + layer turned, both / 255. */
VECTOR static void add_snow(uint8_t *dst, const uint8_t *src, const double *fallen, double kept,
                            size_t n)
{
    const float k = (float)kept, rest = (float)(1 - kept);
    for (size_t i = 0; i < n; i++) {
        const float r = src[3 * i] / 255.0f, g = src[3 * i + 1] / 255.0f;
        const float b = src[3 * i + 2] / 255.0f;
        const float white = (r * 0.299f + g * 0.587f + b * 0.114f) * 1.5f + 0.5f;
        const float x[3] = { r, g, b };
        for (size_t c = 0; c < 3; c++) {
            const float value = k * x[c] + rest * (x[c] > white ? x[c] : white);
            const double v = (double)value + fallen[i];
            dst[3 * i + c] = (uint8_t)(int)((v > 1 ? 1 : v) * 255);
        }
    }
}

static vs_err frame_snow(uint8_t *dst, const uint8_t *src, const vs_frame *f)
{
    const struct snow *snow = f->scene;
    const size_t n = (size_t)f->H * (size_t)f->W;
    const double move = f->level[SIGMA] * f->t, angle = snow->angle * RADIANS;
    const double down = -move * sin(angle), right = -move * cos(angle);
    uint8_t *near = malloc(3 * n);
    double *fallen = malloc(sizeof(*fallen) * n);
    vs_err err = VS_OK;
    if (!near || !fallen) {
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for snow on a %d x %d picture", f->W, f->H);
        goto out;
    }
    uint8_t *far = near + n, *tmp = far + n;
    err = smear(near, tmp, snow, f, 2 * down, 2 * right);
    if (err == VS_OK)
        err = smear(far, tmp, snow, f, -1.4 * down, -1.4 * right);
    for (size_t i = 0; i < n; i++)
        fallen[i] = near[i] / 255.0 + far[n - 1 - i] / 255.0;
    add_snow(dst, src, fallen, f->level[KEPT], n);
out:
    free(near);
    free(fallen);
    return err;
}

const vs_kind vs_kind_snow = { .scene = scene_snow, .frame = frame_snow };
