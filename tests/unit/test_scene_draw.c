/* Scenes: equality with the reference's frames, and what must hold of any picture. */
#include <pthread.h>

#include "base/image.h"
#include "gen/scene/raster.h"
#include "gen/scene/scene.h"
#include "tests/check.h"

static vs_scene scene_of(const char *table, vs_scene_params params)
{
    char *path = check_golden(table);
    json_t *json;
    vs_scene scene;
    CHECK_OK(vs_json_load(&json, path));
    CHECK_OK(vs_scene_from_json(&scene, json, &params, path));
    json_decref(json);
    free(path);
    return scene;
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

static const struct {
    const char *mode, *table;
    bool moving, affine, accelerated;
} modes[] = {
    { "static_circle", "gen/circle_objects.json", false, false, false },
    { "moving_circle", "gen/circle_objects.json", true, false, false },
    { "mixed", "gen/mixed_objects.json", true, false, false },
    { "mixed_affine", "gen/affine_objects.json", true, true, false },
    { "mixed_affine_acc", "gen/affine_objects.json", true, true, true },
};

Test(scene_draw, equals_the_reference)
{
    static const int frames[] = { 0, 50, 150 };
    for (size_t m = 0; m < sizeof(modes) / sizeof(*modes); m++) {
        vs_scene scene = scene_of(modes[m].table, (vs_scene_params){
            .size = 256, .moving = modes[m].moving, .affine = modes[m].affine,
            .accelerated = modes[m].accelerated });
        cr_expect_eq(scene.n, 500);
        for (int k = 0; k < 3; k++) {
            const int shown = modes[m].moving ? frames[k] : 0;
            char *name = vs_strf("gen/%s_f%03d.png", modes[m].mode, shown);
            char *path = check_golden(name);
            vs_image golden;
            CHECK_OK(vs_png_read(&golden, path));
            cr_assert(golden.W == 256 && golden.H == 256);
            uint8_t *rgb = draw_rgb(&scene, frames[k]);
            const long n = pixels_that_differ(rgb, golden.rgb, 256 * 256);
            cr_expect_eq(n, 0, "%s frame %d: %ld pixels differ", modes[m].mode, frames[k], n);
            free(rgb);
            vs_image_free(&golden);
            free(path);
            free(name);
        }
        vs_scene_free(&scene);
    }
}

static vs_scene sampled(const char *stage, uint64_t index, int size)
{
    vs_scene_params params = vs_stage_find(stage)->params;
    params.size = size;
    vs_scene scene;
    CHECK_OK(vs_scene_sample(&scene, &params, 3, index));
    return scene;
}

Test(scene_draw, planes_are_the_same_picture)
{
    static const int sizes[] = { 1, 33, 64, 100, 256 };
    for (int k = 0; k < 5; k++) {
        const int size = sizes[k], pixels = size * size;
        vs_scene scene = sampled("accelerating-shapes", (uint64_t)k, size);
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
}

/* The definition: objects in order, each over what is there. */
static void draw_back_to_front(const vs_scene *scene, int frame, uint8_t *rgb)
{
    const int size = scene->params.size;
    vs_scene one = { .params = scene->params, .n = 1 };
    vs_object object;
    one.object = &object;
    memset(rgb, 0, 3 * (size_t)size * (size_t)size);
    for (int i = 0; i < scene->n; i++) {
        object = scene->object[i];
        object.color[0] = 255;
        uint8_t *alone = draw_rgb(&one, frame);
        for (int p = 0; p < size * size; p++)
            if (alone[3 * p] == 255)
                memcpy(rgb + 3 * p, scene->object[i].color, 3);
        free(alone);
    }
}

Test(scene_draw, later_objects_lie_over_earlier_ones)
{
    for (uint64_t video = 0; video < 3; video++) {
        vs_scene scene = sampled("transforming-shapes", video, 80);
        uint8_t *rgb = draw_rgb(&scene, 33), expected[3 * 80 * 80];
        draw_back_to_front(&scene, 33, expected);
        cr_expect_eq(pixels_that_differ(rgb, expected, 80 * 80), 0);
        free(rgb);
        vs_scene_free(&scene);
    }
}

struct drawing {
    const vs_scene *scene;
    uint8_t *frame[8];
};

static void *draw_backwards(void *arg)
{
    struct drawing *d = arg;
    for (int f = 7; f >= 0; f--)
        d->frame[f] = draw_rgb(d->scene, 9 * f);
    return NULL;
}

Test(scene_draw, same_bytes_from_any_thread_in_any_order)
{
    vs_scene scene = sampled("accelerating-shapes", 11, 128);
    struct drawing d[3] = { { .scene = &scene }, { .scene = &scene }, { .scene = &scene } };
    pthread_t thread[3];
    for (int t = 0; t < 3; t++)
        cr_assert_eq(pthread_create(&thread[t], NULL, draw_backwards, &d[t]), 0);
    for (int t = 0; t < 3; t++)
        pthread_join(thread[t], NULL);
    for (int f = 0; f < 8; f++) {
        uint8_t *rgb = draw_rgb(&scene, 9 * f);
        for (int t = 0; t < 3; t++) {
            cr_expect_arr_eq(d[t].frame[f], rgb, 3 * 128 * 128);
            free(d[t].frame[f]);
        }
        free(rgb);
    }
    vs_scene_free(&scene);
}

/* Far frames and absurd tables draw something, with no overflow and no endless loop. */
Test(scene_draw, absurd_numbers_are_harmless)
{
    vs_object object[12];
    for (int i = 0; i < 12; i++) {
        object[i] = (vs_object){ .shape = (vs_shape)(i % 6), .color = { 9, 9, 9 },
            .radius = i < 6 ? 1 << 20 : 25, .cx = i % 2 ? 20 : -1000000, .cy = 30,
            .direction = i, .speed = i < 6 ? 0 : 1e300, .acceleration = -1e300 * i,
            .angle_speed = 1e18, .scale_x = 5e8 * i, .scale_y = -1e12, .shear_x = 1e15,
            .shear_y = -1e15, .angle = { 0, 1e9, 2, 3e18 }, .texture = -1 };
    }
    vs_scene scene = { .params = { .size = 48, .affine = true, .circles_scale = true },
                       .n = 12, .object = object };
    static const int frames[] = { 0, 1, 1000, 2147483647 };
    for (int k = 0; k < 4; k++)
        for (int moving = 0; moving < 2; moving++) {
            scene.params.moving = scene.params.accelerated = moving;
            uint8_t *rgb = draw_rgb(&scene, frames[k]);
            for (int i = 0; i < 3 * 48 * 48; i++)
                cr_assert(rgb[i] == 0 || rgb[i] == 9);
            free(rgb);
        }
}

/* On the fly, half axes are int(r (1 + scale f)) and the angle, in radians, is taken for whole
 * degrees. Otherwise, and without affine motion, circles stay circles. */
Test(scene_draw, circles_scale_as_the_trainer_of_the_paper_draws_them)
{
    enum { S = 256 };
    static const int expected[][4] = {     /* frame, half axes, degrees */
        { 0, 50, 50, 0 }, { 60, 65, 35, 2 }, { 150, 87, 12, 5 }, { 199, 99, 0, 6 } };
    vs_object object = { .shape = VS_SHAPE_CIRCLE, .color = { 9, 8, 7 }, .radius = 50,
                         .cx = 120, .cy = 130, .angle_speed = 0.0314, .scale_x = 0.005,
                         .scale_y = -0.00499, .texture = -1 };
    vs_scene scene = { .params = { .size = S, .affine = true, .circles_scale = true }, .n = 1,
                       .object = &object };
    static uint64_t row[S * 4];
    for (int k = 0; k < 4; k++)
        for (int scaled = 0; scaled < 2; scaled++) {
            vs_mask m;
            vs_mask_init(&m, S, row);
            scene.params.circles_scale = scaled;
            if (scaled)
                vs_raster_ellipse(&m, 120, 130, expected[k][1], expected[k][2], expected[k][3]);
            else
                vs_raster_ellipse(&m, 120, 130, 50, 50, 0);
            uint8_t *rgb = draw_rgb(&scene, expected[k][0]);
            long wrong = 0;
            for (int i = 0; i < S * S; i++)
                wrong += (rgb[3 * i] == 9) != (row[i / 64] >> (i % 64) & 1);
            cr_expect_eq(wrong, 0, "frame %d, scaled %d: %ld pixels", expected[k][0], scaled,
                         wrong);
            free(rgb);
        }
    scene.params.circles_scale = true;
    scene.params.affine = false;
    uint8_t *still = draw_rgb(&scene, 60), *start = draw_rgb(&scene, 0);
    cr_expect_eq(pixels_that_differ(still, start, S * S), 0);
    free(still);
    free(start);
}

/* Ellipses agree with their formula to within a pixel, rotated or not. */
Test(scene_draw, ellipses_are_ellipses)
{
    enum { S = 128 };
    static const int cases[][3] = { { 40, 20, 0 }, { 40, 20, 30 }, { 12, 50, 200 }, { 5, 9, 90 } };
    uint64_t row[S * 2];
    for (int k = 0; k < 4; k++) {
        const double t = cases[k][2] * 3.14159265358979 / 180, c = cos(t), s = sin(t);
        vs_mask m;
        vs_mask_init(&m, S, row);
        vs_raster_ellipse(&m, 64, 60, cases[k][0], cases[k][1], cases[k][2]);
        for (int y = 0; y < S; y++)
            for (int x = 0; x < S; x++) {
                const double u = c * (x - 64) + s * (y - 60), v = c * (y - 60) - s * (x - 64);
                const bool in = row[2 * y + x / 64] >> (x % 64) & 1;
                const double grow = in ? 1.0 : -1.5, a = cases[k][0] + grow,
                             b = cases[k][1] + grow;
                const double d = u * u / (a * a) + v * v / (b * b);
                cr_expect(in ? d <= 1 : d >= 1, "case %d: pixel %d,%d is %s", k, x, y,
                          in ? "set" : "clear");
            }
    }
}
