#include "train/model/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/model/pth.h"

struct vs_weights {
    char *path;
    vs_map map;                    /* of a .pth */
    vs_pth *pth;
    vs_safetensors *safe;
    vs_tensor *tensor;             /* names as they are asked for */
    int n;
};

/* ---- Opening ------------------------------------------------------------------------- */

static vs_err open_container(vs_weights *w)
{
    uint8_t head[4] = { 0 };
    VS_TRY(vs_map_open(&w->map, w->path));
    if (w->map.size)               /* no bytes: no address */
        memcpy(head, w->map.data, w->map.size < 4 ? w->map.size : 4);
    if (vs_pth_is(head, w->map.size))
        return vs_pth_open(&w->pth, w->map.data, w->map.size, w->path);
    vs_map_close(&w->map);
    return vs_safetensors_open(&w->safe, w->path);
}

static bool all_begin_with(const vs_weights *w, const char *prefix)
{
    for (int i = 0; i < w->n; i++)
        if (strncmp(w->tensor[i].name, prefix, strlen(prefix)) != 0)
            return false;
    return w->n > 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A pickle may hold one name twice; which was meant would be a guess. */
static vs_err check_names(const vs_weights *w)
{
    const char **name = vs_new(sizeof(*name) * (size_t)(w->n + 1));
    vs_err err = VS_OK;
    for (int i = 0; i < w->n; i++)
        name[i] = w->tensor[i].name;
    qsort(name, (size_t)w->n, sizeof(*name), compare_names);
    for (int i = 1; err == VS_OK && i < w->n; i++)
        if (strcmp(name[i - 1], name[i]) == 0)
            err = VS_FAIL(VS_ERR_CORRUPT, "%s: tensor %s is there twice", w->path, name[i]);
    free(name);
    return err;
}

static vs_err list_tensors(vs_weights *w)
{
    static const char wrapper[] = "module.";
    w->n = w->pth ? vs_pth_count(w->pth) : vs_safetensors_count(w->safe);
    w->tensor = vs_new(sizeof(*w->tensor) * (size_t)(w->n + 1));
    for (int i = 0; i < w->n; i++)
        w->tensor[i] = w->pth ? *vs_pth_at(w->pth, i) : *vs_safetensors_at(w->safe, i);
    if (all_begin_with(w, wrapper))
        for (int i = 0; i < w->n; i++)
            w->tensor[i].name += sizeof(wrapper) - 1;
    return check_names(w);
}

vs_err vs_weights_open(vs_weights **out, const char *path)
{
    vs_weights *w = vs_new(sizeof(*w));
    w->path = vs_strdup(path);
    vs_err err = open_container(w);
    if (err == VS_OK)
        err = list_tensors(w);
    if (err != VS_OK)
        vs_weights_close(&w);
    *out = w;
    return err;
}

void vs_weights_close(vs_weights **weights)
{
    vs_weights *w = *weights;
    if (!w)
        return;
    vs_pth_close(&w->pth);
    vs_safetensors_close(&w->safe);
    vs_map_close(&w->map);
    free(w->tensor);
    free(w->path);
    free(w);
    *weights = NULL;
}

int vs_weights_count(const vs_weights *weights)
{
    return weights->n;
}

const vs_tensor *vs_weights_at(const vs_weights *weights, int i)
{
    VS_ASSERT(i >= 0 && i < weights->n);
    return &weights->tensor[i];
}

const vs_tensor *vs_weights_find(const vs_weights *weights, const char *name)
{
    for (int i = 0; i < weights->n; i++)
        if (strcmp(weights->tensor[i].name, name) == 0)
            return &weights->tensor[i];
    return NULL;
}

/* ---- Types ---------------------------------------------------------------------------- */

bool vs_tensor_widens(const vs_tensor *t)
{
    return t->dtype == VS_DTYPE_F32 || t->dtype == VS_DTYPE_F16 || t->dtype == VS_DTYPE_BF16;
}

/* Sign, 5 bits of exponent (bias 15), 10 of fraction; exponent 0 is without the leading 1. */
static float from_half(uint16_t h)
{
    const int exponent = h >> 10 & 31, fraction = h & 1023;
    float v = exponent ? ldexpf((float)(1024 + fraction), exponent - 25)
                       : ldexpf((float)fraction, -24);
    if (exponent == 31)
        v = fraction ? NAN : INFINITY;
    return h >> 15 ? -v : v;
}

static float from_bf16(uint16_t h)
{
    const uint32_t bits = (uint32_t)h << 16;
    float v;
    memcpy(&v, &bits, 4);
    return v;
}

void vs_tensor_widen(float *out, const vs_tensor *t)
{
    const int64_t n = vs_tensor_count(t);
    VS_ASSERT(vs_tensor_widens(t));
    if (t->dtype == VS_DTYPE_F32) {
        memcpy(out, t->data, sizeof(float) * (size_t)n);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const uint8_t *)t->data + 2 * i, 2);
        out[i] = t->dtype == VS_DTYPE_F16 ? from_half(h) : from_bf16(h);
    }
}
