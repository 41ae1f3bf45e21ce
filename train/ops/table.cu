/* The table of CUDA in one precision; the list is VS_OP_MAP in train/ops/ops.h. Positional:
 * designated initializers are not C++17, and VS_OP_MAP keeps the order. */
#include "train/ops/cuda.cuh"

extern "C" const vs_ops VS_CUDA(ops) = {
#define X(op) VS_CUDA(op),
    VS_OP_MAP(X)
#undef X
};
