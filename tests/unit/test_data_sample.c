/* Windows, crops, masks, orders, test views: the exact rules, over many draws. */
#include "tests/check.h"
#include "train/data/augment.h"

static vs_sample_shape shape_of(int T, int size, int stride, vs_augment augment)
{
    return (vs_sample_shape){ .T = T, .H = size, .W = size, .stride = stride,
                              .augment = augment, .flip = true };
}

static vs_rng draw(uint64_t i)
{
    return vs_rng_at(5, VS_RNG_TEST, i);
}

/* ---- Order and masks ---------------------------------------------------------------- */

Test(data_sample, epoch_order_is_a_fresh_permutation)
{
    enum { N = 1000 };
    int64_t a[N], b[N];
    int seen[N] = { 0 }, fixed = 0;
    vs_epoch_order(a, N, 3, 0);
    for (int i = 0; i < N; i++) {
        cr_assert(a[i] >= 0 && a[i] < N);
        cr_assert_eq(seen[a[i]]++, 0);
        fixed += a[i] == i;
    }
    cr_expect_lt(fixed, 10, "%d of %d items stayed in their place", fixed, N);
    vs_epoch_order(b, N, 3, 0);
    cr_expect_arr_eq(a, b, sizeof(a));
    vs_epoch_order(b, N, 3, 1);
    cr_expect(memcmp(a, b, sizeof(a)) != 0, "epoch 1 has the order of epoch 0");
    vs_epoch_order(b, N, 4, 0);
    cr_expect(memcmp(a, b, sizeof(a)) != 0, "seed 4 has the order of seed 3");
}

Test(data_sample, tube_masks_repeat_over_time_and_are_uniform)
{
    enum { SLOTS = 8, CELLS = 16, MASKED = 12, DRAWS = 4000 };
    uint8_t mask[SLOTS * CELLS], again[SLOTS * CELLS];
    int count[CELLS] = { 0 };
    for (int d = 0; d < DRAWS; d++) {
        int ones = 0;
        vs_tube_mask(mask, SLOTS, CELLS, MASKED, 1, 2, d);
        for (int c = 0; c < CELLS; c++) {
            cr_assert(mask[c] <= 1);
            ones += mask[c];
            count[c] += mask[c];
        }
        cr_assert_eq(ones, MASKED);
        for (int t = 1; t < SLOTS; t++)
            cr_assert_arr_eq(mask + t * CELLS, mask, CELLS);
    }
    /* 5 standard deviations of a binomial count. */
    const double mean = DRAWS * 0.75, room = 5 * sqrt(DRAWS * 0.75 * 0.25);
    for (int c = 0; c < CELLS; c++)
        cr_expect(fabs(count[c] - mean) < room, "cell %d masked %d times", c, count[c]);
    vs_tube_mask(again, SLOTS, CELLS, MASKED, 1, 2, DRAWS - 1);
    cr_expect_arr_eq(mask, again, sizeof(mask));
    vs_tube_mask(again, SLOTS, CELLS, MASKED, 1, 3, DRAWS - 1);
    cr_expect(memcmp(mask, again, sizeof(mask)) != 0, "the next epoch has the same mask");
}

/* ---- Windows ------------------------------------------------------------------------ */

Test(data_sample, pretraining_windows_cover_the_video_in_whole_steps)
{
    const vs_sample_shape shape = shape_of(16, 64, 4, VS_AUGMENT_PRETRAIN);
    int index[16], first_seen[40] = { 0 };
    for (uint64_t d = 0; d < 2000; d++) {
        vs_rng rng = draw(d);
        vs_sample_window(index, 100, &shape, &rng);
        for (int k = 0; k < 16; k++)
            cr_assert_eq(index[k], index[0] + 4 * k);
        cr_assert(index[0] >= 0 && index[0] <= 36, "offset %d", index[0]);
        first_seen[index[0]]++;
    }
    for (int o = 0; o <= 36; o++)
        cr_expect_gt(first_seen[o], 0, "offset %d never drawn", o);
}

Test(data_sample, pretraining_windows_of_short_videos_clamp_to_the_end)
{
    const vs_sample_shape shape = shape_of(16, 64, 4, VS_AUGMENT_PRETRAIN);
    for (int frames = 1; frames <= 64; frames++) {
        int index[16];
        vs_rng rng = draw((uint64_t)frames);
        vs_sample_window(index, frames, &shape, &rng);
        for (int k = 0; k < 16; k++)
            cr_assert_eq(index[k], 4 * k < frames ? 4 * k : frames - 1, "%d frames", frames);
    }
}

Test(data_sample, finetuning_spreads_short_videos)
{
    const vs_sample_shape shape = shape_of(16, 64, 4, VS_AUGMENT_FINETUNE);
    static const int of40[16] = { 0, 4, 8, 13, 17, 22, 26, 31, 35, 39,
                                  39, 39, 39, 39, 39, 39 };
    int index[16];
    vs_rng rng = draw(0);
    vs_sample_window(index, 40, &shape, &rng);
    cr_expect_arr_eq(index, of40, sizeof(index));
    for (int frames = 1; frames <= 200; frames++) {
        rng = draw((uint64_t)frames);
        vs_sample_window(index, frames, &shape, &rng);
        for (int k = 0; k < 16; k++) {
            cr_assert(index[k] >= 0 && index[k] < frames, "%d frames: %d", frames, index[k]);
            cr_assert(k == 0 || index[k] >= index[k - 1]);
            cr_assert(frames <= 64 || index[k] == index[0] + 4 * k);
        }
        cr_assert(frames > 64 || index[0] == 0);
        cr_assert(frames > 64 || index[15] == frames - 1);
    }
}

Test(data_sample, middle_window)
{
    const vs_sample_shape shape = shape_of(16, 64, 2, VS_AUGMENT_NONE);
    int index[16];
    vs_rng rng = draw(0);
    vs_sample_window(index, 52, &shape, &rng);
    cr_expect_eq(index[0], 10);
    cr_expect_eq(index[15], 40);
}

/* ---- Crops -------------------------------------------------------------------------- */

Test(data_sample, multi_scale_crops_have_13_places_and_10_sizes)
{
    const vs_sample_shape shape = shape_of(16, 224, 4, VS_AUGMENT_PRETRAIN);
    static const int side[4] = { 240, 210, 180, 158 };
    int seen[4][4] = { { 0 } }, places[5][5] = { { 0 } };
    for (uint64_t d = 0; d < 5000; d++) {
        vs_rng rng = draw(d);
        bool flip;
        const vs_rect r = vs_sample_crop(&flip, 320, 240, &shape, &rng);
        int i = 0, j = 0;
        while (i < 4 && side[i] != (int)r.rw)
            i++;
        while (j < 4 && side[j] != (int)r.rh)
            j++;
        cr_assert(i < 4 && j < 4 && abs(i - j) <= 1, "%g x %g", r.rw, r.rh);
        seen[i][j]++;
        const int step_x = (320 - side[i]) / 4, step_y = (240 - side[j]) / 4;
        const int px = (int)r.x0 / step_x, py = step_y ? (int)r.y0 / step_y : 0;
        cr_assert(px * step_x == (int)r.x0 && py * step_y == (int)r.y0 && px <= 4 && py <= 4);
        if (step_y)
            places[py][px]++;
        cr_assert(!flip);
    }
    int sizes = 0, where = 0;
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            sizes += seen[i][j] > 0;
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            where += places[i][j] > 0;
    cr_expect_eq(sizes, 10);
    cr_expect_eq(where, 13);
    cr_expect_eq(places[1][2], 0);
}

Test(data_sample, resized_crops_keep_area_aspect_and_frame)
{
    const vs_sample_shape shape = shape_of(16, 224, 4, VS_AUGMENT_FINETUNE);
    int flips = 0;
    double least = 1, most = 0;
    for (uint64_t d = 0; d < 4000; d++) {
        vs_rng rng = draw(d);
        bool flip;
        const vs_rect r = vs_sample_crop(&flip, 320, 240, &shape, &rng);
        const double area = r.rw * r.rh / (320 * 240), aspect = r.rw / r.rh;
        cr_assert(r.x0 >= 0 && r.y0 >= 0 && r.x0 + r.rw <= 320 && r.y0 + r.rh <= 240);
        cr_assert(area > 0.078 && area <= 1, "area %g", area);
        cr_assert(aspect > 0.74 && aspect < 1.35, "aspect %g", aspect);
        flips += flip;
        least = fmin(least, area);
        most = fmax(most, area);
    }
    cr_expect(least < 0.1 && most > 0.9, "areas %g..%g", least, most);
    cr_expect(abs(flips - 2000) < 160, "%d of 4000 mirrored", flips);
}

Test(data_sample, crop_area_is_a_setting)
{
    vs_sample_shape shape = shape_of(16, 224, 4, VS_AUGMENT_FINETUNE);
    shape.crop_area = 0.6;
    double least = 1;
    for (uint64_t d = 0; d < 1000; d++) {
        vs_rng rng = draw(d);
        bool flip;
        const vs_rect r = vs_sample_crop(&flip, 240, 240, &shape, &rng);
        least = fmin(least, r.rw * r.rh / (240 * 240));
    }
    cr_expect(least > 0.595 && least < 0.65, "smallest share %g", least);
}

Test(data_sample, crops_of_extreme_frames_stay_inside)
{
    static const int size[][2] = { { 1, 1 }, { 2, 300 }, { 1000, 3 }, { 16, 16 }, { 5, 7 } };
    for (int augment = VS_AUGMENT_PRETRAIN; augment <= VS_AUGMENT_NONE; augment++)
        for (size_t i = 0; i < sizeof(size) / sizeof(*size); i++)
            for (uint64_t d = 0; d < 50; d++) {
                const vs_sample_shape shape = shape_of(16, 64, 4, (vs_augment)augment);
                const int W = size[i][0], H = size[i][1];
                vs_rng rng = draw(d);
                bool flip;
                const vs_rect r = vs_sample_crop(&flip, W, H, &shape, &rng);
                cr_assert(r.rw >= 1 && r.rh >= 1 && r.x0 >= 0 && r.y0 >= 0 &&
                              r.x0 + r.rw <= W && r.y0 + r.rh <= H,
                          "%dx%d: %g,%g %gx%g", W, H, r.x0, r.y0, r.rw, r.rh);
            }
}

/* ---- Test views --------------------------------------------------------------------- */

/* A video whose pixel says where it is: red = frame, green = row, blue = column. */
static vs_video coordinates(int F, int h, int w)
{
    vs_video v = { F, h, w, vs_new((size_t)F * (size_t)h * (size_t)w * 3) };
    for (int f = 0; f < F; f++)
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++) {
                uint8_t *p = v.rgb + (((size_t)f * (size_t)h + (size_t)y) * (size_t)w +
                                      (size_t)x) * 3;
                p[0] = (uint8_t)f;
                p[1] = (uint8_t)y;
                p[2] = (uint8_t)x;
            }
    return v;
}

static void expect_view(const vs_video *v, int k, int first, int y, int x)
{
    enum { T = 4, S = 10 };
    uint8_t frames[T * S * S * 3];
    vs_video_view(v, T, S, S, 3, 3, k, frames);
    for (int t = 0; t < T; t++) {
        const uint8_t *p = frames + (size_t)t * S * S * 3;
        const uint8_t *last = p + (S * S - 1) * 3;
        const int f = first + t < v->F ? first + t : v->F - 1;
        cr_expect(p[0] == f && p[1] == y && p[2] == x, "view %d frame %d: %d %d %d", k, t, p[0],
                  p[1], p[2]);
        cr_expect(last[0] == f && last[1] == y + S - 1 && last[2] == x + S - 1);
    }
}

Test(data_sample, views_reach_both_ends)
{
    vs_video wide = coordinates(11, 10, 21), tall = coordinates(2, 30, 10);
    static const int first[3] = { 0, 3, 7 }, x[3] = { 0, 5, 11 }, y[3] = { 0, 10, 20 };
    for (int k = 0; k < 9; k++) {
        expect_view(&wide, k, first[k / 3], 0, x[k % 3]);
        expect_view(&tall, k, 0, y[k % 3], 0);
    }
    uint8_t one[4 * 10 * 10 * 3];
    vs_video_view(&wide, 4, 10, 10, 1, 1, 0, one);
    cr_expect(one[0] == 3 && one[1] == 0 && one[2] == 5, "%d %d %d", one[0], one[1], one[2]);
    vs_video_free(&wide);
    vs_video_free(&tall);
}
