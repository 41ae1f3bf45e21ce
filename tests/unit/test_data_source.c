/* Samples from a store and from scenes: what a sample holds, and that nothing but
 * (seed, epoch, item) decides it. */
#include "tests/store.h"
#include "gen/scene/texture.h"
#include "train/data/data.h"
#include "train/ops/ops.h"

enum { T = 4, S = 32, BYTES = T * S * S * 3 };
static const vs_writer_options raw = { .encoding = VS_ENCODING_RAW };

static const vs_sample_shape centre = { T, S, S, 2, VS_AUGMENT_NONE, false };
static const vs_sample_shape pretrain = { T, S, S, 2, VS_AUGMENT_PRETRAIN, false };

static void sample(vs_source *source, uint64_t seed, int64_t epoch, int64_t item, uint8_t *out,
                   int *label)
{
    vs_sampler *sampler;
    CHECK_OK(vs_sampler_open(&sampler, source));
    CHECK_OK(vs_sampler_get(sampler, seed, epoch, item, out, label));
    vs_sampler_close(&sampler);
}

/* ---- Store ---------------------------------------------------------------------------- */

Test(data_source, a_store_sample_is_the_frames_of_its_window)
{
    char *dir = check_tmp();
    vs_store *store;
    vs_source *source;
    static uint8_t got[BYTES], want[BYTES];
    int label;
    put_clips(dir, &raw, 5);
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_source_store(&source, store, "train", &centre));
    cr_assert_eq(vs_source_count(source), 5);
    cr_assert_eq(vs_source_classes(source), 3);
    cr_expect_str_eq(vs_source_class_names(source)[2], "wave hands");
    CHECK_OK(vs_source_need_labels(source));
    for (int item = 0; item < 5; item++) {
        /* 10 + k frames, 48x40: middle 8 frames, centre square. */
        vs_split split;
        vs_reader *reader;
        const int first = (2 + item) / 2;
        const int index[T] = { first, first + 2, first + 4, first + 6 };
        sample(source, 1, 0, item, got, &label);
        cr_expect_eq(label, item % 3);
        CHECK_OK(vs_store_split(&split, store, "train"));
        CHECK_OK(vs_reader_open(&reader, store));
        CHECK_OK(vs_reader_frames(reader, &split.clip[item], index, T,
                                  (vs_rect){ 4, 0, 40, 40 }, S, S, false, want));
        cr_expect_arr_eq(got, want, BYTES, "item %d", item);
        vs_reader_close(&reader);
        vs_split_free(&split);
    }
    vs_source_close(&source);
    vs_store_close(&store);
    check_rm(dir);
}

Test(data_source, augmented_samples_depend_on_seed_epoch_and_item_alone)
{
    char *dir = check_tmp();
    vs_store *store;
    vs_source *source;
    static uint8_t a[BYTES], b[BYTES];
    put_clips(dir, &raw, 3);
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_source_store(&source, store, "train", &pretrain));
    sample(source, 1, 2, 1, a, NULL);
    sample(source, 1, 2, 1, b, NULL);
    cr_expect_arr_eq(a, b, BYTES);
    int changed = 0;
    for (int epoch = 3; epoch < 7; epoch++) {
        sample(source, 1, epoch, 1, b, NULL);
        changed += memcmp(a, b, BYTES) != 0;
    }
    cr_expect_geq(changed, 3, "other epochs see the same view");
    vs_source_close(&source);
    vs_store_close(&store);
    check_rm(dir);
}

Test(data_source, splits_that_do_not_do)
{
    char *dir = check_tmp();
    vs_store *store;
    vs_source *source;
    put_clips(dir, &raw, 3);
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_FAILS(vs_source_store(&source, store, "trian", &centre), VS_ERR_CORRUPT, "set:train");
    cr_expect_null(source);
    CHECK_OK(vs_source_store(&source, store, NULL, &centre));
    cr_expect_eq(vs_source_count(source), 3);
    CHECK_FAILS(vs_source_need_labels(source), VS_ERR_CORRUPT, "no labels");
    vs_source_close(&source);
    vs_store_close(&store);
    check_rm(dir);
}

Test(data_source, a_whole_video_for_testing)
{
    char *dir = check_tmp();
    vs_store *store;
    vs_split split;
    vs_reader *reader;
    vs_video video;
    put_clips(dir, &raw, 2);
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_split(&split, store, "train"));
    CHECK_OK(vs_reader_open(&reader, store));
    CHECK_OK(vs_video_read(&video, reader, &split.clip[1], 3, 20));
    /* 11 frames at stride 3: 0 3 6 9; 48x40 to a short side of 20. */
    cr_expect(video.F == 4 && video.h == 20 && video.w == 24, "%d %d %d", video.F, video.h,
              video.w);
    static uint8_t want[24 * 20 * 3];
    const int last = 9;
    CHECK_OK(vs_reader_frames(reader, &split.clip[1], &last, 1, whole_frame, 24, 20, false, want));
    cr_expect_arr_eq(video.rgb + 3 * sizeof(want), want, sizeof(want));
    vs_video_free(&video);
    vs_reader_close(&reader);
    vs_split_free(&split);
    vs_store_close(&store);
    check_rm(dir);
}

/* ---- Scenes ---------------------------------------------------------------------------- */

static vs_source *scenes(bool fixed, const vs_sample_shape *shape)
{
    vs_source *source;
    vs_scene_params params = vs_stage_find("accelerating-shapes")->params;
    params.size = 64;
    CHECK_OK(vs_source_scene(&source, &params, NULL, 10, fixed, shape));
    return source;
}

Test(data_source, a_scene_sample_is_the_scene_drawn)
{
    static const vs_sample_shape whole = { T, 64, 64, 2, VS_AUGMENT_NONE, false };
    static uint8_t got[T * 64 * 64 * 3], want[64 * 64 * 3];
    vs_source *source = scenes(false, &whole);
    vs_scene scene;
    int label = 5;
    sample(source, 3, 2, 7, got, &label);
    cr_expect_eq(label, -1);
    vs_scene_params params = vs_stage_find("accelerating-shapes")->params;
    params.size = 64;
    CHECK_OK(vs_scene_sample(&scene, &params, 3, 27));      /* epoch 2 of 10 videos, item 7 */
    void *scratch = vs_new(vs_draw_scratch(64));
    const int first = (scene.frames - 8) / 2;
    for (int k = 0; k < T; k++) {
        vs_scene_draw(&scene, first + 2 * k, want, scratch);
        cr_expect_arr_eq(got + (size_t)k * sizeof(want), want, sizeof(want), "frame %d", k);
    }
    free(scratch);
    vs_scene_free(&scene);
    vs_source_close(&source);
}

Test(data_source, fixed_scenes_repeat_every_epoch_others_do_not)
{
    static uint8_t a[BYTES], b[BYTES];
    vs_source *fresh = scenes(false, &centre), *fixed = scenes(true, &centre);
    sample(fresh, 0, 0, 4, a, NULL);
    sample(fresh, 0, 1, 4, b, NULL);
    cr_expect(memcmp(a, b, BYTES) != 0);
    sample(fixed, 0, 0, 4, a, NULL);
    sample(fixed, 0, 1, 4, b, NULL);
    cr_expect_arr_eq(a, b, BYTES);
    vs_source_close(&fresh);
    vs_source_close(&fixed);
}

Test(data_source, textured_scenes_share_one_bank)
{
    static uint8_t got[BYTES], again[BYTES], flat[BYTES], picture[3 * 16 * 16];
    vs_textures *bank;
    vs_source *source, *plain = scenes(false, &centre);
    vs_scene_params params = vs_stage_find("accelerating-images")->params;
    params.size = 64;
    CHECK_OK(vs_textures_new(&bank, 2, 16));
    for (int i = 0; i < 2; i++) {
        memset(picture, 100 + i, sizeof(picture));
        vs_textures_set(bank, i, picture);
    }
    CHECK_OK(vs_source_scene(&source, &params, bank, 10, false, &centre));
    sample(source, 3, 2, 7, got, NULL);
    sample(source, 3, 2, 7, again, NULL);
    sample(plain, 3, 2, 7, flat, NULL);
    cr_expect_arr_eq(got, again, BYTES);
    long lit = 0;
    for (int i = 0; i < BYTES; i++)
        lit += got[i] >= 100 && got[i] <= 101;
    cr_expect_gt(lit, BYTES / 2, "%ld of %d values are of the two textures", lit, (int)BYTES);
    cr_expect(memcmp(got, flat, BYTES) != 0);
    vs_source_close(&source);
    vs_source_close(&plain);
}

/* ---- Clips that a device draws ------------------------------------------------------------- */

static void expect_drawn(const char *stage, bool fixed, bool still)
{
    enum { N = 6 };
    vs_scene_params params = vs_stage_find(stage)->params;
    vs_sample_shape shape = pretrain;
    vs_textures *bank = NULL;
    vs_source *source;
    vs_sampler *sampler;
    vs_device *dev;
    vs_scene_clip clip[N];
    int32_t index[N * T];
    static uint8_t want[BYTES], got[N * BYTES];
    shape.still = still;
    params.size = 48;
    params.objects = 60;
    if (params.textured)
        CHECK_OK(vs_textures_new(&bank, 3, 16));
    CHECK_OK(vs_source_scene(&source, &params, bank, 7, fixed, &shape));
    CHECK_OK(vs_sampler_open(&sampler, source));
    CHECK_OK(vs_device_open_cpu(&dev, 3));
    cr_assert_not_null(vs_source_form(source));
    for (int i = 0; i < N; i++)
        vs_sampler_describe(sampler, 5, i / 2, i, &clip[i], index + T * i);
    vs_ops_cpu.draw_clips(dev, got, vs_source_form(source), clip, index, N);
    CHECK_OK(vs_device_sync(dev));
    for (int i = 0; i < N; i++) {
        CHECK_OK(vs_sampler_get(sampler, 5, i / 2, i, want, NULL));
        cr_expect_arr_eq(got + i * BYTES, want, BYTES, "%s, clip %d", stage, i);
    }
    vs_device_close(&dev);
    vs_sampler_close(&sampler);
    vs_source_close(&source);
}

Test(data_source, what_describes_a_scene_draws_it)
{
    expect_drawn("accelerating-shapes", false, false);
    expect_drawn("moving-circles", true, true);
    expect_drawn("accelerating-textures", false, false);
}

/* A loader that describes gives the clips of one that draws, in its order. */
Test(data_source, a_loader_describes_what_it_would_draw)
{
    enum { B = 3 };
    vs_scene_params params = vs_stage_find("transforming-shapes")->params;
    vs_source *source;
    vs_loader *draws, *describes;
    vs_device *dev;
    const vs_loaded *want, *told;
    static uint8_t got[B * BYTES];
    vs_loader_options o = { .batch = B, .threads = 2, .seed = 4, .shuffle = true,
                            .drop_last = true, .mask_slots = 2, .mask_cells = 4,
                            .mask_masked = 3 };
    params.size = 40;
    CHECK_OK(vs_source_scene(&source, &params, NULL, 7, false, &pretrain));
    CHECK_OK(vs_loader_open(&draws, source, &o, 0, 1));
    o.describe = true;
    CHECK_OK(vs_loader_open(&describes, source, &o, 0, 1));
    CHECK_OK(vs_device_open_cpu(&dev, 1));
    for (int step = 0; step < 5; step++) {
        CHECK_OK(vs_loader_next(draws, &want));
        CHECK_OK(vs_loader_next(describes, &told));
        cr_expect_null(told->frames);
        cr_expect_arr_eq(told->mask, want->mask, B * 8);
        cr_expect_arr_eq(told->item, want->item, B * sizeof(*want->item));
        vs_ops_cpu.draw_clips(dev, got, vs_source_form(source), told->clip, told->index, told->B);
        cr_expect_arr_eq(got, want->frames, B * BYTES, "step %d", step);
    }
    vs_device_close(&dev);
    vs_loader_close(&draws);
    vs_loader_close(&describes);
    vs_source_close(&source);
}
