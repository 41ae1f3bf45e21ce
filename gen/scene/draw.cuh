/* Drawing scenes on a GPU, on a stream and in memory of the caller: what draw.cu offers clip.cu and
 * the trainer. No fused multiply-add in either (gen/scene/meson.build). */
#ifndef VSYN_GEN_SCENE_DRAW_CUH
#define VSYN_GEN_SCENE_DRAW_CUH

#include <cuda_runtime.h>

#include "gen/scene/clip.h"

/* What every thread knows of some frames of some clips. Pointers are the device's. Frame t, from 0
 * to T - 1, is number first + t of all frames, of which a clip has per_clip. */
struct vs_cuda_picture {
    vs_scene_params params;
    int n, size, words, yuv;
    int first, T, per_clip;
    const vs_object *object;       /* (clips, n) */
    const int32_t *frame;          /* (clips, per_clip) */
    uint64_t *mask;                /* (T, n, size, words) */
    int2 *rows;                    /* (T, n): top and bottom of each mask */
    uint8_t *plane;                /* (T, 3, size, size) */
    int side;                      /* of the bank's textures; 0: every object is flat */
    const uint8_t *texel;          /* of the bank; NULL likewise */
    int *column;                   /* (2 size + 4), as in vs_texture_columns */
    double (*warp)[6];             /* (T, n): the m of each textured object's vs_warp */
};

/* Parts of one piece of memory begin at multiples of 256 bytes. */
static inline size_t vs_cuda_rounded(size_t bytes)
{
    return (bytes + 255) / 256 * 256;
}

/* Blocks of 128 threads. */
static inline unsigned vs_cuda_blocks(int64_t threads)
{
    return (unsigned)((threads + 127) / 128);
}

/* The parts that drawing makes (mask, rows, plane, column, warp) for `frames` frames, in one piece
 * of memory at `base`; returns its bytes. base NULL: only that. */
size_t vs_cuda_picture_place(vs_cuda_picture *p, uint8_t *base, int frames);
/* At most so many frames at a time, 1 or more: their masks take 256 MB. */
int vs_cuda_picture_most(const vs_cuda_picture *p, int64_t frames);
/* Queues the drawing of T frames into p->plane: red, green, blue, or with `yuv` Y, U, V at full
 * size. */
cudaError_t vs_cuda_picture_draw(const vs_cuda_picture *p, cudaStream_t stream);

/* Clips as in gen/scene/clip.h. Pointers are the device's, but for `form`. */
struct vs_cuda_clips {
    const vs_clip_form *form;
    const uint8_t *texel;          /* of the bank of form->params.textures; NULL: it has none */
    const double *share;           /* (VS_RADII): vs_radius_shares() */
    const vs_scene_clip *clip;     /* (B) */
    const int32_t *index;          /* (B, T) */
    int B;
};

/* Bytes of working memory for B clips. */
size_t vs_cuda_clips_scratch(const vs_clip_form *form, int B);
/* Queues: out (B, T, H, W, 3). */
cudaError_t vs_cuda_clips_draw(uint8_t *out, const vs_cuda_clips *clips, void *scratch,
                               cudaStream_t stream);

#endif /* VSYN_GEN_SCENE_DRAW_CUH */
