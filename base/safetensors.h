/* safetensors: the container of checkpoints and golden tensors.
 *
 *     u64 little-endian   n, length of the header
 *     n bytes             JSON: { "name": {"dtype", "shape", "data_offsets":[b,e]},
 *                         ..., "__metadata__": {"key": "text"} }
 *     rest                raw little-endian data; the tensors cover it without
 *                         gaps or overlap
 *
 * The reader trusts nothing: every offset, shape and product is checked
 * against the file's size before a tensor is handed out.
 */
#ifndef VSYN_BASE_SAFETENSORS_H
#define VSYN_BASE_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VS_TENSOR_RANK 8

/* name in the file, bytes per element */
#define VS_DTYPE_MAP(X) \
    X(F64, 8) X(F32, 4) X(F16, 2) X(BF16, 2) X(I64, 8) X(I32, 4) X(U8, 1) X(BOOL, 1)

typedef enum vs_dtype {
#define X(name, bytes) VS_DTYPE_##name,
    VS_DTYPE_MAP(X)
#undef X
} vs_dtype;

size_t vs_dtype_bytes(vs_dtype type);
const char *vs_dtype_name(vs_dtype type);

typedef struct vs_tensor {
    const char *name;
    vs_dtype dtype;
    int rank;                          /* 0 = a single value */
    int64_t shape[VS_TENSOR_RANK];
    const void *data;                  /* dense, row-major, little-endian; may be unaligned */
} vs_tensor;

int64_t vs_tensor_count(const vs_tensor *t);          /* product of the shape */
/* "[3, 224, 224]" */
const char *vs_tensor_shape_text(char text[96], const vs_tensor *t);

/* ---- Reading: the file is mapped; tensors point into it until close ----------- */
typedef struct vs_safetensors vs_safetensors;
vs_err vs_safetensors_open(vs_safetensors **out, const char *path);
void vs_safetensors_close(vs_safetensors **file);
int vs_safetensors_count(const vs_safetensors *file);
const vs_tensor *vs_safetensors_at(const vs_safetensors *file, int i);   /* file order */
const vs_tensor *vs_safetensors_find(const vs_safetensors *file, const char *name);
const char *vs_safetensors_meta(const vs_safetensors *file, const char *key);  /* or NULL */

/* Find a tensor of this type and shape (rank 0..8, -1 = any size) or fail with
 * CORRUPT naming file, tensor, what is there and what was expected. */
vs_err vs_safetensors_need(const vs_tensor **out, const vs_safetensors *file,
                           const char *name, vs_dtype type, int rank, const int64_t *shape);

/* ---- Writing: atomic. meta: key, text, key, text, ..., NULL; or NULL ------------ */
vs_err vs_safetensors_write(const char *path, const vs_tensor *tensors, int n,
                            const char *const *meta);

#endif /* VSYN_BASE_SAFETENSORS_H */
