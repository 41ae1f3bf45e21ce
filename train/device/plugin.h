/* The interface between a program and the CUDA backend that it loads (open.c).
 *
 * The plugin brings its own copy of train/device/device.c and of base; what crosses the border
 * is the struct vs_device with its functions, and the tables of operations. A failure to open
 * comes back as words, because the last message (base/err.h) is kept once on either side.
 */
#ifndef VSYN_TRAIN_DEVICE_PLUGIN_H
#define VSYN_TRAIN_DEVICE_PLUGIN_H

#include <stdint.h>

#include "train/device/device_priv.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VS_CUDA_PLUGIN "vsyn-cuda.so"
#define VS_CUDA_PLUGIN_ENTRY "vs_cuda_plugin_get"
/* Raised with every change of vs_device, vs_device_kind, vs_ops or an operation's parameters. */
#define VS_CUDA_ABI 6u

typedef struct vs_cuda_plugin {
    uint32_t abi;                  /* VS_CUDA_ABI */
    uint32_t device_bytes;         /* sizeof(vs_device) */
    /* As vs_device_open_cuda(), and index -1 - k: visible GPU k, counted round;
     * `why` (of `bytes` bytes) tells what went wrong. */
    vs_err (*open)(vs_device **out, int index, char *why, size_t bytes);
    const struct vs_ops *ops[2];   /* by precision */
} vs_cuda_plugin;

/* The one function that the plugin exports. */
const vs_cuda_plugin *vs_cuda_plugin_get(void);

/* device_cuda.cu */
vs_err vs_cuda_open(vs_device **out, int index, char *why, size_t bytes);

#ifdef __cplusplus
}
#endif
#endif /* VSYN_TRAIN_DEVICE_PLUGIN_H */
