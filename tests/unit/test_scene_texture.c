/* Textured scenes: equality with the reference's frames, and the sampling rule. */
#include "base/image.h"
#include "gen/scene/texture.h"
#include "gen/scene/texture_core.h"
#include "gen/scene/yuv.h"
#include "tests/check.h"

/* ---- The textures of the golden frames ---------------------------------------------------- */

/* NumPy's RandomState: MT19937, 53-bit uniforms. */
typedef struct twister {
    uint32_t word[624];
    int at;
} twister;

static void twister_seed(twister *t, uint32_t seed)
{
    for (uint32_t i = 0; i < 624; i++) {
        t->word[i] = seed;
        seed = 1812433253u * (seed ^ seed >> 30) + i + 1;
    }
    t->at = 624;
}

static uint32_t twister_next(twister *t)
{
    if (t->at == 624) {
        for (int i = 0; i < 624; i++) {
            const uint32_t y = (t->word[i] & 0x80000000u) | (t->word[(i + 1) % 624] & 0x7fffffffu);
            t->word[i] = t->word[(i + 397) % 624] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        t->at = 0;
    }
    uint32_t y = t->word[t->at++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

static double twister_uniform(twister *t, double lo, double hi)
{
    const uint32_t a = twister_next(t) >> 5, b = twister_next(t) >> 6;
    return lo + (hi - lo) * ((a * 67108864.0 + b) / 9007199254740992.0);
}

/* Adds six plane waves to one channel of (256, 256, 3). */
static void add_waves(double *image, int channel, twister *t)
{
    for (int k = 0; k < 6; k++) {
        const double pi = 3.14159265358979323846;
        const double f = pow(2, twister_uniform(t, -1, 5)) * 2 * pi / 256;
        const double a = twister_uniform(t, 0, 2 * pi), p = twister_uniform(t, 0, 2 * pi);
        const double c = cos(a), s = sin(a);
        for (int y = 0; y < 256; y++)
            for (int x = 0; x < 256; x++)
                image[3 * (256 * y + x) + channel] += cos(f * (x * c + y * s) + p);
    }
}

static uint8_t *golden_texture(twister *t)
{
    double *image = calloc(3 * 256 * 256, sizeof(*image));
    uint8_t *rgb = malloc(3 * 256 * 256);
    for (int c = 0; c < 3; c++)
        add_waves(image, c, t);
    const double gain = twister_uniform(t, 15, 45);
    double offset[3];
    for (int c = 0; c < 3; c++)
        offset[c] = twister_uniform(t, -60, 60);
    for (int i = 0; i < 3 * 256 * 256; i++)
        rgb[i] = (uint8_t)fmin(fmax(128 + gain * image[i] + offset[i % 3], 1), 254);
    free(image);
    return rgb;
}

static vs_textures *golden_textures(void)
{
    vs_textures *bank;
    twister t;
    twister_seed(&t, 5);
    CHECK_OK(vs_textures_new(&bank, 50, 256));
    for (int i = 0; i < 50; i++) {
        uint8_t *rgb = golden_texture(&t);
        vs_textures_set(bank, i, rgb);
        free(rgb);
    }
    return bank;
}

static long pixels_that_differ(const uint8_t *a, const uint8_t *b, int pixels)
{
    long n = 0;
    for (int i = 0; i < pixels; i++)
        n += memcmp(a + 3 * i, b + 3 * i, 3) != 0;
    return n;
}

static uint8_t *draw_rgb(const vs_scene *scene, int frame)
{
    const size_t size = (size_t)scene->params.size;
    uint8_t *rgb = malloc(3 * size * size);
    void *scratch = malloc(vs_draw_scratch(scene->params.size));
    vs_scene_draw(scene, frame, rgb, scratch);
    free(scratch);
    return rgb;
}

static vs_scene golden_scene(const vs_textures *bank)
{
    const vs_scene_params params = { .size = 256, .moving = true, .affine = true,
                                     .accelerated = true, .textures = bank };
    char *path = check_golden("gen/textured_objects.json");
    json_t *json;
    vs_scene scene;
    CHECK_OK(vs_json_load(&json, path));
    CHECK_OK(vs_scene_from_json(&scene, json, &params, path));
    json_decref(json);
    free(path);
    return scene;
}

Test(scene_texture, equals_the_reference)
{
    static const int frames[] = { 0, 50, 150 };
    vs_textures *bank = golden_textures();
    vs_scene scene = golden_scene(bank);
    for (int k = 0; k < 3; k++) {
        char *name = vs_strf("gen/textured_f%03d.png", frames[k]), *path = check_golden(name);
        vs_image golden;
        CHECK_OK(vs_png_read(&golden, path));
        uint8_t *rgb = draw_rgb(&scene, frames[k]);
        const long n = pixels_that_differ(rgb, golden.rgb, 256 * 256);
        cr_expect_eq(n, 0, "frame %d: %ld pixels differ", frames[k], n);
        free(rgb);
        vs_image_free(&golden);
        free(path);
        free(name);
    }
    vs_scene_free(&scene);
    vs_textures_free(&bank);
}

/* ---- Any textures ---------------------------------------------------------------------------- */

static vs_textures *noise(int n, int side)
{
    vs_textures *bank;
    uint8_t *rgb = malloc(3 * (size_t)side * (size_t)side);
    CHECK_OK(vs_textures_new(&bank, n, side));
    for (int i = 0; i < n; i++) {
        vs_rng r = vs_rng_at(1, VS_RNG_TEST, (uint64_t)i);
        for (int k = 0; k < 3 * side * side; k++)
            rgb[k] = (uint8_t)(1 + vs_rng_below(&r, 255));
        vs_textures_set(bank, i, rgb);
    }
    free(rgb);
    return bank;
}

/* One tap of the enlarged picture, channel c. */
static int tap(const vs_textures *bank, int texture, int size, int64_t x, int64_t y, int c)
{
    const int side = bank->side, stride = side + 2;
    if (x < 0 || y < 0 || x >= 2 * size || y >= 2 * size)
        return 0;
    const int column = (int)(x * side / (2 * size)), row = (int)(y * side / (2 * size));
    return bank->texel[4 * (((size_t)texture * (size_t)stride + (size_t)row + 1) * (size_t)stride +
                            (size_t)column + 1) + (size_t)c];
}

static int by_rule(const vs_textures *bank, int texture, int size, const double m[6], int x, int y,
                   int c)
{
    const int64_t u = (llrint((m[1] * y + m[2]) * 1024) + 16 + llrint(m[0] * x * 1024)) >> 5;
    const int64_t v = (llrint((m[4] * y + m[5]) * 1024) + 16 + llrint(m[3] * x * 1024)) >> 5;
    const int fx = (int)(u & 31), fy = (int)(v & 31);
    int sum = 0;
    for (int k = 0; k < 4; k++)
        sum += tap(bank, texture, size, (u >> 5) + k % 2, (v >> 5) + k / 2, c) * 32 *
               (k % 2 ? fx : 32 - fx) * (k / 2 ? fy : 32 - fy);
    return (sum + (1 << 14)) >> 15;
}

/* The scalar text, which CUDA and CPUs without SSE2 run, says the same. */
static void expect_pixels(const vs_warp *w, const uint8_t *run, int x, int y, int n)
{
    int32_t start[2];
    vs_warp_row(start, w, y);
    for (int i = 0; i < n; i++) {
        uint8_t pixel[4];
        vs_warp_pixel(pixel, w, start, x + i);
        cr_assert_arr_eq(pixel, run + 4 * i, 4);
    }
}

Test(scene_texture, runs_follow_the_rule)
{
    static const int sizes[] = { 40, 256 }, sides[] = { 33, 256 };
    for (int k = 0; k < 4; k++) {
        const int size = sizes[k % 2], side = sides[k / 2];
        vs_textures *bank = noise(3, side);
        int *room = malloc(vs_texture_columns_count(size) * sizeof(*room));
        vs_texture_columns columns;
        vs_texture_columns_init(&columns, room, size, side);
        vs_rng r = vs_rng_at(2, VS_RNG_TEST, (uint64_t)k);
        for (int trial = 0; trial < 200; trial++) {
            const int texture = trial % 3, x = (int)vs_rng_below(&r, 256), n = 1 + trial % 64;
            const int y = (int)vs_rng_below(&r, 256);
            double m[6];
            for (int i = 0; i < 6; i++)
                m[i] = vs_rng_uniform(&r, -2, 2) * (i % 3 == 2 ? size : 1);
            vs_warp w = { bank->texel + (size_t)texture * vs_textures_bytes(1, side), side + 2,
                          columns.of, columns.last, { 0 } };
            for (int i = 0; i < 6; i++)
                w.m[i] = 1024 * m[i];
            uint8_t got[4 * 64];
            vs_warp_run(&w, got, x, y, n);
            for (int i = 0; i < 3 * n; i++)
                cr_assert_eq(got[4 * (i / 3) + i % 3],
                             by_rule(bank, texture, size, m, x + i / 3, y, i % 3));
            expect_pixels(&w, got, x, y, n);
        }
        free(room);
        vs_textures_free(&bank);
    }
}

static vs_scene sampled(const vs_textures *bank, uint64_t video, int size)
{
    vs_scene_params params = vs_stage_find("accelerating-textures")->params;
    params.textures = bank;
    params.size = size;
    vs_scene scene;
    CHECK_OK(vs_scene_sample(&scene, &params, 5, video));
    return scene;
}

Test(scene_texture, planes_are_the_same_picture)
{
    static const int sizes[] = { 1, 33, 64, 100, 256 };
    vs_textures *bank = noise(4, 64);
    for (int k = 0; k < 5; k++) {
        const int size = sizes[k], pixels = size * size;
        vs_scene scene = sampled(bank, (uint64_t)k, size);
        uint8_t *rgb = draw_rgb(&scene, 20), *planes = malloc(3 * (size_t)pixels);
        void *scratch = malloc(vs_draw_scratch(size));
        vs_scene_draw_planes(&scene, 20, planes, scratch);
        long wrong = 0;
        for (int i = 0; i < pixels; i++)
            for (int c = 0; c < 3; c++)
                wrong += rgb[3 * i + c] != planes[c * pixels + i];
        cr_expect_eq(wrong, 0, "size %d: %ld values differ", size, wrong);
        free(rgb);
        free(planes);
        free(scratch);
        vs_scene_free(&scene);
    }
    vs_textures_free(&bank);
}

Test(scene_texture, yuv_is_the_converted_picture)
{
    static const int sizes[] = { 2, 34, 64, 256 };
    vs_textures *bank = noise(4, 64);
    for (int k = 0; k < 4; k++) {
        const size_t size = (size_t)sizes[k], pixels = size * size;
        vs_scene scene = sampled(bank, (uint64_t)k, sizes[k]);
        uint8_t *rgb = draw_rgb(&scene, 20), *got = malloc(2 * pixels), *want = malloc(2 * pixels);
        void *scratch = malloc(vs_draw_scratch(sizes[k]));
        const vs_picture out = { VS_LAYOUT_YUV420,
            { got, got + pixels, got + pixels * 5 / 4 }, { size, size / 2, size / 2 } };
        const vs_yuv420 to = { { want, want + pixels, want + pixels * 5 / 4 },
                               { size, size / 2, size / 2 } };
        vs_scene_draw_to(&out, &scene, 20, scratch);
        vs_yuv_from_rgb(&to, rgb, sizes[k], sizes[k]);
        cr_expect_arr_eq(got, want, pixels * 3 / 2, "size %d", sizes[k]);
        free(rgb);
        free(got);
        free(want);
        free(scratch);
        vs_scene_free(&scene);
    }
    vs_textures_free(&bank);
}

/* The same shapes as without textures, all textures used, and shapes hide what is behind them
 * also where their texture ends. */
Test(scene_texture, textures_change_nothing_but_the_fill)
{
    vs_textures *bank = noise(7, 64);
    vs_scene textured = sampled(bank, 3, 256), flat;
    CHECK_OK(vs_scene_sample(&flat, &vs_stage_find("accelerating-shapes")->params, 5, 3));
    int used[7] = { 0 };
    cr_assert_eq(textured.n, flat.n);
    for (int i = 0; i < flat.n; i++) {
        const vs_object *a = &textured.object[i], *b = &flat.object[i];
        cr_expect(a->shape == b->shape && a->radius == b->radius && a->cx == b->cx &&
                  a->speed == b->speed && a->angle_speed == b->angle_speed);
        used[a->texture]++;
    }
    for (int i = 0; i < 7; i++)
        cr_expect_gt(used[i], 30);
    uint8_t *with = draw_rgb(&textured, 140), *without = draw_rgb(&flat, 140);
    long black = 0, flat_black = 0, lit_beyond = 0;
    for (int p = 0; p < 256 * 256; p++) {
        const bool a = !with[3 * p] && !with[3 * p + 1] && !with[3 * p + 2];
        const bool b = !without[3 * p] && !without[3 * p + 1] && !without[3 * p + 2];
        black += a;
        flat_black += b;
        lit_beyond += !a && b;
    }
    cr_expect_eq(lit_beyond, 0);
    cr_expect_gt(black, flat_black);
    free(with);
    free(without);
    vs_scene_free(&flat);
    vs_scene_free(&textured);
    vs_textures_free(&bank);
}

Test(scene_texture, a_table_may_name_only_textures_that_are_there)
{
    const vs_scene_params without = { .size = 64 };
    vs_textures *bank = noise(3, 8);
    const vs_scene_params few = { .size = 64, .textures = bank };
    char *path = check_golden("gen/textured_objects.json");
    json_t *json;
    vs_scene scene;
    CHECK_OK(vs_json_load(&json, path));
    CHECK_FAILS(vs_scene_from_json(&scene, json, &without, "t.json"), VS_ERR_CORRUPT,
                "t.json: object 0: it has a texture");
    CHECK_FAILS(vs_scene_from_json(&scene, json, &few, "t.json"), VS_ERR_CORRUPT,
                "texture is 16, expected 0..2");
    json_decref(json);
    free(path);
    vs_textures_free(&bank);
}

/* Absurd tables read no byte outside a texture. */
Test(scene_texture, absurd_numbers_are_harmless)
{
    vs_textures *bank = noise(1, 5);
    vs_object object[12];
    for (int i = 0; i < 12; i++)
        object[i] = (vs_object){ .shape = (vs_shape)(i % 6), .radius = i < 6 ? 1 << 20 : 25,
            .cx = i % 2 ? 20 : -1000000, .cy = 30, .direction = i, .speed = i < 6 ? 0 : 1e300,
            .acceleration = -1e300 * i, .angle_speed = 1e18, .scale_x = 5e8 * i,
            .scale_y = -1e12, .shear_x = 1e15, .shear_y = -1e15, .angle = { 0, 1e9, 2, 3e18 } };
    vs_scene scene = { .params = { .size = 48, .affine = true, .circles_scale = true,
                                   .textures = bank }, .n = 12, .object = object };
    static const int frames[] = { 0, 1, 1000, 2147483647 };
    for (int k = 0; k < 4; k++)
        for (int moving = 0; moving < 2; moving++) {
            scene.params.moving = scene.params.accelerated = moving;
            uint8_t *rgb = draw_rgb(&scene, frames[k]), *again = draw_rgb(&scene, frames[k]);
            cr_expect_arr_eq(rgb, again, 3 * 48 * 48);
            free(rgb);
            free(again);
        }
    vs_textures_free(&bank);
}
