/* Fuzz target: safetensors files. The input is the JSON of the header, a zero byte, the data; the
 * length in front is made to fit (a first byte of 1: it is the file as it is). */
#include "base/safetensors.h"
#include "tests/fuzz/fuzz.h"

static char *dir;                  /* of the process */

static void clean(void)
{
    fuzz_rm(dir);
    free(dir);
}

static void begin(void)
{
    if (dir)
        return;
    dir = fuzz_dir();
    atexit(clean);
}

static void put(const uint8_t *data, size_t size)
{
    const uint8_t *const zero = size ? memchr(data, 0, size) : NULL;
    const uint64_t n = zero ? (uint64_t)(zero - data) : size;
    const size_t rest = zero ? size - (size_t)n - 1 : 0;
    uint8_t *file = vs_new(8 + size);
    memcpy(file, &n, 8);
    memcpy(file + 8, data, (size_t)n);
    if (rest > 0)
        memcpy(file + 8 + n, zero + 1, rest);
    fuzz_put(dir, "a.safetensors", file, 8 + (size_t)n + rest);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vs_safetensors *file = NULL;
    begin();
    if (size > 0 && data[0] == 1)
        fuzz_put(dir, "a.safetensors", data + 1, size - 1);
    else
        put(data, size);
    char *path = vs_path_join(dir, "a.safetensors");
    const vs_err err = vs_safetensors_open(&file, path);
    fuzz_verdict(err);
    uint64_t sum = 0;
    for (int i = 0; err == VS_OK && i < vs_safetensors_count(file); i++) {
        const vs_tensor *t = vs_safetensors_at(file, i);
        char text[96];
        const size_t bytes = (size_t)vs_tensor_count(t) * vs_dtype_bytes(t->dtype);
        for (size_t k = 0; k < bytes; k++)
            sum += ((const uint8_t *)t->data)[k];
        VS_ASSERT(vs_safetensors_find(file, t->name) && *vs_tensor_shape_text(text, t));
    }
    vs_safetensors_close(&file);
    free(path);
    return sum == UINT64_MAX;
}
