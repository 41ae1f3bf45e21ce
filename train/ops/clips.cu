/* Clips drawn and mixed on CUDA. Contract and formulas: train/ops/ops.h; the drawing itself:
 * gen/scene/clip.cu */
#include <stdlib.h>

#include "gen/scene/draw.cuh"
#include "gen/scene/sample_core.h"
#include "gen/scene/texture_core.h"
#include "train/ops/cuda.cuh"
#include "train/ops/blend.h"    /* after it: vs_narrow may be a type of CUDA */

/* What stays on the device: the table of radii, and behind it the bank of textures in use. */
struct palette {
    uint8_t *at;                   /* NULL: not yet */
    const vs_textures *bank;       /* NULL: none */
};

enum { SHARES = sizeof(double) * VS_RADII };

static void close_palette(vs_device *dev, void *state)
{
    palette *const p = (palette *)state;
    if (p->at)
        dev->kind->give(dev, p->at);
    free(p);
}

static size_t bank_bytes(const vs_textures *bank)
{
    return bank ? (size_t)bank->n * vs_texture_bytes(bank->side) : 0;
}

static void fill_palette(vs_device *dev, palette *p, const vs_textures *bank)
{
    double share[VS_RADII];
    if (p->at)
        dev->kind->give(dev, p->at);
    dev->beside -= p->at ? SHARES + bank_bytes(p->bank) : 0;
    p->at = (uint8_t *)dev->kind->take(dev, SHARES + bank_bytes(bank));
    p->bank = bank;
    if (!p->at) {
        vs_device_note(dev, VS_FAIL(VS_ERR_NOMEM, "%s: no room for %.1f MB of textures", dev->name,
                                    (double)bank_bytes(bank) * 1e-6));
        return;
    }
    dev->beside += SHARES + bank_bytes(bank);
    vs_radius_shares(share);
    vs_device_upload(dev, p->at, share, SHARES);
    if (bank)
        vs_device_upload(dev, p->at + SHARES, bank->texel, bank_bytes(bank));
}

/* A bank is known by its address and never changes while clips are drawn from it. */
static const palette *palette_of(vs_device *dev, const vs_textures *bank)
{
    vs_gpu_keep *const keep = &dev->gpu->keep[VS_GPU_SCENES];
    if (!keep->state) {
        keep->state = calloc(1, sizeof(palette));
        keep->close = close_palette;
        VS_ASSERT(keep->state);
    }
    palette *const p = (palette *)keep->state;
    if (!p->at || p->bank != bank)
        fill_palette(dev, p, bank);
    return p;
}

void VS_CUDA(draw_clips)(vs_device *dev, uint8_t *frames, const vs_clip_form *form,
                         const vs_scene_clip *clip, const int32_t *index, int B)
{
    if (vs_device_failed(dev))
        return;
    const palette *const p = palette_of(dev, form->params.textures);
    void *const scratch = vs_device_scratch(dev, vs_cuda_clips_scratch(form, B));
    if (vs_device_failed(dev))
        return;
    const vs_cuda_clips clips = { form, p->bank ? p->at + SHARES : NULL, (const double *)p->at,
                                  clip, index, B };
    VS_CUDA_NOTE(dev, vs_cuda_clips_draw(frames, &clips, scratch, stream_of(dev)));
}

/* One pixel of both clips of a pair; pairs along y of the grid */
static __global__ void mix_kernel(uint8_t *frames, const vs_blend *blend, int B, int64_t pixels,
                                  int H, int W)
{
    for (int b = blockIdx.y; b < B / 2; b += gridDim.y) {
        const vs_blend first = blend[b], second = blend[B - 1 - b];
        if (vs_blend_none(&first) && vs_blend_none(&second))
            continue;
        VS_EACH(i, pixels) {
            uint8_t *const x = frames + 3 * (b * pixels + i);
            uint8_t *const y = frames + 3 * ((B - 1 - b) * pixels + i);
            const int at = (int)(i % ((int64_t)H * W));
            const int32_t k = vs_blend_keep(&first, at % W, at / W);
            const int32_t l = vs_blend_keep(&second, at % W, at / W);
            for (int c = 0; c < 3; c++) {
                const int32_t v = x[c], w = y[c];
                x[c] = vs_blended(v, w, k);
                y[c] = vs_blended(w, v, l);
            }
        }
    }
}

void VS_CUDA(mix_clips)(vs_device *dev, uint8_t *frames, const vs_blend *blend, int B, int T, int H,
                        int W)
{
    const int64_t pixels = (int64_t)T * H * W;
    if (vs_device_failed(dev) || B < 2)
        return;
    const dim3 grid(blocks_for(pixels), (unsigned)(B / 2 < 65535 ? B / 2 : 65535));
    VS_LAUNCH(mix_kernel, grid, VS_THREADS, 0, stream_of(dev), frames, blend, B, pixels, H, W);
    VS_LAUNCHED(dev);
}
