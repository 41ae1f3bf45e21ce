/* Reads a pickle as data. Nothing in it is ever run: a pickle is a program for a stack machine
 * whose dangerous part is GLOBAL, which names a function of Python, and REDUCE, which calls
 * it. Here GLOBAL may name only what tensors are made of:
 *
 *     torch._utils _rebuild_tensor_v2, _rebuild_parameter     a tensor
 *     torch FloatStorage ... BoolStorage                      where its values lie
 *     collections OrderedDict                                 a dictionary
 *     argparse Namespace                                      skipped: VideoMAE stores its
 *                                                             command line in checkpoints
 *
 * and any other name is refused. Protocols 2 to 5; memory is linear in the size of the pickle.
 */
#ifndef VSYN_TRAIN_MODEL_PICKLE_H
#define VSYN_TRAIN_MODEL_PICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/safetensors.h"

typedef enum vs_pickle_kind {
    VS_PICKLE_NONE, VS_PICKLE_BOOL, VS_PICKLE_INT, VS_PICKLE_REAL, VS_PICKLE_TEXT,
    VS_PICKLE_LIST,
    VS_PICKLE_TUPLE,
    VS_PICKLE_DICT,                /* item: key, value, key, value, ... */
    VS_PICKLE_GLOBAL,              /* integer: which of the names above */
    VS_PICKLE_STORAGE,             /* text: its key; integer: its number of values */
    VS_PICKLE_TENSOR,              /* item: STORAGE, offset, sizes, strides, ... */
    VS_PICKLE_OBJECT,              /* skipped */
    VS_PICKLE_MARK                 /* internal */
} vs_pickle_kind;

typedef struct vs_pickle_value vs_pickle_value;
struct vs_pickle_value {
    vs_pickle_kind kind;
    vs_dtype dtype;                /* of a storage */
    int64_t integer;
    const char *text;              /* in the pickle, `length` bytes, no zero at the end */
    size_t length;
    vs_pickle_value **item;
    size_t n;
};

typedef struct vs_pickle vs_pickle;

/* data must outlive the pickle. where opens the messages. *used (may be NULL): bytes up to and
 * with the STOP. CORRUPT: not a pickle, cut off, or one that asks for something else. */
vs_err vs_pickle_open(vs_pickle **out, const uint8_t *data, size_t size, size_t *used,
                      const char *where);
void vs_pickle_close(vs_pickle **pickle);
const vs_pickle_value *vs_pickle_root(const vs_pickle *pickle);
/* Of a dictionary; NULL when it has no such text as a key. */
const vs_pickle_value *vs_pickle_member(const vs_pickle_value *dict, const char *key);
/* The first storage of this key that the pickle mentions anywhere, or NULL. */
const vs_pickle_value *vs_pickle_storage(const vs_pickle *pickle, const char *key,
                                         size_t length);

#endif /* VSYN_TRAIN_MODEL_PICKLE_H */
