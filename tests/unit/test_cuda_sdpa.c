/* cuDNN's attention without a GPU: the graph of its backward pass, worked out on the CPU from the
 * table that cuDNN gets; the tensors' places in qkv; and the real library, which is asked for
 * engines for every model, and compiles them, for the description of an H200.
 *
 * The library wants a driver to load what it compiled: the toolkit's empty libcuda stands in, up
 * to there. */
#include <dlfcn.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include "tests/cuda/device.h"
#include "train/ops/sdpa.h"

#ifdef VS_CUDA_LIB
#define VS_CUDA_STUB VS_CUDA_LIB "/stubs/libcuda.so"
#else
#define VS_CUDA_STUB "libcuda.so"
#endif

/* ---- The graph on the CPU ------------------------------------------------------------- */

/* Memory of every tensor, as floats. */
struct graph {
    vs_sdpa_tensor t[VS_SDPA_IDS];
    float *at[VS_SDPA_IDS];
};

static int64_t place(const vs_sdpa_tensor *t, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const int64_t index[4] = { b, h, i, j };
    int64_t at = 0;
    for (int k = 0; k < 4; k++)
        at += (t->dim[k] == 1 ? 0 : index[k]) * t->stride[k];
    return at;
}

static float *value(const struct graph *g, vs_sdpa_id id, const int64_t x[4])
{
    return g->at[id] + place(&g->t[id], x[0], x[1], x[2], x[3]);
}

static float work_out(const struct graph *g, const vs_sdpa_op *op, const int64_t x[4])
{
    const float a = op->kind == VS_SDPA_MATMUL || op->kind == VS_SDPA_SUM ||
                            op->kind == VS_SDPA_TURN ? 0.0f : *value(g, op->a, x);
    double sum = 0.0;
    switch (op->kind) {
    case VS_SDPA_MUL: return a * *value(g, op->b, x);
    case VS_SDPA_SUB: return a - *value(g, op->b, x);
    case VS_SDPA_EXP: return expf(a);
    case VS_SDPA_TURN: return *value(g, op->a, (int64_t[4]){ x[0], x[1], x[3], x[2] });
    case VS_SDPA_SUM:
        for (int64_t k = 0; k < g->t[op->a].dim[3]; k++)
            sum += *value(g, op->a, (int64_t[4]){ x[0], x[1], x[2], k });
        return (float)sum;
    case VS_SDPA_MATMUL:
        for (int64_t k = 0; k < g->t[op->a].dim[3]; k++)
            sum += (double)*value(g, op->a, (int64_t[4]){ x[0], x[1], x[2], k }) *
                   *value(g, op->b, (int64_t[4]){ x[0], x[1], k, x[3] });
        return (float)sum;
    }
    return NAN;
}

static void run_op(const struct graph *g, const vs_sdpa_op *op)
{
    const int64_t *const dim = g->t[op->y].dim;
    int64_t x[4];
    cr_assert(g->t[op->y].used && g->t[op->a].used && (!op->b || g->t[op->b].used));
    if (op->kind == VS_SDPA_MATMUL) {
        cr_assert_eq(g->t[op->a].dim[3], g->t[op->b].dim[2], "inner sizes of a product");
        cr_assert(g->t[op->a].dim[2] == dim[2] && g->t[op->b].dim[3] == dim[3]);
    }
    for (x[0] = 0; x[0] < dim[0]; x[0]++)
        for (x[1] = 0; x[1] < dim[1]; x[1]++)
            for (x[2] = 0; x[2] < dim[2]; x[2]++)
                for (x[3] = 0; x[3] < dim[3]; x[3]++)
                    *value(g, op->y, x) = work_out(g, op, x);
}

/* The memory that attention.cu gives to the bound tensors. */
static void bind(struct graph *g, const vs_sdpa_shape *s, float *qkv, float *dqkv, float *y,
                 float *dy, float *lse)
{
    static float one = 1.0f;
    static float scale;
    const int64_t C = (int64_t)s->H * s->D, n = (int64_t)s->B * s->H * s->S;
    scale = 1.0f / sqrtf((float)s->D);
    vs_sdpa_tensors(g->t, s);
    for (int part = 0; part < 3; part++) {
        g->at[VS_SDPA_Q + part] = qkv + part * C;
        g->at[VS_SDPA_DQ + part] = dqkv + part * C;
    }
    g->at[VS_SDPA_Y] = y;
    g->at[VS_SDPA_DY] = dy;
    g->at[VS_SDPA_LSE] = lse;
    g->at[VS_SDPA_SCALE] = &scale;
    g->at[VS_SDPA_ONE] = &one;
    for (int id = 1; id < VS_SDPA_IDS; id++)
        if (!g->at[id])
            g->at[id] = calloc((size_t)(n * (s->S > s->D ? s->S : s->D)), sizeof(float));
    /* K, turned back, is another view of K. */
    free(g->at[VS_SDPA_K_ROWS]);
    g->at[VS_SDPA_K_ROWS] = calloc((size_t)(3 * n * s->D), sizeof(float));
}

Test(cuda_sdpa, its_graph_is_the_gradient_of_attention)
{
    const vs_sdpa_shape s = { 2, 11, 3, 8, true };
    const long n = (long)s.B * s.S * s.H * s.D;
    vs_device *dev = check_cpu(1);
    float *qkv = check_values(3 * n, 1, -2, 2), *dy = check_values(n, 2, -1, 1);
    float *y = check_values(n, 0, 0, 0), *lse = check_values((long)s.B * s.H * s.S, 0, 0, 0);
    float *expected = check_values(3 * n, 0, 0, 0), *got = check_values(3 * n, 0, 0, 0);
    struct graph g = { .at = { NULL } };
    int ops;
    vs_ops_cpu.attention_fwd(dev, y, lse, qkv, s.B, s.S, s.H, s.D);
    vs_ops_cpu.attention_bwd(dev, expected, dy, y, qkv, lse, s.B, s.S, s.H, s.D);
    bind(&g, &s, qkv, got, y, dy, lse);
    const vs_sdpa_op *const op = vs_sdpa_backward(&ops);
    for (int i = 0; i < ops; i++)
        run_op(&g, &op[i]);
    cr_expect(close_f32(got, expected, 3 * n, 1e-5f, 1e-5f, "dqkv"));
    /* What cuDNN asks of the buffers: dense statistics, values of a head side by side. */
    for (int id = 1; id <= VS_SDPA_DV; id++)
        cr_expect(g.t[id].by_value || g.t[id].stride[3] == 1 || g.t[id].stride[2] == 1);
    cr_expect(g.t[VS_SDPA_R].stride[2] == 1 && g.t[VS_SDPA_R].stride[1] == s.S &&
              g.t[VS_SDPA_LSE].stride[0] == s.H * s.S);
    for (int id = VS_SDPA_R; id < VS_SDPA_IDS; id++)
        if (id != VS_SDPA_ONE)
            free(g.at[id]);
    vs_device_close(&dev);
    free(qkv); free(dy); free(y); free(lse); free(expected); free(got);
}

Test(cuda_sdpa, forward_reads_the_same_places)
{
    const vs_sdpa_shape s = { 2, 5, 3, 8, false };
    vs_sdpa_tensor t[VS_SDPA_IDS];
    vs_sdpa_tensors(t, &s);
    for (int id = VS_SDPA_Q; id <= VS_SDPA_Y; id++)
        for (int i = 0; i < s.B * s.S * s.H * s.D; i++) {
            const int d = i % 8, h = i / 8 % 3, token = i / 24 % 5, b = i / 120;
            const int parts = id == VS_SDPA_Y ? 1 : 3;
            cr_assert_eq(place(&t[id], b, h, token, d), ((b * 5 + token) * parts * 3 + h) * 8 + d);
        }
    cr_expect(t[VS_SDPA_Q].half && !t[VS_SDPA_LSE].half && !t[VS_SDPA_DY].used);
}

Test(cuda_sdpa, its_workspace_stays_bounded)
{
    const vs_sdpa_shape few = { 2, 1568, 6, 64, true }, many = { 128, 1568, 12, 64, true };
    const vs_sdpa_shape huge = { 4, 100000, 16, 80, true };
    cr_expect_eq(vs_sdpa_clips(&few), 2);
    cr_expect(vs_sdpa_clips(&many) >= 8 && vs_sdpa_clips(&many) <= 17);
    cr_expect_eq(vs_sdpa_clips(&huge), 1);
}

/* ---- The library ---------------------------------------------------------------------- */

static const char h200[] =
    "{\"deviceName\":\"NVIDIA H200\",\"deviceVer\":900,\"driverVer\":13000,\"cudaDeviceId\":0,"
    "\"pciDeviceId\":9013,\"multiProcessorCount\":132,\"warpSize\":32,\"regsPerBlock\":65536,"
    "\"maxBlockSize\":[1024,1024,64],\"maxGridSize\":[2147483647,65535,65535],"
    "\"maxSharedMemoryPerBlock\":49152,\"maxSharedMemoryPerBlockOptin\":232448,"
    "\"reservedSharedMemoryPerBlock\":1024,\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":32,"
    "\"maxThreadsPerBlock\":1024,\"maxThreadsPerSM\":2048,\"isTccDriver\":0,"
    "\"supportCoopLaunch\":1,\"totalGlobalMem\":150000000000,\"smClockRateKHz\":1980000,"
    "\"memClockRateKHz\":3201000,\"l2CacheSize\":62914560}";

/* cuDNN loses memory in libraries that it unloads again, where no suppression finds it. */
static void forgive_leaks(void)
{
#if defined(__SANITIZE_ADDRESS__)
    __lsan_disable();
#endif
}

/* NULL, and a loud line, where there is no cuDNN; *engines tells whether it may look for engines,
 * for which it wants a driver, if an empty one. */
static vs_sdpa *open_library(bool *engines)
{
    vs_sdpa *s = NULL;
    forgive_leaks();
    const vs_err err = vs_sdpa_open(&s, h200);
    if (err == VS_ERR_UNSUPPORTED && !s)
        fprintf(stderr, "SKIPPED: %s\n", vs_err_detail());
    else
        CHECK_OK(err);
    *engines = dlopen("libcuda.so.1", RTLD_NOW | RTLD_GLOBAL) ||
               dlopen(VS_CUDA_STUB, RTLD_NOW | RTLD_GLOBAL);
    if (s && !*engines)
        fprintf(stderr, "SKIPPED: engines of cuDNN: neither a driver nor %s\n", VS_CUDA_STUB);
    return s;
}

/* Encoder's visible tokens (mask 0.75 and 0.9), decoder, all tokens: dim, heads, decoder's. */
static const struct { const char *name; int tokens, dim, heads, dec_dim, dec_heads; } models[] = {
    { "micro", 128, 96, 3, 48, 3 },       { "tiny", 1568, 192, 3, 96, 3 },
    { "small", 1568, 384, 6, 192, 3 },    { "base", 1568, 768, 12, 384, 6 },
    { "large", 1568, 1024, 16, 512, 8 },  { "huge", 1568, 1280, 16, 640, 8 },
};

Test(cuda_sdpa, has_engines_for_every_model)
{
    bool engines;
    vs_sdpa *s = open_library(&engines);
    for (int i = 0; s && i < 6; i++)
        for (int k = 0; k < 8; k++) {
            const int tokens = models[i].tokens, part = k / 2;
            const int S = part == 0 ? tokens / 4 : part == 1 ? tokens / 10 : tokens;
            const int H = part == 2 ? models[i].dec_heads : models[i].heads;
            const int D = (part == 2 ? models[i].dec_dim : models[i].dim) / H;
            const vs_sdpa_shape shape = { 32, S, H, D, k % 2 == 1 };
            int n = 0;
            CHECK_OK(vs_sdpa_engines(&n, s, &shape));
            cr_expect(n > 0 || !engines, "%s: no engine for (32, %d, %d, %d) %s", models[i].name, S,
                      H, D, shape.backward ? "backward" : "forward");
        }
    vs_sdpa_close(&s);
}

/* Compiled, up to where the driver would load it. */
Test(cuda_sdpa, compiles_for_base)
{
    static const vs_sdpa_shape shapes[] = { { 32, 392, 12, 64, false }, { 32, 392, 12, 64, true },
                                            { 32, 1568, 6, 64, true } };
    bool engines;
    vs_sdpa *s = open_library(&engines);
    for (int i = 0; s && engines && i < 3; i++) {
        const vs_sdpa_plan *plan;
        const vs_err err = vs_sdpa_plan_of(&plan, s, &shapes[i]);
        cr_expect(err == VS_OK || strstr(vs_err_detail(), "cuLibraryLoadData"), "%s",
                  vs_err_detail());
        cr_expect(vs_sdpa_plan_of(&plan, s, &shapes[i]) == err, "kept as it was");
    }
    vs_sdpa_close(&s);
}

/* Heads of 7 channels: in words, again and again. */
Test(cuda_sdpa, refuses_what_it_cannot)
{
    const vs_sdpa_shape odd = { 1, 16, 2, 7, false };
    bool engines;
    vs_sdpa *s = open_library(&engines);
    for (int i = 0; s && i < 2; i++) {
        const vs_sdpa_plan *plan;
        CHECK_FAILS(vs_sdpa_plan_of(&plan, s, &odd), VS_ERR_UNSUPPORTED,
                    "(1, 16, 2, 7) forward: cuDNN");
    }
    vs_sdpa_close(&s);
    if (vs_sdpa_open(&s, h200) != VS_OK && strstr(vs_err_detail(), "without its headers"))
        return;                    /* nothing of cuDNN is in this program */
    vs_sdpa_close(&s);
    setenv("VSYN_CUDNN", "off", 1);
    CHECK_FAILS(vs_sdpa_open(&s, h200), VS_ERR_UNSUPPORTED, "off");
    setenv("VSYN_CUDNN", "/nowhere/libcudnn.so", 1);
    CHECK_FAILS(vs_sdpa_open(&s, h200), VS_ERR_UNSUPPORTED, "/nowhere/libcudnn.so");
}
