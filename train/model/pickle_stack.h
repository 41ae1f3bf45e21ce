/* What the machine of pickle.c works on: values, a stack of them, a memo, and the bytes to come;
 * private to these two files.
 *
 * Values live in chunks until the pickle is closed: whoever points to one needs no count. Every
 * function that takes from the stack or from the bytes refuses what is not there.
 * Errors: CORRUPT naming file and byte, NOMEM.
 */
#ifndef VSYN_TRAIN_MODEL_PICKLE_STACK_H
#define VSYN_TRAIN_MODEL_PICKLE_STACK_H

#include "train/model/pickle.h"

struct chunk {
    struct chunk *next;
    vs_pickle_value value[512];
};

struct vs_pickle {
    struct chunk *chunks;
    size_t in_chunk;
    vs_pickle_value **stack, **memo;
    size_t n_stack, room_stack, n_memo, n_put;
    vs_pickle_value none, no, yes, mark;
    const uint8_t *data, *p, *end;
    const char *where;
};

/* CORRUPT: `what`, at the byte that comes next. */
vs_err vs_pickle_bad(const vs_pickle *k, const char *what);
vs_err vs_pickle_no_room(const vs_pickle *k);

/* A value of this kind, else zero. */
vs_err vs_pickle_make(vs_pickle_value **out, vs_pickle *k, vs_pickle_kind kind);
vs_err vs_pickle_push(vs_pickle *k, vs_pickle_value *v);
vs_err vs_pickle_push_new(vs_pickle *k, vs_pickle_kind kind);
/* The top of the stack, which may not be a mark. */
vs_err vs_pickle_pop(vs_pickle_value **out, vs_pickle *k);
/* Where the values above the last mark begin; the mark lies just before. */
vs_err vs_pickle_find_mark(size_t *out, const vs_pickle *k);
/* v becomes the last of to->item. */
vs_err vs_pickle_append(vs_pickle *k, vs_pickle_value *to, vs_pickle_value *v);
/* The top of the stack is remembered under a number. */
vs_err vs_pickle_put(vs_pickle *k, uint64_t at);

/* n bytes that follow; little-endian when they are a number. */
vs_err vs_pickle_take(const uint8_t **out, vs_pickle *k, uint64_t n);
vs_err vs_pickle_number(uint64_t *out, vs_pickle *k, int bytes);

#endif /* VSYN_TRAIN_MODEL_PICKLE_STACK_H */
