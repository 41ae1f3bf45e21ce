/* The clip store: what comes out is what went in, from any place, by any thread. */
#include "base/image.h"
#include "base/pool.h"
#include "ingest/store/spill.h"
#include "tests/store.h"

static void round_trip(vs_encoding encoding, int W, int H, double least)
{
    char *dir = check_tmp();
    const vs_writer_options options = { .encoding = encoding };
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_writer_open(&w, dir, &options));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, 0));
    CHECK_OK(put_clip(w, set, "a", 1, 12, W, H));
    CHECK_OK(vs_writer_close(&w));

    vs_store *store;
    vs_reader *reader;
    vs_clip clip;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_clip(&clip, store, 1));
    cr_expect(clip.W == W && clip.H == H && clip.frames == 12 && clip.fps == 25);
    cr_expect_str_eq(clip.name, "a");
    CHECK_OK(vs_reader_open(&reader, store));
    const size_t size = (size_t)W * (size_t)H * 3;
    uint8_t *got = vs_new(12 * size), *want = vs_new(size);
    const int index[12] = { 11, 0, 5, 5, 5, 7, 1, 2, 3, 4, 6, 8 };
    CHECK_OK(vs_reader_frames(reader, &clip, index, 12, whole_frame, W, H, false, got));
    for (int i = 0; i < 12; i++) {
        paint(want, W, H, 1, index[i]);
        const double db = psnr(got + size * (size_t)i, want, size);
        cr_expect(db > least, "%dx%d frame %d: %.1f dB, expected %.0f", W, H, index[i], db, least);
    }
    free(got);
    free(want);
    vs_reader_close(&reader);
    vs_store_close(&store);
    check_rm(dir);
}

Test(store_frames, jpeg_round_trip) { round_trip(VS_ENCODING_JPEG, 160, 120, 38); }
Test(store_frames, jpeg_odd_size) { round_trip(VS_ENCODING_JPEG, 121, 81, 37); }
Test(store_frames, raw_round_trip) { round_trip(VS_ENCODING_RAW, 160, 120, 42); }
Test(store_frames, raw_odd_size) { round_trip(VS_ENCODING_RAW, 121, 81, 40); }

/* Planes are full range: 0 is black, 255 white, and odd sizes lose no edge. */
static void yuv_levels(vs_encoding encoding, int W, int H)
{
    char *dir = check_tmp();
    const vs_writer_options options = { .encoding = encoding };
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_writer_open(&w, dir, &options));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, 0));
    const vs_clip_info info = { .dataset = set, .name = "levels", .W = W, .H = H, .fps = 1 };
    vs_clip_writer *c;
    CHECK_OK(vs_clip_begin(&c, w, &info));
    static const uint8_t yuv[4][3] = { { 0, 128, 128 }, { 255, 128, 128 }, { 76, 85, 255 },
                                       { 29, 255, 107 } };
    static const uint8_t rgb[4][3] = { { 0, 0, 0 }, { 255, 255, 255 }, { 254, 0, 0 },
                                       { 0, 0, 254 } };
    const int stride[3] = { W + 5, W, W };
    uint8_t *plane[3];
    for (int p = 0; p < 3; p++)
        plane[p] = vs_new((size_t)(W + 5) * (size_t)H);
    for (int f = 0; f < 4; f++) {
        for (int p = 0; p < 3; p++)
            memset(plane[p], yuv[f][p], (size_t)(W + 5) * (size_t)H);
        CHECK_OK(vs_clip_frame_yuv420(c, (const uint8_t *const *)plane, stride));
    }
    CHECK_OK(vs_clip_commit(&c, "note"));
    CHECK_OK(vs_writer_close(&w));
    vs_store *store;
    vs_reader *reader;
    vs_clip clip;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_clip(&clip, store, 1));
    CHECK_OK(vs_reader_open(&reader, store));
    const size_t size = (size_t)W * (size_t)H * 3;
    uint8_t *got = vs_new(size * 4);
    const int index[4] = { 0, 1, 2, 3 };
    CHECK_OK(vs_reader_frames(reader, &clip, index, 4, whole_frame, W, H, false, got));
    for (size_t i = 0; i < 4 * size; i++)
        cr_assert(abs(got[i] - rgb[i / size][i % 3]) <= 3, "frame %zu byte %zu: %d", i / size,
                  i % size, got[i]);
    for (int p = 0; p < 3; p++)
        free(plane[p]);
    free(got);
    vs_reader_close(&reader);
    vs_store_close(&store);
    check_rm(dir);
}

Test(store_frames, yuv_planes_are_full_range)
{
    yuv_levels(VS_ENCODING_JPEG, 64, 48);
    yuv_levels(VS_ENCODING_JPEG, 33, 17);
    yuv_levels(VS_ENCODING_RAW, 33, 17);
    yuv_levels(VS_ENCODING_JPEG, 1, 1);
    yuv_levels(VS_ENCODING_RAW, 1, 1);
}

/* Crop, resampling and mirror are close to those of base/image.h on the decoded frame: chroma is
 * resampled once here and twice there. */
Test(store_frames, crop_is_near_the_plan_of_the_decoded_frame)
{
    enum { W = 48, H = 40, w = 21, h = 17 };
    char *dir = check_tmp();
    put_clips(dir, NULL, 2);
    vs_store *store;
    vs_reader *reader;
    vs_clip clip;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_clip(&clip, store, 2));
    CHECK_OK(vs_reader_open(&reader, store));
    const vs_rect crop[2] = { { 3.5, 2.25, 30, 29.5 }, { 0, 0, W, H } };
    uint8_t full[W * H * 3], got[2 * w * h * 3], want[w * h * 3];
    for (int k = 0; k < 4; k++) {
        const int index[2] = { 4, 9 };
        CHECK_OK(vs_reader_frames(reader, &clip, index, 2, crop[k % 2], w, h, k > 1, got));
        for (int i = 0; i < 2; i++) {
            CHECK_OK(vs_reader_frames(reader, &clip, &index[i], 1, whole_frame, W, H, false, full));
            vs_resize *plan = vs_resize_new(W, H, crop[k % 2], w, h, k > 1);
            void *tmp = vs_new(vs_resize_scratch(plan));
            vs_resize_run(plan, want, full, tmp);
            const double db = psnr(got + (size_t)i * sizeof(want), want, sizeof(want));
            cr_expect(db > 40, "case %d frame %d: %.1f dB", k, index[i], db);
            free(tmp);
            vs_resize_free(&plan);
        }
    }
    vs_reader_close(&reader);
    vs_store_close(&store);
    check_rm(dir);
}

/* Cutting rows out of a JPEG changes nothing: any window of a frame is the same bytes as that part
 * of the whole frame. */
static void windows(vs_encoding encoding, int W, int H)
{
    char *dir = check_tmp();
    const vs_writer_options options = { .encoding = encoding };
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_writer_open(&w, dir, &options));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, 0));
    CHECK_OK(put_clip(w, set, "a", 3, 2, W, H));
    CHECK_OK(vs_writer_close(&w));
    vs_store *store;
    vs_reader *reader;
    vs_clip clip;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_clip(&clip, store, 1));
    CHECK_OK(vs_reader_open(&reader, store));
    const size_t row = (size_t)W * 3;
    uint8_t *full = vs_new(row * (size_t)H), *part = vs_new(row * (size_t)H);
    const int one = 1;
    CHECK_OK(vs_reader_frames(reader, &clip, &one, 1, whole_frame, W, H, false, full));
    for (int y0 = 0; y0 < H; y0 += 5)
        for (int h = 1; y0 + h <= H; h += 9) {
            const vs_rect crop = { 7, y0, W - 10, h };
            CHECK_OK(vs_reader_frames(reader, &clip, &one, 1, crop, W - 10, h, false, part));
            for (int y = 0; y < h; y++)
                cr_assert_eq(memcmp(part + (size_t)y * (row - 30),
                                    full + (size_t)(y0 + y) * row + 21, row - 30), 0,
                             "%dx%d: row %d of %d + %d", W, H, y, y0, h);
        }
    free(full);
    free(part);
    vs_reader_close(&reader);
    vs_store_close(&store);
    check_rm(dir);
}

Test(store_frames, a_window_is_that_part_of_the_frame)
{
    windows(VS_ENCODING_JPEG, 64, 180);            /* more than eight markers */
    windows(VS_ENCODING_JPEG, 35, 77);
    windows(VS_ENCODING_RAW, 35, 77);
}

/* Views far smaller than the frame are decoded at a half, a quarter, an eighth. */
Test(store_frames, small_views_are_near_the_frame)
{
    enum { W = 160, H = 120 };
    char *dir = check_tmp();
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_writer_open(&w, dir, NULL));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, 0));
    CHECK_OK(put_clip(w, set, "a", 3, 2, W, H));
    CHECK_OK(vs_writer_close(&w));
    vs_store *store;
    vs_reader *reader;
    vs_clip clip;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_clip(&clip, store, 1));
    CHECK_OK(vs_reader_open(&reader, store));
    static uint8_t full[W * H * 3], got[W * H * 3], want[W * H * 3];
    const int one = 1, side[5] = { 100, 56, 40, 20, 9 };
    const vs_rect crop = { 20, 3, 110, 115 };
    CHECK_OK(vs_reader_frames(reader, &clip, &one, 1, whole_frame, W, H, false, full));
    for (int k = 0; k < 5; k++) {
        const int s = side[k];
        vs_resize *plan = vs_resize_new(W, H, crop, s, s, true);
        void *tmp = vs_new(vs_resize_scratch(plan));
        vs_resize_run(plan, want, full, tmp);
        CHECK_OK(vs_reader_frames(reader, &clip, &one, 1, crop, s, s, true, got));
        const double db = psnr(got, want, (size_t)s * (size_t)s * 3);
        cr_expect(db > 34, "%d: %.1f dB", s, db);
        free(tmp);
        vs_resize_free(&plan);
    }
    const float mean[3] = { .485f, .456f, .406f }, std[3] = { .229f, .224f, .225f };
    static float number[20 * 20 * 3];
    CHECK_OK(vs_reader_frames(reader, &clip, &one, 1, crop, 20, 20, false, got));
    CHECK_OK(vs_reader_normalised(reader, &clip, &one, 1, crop, 20, 20, false, mean, std, number));
    for (int i = 0; i < 20 * 20 * 3; i++)
        cr_assert_float_eq(number[i], (got[i] / 255.0 - mean[i % 3]) / std[i % 3], 1e-6);
    vs_reader_close(&reader);
    vs_store_close(&store);
    check_rm(dir);
}

enum { CLIPS = 6, SAMPLES = 300, SIDE = 24 };

struct sweep {
    vs_reader *reader[8];
    const vs_split *split;
    uint8_t (*out)[4 * SIDE * SIDE * 3];
};

static void sample(void *ctx, int64_t i, int worker)
{
    const struct sweep *s = ctx;
    const vs_clip *clip = &s->split->clip[i % CLIPS];
    const int start = (int)(i * 7 % 8), index[4] = { start, start + 1, start, start + 2 };
    const vs_rect crop = { (double)(i % 11), (double)(i % 5), 30, 30 };
    CHECK_OK(vs_reader_frames(s->reader[worker], clip, index, 4, crop, SIDE, SIDE, i & 1,
                              s->out[i]));
}

static void sweep(struct sweep *s, vs_store *store, int threads)
{
    vs_pool *pool;
    CHECK_OK(vs_pool_open(&pool, threads, 0));
    for (int i = 0; i < threads; i++)
        CHECK_OK(vs_reader_open(&s->reader[i], store));
    vs_pool_each(pool, SAMPLES, sample, s);
    vs_pool_close(&pool);
    for (int i = 0; i < threads; i++)
        vs_reader_close(&s->reader[i]);
}

/* Clips larger than what is kept in memory have the same bytes. */
Test(store_frames, a_clip_that_spills_is_the_same)
{
    char *a = check_tmp(), *b = check_tmp();
    const vs_writer_options spilling = { .spill_bytes = 1 }, halves = { .spill_bytes = 6000 };
    put_clips(a, &spilling, 2);
    put_clips(b, NULL, 2);
    char *one = vs_path_join(a, "packs/1.pack"), *two = vs_path_join(b, "packs/1.pack");
    vs_map x, y;
    CHECK_OK(vs_map_open(&x, one));
    CHECK_OK(vs_map_open(&y, two));
    cr_expect(x.size == y.size && memcmp(x.data, y.data, x.size) == 0);
    vs_map_close(&x);
    check_rm(a);
    a = check_tmp();
    put_clips(a, &halves, 2);
    free(one);
    one = vs_path_join(a, "packs/1.pack");
    CHECK_OK(vs_map_open(&x, one));
    cr_expect(x.size == y.size && memcmp(x.data, y.data, x.size) == 0);
    char **names, *packs = vs_path_join(a, "packs");
    int n;
    CHECK_OK(vs_dir_list(packs, &names, &n));
    cr_expect_eq(n, 1, "nothing is left beside the pack");
    vs_names_free(names, n);
    vs_map_close(&x);
    vs_map_close(&y);
    free(packs);
    free(one);
    free(two);
    check_rm(a);
    check_rm(b);
}

/* Any part of what was gathered, in memory, in the file or across. */
Test(store_frames, spilled_bytes_are_read_as_they_were_taken)
{
    enum { SIZE = 5000 };
    static const int64_t limit[] = { 0, 1, 300, 1 << 20 };
    static uint8_t all[SIZE], got[SIZE];
    char *dir = check_tmp();
    for (int k = 0; k < 4; k++) {
        vs_spill s;
        vs_rng r = vs_rng_at(5, VS_RNG_TEST, (uint64_t)k);
        vs_spill_begin(&s, dir, limit[k]);
        for (size_t used = 0; used < SIZE;) {
            size_t n = vs_rng_below(&r, 90);
            n = n < SIZE - used ? n : SIZE - used;
            uint8_t *at;
            CHECK_OK(vs_spill_reserve(&at, &s, n + 7));
            for (size_t i = 0; i < n; i++)
                at[i] = all[used + i] = (uint8_t)vs_rng_u32(&r);
            vs_spill_take(&s, n);
            used += n;
            const size_t from = vs_rng_below(&r, (uint32_t)used + 1);
            const size_t want = vs_rng_below(&r, (uint32_t)(used - from) + 1);
            cr_assert_eq(vs_spill_bytes(&s), (int64_t)used);
            CHECK_OK(vs_spill_read(&s, got, want, (int64_t)from));
            cr_assert(memcmp(got, all + from, want) == 0, "limit %d: %zu bytes from %zu",
                      (int)limit[k], want, from);
        }
        cr_expect_eq(s.spilled > 0, limit[k] < SIZE);
        vs_spill_end(&s);
    }
    vs_spill s;
    uint8_t *at;
    vs_spill_begin(&s, "/nowhere/at/all", 1);
    CHECK_OK(vs_spill_reserve(&at, &s, 10));
    vs_spill_take(&s, 10);
    CHECK_FAILS(vs_spill_reserve(&at, &s, 10), VS_ERR_IO, "/nowhere/at/all: cannot make a file");
    vs_spill_end(&s);
    check_rm(dir);
}

Test(store_frames, many_threads_read_the_same_bytes)
{
    char *dir = check_tmp();
    const vs_writer_options small = { .pack_bytes = 20000 };     /* several packs */
    put_clips(dir, &small, CLIPS);
    char *second = vs_path_join(dir, "packs/2.pack");
    cr_expect(vs_path_exists(second), "the clips were meant to fill several packs");
    vs_store *store;
    vs_split split;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_split(&split, store, "train"));
    struct sweep one = { .split = &split, .out = vs_new(sizeof(*one.out) * SAMPLES) };
    struct sweep many = { .split = &split, .out = vs_new(sizeof(*many.out) * SAMPLES) };
    sweep(&many, store, 8);        /* first, so that the packs are opened in the race */
    sweep(&one, store, 1);
    cr_expect_eq(memcmp(one.out, many.out, sizeof(*one.out) * SAMPLES), 0);
    free(one.out);
    free(many.out);
    free(second);
    vs_split_free(&split);
    vs_store_close(&store);
    check_rm(dir);
}
