/* Clips for a trainer on CUDA: sampled, drawn and resampled there. Contract: gen/scene/clip.h and
 * draw.cuh; CPU twins: scene.c, clip.c, base/resize.c */
#include "gen/scene/draw.cuh"

#include "base/resample_core.h"
#include "gen/scene/raster.h"
#include "gen/scene/sample_core.h"
#include "gen/scene/texture.h"

/* Of one axis of every clip: `taps` is that of the largest crop, the whole picture. */
struct weights {
    int n, taps;
    int *first;                    /* (B, n) */
    int32_t *weight;               /* (B, n, taps) */
};

struct work {
    const vs_scene_clip *clip;
    const double *share;
    vs_object *object;             /* (B, n) */
    weights x, y;
    int B, textures;
};

/* (1) one thread per clip and object */
static __global__ void sample_kernel(work w, vs_scene_params params)
{
    const int64_t id = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int n = params.objects;
    if (id >= (int64_t)w.B * n)
        return;
    const vs_scene_clip *const clip = &w.clip[id / n];
    const uint32_t i = (uint32_t)(id % n);
    vs_rng r = vs_rng_from(clip->seed, VS_RNG_SCENE, clip->video,
                           VS_LENGTH_WORDS + i * VS_OBJECT_WORDS);
    vs_object_sample(&w.object[id], &r, &params, w.share);
    if (w.textures) {
        r = vs_rng_from(clip->seed, VS_RNG_FILL, clip->video, i * VS_FILL_WORDS);
        vs_object_fill(&w.object[id], &r, w.textures);
    }
}

/* (2) one thread per clip and output column, then row */
static __global__ void weights_kernel(work w, int size)
{
    const int64_t id = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int both = w.x.n + w.y.n;
    if (id >= (int64_t)w.B * both)
        return;
    const vs_scene_clip *const clip = &w.clip[id / both];
    const bool column = id % both < w.x.n;
    const weights *const a = column ? &w.x : &w.y;
    const int to = (int)(id % both) - (column ? 0 : w.x.n);
    const int from = column && clip->flip ? a->n - 1 - to : to;
    const int64_t at = id / both * a->n + to;
    const vs_axis axis = column ? vs_axis_of(size, clip->crop.x0, clip->crop.rw, a->n)
                                : vs_axis_of(size, clip->crop.y0, clip->crop.rh, a->n);
    int32_t *const weight = a->weight + at * a->taps;
    for (int t = axis.taps; t < a->taps; t++)
        weight[t] = 0;
    a->first[at] = vs_axis_weights(weight, &axis, from);
}

/* (4) one thread per pixel of the output: columns, rounded to 16 bits, then rows. Taps of weight 0
 * may lie outside the picture and are not read. */
static __global__ void resample_kernel(uint8_t *out, work w, vs_cuda_picture p)
{
    const int64_t id = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int W = w.x.n, H = w.y.n;
    const int64_t t = id / ((int64_t)W * H), area = (int64_t)p.size * p.size;
    if (t >= p.T)
        return;
    const int row = (int)(id / W % H), column = (int)(id % W);
    const int64_t clip = (p.first + t) / p.per_clip;
    const int64_t ax = clip * W + column, ay = clip * H + row;
    const int32_t *const wx = w.x.weight + ax * w.x.taps, *const wy = w.y.weight + ay * w.y.taps;
    const uint8_t *const from = p.plane + 3 * t * area + (int64_t)w.y.first[ay] * p.size +
                                w.x.first[ax];
    const int keep = VS_RESAMPLE_KEEP;
    int32_t sum[3];
    for (int c = 0; c < 3; c++)
        sum[c] = 1 << (VS_RESAMPLE_BITS - 1 + keep);
    for (int j = 0; j < w.y.taps; j++) {
        if (!wy[j])
            continue;
        for (int c = 0; c < 3; c++) {
            const uint8_t *const at = from + c * area + (int64_t)j * p.size;
            int32_t mid = 1 << (VS_RESAMPLE_BITS - 1 - keep);
            for (int i = 0; i < w.x.taps; i++)
                mid += wx[i] ? wx[i] * at[i] : 0;
            sum[c] += wy[j] * (int32_t)(uint16_t)(mid >> (VS_RESAMPLE_BITS - keep));
        }
    }
    for (int c = 0; c < 3; c++)
        out[3 * id + c] = (uint8_t)(sum[c] >> (VS_RESAMPLE_BITS + keep));
}

/* Memory that clips take beside a picture's, from `base` on; returns its bytes. */
static size_t place(work *w, uint8_t *base, const vs_clip_form *form)
{
    const int size = form->params.size;
    w->x.n = form->W;
    w->y.n = form->H;
    w->x.taps = vs_axis_of(size, 0, size, form->W).taps;
    w->y.taps = vs_axis_of(size, 0, size, form->H).taps;
    size_t used = vs_cuda_rounded(sizeof(*w->object) * w->B * form->params.objects);
    w->object = (vs_object *)base;
    for (weights *a : { &w->x, &w->y }) {
        a->first = (int *)(base + used);
        used += vs_cuda_rounded(sizeof(*a->first) * w->B * a->n);
        a->weight = (int32_t *)(base + used);
        used += vs_cuda_rounded(sizeof(*a->weight) * w->B * a->n * a->taps);
    }
    return used;
}

static vs_cuda_picture picture_of(const vs_clip_form *form)
{
    vs_cuda_picture p = {};
    p.params = form->params;
    p.n = form->params.objects;
    p.size = form->params.size;
    p.words = vs_mask_words(p.size);
    p.per_clip = form->T;
    p.side = form->params.textures ? form->params.textures->side : 0;
    return p;
}

size_t vs_cuda_clips_scratch(const vs_clip_form *form, int B)
{
    work w = {};
    vs_cuda_picture p = picture_of(form);
    w.B = B;
    return place(&w, NULL, form) +
           vs_cuda_picture_place(&p, NULL, vs_cuda_picture_most(&p, (int64_t)B * form->T));
}

cudaError_t vs_cuda_clips_draw(uint8_t *out, const vs_cuda_clips *clips, void *scratch,
                               cudaStream_t stream)
{
    const vs_clip_form *const form = clips->form;
    const int64_t frames = (int64_t)clips->B * form->T, pixels = (int64_t)form->H * form->W;
    vs_cuda_picture p = picture_of(form);
    work w = {};
    w.clip = clips->clip;
    w.share = clips->share;
    w.B = clips->B;
    w.textures = form->params.textures ? form->params.textures->n : 0;
    const size_t own = place(&w, (uint8_t *)scratch, form);
    const int most = vs_cuda_picture_most(&p, frames);
    p.texel = clips->texel;
    vs_cuda_picture_place(&p, (uint8_t *)scratch + own, most);
    p.object = w.object;
    p.frame = clips->index;
    VS_LAUNCH(sample_kernel, vs_cuda_blocks((int64_t)w.B * p.n), 128, 0, stream, w, form->params);
    VS_LAUNCH(weights_kernel, vs_cuda_blocks((int64_t)w.B * (w.x.n + w.y.n)), 128, 0, stream, w,
              p.size);
    cudaError_t bad = cudaGetLastError();
    for (int64_t at = 0; at < frames && bad == cudaSuccess; at += most) {
        p.first = (int)at;
        p.T = (int)(frames - at < most ? frames - at : most);
        bad = vs_cuda_picture_draw(&p, stream);        /* (3) */
        if (bad != cudaSuccess)
            break;
        VS_LAUNCH(resample_kernel, vs_cuda_blocks(p.T * pixels), 128, 0, stream,
                  out + 3 * at * pixels, w, p);
        bad = cudaGetLastError();
    }
    return bad;
}
