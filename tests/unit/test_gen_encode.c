/* The encoder: its own colours against libswscale's, every way in gives the same file. */
#include <libswscale/swscale.h>

#include "base/file.h"
#include "base/rng.h"
#include "gen/encode.h"
#include "gen/scene/scene.h"
#include "tests/check.h"

enum { SIZE = 128, AREA = SIZE * SIZE, FRAMES = 20 };

static vs_yuv420 planes_at(uint8_t *yuv)
{
    return (vs_yuv420){ { yuv, yuv + AREA, yuv + AREA + AREA / 4 }, { SIZE, SIZE / 2, SIZE / 2 } };
}

static void swscale(uint8_t *yuv, const uint8_t *rgb)
{
    const vs_yuv420 to = planes_at(yuv);
    const int from_stride = 3 * SIZE, stride[3] = { SIZE, SIZE / 2, SIZE / 2 };
    struct SwsContext *c = sws_getContext(
        SIZE, SIZE, AV_PIX_FMT_RGB24, SIZE, SIZE, AV_PIX_FMT_YUV420P,
        SWS_AREA | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP, NULL, NULL, NULL);
    cr_assert_not_null(c);
    sws_scale(c, &rgb, &from_stride, 0, SIZE, to.plane, stride);
    sws_freeContext(c);
}

/* Pictures of noise and of scenes. */
static void picture(uint8_t *rgb, int k)
{
    vs_rng r = vs_rng_at(1, VS_RNG_SCENE, (uint64_t)k);
    for (int i = 0; i < 3 * AREA; i++)
        rgb[i] = (uint8_t)vs_rng_below(&r, 256);
    if (k < 2)
        return;
    vs_scene_params params = vs_stage_find("accelerating-shapes")->params;
    params.size = SIZE;
    vs_scene scene;
    CHECK_OK(vs_scene_sample(&scene, &params, 4, (uint64_t)k));
    void *scratch = malloc(vs_draw_scratch(SIZE));
    vs_scene_draw(&scene, 10 * k, rgb, scratch);
    free(scratch);
    vs_scene_free(&scene);
}

/* libswscale rounds chroma once, after averaging; here every pixel is rounded before. */
Test(gen_encode, colours_are_within_one_of_libswscale)
{
    static uint8_t rgb[3 * AREA], want[3 * AREA], got[3 * AREA];
    for (int k = 0; k < 8; k++) {
        const vs_yuv420 to = planes_at(got);
        picture(rgb, k);
        swscale(want, rgb);
        vs_yuv_from_rgb(&to, rgb, SIZE, SIZE);
        int worst[2] = { 0, 0 };
        double sum = 0;
        for (int i = 0; i < AREA * 3 / 2; i++) {
            const int d = abs(want[i] - got[i]);
            worst[i >= AREA] = d > worst[i >= AREA] ? d : worst[i >= AREA];
            sum += got[i] - want[i];
        }
        cr_expect(worst[0] <= 1 && worst[1] <= 1, "picture %d: luma %d, chroma %d away", k,
                  worst[0], worst[1]);
        cr_expect(fabs(sum / (AREA * 1.5)) < 0.25, "picture %d: %g away in the mean", k,
                  sum / (AREA * 1.5));
    }
}

/* The file of FRAMES frames, given in one of three ways. */
static char *encoded(const char *dir, int way, vs_video_codec codec, int64_t *bytes)
{
    static const char *const names[] = { "rgb.mp4", "planes.mp4", "borrowed.mp4" };
    char *path = vs_path_join(dir, names[way]);
    uint8_t *rgb = malloc(3 * AREA), *kept = aligned_alloc(64, (size_t)FRAMES * 3 * AREA);
    const bool yuv = codec != VS_CODEC_LOSSLESS;
    vs_encoder *e;
    CHECK_OK(vs_encoder_open(&e, &(vs_encode_options){ SIZE, SIZE, 25, codec, 0 }));
    cr_expect_eq(vs_encoder_takes_yuv(e), yuv);
    for (int f = 0; f < FRAMES; f++) {
        const int shown = f < 12 ? f : 11;           /* the last ones repeat */
        picture(rgb, 2 + shown);
        if (way == 0) {
            CHECK_OK(vs_encoder_frame(e, rgb));
        } else if (way == 1) {
            vs_yuv420 to;
            if (f == shown) {
                CHECK_OK(vs_encoder_planes(e, &to));
                vs_yuv_from_rgb(&to, rgb, SIZE, SIZE);
            }
            CHECK_OK(vs_encoder_push(e));
        } else {
            uint8_t *const at = kept + (size_t)f * 3 * AREA;
            const vs_yuv420 to = planes_at(at);
            if (yuv)
                vs_yuv_from_rgb(&to, rgb, SIZE, SIZE);
            else
                memcpy(at, rgb, 3 * AREA);
            const uint8_t *const plane[3] = { at, to.plane[1], to.plane[2] };
            const size_t stride[3] = { yuv ? SIZE : 3 * SIZE, SIZE / 2, SIZE / 2 };
            CHECK_OK(vs_encoder_borrow(e, plane, stride));
        }
    }
    CHECK_OK(vs_encoder_finish(&e, path, bytes));
    free(rgb);
    free(kept);
    return path;
}

Test(gen_encode, every_way_in_gives_the_same_file)
{
    static const vs_video_codec codecs[] = { VS_CODEC_MPEG4, VS_CODEC_H264, VS_CODEC_LOSSLESS };
    for (int c = 0; c < 3; c++) {
        char *dir = check_tmp();
        void *first = NULL;
        int64_t bytes[3];
        for (int way = 0; way < 3; way++) {
            if (way == 1 && codecs[c] == VS_CODEC_LOSSLESS)
                continue;
            char *path = encoded(dir, way, codecs[c], &bytes[way]);
            void *text;
            size_t n;
            CHECK_OK(vs_file_read(path, &text, &n));
            cr_expect_eq((int64_t)n, bytes[way]);
            if (first)
                cr_expect(bytes[way] == bytes[0] && memcmp(first, text, n) == 0,
                          "codec %d, way %d", c, way);
            else
                first = text;
            if (first != text)
                free(text);
            free(path);
        }
        free(first);
        check_rm(dir);
    }
}
