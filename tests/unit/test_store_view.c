/* Views against a double-precision model of their formula, on noise. */
#include "ingest/store/lanes.h"
#include "ingest/store/view.h"
#include "tests/check.h"

static double at(const uint8_t *plane, int W, int H, double cx, double cy, double rx, double ry)
{
    double sum = 0, weight = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const double t = fmax(0, 1 - fabs(x - cx) / rx) * fmax(0, 1 - fabs(y - cy) / ry);
            sum += t * plane[y * W + x];
            weight += t;
        }
    return sum / weight;
}

Test(store_view, agrees_with_the_formula)
{
    static const struct {
        int W, H, w, h;
        vs_rect r;
        bool flip;
    } c[] = {
        { 40, 30, 17, 11, { 0, 0, 40, 30 }, false },
        { 40, 30, 50, 64, { 3.25, 2.5, 20.5, 21 }, true },
        { 31, 57, 8, 35, { 5, 9, 26, 48 }, false },
        { 31, 57, 31, 57, { 0, 0, 31, 57 }, false },
        { 9, 7, 33, 1, { 2, 2, 6, 4 }, true },
        { 90, 70, 3, 2, { 0, 0, 90, 70 }, false },
    };
    vs_view view = { 0 };
    for (size_t k = 0; k < sizeof(c) / sizeof(*c); k++) {
        const int W = c[k].W, H = c[k].H, w = c[k].w, h = c[k].h;
        const int cw = (W + 1) / 2, ch = (H + 1) / 2;
        const vs_view_planes p = { { W, cw }, { H, ch }, { 16, 8 } };
        uint8_t *plane[3], *rgb = vs_new((size_t)w * (size_t)h * 3);
        const int stride[3] = { W, cw, cw }, row0[3] = { 0 };
        vs_rng r = vs_rng_at(0, VS_RNG_TEST, k);
        for (int i = 0; i < 3; i++) {
            plane[i] = vs_new((size_t)W * (size_t)H);
            for (int n = 0; n < W * H; n++)
                plane[i][n] = (uint8_t)vs_rng_u32(&r);
        }
        CHECK_OK(vs_view_fill(&view, &p, c[k].r, w, h, c[k].flip));
        vs_view_run(&view, rgb, (const uint8_t *const *)plane, stride, row0);
        const double sx = c[k].r.rw / w, sy = c[k].r.rh / h;
        for (int n = 0; n < w * h; n++) {
            const int to = c[k].flip ? w - 1 - n % w : n % w;
            const double x = c[k].r.x0 + (to + .5) * sx, y = c[k].r.y0 + (n / w + .5) * sy;
            const double Y = at(plane[0], W, H, x - .5, y - .5, fmax(sx, 1), fmax(sy, 1));
            double v[2];
            for (int i = 0; i < 2; i++)
                v[i] = at(plane[i + 1], cw, ch, x / 2 - .5, y / 2 - .5, fmax(sx / 2, 1),
                          fmax(sy / 2, 1)) - 128;
            const double want[3] = { Y + 1.402 * v[1], Y - .344136 * v[0] - .714136 * v[1],
                                     Y + 1.772 * v[0] };
            for (int i = 0; i < 3; i++)
                cr_assert_float_eq(rgb[3 * n + i], fmin(255, fmax(0, want[i])), 1,
                                   "case %zu pixel %d colour %d: %d, expected %g", k, n, i,
                                   rgb[3 * n + i], want[i]);
        }
        for (int i = 0; i < 3; i++)
            free(plane[i]);
        free(rgb);
    }
    vs_view_free(&view);
}

/* Grey stays the grey it is, whatever the size; no colour creeps in. */
Test(store_view, constant_stays_constant)
{
    vs_view view = { 0 };
    static const int size[][4] = { { 340, 256, 224, 224 }, { 2, 2, 64, 64 }, { 641, 479, 64, 48 },
                                   { 1, 1, 5, 9 } };
    for (int grey = 0; grey < 256; grey += 15)
        for (int k = 0; k < 4; k++) {
            const int W = size[k][0], H = size[k][1], w = size[k][2], h = size[k][3];
            const vs_view_planes p = { { W, (W + 1) / 2 }, { H, (H + 1) / 2 }, { 16, 8 } };
            uint8_t *y = vs_new((size_t)W * (size_t)H), *u = vs_new((size_t)W * (size_t)H);
            uint8_t *rgb = vs_new((size_t)w * (size_t)h * 3);
            memset(y, grey, (size_t)W * (size_t)H);
            memset(u, 128, (size_t)W * (size_t)H);
            const uint8_t *const plane[3] = { y, u, u };
            const int stride[3] = { W, (W + 1) / 2, (W + 1) / 2 }, row0[3] = { 0 };
            CHECK_OK(vs_view_fill(&view, &p, (vs_rect){ 0, 0, W, H }, w, h, false));
            vs_view_run(&view, rgb, plane, stride, row0);
            for (int i = 0; i < w * h * 3; i++)
                cr_assert_eq(rgb[i], grey, "%d x %d -> %d x %d: %d", W, H, w, h, rgb[i]);
            free(y);
            free(u);
            free(rgb);
        }
    vs_view_free(&view);
}

/* ---- Variants of the inner loops ------------------------------------------------------------- */

/* 0: noise; 1: black and white; 2: noise between the extremes */
static void fill_plane(uint8_t *plane, int n, int kind, vs_rng *r)
{
    for (int i = 0; i < n; i++) {
        const uint32_t v = vs_rng_u32(r);
        plane[i] = (uint8_t)(kind == 0 || (kind == 2 && v & 256) ? v : v & 512 ? 255 : 0);
    }
}

Test(store_view, variants_give_the_same_bytes)
{
    enum { SIDE = 260, PLANE = SIDE * SIDE, OUT = 240 };
    static uint8_t planes[3][PLANE], plain[OUT * OUT * 3], other[OUT * OUT * 3];
    const uint8_t *const plane[3] = { planes[0], planes[1], planes[2] };
    const char *name;
    for (uint32_t k = 0; k < 240; k++) {
        vs_rng r = vs_rng_at(1, VS_RNG_TEST, k);
        const int W = 1 + (int)vs_rng_below(&r, SIDE), H = 1 + (int)vs_rng_below(&r, SIDE);
        const int w = 1 + (int)vs_rng_below(&r, OUT), h = 1 + (int)vs_rng_below(&r, OUT);
        const int cw = (W + 1) / 2, stride[3] = { W, cw, cw }, row0[3] = { 0 };
        const vs_view_planes p = { { W, cw }, { H, (H + 1) / 2 }, { 16, 8 } };
        const double rw = W * vs_rng_uniform(&r, 0.05, 1), rh = H * vs_rng_uniform(&r, 0.05, 1);
        const vs_rect crop = { vs_rng_uniform(&r, 0, W - rw), vs_rng_uniform(&r, 0, H - rh), rw,
                               rh };
        for (int i = 0; i < 3; i++)
            fill_plane(planes[i], PLANE, (int)(k % 3), &r);
        vs_view view = { 0 };
        CHECK_OK(vs_view_fill(&view, &p, crop, w, h, k & 1));
        view.lanes = vs_lanes_variant(&name, 0);
        vs_view_run(&view, plain, plane, stride, row0);
        for (int i = 1; vs_lanes_variant(&name, i) || name; i++) {
            view.lanes = vs_lanes_variant(&name, i);
            if (!view.lanes)
                continue;
            vs_view_run(&view, other, plane, stride, row0);
            for (int n = 0; n < w * h * 3; n++)
                cr_assert_eq(other[n], plain[n], "%s, case %u, %dx%d to %dx%d, byte %d: %d, "
                             "plain %d", name, k, W, H, w, h, n, other[n], plain[n]);
        }
        vs_view_free(&view);
    }
}

/* Sums and weights that no view has: whatever they are, every variant wraps alike. */
Test(store_view, variants_agree_on_impossible_weights)
{
    enum { N = 75, TAPS = 5 };
    static uint8_t from[TAPS][N], bytes[2][3 * N * VS_LANES];
    static int16_t weight[N * TAPS], sums[3][(N + TAPS) * VS_LANES], rows[2][N];
    int first[N];
    const char *name;
    const vs_lanes *const plain = vs_lanes_variant(&name, 0);
    vs_rng r = vs_rng_at(2, VS_RNG_TEST, 0);
    fill_plane(from[0], TAPS * N, 2, &r);
    for (int i = 0; i < N * TAPS; i++)
        weight[i] = (int16_t)vs_rng_u32(&r);
    for (int i = 0; i < 3 * (N + TAPS) * VS_LANES; i++)
        sums[i % 3][i / 3] = (int16_t)(i % 7 == 0 ? INT16_MIN : (int)vs_rng_u32(&r));
    for (int i = 0; i < N; i++)
        first[i] = i;
    vs_view_axis x[2] = { { .n = N, .first = first, .weight = weight }, { .first = first,
                            .weight = weight + 1 } };
    for (int taps = 1; taps < TAPS; taps++) {
        x[0].taps = x[1].taps = taps;
        plain->columns(bytes[0], x, sums[0], sums[1], sums[2]);
        for (int i = 1; vs_lanes_variant(&name, i) || name; i++) {
            const vs_lanes *const one = vs_lanes_variant(&name, i);
            for (int n = 1; one && n <= N; n++) {
                plain->rows(rows[0], from[0], N, weight, taps, n);
                one->rows(rows[1], from[0], N, weight, taps, n);
                cr_assert_arr_eq(rows[0], rows[1], sizeof(int16_t) * (size_t)n,
                                 "%s: %d sums of %d rows", name, n, taps);
            }
            if (one)
                one->columns(bytes[1], x, sums[0], sums[1], sums[2]);
            cr_assert(!one || memcmp(bytes[0], bytes[1], sizeof(bytes[0])) == 0,
                      "%s: columns of %d", name, taps);
        }
    }
}
