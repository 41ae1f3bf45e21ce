/* Products of the emulated GPU, from the descriptors. Contract: tests/cuda/include/cublasLt.h */
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cublasLt.h"
#include "cuda_bf16.h"
#include "emulate.h"

struct vs_emulated_lt {
    int open;
};

struct vs_emulated_desc {
    cublasOperation_t transa, transb;
    uint32_t epilogue;
    void *bias;
    int32_t bias_type;             /* -1: that of D */
};

struct vs_emulated_layout {
    cudaDataType_t type;
    int64_t rows, cols, ld;
};

struct vs_emulated_preference {
    size_t workspace;
    uint32_t reduction, aligned[4];            /* of A, B, C, D */
};

/* A product, and what the heuristics were told. An algorithm names it by a number. The bias
 * pointer may change from call to call, its alignment may not: the heuristics look at it. */
struct problem {
    vs_emulated_desc desc;
    vs_emulated_layout a, b, c, d;
    uint32_t aligned[4];
    size_t workspace;
};

#define WORKSPACE_ALIGN ((uintptr_t)256)
#define WORKSPACE_MOST ((size_t)4096)          /* that an algorithm here asks for */

static std::vector<problem> problems;

[[noreturn]] static void stop(const char *what)
{
    fprintf(stderr, "emulated cuBLASLt: %s\n", what);
    abort();
}

const char *cublasLtGetStatusString(cublasStatus_t status)
{
    switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "CUBLAS_STATUS_?";
    }
}

/* ---- Descriptors ----------------------------------------------------------------------- */

cublasStatus_t cublasLtCreate(cublasLtHandle_t *lt)
{
    *lt = new vs_emulated_lt();
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t lt)
{
    delete lt;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc, cublasComputeType_t compute,
                                        cudaDataType_t scale)
{
    if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F)
        stop("float is to be multiplied as float");
    *desc = new vs_emulated_desc{ CUBLAS_OP_N, CUBLAS_OP_N, CUBLASLT_EPILOGUE_DEFAULT, nullptr,
                                  -1 };
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc)
{
    delete desc;
    return CUBLAS_STATUS_SUCCESS;
}

template <class T> static cublasStatus_t set(T *field, const void *value, size_t bytes)
{
    if (bytes != sizeof(T))
        return CUBLAS_STATUS_INVALID_VALUE;
    memcpy(field, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc,
                                              cublasLtMatmulDescAttributes_t what,
                                              const void *value, size_t bytes)
{
    switch (what) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return set(&desc->transa, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB: return set(&desc->transb, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return set(&desc->epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return set(&desc->bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE: return set(&desc->bias_type, value, bytes);
    }
    return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout, cudaDataType_t type,
                                          uint64_t rows, uint64_t cols, int64_t ld)
{
    if (rows == 0 || cols == 0 || ld < (int64_t)rows)
        return CUBLAS_STATUS_INVALID_VALUE;
    *layout = new vs_emulated_layout{ type, (int64_t)rows, (int64_t)cols, ld };
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout)
{
    delete layout;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference)
{
    *preference = new vs_emulated_preference{ 0, 7, { 256, 256, 256, 256 } };
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference)
{
    delete preference;
    return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t what,
                                                    const void *value, size_t bytes)
{
    if (what == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES)
        return set(&preference->workspace, value, bytes);
    if (what == CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK)
        return set(&preference->reduction, value, bytes);
    return set(&preference->aligned[what - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value,
               bytes);
}

/* ---- What is possible ------------------------------------------------------------------ */

static int64_t op_rows(const vs_emulated_layout &x, cublasOperation_t op)
{
    return op == CUBLAS_OP_T ? x.cols : x.rows;
}

static int64_t op_cols(const vs_emulated_layout &x, cublasOperation_t op)
{
    return op == CUBLAS_OP_T ? x.rows : x.cols;
}

/* Sizes that go together; types of the documentation's table for float sums. */
static bool fits(const problem &p)
{
    const uint32_t e = p.desc.epilogue;
    return (e == CUBLASLT_EPILOGUE_DEFAULT || e == CUBLASLT_EPILOGUE_BIAS ||
            e == CUBLASLT_EPILOGUE_BGRADA || e == CUBLASLT_EPILOGUE_BGRADB) &&
           op_rows(p.a, p.desc.transa) == p.d.rows && op_cols(p.b, p.desc.transb) == p.d.cols &&
           op_cols(p.a, p.desc.transa) == op_rows(p.b, p.desc.transb) &&
           p.c.rows == p.d.rows && p.c.cols == p.d.cols && p.a.type == p.b.type &&
           p.c.type == p.d.type && (p.d.type == p.a.type || p.d.type == CUDA_R_32F);
}

static bool refused(const problem &p)
{
    const char *const how = getenv("VSYN_EMULATED_LT");
    const bool vec = p.desc.epilogue != CUBLASLT_EPILOGUE_DEFAULT;
    if (how && strcmp(how, "none") == 0)
        return p.a.type == CUDA_R_16BF;
    if (how && strcmp(how, "plain") == 0)
        return vec;
    return vec && p.desc.bias_type != -1 && p.desc.bias_type != p.d.type;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t lt, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
    cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
    cublasLtMatmulPreference_t preference, int wanted, cublasLtMatmulHeuristicResult_t *found,
    int *n)
{
    problem p = { *desc, *a, *b, *c, *d, {}, 0 };
    *n = 0;
    if (!lt || wanted < 1 || !fits(p))
        return CUBLAS_STATUS_INVALID_VALUE;
    if (preference->reduction & 4)
        stop("sums in parts may meet in the type of the output");
    if (desc->epilogue != CUBLASLT_EPILOGUE_DEFAULT && !desc->bias)
        stop("the heuristics cannot see how the vector is aligned");
    if (refused(p))
        return CUBLAS_STATUS_NOT_SUPPORTED;
    memcpy(p.aligned, preference->aligned, sizeof(p.aligned));
    *found = cublasLtMatmulHeuristicResult_t();
    found->algo.data[0] = problems.size();
    p.workspace = preference->workspace < WORKSPACE_MOST ? preference->workspace : WORKSPACE_MOST;
    found->workspaceSize = p.workspace;
    found->state = CUBLAS_STATUS_SUCCESS;
    *n = 1;
    problems.push_back(p);
    return CUBLAS_STATUS_SUCCESS;
}

static bool same(const vs_emulated_layout &x, const vs_emulated_layout &y)
{
    return x.type == y.type && x.rows == y.rows && x.cols == y.cols && x.ld == y.ld;
}

static size_t bytes_of(int32_t type)
{
    return type == CUDA_R_32F ? 4 : 2;
}

static uintptr_t alignment_of(const void *at)
{
    const uintptr_t x = (uintptr_t)at | 256;
    return x & ~(x - 1);
}

static int32_t vec_type(const problem &p)
{
    return p.desc.bias_type < 0 ? p.d.type : p.desc.bias_type;
}

/* All values of a matrix lie in one block of device memory. */
static void check_matrix(const char *name, const void *at, const vs_emulated_layout &x,
                         uint32_t aligned)
{
    const size_t values = (size_t)(x.cols - 1) * (size_t)x.ld + (size_t)x.rows;
    char text[64];
    snprintf(text, sizeof(text), "%s is not in device memory, or too large for it", name);
    if (!vs_emulated_on_device(at, values * bytes_of(x.type)))
        stop(text);
    if ((uintptr_t)at % aligned != 0 || (uintptr_t)at % bytes_of(x.type) != 0)
        stop("a matrix is less aligned than was said");
}

static void check_vector(const problem &told, const problem &p)
{
    const int64_t n = p.desc.epilogue == CUBLASLT_EPILOGUE_BGRADB ? p.d.cols : p.d.rows;
    if (p.desc.epilogue == CUBLASLT_EPILOGUE_DEFAULT)
        return;
    if (!vs_emulated_on_device(p.desc.bias, (size_t)n * bytes_of(vec_type(p))))
        stop("the vector is not in device memory, or too large for it");
    if (alignment_of(p.desc.bias) < alignment_of(told.desc.bias))
        stop("the vector is less aligned than the one that the heuristics saw");
}

static void check(const problem &told, const problem &p, const void *const at[4])
{
    const vs_emulated_layout *const layout[4] = { &p.a, &p.b, &p.c, &p.d };
    static const char *const name[4] = { "A", "B", "C", "D" };
    if (told.desc.transa != p.desc.transa || told.desc.transb != p.desc.transb ||
        told.desc.epilogue != p.desc.epilogue || told.desc.bias_type != p.desc.bias_type ||
        !same(told.a, p.a) || !same(told.b, p.b) || !same(told.c, p.c) || !same(told.d, p.d))
        stop("an algorithm of another product");
    for (int i = 0; i < 4; i++)
        check_matrix(name[i], at[i], *layout[i], told.aligned[i]);
    check_vector(told, p);
    if (at[3] == at[0] || at[3] == at[1])
        stop("D is an input");
    if (at[3] == at[2] && !same(p.c, p.d))
        stop("C is D, laid out differently");
}

/* ---- Products -------------------------------------------------------------------------- */

static float value(const void *at, int32_t type, int64_t i)
{
    return type == CUDA_R_32F ? ((const float *)at)[i]
                              : __bfloat162float(((const __nv_bfloat16 *)at)[i]);
}

static void put(void *at, int32_t type, int64_t i, float x)
{
    if (type == CUDA_R_32F)
        ((float *)at)[i] = x;
    else
        ((__nv_bfloat16 *)at)[i] = __float2bfloat16(x);
}

/* op(X) as floats: row by row, or column by column. */
static std::vector<float> floats(const void *at, const vs_emulated_layout &x, cublasOperation_t op,
                                 bool by_rows)
{
    const int64_t rows = op_rows(x, op), cols = op_cols(x, op);
    std::vector<float> out((size_t)(rows * cols));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            const int64_t stored = op == CUBLAS_OP_T ? j + i * x.ld : i + j * x.ld;
            out[(size_t)(by_rows ? i * cols + j : j * rows + i)] = value(at, x.type, stored);
        }
    return out;
}

struct call {
    problem p;
    float alpha, beta;
    const void *A, *B, *C;
    void *D, *workspace;
};

static float dot(const float *x, const float *y, int64_t n)
{
    float part[8] = {}, sum = 0.0f;
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int j = 0; j < 8; j++)
            part[j] += x[i + j] * y[i + j];
    for (; i < n; i++)
        sum += x[i] * y[i];
    for (int j = 0; j < 8; j++)
        sum += part[j];
    return sum;
}

static float sum_of(const float *x, int64_t n)
{
    float sum = 0.0f;
    for (int64_t l = 0; l < n; l++)
        sum += x[l];
    return sum;
}

static void multiply(const call &c)
{
    const vs_emulated_desc &desc = c.p.desc;
    const vs_emulated_layout &d = c.p.d;
    const int32_t bias_type = vec_type(c.p);
    const int64_t k = op_cols(c.p.a, desc.transa);
    const std::vector<float> a = floats(c.A, c.p.a, desc.transa, true);
    const std::vector<float> b = floats(c.B, c.p.b, desc.transb, false);
    memset(c.workspace, -1, c.p.workspace);    /* nobody else may keep anything there */
    if (desc.epilogue == CUBLASLT_EPILOGUE_BGRADA)
        for (int64_t i = 0; i < d.rows; i++)
            put(desc.bias, bias_type, i, sum_of(&a[(size_t)(i * k)], k));
    for (int64_t j = 0; j < d.cols; j++) {
        for (int64_t i = 0; i < d.rows; i++) {
            float x = c.alpha * dot(&a[(size_t)(i * k)], &b[(size_t)(j * k)], k);
            if (c.beta != 0.0f)
                x += c.beta * value(c.C, c.p.c.type, i + j * c.p.c.ld);
            if (desc.epilogue == CUBLASLT_EPILOGUE_BIAS)
                x += value(desc.bias, bias_type, i);
            put(c.D, d.type, i + j * d.ld, x);
        }
        if (desc.epilogue == CUBLASLT_EPILOGUE_BGRADB)
            put(desc.bias, bias_type, j, sum_of(&b[(size_t)(j * k)], k));
    }
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t lt, cublasLtMatmulDesc_t desc, const void *alpha,
                              const void *A, cublasLtMatrixLayout_t a, const void *B,
                              cublasLtMatrixLayout_t b, const void *beta, const void *C,
                              cublasLtMatrixLayout_t c, void *D, cublasLtMatrixLayout_t d,
                              const cublasLtMatmulAlgo_t *algo, void *workspace,
                              size_t workspace_bytes, cudaStream_t stream)
{
    const void *const at[4] = { A, B, C, D };
    if (!lt || !algo || algo->data[0] >= problems.size())
        return CUBLAS_STATUS_INVALID_VALUE;
    const problem &told = problems[algo->data[0]];
    const call now = { { *desc, *a, *b, *c, *d, {}, told.workspace }, *(const float *)alpha,
                       *(const float *)beta, A, B, C, D, workspace };
    if (workspace_bytes < told.workspace || (told.workspace && !workspace))
        return CUBLAS_STATUS_INVALID_VALUE;
    if ((uintptr_t)workspace % WORKSPACE_ALIGN != 0 ||
        !vs_emulated_on_device(workspace, workspace_bytes))
        stop("the workspace is not on the device, too small, or not aligned to 256 bytes");
    check(told, now.p, at);
    vs_emulated_launch("cublasLtMatmul", (const void *)&multiply, dim3(1), dim3(1), 0, stream,
                       [=]() { multiply(now); });
    return CUBLAS_STATUS_SUCCESS;
}
