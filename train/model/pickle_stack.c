/* See pickle_stack.h. */
#include "train/model/pickle_stack.h"

#include <stdlib.h>
#include <string.h>

vs_err vs_pickle_bad(const vs_pickle *k, const char *what)
{
    return VS_FAIL(VS_ERR_CORRUPT, "%s: byte %zu of the pickle: %s", k->where,
                   (size_t)(k->p - k->data), what);
}

vs_err vs_pickle_no_room(const vs_pickle *k)
{
    return VS_FAIL(VS_ERR_NOMEM, "%s: no memory for what its pickle describes", k->where);
}

vs_err vs_pickle_make(vs_pickle_value **out, vs_pickle *k, vs_pickle_kind kind)
{
    if (!k->chunks || k->in_chunk == 512) {
        struct chunk *c = calloc(1, sizeof(*c));
        if (!c)
            return vs_pickle_no_room(k);
        c->next = k->chunks;
        k->chunks = c;
        k->in_chunk = 0;
    }
    *out = &k->chunks->value[k->in_chunk++];
    (*out)->kind = kind;
    return VS_OK;
}

vs_err vs_pickle_push(vs_pickle *k, vs_pickle_value *v)
{
    if (k->n_stack == k->room_stack) {
        const size_t room = k->room_stack ? 2 * k->room_stack : 64;
        void *more = realloc(k->stack, sizeof(*k->stack) * room);
        if (!more)
            return vs_pickle_no_room(k);
        k->stack = more;
        k->room_stack = room;
    }
    k->stack[k->n_stack++] = v;
    return VS_OK;
}

vs_err vs_pickle_push_new(vs_pickle *k, vs_pickle_kind kind)
{
    vs_pickle_value *v = NULL;
    VS_TRY(vs_pickle_make(&v, k, kind));
    return vs_pickle_push(k, v);
}

vs_err vs_pickle_pop(vs_pickle_value **out, vs_pickle *k)
{
    if (k->n_stack == 0 || k->stack[k->n_stack - 1]->kind == VS_PICKLE_MARK)
        return vs_pickle_bad(k, "an operation finds nothing on the stack");
    *out = k->stack[--k->n_stack];
    return VS_OK;
}

vs_err vs_pickle_take(const uint8_t **out, vs_pickle *k, uint64_t n)
{
    if ((uint64_t)(k->end - k->p) < n)
        return vs_pickle_bad(k, "it ends in the middle of a value");
    *out = k->p;
    k->p += n;
    return VS_OK;
}

vs_err vs_pickle_number(uint64_t *out, vs_pickle *k, int bytes)
{
    const uint8_t *p = NULL;
    VS_TRY(vs_pickle_take(&p, k, (uint64_t)bytes));
    *out = 0;
    for (int i = 0; i < bytes; i++)
        *out |= (uint64_t)p[i] << 8 * i;
    return VS_OK;
}

vs_err vs_pickle_append(vs_pickle *k, vs_pickle_value *to, vs_pickle_value *v)
{
    if ((to->n & (to->n - 1)) == 0) {
        void *more = realloc(to->item, sizeof(*to->item) * (to->n ? 2 * to->n : 1));
        if (!more)
            return vs_pickle_no_room(k);
        to->item = more;
    }
    to->item[to->n++] = v;
    return VS_OK;
}

vs_err vs_pickle_find_mark(size_t *out, const vs_pickle *k)
{
    size_t i = k->n_stack;
    while (i > 0 && k->stack[i - 1]->kind != VS_PICKLE_MARK)
        i--;
    *out = i;
    return i ? VS_OK : vs_pickle_bad(k, "an operation finds no mark on the stack");
}

vs_err vs_pickle_put(vs_pickle *k, uint64_t at)
{
    if (k->n_stack == 0)
        return vs_pickle_bad(k, "an operation finds nothing on the stack");
    if (at >= (uint64_t)(k->end - k->data))
        return vs_pickle_bad(k, "it remembers more values than it has bytes");
    if (at >= k->n_memo) {
        const size_t room = at < 512 ? 1024 : 2 * (size_t)at;
        void *more = realloc(k->memo, sizeof(*k->memo) * room);
        if (!more)
            return vs_pickle_no_room(k);
        k->memo = more;
        memset(k->memo + k->n_memo, 0, sizeof(*k->memo) * (room - k->n_memo));
        k->n_memo = room;
    }
    k->memo[at] = k->stack[k->n_stack - 1];
    return VS_OK;
}

void vs_pickle_close(vs_pickle **pickle)
{
    vs_pickle *k = *pickle;
    if (!k)
        return;
    while (k->chunks) {
        struct chunk *next = k->chunks->next;
        for (int i = 0; i < 512; i++)
            free(k->chunks->value[i].item);
        free(k->chunks);
        k->chunks = next;
    }
    free(k->stack);
    free(k->memo);
    free(k);
    *pickle = NULL;
}

const vs_pickle_value *vs_pickle_storage(const vs_pickle *pickle, const char *key, size_t length)
{
    const vs_pickle_value *found = NULL;
    for (const struct chunk *c = pickle->chunks; c; c = c->next)
        for (int i = 0; i < 512; i++) {
            const vs_pickle_value *const v = &c->value[i];
            if (v->kind == VS_PICKLE_STORAGE && v->length == length &&
                memcmp(v->text, key, length) == 0)
                found = v;
        }
    return found;
}
