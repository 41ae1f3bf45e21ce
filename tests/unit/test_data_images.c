/* Pictures of a folder as still clips; what a mixture holds, counted by looking at the samples. */
#include <pthread.h>

#include "base/image.h"
#include "tests/store.h"
#include "train/data/data.h"
#include "train/sources.h"

enum { T = 4, S = 28, BYTES = T * S * S * 3, FRAME = S * S * 3, PICTURES = 9 };
static const vs_sample_shape centre = { T, S, S, 2, VS_AUGMENT_NONE, false };
static const vs_sample_shape pretrain = { T, S, S, 2, VS_AUGMENT_PRETRAIN, false };

/* Picture k is of the one colour (10 k, 200, k), 64 x 40; 2 and 3 are cut off, 5 is a text. */
static char *put_pictures(void)
{
    char *dir = check_tmp(), *below = vs_path_join(dir, "below");
    char *note = vs_path_join(dir, "a.txt");
    static uint8_t rgb[3 * 64 * 40];
    CHECK_OK(vs_dir_make(below));
    CHECK_OK(vs_file_write(note, "no picture by its name", 22));
    for (int k = 0; k < PICTURES; k++) {
        char *path = vs_strf("%s/p%d.%s", k < 7 ? dir : below, k, k % 2 ? "PNG" : "png");
        void *data;
        size_t size;
        for (int i = 0; i < 64 * 40; i++)
            memcpy(rgb + 3 * i, (uint8_t[3]){ (uint8_t)(10 * k), 200, (uint8_t)k }, 3);
        CHECK_OK(vs_png_write(path, 64, 40, rgb));
        CHECK_OK(vs_file_read(path, &data, &size));
        if (k == 2 || k == 3)
            CHECK_OK(vs_file_write(path, data, size / 2));
        if (k == 5)
            CHECK_OK(vs_file_write(path, "no picture at all", 17));
        free(data);
        free(path);
    }
    free(note);
    free(below);
    return dir;
}

static void sample(vs_sampler *sampler, int64_t epoch, int64_t item, uint8_t *out)
{
    int label = 7;
    CHECK_OK(vs_sampler_get(sampler, 1, epoch, item, out, &label));
    cr_expect_eq(label, -1);
}

static bool still(const uint8_t *frames, int frame, int t)
{
    for (int k = 1; k < t; k++)
        if (memcmp(frames, frames + k * frame, (size_t)frame) != 0)
            return false;
    return true;
}

Test(data_images, a_picture_stands_still_and_the_next_stands_in_for_damaged_ones)
{
    /* In the order of paths: below/p7, below/p8, p0 .. p6. */
    static const int shown[PICTURES] = { 7, 8, 0, 1, 4, 4, 4, 6, 6 };
    char *dir = put_pictures();
    static uint8_t got[BYTES];
    vs_source *source;
    vs_sampler *sampler;
    CHECK_OK(vs_source_images(&source, dir, &centre));
    cr_assert_eq(vs_source_count(source), PICTURES);
    CHECK_OK(vs_sampler_open(&sampler, source));
    for (int turn = 0; turn < 2; turn++)
        for (int item = PICTURES - 1; item >= 0; item--) {
            sample(sampler, turn, item, got);
            cr_expect(got[0] == 10 * shown[item] && got[1] == 200 && got[2] == shown[item],
                      "item %d: %d %d %d", item, got[0], got[1], got[2]);
            cr_expect(still(got, FRAME, T));
        }
    vs_sampler_close(&sampler);
    vs_source_close(&source);
    check_rm(dir);
}

struct reading {
    vs_source *source;
    int first;
    uint8_t *got;                  /* (PICTURES, BYTES) */
};

static void *read_all(void *arg)
{
    struct reading *r = arg;
    vs_sampler *sampler;
    CHECK_OK(vs_sampler_open(&sampler, r->source));
    for (int k = 0; k < PICTURES; k++) {
        const int item = (k + r->first) % PICTURES;
        sample(sampler, 0, item, r->got + (size_t)item * BYTES);
    }
    vs_sampler_close(&sampler);
    return NULL;
}

Test(data_images, samples_do_not_depend_on_threads_or_order)
{
    enum { THREADS = 4 };
    char *dir = put_pictures();
    pthread_t thread[THREADS];
    struct reading r[THREADS];
    vs_source *source;
    CHECK_OK(vs_source_images(&source, dir, &pretrain));
    for (int i = 0; i < THREADS; i++) {
        r[i] = (struct reading){ source, 2 * i, vs_new((size_t)PICTURES * BYTES) };
        pthread_create(&thread[i], NULL, read_all, &r[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        cr_expect_arr_eq(r[i].got, r[0].got, (size_t)PICTURES * BYTES);
    }
    for (int i = 0; i < THREADS; i++)
        free(r[i].got);
    vs_source_close(&source);
    check_rm(dir);
}

Test(data_images, a_crop_is_that_of_a_store_with_the_same_frame)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "a.png");
    static uint8_t rgb[3 * 300 * 100], small[3 * 96 * 32], got[BYTES], want[FRAME];
    vs_source *source;
    vs_sampler *sampler;
    paint(rgb, 300, 100, 1, 1);
    CHECK_OK(vs_png_write(path, 300, 100, rgb));
    CHECK_OK(vs_source_images(&source, dir, &centre));
    CHECK_OK(vs_sampler_open(&sampler, source));
    sample(sampler, 0, 0, got);
    /* To a short side of 32 = 8/7 of 28; then the square in the middle. */
    vs_resize *plan = vs_resize_new(300, 100, (vs_rect){ 0, 0, 300, 100 }, 96, 32, false);
    void *tmp = vs_new(vs_resize_scratch(plan));
    vs_resize_run(plan, small, rgb, tmp);
    vs_resize_free(&plan);
    free(tmp);
    plan = vs_resize_new(96, 32, (vs_rect){ 32, 0, 32, 32 }, S, S, false);
    tmp = vs_new(vs_resize_scratch(plan));
    vs_resize_run(plan, want, small, tmp);
    vs_resize_free(&plan);
    free(tmp);
    cr_expect_arr_eq(got, want, FRAME);
    vs_sampler_close(&sampler);
    vs_source_close(&source);
    free(path);
    check_rm(dir);
}

Test(data_images, folders_that_hold_nothing)
{
    char *dir = check_tmp(), *bad = vs_path_join(dir, "a.jpg");
    static uint8_t got[BYTES];
    vs_source *source;
    vs_sampler *sampler;
    CHECK_FAILS(vs_source_images(&source, "/nowhere", &centre), VS_ERR_IO, "/nowhere");
    CHECK_FAILS(vs_source_images(&source, dir, &centre), VS_ERR_CORRUPT, "no pictures among");
    CHECK_OK(vs_file_write(bad, "nothing", 7));
    CHECK_OK(vs_source_images(&source, dir, &centre));
    CHECK_OK(vs_sampler_open(&sampler, source));
    CHECK_FAILS(vs_sampler_get(sampler, 0, 0, 0, got, NULL), VS_ERR_CORRUPT,
                "none of its 1 pictures can be read");
    vs_sampler_close(&sampler);
    vs_source_close(&source);
    free(bad);
    check_rm(dir);
}

/* ---- A mixture ------------------------------------------------------------------------------- */

Test(data_images, a_mixture_holds_each_part_in_its_share)
{
    static const vs_writer_options raw = { .encoding = VS_ENCODING_RAW };
    enum { ALL = 130, EPOCHS = 2 };
    char *images = put_pictures(), *store = check_tmp();
    static uint8_t got[BYTES];
    put_clips(store, &raw, 5);
    char *text = vs_strf("scene:moving-shapes=0.7,still:images:%s=0.1,store:%s@train=0.15,"
                         "still:store:%s@train=0.05", images, store, store);
    vs_train_settings settings = { .source = text, .virtual_size = ALL, .scene_size = 64 };
    vs_config config = { .settings = &settings };
    vs_trainer t = { .settings = &settings, .config = &config };
    vs_stores stores = { 0 };
    vs_sampler *sampler;
    CHECK_OK(vs_sources_open(&t, &stores, &pretrain));
    cr_assert_eq(vs_source_count(t.source), ALL);
    CHECK_OK(vs_sampler_open(&sampler, t.source));
    for (int epoch = 0; epoch < EPOCHS; epoch++) {
        int pictures = 0, scenes = 0, clips = 0, frames = 0;
        for (int item = 0; item < ALL; item++) {
            int label;
            CHECK_OK(vs_sampler_get(sampler, 1, epoch, item, got, &label));
            const bool stands = still(got, FRAME, T);
            pictures += label < 0 && stands && got[1] == 200;
            scenes += label < 0 && !(stands && got[1] == 200);
            clips += label >= 0 && !stands;
            frames += label >= 0 && stands;
        }
        cr_expect(scenes == 91 && pictures == 13 && clips == 20 && frames == 6,
                  "epoch %d: %d scenes, %d pictures, %d clips, %d frames of clips, expected 91, "
                  "13, 20, 6", epoch, scenes, pictures, clips, frames);
    }
    vs_sampler_close(&sampler);
    vs_source_close(&t.source);
    vs_stores_close(&stores);
    for (int i = 0; i < config.n_kept; i++)
        free(config.kept[i]);
    free(config.kept);
    free(text);
    check_rm(store);
    check_rm(images);
}
