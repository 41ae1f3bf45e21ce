/* Smooth scenes: areas and motion to fractions of a pixel, no seams, the same picture inside. */
#include "gen/scene/smooth.h"
#include "gen/scene/scene.h"
#include "tests/check.h"

enum { SIZE = 128 };

static vs_object white(vs_shape shape, int radius, int cx, int cy)
{
    vs_object o = { .shape = shape, .color = { 255, 255, 255 }, .radius = radius,
                    .cx = cx, .cy = cy, .texture = -1 };
    return o;
}

static void draw(uint8_t *rgb, vs_object *list, int n, vs_scene_params params, int frame)
{
    params.size = SIZE;
    const vs_scene scene = { .params = params, .n = n, .object = list };
    void *scratch = malloc(vs_smooth_scratch(SIZE));
    vs_smooth_draw(&scene, frame, rgb, scratch);
    free(scratch);
}

/* Area in pixels and centre of a white shape on black. */
static void measure(double out[3], const uint8_t *rgb)
{
    out[0] = out[1] = out[2] = 0;
    for (int i = 0; i < SIZE * SIZE; i++) {
        const double v = rgb[3 * i] / 255.0;
        out[0] += v;
        out[1] += v * (i % SIZE);
        out[2] += v * (i / SIZE);
    }
    out[1] /= out[0];
    out[2] /= out[0];
}

Test(scene_smooth, areas_and_motion_are_true_to_fractions_of_a_pixel)
{
    static uint8_t rgb[3 * SIZE * SIZE];
    vs_object disc = white(VS_SHAPE_CIRCLE, 30, 50, 60);
    vs_object square = white(VS_SHAPE_SQUARE, 20, 50, 60);
    const vs_scene_params moving = { .moving = true };
    for (int frame = 0; frame < 20; frame++) {
        double m[3];
        disc.speed = square.speed = 0.37;
        disc.direction = square.direction = 0.6;
        const double x = 50 + 0.37 * cos(0.6) * frame, y = 60 + 0.37 * sin(0.6) * frame;
        draw(rgb, &disc, 1, moving, frame);
        measure(m, rgb);
        cr_expect_float_eq(m[0], 3.14159265358979 * 900, 1.5, "disc: area %g", m[0]);
        cr_expect(fabs(m[1] - x) < 0.01 && fabs(m[2] - y) < 0.01, "disc at %g %g", m[1], m[2]);
        draw(rgb, &square, 1, moving, frame);
        measure(m, rgb);
        /* 28 x 28; samples tell a 64th of a pixel sideways, an eighth up and down. */
        cr_expect(fabs(m[0] - 28 * 28) < 28 / 8.0 + 1, "square: area %g", m[0]);
        cr_expect(fabs(m[1] - x - 14) < 0.02 && fabs(m[2] - y - 14) < 0.07, "square at %g %g",
                  m[1] - x, m[2] - y);
    }
}

/* Two triangles that share an edge are the quadrilateral, whatever moves: byte for byte. */
Test(scene_smooth, shapes_that_abut_leave_no_seam)
{
    static uint8_t two[3 * SIZE * SIZE], one[3 * SIZE * SIZE];
    static const double angle[4] = { 0.3, 1.7, 3.6, 5.1 };
    const vs_scene_params params = { .moving = true, .affine = true, .accelerated = true };
    vs_object whole = white(VS_SHAPE_QUADRILATERAL, 45, 20, 15);
    whole.speed = 0.8;
    whole.direction = 0.5;
    whole.acceleration = -0.01;
    whole.angle_speed = 0.02;
    whole.scale_x = 0.004;
    whole.shear_y = 0.003;
    memcpy(whole.angle, angle, sizeof(angle));
    vs_object part[2] = { whole, whole };
    part[0].shape = part[1].shape = VS_SHAPE_TRIANGLE;
    part[1].angle[1] = angle[2];
    part[1].angle[2] = angle[3];
    for (int frame = 0; frame < 60; frame++) {
        draw(one, &whole, 1, params, frame);
        draw(two, part, 2, params, frame);
        cr_assert_arr_eq(one, two, sizeof(one), "frame %d", frame);
    }
}

/* Away from edges a smooth frame is the frame without smoothing; frames are pure functions. */
Test(scene_smooth, the_same_picture_but_for_its_edges)
{
    static uint8_t smooth[3 * SIZE * SIZE], hard[3 * SIZE * SIZE], again[3 * SIZE * SIZE];
    for (int k = 0; k < vs_stage_count(); k++) {
        vs_scene scene;
        vs_scene_params params = vs_stage_at(k)->params;
        if (params.textured)
            continue;
        params.size = SIZE;
        params.objects = 40;
        CHECK_OK(vs_scene_sample(&scene, &params, 3, 5));
        void *scratch = malloc(vs_draw_scratch(SIZE)), *fine = malloc(vs_smooth_scratch(SIZE));
        for (int frame = 0; frame < 60; frame += 29) {
            int equal = 0, mixed = 0;
            vs_scene_draw(&scene, frame, hard, scratch);
            vs_smooth_draw(&scene, frame, smooth, fine);
            vs_smooth_draw(&scene, frame, again, fine);
            cr_expect_arr_eq(smooth, again, sizeof(again));
            for (int i = 0; i < SIZE * SIZE; i++) {
                equal += memcmp(smooth + 3 * i, hard + 3 * i, 3) == 0;
                mixed += memcmp(smooth + 3 * i, hard + 3 * i, 3) != 0;
            }
            cr_expect(equal > SIZE * SIZE * 3 / 4 && mixed > 50, "%s frame %d: %d equal, %d not",
                      vs_stage_at(k)->name, frame, equal, mixed);
        }
        free(scratch);
        free(fine);
        vs_scene_free(&scene);
    }
}
