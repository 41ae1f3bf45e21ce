/* What every kind of device shares: blocks, the first failure, scratch, names. Part of the
 * program and of the CUDA plugin. */
#include "train/device/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/device/device_priv.h"

vs_device *vs_device_new(const vs_device_kind *kind, bool cuda, int threads, const char *name)
{
    vs_device *dev = vs_new(sizeof(*dev));
    dev->kind = kind;
    dev->cuda = cuda;
    dev->threads = threads;
    const char *const graphs = getenv("VSYN_GRAPHS");
    dev->no_repeat = graphs && strcmp(graphs, "off") == 0;
    snprintf(dev->name, sizeof(dev->name), "%s", name);
    return dev;
}

void vs_device_close(vs_device **dev)
{
    vs_device *d = *dev;
    if (!d)
        return;
    d->kind->wait(d);
    for (int i = 0; i < d->n_blocks; i++)
        d->kind->give(d, d->block[i].at);
    if (d->scratch)
        d->kind->give(d, d->scratch);
    if (d->kind->close)
        d->kind->close(d);
    free(d->block);
    free(d->notes);
    free(d->slot);
    free(d);
    *dev = NULL;
}

bool vs_device_is_cuda(const vs_device *dev)
{
    return dev->cuda;
}

vs_precision vs_device_precision(const vs_device *dev)
{
    return dev->precision;
}

const char *vs_precision_name(vs_precision precision)
{
    static const char *const name[] = { "fp32", "bf16", "auto" };
    return name[precision];
}

int vs_device_threads(const vs_device *dev)
{
    return dev->threads;
}

const char *vs_device_name(const vs_device *dev)
{
    return dev->name;
}

size_t vs_device_allocated(const vs_device *dev)
{
    return dev->allocated;
}

size_t vs_device_memory(const vs_device *dev)
{
    return dev->allocated + dev->scratch_bytes + dev->beside;
}

void vs_device_note(vs_device *dev, vs_err err)
{
    if (err == VS_OK || dev->err != VS_OK)
        return;
    dev->err = err;
    snprintf(dev->detail, sizeof(dev->detail), "%s", vs_err_detail());
}

static void *take(vs_device *dev, size_t bytes)
{
    const size_t rounded = (bytes + VS_DEVICE_ALIGN - 1) / VS_DEVICE_ALIGN * VS_DEVICE_ALIGN;
    void *at = rounded < bytes ? NULL : dev->kind->take(dev, rounded ? rounded : VS_DEVICE_ALIGN);
    if (!at)
        vs_device_note(dev, VS_FAIL(VS_ERR_NOMEM, "%s: no room for %.1f MB (%.1f MB are in use)",
                                    dev->name, (double)bytes / 1e6,
                                    (double)dev->allocated / 1e6));
    return at;
}

void *vs_device_alloc(vs_device *dev, size_t bytes)
{
    if (vs_device_failed(dev))
        return NULL;
    void *at = take(dev, bytes);
    if (!at)
        return NULL;
    VS_PUSH(dev->block, dev->n_blocks, ((vs_device_block){ .at = at, .bytes = bytes }));
    dev->allocated += bytes;
    return at;
}

void vs_device_free(vs_device *dev, void *block)
{
    if (!block)
        return;
    int i = 0;
    while (i < dev->n_blocks && dev->block[i].at != block)
        i++;
    VS_ASSERT(i < dev->n_blocks);
    dev->kind->wait(dev);
    dev->kind->give(dev, block);
    dev->age++;
    dev->allocated -= dev->block[i].bytes;
    /* The list keeps its order: its capacity is tied to its length by VS_PUSH, and a shorter
     * list grown again only reallocates to a size it already had. */
    memmove(&dev->block[i], &dev->block[i + 1],
            sizeof(vs_device_block) * (size_t)(dev->n_blocks - i - 1));
    dev->n_blocks--;
}

void *vs_device_scratch(vs_device *dev, size_t bytes)
{
    if (vs_device_failed(dev))
        return NULL;
    if (bytes > dev->scratch_bytes) {
        dev->kind->wait(dev);
        if (dev->scratch)
            dev->kind->give(dev, dev->scratch);
        dev->age++;
        dev->scratch = take(dev, bytes);
        dev->scratch_bytes = dev->scratch ? bytes : 0;
    }
    return dev->scratch;
}

void vs_device_upload(vs_device *dev, void *dst, const void *host, size_t bytes)
{
    if (!vs_device_failed(dev))
        dev->kind->upload(dev, dst, host, bytes);
}

void vs_device_upload_ahead(vs_device *dev, void *dst, const void *host, size_t bytes)
{
    if (!dev->kind->upload_ahead)
        vs_device_upload(dev, dst, host, bytes);
    else if (!vs_device_failed(dev))
        dev->kind->upload_ahead(dev, dst, host, bytes);
}

void vs_device_zero(vs_device *dev, void *dst, size_t bytes)
{
    if (!vs_device_failed(dev))
        dev->kind->zero(dev, dst, bytes);
}

vs_err vs_device_download(vs_device *dev, void *host, const void *src, size_t bytes)
{
    VS_TRY(vs_device_sync(dev));
    dev->kind->download(dev, host, src, bytes);
    return vs_device_sync(dev);
}

vs_err vs_device_sync(vs_device *dev)
{
    dev->kind->wait(dev);
    const vs_err err = dev->err;
    dev->err = VS_OK;
    return err == VS_OK ? VS_OK : VS_FAIL(err, "%s", dev->detail);
}

void vs_device_read_later(vs_device *dev, int slot, const void *src, size_t bytes)
{
    VS_ASSERT(slot >= 0 && slot < VS_DEVICE_SLOTS && bytes <= sizeof(*dev->slot));
    if (vs_device_failed(dev))
        return;
    if (!dev->slot)
        dev->slot = vs_new(sizeof(*dev->slot) * VS_DEVICE_SLOTS);
    dev->kind->download(dev, &dev->slot[slot], src, bytes);
}

const void *vs_device_read(const vs_device *dev, int slot)
{
    VS_ASSERT(dev->slot && slot >= 0 && slot < VS_DEVICE_SLOTS);
    return &dev->slot[slot];
}

/* ---- Groups ------------------------------------------------------------------------ */

bool vs_device_can_group(const vs_device *dev)
{
    return dev->kind->group_join != NULL;
}

void vs_device_group_id(vs_device *dev, char id[VS_GROUP_ID])
{
    VS_ASSERT(vs_device_can_group(dev));
    dev->kind->group_id(dev, id);
}

void vs_device_group_join(vs_device *dev, const char id[VS_GROUP_ID], int rank, int size)
{
    VS_ASSERT(vs_device_can_group(dev) && rank >= 0 && rank < size);
    if (!vs_device_failed(dev))
        dev->kind->group_join(dev, id, rank, size);
}

void vs_device_mean_begin(vs_device *dev, float *x, int64_t n)
{
    dev->kind->mean_begin(dev, x, n);
}

void vs_device_mean_end(vs_device *dev)
{
    dev->kind->mean_end(dev);
}
