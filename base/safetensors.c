#include "base/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "big-endian needs byte swaps here");

struct vs_safetensors {
    char *path;
    vs_map map;
    json_t *header;
    vs_tensor *tensors;
    int n;
};

size_t vs_dtype_bytes(vs_dtype type)
{
    switch (type) {
#define X(name, bytes) case VS_DTYPE_##name: return bytes;
    VS_DTYPE_MAP(X)
#undef X
    }
    return 0;
}

const char *vs_dtype_name(vs_dtype type)
{
    switch (type) {
#define X(name, bytes) case VS_DTYPE_##name: return #name;
    VS_DTYPE_MAP(X)
#undef X
    }
    return "?";
}

static int dtype_from_name(vs_dtype *out, const char *name)
{
#define X(type, bytes)                  \
    if (strcmp(name, #type) == 0) {     \
        *out = VS_DTYPE_##type;         \
        return 1;                       \
    }
    VS_DTYPE_MAP(X)
#undef X
    return 0;
}

int64_t vs_tensor_count(const vs_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        if (t->shape[i] == 0)      /* the other sizes may be anything */
            return 0;
    for (int i = 0; i < t->rank; i++)
        n *= t->shape[i];
    return n;
}

static const char *shape_text(char text[96], int rank, const int64_t *shape)
{
    int n = snprintf(text, 96, "[");
    for (int i = 0; i < rank && n < 80; i++)
        n += snprintf(text + n, 96 - (size_t)n, shape[i] < 0 ? "%s*" : "%s%lld",
                      i ? ", " : "", (long long)shape[i]);
    snprintf(text + n, 96 - (size_t)n, "]");
    return text;
}

const char *vs_tensor_shape_text(char text[96], const vs_tensor *t)
{
    return shape_text(text, t->rank, t->shape);
}

/* ---- Reading ---------------------------------------------------------------------- */

/* One entry of the header; `room` bytes of data are in the file at `data`. */
static vs_err read_entry(vs_tensor *t, const char *name, const json_t *entry,
                         const uint8_t *data, size_t room, const char *path)
{
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    const json_t *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    t->name = name;
    if (!type || !dtype_from_name(&t->dtype, type))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s: dtype %s is not one this reader knows",
                       path, name, type ? type : "(none)");
    if (!json_is_array(shape) || json_array_size(shape) > VS_TENSOR_RANK)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s: shape must be a list of at most %d sizes",
                       path, name, VS_TENSOR_RANK);
    t->rank = (int)json_array_size(shape);
    uint64_t bytes = vs_dtype_bytes(t->dtype);
    for (int i = 0; i < t->rank; i++) {
        const json_t *size = json_array_get(shape, (size_t)i);
        const int64_t s = json_integer_value(size);
        if (!json_is_integer(size) || s < 0 ||
            __builtin_mul_overflow(bytes, (uint64_t)s, &bytes))
            return VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s: size %d is not possible", path,
                           name, i);
        t->shape[i] = s;
    }
    const json_t *b = json_array_get(offsets, 0), *e = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(b) || !json_is_integer(e))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s: data_offsets must be two numbers",
                       path, name);
    const uint64_t begin = (uint64_t)json_integer_value(b);
    const uint64_t end = (uint64_t)json_integer_value(e);
    if (begin > end || end > room || end - begin != bytes)
        return VS_FAIL(VS_ERR_CORRUPT,
                       "%s: tensor %s: needs %llu bytes, its offsets %llu..%llu lie in "
                       "%zu bytes of data",
                       path, name, (unsigned long long)bytes, (unsigned long long)begin,
                       (unsigned long long)end, room);
    t->data = data + begin;
    return VS_OK;
}

static int by_offset(const void *a, const void *b)
{
    const uint8_t *x = ((const vs_tensor *)a)->data, *y = ((const vs_tensor *)b)->data;
    return x < y ? -1 : x > y;
}

/* In order of offset the tensors follow each other to the last byte. */
static vs_err check_cover(const vs_safetensors *file, const uint8_t *data, size_t room)
{
    const uint8_t *end = data;
    for (int i = 0; i < file->n; i++) {
        const vs_tensor *t = &file->tensors[i];
        if ((const uint8_t *)t->data != end)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s leaves a gap or overlaps another",
                           file->path, t->name);
        end += (size_t)vs_tensor_count(t) * vs_dtype_bytes(t->dtype);
    }
    if (end != data + room)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: %zu bytes of data belong to no tensor", file->path,
                       (size_t)(data + room - end));
    return VS_OK;
}

vs_err vs_safetensors_open(vs_safetensors **out, const char *path)
{
    vs_safetensors *file = vs_new(sizeof(*file));
    file->path = vs_strdup(path);
    vs_err err = vs_map_open(&file->map, path);
    uint64_t n = 0;
    if (err != VS_OK)
        goto out;
    if (file->map.size >= 8)
        memcpy(&n, file->map.data, 8);
    if (file->map.size < 8 || n > file->map.size - 8 || n > (100u << 20)) {
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: not a safetensors file (%zu bytes, header length %llu)",
                      path, file->map.size, (unsigned long long)n);
        goto out;
    }
    err = vs_json_parse(&file->header, (const char *)file->map.data + 8, (size_t)n, path);
    if (err != VS_OK)
        goto out;
    if (!json_is_object(file->header)) {
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: the header is not a JSON object", path);
        goto out;
    }
    file->tensors = vs_new(sizeof(vs_tensor) * json_object_size(file->header));
    const uint8_t *data = file->map.data + 8 + n;
    const size_t room = file->map.size - 8 - (size_t)n;
    const char *name;
    json_t *entry;
    json_object_foreach(file->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        err = read_entry(&file->tensors[file->n], name, entry, data, room, path);
        if (err != VS_OK)
            goto out;
        file->n++;
    }
    if (file->n > 1)
        qsort(file->tensors, (size_t)file->n, sizeof(vs_tensor), by_offset);
    err = check_cover(file, data, room);
    if (err != VS_OK)
        goto out;
    *out = file;
    file = NULL;
out:
    vs_safetensors_close(&file);
    return err;
}

void vs_safetensors_close(vs_safetensors **file)
{
    vs_safetensors *f = *file;
    if (!f)
        return;
    free(f->path);
    free(f->tensors);
    json_decref(f->header);
    vs_map_close(&f->map);
    free(f);
    *file = NULL;
}

int vs_safetensors_count(const vs_safetensors *file)
{
    return file->n;
}

const vs_tensor *vs_safetensors_at(const vs_safetensors *file, int i)
{
    VS_ASSERT(i >= 0 && i < file->n);
    return &file->tensors[i];
}

const vs_tensor *vs_safetensors_find(const vs_safetensors *file, const char *name)
{
    for (int i = 0; i < file->n; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *vs_safetensors_meta(const vs_safetensors *file, const char *key)
{
    return json_string_value(
        json_object_get(json_object_get(file->header, "__metadata__"), key));
}

vs_err vs_safetensors_need(const vs_tensor **out, const vs_safetensors *file,
                           const char *name, vs_dtype type, int rank, const int64_t *shape)
{
    const vs_tensor *t = vs_safetensors_find(file, name);
    char is[96], want[96];
    shape_text(want, rank, shape);
    if (!t)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s is missing, expected %s %s", file->path, name,
                       vs_dtype_name(type), want);
    int same = t->dtype == type && t->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = shape[i] < 0 || t->shape[i] == shape[i];
    if (!same)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s is %s %s, expected %s %s", file->path, name,
                       vs_dtype_name(t->dtype), vs_tensor_shape_text(is, t),
                       vs_dtype_name(type), want);
    *out = t;
    return VS_OK;
}

/* ---- Writing ---------------------------------------------------------------------- */

static json_t *header_of(const vs_tensor *tensors, int n, const char *const *meta)
{
    json_t *header = json_object();
    if (meta) {
        json_t *m = json_object();
        for (int i = 0; meta[i]; i += 2)
            json_object_set_new(m, meta[i], json_string(meta[i + 1]));
        json_object_set_new(header, "__metadata__", m);
    }
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        const vs_tensor *t = &tensors[i];
        const int64_t bytes = vs_tensor_count(t) * (int64_t)vs_dtype_bytes(t->dtype);
        json_t *shape = json_array();
        for (int k = 0; k < t->rank; k++)
            json_array_append_new(shape, json_integer(t->shape[k]));
        json_object_set_new(header, t->name,
                            json_pack("{s:s, s:o, s:[I,I]}", "dtype", vs_dtype_name(t->dtype),
                                      "shape", shape, "data_offsets", (json_int_t)at,
                                      (json_int_t)(at + bytes)));
        at += bytes;
    }
    return header;
}

vs_err vs_safetensors_write(const char *path, const vs_tensor *tensors, int n,
                            const char *const *meta)
{
    json_t *header = header_of(tensors, n, meta);
    VS_ASSERT((int)json_object_size(header) == n + (meta != NULL));   /* names differ */
    char *text = json_dumps(header, JSON_COMPACT);
    json_decref(header);
    VS_ASSERT(text);
    vs_atomic a;
    const vs_err err = vs_atomic_open(&a, path);
    if (err != VS_OK) {
        free(text);
        return err;
    }
    const uint64_t length = strlen(text), padded = (length + 7) / 8 * 8;
    fwrite(&padded, 8, 1, a.f);
    fprintf(a.f, "%s%*s", text, (int)(padded - length), "");
    free(text);
    for (int i = 0; i < n; i++)
        fwrite(tensors[i].data, vs_dtype_bytes(tensors[i].dtype),
               (size_t)vs_tensor_count(&tensors[i]), a.f);
    return vs_atomic_commit(&a);
}
