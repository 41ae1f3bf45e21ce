/* Resampling: identity, constants, mirror, and an independent double-precision model. */
#include "base/image.h"
#include "tests/check.h"

static void run(uint8_t *dst, const uint8_t *src, int W, int H, vs_rect r, int w, int h, bool flip)
{
    vs_resize *plan = vs_resize_new(W, H, r, w, h, flip);
    void *tmp = vs_new(vs_resize_scratch(plan));
    vs_resize_run(plan, dst, src, tmp);
    free(tmp);
    vs_resize_free(&plan);
}

static uint8_t *noise(int n, uint64_t index)
{
    uint8_t *p = vs_new((size_t)n);
    vs_rng r = vs_rng_at(0, VS_RNG_TEST, index);
    for (int i = 0; i < n; i++)
        p[i] = (uint8_t)vs_rng_u32(&r);
    return p;
}

Test(resize, same_size_is_a_copy_and_flip_mirrors)
{
    enum { W = 13, H = 7 };
    uint8_t *src = noise(W * H * 3, 1), dst[W * H * 3];
    run(dst, src, W, H, (vs_rect){ 0, 0, W, H }, W, H, false);
    cr_expect_eq(memcmp(dst, src, sizeof(dst)), 0);
    run(dst, src, W, H, (vs_rect){ 0, 0, W, H }, W, H, true);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            cr_assert_eq(memcmp(dst + 3 * (y * W + x), src + 3 * (y * W + W - 1 - x), 3), 0);
    free(src);
}

Test(resize, constant_stays_constant)
{
    static const int size[][4] = { { 340, 256, 224, 224 }, { 3, 2, 64, 64 }, { 1, 1, 5, 9 },
                                   { 641, 479, 64, 48 } };
    for (int k = 0; k < 4; k++) {
        const int W = size[k][0], H = size[k][1], w = size[k][2], h = size[k][3];
        uint8_t *src = vs_new((size_t)W * H * 3), *dst = vs_new((size_t)w * h * 3);
        memset(src, 201, (size_t)W * H * 3);
        run(dst, src, W, H, (vs_rect){ 0, 0, W, H }, w, h, false);
        for (int i = 0; i < w * h * 3; i++)
            cr_assert_eq(dst[i], 201, "%d x %d -> %d x %d", W, H, w, h);
        free(src);
        free(dst);
    }
}

static double tap(int j, double centre, double reach)
{
    return fmax(0, 1 - fabs(j - centre) / reach);
}

Test(resize, agrees_with_the_formula)
{
    static const struct {
        int W, H, w, h;
        vs_rect r;
    } c[] = {
        { 40, 30, 17, 11, { 0, 0, 40, 30 } },
        { 40, 30, 64, 64, { 3.25, 2.5, 20.5, 21 } },
        { 31, 57, 8, 8, { 5, 9, 26, 48 } },
    };
    for (size_t k = 0; k < sizeof(c) / sizeof(*c); k++) {
        const int W = c[k].W, H = c[k].H, w = c[k].w, h = c[k].h;
        uint8_t *src = noise(W * H * 3, 10 + k), *dst = vs_new((size_t)w * h * 3);
        run(dst, src, W, H, c[k].r, w, h, false);
        const double sx = c[k].r.rw / w, sy = c[k].r.rh / h;
        for (int i = 0; i < w * h * 3; i++) {
            const double cx = c[k].r.x0 + (i / 3 % w + 0.5) * sx - 0.5;
            const double cy = c[k].r.y0 + (i / 3 / w + 0.5) * sy - 0.5;
            double sum = 0, weight = 0;
            for (int y = 0; y < H; y++)
                for (int x = 0; x < W; x++) {
                    const double t = tap(x, cx, fmax(sx, 1)) * tap(y, cy, fmax(sy, 1));
                    sum += t * src[3 * (y * W + x) + i % 3];
                    weight += t;
                }
            cr_assert_float_eq(dst[i], sum / weight, 0.55, "case %zu value %d: %d, expected %g", k,
                               i, dst[i], sum / weight);
        }
        free(src);
        free(dst);
    }
}
