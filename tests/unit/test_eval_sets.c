/* Properties of pictures and sets: exponents of known spectra, L*a*b* of known colours, and a
 * pass over stores and folders that does not depend on threads. */
#include <kissfft/kiss_fft.h>

#include "base/image.h"
#include "eval/sets/describe.h"
#include "eval/sets/lab.h"
#include "eval/sets/measure.h"
#include "tests/store.h"

/* ---- Spectra ------------------------------------------------------------------------------ */

/* Rows of x (n, n), then columns. */
static void transform(kiss_fft_cpx *x, int n)
{
    kiss_fft_cfg plan = kiss_fft_alloc(n, 1, NULL, NULL);
    kiss_fft_cpx *in = vs_new(sizeof(*in) * (size_t)n), *out = vs_new(sizeof(*out) * (size_t)n);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < n; k++)
                in[k] = side ? x[k * n + i] : x[i * n + k];
            kiss_fft(plan, in, out);
            for (int k = 0; k < n; k++)
                *(side ? &x[k * n + i] : &x[i * n + k]) = out[k];
        }
    kiss_fft_free(plan);
    free(in);
    free(out);
}

/* Gaussian noise of amplitude f^-alpha: N x N pixels cut from a field of twice the side, so that
 * its edges do not meet; mean 0.5, standard deviation 0.12. */
static void noise(float *luma, int N, double alpha, uint64_t index)
{
    const int n = 2 * N;
    kiss_fft_cpx *x = vs_new(sizeof(*x) * (size_t)n * (size_t)n);
    vs_rng r = vs_rng_at(5, VS_RNG_TEST, index);
    double square = 0, mean = 0;
    for (int y = 0; y < n; y++)
        for (int k = 0; k < n; k++) {
            const int fx = k <= N ? k : k - n, fy = y <= N ? y : y - n;
            const double f = sqrt((double)fx * fx + (double)fy * fy);
            const double a = f > 0 ? pow(f, -alpha) : 0;
            x[y * n + k].r = (float)(a * vs_rng_normal(&r));
            x[y * n + k].i = (float)(a * vs_rng_normal(&r));
        }
    transform(x, n);
    for (int i = 0; i < N * N; i++) {
        luma[i] = x[i / N * n + i % N].r;
        mean += luma[i];
        square += (double)luma[i] * luma[i];
    }
    mean /= N * N;
    const double sd = sqrt(square / (N * N) - mean * mean);
    for (int i = 0; i < N * N; i++)
        luma[i] = (float)(0.5 + 0.12 * (luma[i] - mean) / sd);
    free(x);
}

Test(falloff, known_spectra)
{
    enum { N = 256, PICTURES = 16 };
    float *luma = vs_new(sizeof(*luma) * N * N);
    vs_falloff *f;
    CHECK_OK(vs_falloff_open(&f, N));
    for (int alpha = 0; alpha <= 2; alpha++) {
        double sum = 0, furthest = 0;
        for (int i = 0; i < PICTURES; i++) {
            noise(luma, N, alpha, (uint64_t)(100 * alpha + i));
            const double found = vs_falloff_fit(f, luma, NULL);
            sum += found / PICTURES;
            furthest = fmax(furthest, fabs(found - alpha));
        }
        fprintf(stderr, "alpha %d: mean %.4f, the furthest %.4f off\n", alpha, sum, furthest);
        cr_expect_float_eq(sum, alpha, 0.05, "alpha %d: mean %.4f", alpha, sum);
        cr_expect(furthest < 0.15, "alpha %d: one picture is %.4f off", alpha, furthest);
    }
    vs_falloff_close(&f);
    free(luma);
}

Test(falloff, known_spectra_in_8_bits_and_other_sizes)
{
    const int size[] = { 64, 100, 224, 340 };
    for (size_t k = 0; k < sizeof(size) / sizeof(*size); k++) {
        const int N = size[k];
        float *luma = vs_new(sizeof(*luma) * (size_t)(N * N));
        uint8_t *rgb = vs_new((size_t)(N * N) * 3);
        double sum = 0;
        vs_falloff *f;
        CHECK_OK(vs_falloff_open(&f, N));
        for (int i = 0; i < 12; i++) {
            noise(luma, N, 1, (uint64_t)(1000 * N + i));
            for (int p = 0; p < N * N * 3; p++)
                rgb[p] = (uint8_t)lrintf(255 * fmaxf(0, fminf(1, luma[p / 3])));
            vs_falloff_luma(luma, rgb, N);
            sum += vs_falloff_fit(f, luma, NULL) / 12;
        }
        cr_expect_float_eq(sum, 1, 0.06, "N = %d: %.4f", N, sum);
        vs_falloff_close(&f);
        free(luma);
        free(rgb);
    }
}

Test(falloff, amplitudes_of_a_wave)
{
    /* 0.5 + 0.25 cos: under the Hann window a peak of 0.25 / 2 / 4, all of it in one ring. */
    enum { N = 128, CYCLES = 11 };
    float luma[N * N];
    double ring[VS_FALLOFF_RINGS];
    int best = 0;
    vs_falloff *f;
    CHECK_OK(vs_falloff_open(&f, N));
    cr_assert_eq(vs_falloff_rings(N), 12);
    for (int i = 0; i < N * N; i++)
        luma[i] = (float)(0.5 + 0.25 * cos(2 * M_PI * CYCLES * (i % N) / N));
    vs_falloff_fit(f, luma, ring);
    for (int j = 0; j < 12; j++)
        best = ring[j] > ring[best] ? j : best;
    cr_expect(fabs(log2(vs_falloff_cycles(best) / CYCLES)) <= 0.126, "ring %d", best);
    for (int i = 0; i < N * N; i++)
        luma[i] = 0.3f;
    cr_expect(isnan(vs_falloff_fit(f, luma, ring)), "one colour has no exponent");
    vs_falloff_close(&f);
}

/* ---- Colours and features ----------------------------------------------------------------- */

Test(lab, known_colours)
{
    /* sRGB primaries under D65, as in published tables. */
    static const uint8_t rgb[][3] = { { 255, 255, 255 }, { 0, 0, 0 },   { 255, 0, 0 },
                                      { 0, 255, 0 },     { 0, 0, 255 }, { 119, 119, 119 } };
    static const float lab[][3] = { { 100, 0, 0 },          { 0, 0, 0 },
                                    { 53.241f, 80.092f, 67.203f },
                                    { 87.735f, -86.183f, 83.179f },
                                    { 32.297f, 79.188f, -107.860f }, { 50.034f, 0, 0 } };
    float found[6][3];
    vs_lab_table table;
    vs_lab_prepare(&table);
    vs_lab_convert(found[0], rgb[0], 6, &table);
    for (int k = 0; k < 6; k++)
        for (int c = 0; c < 3; c++)
            cr_expect_float_eq(found[k][c], lab[k][c], 0.01, "colour %d, %c: %.4f", k, "Lab"[c],
                               (double)found[k][c]);
}

Test(describe, a_ramp_that_moves)
{
    enum { S = VS_DESCRIBE_SIDE };
    float *lab = vs_new(sizeof(*lab) * 2 * S * S * 3), frame[2 * VS_DESCRIBE_FRAME];
    float video[VS_DESCRIBE_VIDEO];
    for (int t = 0; t < 2; t++)
        for (int i = 0; i < S * S; i++) {
            lab[3 * (t * S * S + i)] = (float)(i % S + 5 * t);
            lab[3 * (t * S * S + i) + 1] = 7;
        }
    vs_describe_frame(frame, lab);
    vs_describe_frame(frame + VS_DESCRIBE_FRAME, lab + S * S * 3);
    const float *cell = frame + 8 * 6;                  /* second row, third column: x 32..47 */
    const double expected[8] = { 39.5, 7, 0, sqrt(255 / 12.0), 1, 0, M_SQRT1_2, M_SQRT1_2 };
    for (int k = 0; k < 8; k++)
        cr_expect_float_eq(cell[k], expected[k], 1e-4, "%d: %.5f", k, (double)cell[k]);
    vs_describe_video(video, frame, lab, 2);
    cr_expect_float_eq(video[0], 15.5 + 2.5, 1e-4);     /* mean L* of the left half */
    cr_expect_float_eq(video[32], 2.5, 1e-4);           /* its deviation in time */
    cr_expect_float_eq(video[64], 5, 1e-4);             /* change from frame to frame */
    free(lab);
}

/* ---- Sets --------------------------------------------------------------------------------- */

static void fill_store(const char *path, int clips)
{
    const vs_writer_options options = { .quality = 90 };
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_writer_open(&w, path, &options));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, 0));
    for (int k = 0; k < clips; k++) {
        char name[32];
        snprintf(name, sizeof(name), "clip %d.avi", k);
        CHECK_OK(vs_writer_member(w, set, "train", name, -1));
        CHECK_OK(put_clip(w, set, name, k, 3 + 6 * k, 80, 66));
    }
    CHECK_OK(vs_writer_close(&w));
}

static vs_err measure(vs_measured *out, const char *spec, int threads, int videos)
{
    const vs_measure_options o = { .videos = videos, .T = 4, .stride = 2 };
    vs_set *set = NULL;
    vs_pool *pool = NULL;
    VS_TRY(vs_set_open(&set, spec, NULL, NULL));
    CHECK_OK(vs_pool_open(&pool, threads, 0));
    vs_log_quiet(true);
    vs_progress *progress = vs_progress_start("stats", "videos", 0);
    const vs_err err = vs_measure(out, set, &o, pool, progress);
    vs_progress_end(&progress);
    vs_pool_close(&pool);
    vs_set_close(&set);
    return err;
}

Test(sets, the_same_bits_for_any_threads)
{
    char *dir = check_tmp(), *store = vs_path_join(dir, "s"), *file[4];
    void *data[4];
    size_t size[4];
    fill_store(store, 7);
    for (int k = 0; k < 4; k++) {
        vs_measured m;
        file[k] = vs_strf("%s/%d", dir, k);
        CHECK_OK(measure(&m, store, k == 0 ? 1 : k == 3 ? 5 : k + 1, 0));
        cr_expect_eq(m.videos, 7);
        cr_expect_eq(m.frames, 2 + 6 * 4);              /* the first clip has 3 frames: 0 and 2 */
        cr_expect_eq(m.colour.n, m.frames * 66 * 66);
        CHECK_OK(vs_measured_save(&m, file[k], "key"));
        CHECK_OK(vs_file_read(file[k], &data[k], &size[k]));
        cr_expect(size[k] == size[0] && memcmp(data[k], data[0], size[0]) == 0, "run %d", k);
        vs_measured_free(&m);
    }
    for (int k = 0; k < 4; k++) {
        free(data[k]);
        free(file[k]);
    }
    free(store);
    check_rm(dir);
}

Test(sets, kept_and_loaded)
{
    char *dir = check_tmp(), *store = vs_path_join(dir, "s"), *file = vs_path_join(dir, "f");
    vs_measured m, back;
    double half, half_back;
    fill_store(store, 3);
    CHECK_OK(measure(&m, store, 2, 2));
    cr_expect_eq(m.videos, 2);
    cr_expect(vs_measured_load(&back, file, "key") == VS_ERR_END);
    CHECK_OK(vs_measured_save(&m, file, "key"));
    cr_expect(vs_measured_load(&back, file, "another key") == VS_ERR_END);
    CHECK_OK(vs_measured_load(&back, file, "key"));
    cr_expect_eq(vs_measured_alpha(&m, &half), vs_measured_alpha(&back, &half_back));
    cr_expect_eq(half, half_back);
    cr_expect_eq(m.video.n, back.video.n);
    cr_expect_eq(memcmp(m.frame.outer, back.frame.outer, sizeof(double) * 128 * 128), 0);
    vs_measured_free(&back);
    flip_byte(file, 2, 0xff);                           /* the length of the header */
    cr_expect(vs_measured_load(&back, file, "key") == VS_ERR_END, "damage is as good as missing");
    vs_measured_free(&m);
    free(store);
    free(file);
    check_rm(dir);
}

Test(sets, damaged_clips_are_skipped_and_counted)
{
    char *dir = check_tmp(), *store = vs_path_join(dir, "s");
    char *pack = vs_strf("%s/packs/1.pack", store);
    vs_measured m;
    fill_store(store, 4);
    if (!vs_path_exists(pack)) {
        free(pack);
        pack = vs_strf("%s/packs/0.pack", store);
    }
    flip_byte(pack, -50, 0x55);                         /* in the last frame of the last clip */
    const vs_measure_options o = { .T = 64, .stride = 1 };
    vs_set *set;
    vs_pool *pool;
    CHECK_OK(vs_set_open(&set, store, NULL, NULL));
    CHECK_OK(vs_pool_open(&pool, 2, 0));
    vs_log_quiet(true);
    vs_progress *progress = vs_progress_start("stats", "videos", 0);
    CHECK_OK(vs_measure(&m, set, &o, pool, progress));
    cr_expect_eq(m.videos, 3);
    cr_expect_eq(m.skipped, 1);
    cr_assert(m.why);
    cr_expect(strstr(m.why, "clip 3.avi"), "%s", m.why);
    vs_progress_end(&progress);
    vs_measured_free(&m);
    vs_pool_close(&pool);
    vs_set_close(&set);
    free(pack);
    free(store);
    check_rm(dir);
}

static void picture(const char *dir, const char *name, int side, int k)
{
    char *path = vs_path_join(dir, name);
    uint8_t *rgb = vs_new((size_t)side * (size_t)side * 3);
    paint(rgb, side, side, k, k);
    CHECK_OK(vs_png_write(path, side, side, rgb));
    free(rgb);
    free(path);
}

Test(sets, folders_of_pictures)
{
    char *dir = check_tmp(), *clip = vs_path_join(dir, "a clip");
    char *deep = vs_path_join(clip, "deep");
    vs_set *set;
    vs_set_reader *reader;
    vs_set_clip c = { 0 };
    CHECK_OK(vs_dir_make(deep));
    picture(dir, "z.png", 64, 0);
    picture(dir, "b.png", 65, 1);
    picture(dir, "small.png", 40, 1);
    for (int k = 0; k < 5; k++) {
        char name[16];
        snprintf(name, sizeof(name), "%c.png", 'a' + 4 * k);
        picture(clip, name, 70, k);
    }
    picture(deep, "x.png", 64, 0);
    char *spec = vs_strf("mine=%s", dir);
    CHECK_OK(vs_set_open(&set, spec, "a split is for stores", NULL));
    cr_expect_str_eq(vs_set_name(set), "mine");
    cr_assert_eq(vs_set_count(set), 5);                 /* b, small, z, "a clip", "a clip/deep" */
    cr_expect_eq(vs_set_frames(set), 9);
    CHECK_OK(vs_set_reader_open(&reader, set));
    CHECK_OK(vs_set_read(&c, reader, 0, 16, 4));
    cr_expect(c.n == 1 && c.side == 64);
    CHECK_FAILS(vs_set_read(&c, reader, 1, 16, 4), VS_ERR_CORRUPT, "40 x 40 pixels, 64 x 64 are");
    CHECK_OK(vs_set_read(&c, reader, 3, 3, 1));         /* frames 1, 2, 3 of 5 */
    cr_expect(c.n == 3 && c.side == 70);
    uint8_t *expected = vs_new(70 * 70 * 3);
    paint(expected, 70, 70, 1, 1);
    cr_expect_eq(memcmp(expected, c.rgb, 70 * 70 * 3), 0);
    CHECK_OK(vs_set_read(&c, reader, 3, 3, 2));         /* 0, 2, 4 */
    paint(expected, 70, 70, 4, 4);
    cr_expect_eq(memcmp(expected, c.rgb + 2 * 70 * 70 * 3, 70 * 70 * 3), 0);
    vs_set_reader_close(&reader);
    vs_set_close(&set);
    free(expected);
    free(c.rgb);
    free(spec);
    free(clip);
    free(deep);
    check_rm(dir);
}

Test(sets, what_is_no_set)
{
    char *dir = check_tmp(), *video = vs_path_join(dir, "v.mp4"), *inside = vs_path_join(dir, "x");
    vs_set *set;
    vs_measured m;
    CHECK_FAILS(vs_set_open(&set, dir, NULL, NULL), VS_ERR_CORRUPT, "neither a store nor a folder");
    CHECK_OK(vs_file_write(video, "text", 4));
    CHECK_FAILS(vs_set_open(&set, dir, NULL, NULL), VS_ERR_UNSUPPORTED, "which need FFmpeg");
    CHECK_FAILS(vs_set_open(&set, inside, NULL, NULL), VS_ERR_IO, "no such store or folder");
    picture(dir, "small.png", 30, 1);
    CHECK_FAILS(measure(&m, dir, 2, 0), VS_ERR_CORRUPT, "none of 1 videos could be read");
    char *name = vs_set_spec_name("ucf/store//");
    cr_expect_str_eq(name, "store");
    free(name);
    name = vs_set_spec_name("my set=/data/x=y");
    cr_expect_str_eq(name, "my set");
    free(name);
    free(video);
    free(inside);
    check_rm(dir);
}

Test(sets, splits_of_stores)
{
    char *dir = check_tmp(), *store = vs_path_join(dir, "s"), *spec = vs_strf("%s:train", store);
    vs_set *set;
    fill_store(store, 2);
    CHECK_OK(vs_set_open(&set, spec, "other", NULL));
    cr_expect_str_eq(vs_set_split(set), "train");
    cr_expect_eq(vs_set_count(set), 2);
    vs_set_close(&set);
    CHECK_FAILS(vs_set_open(&set, store, "nothing", NULL), VS_ERR_CORRUPT, "nothing");
    free(spec);
    free(store);
    check_rm(dir);
}
