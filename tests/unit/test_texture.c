/* Textures: what is made has the statistics it should, and folders of pictures are read. */
#include <turbojpeg.h>
#include <webp/encode.h>

#include "base/image.h"
#include "gen/texture/bank.h"
#include "gen/texture/make.h"
#include "gen/texture/picture.h"
#include "gen/texture/pyramid.h"
#include "gen/texture/rank.h"
#include "tests/check.h"

/* ---- Parts ------------------------------------------------------------------------------ */

Test(texture, ranks_sort_any_floats)
{
    enum { N = 5000 };
    static float x[N], sorted[N];
    static uint32_t order[N], room[2 * N];
    fill_uniform(x, N, 1, -1e6f, 1e6f);
    for (int i = 0; i < N; i += 7)
        x[i] = i % 2 ? 0 : -1e-30f;
    vs_rank(order, x, N, room);
    for (int k = 1; k < N; k++) {
        cr_assert(x[order[k - 1]] <= x[order[k]]);
        cr_assert(x[order[k - 1]] < x[order[k]] || order[k - 1] < order[k]);
    }
    for (int k = 0; k < N; k++)
        sorted[k] = (float)k;
    const float least = x[order[0]];
    vs_rank_assign(x, order, sorted, N);
    cr_expect(x[order[0]] == 0 && x[order[N - 1]] == N - 1 && least < 0);
}

static void leave(void *ctx, int scale, int orientation, float *band, size_t n)
{
    int *seen = ctx;
    (void)band;
    cr_expect_eq(n, (size_t)(128 >> scale) * (size_t)(128 >> scale));
    seen[4 * scale + orientation]++;
}

Test(texture, a_pyramid_adds_up)
{
    enum { N = 128 };
    static float x[N * N], y[N * N];
    int seen[12] = { 0 };
    vs_pyramid *p;
    fill_uniform(x, N * N, 3, -1, 1);
    memcpy(y, x, sizeof(x));
    CHECK_OK(vs_pyramid_new(&p, N, 3));
    vs_pyramid_change(p, y, leave, seen);
    cr_expect_lt(relative_l2(y, x, N * N), 1e-5);
    for (int k = 0; k < 12; k++)
        cr_expect_eq(seen[k], 1);
    for (int k = 0; k < 4; k++) {
        vs_spectrum_impose(p, y, 0.5 + k, 0.5 + k);
        cr_expect_float_eq(vs_spectrum_slope(p, y), 0.5 + k, 0.1);
    }
    vs_pyramid_free(&p);
}

/* ---- What is made --------------------------------------------------------------------------- */

/* Slope of the brightness of a texture, from its 8-bit colours. */
static double slope_of(vs_pyramid *p, const uint8_t *rgb, int size)
{
    float *x = malloc((size_t)size * (size_t)size * sizeof(*x));
    for (int i = 0; i < size * size; i++)
        x[i] = (float)(rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2]);
    const double slope = vs_spectrum_slope(p, x);
    free(x);
    return slope;
}

/* Slopes are drawn from U(0.5, 3.5): those of the pictures must follow what was drawn. */
Test(texture, slopes_are_those_drawn)
{
    enum { SIZE = 256, COUNT = 24 };
    static uint8_t rgb[3 * SIZE * SIZE];
    vs_maker *maker;
    vs_pyramid *p;
    double least = 9, most = 0;
    CHECK_OK(vs_maker_new(&maker, VS_TEXTURE_STATISTICAL, SIZE));
    CHECK_OK(vs_pyramid_new(&p, SIZE, 4));
    for (int i = 0; i < COUNT; i++) {
        vs_rng r = vs_rng_at(11, VS_RNG_TEXTURE, (uint64_t)i);
        const double drawn = vs_rng_uniform(&r, 0.5, 3.5);
        CHECK_OK(vs_maker_make(maker, rgb, 11, (uint64_t)i));
        const double slope = slope_of(p, rgb, SIZE);
        cr_expect_float_eq(slope, drawn, 0.45, "texture %d: slope %.2f, drawn %.2f", i, slope,
                           drawn);
        least = slope < least ? slope : least;
        most = slope > most ? slope : most;
    }
    cr_expect(least < 0.8 && most > 3.1, "slopes %.2f..%.2f", least, most);
    vs_pyramid_free(&p);
    vs_maker_free(&maker);
}

Test(texture, networks_give_colours_like_pictures)
{
    enum { SIZE = 128, COUNT = 24 };
    static uint8_t rgb[3 * SIZE * SIZE], again[3 * SIZE * SIZE];
    vs_maker *maker;
    double mean = 0;
    CHECK_OK(vs_maker_new(&maker, VS_TEXTURE_STYLEGAN, SIZE));
    for (int i = 0; i < COUNT; i++) {
        double sum = 0, squares = 0;
        CHECK_OK(vs_maker_make(maker, rgb, 2, (uint64_t)i));
        for (int k = 0; k < 3 * SIZE * SIZE; k++) {
            sum += rgb[k];
            squares += (double)rgb[k] * rgb[k];
        }
        sum /= 3 * SIZE * SIZE;
        const double spread = sqrt(squares / (3 * SIZE * SIZE) - sum * sum);
        cr_expect(spread > 15 && spread < 120, "texture %d: deviation %.1f", i, spread);
        mean += sum / COUNT;
    }
    /* .446 of 255, deviation of a mean of three colours about .1: 4 sigma of 24 are .08 */
    cr_expect_float_eq(mean / 255, 0.446, 0.08);
    CHECK_OK(vs_maker_make(maker, again, 2, 3));
    CHECK_OK(vs_maker_make(maker, rgb, 2, 20));
    CHECK_OK(vs_maker_make(maker, rgb, 2, 3));
    cr_expect_arr_eq(rgb, again, sizeof(rgb), "another network in between changes nothing");
    vs_maker_free(&maker);
}

static vs_textures *bank_of(const char *from, const char *keep, int count, int jobs)
{
    const vs_bank_options o = { .from = from, .keep = keep, .count = count, .side = 40, .seed = 7,
                                .jobs = jobs };
    vs_textures *bank;
    CHECK_OK(vs_bank_open(&bank, &o));
    return bank;
}

Test(texture, a_bank_is_the_same_from_any_threads_and_count)
{
    char *dir = check_tmp(), *keep = vs_path_join(dir, "textures");
    for (int kind = 0; kind < 2; kind++) {
        const char *from = kind ? "stylegan" : "statistical";
        vs_textures *three = bank_of(from, NULL, 3, 1), *five = bank_of(from, keep, 5, 3);
        vs_textures *kept = bank_of(from, keep, 5, 2);
        cr_expect(three->n == 3 && five->n == 5 && kept->n == 5);
        cr_expect_arr_eq(three->texel, five->texel, vs_textures_bytes(3, 40));
        cr_expect_arr_eq(kept->texel, five->texel, vs_textures_bytes(5, 40));
        cr_expect(memcmp(five->texel, five->texel + vs_textures_bytes(1, 40),
                         vs_textures_bytes(1, 40)) != 0);
        vs_textures_free(&three);
        vs_textures_free(&five);
        vs_textures_free(&kept);
        char *command = vs_strf("rm -rf '%s'", keep);
        cr_assert_eq(system(command), 0);
        free(command);
    }
    free(keep);
    check_rm(dir);
}

/* ---- Folders --------------------------------------------------------------------------------- */

static void ramp(uint8_t *rgb, int W, int H, int base)
{
    for (int i = 0; i < W * H; i++) {
        rgb[3 * i] = (uint8_t)(base + i % W * 40 / W);
        rgb[3 * i + 1] = (uint8_t)(base + i / W * 40 / H);
        rgb[3 * i + 2] = (uint8_t)base;
    }
}

static void save(const char *dir, const char *name, const void *data, size_t bytes)
{
    char *path = vs_path_join(dir, name);
    CHECK_OK(vs_file_write(path, data, bytes));
    free(path);
}

/* a.jpg (300 x 200, base 60), b.png (64 x 48, base 120), c.webp (50 x 90, base 180). */
static void save_pictures(const char *dir)
{
    static uint8_t rgb[3 * 300 * 200];
    unsigned char *jpeg = NULL;
    unsigned long bytes = 0;
    uint8_t *webp;
    ramp(rgb, 300, 200, 60);
    tjhandle tj = tjInitCompress();
    cr_assert_eq(tjCompress2(tj, rgb, 300, 0, 200, TJPF_RGB, &jpeg, &bytes, TJSAMP_444, 95, 0), 0);
    save(dir, "a.jpg", jpeg, bytes);
    save(dir, "cut.jpg", jpeg, bytes / 2);
    tjFree(jpeg);
    tjDestroy(tj);
    ramp(rgb, 64, 48, 120);
    char *path = vs_path_join(dir, "b.png");
    CHECK_OK(vs_png_write(path, 64, 48, rgb));
    free(path);
    ramp(rgb, 50, 90, 180);
    const size_t size = WebPEncodeLosslessRGB(rgb, 50, 90, 150, &webp);
    save(dir, "c.webp", webp, size);
    save(dir, "cut.webp", webp, size / 2);
    save(dir, "empty.png", "", 0);
    save(dir, "words.txt", "words", 5);
    WebPFree(webp);
}

Test(texture, a_folder_of_pictures_of_any_kind)
{
    char *dir = check_tmp();
    save_pictures(dir);
    vs_textures *bank = bank_of(dir, NULL, 100, 2), *two = bank_of(dir, NULL, 2, 1);
    cr_expect_eq(bank->n, 3, "three of seven files are pictures");
    cr_expect_eq(two->n, 2);
    int seen[3] = { 0 };
    for (int i = 0; i < bank->n; i++) {
        const uint8_t *middle = bank->texel + (size_t)i * vs_textures_bytes(1, 40) +
                                4 * (42 * 21 + 21);
        for (int k = 0; k < 3; k++)       /* the middle of a ramp: base + 20, base + 20, base */
            seen[k] += abs(middle[0] - (80 + 60 * k)) <= 3 &&
                       abs(middle[1] - (80 + 60 * k)) <= 3 && abs(middle[2] - (60 + 60 * k)) <= 3;
    }
    cr_expect(seen[0] == 1 && seen[1] == 1 && seen[2] == 1);
    vs_textures_free(&bank);
    vs_textures_free(&two);
    check_rm(dir);
}

Test(texture, what_cannot_be_is_said)
{
    char *dir = check_tmp();
    vs_textures *bank;
    vs_bank_options o = { .from = dir, .count = 5, .side = 40, .jobs = 1 };
    CHECK_FAILS(vs_bank_open(&bank, &o), VS_ERR_CORRUPT, "no pictures in this folder");
    save(dir, "words.txt", "words", 5);
    CHECK_FAILS(vs_bank_open(&bank, &o), VS_ERR_CORRUPT, "none of its 1 files is a picture");
    o.from = "/nowhere/at/all";
    CHECK_FAILS(vs_bank_open(&bank, &o), VS_ERR_IO, "/nowhere/at/all");
    o = (vs_bank_options){ .from = "statistical", .count = 100000, .side = 256, .jobs = 1 };
    CHECK_FAILS(vs_bank_open(&bank, &o), VS_ERR_USAGE, "more than a bank holds");
    check_rm(dir);
}
