/* Every corruption, at every severity and in every variant, on clips of any size and length: the
 * same bytes on one thread and on several, no byte beyond the clip, the source as it was. */
#include "base/checksum.h"
#include "eval/kinds.h"
#include "eval/robust.h"
#include "tests/check.h"

enum { GUARD = 64 };

struct clip {
    int T, H, W;
    size_t n;
    uint8_t *rgb;
};

static struct clip make_clip(int T, int H, int W)
{
    struct clip c = { T, H, W, (size_t)T * (size_t)H * (size_t)W * 3, NULL };
    vs_rng r = vs_rng_at(3, VS_RNG_TEST, 1);
    c.rgb = vs_new(c.n);
    for (size_t i = 0; i < c.n; i++)
        c.rgb[i] = (uint8_t)vs_rng_u32(&r);
    return c;
}

/* The result between two guards; *frames of it are valid. */
static uint8_t *guarded(int *frames, const struct clip *in, const vs_corruption *c, int severity,
                        const vs_corrupt_options *options, vs_pool *pool)
{
    uint8_t *out = vs_new(in->n + 2 * GUARD);
    memset(out, 77, in->n + 2 * GUARD);
    CHECK_OK(vs_corrupt_apply(out + GUARD, frames, in->rgb, in->T, in->H, in->W, c, severity, 5,
                              options, pool));
    return out;
}

static bool guards_stand(const uint8_t *out, size_t n)
{
    for (int i = 0; i < GUARD; i++)
        if (out[i] != 77 || out[GUARD + n + (size_t)i] != 77)
            return false;
    return true;
}

static void check_one(const struct clip *in, const uint64_t before, const vs_corruption *c,
                      int severity, const vs_corrupt_options *options, vs_pool *pool)
{
    int Ta = 0, Tb = 0;
    uint8_t *a = guarded(&Ta, in, c, severity, options, NULL);
    uint8_t *b = guarded(&Tb, in, c, severity, options, pool);
    char *where = vs_strf("%s severity %d variant %d negative %d on %d x %d x %d", c->name,
                          severity, options->variant, options->negative, in->T, in->H, in->W);
    cr_expect_eq(Ta, Tb, "%s: %d and %d frames", where, Ta, Tb);
    cr_expect(Ta >= 1 && Ta <= in->T && (c->temporal || Ta == in->T), "%s: %d frames", where, Ta);
    cr_expect_eq(memcmp(a, b, in->n + 2 * GUARD), 0, "%s: threads differ", where);
    cr_expect(guards_stand(a, in->n), "%s: written beyond the clip", where);
    cr_expect_eq(vs_checksum(in->rgb, in->n), before, "%s: the source changed", where);
    free(where);
    free(a);
    free(b);
}

/* Each variant that it has, and the negative where pictures see one. */
static int check_variants(const struct clip *in, const vs_corruption *c, int severity,
                          vs_pool *pool)
{
    const uint64_t before = vs_checksum(in->rgb, in->n);
    const vs_variant other = c->other ? c->other : VS_VARIANT_VLMR;
    int checked = 0;
    for (int v = 0; v < (c->variants ? 2 : 1); v++)
        for (int negative = 0; negative < (c->through_image ? 2 : 1); negative++) {
            const vs_corrupt_options options = { .variant = v ? other : VS_VARIANT_ARRE,
                                                 .negative = negative,
                                                 .falling = negative };
            check_one(in, before, c, severity, &options, pool);
            checked++;
        }
    return checked;
}

static int check_size(int T, int H, int W, int least_severity, int most_severity, vs_pool *pool)
{
    struct clip in = make_clip(T, H, W);
    int checked = 0;
    for (int i = 0; i < vs_corruption_count(); i++)
        for (int severity = least_severity; severity <= most_severity; severity++)
            if (!vs_corruption_missing(vs_corruption_at(i)))
                checked += check_variants(&in, vs_corruption_at(i), severity, pool);
    free(in.rgb);
    return checked;
}

Test(eval_any, size_length_severity_variant_and_threads)
{
    static const int size[][3] = { { 1, 1, 1 }, { 3, 7, 5 }, { 2, 1, 40 }, { 2, 33, 2 },
                                   { 9, 41, 30 }, { 1, 3, 500 }, { 1, 500, 3 } };
    vs_pool *pool;
    CHECK_OK(vs_pool_open(&pool, 3, 0));
    int one = 0;
    for (size_t k = 0; k < sizeof(size) / sizeof(*size); k++) {
        const int checked = check_size(size[k][0], size[k][1], size[k][2], 1, 5, pool);
        one = one ? one : checked;
        cr_expect_eq(checked, one);
    }
    cr_expect_geq(one, 5 * 55);
    vs_pool_close(&pool);
}

/* Long clips of small frames: whatever counts frames, or holds all of them. */
Test(eval_any, three_hundred_frames)
{
    vs_pool *pool;
    CHECK_OK(vs_pool_open(&pool, 2, 0));
    cr_expect_geq(check_size(300, 18, 21, 5, 5, pool), 55);
    vs_pool_close(&pool);
}

Test(eval_any, frames_of_1080_lines)
{
    vs_pool *pool;
    CHECK_OK(vs_pool_open(&pool, 2, 0));
    struct clip in = make_clip(1, 1080, 1920);
    const uint64_t before = vs_checksum(in.rgb, in.n);
    for (int i = 0; i < vs_corruption_count(); i++) {
        const vs_corruption *c = vs_corruption_at(i);
        if (!vs_corruption_missing(c))
            check_one(&in, before, c, 1 + i % VS_SEVERITIES, &(vs_corrupt_options){ 0 }, pool);
    }
    free(in.rgb);
    vs_pool_close(&pool);
}
