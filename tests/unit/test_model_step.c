/* A model as its trainer sees it: sizes, initialisation, gradients of the whole, drops,
 * partial batches, accumulation, reproducibility, failures. */
#include "tests/model.h"

/* ---- Configuration ------------------------------------------------------------------ */

Test(config, parameters_are_those_of_the_published_sizes)
{
    vs_model_config c;
    CHECK_OK(vs_model_config_named(&c, VS_TASK_PRETRAIN, "small"));
    cr_expect(vs_model_parameters(&c) == 24029376);
    CHECK_OK(vs_model_config_named(&c, VS_TASK_PRETRAIN, "base"));
    cr_expect(vs_model_parameters(&c) == 94210944);
    cr_expect(vs_model_tokens(&c) == 1568 && vs_model_cells(&c) == 196);
    cr_expect_float_eq(vs_model_flops(&c, 392, true), 344e9, 10e9);
    CHECK_OK(vs_model_config_named(&c, VS_TASK_CLASSIFY, "base"));
    c.classes = 5;
    cr_expect(vs_model_parameters(&c) == 86231045);
    for (int i = 0; i < vs_model_size_count(); i++) {
        CHECK_OK(vs_model_config_named(&c, VS_TASK_PRETRAIN, vs_model_size_name(i)));
        CHECK_OK(vs_model_config_check(&c));
    }
}

Test(config, what_cannot_be_is_refused_by_name)
{
    vs_model_config c;
    CHECK_FAILS(vs_model_config_named(&c, VS_TASK_PRETRAIN, "medium"), VS_ERR_USAGE,
                "micro, tiny, small, base, large, huge");
    const vs_model_config good = small_config(VS_TASK_PRETRAIN);
    c = good, c.heads = 5;
    CHECK_FAILS(vs_model_config_check(&c), VS_ERR_USAGE, "heads 5");
    c = good, c.H = 60;
    CHECK_FAILS(vs_model_config_check(&c), VS_ERR_USAGE, "frame height 60");
    c = good, c.T = 5;
    CHECK_FAILS(vs_model_config_check(&c), VS_ERR_USAGE, "number of frames 5");
    c = good, c.dec_heads = 0;
    CHECK_FAILS(vs_model_config_check(&c), VS_ERR_USAGE, "decoder heads 0");
    c = good, c.patch = 0;
    CHECK_FAILS(vs_model_config_check(&c), VS_ERR_USAGE, "patch size");
    c = good, c.task = VS_TASK_CLASSIFY, c.classes = 0;
    CHECK_FAILS(vs_model_config_check(&c), VS_ERR_USAGE, "classes");
}

Test(config, memory_is_what_a_model_takes)
{
    for (int task = 0; task < 2; task++)
        for (int training = 0; training < 2; training++) {
            vs_device *dev = NULL;
            vs_model *m = NULL;
            const vs_model_config c = small_config((vs_task)task);
            CHECK_OK(vs_device_open_cpu(&dev, 1));
            CHECK_OK(vs_model_open(&m, dev, &c, SMALL_B, SMALL_V, training));
            cr_expect((int64_t)vs_device_allocated(dev) ==
                      vs_model_memory(&c, SMALL_B, SMALL_V, training, VS_FP32));
            vs_model_close(&m);
            cr_expect(vs_device_allocated(dev) == 0);
            vs_device_close(&dev);
        }
}

/* ---- Device -------------------------------------------------------------------------- */

Test(device, names_are_checked)
{
    vs_device *dev = NULL;
    CHECK_FAILS(vs_device_open(&dev, "gpu", 0), VS_ERR_USAGE, "\"gpu\"");
    CHECK_FAILS(vs_device_open(&dev, "cuda:x", 0), VS_ERR_USAGE, "\"cuda:x\"");
    CHECK_OK(vs_device_open(&dev, "cpu", 3));
    cr_expect(vs_device_threads(dev) == 3 && !vs_device_is_cuda(dev));
    cr_expect_str_eq(vs_device_name(dev), "cpu, 3 threads");
    vs_device_close(&dev);
    cr_expect_null(dev);
}

/* The first failure stays until it is asked for; work in between is left out. */
Test(device, remembers_its_first_failure)
{
    vs_device *dev = NULL;
    float x = 1.0f, back = 0.0f;
    CHECK_OK(vs_device_open(&dev, "auto", 1));
    float *block = vs_device_alloc(dev, sizeof(x));
    cr_expect(block && (uintptr_t)block % 256 == 0 && *block == 0.0f);
    cr_expect_null(vs_device_alloc(dev, SIZE_MAX));
    vs_device_upload(dev, block, &x, sizeof(x));
    cr_expect_null(vs_device_alloc(dev, 8));
    CHECK_FAILS(vs_device_sync(dev), VS_ERR_NOMEM, "no room for");
    CHECK_OK(vs_device_sync(dev));
    CHECK_OK(vs_device_download(dev, &back, block, sizeof(x)));
    cr_expect(back == 0.0f);
    vs_device_close(&dev);
}

/* ---- Gradients of the whole model ------------------------------------------------------- */

static double loss_of(vs_model *m, const vs_batch *batch)
{
    float loss;
    CHECK_OK(vs_model_forward(m, batch));
    CHECK_OK(vs_model_loss(m, &loss));
    return (double)loss;
}

/* The loss changes along a random direction as the gradient says: one number that every
 * tensor takes part in, drop path and dropout on. */
static void directional(vs_task task)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, 2));
    vs_model *m = small_model(dev, task, 3);
    small_batch *s = malloc(sizeof(*s));
    small_fill(s, task, 5);
    s->batch.train = true;
    s->batch.drop_path = 0.3f;
    s->batch.head_drop = 0.3f;
    const int64_t n = vs_model_slab_count(m);
    vs_model_zero_grad(m);
    loss_of(m, &s->batch);
    CHECK_OK(vs_model_backward(m, 1.0f));
    float *w = small_slab(m, VS_SLAB_WEIGHT), *g = small_slab(m, VS_SLAB_GRAD);
    float *at = malloc(sizeof(float) * (size_t)n), *way = malloc(sizeof(float) * (size_t)n);
    for (int i = 0; i < vs_model_param_count(m); i++) {
        const vs_param *p = vs_model_param(m, i);
        double loss[2], expected = 0.0, norm = 0.0;
        const double h = 2e-2;
        fill_uniform(way, p->count, (uint64_t)i, -1, 1);
        for (int64_t k = 0; k < p->count; k++)
            norm += (double)way[k] * way[k];
        for (int side = 0; side < 2; side++) {
            memcpy(at, w, sizeof(float) * (size_t)n);
            for (int64_t k = 0; k < p->count; k++)
                at[p->offset + k] += (float)((side ? h : -h) * (double)way[k] / sqrt(norm));
            CHECK_OK(vs_model_slab_set(m, VS_SLAB_WEIGHT, at));
            loss[side] = loss_of(m, &s->batch);
        }
        for (int64_t k = 0; k < p->count; k++)
            expected += (double)g[p->offset + k] * way[k] / sqrt(norm);
        const double found = (loss[1] - loss[0]) / (2 * h);
        cr_expect(fabs(found - expected) <= 2e-2 * fabs(expected) + 1e-4,
                  "%s: %.6g along a direction, the gradient says %.6g", p->name, found, expected);
    }
    free(w); free(g); free(at); free(way); free(s);
    vs_model_close(&m);
    vs_device_close(&dev);
}

Test(gradient, pretrain_matches_finite_differences)
{
    directional(VS_TASK_PRETRAIN);
}

Test(gradient, finetune_with_drops_matches_finite_differences)
{
    directional(VS_TASK_CLASSIFY);
}

/* Two halves with scale 1/2 give the gradient of the whole. */
Test(gradient, a_batch_may_come_in_parts)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, 2));
    vs_model *m = small_model(dev, VS_TASK_PRETRAIN, 3);
    small_batch *s = malloc(sizeof(*s));
    small_fill(s, VS_TASK_PRETRAIN, 5);
    s->batch.B = 2;
    vs_model_zero_grad(m);
    loss_of(m, &s->batch);
    CHECK_OK(vs_model_backward(m, 1.0f));
    float *whole = small_slab(m, VS_SLAB_GRAD);
    vs_model_zero_grad(m);
    for (int b = 0; b < 2; b++) {
        vs_batch one = s->batch;
        one.B = 1;
        one.frames += b * SMALL_CLIP;
        one.mask += b * SMALL_N;
        loss_of(m, &one);
        CHECK_OK(vs_model_backward(m, 0.5f));
    }
    float *parts = small_slab(m, VS_SLAB_GRAD);
    for (int i = 0; i < vs_model_param_count(m); i++) {
        const vs_param *p = vs_model_param(m, i);
        cr_expect(relative_l2(parts + p->offset, whole + p->offset, p->count) < 1e-5, "%s",
                  p->name);
    }
    double norm, sum = 0.0;
    CHECK_OK(vs_model_grad_norm(m, &norm));
    for (int i = 0; i < vs_model_param_count(m); i++) {
        const vs_param *p = vs_model_param(m, i);
        for (int64_t k = 0; k < p->count; k++)
            sum += (double)parts[p->offset + k] * parts[p->offset + k];
    }
    cr_expect_float_eq(norm, sqrt(sum), 1e-6 * norm);
    free(whole); free(parts); free(s);
    vs_model_close(&m);
    vs_device_close(&dev);
}

/* ---- Steps -------------------------------------------------------------------------------- */

/* Logits do not depend on who else is in the batch, nor on the mode of the model. */
Test(step, a_clip_alone_gives_what_it_gives_in_a_batch)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, 2));
    vs_model *m = small_model(dev, VS_TASK_CLASSIFY, 3), *light = NULL;
    const vs_model_config c = small_config(VS_TASK_CLASSIFY);
    CHECK_OK(vs_model_open(&light, dev, &c, 2, 0, false));
    CHECK_OK(vs_model_init(light, 3, 1.0f));
    small_batch *s = malloc(sizeof(*s));
    small_fill(s, VS_TASK_CLASSIFY, 5);
    float all[SMALL_B * 5], one[5], feature[SMALL_B * 24];
    CHECK_OK(vs_model_forward(m, &s->batch));
    CHECK_OK(vs_model_logits(m, all));
    CHECK_OK(vs_model_features(m, feature));
    for (int b = 0; b < SMALL_B; b++) {
        const vs_batch single = { .B = 1, .frames = s->frames + b * SMALL_CLIP };
        CHECK_OK(vs_model_forward(light, &single));
        CHECK_OK(vs_model_logits(light, one));
        cr_expect(close_f32(one, all + b * 5, 5, 1e-5f, 1e-5f, "logits"));
    }
    free(s);
    vs_model_close(&light);
    vs_model_close(&m);
    vs_device_close(&dev);
}

Test(step, the_same_seed_and_threads_give_the_same_bits)
{
    for (int task = 0; task < 2; task++) {
        vs_device *dev[2] = { NULL };
        vs_model *m[2];
        for (int i = 0; i < 2; i++) {
            CHECK_OK(vs_device_open_cpu(&dev[i], 2));
            m[i] = small_model(dev[i], (vs_task)task, 3);
            small_train(m[i], (vs_task)task, 1, 4);
        }
        cr_expect(small_same(m[0], m[1], VS_SLAB_WEIGHT), "task %d", task);
        small_train(m[1], (vs_task)task, 5, 1);
        cr_expect(!small_same(m[0], m[1], VS_SLAB_WEIGHT), "a step changes the weights");
        for (int i = 0; i < 2; i++) {
            vs_model_close(&m[i]);
            vs_device_close(&dev[i]);
        }
    }
}

Test(step, training_lowers_the_loss)
{
    for (int task = 0; task < 2; task++) {
        vs_device *dev = NULL;
        CHECK_OK(vs_device_open_cpu(&dev, 2));
        vs_model *m = small_model(dev, (vs_task)task, 3);
        const vs_adamw a = { 3e-3f, 0.9f, 0.95f, 1e-8f, 0.05f, 1.0f, 0.0f };
        small_batch *s = malloc(sizeof(*s));
        small_fill(s, (vs_task)task, 5);
        const double first = loss_of(m, &s->batch);
        for (int step = 1; step <= 60; step++) {
            vs_model_zero_grad(m);
            loss_of(m, &s->batch);
            CHECK_OK(vs_model_backward(m, 1.0f));
            CHECK_OK(vs_model_adamw(m, &a, step));
        }
        const double last = loss_of(m, &s->batch);
        cr_expect(last < 0.7 * first, "task %d: %.4f after %.4f", task, last, first);
        free(s);
        vs_model_close(&m);
        vs_device_close(&dev);
    }
}

/* Clipping scales the gradient to the norm asked for; nothing else changes. */
Test(step, clipping_bounds_the_norm)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, 2));
    vs_model *m = small_model(dev, VS_TASK_PRETRAIN, 3);
    const vs_adamw a = { 1e-3f, 0.9f, 0.95f, 1e-8f, 0.05f, 1.0f, 0.01f };
    small_batch *s = malloc(sizeof(*s));
    double norm;
    small_fill(s, VS_TASK_PRETRAIN, 5);
    vs_model_zero_grad(m);
    loss_of(m, &s->batch);
    CHECK_OK(vs_model_backward(m, 1.0f));
    CHECK_OK(vs_model_grad_norm(m, &norm));
    cr_assert(norm > 0.02);
    CHECK_OK(vs_model_adamw(m, &a, 1));
    CHECK_OK(vs_model_grad_norm(m, &norm));
    cr_expect_float_eq(norm, 0.01, 1e-6);
    free(s);
    vs_model_close(&m);
    vs_device_close(&dev);
}

/* Rate 0 at the first block, the full rate at the last; the expectation stays. */
Test(step, drops_only_act_in_training)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, 2));
    vs_model *m = small_model(dev, VS_TASK_CLASSIFY, 3);
    small_batch *s = malloc(sizeof(*s));
    small_fill(s, VS_TASK_CLASSIFY, 5);
    const double plain = loss_of(m, &s->batch);
    s->batch.drop_path = 0.5f;
    s->batch.head_drop = 0.5f;
    cr_expect(loss_of(m, &s->batch) == plain);
    s->batch.train = true;
    const double dropped = loss_of(m, &s->batch);
    cr_expect(dropped != plain);
    cr_expect(loss_of(m, &s->batch) == dropped, "the same seed and index drop the same");
    s->batch.index = 100;
    cr_expect(loss_of(m, &s->batch) != dropped);
    free(s);
    vs_model_close(&m);
    vs_device_close(&dev);
}

Test(step, failures_name_what_is_wrong)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, 1));
    vs_model *m = small_model(dev, VS_TASK_PRETRAIN, 3), *none = NULL;
    const vs_model_config c = small_config(VS_TASK_PRETRAIN);
    CHECK_FAILS(vs_model_open(&none, dev, &c, 0, 4, true), VS_ERR_USAGE, "batch");
    CHECK_FAILS(vs_model_open(&none, dev, &c, 1, 12, true), VS_ERR_USAGE, "12 of 12");
    small_batch *s = malloc(sizeof(*s));
    small_fill(s, VS_TASK_PRETRAIN, 5);
    s->mask[SMALL_N + 1] ^= 1;
    CHECK_FAILS(vs_model_forward(m, &s->batch), VS_ERR_CORRUPT, "mask of clip 1");

    small_fill(s, VS_TASK_PRETRAIN, 5);
    float *w = small_slab(m, VS_SLAB_WEIGHT), loss;
    for (int i = 0; i < vs_model_param_count(m); i++)
        if (strcmp(vs_model_param(m, i)->name, "decoder.blocks.0.mlp.fc1.weight") == 0)
            w[vs_model_param(m, i)->offset + 7] = NAN;
    CHECK_OK(vs_model_slab_set(m, VS_SLAB_WEIGHT, w));
    CHECK_OK(vs_model_forward(m, &s->batch));
    CHECK_FAILS(vs_model_loss(m, &loss), VS_ERR_NUMERIC, "decoder.blocks.0.mlp.fc1.weight[7]");
    free(w);
    free(s);
    vs_model_close(&m);
    vs_device_close(&dev);
}
