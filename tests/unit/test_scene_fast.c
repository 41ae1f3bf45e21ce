/* The fast ways of drawing give the bytes of the plain ones: plans, discs, vector code, YUV. */
#include "base/rng.h"
#include "gen/scene/paint.h"
#include "gen/scene/plan.h"
#include "gen/scene/yuv.h"
#include "tests/check.h"

static const char *const stages[] = { "static-circles", "moving-circles", "moving-shapes",
                                      "transforming-shapes", "accelerating-shapes" };
enum { STAGES = sizeof(stages) / sizeof(*stages) };

static vs_scene sampled(const char *stage, uint64_t index, int size, bool circles_scale)
{
    vs_scene_params params = vs_stage_find(stage)->params;
    params.size = size;
    params.circles_scale = circles_scale;
    vs_scene scene;
    CHECK_OK(vs_scene_sample(&scene, &params, 17, index));
    return scene;
}

static vs_rng random_numbers(uint64_t index)
{
    return vs_rng_at(2, VS_RNG_SCENE, index);
}

Test(scene_fast, a_plan_changes_no_pixel)
{
    static const int sizes[] = { 31, 64, 100, 256 };
    for (int k = 0; k < 4 * STAGES; k++) {
        const int size = sizes[k % 4];
        vs_scene scene = sampled(stages[k / 4], (uint64_t)k, size, k % 2);
        const size_t bytes = 3 * (size_t)size * (size_t)size;
        uint8_t *with = malloc(bytes), *without = malloc(bytes);
        void *scratch = malloc(vs_draw_scratch(size));
        cr_assert_not_null(scene.plan);
        for (int f = 0; f < 200; f += 33) {
            vs_scene_draw(&scene, f, with, scratch);
            struct vs_plan *plan = scene.plan;
            scene.plan = NULL;
            vs_scene_draw(&scene, f, without, scratch);
            scene.plan = plan;
            cr_expect(memcmp(with, without, bytes) == 0, "%s, size %d, frame %d", stages[k / 4],
                      size, f);
        }
        free(with);
        free(without);
        free(scratch);
        vs_scene_free(&scene);
    }
}

/* Every radius, inside, across each border and corner, beyond. */
Test(scene_fast, discs_are_ellipses)
{
    enum { S = 96 };
    uint64_t a[2 * S], b[2 * S];
    vs_rng r = random_numbers(0);
    for (int radius = 0; radius <= 300; radius += radius < 40 ? 1 : 13) {
        vs_disc *disc = vs_disc_new(radius);
        cr_assert_not_null(disc);
        for (int k = 0; k < 120; k++) {
            const int x = (int)vs_rng_below(&r, S + 2 * (uint32_t)radius + 8) - radius - 4;
            const int y = (int)vs_rng_below(&r, S + 2 * (uint32_t)radius + 8) - radius - 4;
            vs_mask m, n;
            vs_mask_init(&m, S, a);
            vs_mask_init(&n, S, b);
            vs_raster_disc(&m, disc, x, y);
            vs_raster_ellipse(&n, x, y, radius, radius, 0);
            cr_assert(memcmp(a, b, sizeof(a)) == 0, "radius %d at %d,%d", radius, x, y);
            vs_mask_clear(&m);
            for (int w = 0; w < 2 * S; w++)
                cr_assert_eq(a[w], 0, "radius %d at %d,%d: bits outside the rows", radius, x, y);
        }
        free(disc);
    }
}

/* ---- Painting ------------------------------------------------------------------------------- */

/* All, none, long runs and noise. */
static uint64_t some_bits(vs_rng *r)
{
    const uint64_t noise = (uint64_t)vs_rng_u32(r) << 32 | vs_rng_u32(r);
    const uint32_t kind = vs_rng_below(r, 5);
    return kind == 0   ? 0
           : kind == 1 ? ~UINT64_C(0)
           : kind == 2 ? noise
           : kind == 3 ? ~UINT64_C(0) << (noise & 63)
                       : ~UINT64_C(0) >> (noise & 63);
}

static void fill_bits(uint64_t *bits, int size, vs_rng *r)
{
    const int words = vs_mask_words(size);
    const uint64_t inside = size % 64 ? ~UINT64_C(0) >> (64 - size % 64) : ~UINT64_C(0);
    for (int k = 0; k < size * words; k++)
        bits[k] = some_bits(r) & (k % words == words - 1 ? inside : ~UINT64_C(0));
}

Test(scene_fast, every_variant_paints_the_same)
{
    static const int sizes[] = { 1, 63, 64, 65, 100, 128, 200, 256 };
    static const uint8_t value[3] = { 1, 200, 77 };
    const char *name;
    for (int i = 1; vs_paint_variant(&name, i) || name; i++) {
        vs_paint_fn *const fn = vs_paint_variant(&name, i);
        for (int k = 0; fn && k < 8; k++) {
            const int size = sizes[k], words = vs_mask_words(size);
            const size_t area = (size_t)size * (size_t)size, bits = (size_t)(size * words);
            vs_rng r = random_numbers((uint64_t)k);
            uint64_t *free_bits = malloc(16 * bits), *shape_bits = malloc(16 * bits);
            uint8_t *planes = calloc(6, area);
            fill_bits(free_bits, size, &r);
            fill_bits(shape_bits, size, &r);
            memcpy(free_bits + bits, free_bits, 8 * bits);
            memcpy(shape_bits + bits, shape_bits, 8 * bits);
            int64_t taken[2];
            for (int v = 0; v < 2; v++) {
                uint8_t *to = planes + 3 * (size_t)v * area;
                const vs_canvas c = { size, words, { to, to + area, to + 2 * area },
                                      { (size_t)size, (size_t)size, (size_t)size },
                                      free_bits + (size_t)v * bits };
                vs_mask m = { size, words, 0, size, shape_bits + (size_t)v * bits };
                taken[v] = (v ? fn : vs_paint_variant(&name, 0))(&c, &m, value);
            }
            cr_expect_eq(taken[0], taken[1]);
            cr_expect(memcmp(planes, planes + 3 * area, 3 * area) == 0, "variant %d, size %d", i,
                      size);
            cr_expect(memcmp(free_bits, free_bits + bits, 8 * bits) == 0);
            for (size_t w = 0; w < 2 * bits; w++)
                cr_assert_eq(shape_bits[w], 0);
            free(free_bits);
            free(shape_bits);
            free(planes);
        }
    }
}

Test(scene_fast, free_pixels_are_found)
{
    enum { S = 150 };
    uint64_t bits[S * 3];
    vs_canvas c = { .size = S, .words = 3, .free = bits };
    vs_canvas_reset(&c);
    cr_expect_eq(bits[2], (UINT64_C(1) << (S - 128)) - 1);
    vs_rng r = random_numbers(5);
    for (int k = 0; k < 20000; k++) {
        const int x = (int)vs_rng_below(&r, S), y = (int)vs_rng_below(&r, S);
        const int x0 = (int)vs_rng_below(&r, S), y0 = (int)vs_rng_below(&r, S);
        const int x1 = x0 + (int)vs_rng_below(&r, (uint32_t)(S - x0));
        const int y1 = y0 + (int)vs_rng_below(&r, (uint32_t)(S - y0));
        memset(bits, 0, sizeof(bits));
        bits[3 * y + x / 64] = UINT64_C(1) << (x % 64);
        const bool in = x >= x0 && x <= x1 && y >= y0 && y <= y1;
        cr_assert_eq(vs_canvas_any_free(&c, x0, y0, x1, y1), in, "%d,%d in %d..%d, %d..%d", x, y,
                     x0, x1, y0, y1);
    }
}

/* ---- YUV ------------------------------------------------------------------------------------ */

/* The definition, pixel by pixel. */
static void convert_plainly(uint8_t *yuv, const uint8_t *rgb, int W, int H)
{
    uint8_t *const u = yuv + W * H, *const v = u + W * H / 4;
    for (int i = 0; i < W * H; i++)
        yuv[i] = vs_yuv_y(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
    for (int h = 0; h < H; h += 2)
        for (int w = 0; w < W; w += 2) {
            int a[4], b[4];
            for (int k = 0; k < 4; k++) {
                const uint8_t *p = rgb + 3 * ((h + k / 2) * W + w + k % 2);
                a[k] = vs_yuv_u(p[0], p[1], p[2]);
                b[k] = vs_yuv_v(p[0], p[1], p[2]);
            }
            u[h / 2 * (W / 2) + w / 2] = vs_yuv_mean(a[0], a[1], a[2], a[3]);
            v[h / 2 * (W / 2) + w / 2] = vs_yuv_mean(b[0], b[1], b[2], b[3]);
        }
}

static vs_yuv420 planes_at(uint8_t *yuv, int W, int H)
{
    const size_t w = (size_t)W, area = w * (size_t)H;
    return (vs_yuv420){ { yuv, yuv + area, yuv + area + area / 4 }, { w, w / 2, w / 2 } };
}

/* All 2^24 colours, by their definition in real numbers; every value within half a step. */
Test(scene_fast, yuv_is_bt601)
{
    double worst = 0;
    for (int c = 0; c < 1 << 24; c += 7) {
        const int r = c >> 16, g = c >> 8 & 255, b = c & 255;
        const double luma = 0.299 * r + 0.587 * g + 0.114 * b;
        const double y = 16 + luma * 219 / 255, u = 128 + (b - luma) / 1.772 * 224 / 255,
                     v = 128 + (r - luma) / 1.402 * 224 / 255;
        worst = fmax(worst, fabs(vs_yuv_y(r, g, b) - y));
        worst = fmax(worst, fabs(vs_yuv_u(r, g, b) - u));
        worst = fmax(worst, fabs(vs_yuv_v(r, g, b) - v));
    }
    cr_expect(worst < 0.504, "%g away", worst);
    cr_expect(vs_yuv_y(255, 255, 255) == 235 && vs_yuv_y(0, 0, 0) == 16);
    for (int k = 0; k < 256; k++)
        cr_expect(vs_yuv_u(k, k, k) == 128 && vs_yuv_v(k, k, k) == 128);
}

Test(scene_fast, pictures_convert_by_the_definition)
{
    static const int sizes[][2] = { { 2, 2 }, { 34, 6 }, { 256, 4 }, { 258, 4 }, { 600, 8 } };
    for (int k = 0; k < 5; k++) {
        const int W = sizes[k][0], H = sizes[k][1];
        const size_t area = (size_t)(W * H);
        uint8_t *rgb = malloc(3 * area), *planes = malloc(3 * area), *back = malloc(3 * area);
        uint8_t *want = malloc(3 * area), *got = malloc(3 * area);
        vs_rng r = random_numbers((uint64_t)k);
        for (size_t i = 0; i < 3 * area; i++) {
            rgb[i] = (uint8_t)vs_rng_below(&r, 256);
            planes[i % 3 * area + i / 3] = rgb[i];
        }
        const uint8_t *const plane[3] = { planes, planes + area, planes + 2 * area };
        const vs_yuv420 out = planes_at(got, W, H);
        convert_plainly(want, rgb, W, H);
        vs_yuv_from_rgb(&out, rgb, W, H);
        cr_expect(memcmp(got, want, area * 3 / 2) == 0, "RGB, %d x %d", W, H);
        memset(got, 0, area);
        vs_yuv_from_planes(&out, plane, (size_t)W, W, H);
        cr_expect(memcmp(got, want, area * 3 / 2) == 0, "planes, %d x %d", W, H);
        vs_rgb_interleave(back, 3 * (size_t)W, plane, (size_t)W, W, H);
        cr_expect(memcmp(back, rgb, 3 * area) == 0, "interleaved, %d x %d", W, H);
        free(rgb);
        free(planes);
        free(back);
        free(want);
        free(got);
    }
}

Test(scene_fast, scenes_drawn_to_yuv_are_the_converted_rgb)
{
    static const int sizes[] = { 2, 34, 112, 256 };
    for (int k = 0; k < 4 * STAGES; k++) {
        const int size = sizes[k % 4], frame = 40 * (k % 5);
        const size_t area = (size_t)(size * size);
        vs_scene scene = sampled(stages[k / 4], (uint64_t)k, size, false);
        uint8_t *rgb = malloc(3 * area), *want = malloc(3 * area), *got = malloc(3 * area);
        void *scratch = malloc(vs_draw_scratch(size));
        const vs_yuv420 to = planes_at(got, size, size);
        const vs_picture out = { VS_LAYOUT_YUV420, { to.plane[0], to.plane[1], to.plane[2] },
                                 { to.stride[0], to.stride[1], to.stride[2] } };
        vs_scene_draw(&scene, frame, rgb, scratch);
        convert_plainly(want, rgb, size, size);
        vs_scene_draw_to(&out, &scene, frame, scratch);
        cr_expect(memcmp(got, want, area * 3 / 2) == 0, "%s, size %d, frame %d", stages[k / 4],
                  size, frame);
        free(rgb);
        free(want);
        free(got);
        free(scratch);
        vs_scene_free(&scene);
    }
}

/* ---- Sine and cosine ------------------------------------------------------------------------ */

Test(scene_fast, sine_and_cosine)
{
    vs_rng r = random_numbers(7);
    double worst = 0, s, c;
    for (int k = 0; k < 200000; k++) {
        const double a = vs_rng_uniform(&r, -1, 1) * (k % 3 == 0 ? 0.8 : k % 3 == 1 ? 10 : 1e6);
        vs_sincos(&s, &c, a);
        worst = fmax(worst, fmax(fabs(s - sin(a)), fabs(c - cos(a))));
    }
    cr_expect(worst <= 2.3e-16, "%g away from libm", worst);
    vs_sincos(&s, &c, 0);
    cr_expect(s == 0 && c == 1);
    static const double far[] = { 1e7, -1e18, 1e300, INFINITY, NAN };
    for (int k = 0; k < 5; k++) {
        vs_sincos(&s, &c, far[k]);
        cr_expect(fabs(s * s + c * c - 1) < 1e-15, "%g: %g %g", far[k], s, c);
    }
}
