/* The stack machine of pickles, without its power. Every opcode takes what it needs from the
 * stack and refuses anything of another kind; the numbers in comments are opcodes of
 * Python's pickletools. */
#include "train/model/pickle_stack.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MOST_BYTES (8u << 20)      /* of a pickle; that of a ViT-H with its optimiser has 0.3 MB */

/* ---- Names that GLOBAL may ask for -------------------------------------------------- */

enum role { DICT, TENSOR, PARAMETER, STORAGE, SKIPPED };

static const struct known {
    const char *module, *name;
    enum role role;
    vs_dtype dtype;
} known[] = {
    { "collections", "OrderedDict", DICT, 0 },
    { "torch._utils", "_rebuild_tensor_v2", TENSOR, 0 },
    { "torch._utils", "_rebuild_parameter", PARAMETER, 0 },
    { "torch", "FloatStorage", STORAGE, VS_DTYPE_F32 },
    { "torch", "HalfStorage", STORAGE, VS_DTYPE_F16 },
    { "torch", "BFloat16Storage", STORAGE, VS_DTYPE_BF16 },
    { "torch", "DoubleStorage", STORAGE, VS_DTYPE_F64 },
    { "torch", "LongStorage", STORAGE, VS_DTYPE_I64 },
    { "torch", "IntStorage", STORAGE, VS_DTYPE_I32 },
    { "torch", "ByteStorage", STORAGE, VS_DTYPE_U8 },
    { "torch", "BoolStorage", STORAGE, VS_DTYPE_BOOL },
    { "argparse", "Namespace", SKIPPED, 0 },
};

/* ---- Values ------------------------------------------------------------------------- */

static vs_err push_int(vs_pickle *k, int bytes, bool is_signed)
{
    uint64_t v = 0;
    VS_TRY(vs_pickle_number(&v, k, bytes));
    VS_TRY(vs_pickle_push_new(k, VS_PICKLE_INT));
    k->stack[k->n_stack - 1]->integer = is_signed ? (int32_t)v : (int64_t)v;
    return VS_OK;
}

/* LONG1: two's complement of up to 8 bytes; longer ones are no sizes. */
static vs_err push_long(vs_pickle *k)
{
    uint64_t n = 0, v = 0;
    const uint8_t *p = NULL;
    VS_TRY(vs_pickle_number(&n, k, 1));
    VS_TRY(vs_pickle_take(&p, k, n));
    if (n > 8) {
        VS_TRY(vs_pickle_push_new(k, VS_PICKLE_OBJECT));
        return VS_OK;
    }
    for (uint64_t i = 0; i < 8; i++)
        v |= (uint64_t)(i < n ? p[i] : n && p[n - 1] & 128 ? 255 : 0) << 8 * i;
    VS_TRY(vs_pickle_push_new(k, VS_PICKLE_INT));
    k->stack[k->n_stack - 1]->integer = (int64_t)v;
    return VS_OK;
}

static vs_err push_text(vs_pickle *k, int bytes_of_length)
{
    uint64_t n = 0;
    const uint8_t *p = NULL;
    VS_TRY(vs_pickle_number(&n, k, bytes_of_length));
    VS_TRY(vs_pickle_take(&p, k, n));
    VS_TRY(vs_pickle_push_new(k, VS_PICKLE_TEXT));
    k->stack[k->n_stack - 1]->text = (const char *)p;
    k->stack[k->n_stack - 1]->length = n;
    return VS_OK;
}

/* The values above the mark, or the last n when there is no mark (`n` < 0: mark). */
static vs_err push_tuple(vs_pickle *k, int n)
{
    size_t from = k->n_stack - (size_t)(n < 0 ? 0 : n);
    vs_pickle_value *v = NULL;
    if (n < 0)
        VS_TRY(vs_pickle_find_mark(&from, k));
    else if (k->n_stack < (size_t)n)
        return vs_pickle_bad(k, "an operation finds nothing on the stack");
    VS_TRY(vs_pickle_make(&v, k, VS_PICKLE_TUPLE));
    const size_t count = k->n_stack - from;
    v->item = count ? malloc(sizeof(*v->item) * count) : NULL;
    if (count && !v->item)
        return vs_pickle_no_room(k);
    v->n = count;
    for (size_t i = 0; i < count; i++) {
        v->item[i] = k->stack[from + i];
        if (v->item[i]->kind == VS_PICKLE_MARK)
            return vs_pickle_bad(k, "a tuple reaches across a mark");
    }
    k->n_stack = n < 0 ? from - 1 : from;
    return vs_pickle_push(k, v);
}

/* APPENDS, SETITEMS: the values above the mark go into what lies below it. */
static vs_err extend(vs_pickle *k, vs_pickle_kind kind)
{
    size_t from = 0;
    VS_TRY(vs_pickle_find_mark(&from, k));
    if (from < 2 || (k->stack[from - 2]->kind != kind &&
                     k->stack[from - 2]->kind != VS_PICKLE_OBJECT))
        return vs_pickle_bad(k, "values are added to what holds none");
    if (kind == VS_PICKLE_DICT && (k->n_stack - from) % 2)
        return vs_pickle_bad(k, "a key without a value");
    vs_pickle_value *to = k->stack[from - 2];
    for (size_t i = from; i < k->n_stack; i++)
        VS_TRY(vs_pickle_append(k, to, k->stack[i]));
    k->n_stack = from - 1;
    return VS_OK;
}

/* APPEND, SETITEM: the last `n` values. */
static vs_err extend_few(vs_pickle *k, vs_pickle_kind kind, size_t n)
{
    vs_pickle_value *v[2] = { NULL, NULL };
    for (size_t i = n; i-- > 0;)
        VS_TRY(vs_pickle_pop(&v[i], k));
    if (k->n_stack == 0 || k->stack[k->n_stack - 1]->kind != kind)
        return vs_pickle_bad(k, "values are added to what holds none");
    for (size_t i = 0; i < n; i++)
        VS_TRY(vs_pickle_append(k, k->stack[k->n_stack - 1], v[i]));
    return VS_OK;
}

/* ---- Memo --------------------------------------------------------------------------- */

static vs_err memoize(vs_pickle *k)
{
    return vs_pickle_put(k, k->n_put++);
}

static vs_err put_numbered(vs_pickle *k, int bytes)
{
    uint64_t at = 0;
    VS_TRY(vs_pickle_number(&at, k, bytes));
    return vs_pickle_put(k, at);
}

static vs_err get_numbered(vs_pickle *k, int bytes)
{
    uint64_t at = 0;
    VS_TRY(vs_pickle_number(&at, k, bytes));
    if (at >= k->n_memo || !k->memo[at])
        return vs_pickle_bad(k, "it asks for a value that it never remembered");
    return vs_pickle_push(k, k->memo[at]);
}

/* ---- Names and calls ---------------------------------------------------------------- */

static bool equal(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static vs_err push_global(vs_pickle *k, const char *module, size_t m, const char *name, size_t n)
{
    const int most = 60;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (equal(module, m, known[i].module) && equal(name, n, known[i].name)) {
            VS_TRY(vs_pickle_push_new(k, VS_PICKLE_GLOBAL));
            k->stack[k->n_stack - 1]->integer = (int64_t)i;
            return VS_OK;
        }
    return VS_FAIL(VS_ERR_CORRUPT, "%s: the pickle asks for %.*s.%.*s; only tensors are read, and "
                   "nothing in it is ever run: save the state_dict alone, or as safetensors",
                   k->where, m > (size_t)most ? most : (int)m, module,
                   n > (size_t)most ? most : (int)n, name);
}

/* GLOBAL: module and name, each up to a newline. */
static vs_err read_global(vs_pickle *k)
{
    const char *word[2];
    size_t length[2];
    for (int i = 0; i < 2; i++) {
        const uint8_t *end = memchr(k->p, '\n', (size_t)(k->end - k->p));
        if (!end)
            return vs_pickle_bad(k, "it ends in the middle of a name");
        word[i] = (const char *)k->p;
        length[i] = (size_t)(end - k->p);
        k->p = end + 1;
    }
    return push_global(k, word[0], length[0], word[1], length[1]);
}

static vs_err stack_global(vs_pickle *k)
{
    vs_pickle_value *name = NULL, *module = NULL;
    VS_TRY(vs_pickle_pop(&name, k));
    VS_TRY(vs_pickle_pop(&module, k));
    if (name->kind != VS_PICKLE_TEXT || module->kind != VS_PICKLE_TEXT)
        return vs_pickle_bad(k, "a name that is not a text");
    return push_global(k, module->text, module->length, name->text, name->length);
}

static bool all_ints(const vs_pickle_value *v)
{
    bool ints = v->kind == VS_PICKLE_TUPLE && v->n <= VS_TENSOR_RANK;
    for (size_t i = 0; ints && i < v->n; i++)
        ints = v->item[i]->kind == VS_PICKLE_INT;
    return ints;
}

static bool is_tensor_call(const vs_pickle_value *a)
{
    return a->n >= 6 && a->n <= 7 && a->item[0]->kind == VS_PICKLE_STORAGE &&
           a->item[1]->kind == VS_PICKLE_INT && all_ints(a->item[2]) && all_ints(a->item[3]) &&
           a->item[2]->n == a->item[3]->n;
}

/* REDUCE, NEWOBJ: what a call of a known name gives. */
static vs_err call(vs_pickle *k)
{
    vs_pickle_value *args = NULL, *what = NULL;
    VS_TRY(vs_pickle_pop(&args, k));
    VS_TRY(vs_pickle_pop(&what, k));
    if (what->kind != VS_PICKLE_GLOBAL || args->kind != VS_PICKLE_TUPLE)
        return vs_pickle_bad(k, "it calls something that is not a known name");
    const enum role role = known[what->integer].role;
    if (role == PARAMETER && args->n >= 1 && args->item[0]->kind == VS_PICKLE_TENSOR)
        return vs_pickle_push(k, args->item[0]);
    if (role == DICT && args->n == 0)
        return vs_pickle_push_new(k, VS_PICKLE_DICT);
    if (role == SKIPPED)
        return vs_pickle_push_new(k, VS_PICKLE_OBJECT);
    if (role != TENSOR || !is_tensor_call(args))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: byte %zu of the pickle: %s.%s is called in a way that "
                       "torch.save does not", k->where, (size_t)(k->p - k->data),
                       known[what->integer].module, known[what->integer].name);
    vs_pickle_value *tensor = NULL;
    VS_TRY(vs_pickle_make(&tensor, k, VS_PICKLE_TENSOR));
    tensor->n = args->n;
    tensor->item = malloc(sizeof(*tensor->item) * args->n);
    if (!tensor->item)
        return vs_pickle_no_room(k);
    memcpy(tensor->item, args->item, sizeof(*tensor->item) * args->n);
    return vs_pickle_push(k, tensor);
}

/* BUILD: the state of an object; none of those here needs it. */
static vs_err build(vs_pickle *k)
{
    vs_pickle_value *state = NULL;
    VS_TRY(vs_pickle_pop(&state, k));
    if (k->n_stack == 0 || (k->stack[k->n_stack - 1]->kind != VS_PICKLE_OBJECT &&
                            k->stack[k->n_stack - 1]->kind != VS_PICKLE_DICT))
        return vs_pickle_bad(k, "it sets the state of something that has none");
    return VS_OK;
}

/* BINPERSID: ("storage", type, key, place, count (, view)). */
static vs_err persistent(vs_pickle *k)
{
    vs_pickle_value *id = NULL, *storage = NULL;
    VS_TRY(vs_pickle_pop(&id, k));
    vs_pickle_value **const v = id->item;
    if (id->kind != VS_PICKLE_TUPLE || id->n < 5 || v[0]->kind != VS_PICKLE_TEXT ||
        !equal(v[0]->text, v[0]->length, "storage") || v[1]->kind != VS_PICKLE_GLOBAL ||
        known[v[1]->integer].role != STORAGE || v[2]->kind != VS_PICKLE_TEXT ||
        v[4]->kind != VS_PICKLE_INT || (id->n > 5 && v[5]->kind != VS_PICKLE_NONE))
        return vs_pickle_bad(k, "it refers to something that is not a storage");
    VS_TRY(vs_pickle_make(&storage, k, VS_PICKLE_STORAGE));
    storage->dtype = known[v[1]->integer].dtype;
    storage->text = v[2]->text;
    storage->length = v[2]->length;
    storage->integer = v[4]->integer;
    return vs_pickle_push(k, storage);
}

/* ---- Opcodes ------------------------------------------------------------------------ */

static vs_err protocol(vs_pickle *k)
{
    uint64_t version = 0;
    VS_TRY(vs_pickle_number(&version, k, 1));
    return version >= 2 && version <= 5
               ? VS_OK : vs_pickle_bad(k, "its protocol is not one of 2 to 5");
}

static vs_err skip(vs_pickle *k, uint64_t n)
{
    const uint8_t *p = NULL;
    return vs_pickle_take(&p, k, n);
}

static vs_err one(vs_pickle *k, uint8_t op)
{
    vs_pickle_value *gone = NULL;
    switch (op) {
    case 0x80: return protocol(k);
    case 0x95: return skip(k, 8);                       /* FRAME */
    case '(': return vs_pickle_push(k, &k->mark);
    case '0': return vs_pickle_pop(&gone, k);                     /* POP */
    case 'N': return vs_pickle_push(k, &k->none);
    case 0x88: return vs_pickle_push(k, &k->yes);
    case 0x89: return vs_pickle_push(k, &k->no);
    case 'J': return push_int(k, 4, true);
    case 'K': return push_int(k, 1, false);
    case 'M': return push_int(k, 2, false);
    case 0x8a: return push_long(k);
    case 'G': VS_TRY(skip(k, 8)); return vs_pickle_push_new(k, VS_PICKLE_REAL);
    case 'X': return push_text(k, 4);
    case 0x8c: return push_text(k, 1);                  /* SHORT_BINUNICODE */
    case 0x8d: return push_text(k, 8);
    case 'U': case 'C': return push_text(k, 1);         /* bytes and texts of Python 2 */
    case 'T': case 'B': return push_text(k, 4);
    case ']': return vs_pickle_push_new(k, VS_PICKLE_LIST);
    case '}': return vs_pickle_push_new(k, VS_PICKLE_DICT);
    case ')': return push_tuple(k, 0);
    case 't': return push_tuple(k, -1);
    case 0x85: return push_tuple(k, 1);
    case 0x86: return push_tuple(k, 2);
    case 0x87: return push_tuple(k, 3);
    case 'a': return extend_few(k, VS_PICKLE_LIST, 1);
    case 's': return extend_few(k, VS_PICKLE_DICT, 2);
    case 'e': return extend(k, VS_PICKLE_LIST);
    case 'u': return extend(k, VS_PICKLE_DICT);
    case 'q': return put_numbered(k, 1);
    case 'r': return put_numbered(k, 4);
    case 0x94: return memoize(k);
    case 'h': return get_numbered(k, 1);
    case 'j': return get_numbered(k, 4);
    case 'c': return read_global(k);
    case 0x93: return stack_global(k);
    case 'R': case 0x81: return call(k);
    case 'b': return build(k);
    case 'Q': return persistent(k);
    default: return vs_pickle_bad(k, "an operation that torch.save does not write");
    }
}

static vs_err run(vs_pickle *k)
{
    while (k->p < k->end) {
        const uint8_t op = *k->p++;
        if (op != '.') {
            VS_TRY(one(k, op));
            continue;
        }
        if (k->n_stack != 1 || k->stack[0]->kind == VS_PICKLE_MARK)
            return vs_pickle_bad(k, "it does not end with one value");
        return VS_OK;
    }
    return vs_pickle_bad(k, "it is cut off");
}

vs_err vs_pickle_open(vs_pickle **out, const uint8_t *data, size_t size, size_t *used,
                      const char *where)
{
    *out = NULL;
    vs_pickle *k = calloc(1, sizeof(*k));
    if (!k)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no memory for its pickle", where);
    k->data = k->p = data;
    k->end = data + (size < MOST_BYTES ? size : MOST_BYTES);
    k->where = where;
    k->none.kind = VS_PICKLE_NONE;
    k->no.kind = k->yes.kind = VS_PICKLE_BOOL;
    k->yes.integer = 1;
    k->mark.kind = VS_PICKLE_MARK;
    vs_err err = size && *data == 0x80
                     ? run(k) : vs_pickle_bad(k, "it is not a pickle of protocol 2 to 5");
    if (err == VS_OK && used)
        *used = (size_t)(k->p - data);
    if (err != VS_OK)
        vs_pickle_close(&k);
    *out = k;
    return err;
}

const vs_pickle_value *vs_pickle_root(const vs_pickle *pickle)
{
    return pickle->stack[0];
}

const vs_pickle_value *vs_pickle_member(const vs_pickle_value *dict, const char *key)
{
    for (size_t i = 0; dict->kind == VS_PICKLE_DICT && i + 1 < dict->n; i += 2)
        if (dict->item[i]->kind == VS_PICKLE_TEXT &&
            equal(dict->item[i]->text, dict->item[i]->length, key))
            return dict->item[i + 1];
    return NULL;
}
