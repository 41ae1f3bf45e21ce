/* Linear layers and attention of the CUDA backend against those of the CPU in fp32, on inputs
 * that the precision holds exactly. The backend is the one that VSYN_CUDA_PLUGIN names: in CI
 * the emulated one, whose cuBLASLt works from the descriptors (tests/cuda).
 *
 * Bounds: u = 2^-8 is the largest relative error of rounding to bfloat16. An output in bfloat16 is
 * rounded once; so is the bias, on its way into one; GELU and its slope are made from rounded
 * values and rounded again. Sums of floats differ by their order. */
#include "tests/cuda/device.h"

#define U 0.00390625               /* 2^-8 */

/* ---- Arrays on both devices ------------------------------------------------------------- */

/* n values: as floats on the host, and on the device as vs_narrow of its precision, or float. */
struct pair {
    float *host;
    char *at, *block;              /* block: to be freed, NULL where others do */
    bool half;
    long n;
};

static struct pair pair_at(vs_device *dev, char *at, float *host, long n, bool narrow)
{
    struct pair p = { host, at, NULL, narrow && vs_device_precision(dev) == VS_BF16, n };
    vs_bf16 *const bits = calloc((size_t)n + 1, sizeof(*bits));
    for (long i = 0; i < n && p.half; i++) {
        bits[i] = half_of(host[i]);
        host[i] = float_of(bits[i]);
    }
    vs_device_upload(dev, at, p.half ? (void *)bits : host, (size_t)n * (p.half ? 2 : 4));
    free(bits);
    return p;
}

/* An array of its own, of an odd number of values aligned to a value only; index 0: zeros. */
static struct pair pair(vs_device *dev, long n, int index, bool narrow)
{
    const int shift = n % 2 == 0 ? 0 : narrow && vs_device_precision(dev) == VS_BF16 ? 2 : 4;
    char *const block = vs_device_alloc(dev, (size_t)n * 4 + 4);
    float *const values = check_values(n, (uint64_t)index, index ? -1 : 0, index ? 1 : 0);
    struct pair p = pair_at(dev, block + shift, values, n, narrow);
    p.block = block;
    return p;
}

static void drop(vs_device *dev, struct pair *p)
{
    vs_device_free(dev, p->block);
    free(p->host);
}

/* |device - host| <= bound for every value, where bound is relative to the largest value. */
static void near(vs_device *dev, const struct pair *p, double bound, const char *what)
{
    float *const got = calloc((size_t)p->n + 1, sizeof(*got));
    vs_bf16 *const bits = calloc((size_t)p->n + 1, sizeof(*bits));
    double most = 1e-6;
    CHECK_OK(vs_device_download(dev, p->half ? (void *)bits : got, p->at,
                                (size_t)p->n * (p->half ? 2 : 4)));
    for (long i = 0; i < p->n; i++) {
        if (p->half)
            got[i] = float_of(bits[i]);
        most = fmax(most, fabs((double)p->host[i]));
    }
    for (long i = 0; i < p->n; i++)
        cr_assert(fabs((double)got[i] - p->host[i]) <= bound * most,
                  "%s[%ld] of %ld: %g, on the CPU %g (largest %g)", what, i, p->n, (double)got[i],
                  (double)p->host[i], most);
    free(got);
    free(bits);
}

/* ---- Linear layers ---------------------------------------------------------------------- */

/* Weights and bias in one block, as in a model, `skip` values from its start; their gradients
 * likewise. */
struct layer {
    vs_device *cpu, *dev;
    const vs_ops *op;
    char *slab, *gradients;
    int N, C, K, skip;
    struct pair w, b;
    char name[64];
};

static const int shapes[][4] = {                          /* N C K, values before w */
    { 1, 1, 1, 0 }, { 3, 7, 5, 0 }, { 6, 8, 16, 0 }, { 6, 12, 16, 3 }, { 16, 48, 64, 4 },
    { 17, 33, 9, 1 },
    { 130, 16, 48, 8 }, { 64, 96, 129, 0 }, { 300, 24, 8, 2 },
};

static struct layer layer_open(vs_device *cpu, vs_device *dev, const int *shape)
{
    struct layer l = { .cpu = cpu, .dev = dev, .op = vs_ops_of(dev), .N = shape[0],
                       .C = shape[1], .K = shape[2], .skip = shape[3] };
    const long n = (long)l.C * l.K;
    l.slab = vs_device_alloc(dev, sizeof(float) * (size_t)(n + l.K + l.skip));
    l.gradients = vs_device_alloc(dev, sizeof(float) * (size_t)(n + l.K + l.skip));
    float *w = check_values(n, 1, -1, 1), *b = check_values(l.K, 2, -1, 1);
    for (long i = 0; i < n && vs_device_precision(dev) == VS_BF16; i++)
        w[i] = float_of(half_of(w[i]));
    l.w = pair_at(dev, l.slab + 4 * l.skip, w, n, false);
    l.b = pair_at(dev, l.w.at + 4 * n, b, l.K, false);
    snprintf(l.name, sizeof(l.name), "(%d,%d,%d) %s", l.N, l.C, l.K,
             vs_precision_name(vs_device_precision(dev)));
    return l;
}

static void layer_close(struct layer *l)
{
    vs_device_free(l->dev, l->slab);
    vs_device_free(l->dev, l->gradients);
    free(l->w.host);
    free(l->b.host);
}

static double bound_of(const struct layer *l, double roundings)
{
    return vs_device_precision(l->dev) == VS_BF16 ? roundings * U + 1e-5 : 1e-5;
}

static void check_forward(struct layer *l)
{
    const int N = l->N, C = l->C, K = l->K;
    struct pair x = pair(l->dev, (long)N * C, 3, true), y = pair(l->dev, (long)N * K, 0, true);
    struct pair h = pair(l->dev, (long)N * K, 0, true);
    float *const w = (float *)l->w.at, *const b = (float *)l->b.at;

    vs_ops_cpu.matmul_fwd(l->cpu, y.host, x.host, l->w.host, NULL, N, C, K);
    l->op->matmul_fwd(l->dev, y.at, x.at, w, NULL, N, C, K);
    near(l->dev, &y, bound_of(l, 1), l->name);
    /* The bias may be larger than a sum of few products. */
    vs_ops_cpu.matmul_fwd(l->cpu, y.host, x.host, l->w.host, l->b.host, N, C, K);
    l->op->matmul_fwd(l->dev, y.at, x.at, w, b, N, C, K);
    near(l->dev, &y, bound_of(l, N * K > 10 ? 2 : 20), l->name);

    vs_ops_cpu.matmul_gelu_fwd(l->cpu, h.host, y.host, x.host, l->w.host, l->b.host, N, C, K);
    l->op->matmul_gelu_fwd(l->dev, h.at, y.at, x.at, w, b, N, C, K);
    near(l->dev, &h, bound_of(l, N * K > 10 ? 2 : 20), l->name);
    near(l->dev, &y, bound_of(l, N * K > 10 ? 4 : 40), l->name);
    drop(l->dev, &x);
    drop(l->dev, &y);
    drop(l->dev, &h);
}

/* All ways into the residual stream: no r, r, y = r; without and with a factor per clip. */
static void check_residual(struct layer *l)
{
    const int N = l->N, C = l->C, K = l->K, S = N % 3 == 0 ? N / 3 : N;
    struct pair x = pair(l->dev, (long)N * C, 3, true), r = pair(l->dev, (long)N * K, 4, false);
    struct pair y = pair(l->dev, (long)N * K, 0, false), scale = pair(l->dev, N / S, 5, false);
    float *const b = (float *)l->b.at;
    for (int way = 0; way < 12; way++) {
        const int with = way % 3, scaled = way / 3 % 2, biased = way / 6;
        struct pair *const to = with == 2 ? &r : &y;
        const float *const from = with == 0 ? NULL : r.host;
        vs_ops_cpu.matmul_add_fwd(l->cpu, to->host, x.host, l->w.host, biased ? l->b.host : NULL,
                                  from, scaled ? scale.host : NULL, S, N, C, K);
        l->op->matmul_add_fwd(l->dev, (float *)to->at, x.at, (float *)l->w.at, biased ? b : NULL,
                              from ? (float *)r.at : NULL, scaled ? (float *)scale.at : NULL, S, N,
                              C, K);
        near(l->dev, to, 1e-5, l->name);
    }
    drop(l->dev, &x);
    drop(l->dev, &r);
    drop(l->dev, &y);
    drop(l->dev, &scale);
}

static void check_backward(struct layer *l)
{
    const int N = l->N, C = l->C, K = l->K;
    struct pair x = pair(l->dev, (long)N * C, 3, true), dy = pair(l->dev, (long)N * K, 6, true);
    struct pair dx = pair(l->dev, (long)N * C, 0, true), y = pair(l->dev, (long)N * C, 0, true);
    const long n = (long)C * K;
    char *const at = l->gradients + 4 * l->skip;
    struct pair dw = pair_at(l->dev, at, check_values(n, 7, -1, 1), n, false);
    struct pair db = pair_at(l->dev, at + 4 * n, check_values(K, 8, -1, 1), K, false);
    float *const w = (float *)l->w.at;

    vs_ops_cpu.matmul_bwd_x(l->cpu, dx.host, dy.host, l->w.host, N, C, K);
    l->op->matmul_bwd_x(l->dev, dx.at, dy.at, w, N, C, K);
    near(l->dev, &dx, bound_of(l, 1), l->name);
    vs_ops_cpu.matmul_gelu_bwd(l->cpu, dx.host, y.host, dy.host, l->w.host, x.host, N, C, K);
    l->op->matmul_gelu_bwd(l->dev, dx.at, y.at, dy.at, w, x.at, N, C, K);
    near(l->dev, &dx, bound_of(l, 3), l->name);
    near(l->dev, &y, bound_of(l, 1), l->name);

    for (int part = 0; part < 2; part++) {                /* gradients accumulate */
        vs_ops_cpu.matmul_bwd_w(l->cpu, dw.host, part ? db.host : NULL, dy.host, x.host, N, C, K);
        l->op->matmul_bwd_w(l->dev, (float *)dw.at, part ? (float *)db.at : NULL, dy.at, x.at, N, C,
                            K);
        near(l->dev, &dw, 1e-5, l->name);
        near(l->dev, &db, 1e-5, l->name);
    }
    drop(l->dev, &x);
    drop(l->dev, &dy);
    drop(l->dev, &dx);
    drop(l->dev, &y);
    free(dw.host);
    free(db.host);
}

/* All shapes twice: the second time, plans are those of the first. */
static void check_layers(vs_precision precision)
{
    vs_device *cpu = check_cpu(1), *dev = check_cuda(precision);
    for (int i = 0; dev && i < 2 * (int)(sizeof(shapes) / sizeof(*shapes)); i++) {
        struct layer l = layer_open(cpu, dev, shapes[i / 2]);
        check_forward(&l);
        check_residual(&l);
        check_backward(&l);
        CHECK_OK(vs_device_sync(dev));
        layer_close(&l);
    }
    vs_device_close(&dev);
    vs_device_close(&cpu);
}

Test(cuda_products, are_those_of_the_cpu)
{
    check_layers(VS_FP32);
    check_layers(VS_BF16);
}

/* Only the emulated library can be told to refuse; a real one runs the same shapes again. */
Test(cuda_products, without_epilogues)
{
    setenv("VSYN_EMULATED_LT", "plain", 1);
    check_layers(VS_FP32);
    check_layers(VS_BF16);
}

Test(cuda_products, without_an_algorithm_for_bfloat16)
{
    setenv("VSYN_EMULATED_LT", "none", 1);
    check_layers(VS_BF16);
}

/* ---- Attention -------------------------------------------------------------------------- */

struct heads { int B, S, H, D; };
static const struct heads heads[] = {
    { 1, 1, 1, 4 }, { 2, 5, 3, 8 }, { 1, 64, 2, 16 }, { 2, 65, 1, 7 }, { 1, 70, 2, 20 },
    { 2, 130, 2, 32 }, { 1, 98, 2, 64 }, { 1, 40, 2, 80 }, { 1, 33, 1, 128 }, { 1, 34, 1, 136 },
};

/* `roundings` of y and of dqkv in bfloat16, in units of U. */
static void check_attention_of(vs_device *cpu, vs_device *dev, struct heads s, double roundings)
{
    const vs_ops *const op = vs_ops_of(dev);
    const long n = (long)s.B * s.S * s.H * s.D;
    const double bound = vs_device_precision(dev) == VS_BF16 ? roundings * U + 2e-5 : 2e-5;
    char name[64];
    snprintf(name, sizeof(name), "(%d,%d,%d,%d) %s", s.B, s.S, s.H, s.D,
             vs_precision_name(vs_device_precision(dev)));
    float *values = check_values(3 * n, 1, -2, 2);
    char *const three = vs_device_alloc(dev, 12 * (size_t)n);
    struct pair qkv = pair_at(dev, three, values, 3 * n, true);
    qkv.block = three;
    struct pair y = pair(dev, n, 0, true), dy = pair(dev, n, 3, true);
    struct pair lse = pair(dev, (long)s.B * s.H * s.S, 0, false), dqkv = pair(dev, 3 * n, 0, true);

    vs_ops_cpu.attention_fwd(cpu, y.host, lse.host, qkv.host, s.B, s.S, s.H, s.D);
    op->attention_fwd(dev, y.at, (float *)lse.at, qkv.at, s.B, s.S, s.H, s.D);
    near(dev, &y, bound, name);
    near(dev, &lse, 2e-5, name);

    /* Both start from the same y, rounded. */
    struct pair again = pair_at(dev, y.at, y.host, n, true);
    vs_ops_cpu.attention_bwd(cpu, dqkv.host, dy.host, again.host, qkv.host, lse.host, s.B, s.S, s.H,
                             s.D);
    op->attention_bwd(dev, dqkv.at, dy.at, again.at, qkv.at, (float *)lse.at, s.B, s.S, s.H, s.D);
    near(dev, &dqkv, bound, name);
    CHECK_OK(vs_device_sync(dev));
    drop(dev, &qkv);
    drop(dev, &y);
    drop(dev, &dy);
    drop(dev, &lse);
    drop(dev, &dqkv);
}

/* Ours, in both precisions. */
Test(cuda_attention, is_that_of_the_cpu)
{
    setenv("VSYN_CUDNN", "off", 1);
    for (int precision = VS_FP32; precision <= VS_BF16; precision++) {
        vs_device *cpu = check_cpu(1), *dev = check_cuda(precision);
        for (int i = 0; dev && i < (int)(sizeof(heads) / sizeof(*heads)); i++)
            check_attention_of(cpu, dev, heads[i], 1);
        vs_device_close(&dev);
        vs_device_close(&cpu);
    }
}

/* cuDNN's, which rounds p and ds as well. Heads that it has no engine for are ours again. Twice:
 * all clips in one call, and 6 of 12 at a time, where the second 6 begin at no multiple of 16 bytes
 * if S is odd. */
Test(cuda_attention, of_cudnn_is_that_of_the_cpu)
{
    for (int way = 0; way < 2; way++) {
        vs_device *cpu = check_cpu(1), *dev = check_cuda(VS_BF16);
        for (int i = 0; dev && i < (int)(sizeof(heads) / sizeof(*heads)); i++)
            check_attention_of(cpu, dev, heads[i], 2);
        for (int S = 129; dev && S <= 130; S++)
            check_attention_of(cpu, dev, (struct heads){ 12, S, 1, 16 }, 2);
        vs_device_close(&dev);
        vs_device_close(&cpu);
        setenv("VSYN_CUDNN_MB", "1", 1);
    }
}

Test(cuda_attention, refuses_heads_of_more_than_256_channels)
{
    vs_device *dev = check_cuda(VS_FP32);
    if (dev) {
        struct pair x = pair(dev, 3 * 264, 1, false);
        vs_ops_of(dev)->attention_fwd(dev, x.at, (float *)x.at, x.at, 1, 1, 1, 264);
        CHECK_FAILS(vs_device_sync(dev), VS_ERR_UNSUPPORTED, "heads of 264 channels; at most 256");
        drop(dev, &x);
    }
    vs_device_close(&dev);
}
