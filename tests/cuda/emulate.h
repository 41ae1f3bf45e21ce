/* Between the two halves of the emulator: emulate.cpp runs what runtime.cpp has queued. */
#ifndef VSYN_TESTS_CUDA_EMULATE_H
#define VSYN_TESTS_CUDA_EMULATE_H

#include "cuda_runtime.h"

struct vs_emulated_kernel {
    const char *name;
    dim3 blocks, threads;
    size_t shared;
    std::function<void()> body;
};

/* All threads of all blocks, one block after the other. */
void vs_emulated_run(const vs_emulated_kernel *kernel);

/* Do that many bytes from p on lie in one block of device memory? */
bool vs_emulated_on_device(const void *p, size_t bytes);

#endif /* VSYN_TESTS_CUDA_EMULATE_H */
