/* Clips drawn and mixed on the CPU. Contract and formulas: train/ops/ops.h */
#include "train/ops/cpu.h"

#include <stdlib.h>

#include "base/mem.h"
#include "train/ops/blend.h"

void VS_CPU(draw_clips)(vs_device *dev, uint8_t *frames, const vs_clip_form *form,
                        const vs_scene_clip *clip, const int32_t *index, int B)
{
    const size_t bytes = 3 * (size_t)form->T * (size_t)form->H * (size_t)form->W;
    if (vs_device_failed(dev))
        return;
#pragma omp parallel num_threads(dev->threads)
    {
        void *const scratch = vs_new(vs_clip_scratch(form));
#pragma omp for schedule(dynamic)
        for (int b = 0; b < B; b++) {
            const vs_err err = vs_clip_draw(frames + (size_t)b * bytes, form, &clip[b],
                                            index + (size_t)b * (size_t)form->T, scratch);
            if (err != VS_OK) {
#pragma omp critical
                vs_device_note(dev, err);
            }
        }
        free(scratch);
    }
}

/* A row of both clips, n values; keep: of the first clip, then of the second. */
VS_KERNEL static void mix_row(uint8_t *x, uint8_t *y, const int32_t *keep, int n)
{
    VS_SIMD
    for (int i = 0; i < n; i++) {
        const int32_t a = x[i], b = y[i];
        x[i] = vs_blended(a, b, keep[i]);
        y[i] = vs_blended(b, a, keep[n + i]);
    }
}

void VS_CPU(mix_clips)(vs_device *dev, uint8_t *frames, const vs_blend *blend, int B, int T, int H,
                       int W)
{
    const int64_t row = 3 * (int64_t)W, frame = row * H;
    if (vs_device_failed(dev))
        return;
    VS_PARALLEL(dev, (int64_t)B * T * frame)
    for (int64_t i = 0; i < (int64_t)(B / 2) * H; i++) {
        const int b = (int)(i / H), c = B - 1 - b, y = (int)(i % H);
        if (vs_blend_none(&blend[b]) && vs_blend_none(&blend[c]))
            continue;
        int32_t *const keep = vs_new(sizeof(*keep) * 2 * (size_t)row);
        for (int64_t k = 0; k < row; k++) {
            keep[k] = vs_blend_keep(&blend[b], (int)(k / 3), y);
            keep[row + k] = vs_blend_keep(&blend[c], (int)(k / 3), y);
        }
        for (int t = 0; t < T; t++)
            mix_row(frames + ((int64_t)b * T + t) * frame + y * row,
                    frames + ((int64_t)c * T + t) * frame + y * row, keep, (int)row);
        free(keep);
    }
}
