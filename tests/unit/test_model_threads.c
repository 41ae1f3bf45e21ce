/* A step on one thread and on several: losses, gradients, weights, and what the clock counted.
 *
 * Bound of the difference between numbers of threads: 0. Every sum runs in an order that sizes
 * alone decide: a product's inner axis is not shared out (train/ops/gemm.h), other sums are
 * added over fixed pieces (VS_ROWS, VS_CHUNK) in order, and a clip's attention row has one
 * thread. So nothing is rounded differently, and equal bits are asked for, in both precisions.
 * The model is large enough that every kind of operation wakes its threads. */
#include "tests/check.h"
#include "train/model/model.h"
#include "train/ops/ops.h"

enum { B = 6, STEPS = 3, CLIP = 16 * 64 * 64 * 3, N = 128, CELLS = 16, MASKED = 12 };

static vs_model_config config_of(vs_task task)
{
    vs_model_config c;
    CHECK_OK(vs_model_config_named(&c, task, "micro"));
    c.classes = 7;
    return c;
}

struct inputs {
    vs_batch batch;
    uint8_t frames[B * CLIP], mask[B * N];
    float target[B * 7];
};

static struct inputs *inputs_new(vs_task task)
{
    struct inputs *in = calloc(1, sizeof(*in));
    vs_rng r = vs_rng_at(5, VS_RNG_TEST, 3);
    for (int i = 0; i < B * CLIP; i++)
        in->frames[i] = (uint8_t)(vs_rng_u32(&r) >> 24);
    for (int i = 0; i < B * N; i++)
        in->mask[i] = (i + i / N) % CELLS < MASKED;
    for (int b = 0; b < B; b++)
        in->target[b * 7 + b] = 1.0f;
    in->batch = (vs_batch){ .B = B, .frames = in->frames, .mask = in->mask, .train = true,
                            .drop_path = 0.1f, .seed = 5,
                            .target = task == VS_TASK_CLASSIFY ? in->target : NULL };
    return in;
}

/* What a few steps left behind. */
struct left {
    float loss[STEPS], *weight, *gradient;
    int64_t n;
};

static float *slab(vs_model *m, vs_slab which)
{
    float *x = calloc((size_t)vs_model_slab_count(m), sizeof(float));
    CHECK_OK(vs_model_slab_get(m, which, x));
    return x;
}

static void train(struct left *out, vs_task task, vs_precision precision, int threads,
                  vs_op_time *times)
{
    const vs_adamw a = { 1e-3f, 0.9f, 0.95f, 1e-8f, 0.05f, 0.8f, 1.0f };
    const vs_model_config c = config_of(task);
    struct inputs *in = inputs_new(task);
    vs_device *dev = NULL;
    vs_model *m = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, threads));
    vs_device_set_precision(dev, precision);
    vs_ops_time(dev, times);
    CHECK_OK(vs_model_open(&m, dev, &c, B, N * (CELLS - MASKED) / CELLS, true));
    CHECK_OK(vs_model_init(m, 3, 1.0f));
    for (int step = 0; step < STEPS; step++) {
        in->batch.index = (uint64_t)(step * B);
        vs_model_zero_grad(m);
        CHECK_OK(vs_model_forward(m, &in->batch));
        CHECK_OK(vs_model_backward(m, 1.0f));
        CHECK_OK(vs_model_loss(m, &out->loss[step]));
        CHECK_OK(vs_model_adamw(m, &a, step + 1));
    }
    out->n = vs_model_slab_count(m);
    out->weight = slab(m, VS_SLAB_WEIGHT);
    out->gradient = slab(m, VS_SLAB_GRAD);
    vs_model_close(&m);
    vs_device_close(&dev);
    free(in);
}

static void left_free(struct left *l)
{
    free(l->weight);
    free(l->gradient);
}

static void expect_same(const struct left *a, const struct left *b, const char *what)
{
    const size_t bytes = sizeof(float) * (size_t)a->n;
    for (int i = 0; i < STEPS; i++)
        cr_expect(memcmp(&a->loss[i], &b->loss[i], sizeof(float)) == 0,
                  "%s: loss %d: %.9g, not %.9g", what, i, (double)b->loss[i], (double)a->loss[i]);
    cr_expect(memcmp(a->gradient, b->gradient, bytes) == 0, "%s: gradients", what);
    cr_expect(memcmp(a->weight, b->weight, bytes) == 0, "%s: weights", what);
}

Test(threads, losses_gradients_and_weights_are_the_same_bits)
{
    for (int task = 0; task < 2; task++)
        for (int precision = 0; precision < 2; precision++) {
            struct left one, more;
            train(&one, (vs_task)task, (vs_precision)precision, 1, NULL);
            cr_assert(one.loss[0] != one.loss[1]);
            for (int threads = 2; threads <= 5; threads += threads - 1) {     /* 2, 3, 5 */
                char *what = vs_strf("task %d, %s, %d threads", task,
                                     vs_precision_name((vs_precision)precision), threads);
                train(&more, (vs_task)task, (vs_precision)precision, threads, NULL);
                expect_same(&one, &more, what);
                left_free(&more);
                free(what);
            }
            left_free(&one);
        }
}

/* Timing changes no bit and counts the products of the formula; the formula counts a gradient of
 * the patches too, which nobody needs. */
Test(timed, the_same_numbers_and_the_work_of_the_formula)
{
    for (int task = 0; task < 2; task++) {
        const vs_model_config c = config_of((vs_task)task);
        const int visible = N * (CELLS - MASKED) / CELLS;
        const int S = task == VS_TASK_PRETRAIN ? visible : N;
        vs_op_time times[VS_OPS] = { 0 };
        struct left plain, timed;
        double flops = 0.0;
        train(&plain, (vs_task)task, VS_BF16, 2, NULL);
        train(&timed, (vs_task)task, VS_BF16, 2, times);
        expect_same(&plain, &timed, "timed");
        for (int i = 0; i < VS_OPS; i++) {
            flops += times[i].flops;
            cr_expect((times[i].calls > 0) == (times[i].seconds > 0), "%s", vs_op_name((vs_op)i));
        }
        const double patches = 2.0 * S * (3 * 2 * 16 * 16) * c.dim;
        const double expected = B * STEPS * (vs_model_flops(&c, visible, true) - patches);
        cr_expect_float_eq(flops, expected, 1e-6 * expected, "%.9g, expected %.9g", flops,
                           expected);
        cr_expect_eq(times[VS_OP_attention_fwd].calls,
                     STEPS * (c.depth + (task == VS_TASK_PRETRAIN ? c.dec_depth : 0)));
        left_free(&plain);
        left_free(&timed);
    }
}

Test(timed, packed_products_are_counted_until_time_is_up)
{
    for (int precision = 0; precision < 2; precision++) {
        vs_device *dev = NULL;
        vs_op_time sum = { 0 };
        CHECK_OK(vs_device_open_cpu(&dev, 2));
        vs_device_set_precision(dev, (vs_precision)precision);
        vs_ops_packed_gemm(dev, &sum, 0.05);
        cr_expect(sum.calls >= 1 && sum.seconds >= 0.05);
        cr_expect(sum.flops == (double)sum.calls * 2 * 784 * 768 * 768);
        cr_expect_eq(vs_device_allocated(dev), 0);
        vs_device_close(&dev);
    }
}
