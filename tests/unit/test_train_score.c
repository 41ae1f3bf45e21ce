/* Ranks with ties, the words of --views, and splits that do not fit a model. */
#include "tests/check.h"
#include "train/score.h"

Test(train_score, ranks)
{
    static const float p[5] = { 0.1f, 0.4f, 0.1f, 0.4f, 0.0f };
    static const int rank[5] = { 2, 0, 3, 1, 4 };
    for (int c = 0; c < 5; c++)
        cr_expect_eq(vs_rank_of(p, 5, c), rank[c], "class %d", c);
}

Test(train_score, views_in_words)
{
    static const char *const bad[] = { "", "5", "5x", "x3", "0x3", "5x-1", "5x3 ", "5x3x1", "axb" };
    int segments, crops;
    CHECK_OK(vs_views_parse(&segments, &crops, "10x3"));
    cr_expect(segments == 10 && crops == 3);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        CHECK_FAILS(vs_views_parse(&segments, &crops, bad[i]), VS_ERR_USAGE, "5x3");
}

/* An untrained classifier of three named classes, in a folder. */
static char *save_model(char *dir)
{
    static const char *const names[] = { "run", "jump", "wave" };
    vs_device *dev;
    vs_model *model;
    vs_model_config config;
    CHECK_OK(vs_model_config_named(&config, VS_TASK_CLASSIFY, "micro"));
    config.T = 4;
    config.H = config.W = 32;
    config.classes = 3;
    CHECK_OK(vs_device_open_cpu(&dev, 1));
    CHECK_OK(vs_model_open(&model, dev, &config, 1, 0, true));
    CHECK_OK(vs_model_init(model, 1, 1.0f));
    CHECK_OK(vs_model_save(model, dir, names));
    vs_model_close(&model);
    vs_device_close(&dev);
    return dir;
}

Test(train_score, probabilities_are_the_mean_over_views)
{
    enum { VIEW = 4 * 32 * 32 * 3 };
    static uint8_t views[3 * VIEW];
    char *dir = save_model(check_tmp());
    vs_scorer *scorer;
    float all[3], one[3], mean[3] = { 0 };
    vs_rng rng = vs_rng_at(1, VS_RNG_TEST, 0);
    for (int i = 0; i < 3 * VIEW; i++)
        views[i] = (uint8_t)vs_rng_u32(&rng);
    CHECK_OK(vs_scorer_open(&scorer, dir, "cpu", VS_FP32, 1, 2));
    CHECK_OK(vs_scorer_videos(scorer, views, 1, 3, all));
    for (int v = 0; v < 3; v++) {
        CHECK_OK(vs_scorer_videos(scorer, views + v * VIEW, 1, 1, one));
        for (int c = 0; c < 3; c++)
            mean[c] += one[c] / 3;
    }
    cr_expect(close_f32(all, mean, 3, 1e-6f, 0, "probability"));
    cr_expect_float_eq(all[0] + all[1] + all[2], 1, 1e-5);
    vs_scorer_close(&scorer);
    check_rm(dir);
}

/* Two videos of three views in batches of 2 and of 4: the second batch holds views of both. */
Test(train_score, batches_across_videos)
{
    enum { VIEW = 4 * 32 * 32 * 3 };
    static uint8_t views[6 * VIEW];
    char *dir = save_model(check_tmp());
    float together[6], alone[6];
    vs_rng rng = vs_rng_at(2, VS_RNG_TEST, 0);
    for (int i = 0; i < 6 * VIEW; i++)
        views[i] = (uint8_t)vs_rng_u32(&rng);
    for (int batch = 2; batch <= 4; batch += 2) {
        vs_scorer *scorer;
        CHECK_OK(vs_scorer_open(&scorer, dir, "cpu", VS_FP32, 1, batch));
        CHECK_OK(vs_scorer_videos(scorer, views, 2, 3, together));
        for (int i = 0; i < 2; i++)
            CHECK_OK(vs_scorer_videos(scorer, views + i * 3 * VIEW, 1, 3, alone + i * 3));
        cr_expect(memcmp(together, alone, sizeof(alone)) == 0, "batch %d", batch);
        cr_expect(memcmp(together, together + 3, sizeof(float) * 3) != 0);
        vs_scorer_close(&scorer);
    }
    check_rm(dir);
}

Test(train_score, splits_that_do_not_fit)
{
    char *dir = save_model(check_tmp());
    vs_scorer *scorer;
    const char *names[] = { "run", "jump", "wave", "fall" };
    vs_clip clip[2] = { { .id = 1, .label = 2, .name = "a" },
                        { .id = 2, .label = 0, .name = "b" } };
    vs_split split = { .n = 2, .clip = clip, .classes = 3, .class_name = names };
    CHECK_OK(vs_scorer_open(&scorer, dir, "cpu", VS_FP32, 1, 1));
    CHECK_OK(vs_scorer_check_split(scorer, &split));
    split.classes = 4;
    CHECK_FAILS(vs_scorer_check_split(scorer, &split), VS_ERR_CORRUPT, "knows 3 classes");
    split.classes = 0;
    CHECK_FAILS(vs_scorer_check_split(scorer, &split), VS_ERR_CORRUPT, "no labels");
    split.classes = 3;
    names[1] = "leap";
    CHECK_FAILS(vs_scorer_check_split(scorer, &split), VS_ERR_CORRUPT, "class 1 is jump");
    names[1] = "jump";
    clip[1].label = -1;
    CHECK_FAILS(vs_scorer_check_split(scorer, &split), VS_ERR_CORRUPT, "clip 2 (b)");
    vs_scorer_close(&scorer);
    check_rm(dir);
}
