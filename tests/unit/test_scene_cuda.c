/* Scenes drawn on a GPU are those of the CPU, bit for bit. Without a GPU: a loud skip. */
#include "gen/scene/draw_cuda.h"
#include "gen/scene/scene.h"
#include "gen/scene/texture.h"
#include "tests/check.h"

static const char *const stages[] = { "static-circles", "moving-circles", "moving-shapes",
                                      "transforming-shapes", "accelerating-shapes",
                                      "accelerating-textures" };
enum { STAGES = 6, SIZES = 3, T = 12, TEXTURES = 7 };
static const int sizes[SIZES] = { 64, 100, 256 };
static const int frames[T] = { 0, 1, 7, 20, 50, 80, 100, 133, 150, 177, 199, 1000 };

/* ---- Banks of noise on both sides ----------------------------------------------------------- */

typedef struct banks {
    vs_textures *cpu;
    vs_textures_cuda *cuda;
} banks;

static banks banks_new(int side)
{
    banks b;
    uint8_t *rgb = malloc(3 * (size_t)side * (size_t)side);
    CHECK_OK(vs_textures_new(&b.cpu, TEXTURES, side));
    for (int i = 0; i < TEXTURES; i++) {
        vs_rng r = vs_rng_at(1, VS_RNG_TEST, (uint64_t)i);
        for (int k = 0; k < 3 * side * side; k++)
            rgb[k] = (uint8_t)(1 + vs_rng_below(&r, 255));
        vs_textures_set(b.cpu, i, rgb);
    }
    free(rgb);
    const char *bad = vs_textures_upload_cuda(&b.cuda, b.cpu);
    cr_assert_null(bad, "textures of %d: %s", side, bad ? bad : "");
    return b;
}

static void banks_free(banks *b)
{
    vs_textures_free_cuda(&b->cuda);
    vs_textures_free(&b->cpu);
    cr_expect_null(b->cuda);
}

/* ---- Comparing ------------------------------------------------------------------------------- */

static void compare(const vs_scene *scene, const vs_textures_cuda *textures, vs_layout layout,
                    const char *what)
{
    const size_t size = (size_t)scene->params.size, area = size * size;
    const bool yuv = layout == VS_LAYOUT_YUV420;
    const size_t bytes = 3 * area / (yuv ? 2 : 1);
    uint8_t *got = malloc(T * bytes), *want = malloc(bytes);
    void *scratch = malloc(vs_draw_scratch(scene->params.size));
    const vs_picture out = { layout,
                             { want, want + area, want + (yuv ? area + area / 4 : 2 * area) },
                             { size, yuv ? size / 2 : size, yuv ? size / 2 : size } };
    const char *bad = vs_scene_draw_cuda(got, layout, scene, textures, frames, T);
    cr_assert_null(bad, "%s: %s", what, bad ? bad : "");
    for (int t = 0; t < T; t++) {
        vs_scene_draw_to(&out, scene, frames[t], scratch);
        cr_expect(memcmp(got + (size_t)t * bytes, want, bytes) == 0, "%s, size %d, frame %d", what,
                  (int)size, frames[t]);
    }
    free(got);
    free(want);
    free(scratch);
}

static void compare_layouts(const vs_scene *scene, const banks *b, const char *what)
{
    compare(scene, b->cuda, VS_LAYOUT_PLANES, what);
    compare(scene, b->cuda, VS_LAYOUT_YUV420, what);
}

/* Stages from `first` on at every size; a textured one at one of them with every other object
 * flat. */
static void compare_stages(const banks *b, int first)
{
    for (int k = SIZES * first; k < SIZES * STAGES; k++) {
        vs_scene_params params = vs_stage_find(stages[k / SIZES])->params;
        params.size = sizes[k % SIZES];
        params.circles_scale = k % 2;
        params.textures = params.textured ? b->cpu : NULL;
        vs_scene scene;
        CHECK_OK(vs_scene_sample(&scene, &params, 23, (uint64_t)k));
        for (int i = 0; k % SIZES == 1 && i < scene.n; i += 2)
            scene.object[i].texture = -1;
        compare_layouts(&scene, b, stages[k / SIZES]);
        vs_scene_free(&scene);
    }
}

/* Tables that nobody samples: maps without an inverse, coordinates beyond 32 bits. */
static void compare_absurd(const banks *b)
{
    vs_object object[12];
    for (int i = 0; i < 12; i++)
        object[i] = (vs_object){ .shape = (vs_shape)(i % 6), .radius = i < 6 ? 1 << 20 : 25,
            .color = { 9, 8, 7 }, .cx = i % 2 ? 20 : -1000000, .cy = 30, .direction = i,
            .angle_speed = 1e18, .scale_x = 5e8 * i, .scale_y = i % 3 ? -1e12 : -1,
            .shear_x = i % 4 ? 1e15 : 0, .shear_y = -1e15, .angle = { 0, 1e9, 2, 3e18 },
            .texture = i % TEXTURES };
    vs_scene scene = { .params = { .size = 48, .affine = true, .circles_scale = true,
                                   .textures = b->cpu }, .n = 12, .object = object };
    compare_layouts(&scene, b, "an absurd table");
}

/* A circle that its texture, 96 pixels wide, does not fill: black right of it and below. */
static void compare_beyond(const banks *b)
{
    vs_object object = { .color = { 9, 8, 7 }, .radius = 60 };
    const vs_scene scene = { .params = { .size = 48, .textures = b->cpu }, .n = 1,
                             .object = &object };
    compare_layouts(&scene, b, "a circle larger than its texture");
}

static void refuse_other_textures(const banks *b, const banks *other)
{
    uint8_t out[3 * 8 * 8];
    vs_object object = { .radius = 3, .texture = TEXTURES };
    const vs_scene scene = { .params = { .size = 8, .textures = b->cpu }, .n = 1,
                             .object = &object };
    cr_expect_str_eq(vs_scene_draw_cuda(out, VS_LAYOUT_PLANES, &scene, NULL, frames, 1),
                     "the scene's textures are not those on the device");
    cr_expect_str_eq(vs_scene_draw_cuda(out, VS_LAYOUT_PLANES, &scene, other->cuda, frames, 1),
                     "the scene's textures are not those on the device");
    cr_expect_str_eq(vs_scene_draw_cuda(out, VS_LAYOUT_PLANES, &scene, b->cuda, frames, 1),
                     "an object has a texture beyond the bank");
}

/* One test: starting CUDA is dear, and every test is a process of its own. */
Test(scene_cuda, equals_the_cpu_bit_for_bit)
{
    const char *missing = vs_scene_cuda_missing();
    if (missing) {
        fprintf(stderr, "SKIPPED: drawing on CUDA, flat and textured, is not compared with the "
                        "CPU: %s\n", missing);
        cr_skip_test("no GPU");
    }
    banks large = banks_new(256), small = banks_new(33);
    compare_stages(&large, 0);
    compare_stages(&small, STAGES - 1);
    compare_absurd(&small);
    compare_beyond(&small);
    refuse_other_textures(&large, &small);
    banks_free(&large);
    banks_free(&small);
}
