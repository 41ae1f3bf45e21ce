/* A clip of a synthetic video, for a trainer: some of its frames, of which a rectangle is
 * resampled to the size of a model. A clip is 56 bytes and T numbers; whoever has those, a CPU or a
 * GPU, draws the same bytes from them.
 *
 * Thread-safety: pure functions; each thread has its own scratch.
 */
#ifndef VSYN_GEN_SCENE_CLIP_H
#define VSYN_GEN_SCENE_CLIP_H

#include "base/image.h"
#include "gen/scene/scene.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What all clips of a source share. */
typedef struct vs_clip_form {
    vs_scene_params params;        /* and its textures, which must outlive it */
    int T, H, W;
} vs_clip_form;

/* Which one: video `video` of the set that `seed` describes; the crop lies in its picture. Which T
 * frames is said beside it. */
typedef struct vs_scene_clip {
    uint64_t seed, video;
    vs_rect crop;
    int32_t flip, unused;          /* mirrored; 0 */
} vs_scene_clip;

/* frames (T, H, W, 3); index (T): numbers of frames; scratch: vs_clip_scratch() bytes. NOMEM. */
vs_err vs_clip_draw(uint8_t *frames, const vs_clip_form *form, const vs_scene_clip *clip,
                    const int32_t *index, void *scratch);
size_t vs_clip_scratch(const vs_clip_form *form);

#ifdef __cplusplus
}
#endif

#endif /* VSYN_GEN_SCENE_CLIP_H */
