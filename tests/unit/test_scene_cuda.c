/* Scenes drawn on a GPU are those of the CPU, bit for bit. Without a GPU: a loud skip. */
#include "gen/scene/draw_cuda.h"
#include "gen/scene/scene.h"
#include "tests/check.h"

static const char *const stages[] = { "static-circles", "moving-circles", "moving-shapes",
                                      "transforming-shapes", "accelerating-shapes" };
enum { STAGES = 5, T = 12 };

static void compare(const vs_scene *scene, const int *frames, vs_layout layout, const char *what)
{
    const size_t size = (size_t)scene->params.size, area = size * size;
    const bool yuv = layout == VS_LAYOUT_YUV420;
    const size_t bytes = 3 * area / (yuv ? 2 : 1);
    uint8_t *got = malloc(T * bytes), *want = malloc(bytes);
    void *scratch = malloc(vs_draw_scratch(scene->params.size));
    const vs_picture out = { layout,
                             { want, want + area, want + (yuv ? area + area / 4 : 2 * area) },
                             { size, yuv ? size / 2 : size, yuv ? size / 2 : size } };
    const char *bad = vs_scene_draw_cuda(got, layout, scene, frames, T);
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

/* One test: starting CUDA is dear, and every test is a process of its own. */
Test(scene_cuda, equals_the_cpu_bit_for_bit, .timeout = 120)
{
    static const int sizes[] = { 64, 100, 256 };
    static const int frames[T] = { 0, 1, 7, 20, 50, 80, 100, 133, 150, 177, 199, 1000 };
    const char *missing = vs_scene_cuda_missing();
    if (missing) {
        fprintf(stderr, "SKIPPED: drawing on CUDA is not compared with the CPU: %s\n", missing);
        cr_skip_test("no GPU");
    }
    for (int k = 0; k < 3 * STAGES; k++) {
        vs_scene_params params = vs_stage_find(stages[k / 3])->params;
        params.size = sizes[k % 3];
        params.circles_scale = k % 2;
        vs_scene scene;
        CHECK_OK(vs_scene_sample(&scene, &params, 23, (uint64_t)k));
        compare(&scene, frames, VS_LAYOUT_PLANES, stages[k / 3]);
        compare(&scene, frames, VS_LAYOUT_YUV420, stages[k / 3]);
        vs_scene_free(&scene);
    }
}
