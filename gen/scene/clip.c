/* A clip drawn and resampled, frame by frame. Contract: gen/scene/clip.h; CUDA twin: clip.cu */
#include "gen/scene/clip.h"

#include <stdlib.h>

#include "base/mem.h"

static size_t frame_bytes(const vs_clip_form *form)
{
    const size_t bytes = 3 * (size_t)form->params.size * (size_t)form->params.size;
    return (bytes + 63) / 64 * 64;
}

size_t vs_clip_scratch(const vs_clip_form *form)
{
    return frame_bytes(form) + vs_draw_scratch(form->params.size);
}

vs_err vs_clip_draw(uint8_t *frames, const vs_clip_form *form, const vs_scene_clip *clip,
                    const int32_t *index, void *scratch)
{
    const int size = form->params.size;
    const size_t bytes = (size_t)form->H * (size_t)form->W * 3;
    uint8_t *const frame = scratch;
    vs_scene scene;
    VS_TRY(vs_scene_sample(&scene, &form->params, clip->seed, clip->video));
    vs_resize *plan = vs_resize_new(size, size, clip->crop, form->W, form->H, clip->flip != 0);
    void *const tmp = vs_new(vs_resize_scratch(plan));
    for (int k = 0; k < form->T; k++) {
        vs_scene_draw(&scene, index[k], frame, frame + frame_bytes(form));
        vs_resize_run(plan, frames + (size_t)k * bytes, frame, tmp);
    }
    free(tmp);
    vs_resize_free(&plan);
    vs_scene_free(&scene);
    return VS_OK;
}
