/* cuDNN's side of attention: descriptors, engines, plans. Contract: train/ops/sdpa.h
 *
 * The same calls serve a GPU and a description of one: plans are made for a "device properties"
 * descriptor, which comes from either. */
#include "train/ops/sdpa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include) && !defined(VS_NO_CUDNN)
#if __has_include(<cudnn.h>)
#define VS_HAVE_CUDNN
#endif
#endif

#ifndef VS_HAVE_CUDNN

vs_err vs_sdpa_open(vs_sdpa **out, const char *gpu)
{
    (void)gpu;
    *out = NULL;
    return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: this program was built without its headers");
}

void vs_sdpa_close(vs_sdpa **s)
{
    *s = NULL;
}

int vs_sdpa_version(const vs_sdpa *s)
{
    return s ? 1 : 0;
}

vs_err vs_sdpa_plan_of(const vs_sdpa_plan **out, vs_sdpa *s, const vs_sdpa_shape *shape)
{
    (void)s, (void)shape;
    *out = NULL;
    return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: this program was built without its headers");
}

vs_err vs_sdpa_engines(int *count, vs_sdpa *s, const vs_sdpa_shape *shape)
{
    (void)s, (void)shape;
    *count = 0;
    return VS_OK;
}

size_t vs_sdpa_workspace(const vs_sdpa_plan *plan)
{
    return plan ? 1 : 0;
}

vs_err vs_sdpa_run(vs_sdpa *s, const vs_sdpa_plan *plan, void *stream,
                   void *const at[VS_SDPA_BOUND + 1], void *workspace)
{
    (void)s, (void)plan, (void)stream, (void)at, (void)workspace;
    return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: this program was built without its headers");
}

#else

#include <cudnn.h>
#include <dlfcn.h>

#include "base/mem.h"

#define LIBRARY "libcudnn.so.9"
#define OLDEST 91600
#define MOST_CONFIGS 16

#define FUNCTIONS(X)                                                                       \
    X(cudnnGetVersion) X(cudnnGetErrorString) X(cudnnGetLastErrorString)                   \
    X(cudnnCreate) X(cudnnDestroy) X(cudnnSetStream)                                       \
    X(cudnnBackendCreateDescriptor) X(cudnnBackendDestroyDescriptor)                       \
    X(cudnnBackendSetAttribute) X(cudnnBackendGetAttribute) X(cudnnBackendFinalize)        \
    X(cudnnBackendExecute)

typedef cudnnBackendDescriptor_t desc;

struct vs_sdpa_plan {
    vs_sdpa_shape shape;
    vs_err err;                    /* with its words: why there is none */
    char *why;
    desc *list;                    /* all that must live as long as the plan */
    int n;
    desc plan;
    size_t workspace;
};

struct vs_sdpa {
    void *library;
    cudnnHandle_t handle;          /* NULL: a description only */
    desc device;
    vs_sdpa_plan **plan;
    int n;
#define X(f) __typeof__(&f) f;
    FUNCTIONS(X)
#undef X
};

/* A call of cuDNN by a function that returns vs_err and has s. */
#define TRY_CUDNN(call)                                        \
    do {                                                       \
        const cudnnStatus_t status_ = s->call;                 \
        if (status_ != CUDNN_STATUS_SUCCESS)                   \
            return refused(s, #call, status_);                 \
    } while (0)

/* In cuDNN's words, one line of them. */
static vs_err refused(const vs_sdpa *s, const char *call, cudnnStatus_t status)
{
    char more[200] = "";
    s->cudnnGetLastErrorString(more, sizeof(more));
    more[strcspn(more, "\n")] = 0;
    return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: %.40s: %s%s%s", call,
                   s->cudnnGetErrorString(status), *more ? ": " : "", more);
}

/* ---- Descriptors ----------------------------------------------------------------------- */

static vs_err make(desc *out, const vs_sdpa *s, vs_sdpa_plan *p, cudnnBackendDescriptorType_t type)
{
    TRY_CUDNN(cudnnBackendCreateDescriptor(type, out));
    VS_PUSH(p->list, p->n, *out);
    return VS_OK;
}

#define SET(d, name, type, count, at) \
    TRY_CUDNN(cudnnBackendSetAttribute(d, CUDNN_ATTR_##name, CUDNN_TYPE_##type, count, at))
#define SET_DESC(d, name, value) SET(d, name, BACKEND_DESCRIPTOR, 1, &(value))

static vs_err make_tensor(desc *out, const vs_sdpa *s, vs_sdpa_plan *p, const vs_sdpa_tensor *t,
                          int64_t id)
{
    const cudnnDataType_t type = t->half ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
    const int64_t aligned = t->by_value ? 4 : 16;
    VS_TRY(make(out, s, p, CUDNN_BACKEND_TENSOR_DESCRIPTOR));
    SET(*out, TENSOR_DATA_TYPE, DATA_TYPE, 1, &type);
    SET(*out, TENSOR_DIMENSIONS, INT64, 4, t->dim);
    SET(*out, TENSOR_STRIDES, INT64, 4, t->stride);
    SET(*out, TENSOR_UNIQUE_ID, INT64, 1, &id);
    SET(*out, TENSOR_BYTE_ALIGNMENT, INT64, 1, &aligned);
    SET(*out, TENSOR_IS_VIRTUAL, BOOLEAN, 1, &t->inside);
    SET(*out, TENSOR_IS_BY_VALUE, BOOLEAN, 1, &t->by_value);
    TRY_CUDNN(cudnnBackendFinalize(*out));
    return VS_OK;
}

static vs_err make_forward(desc *out, const vs_sdpa *s, vs_sdpa_plan *p, const desc *t)
{
    VS_TRY(make(out, s, p, CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR));
    SET_DESC(*out, OPERATION_SDPA_FWD_QDESC, t[VS_SDPA_Q]);
    SET_DESC(*out, OPERATION_SDPA_FWD_KDESC, t[VS_SDPA_K]);
    SET_DESC(*out, OPERATION_SDPA_FWD_VDESC, t[VS_SDPA_V]);
    SET_DESC(*out, OPERATION_SDPA_FWD_ODESC, t[VS_SDPA_Y]);
    SET_DESC(*out, OPERATION_SDPA_FWD_STATSDESC, t[VS_SDPA_LSE]);
    SET_DESC(*out, OPERATION_SDPA_FWD_SCALEDESC, t[VS_SDPA_SCALE]);
    TRY_CUDNN(cudnnBackendFinalize(*out));
    return VS_OK;
}

static vs_err make_matmul(desc *out, const vs_sdpa *s, vs_sdpa_plan *p, const desc *t,
                          const vs_sdpa_op *op)
{
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    desc how;
    VS_TRY(make(&how, s, p, CUDNN_BACKEND_MATMUL_DESCRIPTOR));
    SET(how, MATMUL_COMP_TYPE, DATA_TYPE, 1, &type);
    TRY_CUDNN(cudnnBackendFinalize(how));
    VS_TRY(make(out, s, p, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR));
    SET_DESC(*out, OPERATION_MATMUL_ADESC, t[op->a]);
    SET_DESC(*out, OPERATION_MATMUL_BDESC, t[op->b]);
    SET_DESC(*out, OPERATION_MATMUL_CDESC, t[op->y]);
    SET_DESC(*out, OPERATION_MATMUL_DESC, how);
    TRY_CUDNN(cudnnBackendFinalize(*out));
    return VS_OK;
}

static vs_err make_sum(desc *out, const vs_sdpa *s, vs_sdpa_plan *p, const desc *t,
                       const vs_sdpa_op *op)
{
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    const cudnnReduceTensorOp_t add = CUDNN_REDUCE_TENSOR_ADD;
    desc how;
    VS_TRY(make(&how, s, p, CUDNN_BACKEND_REDUCTION_DESCRIPTOR));
    SET(how, REDUCTION_OPERATOR, REDUCTION_OPERATOR_TYPE, 1, &add);
    SET(how, REDUCTION_COMP_TYPE, DATA_TYPE, 1, &type);
    TRY_CUDNN(cudnnBackendFinalize(how));
    VS_TRY(make(out, s, p, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR));
    SET_DESC(*out, OPERATION_REDUCTION_XDESC, t[op->a]);
    SET_DESC(*out, OPERATION_REDUCTION_YDESC, t[op->y]);
    SET_DESC(*out, OPERATION_REDUCTION_DESC, how);
    TRY_CUDNN(cudnnBackendFinalize(*out));
    return VS_OK;
}

static vs_err make_turn(desc *out, const vs_sdpa *s, vs_sdpa_plan *p, const desc *t,
                        const vs_sdpa_op *op)
{
    VS_TRY(make(out, s, p, CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR));
    SET_DESC(*out, OPERATION_RESHAPE_XDESC, t[op->a]);
    SET_DESC(*out, OPERATION_RESHAPE_YDESC, t[op->y]);
    TRY_CUDNN(cudnnBackendFinalize(*out));
    return VS_OK;
}

static vs_err make_pointwise(desc *out, const vs_sdpa *s, vs_sdpa_plan *p, const desc *t,
                             const vs_sdpa_op *op)
{
    const cudnnDataType_t type = CUDNN_DATA_FLOAT;
    const cudnnPointwiseMode_t mode = op->kind == VS_SDPA_MUL   ? CUDNN_POINTWISE_MUL
                                      : op->kind == VS_SDPA_SUB ? CUDNN_POINTWISE_SUB
                                                                : CUDNN_POINTWISE_EXP;
    desc how;
    VS_TRY(make(&how, s, p, CUDNN_BACKEND_POINTWISE_DESCRIPTOR));
    SET(how, POINTWISE_MODE, POINTWISE_MODE, 1, &mode);
    SET(how, POINTWISE_MATH_PREC, DATA_TYPE, 1, &type);
    TRY_CUDNN(cudnnBackendFinalize(how));
    VS_TRY(make(out, s, p, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR));
    SET_DESC(*out, OPERATION_POINTWISE_PW_DESCRIPTOR, how);
    SET_DESC(*out, OPERATION_POINTWISE_XDESC, t[op->a]);
    if (op->b)
        SET_DESC(*out, OPERATION_POINTWISE_BDESC, t[op->b]);
    SET_DESC(*out, OPERATION_POINTWISE_YDESC, t[op->y]);
    TRY_CUDNN(cudnnBackendFinalize(*out));
    return VS_OK;
}

static vs_err make_op(desc *out, const vs_sdpa *s, vs_sdpa_plan *p, const desc *t,
                      const vs_sdpa_op *op)
{
    switch (op->kind) {
    case VS_SDPA_MATMUL: return make_matmul(out, s, p, t, op);
    case VS_SDPA_SUM: return make_sum(out, s, p, t, op);
    case VS_SDPA_TURN: return make_turn(out, s, p, t, op);
    default: return make_pointwise(out, s, p, t, op);
    }
}

/* ---- Plans ----------------------------------------------------------------------------- */

static vs_err make_graph(desc *out, const vs_sdpa *s, vs_sdpa_plan *p)
{
    vs_sdpa_tensor t[VS_SDPA_IDS];
    desc tensor[VS_SDPA_IDS] = { NULL }, op[32];
    int n = 1;
    vs_sdpa_tensors(t, &p->shape);
    for (int id = 1; id < VS_SDPA_IDS; id++)
        if (t[id].used)
            VS_TRY(make_tensor(&tensor[id], s, p, &t[id], id));
    if (p->shape.backward) {
        const vs_sdpa_op *const list = vs_sdpa_backward(&n);
        VS_ASSERT(n <= 32);
        for (int i = 0; i < n; i++)
            VS_TRY(make_op(&op[i], s, p, tensor, &list[i]));
    } else {
        VS_TRY(make_forward(&op[0], s, p, tensor));
    }
    VS_TRY(make(out, s, p, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR));
    SET(*out, OPERATIONGRAPH_OPS, BACKEND_DESCRIPTOR, n, op);
    if (s->handle)
        SET(*out, OPERATIONGRAPH_HANDLE, HANDLE, 1, &s->handle);
    TRY_CUDNN(cudnnBackendFinalize(*out));
    return VS_OK;
}

/* Does the engine say that its bits change from run to run? That it does not say so is not
 * enough: the graph has no sums that could be shared out by atomics. */
static vs_err is_stable(bool *stable, const vs_sdpa *s, vs_sdpa_plan *p, desc config)
{
    cudnnBackendNumericalNote_t note[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    int64_t n = 0;
    desc engine;
    *stable = true;
    VS_TRY(make(&engine, s, p, CUDNN_BACKEND_ENGINE_DESCRIPTOR));
    TRY_CUDNN(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine));
    TRY_CUDNN(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                       CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT,
                                       &n, note));
    for (int64_t i = 0; i < n; i++)
        *stable = *stable && note[i] != CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
    return VS_OK;
}

static vs_err make_plan(const vs_sdpa *s, vs_sdpa_plan *p, desc config)
{
    int64_t bytes = 0, n = 0;
    bool stable;
    VS_TRY(is_stable(&stable, s, p, config));
    if (!stable)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: its bits change from run to run");
    VS_TRY(make(&p->plan, s, p, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR));
    SET_DESC(p->plan, EXECUTION_PLAN_ENGINE_CONFIG, config);
    SET_DESC(p->plan, EXECUTION_PLAN_DEVICEPROP, s->device);
    TRY_CUDNN(cudnnBackendFinalize(p->plan));
    TRY_CUDNN(cudnnBackendGetAttribute(p->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                       CUDNN_TYPE_INT64, 1, &n, &bytes));
    p->workspace = (size_t)bytes;
    return VS_OK;
}

/* What the heuristics name for the plan's shape, best first. */
static vs_err find_engines(desc config[MOST_CONFIGS], int *count, const vs_sdpa *s,
                           vs_sdpa_plan *p)
{
    const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    desc graph, heuristics;
    int64_t n = 0;
    *count = 0;
    VS_TRY(make_graph(&graph, s, p));
    VS_TRY(make(&heuristics, s, p, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR));
    SET_DESC(heuristics, ENGINEHEUR_OPERATION_GRAPH, graph);
    SET(heuristics, ENGINEHEUR_MODE, HEUR_MODE, 1, &mode);
    SET_DESC(heuristics, ENGINEHEUR_DEVICEPROP, s->device);
    TRY_CUDNN(cudnnBackendFinalize(heuristics));
    for (int i = 0; i < MOST_CONFIGS; i++)
        VS_TRY(make(&config[i], s, p, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
    TRY_CUDNN(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST_CONFIGS, &n, config));
    *count = (int)n;
    return VS_OK;
}

/* The first that makes a plan. */
static vs_err build(const vs_sdpa *s, vs_sdpa_plan *p)
{
    desc config[MOST_CONFIGS];
    int n;
    VS_TRY(find_engines(config, &n, s, p));
    vs_err err = VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: it has no engine for this shape");
    for (int i = 0; i < n && err != VS_OK; i++)
        err = make_plan(s, p, config[i]);
    return err;
}

static void free_plan(const vs_sdpa *s, vs_sdpa_plan *p)
{
    for (int i = p->n - 1; i >= 0; i--)
        s->cudnnBackendDestroyDescriptor(p->list[i]);
    free(p->list);
    free(p->why);
    free(p);
}

vs_err vs_sdpa_engines(int *count, vs_sdpa *s, const vs_sdpa_shape *shape)
{
    desc config[MOST_CONFIGS];
    vs_sdpa_plan *const p = vs_new(sizeof(*p));
    p->shape = *shape;
    const vs_err err = find_engines(config, count, s, p);
    free_plan(s, p);
    return err;
}

static bool same(const vs_sdpa_shape *a, const vs_sdpa_shape *b)
{
    return a->B == b->B && a->S == b->S && a->H == b->H && a->D == b->D &&
           a->backward == b->backward;
}

vs_err vs_sdpa_plan_of(const vs_sdpa_plan **out, vs_sdpa *s, const vs_sdpa_shape *shape)
{
    vs_sdpa_plan *p = NULL;
    for (int i = 0; i < s->n && !p; i++)
        if (same(&s->plan[i]->shape, shape))
            p = s->plan[i];
    if (!p) {
        p = vs_new(sizeof(*p));
        p->shape = *shape;
        p->err = build(s, p);
        if (p->err != VS_OK)
            p->why = vs_strf("(%d, %d, %d, %d) %s: %s", shape->B, shape->S, shape->H, shape->D,
                             shape->backward ? "backward" : "forward", vs_err_detail());
        VS_PUSH(s->plan, s->n, p);
    }
    *out = p;
    return p->err == VS_OK ? VS_OK : VS_FAIL(p->err, "%s", p->why);
}

size_t vs_sdpa_workspace(const vs_sdpa_plan *plan)
{
    return plan->workspace;
}

int vs_sdpa_version(const vs_sdpa *s)
{
    return (int)s->cudnnGetVersion();
}

/* ---- The library ----------------------------------------------------------------------- */

static vs_err load(vs_sdpa *s)
{
    const char *const told = getenv("VSYN_CUDNN"), *const name = told && *told ? told : LIBRARY;
    if (strcmp(name, "off") == 0)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: VSYN_CUDNN says off");
    s->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
#ifdef VS_CUDA_LIB
    if (!s->library && !(told && *told))
        s->library = dlopen(VS_CUDA_LIB "/" LIBRARY, RTLD_NOW | RTLD_LOCAL);
#endif
    if (!s->library)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: %s", dlerror());
#define X(f)                                                                           \
    *(void **)&s->f = dlsym(s->library, #f);                                           \
    if (!s->f)                                                                         \
        return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: %s lacks %s", name, #f);
    FUNCTIONS(X)
#undef X
    if (vs_sdpa_version(s) < OLDEST)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "cuDNN: %s is version %d, %d or newer is needed", name,
                       vs_sdpa_version(s), OLDEST);
    return VS_OK;
}

static vs_err describe_gpu(vs_sdpa *s, const char *gpu)
{
    TRY_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &s->device));
    if (gpu) {
        SET(s->device, DEVICEPROP_JSON_REPRESENTATION, CHAR, (int64_t)strlen(gpu) + 1, gpu);
    } else {
        TRY_CUDNN(cudnnCreate(&s->handle));
        SET(s->device, DEVICEPROP_HANDLE, HANDLE, 1, &s->handle);
    }
    TRY_CUDNN(cudnnBackendFinalize(s->device));
    return VS_OK;
}

vs_err vs_sdpa_open(vs_sdpa **out, const char *gpu)
{
    vs_sdpa *s = vs_new(sizeof(*s));
    vs_err err = load(s);
    if (err == VS_OK)
        err = describe_gpu(s, gpu);
    if (err != VS_OK)
        vs_sdpa_close(&s);
    *out = s;
    return err;
}

/* The library stays loaded: it has threads and tables of its own. */
void vs_sdpa_close(vs_sdpa **s)
{
    vs_sdpa *const p = *s;
    if (!p)
        return;
    for (int i = 0; i < p->n; i++)
        free_plan(p, p->plan[i]);
    if (p->device)
        p->cudnnBackendDestroyDescriptor(p->device);
    if (p->handle)
        p->cudnnDestroy(p->handle);
    free(p->plan);
    free(p);
    *s = NULL;
}

/* ---- Running --------------------------------------------------------------------------- */

static vs_err fill_pack(desc pack, const vs_sdpa *s, const vs_sdpa_plan *plan,
                        void *const at[VS_SDPA_BOUND + 1], void *workspace)
{
    float scale = 1.0f / sqrtf((float)plan->shape.D), one = 1.0f;
    vs_sdpa_tensor t[VS_SDPA_IDS];
    int64_t id[VS_SDPA_BOUND], n = 0;
    void *pointer[VS_SDPA_BOUND];
    vs_sdpa_tensors(t, &plan->shape);
    for (int i = 1; i <= VS_SDPA_BOUND; i++) {
        if (!t[i].used)
            continue;
        id[n] = i;
        pointer[n++] = i == VS_SDPA_SCALE ? &scale : i == VS_SDPA_ONE ? &one : at[i];
    }
    SET(pack, VARIANT_PACK_UNIQUE_IDS, INT64, n, id);
    SET(pack, VARIANT_PACK_DATA_POINTERS, VOID_PTR, n, pointer);
    SET(pack, VARIANT_PACK_WORKSPACE, VOID_PTR, 1, &workspace);
    TRY_CUDNN(cudnnBackendFinalize(pack));
    TRY_CUDNN(cudnnBackendExecute(s->handle, plan->plan, pack));
    return VS_OK;
}

vs_err vs_sdpa_run(vs_sdpa *s, const vs_sdpa_plan *plan, void *stream,
                   void *const at[VS_SDPA_BOUND + 1], void *workspace)
{
    desc pack;
    TRY_CUDNN(cudnnSetStream(s->handle, (cudaStream_t)stream));
    TRY_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack));
    const vs_err err = fill_pack(pack, s, plan, at, workspace);
    s->cudnnBackendDestroyDescriptor(pack);
    return err;
}

#endif /* VS_HAVE_CUDNN */
