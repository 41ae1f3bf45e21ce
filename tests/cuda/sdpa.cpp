/* Attention of cuDNN on the emulated GPU, in the place of train/ops/sdpa.c. Contract:
 * train/ops/sdpa.h
 *
 * Backward works through the table that cuDNN gets (sdpa_graph.c), with its strides and on the
 * memory that attention.cu binds; forward is the formula, in one go. As tensor cores do, products
 * take their operands in bfloat16: scores and their gradients are rounded on the way. Pointers
 * outside of device memory or less aligned than was told end the program; so does a workspace that
 * is too small. What the workspace holds is overwritten.
 *
 * Heads that the real one has no engine for are refused in its words. VSYN_CUDNN=off: there is
 * none. */
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <vector>

#include "cuda_bf16.h"
#include "emulate.h"
#include "train/ops/sdpa.h"

struct vs_sdpa_plan {
    vs_sdpa_shape shape;
    size_t workspace;
};

struct vs_sdpa {
    std::list<vs_sdpa_plan> plans;
};

[[noreturn]] static void stop(const char *what)
{
    fprintf(stderr, "emulated cuDNN: %s\n", what);
    abort();
}

vs_err vs_sdpa_open(vs_sdpa **out, const char *gpu)
{
    const char *const told = getenv("VSYN_CUDNN");
    (void)gpu;
    *out = nullptr;
    if (told && strcmp(told, "off") == 0)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: VSYN_CUDNN says off");
    *out = new vs_sdpa();
    return VS_OK;
}

void vs_sdpa_close(vs_sdpa **s)
{
    delete *s;
    *s = nullptr;
}

vs_err vs_sdpa_plan_of(const vs_sdpa_plan **out, vs_sdpa *s, const vs_sdpa_shape *shape)
{
    const size_t S = ((size_t)shape->S + 127) / 128 * 128;
    *out = nullptr;
    if (shape->D % 8 != 0 || shape->D > 128)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: no engine for heads of %d channels", shape->D);
    s->plans.push_back({ *shape, shape->backward ? 2 * (size_t)shape->B * shape->H * S * S : 256 });
    *out = &s->plans.back();
    return VS_OK;
}

size_t vs_sdpa_workspace(const vs_sdpa_plan *plan)
{
    return plan->workspace;
}

/* ---- One head of one clip -------------------------------------------------------------- */

static float rounded(float x)
{
    return __bfloat162float(__float2bfloat16(x));
}

/* A tensor's rows x columns of one head, as floats. */
struct slice {
    int64_t rows, columns;
    std::vector<float> v;
    float at(int64_t i, int64_t j) const
    {
        return v[(size_t)((rows == 1 ? 0 : i) * columns + (columns == 1 ? 0 : j))];
    }
};

struct head {
    vs_sdpa_tensor t[VS_SDPA_IDS];
    void *at[VS_SDPA_BOUND + 1];
    float scale;
    int64_t b, h;
    slice x[VS_SDPA_IDS];
};

static int64_t place(const head &hd, int id, int64_t i, int64_t j)
{
    const vs_sdpa_tensor &t = hd.t[id];
    return hd.b * t.stride[0] + hd.h * t.stride[1] + i * t.stride[2] + j * t.stride[3];
}

static void read_bound(head &hd, int id)
{
    const vs_sdpa_tensor &t = hd.t[id];
    slice &x = hd.x[id];
    x = { t.dim[2], t.dim[3], std::vector<float>((size_t)(t.dim[2] * t.dim[3])) };
    for (int64_t i = 0; i < x.rows; i++)
        for (int64_t j = 0; j < x.columns; j++)
            x.v[(size_t)(i * x.columns + j)] =
                t.by_value ? (id == VS_SDPA_SCALE ? hd.scale : 1.0f)
                : t.half   ? __bfloat162float(((__nv_bfloat16 *)hd.at[id])[place(hd, id, i, j)])
                           : ((float *)hd.at[id])[place(hd, id, i, j)];
}

static void write_bound(const head &hd, int id)
{
    const slice &x = hd.x[id];
    for (int64_t i = 0; i < x.rows; i++)
        for (int64_t j = 0; j < x.columns; j++) {
            if (hd.t[id].half)
                ((__nv_bfloat16 *)hd.at[id])[place(hd, id, i, j)] = __float2bfloat16(x.at(i, j));
            else
                ((float *)hd.at[id])[place(hd, id, i, j)] = x.at(i, j);
        }
}

static float dot(const slice &a, const slice &b, int64_t i, int64_t j)
{
    float sum = 0.0f;
    for (int64_t k = 0; k < a.columns; k++)
        sum += rounded(a.at(i, k)) * rounded(b.at(k, j));
    return sum;
}

static float work_out(const head &hd, const vs_sdpa_op &op, int64_t i, int64_t j)
{
    const slice &a = hd.x[op.a], &b = hd.x[op.b];
    float sum = 0.0f;
    switch (op.kind) {
    case VS_SDPA_MUL: return a.at(i, j) * b.at(i, j);
    case VS_SDPA_SUB: return a.at(i, j) - b.at(i, j);
    case VS_SDPA_EXP: return expf(a.at(i, j));
    case VS_SDPA_TURN: return a.at(j, i);
    case VS_SDPA_MATMUL: return dot(a, b, i, j);
    case VS_SDPA_SUM:
        for (int64_t k = 0; k < a.columns; k++)
            sum += a.at(i, k);
        return sum;
    }
    return NAN;
}

static void backward_head(head &hd)
{
    static const int inputs[] = { VS_SDPA_Q, VS_SDPA_K, VS_SDPA_V, VS_SDPA_Y, VS_SDPA_LSE,
                                  VS_SDPA_DY, VS_SDPA_SCALE, VS_SDPA_ONE };
    int n;
    const vs_sdpa_op *const op = vs_sdpa_backward(&n);
    for (int id : inputs)
        read_bound(hd, id);
    for (int o = 0; o < n; o++) {
        const vs_sdpa_tensor &t = hd.t[op[o].y];
        slice y = { t.dim[2], t.dim[3], std::vector<float>((size_t)(t.dim[2] * t.dim[3])) };
        for (int64_t i = 0; i < y.rows; i++)
            for (int64_t j = 0; j < y.columns; j++)
                y.v[(size_t)(i * y.columns + j)] = work_out(hd, op[o], i, j);
        hd.x[op[o].y] = y;
        if (!t.inside)
            write_bound(hd, op[o].y);
    }
}

/* y = softmax(q k^T scale) v, lse = log sum exp. */
static void forward_head(head &hd)
{
    for (int id : { (int)VS_SDPA_Q, (int)VS_SDPA_K, (int)VS_SDPA_V })
        read_bound(hd, id);
    const slice &q = hd.x[VS_SDPA_Q], &k = hd.x[VS_SDPA_K], &v = hd.x[VS_SDPA_V];
    slice &y = hd.x[VS_SDPA_Y], &lse = hd.x[VS_SDPA_LSE];
    const int64_t S = q.rows, D = q.columns;
    std::vector<float> p((size_t)S);
    y = { S, D, std::vector<float>((size_t)(S * D)) };
    lse = { S, 1, std::vector<float>((size_t)S) };
    for (int64_t i = 0; i < S; i++) {
        float most = -INFINITY, sum = 0.0f;
        for (int64_t j = 0; j < S; j++) {
            float s = 0.0f;
            for (int64_t c = 0; c < D; c++)
                s += q.at(i, c) * k.at(j, c);
            p[(size_t)j] = s * hd.scale;
            most = fmaxf(most, p[(size_t)j]);
        }
        for (int64_t j = 0; j < S; j++) {
            const float e = expf(p[(size_t)j] - most);
            sum += e;
            for (int64_t c = 0; c < D; c++)
                y.v[(size_t)(i * D + c)] += rounded(e) * v.at(j, c);
        }
        for (int64_t c = 0; c < D; c++)
            y.v[(size_t)(i * D + c)] /= sum;
        lse.v[(size_t)i] = most + logf(sum);
    }
    write_bound(hd, VS_SDPA_Y);
    write_bound(hd, VS_SDPA_LSE);
}

/* ---- A call ---------------------------------------------------------------------------- */

static void check_tensor(const vs_sdpa_tensor &t, const void *at)
{
    size_t last = 0;
    for (int i = 0; i < 4; i++)
        last += (size_t)(t.dim[i] - 1) * (size_t)t.stride[i];
    if (!vs_emulated_on_device(at, (last + 1) * (t.half ? 2 : 4)))
        stop("a tensor is not in device memory, or ends outside of it");
    if ((uintptr_t)at % 16 != 0)
        stop("a tensor is not aligned to 16 bytes");
}

vs_err vs_sdpa_run(vs_sdpa *s, const vs_sdpa_plan *plan, void *stream,
                   void *const at[VS_SDPA_BOUND + 1], void *workspace)
{
    const vs_sdpa_plan p = *plan;
    head hd = {};
    (void)s;
    vs_sdpa_tensors(hd.t, &p.shape);
    hd.scale = 1.0f / sqrtf((float)p.shape.D);
    for (int id = 1; id <= VS_SDPA_BOUND; id++) {
        hd.at[id] = at[id];
        if (hd.t[id].used && !hd.t[id].by_value)
            check_tensor(hd.t[id], at[id]);
    }
    if (!vs_emulated_on_device(workspace, p.workspace) || (uintptr_t)workspace % 16 != 0)
        stop("the workspace is not in device memory, too small, or not aligned to 16 bytes");
    vs_emulated_launch("cudnnBackendExecute", (const void *)&vs_sdpa_run, dim3(1), dim3(1), 0,
                       (cudaStream_t)stream, [=]() {
        memset(workspace, -1, p.workspace);
        for (int i = 0; i < p.shape.B * p.shape.H; i++) {
            head now = hd;
            now.b = i / p.shape.H;
            now.h = i % p.shape.H;
            p.shape.backward ? backward_head(now) : forward_head(now);
        }
    });
    return VS_OK;
}
