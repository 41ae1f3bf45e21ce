/* Fuzz target: checkpoints of torch.save, both containers: the input is the file. */
#include "tests/fuzz/fuzz.h"
#include "train/model/pth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vs_pth *pth = NULL;
    if (!vs_pth_is(data, size))
        return 0;
    const vs_err err = vs_pth_open(&pth, data, size, "input.pth");
    fuzz_verdict(err);
    VS_ASSERT((err == VS_OK) == (pth != NULL));
    uint64_t sum = 0;
    for (int i = 0; pth && i < vs_pth_count(pth); i++) {
        const vs_tensor *t = vs_pth_at(pth, i);
        const size_t bytes = (size_t)vs_tensor_count(t) * vs_dtype_bytes(t->dtype);
        for (size_t k = 0; k < bytes; k++)     /* every byte that it promises is there */
            sum += ((const uint8_t *)t->data)[k];
    }
    vs_pth_close(&pth);
    return sum == UINT64_MAX;
}
