/* Reconstructions: what stays, what is hidden, and which statistics each way uses. */
#include "base/image.h"
#include "tests/model.h"
#include "train/rebuild.h"

struct fixture {
    vs_device *dev;
    vs_model *model;               /* weights zero: predicts the bias of its head */
    uint8_t frames[SMALL_CLIP], mask[SMALL_N];
};

static struct fixture *open_fixture(float bias)
{
    struct fixture *f = calloc(1, sizeof(*f));
    const vs_model_config c = small_config(VS_TASK_PRETRAIN);
    CHECK_OK(vs_device_open_cpu(&f->dev, 2));
    CHECK_OK(vs_model_open(&f->model, f->dev, &c, 1, SMALL_V, false));
    float *w = calloc((size_t)vs_model_slab_count(f->model), sizeof(float));
    for (int i = 0; i < vs_model_param_count(f->model); i++) {
        const vs_param *p = vs_model_param(f->model, i);
        for (int64_t k = 0; strcmp(p->name, "decoder.head.bias") == 0 && k < p->count; k++)
            w[p->offset + k] = bias;
    }
    CHECK_OK(vs_model_slab_set(f->model, VS_SLAB_WEIGHT, w));
    free(w);
    vs_rng r = vs_rng_at(3, VS_RNG_TEST, 1);
    for (int i = 0; i < SMALL_CLIP; i++)
        f->frames[i] = (uint8_t)(vs_rng_u32(&r) >> 24);
    for (int i = 0; i < SMALL_N; i++)
        f->mask[i] = i % 3 != 0;
    return f;
}

static void close_fixture(struct fixture *f)
{
    vs_model_close(&f->model);
    vs_device_close(&f->dev);
    free(f);
}

/* Token of a byte of the clip: 4 frames of 24 x 16, tubelet 2, patch 8. */
static int token_of(int i)
{
    const int pixel = i / 3, x = pixel % 16, y = pixel / 16 % 24, t = pixel / (16 * 24);
    return (t / 2 * 3 + y / 8) * 2 + x / 8;
}

Test(rebuild, visible_patches_stay_and_hidden_ones_have_their_true_mean)
{
    struct fixture *f = open_fixture(0);
    vs_rebuilt r;
    CHECK_OK(vs_rebuild(&r, f->model, f->frames, f->mask, true));
    double sum[SMALL_N][3] = { { 0 } };
    for (int i = 0; i < SMALL_CLIP; i++)
        sum[token_of(i)][i % 3] += f->frames[i] / 128.0;
    for (int i = 0; i < SMALL_CLIP; i++) {
        const int token = token_of(i);
        const int mean = (int)(sum[token][i % 3] + 0.5);
        cr_assert(r.masked[i] == (f->mask[token] ? 128 : f->frames[i]));
        cr_assert(abs(r.frames[i] - (f->mask[token] ? mean : f->frames[i])) <= f->mask[token]);
    }
    cr_expect(r.psnr == r.psnr_flat && r.psnr > 9 && r.psnr < 13, "noise: %g dB", r.psnr);
    cr_expect_float_eq(r.loss, r.loss_flat, 1e-5);
    cr_expect_float_eq(r.loss, 127.0 / 128, 1e-3);
    vs_rebuilt_free(&r);
    close_fixture(f);
}

/* A prediction of 1 is one deviation above the mean. */
Test(rebuild, predictions_are_scaled_by_the_deviation)
{
    struct fixture *f = open_fixture(1);
    for (int i = 0; i < SMALL_CLIP; i++)
        f->frames[i] = (i / 3) % 2 ? 150 : 50;     /* mean 100, deviation 50 (and a little) */
    for (int paper = 0; paper < 2; paper++) {
        vs_rebuilt r;
        CHECK_OK(vs_rebuild(&r, f->model, f->frames, f->mask, paper));
        for (int i = 0; i < SMALL_CLIP; i++)
            cr_assert(!f->mask[token_of(i)] || r.frames[i] == 150, "%d", r.frames[i]);
        vs_rebuilt_free(&r);
    }
    close_fixture(f);
}

Test(rebuild, the_honest_way_sees_nothing_of_hidden_patches)
{
    struct fixture *f = open_fixture(0.5f);
    vs_rebuilt a, b;
    CHECK_OK(vs_rebuild(&a, f->model, f->frames, f->mask, false));
    for (int i = 0; i < SMALL_CLIP; i++)
        if (f->mask[token_of(i)])
            f->frames[i] = (uint8_t)(255 - f->frames[i] / 3);
    CHECK_OK(vs_rebuild(&b, f->model, f->frames, f->mask, false));
    cr_expect(memcmp(a.frames, b.frames, SMALL_CLIP) == 0);
    vs_rebuilt_free(&b);
    CHECK_OK(vs_rebuild(&b, f->model, f->frames, f->mask, true));
    cr_expect(memcmp(a.frames, b.frames, SMALL_CLIP) != 0);
    vs_rebuilt_free(&a);
    vs_rebuilt_free(&b);
    close_fixture(f);
}

Test(rebuild, the_sheet_has_three_rows)
{
    struct fixture *f = open_fixture(0);
    char *dir = check_tmp(), *path = vs_path_join(dir, "sheet.png");
    vs_rebuilt r;
    vs_image image;
    CHECK_OK(vs_rebuild(&r, f->model, f->frames, f->mask, true));
    CHECK_OK(vs_rebuilt_png(path, vs_model_configuration(f->model), f->frames, &r, true));
    CHECK_OK(vs_png_read(&image, path));
    const int zoom = 7;                            /* 16 pixels become 112 */
    cr_assert(image.W == 4 * (16 * zoom + 6) + 6 && image.H == 3 * (24 * zoom + 26) + 6,
              "%d x %d", image.W, image.H);
    const uint8_t *corner = image.rgb + 3 * (26 * image.W + 6);
    cr_expect(memcmp(corner, f->frames, 3) == 0);
    vs_image_free(&image);
    vs_rebuilt_free(&r);
    free(path);
    check_rm(dir);
    close_fixture(f);
}
