/* A clip named on the command line: every kind gives the frames that lie there, in their order, at
 * the stride and the short side that were asked for. */
#include "base/image.h"
#include "tests/store.h"
#include "train/footage.h"

enum { W = 60, H = 40, SHORT = 20, WIDE = 30 };
static const vs_footage_options every = { .stride = 1, .short_side = SHORT, .jobs = 1 };

static void put_frame(const char *dir, const char *name, int frame, int w, int h)
{
    char *path = vs_path_join(dir, name);
    uint8_t *rgb = vs_new(3 * (size_t)w * (size_t)h);
    paint(rgb, w, h, 1, frame);
    CHECK_OK(vs_png_write(path, w, h, rgb));
    free(rgb);
    free(path);
}

/* Frame number f as put_frame() paints it, shrunk. */
static void expect_frame(const vs_video *v, int at, int f)
{
    static uint8_t rgb[3 * W * H], want[3 * WIDE * SHORT];
    vs_resize *plan = vs_resize_new(W, H, (vs_rect){ 0, 0, W, H }, WIDE, SHORT, false);
    void *tmp = vs_new(vs_resize_scratch(plan));
    paint(rgb, W, H, 1, f);
    vs_resize_run(plan, want, rgb, tmp);
    cr_assert(v->w == WIDE && v->h == SHORT && at < v->F, "%dx%dx%d", v->F, v->w, v->h);
    cr_expect_arr_eq(v->rgb + (size_t)at * sizeof(want), want, sizeof(want), "frame %d", at);
    free(tmp);
    vs_resize_free(&plan);
}

Test(footage, a_folder_of_frames_in_the_order_of_their_numbers)
{
    char *dir = check_tmp(), *note = vs_path_join(dir, "f3.txt");
    vs_video v;
    for (int f = 0; f < 12; f++) {
        char name[16];
        snprintf(name, sizeof(name), "f%d.png", f);
        put_frame(dir, name, f, W, H);
    }
    CHECK_OK(vs_file_write(note, "not a frame, by far", 19));
    CHECK_OK(vs_footage_read(&v, dir, &every));
    cr_assert_eq(v.F, 12);
    for (int f = 0; f < 12; f++)
        expect_frame(&v, f, f);
    vs_video_free(&v);
    vs_footage_options third = every;
    third.stride = 3;
    CHECK_OK(vs_footage_read(&v, dir, &third));
    cr_assert_eq(v.F, 4);
    expect_frame(&v, 3, 9);
    vs_video_free(&v);
    free(note);
    check_rm(dir);
}

Test(footage, a_picture_is_one_frame)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "a.picture");
    vs_video v;
    put_frame(dir, "a.picture", 5, W, H);
    CHECK_OK(vs_footage_read(&v, path, &every));
    cr_assert_eq(v.F, 1);
    expect_frame(&v, 0, 5);
    vs_video_free(&v);
    free(path);
    check_rm(dir);
}

Test(footage, frames_that_are_none_are_named)
{
    char *dir = check_tmp(), *cut = vs_path_join(dir, "f1.png");
    vs_video v;
    void *data;
    size_t size;
    CHECK_FAILS(vs_footage_read(&v, dir, &every), VS_ERR_CORRUPT, "no frames in this folder");
    cr_expect_null(v.rgb);
    put_frame(dir, "f0.png", 0, W, H);
    put_frame(dir, "f1.png", 1, H, H);
    CHECK_FAILS(vs_footage_read(&v, dir, &every), VS_ERR_CORRUPT, "expected 60x40");
    put_frame(dir, "f1.png", 1, W, H);
    CHECK_OK(vs_file_read(cut, &data, &size));
    CHECK_OK(vs_file_write(cut, data, size / 2));
    CHECK_FAILS(vs_footage_read(&v, dir, &every), VS_ERR_CORRUPT, "f1.png");
    CHECK_FAILS(vs_footage_read(&v, "/nowhere", &every), VS_ERR_IO, "/nowhere: no such file");
    free(data);
    free(cut);
    check_rm(dir);
}

Test(footage, a_scene_is_the_one_that_training_draws)
{
    static uint8_t want[3 * 64 * 64];
    vs_footage_options o = { .stride = 7, .short_side = 64, .seed = 9, .scene_size = 64 };
    vs_scene_params params = vs_stage_find("accelerating-shapes")->params;
    vs_scene scene;
    vs_video v;
    params.size = 64;
    params.frames_lo = 100;
    params.frames_hi = 200;
    CHECK_OK(vs_scene_sample(&scene, &params, 9, 31));
    CHECK_OK(vs_footage_read(&v, "scene:accelerating-shapes:31", &o));
    void *scratch = vs_new(vs_draw_scratch(64));
    cr_assert(v.F == (scene.frames + 6) / 7 && v.w == 64 && v.h == 64);
    for (int k = 0; k < v.F; k++) {
        vs_scene_draw(&scene, 7 * k, want, scratch);
        cr_expect_arr_eq(v.rgb + (size_t)k * sizeof(want), want, sizeof(want), "frame %d", k);
    }
    free(scratch);
    vs_scene_free(&scene);
    vs_video_free(&v);
    CHECK_FAILS(vs_footage_read(&v, "scene:moving-shape:1", &o), VS_ERR_USAGE, "moving-shapes");
    CHECK_FAILS(vs_footage_read(&v, "scene:moving-shapes", &o), VS_ERR_USAGE, "STAGE:INDEX");
    CHECK_FAILS(vs_footage_read(&v, "scene:moving-shapes:-1", &o), VS_ERR_USAGE, "STAGE:INDEX");
    CHECK_FAILS(vs_footage_read(&v, "scene:accelerating-images:1", &o), VS_ERR_USAGE,
                "--textures DIR is required");
}

Test(footage, a_clip_of_a_store)
{
    static const vs_writer_options raw = { .encoding = VS_ENCODING_RAW };
    char *dir = check_tmp(), *name = vs_strf("%s:2", dir);
    vs_store *store;
    vs_reader *reader;
    vs_clip clip;
    vs_video v, want;
    put_clips(dir, &raw, 3);
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_clip(&clip, store, 2));
    CHECK_OK(vs_reader_open(&reader, store));
    CHECK_OK(vs_video_read(&want, reader, &clip, 1, SHORT));
    CHECK_OK(vs_footage_read(&v, name, &every));
    cr_assert(v.F == want.F && v.w == want.w && v.h == want.h);
    cr_expect_arr_eq(v.rgb, want.rgb, 3 * (size_t)v.F * (size_t)v.w * (size_t)v.h);
    vs_video_free(&v);
    vs_video_free(&want);
    vs_reader_close(&reader);
    vs_store_close(&store);
    CHECK_FAILS(vs_footage_read(&v, dir, &every), VS_ERR_USAGE, "is a store; expected STORE:ID");
    free(name);
    check_rm(dir);
}
