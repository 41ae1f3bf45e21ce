/* Corruptions for a seed, each after its definition; temporal orders; names. Any size and any
 * number of threads: test_eval_any.c. */
#include "eval/kinds.h"
#include "eval/robust.h"
#include "tests/check.h"

static uint8_t *picture(int T, int H, int W)
{
    const size_t n = (size_t)T * H * W * 3;
    uint8_t *p = vs_new(n);
    vs_rng r = vs_rng_at(3, VS_RNG_TEST, 1);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)vs_rng_u32(&r);
    return p;
}

/* ---- Seeds -------------------------------------------------------------------------------- */

/* What stays as it is for the whole clip. */
static bool once_per_clip(const vs_corruption *c)
{
    static const char *const name[] = { "translate", "fog", "frost", "spatter", "elastic" };
    bool found = false;
    for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++)
        found = found || strcmp(c->name, name[i]) == 0;
    return found;
}

Test(eval_corrupt, random_ones_follow_the_seed_and_the_frame_others_neither)
{
    enum { T = 40, H = 41, W = 36, N = H * W * 3 };
    uint8_t *in = picture(1, H, W), *clip = vs_new(T * N), *a = vs_new(T * N), *b = vs_new(T * N);
    for (int t = 0; t < T; t++)
        memcpy(clip + t * N, in, N);
    for (int i = 0; i < vs_corruption_count(); i++) {
        const vs_corruption *c = vs_corruption_at(i);
        if (c->temporal || c->stream)
            continue;
        CHECK_OK(vs_corrupt_apply(a, NULL, clip, T, H, W, c, 1, 1, NULL, NULL));
        CHECK_OK(vs_corrupt_apply(b, NULL, clip, T, H, W, c, 1, 2, NULL, NULL));
        cr_expect_eq(memcmp(a, b, T * N) != 0, c->random, "%s: seed", c->name);
        int moves = 0;
        for (int t = 1; t < T; t++)
            moves += memcmp(a, a + t * N, N) != 0;
        const bool per_frame = c->random && !once_per_clip(c);
        cr_expect_eq(moves > T / 2, per_frame, "%s: %d frames differ", c->name, moves);
        cr_expect(per_frame || moves == 0, "%s: %d frames differ", c->name, moves);
    }
    free(in);
    free(clip);
    free(a);
    free(b);
}

/* Value i of frame t is drawn by word i % 4 of block i / 4, counter (block, CORRUPT, t + 1, 0). */
Test(eval_corrupt, noise_draws_are_philox_words)
{
    enum { T = 2, H = 40, W = 31, N = H * W * 3 };
    const uint64_t seed = 0x123456789abcdefu;
    const vs_corruption *c;
    uint8_t *in = vs_new(T * N), *out = vs_new(T * N);
    memset(in, 255 / 3, T * N);
    CHECK_OK(vs_corruption_find(&c, "impulse_noise"));
    CHECK_OK(vs_corrupt_apply(out, NULL, in, T, H, W, c, 5, seed, NULL, NULL));
    for (uint32_t i = 0; i < T * N; i++) {
        uint32_t word[4];
        vs_philox(word, seed, (const uint32_t[]){ i % N / 4, VS_RNG_CORRUPT, i / N + 1, 0 });
        const double u = word[i % N % 4] * 0x1p-32;
        cr_assert_eq(out[i], u < .135 ? 0 : u < .27 ? 255 : 85, "value %u", i);
    }
    free(in);
    free(out);
}

Test(eval_corrupt, seeds_of_views_differ)
{
    const vs_corruption *a = vs_corruption_at(0), *b = vs_corruption_at(1);
    const uint64_t s = vs_corrupt_seed(1, 2, a, 3, 4);
    cr_expect_eq(s, vs_corrupt_seed(1, 2, a, 3, 4));
    cr_expect_neq(s, vs_corrupt_seed(2, 2, a, 3, 4));
    cr_expect_neq(s, vs_corrupt_seed(1, 3, a, 3, 4));
    cr_expect_neq(s, vs_corrupt_seed(1, 2, b, 3, 4));
    cr_expect_neq(s, vs_corrupt_seed(1, 2, a, 4, 4));
    cr_expect_neq(s, vs_corrupt_seed(1, 2, a, 3, 5));
}

Test(eval_corrupt, negative_is_the_corruption_of_the_negative)
{
    enum { H = 9, W = 14, N = H * W * 3 };
    const vs_corrupt_options negative = { .negative = true };
    uint8_t *in = picture(1, H, W), inverse[N], a[N], b[N];
    for (int i = 0; i < N; i++)
        inverse[i] = (uint8_t)((256 - in[i]) % 256);
    for (int i = 0; i < vs_corruption_count(); i++) {
        const vs_corruption *c = vs_corruption_at(i);
        if (c->temporal || c->stream)
            continue;
        CHECK_OK(vs_corrupt_apply(a, NULL, in, 1, H, W, c, 2, 1, &negative, NULL));
        CHECK_OK(vs_corrupt_apply(b, NULL, c->through_image ? inverse : in, 1, H, W, c, 2, 1, NULL,
                                  NULL));
        cr_expect_eq(memcmp(a, b, N), 0, "%s", c->name);
        cr_expect_eq(c->through_image, strcmp(c->name, "translate") != 0 && !c->stream, "%s",
                     c->name);
    }
    free(in);
}

/* ---- Camera ------------------------------------------------------------------------------- */

Test(eval_corrupt, translate_moves_up_and_left)
{
    enum { H = 20, W = 30 };
    const vs_corruption *c;
    CHECK_OK(vs_corruption_find(&c, "translate"));
    uint8_t *in = picture(1, H, W), out[H * W * 3];
    int seen[2] = { 0 };
    for (int i = 0; i < H * W * 3; i++)
        in[i] |= 1;
    for (uint64_t seed = 0; seed < 120; seed++) {
        int found = 0;
        CHECK_OK(vs_corrupt_apply(out, NULL, in, 1, H, W, c, 1, seed, NULL, NULL));
        for (int r = 0; r < 8; r++)
            for (int k = 0; k < 8; k++) {
                int same = 1;
                for (int y = 0; y < H && same; y++)
                    for (int x = 0; x < W && same; x++) {
                        const uint8_t *p = out + 3 * (y * W + x);
                        same = y + r < H && x + k < W
                                   ? memcmp(p, in + 3 * ((y + r) * W + x + k), 3) == 0
                                   : p[0] + p[1] + p[2] == 0;
                    }
                found += same;
                seen[0] |= same << r;
                seen[1] |= same << k;
            }
        cr_expect_eq(found, 1, "seed %d: %d offsets fit", (int)seed, found);
    }
    cr_expect_eq(seen[0], 0xff, "rows 0..7 all occur");
    cr_expect_eq(seen[1], 0xff, "columns 0..7 all occur");
    free(in);
}

Test(eval_corrupt, rotate_is_a_static_rotation_by_a_whole_angle)
{
    enum { H = 31, W = 31, N = H * W * 3, T = 60 };
    const vs_corruption *c;
    CHECK_OK(vs_corruption_find(&c, "rotate"));
    uint8_t *in = picture(1, H, W), *clip = vs_new(T * N), *out = vs_new(T * N), turned[15][N];
    for (int t = 0; t < T; t++)
        memcpy(clip + t * N, in, N);
    for (int a = 0; a < 15; a++) {
        const double level[] = { a - 7 };
        const vs_frame f = { .H = H, .W = W, .level = level };
        CHECK_OK(vs_kind_static_rotate.frame(turned[a], in, &f));
    }
    CHECK_OK(vs_corrupt_apply(out, NULL, clip, T, H, W, c, 1, 0, NULL, NULL));
    int seen = 0;
    for (int t = 0; t < T; t++) {
        int angle = -1;
        for (int a = 0; a < 15; a++)
            angle = memcmp(out + t * N, turned[a], N) == 0 ? a : angle;
        cr_expect_geq(angle, 0, "frame %d is no rotation", t);
        seen |= 1 << (angle < 0 ? 0 : angle);
    }
    cr_expect_geq(__builtin_popcount((unsigned)seen), 12);
    cr_expect_eq(memcmp(turned[7], in, N), 0, "0 degrees is a copy");
    free(in);
    free(clip);
    free(out);
}

/* ---- Weather and exposure ----------------------------------------------------------------- */

/* Means counted by hand: window t - 3 .. t + 2 of severity 1, t - 1 .. t of ssv2. */
Test(eval_corrupt, temporal_motion_blur_is_the_mean_of_neighbours)
{
    enum { T = 9, H = 3, W = 5, N = H * W * 3 };
    const vs_corruption *c;
    const vs_corrupt_options ssv2 = { .variant = VS_VARIANT_SSV2 };
    uint8_t *in = picture(T, H, W), out[T * N];
    CHECK_OK(vs_corruption_find(&c, "temporal_motion_blur"));
    for (int K = 3; K >= 1; K -= 2) {
        CHECK_OK(vs_corrupt_apply(out, NULL, in, T, H, W, c, 1, 0, K == 1 ? &ssv2 : NULL, NULL));
        for (int i = 0; i < T * N; i++) {
            int sum = 0, n = 0;
            for (int t = i / N - K; t < i / N + K; t++)
                if (t >= 0 && t < T) {
                    sum += in[t * N + i % N];
                    n++;
                }
            cr_assert_eq(out[i], sum / n, "K %d, value %d", K, i);
        }
    }
    free(in);
}

/* Bright pixels of rain on black: 220 / 255 of 220 blurred over three columns, then contrast. */
static double wet_share(const uint8_t *rgb, int n)
{
    int wet = 0;
    for (int i = 0; i < n; i++)
        wet += rgb[3 * i] > rgb[0] + 20;
    return (double)wet / n;
}

/* 65 to 125 streaks of 11 to 81 pixels on 224 x 224, less what they share: with n H/(H - L)
 * streaks crossing a row of 224 columns at random, the share of wet pixels lies near
 * 1 - (1 - 1/224)^(n (L + 1) / 224). Bound: 5 deviations of one frame's mean over 8 frames, each
 * streak a draw of its own. */
Test(eval_corrupt, rain_wets_the_share_it_should)
{
    enum { T = 8, S = 224, N = S * S };
    static const double length[] = { 10, 30, 60, 60, 80 }, streaks[] = { 65, 65, 65, 100, 125 };
    uint8_t *in = vs_new(T * N * 3), *out = vs_new(T * N * 3);
    const vs_corruption *c;
    CHECK_OK(vs_corruption_find(&c, "rain"));
    for (int falling = 0; falling < 2; falling++)
        for (int s = 0; s < VS_SEVERITIES; s++) {
            const vs_corrupt_options options = { .falling = falling };
            double share = 0;
            CHECK_OK(vs_corrupt_apply(out, NULL, in, T, S, S, c, s + 1, 9, &options, NULL));
            for (int t = 0; t < T; t++)
                share += wet_share(out + t * N * 3, N) / T;
            /* Falling ones are spread over S + L rows, some of each outside the frame. */
            const double inside = falling ? S / (S + length[s]) : 1;
            const double per_row = streaks[s] * (length[s] + 1) * inside / S;
            const double want = 1 - pow(1 - 1.0 / S, per_row);
            const double deviation = want / sqrt(streaks[s] * (falling ? 1 : T));
            cr_expect(fabs(share - want) < 5 * deviation, "severity %d%s: %g, expected %g +- %g",
                      s + 1, falling ? " falling" : "", share, want, 5 * deviation);
        }
    free(in);
    free(out);
}

/* A mean of 16 frames that stay: fog on grey does not depend on t, and its brightest and darkest
 * places are those of plasma 1 and 0: (v + 255 c p) m / (m + c). */
Test(eval_corrupt, fog_spans_its_range)
{
    enum { S = 256, N = S * S * 3 };
    static const double amount[] = { 1.5, 2, 2.5, 2.5, 3 };
    uint8_t *in = vs_new(N), *out = vs_new(N);
    const vs_corruption *c;
    CHECK_OK(vs_corruption_find(&c, "fog"));
    memset(in, 102, N);
    for (int s = 0; s < VS_SEVERITIES; s++) {
        int low = 255, high = 0;
        CHECK_OK(vs_corrupt_apply(out, NULL, in, 1, S, S, c, s + 1, 4, NULL, NULL));
        for (int i = 0; i < N; i++) {
            low = out[i] < low ? out[i] : low;
            high = out[i] > high ? out[i] : high;
        }
        const double v = 102 / 255.0, a = amount[s];
        cr_expect_eq(low, (int)(v * v / (v + a) * 255), "severity %d: %d", s + 1, low);
        cr_expect_eq(high, (int)((v + a) * v / (v + a) * 255), "severity %d: %d", s + 1, high);
    }
    free(in);
    free(out);
}

/* ---- Glass -------------------------------------------------------------------------------- */

/* On a picture of coordinates, without blur: the border stays; inside, pixels come from at most d
 * up and left, and from further down and right only by being copied again. */
Test(eval_corrupt, glass_takes_pixels_from_nearby)
{
    enum { H = 60, W = 50, D = 2 };
    const double level[] = { .1, D, 1 };
    uint8_t in[H * W * 3], out[H * W * 3];
    void *table = NULL;
    int moved = 0, farthest[2] = { 0 };
    for (int i = 0; i < H * W; i++)
        memcpy(in + 3 * i, (uint8_t[]){ (uint8_t)(i / W * 4 + 2), (uint8_t)(i % W * 4 + 2), 0 }, 3);
    CHECK_OK(vs_kind_glass.prepare(&table, level));
    const vs_frame f = { .H = H, .W = W, .seed = 4, .level = level, .table = table };
    CHECK_OK(vs_kind_glass.frame(out, in, &f));
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const uint8_t *p = out + 3 * (y * W + x);
            const int dy = p[0] / 4 - y, dx = p[1] / 4 - x;
            const bool inside = y > D && y <= H - D && x > D && x <= W - D;
            cr_assert(inside || (dy == 0 && dx == 0), "border %d, %d moved", y, x);
            cr_assert(dy >= -D && dx >= -W, "%d, %d came from %d, %d", y, x, dy, dx);
            moved += dy != 0 || dx != 0;
            farthest[0] = dy < farthest[0] ? dy : farthest[0];
            farthest[1] = dy > farthest[1] ? dy : farthest[1];
        }
    cr_expect_gt(moved, (H - 2 * D) * (W - 2 * D) * 3 / 4);
    cr_expect_eq(farthest[0], -D);
    cr_expect_geq(farthest[1], D - 1);
    free(table);
}

/* ---- Time --------------------------------------------------------------------------------- */

static int order_of(int *index, const char *name, int severity, vs_variant variant, int T,
                    uint64_t seed)
{
    const vs_corruption *c;
    const vs_corrupt_options options = { .variant = variant };
    vs_corrupter *corrupter;
    CHECK_OK(vs_corruption_find(&c, name));
    CHECK_OK(vs_corrupter_open(&corrupter, c, severity, &options));
    const int n = vs_corrupter_order(corrupter, index, T, seed);
    vs_corrupter_close(&corrupter);
    return n;
}

static void expect_order(const char *name, int severity, vs_variant variant, int n, const int *want)
{
    int got[16];
    cr_assert_eq(order_of(got, name, severity, variant, 16, 0), n, "%s severity %d", name,
                 severity);
    for (int i = 0; i < n; i++)
        cr_expect_eq(got[i], want[i], "%s severity %d place %d: %d", name, severity, i, got[i]);
}

Test(eval_corrupt, sampling_keeps_every_nth)
{
    expect_order("sampling", 1, VS_VARIANT_ARRE, 8, (int[]){ 0, 2, 4, 6, 8, 10, 12, 14 });
    expect_order("sampling", 3, VS_VARIANT_ARRE, 2, (int[]){ 0, 8 });
    expect_order("sampling", 5, VS_VARIANT_ARRE, 1, (int[]){ 0 });
    expect_order("reverse_sampling", 2, VS_VARIANT_ARRE, 4, (int[]){ 12, 8, 4, 0 });
    expect_order("sampling", 2, VS_VARIANT_VLMR, 16,
                 (int[]){ 0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12 });
    expect_order("reverse_sampling", 3, VS_VARIANT_VLMR, 16,
                 (int[]){ 8, 8, 8, 8, 8, 8, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0 });
}

/* 25 frames a second at 12: the picture changes at 0, 1/12, 2/12 s ... */
Test(eval_corrupt, frame_rate_holds_what_was_shown_last)
{
    const vs_corruption *c;
    vs_corrupter *corrupter;
    int index[13];
    const struct {
        int severity;
        vs_variant variant;
        double fps;
        int want[13];
    } all[] = { { 3, VS_VARIANT_ARRE, 0, { 0, 0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10 } },
                { 5, VS_VARIANT_ARRE, 30, { 0, 0, 0, 0, 0, 5, 5, 5, 5, 5, 10, 10, 10 } },
                { 3, VS_VARIANT_SSV2, 0, { 0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12 } },
                { 5, VS_VARIANT_SSV2, 24, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12 } },
                { 1, VS_VARIANT_ARRE, 20, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } },
                { 3, VS_VARIANT_ARRE, 6, { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 } } };
    CHECK_OK(vs_corruption_find(&c, "frame_rate"));
    for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++) {
        const vs_corrupt_options options = { .variant = all[k].variant, .fps = all[k].fps };
        CHECK_OK(vs_corrupter_open(&corrupter, c, all[k].severity, &options));
        cr_assert_eq(vs_corrupter_order(corrupter, index, 13, 0), 13);
        for (int i = 0; i < 13; i++)
            cr_expect_eq(index[i], all[k].want[i], "case %d, place %d: %d", (int)k, i, index[i]);
        vs_corrupter_close(&corrupter);
    }
}

/* Every frame once; inside blocks (jumble) or with blocks whole (box_jumble). */
static void check_jumble(const char *name, int severity, vs_variant variant, int T, int block,
                         bool boxes)
{
    int index[100], count[100], moved = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        memset(count, 0, sizeof(count));
        cr_assert_eq(order_of(index, name, severity, variant, T, seed), T);
        for (int i = 0; i < T; i++) {
            count[index[i]]++;
            moved += index[i] != i;
            if (!boxes)
                cr_expect_eq(index[i] / block, i / block);
            else if (i && index[i] % block)
                cr_expect_eq(index[i], index[i - 1] + 1);
        }
        for (int i = 0; i < T; i++)
            cr_expect_eq(count[i], 1);
    }
    cr_expect_eq(moved > 0, boxes ? block < T : block > 1 && T > 1, "%s severity %d", name,
                 severity);
}

Test(eval_corrupt, jumbles_permute_within_their_blocks)
{
    static const int inside[2][5] = { { 32, 16, 8, 4, 2 }, { 4, 8, 16, 32, 64 } };
    static const int boxes[2][5] = { { 4, 9, 16, 25, 36 }, { 2, 4, 8, 16, 32 } };
    static const int length[] = { 1, 16, 53, 100 };
    for (int v = 0; v < 2; v++)
        for (int s = 0; s < 5; s++)
            for (int k = 0; k < 4; k++) {
                check_jumble("jumble", s + 1, v, length[k], inside[v][s], false);
                check_jumble("box_jumble", s + 1, v, length[k], boxes[v][s], true);
            }
}

/* Places where the frame changes to a new chosen one, plus the first. The padding at the
 * end is not a choice unless T - 1 was chosen: allow both. */
static void check_freeze(int severity, vs_variant variant, int T, int keep)
{
    int index[100];
    for (uint64_t seed = 0; seed < 50; seed++) {
        int distinct = 1;
        cr_assert_eq(order_of(index, "freeze", severity, variant, T, seed), T);
        for (int i = 1; i < T; i++) {
            cr_expect_geq(index[i], index[i - 1]);
            distinct += index[i] != index[i - 1];
        }
        const bool padded = index[0] > 0 && index[T - 1] == T - 1;
        cr_expect(distinct == keep || (padded && distinct == keep + 1),
                  "severity %d of %d: %d kept, expected %d", severity, T, distinct, keep);
        if (index[0] > 0)
            cr_expect_eq(index[T - 1], T - 1);
        for (int i = 0; i + index[0] < T - 1; i++)       /* held until the next chosen one */
            cr_expect_leq(index[i], index[0] + i);
    }
}

Test(eval_corrupt, freeze_keeps_the_number_of_frames)
{
    static const int keep16[] = { 6, 3, 1, 2, 1 }, keep100[] = { 40, 20, 10, 5, 1 };
    for (int s = 0; s < 5; s++) {
        check_freeze(s + 1, VS_VARIANT_ARRE, 16, keep16[s]);
        check_freeze(s + 1, VS_VARIANT_ARRE, 100, keep100[s]);
        check_freeze(s + 1, VS_VARIANT_ARRE, 1, 1);
    }
    check_freeze(5, VS_VARIANT_VLMR, 100, 10);
}

/* ---- Names -------------------------------------------------------------------------------- */

Test(eval_corrupt, names_presets_and_near_misses)
{
    const vs_corruption *picked[64], *c;
    int n;
    cr_assert_leq(vs_corruption_count(), 64);
    CHECK_OK(vs_corruption_pick(picked, &n, "ucf101-p14"));
    cr_expect_eq(n, 14);
    CHECK_OK(vs_corruption_find(&c, "mpeg1"));
    if (vs_corruption_missing(c)) {
        CHECK_FAILS(vs_corruption_pick(picked, &n, "ucf101-p"), VS_ERR_UNSUPPORTED, "mpeg1: ");
    } else {
        CHECK_OK(vs_corruption_pick(picked, &n, "ucf101-p"));
        cr_expect_eq(n, 18);
    }
    CHECK_OK(vs_corruption_pick(picked, &n, "imagenet-c"));
    cr_expect_eq(n, 19);
    CHECK_OK(vs_corruption_find(&c, "h264_crf"));
    if (!vs_corruption_missing(c)) {
        CHECK_OK(vs_corruption_pick(picked, &n, "kinetics-c"));
        cr_expect_eq(n, 12);
    }
    CHECK_OK(vs_corruption_pick(picked, &n, "all"));
    int here = 0;
    for (int i = 0; i < vs_corruption_count(); i++)
        here += !vs_corruption_missing(vs_corruption_at(i));
    cr_expect_eq(n, here);
    CHECK_OK(vs_corruption_pick(picked, &n, "jpeg,gaussian_noise,jpeg"));
    cr_expect_eq(n, 2);
    cr_expect_str_eq(picked[0]->name, "gaussian_noise");
    CHECK_FAILS(vs_corruption_pick(picked, &n, "jpeg,gausian_noise"), VS_ERR_USAGE,
                "did you mean gaussian_noise");
    CHECK_FAILS(vs_corruption_pick(picked, &n, ""), VS_ERR_USAGE, "empty");
    CHECK_FAILS(vs_corruption_find(&c, "ucf101"), VS_ERR_USAGE, "expected one of gaussian_noise");
    CHECK_FAILS(vs_corruption_find(&c, "zoom_blurr"), VS_ERR_USAGE, "did you mean zoom_blur");
}
