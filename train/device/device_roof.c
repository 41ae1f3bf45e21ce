/* A device that only counts, and the rates of GPUs that are known. Contract: train/device/device.h
 *
 * Rates: data sheets of the SXM modules, dense, without sparsity; float without TF32. What a large
 * product of bfloat16 reaches (8192^3, cuBLASLt) was measured on an H200; an H100 has the same
 * processor. Its memory is the one of the 80 GB module. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "train/device/device_priv.h"

static const vs_roof roofs[] = {
    { "h100", "NVIDIA H100 80GB", { 67e12, 989e12 }, { 67e12, 790e12 }, 1.0, 3.35e12, 80e9 },
    { "h200", "NVIDIA H200", { 67e12, 989e12 }, { 67e12, 790e12 }, 1.0, 4.8e12, 141e9 },
};

const vs_roof *vs_roof_find(const char *name)
{
    for (size_t i = 0; i < sizeof(roofs) / sizeof(*roofs); i++)
        if (strcmp(name, roofs[i].name) == 0 ||
            (strstr(name, roofs[i].title) && !strstr(name, "NVL") && !strstr(name, "PCIe")))
            return &roofs[i];
    return NULL;
}

vs_roof vs_roof_expected(const vs_roof *roof)
{
    vs_roof r = *roof;
    for (int i = 0; i < 2; i++)
        r.flops[i] *= 0.85;
    r.bytes *= 0.85;
    r.attention = 0.5 / 0.85;
    return r;
}

/* ---- The device's functions ---------------------------------------------------------- */

/* Addresses that nobody may touch. */
static void *roof_take(vs_device *dev, size_t bytes)
{
    void *const at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                          0);
    return at == MAP_FAILED ? NULL : at;
}

static void roof_give(vs_device *dev, void *block)
{
    for (int i = 0; i < dev->n_blocks; i++)
        if (dev->block[i].at == block)
            munmap(block, dev->block[i].bytes ? dev->block[i].bytes : 1);
}

static void roof_upload(vs_device *dev, void *dst, const void *host, size_t bytes)
{
    dev->roof_uploaded += (double)bytes;
}

static void roof_zero(vs_device *dev, void *dst, size_t bytes)
{
    dev->roof_zeroed += (double)bytes;
}

static void roof_download(vs_device *dev, void *host, const void *src, size_t bytes)
{
    memset(host, 0, bytes);
}

static void roof_wait(vs_device *dev)
{
}

static const vs_device_kind roof_kind = {
    .take = roof_take, .give = roof_give, .upload = roof_upload, .zero = roof_zero,
    .download = roof_download, .wait = roof_wait,
};

vs_err vs_device_open_roof(vs_device **out, const vs_roof *roof)
{
    *out = vs_device_new(&roof_kind, false, 1, roof->name);
    (*out)->roof = roof;
    return VS_OK;
}

double vs_device_roof_zeroed(const vs_device *dev)
{
    return dev->roof_zeroed;
}

double vs_device_roof_uploaded(const vs_device *dev)
{
    return dev->roof_uploaded;
}
