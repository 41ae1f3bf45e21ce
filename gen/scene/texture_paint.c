/* Painting with a texture: the inner loop of textured scenes. Rules: gen/scene/texture.h
 *
 * Every pixel of a frame is sampled once, run by run of what a shape takes. Coordinates are
 * evaluated in double precision per column, because the rule rounds each of them (adding up
 * increments would drift off it); taps are interpolated in pairs of 16-bit numbers, first along x
 * (at most 32 * 255), then along y. SSE2, which every x86-64 has; elsewhere, and on CUDA, the
 * same numbers from vs_warp_pixel() in gen/scene/texture_core.h.
 */
#include <string.h>

#include "gen/scene/texture.h"
#include "gen/scene/texture_core.h"
#include "gen/scene/yuv.h"

enum { RUN = 64 };                 /* pixels of a word of a mask */

#ifdef __SSE2__
#include <emmintrin.h>

/* ---- Sampling ------------------------------------------------------------------------------ */

/* To nearest, ties to even; INT32_MIN where it does not fit. */
static int32_t round_fixed(double v)
{
    return _mm_cvtsd_si32(_mm_set_sd(v));
}

static __m128i columns4(__m128i start, __m128d m, __m128d x01, __m128d x23)
{
    const __m128i a = _mm_cvtpd_epi32(_mm_mul_pd(m, x01));
    const __m128i b = _mm_cvtpd_epi32(_mm_mul_pd(m, x23));
    return _mm_srai_epi32(_mm_add_epi32(start, _mm_unpacklo_epi64(a, b)), 5);
}

static __m128i texel_at(const uint8_t *texel, int at)
{
    int32_t v;
    memcpy(&v, texel + 4 * (ptrdiff_t)at, 4);
    return _mm_cvtsi32_si128(v);
}

/* Two neighbours weighed by w = (32 - fx, fx): four sums of 0..8160, one per channel. */
static __m128i along_x(const uint8_t *texel, int left, int right, __m128i w)
{
    const __m128i both = _mm_unpacklo_epi8(texel_at(texel, left), texel_at(texel, right));
    return _mm_madd_epi16(_mm_unpacklo_epi8(both, _mm_setzero_si128()), w);
}

/* (32 - f, f) in all four lanes. */
static __m128i weights(int f)
{
    return _mm_set1_epi32(32 + f * 0xffff);
}

/* Coordinates in 1/32 to R G B G in four 32-bit lanes. */
static __m128i sample(const vs_warp *w, int column, int row, int fx, int fy)
{
    const int left = w->column[column], right = w->column[column + 1];
    const int upper = w->column[row] * w->stride, lower = w->column[row + 1] * w->stride;
    const __m128i wx = weights(fx);
    const __m128i top = along_x(w->texel, upper + left, upper + right, wx);
    const __m128i bottom = along_x(w->texel, lower + left, lower + right, wx);
    const __m128i sum =
        _mm_madd_epi16(_mm_or_si128(top, _mm_slli_epi32(bottom, 16)), weights(fy));
    return _mm_srli_epi32(_mm_add_epi32(sum, _mm_set1_epi32(512)), 10);
}

void vs_warp_run(const vs_warp *w, uint8_t *rgbg, int x, int y, int n)
{
    const __m128i start_x = _mm_set1_epi32((int32_t)(
        (uint32_t)round_fixed(w->m[1] * y + w->m[2]) + 16));
    const __m128i start_y = _mm_set1_epi32((int32_t)(
        (uint32_t)round_fixed(w->m[4] * y + w->m[5]) + 16));
    const __m128d mx = _mm_set1_pd(w->m[0]), my = _mm_set1_pd(w->m[3]), four = _mm_set1_pd(4);
    const __m128i lo = _mm_set1_epi16(-2), hi = _mm_set1_epi16((short)w->last);
    __m128d x01 = _mm_set_pd(x + 1, x), x23 = _mm_set_pd(x + 3, x + 2);
    for (int i = 0; i < n; i += 4) {
        const __m128i u = columns4(start_x, mx, x01, x23), v = columns4(start_y, my, x01, x23);
        x01 = _mm_add_pd(x01, four);
        x23 = _mm_add_pd(x23, four);
        /* Whole parts as 8 numbers of 16 bits, saturated, then onto the border at most. */
        const __m128i whole = _mm_packs_epi32(_mm_srai_epi32(u, 5), _mm_srai_epi32(v, 5));
        int16_t at[8], part[8];
        _mm_storeu_si128((__m128i *)at, _mm_max_epi16(_mm_min_epi16(whole, hi), lo));
        const __m128i low = _mm_set1_epi32(31);
        _mm_storeu_si128((__m128i *)part,
                         _mm_packs_epi32(_mm_and_si128(u, low), _mm_and_si128(v, low)));
        __m128i p[4];
        for (int k = 0; k < 4; k++)
            p[k] = sample(w, at[k], at[4 + k], part[k], part[4 + k]);
        const __m128i packed = _mm_packus_epi16(_mm_packs_epi32(p[0], p[1]),
                                                _mm_packs_epi32(p[2], p[3]));
        _mm_storeu_si128((__m128i *)(rgbg + 4 * (size_t)i), packed);
    }
}

/* ---- To the planes ------------------------------------------------------------------------- */

/* Sixteen pixels: the channel that lies `shift` bits up. */
static void channel16(uint8_t *out, const __m128i px[4], int shift)
{
    const __m128i low = _mm_set1_epi32(255);
    __m128i v[4];
    for (int k = 0; k < 4; k++)
        v[k] = _mm_and_si128(_mm_srli_epi32(px[k], shift), low);
    _mm_storeu_si128((__m128i *)out, _mm_packus_epi16(_mm_packs_epi32(v[0], v[1]),
                                                      _mm_packs_epi32(v[2], v[3])));
}

/* Four pixels: (w . (R G B G) + bias) >> 16 in 32-bit lanes. */
static __m128i weigh4(__m128i px, __m128i w, __m128i bias)
{
    const __m128i zero = _mm_setzero_si128();
    const __m128 a = _mm_castsi128_ps(_mm_madd_epi16(_mm_unpacklo_epi8(px, zero), w));
    const __m128 b = _mm_castsi128_ps(_mm_madd_epi16(_mm_unpackhi_epi8(px, zero), w));
    const __m128i even = _mm_castps_si128(_mm_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0)));
    const __m128i odd = _mm_castps_si128(_mm_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
    return _mm_srai_epi32(_mm_add_epi32(_mm_add_epi32(even, odd), bias), 16);
}

static void weigh16(uint8_t *out, const __m128i px[4], const int16_t weight[4], int bias)
{
    const __m128i w = _mm_set_epi16(weight[3], weight[2], weight[1], weight[0], weight[3],
                                    weight[2], weight[1], weight[0]);
    const __m128i b = _mm_set1_epi32(bias);
    __m128i v[4];
    for (int k = 0; k < 4; k++)
        v[k] = weigh4(px[k], w, b);
    _mm_storeu_si128((__m128i *)out, _mm_packus_epi16(_mm_packs_epi32(v[0], v[1]),
                                                      _mm_packs_epi32(v[2], v[3])));
}

/* n pixels to three rows, room for n rounded up to 16. The weights are those of yuv.h; 33039,
 * which is no 16-bit number, is split over the two greens. */
static void split_run(uint8_t out[3][RUN], const uint8_t *rgbg, int n, vs_layout layout)
{
    static const int16_t y[4] = { 16829, 16384, 6416, 33039 - 16384 };
    static const int16_t u[4] = { -9714, -19070, 28784, 0 }, v[4] = { 28784, -24103, -4681, 0 };
    enum { HALF = 32768 };
    for (int i = 0; i < n; i += 16) {
        __m128i px[4];
        memcpy(px, rgbg + 4 * i, sizeof(px));
        for (int k = 0; layout != VS_LAYOUT_YUV420 && k < 3; k++)
            channel16(out[k] + i, px, 8 * k);
        if (layout != VS_LAYOUT_YUV420)
            continue;
        weigh16(out[0] + i, px, y, (16 << 16) + HALF);
        weigh16(out[1] + i, px, u, (128 << 16) + HALF);
        weigh16(out[2] + i, px, v, (128 << 16) + HALF);
    }
}

#else

void vs_warp_run(const vs_warp *w, uint8_t *rgbg, int x, int y, int n)
{
    int32_t start[2];
    vs_warp_row(start, w, y);
    for (int i = 0; i < n; i++)
        vs_warp_pixel(rgbg + 4 * (size_t)i, w, start, x + i);
}

static void split_run(uint8_t out[3][RUN], const uint8_t *rgbg, int n, vs_layout layout)
{
    for (int i = 0; i < n; i++) {
        const int r = rgbg[4 * i], g = rgbg[4 * i + 1], b = rgbg[4 * i + 2];
        const bool yuv = layout == VS_LAYOUT_YUV420;
        out[0][i] = yuv ? vs_yuv_y(r, g, b) : rgbg[4 * i];
        out[1][i] = yuv ? vs_yuv_u(r, g, b) : rgbg[4 * i + 1];
        out[2][i] = yuv ? vs_yuv_v(r, g, b) : rgbg[4 * i + 2];
    }
}
#endif

/* The set bits of one word, whose bit 0 is pixel x of row y, run by run. */
static void paint_word(const vs_canvas *c, const vs_warp *w, uint64_t bits, int x, int y,
                       vs_layout layout)
{
    uint8_t rgbg[4 * RUN], part[3][RUN];
    while (bits) {
        const int start = __builtin_ctzll(bits);
        const uint64_t rest = ~(bits >> start);
        const int n = rest ? __builtin_ctzll(rest) : 64;
        vs_warp_run(w, rgbg, x + start, y, n);
        split_run(part, rgbg, n, layout);
        for (size_t k = 0; k < 3; k++)
            memcpy(c->plane[k] + (size_t)y * c->stride[k] + x + start, part[k], (size_t)n);
        if (start + n >= 64)
            return;
        bits &= ~UINT64_C(0) << (start + n);
    }
}

int64_t vs_texture_paint(const vs_canvas *c, vs_mask *shape, const vs_warp *w, vs_layout layout)
{
    const int64_t taken = vs_canvas_take(c, shape);
    for (int y = shape->top; y < shape->bottom; y++) {
        const uint64_t *row = shape->row + (size_t)y * (size_t)shape->words;
        for (int k = 0; k < shape->words; k++)
            if (row[k])
                paint_word(c, w, row[k], 64 * k, y, layout);
    }
    vs_mask_clear(shape);
    return taken;
}
