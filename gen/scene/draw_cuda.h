/* Drawing scenes on a GPU: many frames at once, the bytes of gen/scene/draw.c.
 *
 * Two kernels. One thread per frame and object works out its pose and rasterises it into a mask
 * of its own; one thread per frame, row and 64 pixels walks the masks from the topmost object
 * down and paints what is free. Pose, rasteriser, textures and colours are the very functions of
 * the CPU (pose.h, raster_core.h, texture_core.h, yuv.h), compiled without fused multiply-add.
 *
 * A bank of textures goes to the device once, for all scenes that show it. Masks take
 * n * size * ceil(size / 64) * 8 bytes a frame (4 MB for 500 objects at 256); frames are drawn in
 * batches of at most 256 MB of them, one frame at least.
 *
 * Compiled where nvcc is (meson option cuda). Its test draws whole scenes into host memory through
 * this page; the trainer draws clips on the device (draw.cuh).
 */
#ifndef VSYN_GEN_SCENE_DRAW_CUDA_H
#define VSYN_GEN_SCENE_DRAW_CUDA_H

#include "gen/scene/scene.h"

#ifdef __cplusplus
extern "C" {
#endif

/* NULL, or why no GPU can be used. */
const char *vs_scene_cuda_missing(void);

/* A bank's copy on the device; later changes of the bank do not reach it. The bank must outlive
 * it. Returns NULL, or what went wrong, in words; *out is NULL then. */
typedef struct vs_textures_cuda vs_textures_cuda;
const char *vs_textures_upload_cuda(vs_textures_cuda **out, const vs_textures *bank);
void vs_textures_free_cuda(vs_textures_cuda **textures);

/* Frames of a scene into host memory. textures: the copy of scene->params.textures; NULL for a
 * scene without. PLANES: out (T, 3, size, size); YUV420: per frame Y (size, size), then U and V
 * (size / 2, size / 2), size even. RGB is not offered. Returns NULL, or what went wrong, in
 * words. */
const char *vs_scene_draw_cuda(uint8_t *out, vs_layout layout, const vs_scene *scene,
                               const vs_textures_cuda *textures, const int *frames, int T);

#ifdef __cplusplus
}
#endif

#endif /* VSYN_GEN_SCENE_DRAW_CUDA_H */
