/* The linear head of the probe: PyTorch's steps, and batch norm folded into the weights. */
#include "base/safetensors.h"
#include "tests/check.h"
#include "train/head.h"

enum { D = 96, C = 5, B = 16 };

static const void *data(const vs_safetensors *file, const char *name)
{
    const vs_tensor *t = vs_safetensors_find(file, name);
    cr_assert(t, "no tensor %s", name);
    void *copy = vs_new((size_t)vs_tensor_count(t) * 8);
    memcpy(copy, t->data, (size_t)vs_tensor_count(t) * vs_dtype_bytes(t->dtype));
    return copy;
}

Test(train_head, six_steps_equal_pytorch)
{
    char *path = check_golden("model/linear_probe_head.safetensors");
    vs_safetensors *file;
    vs_head head;
    CHECK_OK(vs_safetensors_open(&file, path));
    const float *x = data(file, "features"), *logits = data(file, "train_logits");
    const float *losses = data(file, "losses"), *after = data(file, "weight_after6");
    const float *bias = data(file, "bias_after6"), *eval = data(file, "eval_logits");
    const int64_t *labels = data(file, "labels");
    const void *w0 = data(file, "weight0"), *b0 = data(file, "bias0");
    const float *mean = data(file, "running_mean"), *var = data(file, "running_var");
    CHECK_OK(vs_head_open(&head, D, C, B, 0));
    memcpy(head.w, w0, sizeof(float) * C * D);
    memcpy(head.b, b0, sizeof(float) * C);
    head.norm = true;
    head.smoothing = 0.1f;
    for (int step = 0; step < 6; step++) {
        int label[B];
        for (int i = 0; i < B; i++)
            label[i] = (int)labels[step % 3 * B + i];
        const double loss = vs_head_step(&head, x + step % 3 * B * D, label, B, 0.1);
        cr_expect(fabs(loss - (double)losses[step]) < 1e-5, "step %d: loss %g", step, loss);
        cr_expect(relative_l2(head.logits, logits + step * B * C, B * C) < 1e-5, "step %d", step);
    }
    cr_expect(relative_l2(head.w, after, C * D) < 1e-5);
    cr_expect(relative_l2(head.b, bias, C) < 1e-5);
    cr_expect(relative_l2(head.mean, mean, D) < 1e-5);
    cr_expect(relative_l2(head.var, var, D) < 1e-5);
    float w[C * D], b[C], folded[C], direct[C];
    vs_head_fold(w, b, &head);
    for (int i = 0; i < B; i++) {
        vs_head_logits(direct, &head, x + i * D);
        cr_expect(relative_l2(direct, eval + i * C, C) < 1e-5, "clip %d", i);
        for (int c = 0; c < C; c++) {
            double sum = (double)b[c];
            for (int d = 0; d < D; d++)
                sum += (double)w[c * D + d] * (double)x[i * D + d];
            folded[c] = (float)sum;
        }
        cr_expect(relative_l2(folded, direct, C) < 1e-5, "clip %d: folded", i);
    }
    vs_head_close(&head);
    const void *all[] = { x, logits, losses, after, bias, eval, labels, w0, b0, mean, var };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free((void *)all[i]);
    vs_safetensors_close(&file);
    free(path);
}

/* Two groups that a plane separates are told apart by either optimiser. */
Test(train_head, both_optimisers_learn_what_can_be_learnt)
{
    for (int optimiser = VS_HEAD_SGD; optimiser <= VS_HEAD_ADAMW; optimiser++) {
        float x[B * D], logits[2];
        int label[B], right = 0;
        vs_head head;
        fill_uniform(x, B * D, 1, -1, 1);
        for (int i = 0; i < B; i++) {
            label[i] = i % 2;
            x[i * D + 3] = i % 2 ? 2.0f : -2.0f;
        }
        CHECK_OK(vs_head_open(&head, D, 2, B, 1));
        head.optimiser = optimiser;
        head.weight_decay = 0.01f;
        double first = 0, loss = 0;
        for (int step = 0; step < 60; step++) {
            loss = vs_head_step(&head, x, label, B, optimiser == VS_HEAD_SGD ? 0.1 : 0.01);
            first = step == 0 ? loss : first;
        }
        for (int i = 0; i < B; i++) {
            vs_head_logits(logits, &head, x + i * D);
            right += logits[label[i]] > logits[1 - label[i]];
        }
        cr_expect_eq(right, B, "optimiser %d: %d right", optimiser, right);
        cr_expect(loss < 0.2 * first, "optimiser %d: loss %g -> %g", optimiser, first, loss);
        vs_head_close(&head);
    }
}
