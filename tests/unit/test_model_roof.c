/* A device that only counts: a step on it is the step of a CPU, operation by operation, and the
 * formula's; its times are those of its rates, worked out by hand here. */
#include "tests/check.h"
#include "train/model/model.h"
#include "train/ops/ops.h"

enum { B = 2, CLIP = 16 * 64 * 64 * 3, N = 128, CELLS = 16, MASKED = 12, CLASSES = 7 };

static vs_model_config config_of(vs_task task)
{
    vs_model_config c;
    CHECK_OK(vs_model_config_named(&c, task, "micro"));
    c.classes = CLASSES;
    return c;
}

/* One step without a limit of the gradient, which would depend on its values. */
static void step(vs_op_time times[VS_OPS], vs_device *dev, vs_task task)
{
    const vs_adamw a = { 1e-3f, 0.9f, 0.95f, 1e-8f, 0.05f, 0.0f, 1.0f };
    const vs_model_config c = config_of(task);
    uint8_t *frames = calloc(B, CLIP), mask[B * N];
    float target[B * CLASSES] = { 1.0f }, loss;
    vs_model *m = NULL;
    for (int i = 0; i < B * N; i++)
        mask[i] = i % CELLS < MASKED;
    const vs_batch batch = { .B = B, .frames = frames, .mask = mask, .train = true,
                             .drop_path = 0.1f,
                             .target = task == VS_TASK_CLASSIFY ? target : NULL };
    vs_ops_time(dev, times);
    CHECK_OK(vs_model_open(&m, dev, &c, B, N * (CELLS - MASKED) / CELLS, true));
    vs_model_zero_grad(m);
    CHECK_OK(vs_model_forward(m, &batch));
    CHECK_OK(vs_model_backward(m, 1.0f));
    CHECK_OK(vs_model_adamw(m, &a, 1));
    CHECK_OK(vs_model_loss(m, &loss));
    vs_model_close(&m);
    free(frames);
}

static vs_device *open_roof(const vs_roof *roof, vs_precision precision)
{
    vs_device *dev = NULL;
    cr_assert(roof);
    CHECK_OK(vs_device_open_roof(&dev, roof));
    vs_device_set_precision(dev, precision);
    return dev;
}

Test(roof, a_step_is_the_one_of_the_cpu_and_of_the_formula)
{
    for (int way = 0; way < 4; way++) {
        const vs_task task = (vs_task)(way % 2);
        const vs_precision precision = (vs_precision)(way / 2);
        const vs_model_config c = config_of(task);
        vs_op_time real[VS_OPS] = { 0 }, counted[VS_OPS] = { 0 };
        vs_device *cpu = NULL, *roof = open_roof(vs_roof_find("h200"), precision);
        double flops = 0.0;
        CHECK_OK(vs_device_open_cpu(&cpu, 1));
        vs_device_set_precision(cpu, precision);
        step(real, cpu, task);
        step(counted, roof, task);
        for (int i = 0; i < VS_OPS; i++) {
            cr_expect(real[i].calls == counted[i].calls && real[i].flops == counted[i].flops &&
                      real[i].bytes == counted[i].bytes, "%s", vs_op_name((vs_op)i));
            cr_expect((counted[i].calls > 0) == (counted[i].bytes > 0 && counted[i].seconds > 0));
            flops += counted[i].flops;
        }
        const int visible = N * (CELLS - MASKED) / CELLS;
        const double patches =
            2.0 * (task == VS_TASK_PRETRAIN ? visible : N) * (3 * 2 * 16 * 16) * c.dim;
        const double expected = B * (vs_model_flops(&c, visible, true) - patches);
        cr_expect_float_eq(flops, expected, 1e-6 * expected);
        /* The frames went up; the gradients were zeroed. */
        cr_expect_geq(vs_device_roof_uploaded(roof), B * CLIP);
        cr_expect_geq(vs_device_roof_zeroed(roof), 4.0 * vs_model_parameters(&c));
        vs_device_close(&cpu);
        vs_device_close(&roof);
    }
}

Test(roof, times_follow_from_the_rates)
{
    const vs_roof r = { "test", "test", { 1, 1 }, { 1e9, 4e9 }, 0.5, 1e8, 1e9 };
    vs_op_time t[VS_OPS] = { 0 };
    vs_device *dev = open_roof(&r, VS_BF16);
    vs_ops_time(dev, t);
    const vs_ops *const op = vs_ops_of(dev);
    /* 2 * 1000 * 100 * 200 at 4e9: 10 ms; 2 (1000 * 100 + 200 * 100 + 1000 * 200) at 1e8: 6.4 */
    op->matmul_fwd(dev, NULL, NULL, NULL, NULL, 1000, 100, 200);
    cr_expect_float_eq(t[VS_OP_matmul_fwd].seconds, 10e-3, 1e-9);
    /* h F(h) is a pass of its own: 800000 bytes more. */
    op->matmul_gelu_fwd(dev, NULL, NULL, NULL, NULL, NULL, 1000, 100, 200);
    cr_expect_float_eq(t[VS_OP_matmul_gelu_fwd].seconds, 18e-3, 1e-9);
    /* 2 * 10 * 10 * 10 takes no time; 2 * 200 + 4 * 100 bytes and 400 of r do. */
    op->matmul_add_fwd(dev, NULL, NULL, NULL, NULL, (float[1]){ 0 }, NULL, 10, 10, 10, 10);
    cr_expect_float_eq(t[VS_OP_matmul_add_fwd].seconds, 12e-6, 1e-12);
    /* 4 * 2 * 3 * 50^2 * 64 at half of 4e9. */
    op->attention_fwd(dev, NULL, NULL, NULL, 2, 50, 3, 64);
    cr_expect_float_eq(t[VS_OP_attention_fwd].seconds, 4.0 * 6 * 2500 * 64 / 2e9, 1e-9);
    /* Backward counts 8, and takes the time of 10. */
    op->attention_bwd(dev, NULL, NULL, NULL, NULL, NULL, 2, 50, 3, 64);
    cr_expect_float_eq(t[VS_OP_attention_bwd].flops, 8.0 * 6 * 2500 * 64, 1);
    cr_expect_float_eq(t[VS_OP_attention_bwd].seconds, 10.0 * 6 * 2500 * 64 / 2e9, 1e-9);
    op->layernorm_fwd(dev, NULL, NULL, NULL, NULL, NULL, NULL, 1e-6f, 100, 100);
    cr_expect_float_eq(t[VS_OP_layernorm_fwd].seconds, 6.0 * 10000 / 1e8, 1e-9);
    vs_device_close(&dev);
}

Test(roof, gpus_are_known_by_their_names)
{
    cr_expect_str_eq(vs_roof_find("cuda:0, NVIDIA H200, 150 GB")->name, "h200");
    cr_expect_str_eq(vs_roof_find("cuda:3, NVIDIA H100 80GB HBM3, 85 GB")->name, "h100");
    cr_expect(!vs_roof_find("cuda:0, NVIDIA H200 NVL, 150 GB") && !vs_roof_find("cpu, 2 threads"));
    cr_expect(!vs_roof_find("cuda:0, NVIDIA H100 PCIe, 85 GB"));
}
