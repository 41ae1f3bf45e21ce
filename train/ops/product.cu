/* Plans of cuBLASLt. Contract: train/ops/product.cuh */
#include "train/ops/product.cuh"

#include <stdlib.h>

/* What NVIDIA advises for Hopper; kernels that split k there want more than 4 MB. The emulated
 * library needs none. */
#ifdef __CUDACC__
#define WORKSPACE_BYTES ((size_t)32 << 20)
#else
#define WORKSPACE_BYTES ((size_t)4096)
#endif
#define MOST_ALIGNED 256

struct plan {
    vs_product what;
    uint32_t aligned[3];           /* bytes: A; B; C, D and the vector */
    bool possible;
    cublasLtMatmulDesc_t op;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algo;
};

struct products {
    cublasLtHandle_t lt;
    void *workspace;
    plan *list;
    int n;
};

static void note(vs_device *dev, const char *what, cublasStatus_t status)
{
    vs_device_note(dev, VS_FAIL(VS_ERR_DEVICE, "%s: %s: %s", dev->name, what,
                                cublasLtGetStatusString(status)));
}

/* ---- The state on the device ----------------------------------------------------------- */

static void free_plan(plan *p)
{
    if (p->op)
        cublasLtMatmulDescDestroy(p->op);
    if (p->a)
        cublasLtMatrixLayoutDestroy(p->a);
    if (p->b)
        cublasLtMatrixLayoutDestroy(p->b);
    if (p->d)
        cublasLtMatrixLayoutDestroy(p->d);
}

/* The workspace is a block of the device, which frees it. */
static void close_products(vs_device *dev, void *state)
{
    products *const s = (products *)state;
    (void)dev;
    for (int i = 0; i < s->n; i++)
        free_plan(&s->list[i]);
    if (s->lt)
        cublasLtDestroy(s->lt);
    free(s->list);
    free(s);
}

static products *products_of(vs_device *dev)
{
    vs_gpu_keep *const keep = &dev->gpu->keep[VS_GPU_PRODUCTS];
    if (keep->state)
        return (products *)keep->state;
    products *const s = (products *)calloc(1, sizeof(*s));
    VS_ASSERT(s);
    keep->state = s;
    keep->close = close_products;
    const cublasStatus_t bad = cublasLtCreate(&s->lt);
    if (bad != CUBLAS_STATUS_SUCCESS) {
        s->lt = NULL;
        note(dev, "cuBLASLt does not start", bad);
    }
    s->workspace = vs_device_alloc(dev, WORKSPACE_BYTES);
    return s;
}

/* ---- Plans ----------------------------------------------------------------------------- */

static uint32_t alignment_of(const void *x)
{
    uint32_t bytes = MOST_ALIGNED;
    while ((uintptr_t)x % bytes != 0)
        bytes /= 2;
    return bytes;
}

static bool same(const vs_product *x, const vs_product *y)
{
    return x->m == y->m && x->n == y->n && x->k == y->k && x->in == y->in && x->out == y->out &&
           x->a_turned == y->a_turned && x->b_turned == y->b_turned && x->add == y->add &&
           x->vec == y->vec && (x->vec == VS_VEC_NONE || x->vec_type == y->vec_type);
}

static plan *find_plan(const products *s, const plan *key)
{
    for (int i = 0; i < s->n; i++) {
        plan *const p = &s->list[i];
        if (same(&p->what, &key->what) && p->aligned[0] == key->aligned[0] &&
            p->aligned[1] == key->aligned[1] && p->aligned[2] == key->aligned[2])
            return p;
    }
    return NULL;
}

/* Stored rows x columns of a matrix that is r x c when it is not turned. */
static cublasStatus_t layout(cublasLtMatrixLayout_t *out, cudaDataType_t type, bool turned,
                             int64_t r, int64_t c)
{
    const int64_t rows = turned ? c : r, columns = turned ? r : c;
    return cublasLtMatrixLayoutCreate(out, type, (uint64_t)rows, (uint64_t)columns, rows);
}

/* The vector's place is told already here: the heuristics look at how it is aligned. */
static cublasStatus_t describe(plan *p, void *vec)
{
    const vs_product *const w = &p->what;
    const cublasOperation_t a = w->a_turned ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t b = w->b_turned ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasLtEpilogue_t epilogue = w->vec == VS_VEC_BIAS   ? CUBLASLT_EPILOGUE_BIAS
                                        : w->vec == VS_VEC_SUMS ? CUBLASLT_EPILOGUE_BGRADB
                                                                : CUBLASLT_EPILOGUE_DEFAULT;
    const int32_t vec_type = w->vec_type;
    cublasStatus_t bad = cublasLtMatmulDescCreate(&p->op, CUBLAS_COMPUTE_32F, CUDA_R_32F);
#define SET(name, value)                                                                    \
    if (bad == CUBLAS_STATUS_SUCCESS)                                                       \
    bad = cublasLtMatmulDescSetAttribute(p->op, CUBLASLT_MATMUL_DESC_##name, &value, sizeof(value))
    SET(TRANSA, a);
    SET(TRANSB, b);
    SET(EPILOGUE, epilogue);
    if (w->vec != VS_VEC_NONE) {
        SET(BIAS_DATA_TYPE, vec_type);
        SET(BIAS_POINTER, vec);
    }
#undef SET
    if (bad == CUBLAS_STATUS_SUCCESS)
        bad = layout(&p->a, w->in, w->a_turned, w->m, w->k);
    if (bad == CUBLAS_STATUS_SUCCESS)
        bad = layout(&p->b, w->in, w->b_turned, w->k, w->n);
    return bad == CUBLAS_STATUS_SUCCESS ? layout(&p->d, w->out, false, w->m, w->n) : bad;
}

/* What may be chosen: alignments as they are; no sum whose parts meet in the output type. */
static cublasStatus_t prefer(cublasLtMatmulPreference_t preference, const plan *p)
{
    const size_t bytes = WORKSPACE_BYTES;
    const uint32_t reduction = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    cublasStatus_t bad = CUBLAS_STATUS_SUCCESS;
#define SET(name, value)                                                                     \
    if (bad == CUBLAS_STATUS_SUCCESS)                                                        \
    bad = cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_##name, &value, \
                                               sizeof(value))
    SET(MAX_WORKSPACE_BYTES, bytes);
    SET(REDUCTION_SCHEME_MASK, reduction);
    SET(MIN_ALIGNMENT_A_BYTES, p->aligned[0]);
    SET(MIN_ALIGNMENT_B_BYTES, p->aligned[1]);
    SET(MIN_ALIGNMENT_C_BYTES, p->aligned[2]);
    SET(MIN_ALIGNMENT_D_BYTES, p->aligned[2]);
#undef SET
    return bad;
}

/* The first algorithm that the heuristics name; p->possible tells whether there is one. */
static cublasStatus_t choose(products *s, plan *p)
{
    cublasLtMatmulPreference_t preference = NULL;
    cublasLtMatmulHeuristicResult_t found;
    int n = 0;
    cublasStatus_t bad = cublasLtMatmulPreferenceCreate(&preference);
    if (bad == CUBLAS_STATUS_SUCCESS)
        bad = prefer(preference, p);
    if (bad == CUBLAS_STATUS_SUCCESS)
        bad = cublasLtMatmulAlgoGetHeuristic(s->lt, p->op, p->a, p->b, p->d, p->d, preference, 1,
                                             &found, &n);
    if (preference)
        cublasLtMatmulPreferenceDestroy(preference);
    if (bad == CUBLAS_STATUS_SUCCESS && n > 0 && found.state == CUBLAS_STATUS_SUCCESS) {
        p->possible = true;
        p->algo = found.algo;
    }
    /* A vector of another type than D is not documented to work; it may be refused as wrong. */
    const bool odd_vec = p->what.vec != VS_VEC_NONE && p->what.vec_type != p->what.out;
    return bad == CUBLAS_STATUS_NOT_SUPPORTED || (odd_vec && bad == CUBLAS_STATUS_INVALID_VALUE)
               ? CUBLAS_STATUS_SUCCESS
               : bad;
}

/* NULL: a failure was noted. */
static plan *plan_of(vs_device *dev, products *s, plan *key, void *vec)
{
    plan *const known = find_plan(s, key);
    if (known)
        return known;
    plan *const list = (plan *)realloc(s->list, sizeof(*list) * (size_t)(s->n + 1));
    VS_ASSERT(list);
    s->list = list;
    cublasStatus_t bad = describe(key, vec);
    if (bad == CUBLAS_STATUS_SUCCESS)
        bad = choose(s, key);
    if (bad != CUBLAS_STATUS_SUCCESS) {
        free_plan(key);
        note(dev, "a product cannot be planned", bad);
        return NULL;
    }
    list[s->n] = *key;
    return &list[s->n++];
}

bool vs_cuda_product(vs_device *dev, const vs_product *p, void *d, const void *a, const void *b,
                     const void *c, void *vec)
{
    const float alpha = 1.0f, beta = p->add ? 1.0f : 0.0f;
    if (vs_device_failed(dev))
        return true;
    products *const s = products_of(dev);
    plan key = {};
    key.what = *p;
    key.aligned[0] = alignment_of(a);
    key.aligned[1] = alignment_of(b);
    /* NULL is aligned to anything. */
    key.aligned[2] = alignment_of((const void *)((uintptr_t)d | (uintptr_t)c | (uintptr_t)vec));
    const plan *const plan = vs_device_failed(dev) ? NULL : plan_of(dev, s, &key, vec);
    if (!plan)
        return true;
    if (!plan->possible)
        return false;
    cublasStatus_t bad = CUBLAS_STATUS_SUCCESS;
    if (p->vec != VS_VEC_NONE)
        bad = cublasLtMatmulDescSetAttribute(plan->op, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &vec,
                                             sizeof(vec));
    if (bad == CUBLAS_STATUS_SUCCESS)
        bad = cublasLtMatmul(s->lt, plan->op, &alpha, a, plan->a, b, plan->b, &beta,
                             p->add ? c : d, plan->d, d, plan->d, &plan->algo, s->workspace,
                             WORKSPACE_BYTES, stream_of(dev));
    if (bad != CUBLAS_STATUS_SUCCESS)
        note(dev, "a product fails", bad);
    return true;
}
