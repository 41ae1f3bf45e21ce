/* Passes recorded and queued as one (train/device/repeat.c, graph.cu): the same bits as without,
 * and a record that is made anew when what it keeps has changed. The backend is the one that
 * VSYN_CUDA_PLUGIN names: in CI the emulated one, whose graphs keep what a launch was given. */
#include "tests/cuda/device.h"
#include "tests/model.h"

/* Losses and norms of `STEPS` steps with a rate, a batch and a scale that change on the way, and
 * the slabs after them. */
enum { STEPS = 9 };
struct trace {
    float loss[STEPS];
    double norm[STEPS];
    float *weight, *v;
    int64_t repeated, n;
};

static void one_step(vs_model *m, vs_task task, int step)
{
    const vs_adamw a = { 1e-3f * (float)(step + 1), 0.9f, 0.95f, 1e-8f, 0.05f, 0.8f, 1.0f };
    small_batch *const s = malloc(sizeof(*s));
    small_fill(s, task, (uint64_t)step);
    s->batch.B = step == 5 ? SMALL_B - 1 : SMALL_B;
    s->batch.train = true;
    s->batch.drop_path = 0.2f;
    s->batch.head_drop = step > 6 ? 0.3f : 0.0f;
    vs_model_zero_grad(m);
    CHECK_OK(vs_model_forward(m, &s->batch));
    CHECK_OK(vs_model_backward(m, step == 4 ? 0.5f : 1.0f));
    vs_model_loss_later(m, 2 * step);
    vs_model_grad_norm_later(m, 2 * step + 1);
    CHECK_OK(vs_model_adamw(m, &a, step + 1));
    memset(s, 0x55, sizeof(*s));           /* whoever reads it later is found out */
    free(s);
}

static bool run(struct trace *out, vs_task task, vs_precision precision, bool on)
{
    vs_device *dev = check_cuda(precision);
    if (!dev)
        return false;
    vs_device_set_repeat(dev, on);
    vs_model *m = small_model(dev, task, 3);
    for (int step = 0; step < STEPS; step++)
        one_step(m, task, step);
    CHECK_OK(vs_device_sync(dev));
    for (int step = 0; step < STEPS; step++) {
        out->loss[step] = vs_model_loss_read(m, 2 * step);
        out->norm[step] = vs_model_grad_norm_read(m, 2 * step + 1);
    }
    out->weight = small_slab(m, VS_SLAB_WEIGHT);
    out->v = small_slab(m, VS_SLAB_V);
    out->n = vs_model_slab_count(m);
    out->repeated = vs_device_repeated(dev);
    vs_model_close(&m);
    vs_device_close(&dev);
    return true;
}

static void check_same(vs_task task, vs_precision precision)
{
    struct trace with = { .n = 0 }, without = { .n = 0 };
    if (!run(&with, task, precision, true) || !run(&without, task, precision, false))
        return;
    cr_assert(without.repeated == 0 && with.repeated > 2 * STEPS, "%lld and %lld graphs",
              (long long)with.repeated, (long long)without.repeated);
    for (int step = 0; step < STEPS; step++)
        cr_assert(with.loss[step] == without.loss[step] && with.norm[step] == without.norm[step],
                  "step %d: loss %.9g and %.9g, norm %.17g and %.17g", step,
                  (double)with.loss[step], (double)without.loss[step], with.norm[step],
                  without.norm[step]);
    cr_assert_arr_eq(with.weight, without.weight, sizeof(float) * (size_t)with.n);
    cr_assert_arr_eq(with.v, without.v, sizeof(float) * (size_t)with.n);
    free(with.weight);
    free(with.v);
    free(without.weight);
    free(without.v);
}

Test(repeat, pre_training_has_the_same_bits)
{
    check_same(VS_TASK_PRETRAIN, VS_FP32);
    check_same(VS_TASK_PRETRAIN, VS_BF16);
}

Test(repeat, fine_tuning_has_the_same_bits)
{
    check_same(VS_TASK_CLASSIFY, VS_FP32);
    check_same(VS_TASK_CLASSIFY, VS_BF16);
}

/* Another model that wants more working space moves it, and one that closes frees what a graph may
 * have used. */
Test(repeat, two_models_on_one_device)
{
    vs_device *dev = check_cuda(VS_BF16), *plain = check_cuda(VS_BF16);
    if (dev && plain) {
        vs_device_set_repeat(plain, false);
        vs_model *a = small_model(dev, VS_TASK_PRETRAIN, 3);
        vs_model *b = small_model(plain, VS_TASK_PRETRAIN, 3);
        for (int step = 0; step < 8; step++) {
            if (step == 4) {
                vs_model *other = small_model(dev, VS_TASK_CLASSIFY, 4);
                for (int i = 0; i < 4; i++)
                    one_step(other, VS_TASK_CLASSIFY, i);
                vs_model_close(&other);
                vs_device_free(dev, vs_device_alloc(dev, 1 << 20));
            }
            one_step(a, VS_TASK_PRETRAIN, step);
            one_step(b, VS_TASK_PRETRAIN, step);
        }
        cr_expect(small_same(a, b, VS_SLAB_WEIGHT));
        vs_model_close(&a);
        vs_model_close(&b);
    }
    vs_device_close(&plain);
    vs_device_close(&dev);
}

/* A body that waits for the device cannot be recorded: it is done all the same. */
Test(repeat, what_cannot_be_recorded_is_done)
{
    vs_device *dev = check_cuda(VS_FP32);
    vs_repeat r = { .known = false };
    if (!dev)
        return;
    float *const x = vs_device_alloc(dev, 4 * sizeof(float)), host[4] = { 1, 1, 1, 1 };
    for (int i = 0; i < 4; i++) {
        vs_device_upload(dev, x, host, sizeof(host));
        while (vs_device_repeat(dev, &r, 0, false)) {
            vs_device_zero(dev, x, sizeof(host));
            (void)vs_device_sync(dev);
        }
        float got[4];
        CHECK_OK(vs_device_download(dev, got, x, sizeof(got)));
        cr_expect(got[0] == 0.0f && got[3] == 0.0f);
    }
    cr_expect(vs_device_repeated(dev) == 0);
    vs_device_repeat_free(dev, &r);
    vs_device_close(&dev);
}

/* Uploads beside the work: each lands after what was queued before it and before what comes after,
 * also when there are more bytes than pinned memory and the host's copy is gone. */
Test(upload, ahead_keeps_the_order)
{
    enum { MOST = 5 << 20, TURNS = 4 };        /* doubles: 40 MB */
    vs_device *dev = check_cuda(VS_FP32);
    if (!dev)
        return;
    double *const x = vs_device_alloc(dev, sizeof(double) * MOST);
    double *const host = malloc(sizeof(double) * MOST);
    for (int i = 0; i < TURNS; i++) {
        const size_t n = i == 0 ? 1000 : MOST;
        for (size_t k = 0; k < n; k++)
            host[k] = (double)(i + 1);
        vs_device_upload_ahead(dev, x, host, sizeof(double) * n);
        vs_device_read_later(dev, 2 * i, x, sizeof(double));
        vs_device_read_later(dev, 2 * i + 1, x + n - 1, sizeof(double));
    }
    memset(host, 0, sizeof(double) * MOST);
    CHECK_OK(vs_device_sync(dev));
    for (int i = 0; i < 2 * TURNS; i++)
        cr_expect(*(const double *)vs_device_read(dev, i) == i / 2 + 1, "slot %d: %g", i,
                  *(const double *)vs_device_read(dev, i));
    free(host);
    vs_device_free(dev, x);
    vs_device_close(&dev);
}
