/* Matrix products of cuBLASLt, with their plans kept on the device.
 *
 * cuBLASLt sees matrices column by column: a row-major (R, C) is its C x R. Everything here is
 * dense, so the leading dimension of a matrix is its number of rows as stored.
 *
 *     D (m x n) = op(A) (m x k) op(B) (k x n) [+ C] [+ vec]
 *
 * The algorithm of a shape is what the library's heuristics name first, asked once; it depends
 * on the shape, the types and the alignment, so runs on the same GPU and library repeat their
 * bits. Sums that are split over k come together in a second step, in order (in the type that
 * they are computed in): no atomics. float is multiplied as float, never as TF32.
 */
#ifndef VSYN_TRAIN_OPS_PRODUCT_CUH
#define VSYN_TRAIN_OPS_PRODUCT_CUH

#include <cublasLt.h>

#include "train/device/gpu.cuh"

typedef enum vs_product_vec {
    VS_VEC_NONE,
    VS_VEC_BIAS,                   /* vec (m) is added to every column of D */
    VS_VEC_SUMS                    /* vec (n) = sum over k of op(B)[k,:]: written, not added */
} vs_product_vec;

typedef struct vs_product {
    int64_t m, n, k;
    cudaDataType_t in, out;        /* of A and B; of C and D */
    bool a_turned, b_turned;       /* op(X) is X^T: A is stored k x m, B n x k */
    bool add;                      /* C is read; it may be D */
    vs_product_vec vec;
    cudaDataType_t vec_type;
} vs_product;

/* Queues the product. False, and nothing is done, where the library has no algorithm for it:
 * the caller goes another way. Other failures are noted in the device (true). c, vec: NULL where
 * they are not used. The workspace is taken once for all products. */
bool vs_cuda_product(vs_device *dev, const vs_product *p, void *d, const void *a, const void *b,
                     const void *c, void *vec);

#endif /* VSYN_TRAIN_OPS_PRODUCT_CUH */
