#include "train/model/pth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/model/pickle.h"
#include "train/model/zip.h"

/* A storage of the old format. */
struct storage {
    const char *key;
    size_t length;
    const uint8_t *data;
    uint64_t count, wide;          /* values, bytes of one */
};

struct vs_pth {
    const char *path;
    char *prefix;                  /* "NAME/" */
    vs_zip zip;
    vs_pickle *pickle, *keys;      /* keys: of the old format */
    struct storage *storage;       /* likewise */
    int n_storage;
    vs_tensor *tensor;
    void **copy;                   /* dense copies of tensors that are not */
    int n, n_copy;
};

/* The pickle of 0x1950a86a20f9469cfc6c, with which the old format begins. */
static const uint8_t old_magic[] = { 0x80, 2, 0x8a, 10, 'l', 0xfc, 0x9c, 'F', 0xf9, ' ', 'j',
                                     0xa8, 'P', 0x19, '.' };

bool vs_pth_is(const uint8_t *data, size_t size)
{
    return size >= 4 && (memcmp(data, "PK\3\4", 4) == 0 || (data[0] == 0x80 && data[1] >= 2 &&
                                                            data[1] <= 5));
}

/* ---- The archive -------------------------------------------------------------------- */

static vs_zip_member *member(const vs_pth *p, const char *name, size_t length)
{
    char *const full = vs_strf("%s%.*s", p->prefix, (int)length, name);
    vs_zip_member *m = vs_zip_find(&p->zip, full);
    free(full);
    return m;
}

static vs_err find_pickle(vs_zip_member **out, vs_pth *p)
{
    static const char tail[] = "/data.pkl";
    const size_t n = sizeof(tail) - 1;
    for (int i = 0; i < p->zip.n; i++) {
        vs_zip_member *m = &p->zip.member[i];
        if (m->length > n && m->length < 4096 &&
            memcmp(m->name + m->length - n, tail, n) == 0) {
            p->prefix = vs_strf("%.*s/", (int)(m->length - n), m->name);
            *out = m;
            return VS_OK;
        }
    }
    return VS_FAIL(VS_ERR_CORRUPT, "%s: a zip archive without data.pkl, so not one of torch.save",
                   p->path);
}

static vs_err open_archive(vs_pth *p, const uint8_t *data, size_t size)
{
    vs_zip_member *pickle = NULL, *order;
    VS_TRY(vs_zip_open(&p->zip, data, size, p->path));
    VS_TRY(find_pickle(&pickle, p));
    order = member(p, "byteorder", 9);
    if (order && (order->size != 6 || memcmp(order->data, "little", 6) != 0))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: its values are not little-endian", p->path);
    VS_TRY(vs_zip_check(&p->zip, pickle));
    return vs_pickle_open(&p->pickle, pickle->data, pickle->size, NULL, p->path);
}

/* ---- The old format: magic, protocol, system, dictionary, keys, then count and values  */

static vs_err old_storages(vs_pth *p, const uint8_t *data, const uint8_t *end)
{
    const vs_pickle_value *keys = vs_pickle_root(p->keys);
    if (keys->kind != VS_PICKLE_LIST)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: has no list of its storages", p->path);
    p->storage = calloc(keys->n + 1, sizeof(*p->storage));
    if (!p->storage)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no room for its storages", p->path);
    for (size_t i = 0; i < keys->n; i++) {
        if (keys->item[i]->kind != VS_PICKLE_TEXT || end - data < 8)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: ends before its storages do", p->path);
        struct storage *s = &p->storage[p->n_storage++];
        *s = (struct storage){ keys->item[i]->text, keys->item[i]->length, data + 8, 0, 1 };
        memcpy(&s->count, data, 8);
        data += 8;
        /* Its type is only known from a tensor that uses it: the pickle is asked. */
        const vs_pickle_value *used = vs_pickle_storage(p->pickle, s->key, s->length);
        s->wide = used ? vs_dtype_bytes(used->dtype) : 1;
        if (!used || s->count > (uint64_t)(end - data) / s->wide)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: storage %.*s reaches beyond the end of the file",
                           p->path, (int)(s->length < 40 ? s->length : 40), s->key);
        data += s->count * s->wide;
    }
    return VS_OK;
}

static vs_err open_old(vs_pth *p, const uint8_t *data, size_t size)
{
    const uint8_t *const end = data + size;
    if (size < sizeof(old_magic) || memcmp(data, old_magic, sizeof(old_magic)) != 0)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: a pickle that torch.save did not write", p->path);
    data += sizeof(old_magic);
    for (int i = 0; i < 4; i++) {
        vs_pickle **const to = i == 3 ? &p->keys : &p->pickle;
        size_t used = 0;
        if (i < 3)
            vs_pickle_close(&p->pickle);
        VS_TRY(vs_pickle_open(to, data, (size_t)(end - data), &used, p->path));
        data += used;
    }
    return old_storages(p, data, end);
}

/* ---- Tensors ------------------------------------------------------------------------ */

static vs_err bad_tensor(const vs_pth *p, const char *name, const char *what)
{
    return VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s %s", p->path, name, what);
}

/* The bytes of a storage, whole and undamaged. */
static vs_err storage_bytes(const uint8_t **out, const vs_pth *p, const vs_pickle_value *s,
                            const char *name)
{
    const uint64_t wide = vs_dtype_bytes(s->dtype);
    for (int i = 0; i < p->n_storage; i++)
        if (p->storage[i].length == s->length &&
            memcmp(p->storage[i].key, s->text, s->length) == 0) {
            *out = p->storage[i].data;
            return p->storage[i].count == (uint64_t)s->integer && p->storage[i].wide == wide
                       ? VS_OK : bad_tensor(p, name, "lies in a storage of another size");
        }
    if (s->length > 64 || p->n_storage)
        return bad_tensor(p, name, "lies in a storage that is not there");
    char key[80];
    const int n = snprintf(key, sizeof(key), "data/%.*s", (int)s->length, s->text);
    vs_zip_member *const m = member(p, key, (size_t)n);
    if (!m)
        return bad_tensor(p, name, "lies in a storage that is not there");
    if (s->integer < 0 || (uint64_t)s->integer > m->size / wide)
        return bad_tensor(p, name, "lies in a storage that is too short");
    *out = m->data;
    return vs_zip_check(&p->zip, m);
}

/* Shape, and whether the values follow each other; everything inside the storage. */
static vs_err read_shape(vs_tensor *t, bool *dense, const vs_pth *p, const vs_pickle_value *v)
{
    const vs_pickle_value *size = v->item[2], *stride = v->item[3];
    const int64_t has = v->item[0]->integer, offset = v->item[1]->integer;
    int64_t last = offset, count = 1;
    *dense = true;
    t->rank = (int)size->n;
    for (int i = t->rank - 1; i >= 0; i--) {
        const int64_t n = size->item[i]->integer, step = stride->item[i]->integer;
        int64_t reach;
        if (n < 0 || step < 0 || (n > 0 && __builtin_mul_overflow(n - 1, step, &reach)) ||
            (n > 0 && __builtin_add_overflow(last, reach, &last)))
            return bad_tensor(p, t->name, "has a shape that is not possible");
        *dense = *dense && (step == count || n == 1);
        if (__builtin_mul_overflow(count, n, &count) || count > has)
            return bad_tensor(p, t->name, "has more values than its storage");
        t->shape[i] = n;
    }
    if (offset < 0 || offset > has || (count > 0 && last >= has))
        return bad_tensor(p, t->name, "reaches beyond its storage");
    return VS_OK;
}

static vs_err make_dense(vs_pth *p, vs_tensor *t, const vs_pickle_value *v, const uint8_t *from)
{
    const size_t wide = vs_dtype_bytes(t->dtype), n = (size_t)vs_tensor_count(t);
    uint8_t *to = malloc(wide * n + 1);
    if (!to)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no room for tensor %s", p->path, t->name);
    VS_PUSH(p->copy, p->n_copy, to);
    t->data = to;
    int64_t at[VS_TENSOR_RANK] = { 0 }, place = 0;
    for (size_t i = 0; i < n; i++, to += wide) {
        memcpy(to, from + (size_t)place * wide, wide);
        for (int d = t->rank - 1; d >= 0; d--) {
            const int64_t step = v->item[3]->item[d]->integer;
            if (at[d] + 1 < t->shape[d]) {
                at[d]++;
                place += step;     /* inside the storage: read_shape() */
                break;
            }
            place -= step * at[d];
            at[d] = 0;
        }
    }
    return VS_OK;
}

static vs_err add_tensor(vs_pth *p, const vs_pickle_value *key, const vs_pickle_value *v)
{
    vs_tensor t = { .dtype = VS_DTYPE_F32 };
    const uint8_t *data = NULL;
    bool dense = false;
    if (key->kind != VS_PICKLE_TEXT || key->length > 4096 || memchr(key->text, 0, key->length))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: a key of its dictionary is no name", p->path);
    t.name = vs_strf("%.*s", (int)key->length, key->text);
    VS_PUSH(p->tensor, p->n, t);
    vs_tensor *const to = &p->tensor[p->n - 1];
    if (v->kind != VS_PICKLE_TENSOR)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: \"%s\" is not a tensor; expected a dictionary of "
                       "tensors, or one that holds it as model, module or state_dict", p->path,
                       to->name);
    to->dtype = v->item[0]->dtype;
    VS_TRY(storage_bytes(&data, p, v->item[0], to->name));
    VS_TRY(read_shape(to, &dense, p, v));
    data += (size_t)v->item[1]->integer * vs_dtype_bytes(to->dtype);
    to->data = data;
    return dense ? VS_OK : make_dense(p, to, v, data);
}

static vs_err add_tensors(vs_pth *p)
{
    static const char *const inner[] = { "model", "module", "state_dict" };
    const vs_pickle_value *dict = vs_pickle_root(p->pickle);
    for (int i = 0; i < 3; i++) {
        const vs_pickle_value *v = vs_pickle_member(dict, inner[i]);
        if (v && v->kind == VS_PICKLE_DICT) {
            dict = v;
            break;
        }
    }
    if (dict->kind != VS_PICKLE_DICT)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: does not hold a dictionary of tensors", p->path);
    for (size_t i = 0; i + 1 < dict->n; i += 2)
        VS_TRY(add_tensor(p, dict->item[i], dict->item[i + 1]));
    return VS_OK;
}

/* ---- Opening ------------------------------------------------------------------------ */

vs_err vs_pth_open(vs_pth **out, const uint8_t *data, size_t size, const char *path)
{
    vs_pth *p = vs_new(sizeof(*p));
    p->path = path;
    vs_err err = size && data[0] == 'P' ? open_archive(p, data, size) : open_old(p, data, size);
    if (err == VS_OK)
        err = add_tensors(p);
    if (err != VS_OK)
        vs_pth_close(&p);
    *out = p;
    return err;
}

void vs_pth_close(vs_pth **pth)
{
    vs_pth *p = *pth;
    if (!p)
        return;
    for (int i = 0; i < p->n; i++)
        free((char *)p->tensor[i].name);
    for (int i = 0; i < p->n_copy; i++)
        free(p->copy[i]);
    vs_pickle_close(&p->pickle);
    vs_pickle_close(&p->keys);
    vs_zip_close(&p->zip);
    free(p->storage);
    free(p->tensor);
    free(p->copy);
    free(p->prefix);
    free(p);
    *pth = NULL;
}

int vs_pth_count(const vs_pth *pth)
{
    return pth->n;
}

const vs_tensor *vs_pth_at(const vs_pth *pth, int i)
{
    VS_ASSERT(i >= 0 && i < pth->n);
    return &pth->tensor[i];
}
