/* Test views: a whole video at the stride, then windows x crops of it.
 *
 *     frames   0, stride, 2*stride, ... (F of them); short side scaled to short_side,
 *              long side in proportion, rounded down
 *     window   s of S: first frame s*(F - T)/(S - 1), the middle when S = 1
 *     crop     c of C: c*(long - side)/(C - 1) along the longer side, the centre when C = 1
 *              and along the shorter side
 */
#include <stdlib.h>
#include <string.h>

#include "train/data/data.h"

vs_err vs_video_read(vs_video *out, vs_reader *reader, const vs_clip *clip, int stride,
                     int short_side)
{
    VS_ASSERT(stride > 0 && short_side > 0 && clip->frames > 0);
    *out = (vs_video){ .F = (clip->frames + stride - 1) / stride, .h = short_side,
                       .w = short_side };
    if (clip->W > clip->H)
        out->w = (int)((int64_t)clip->W * short_side / clip->H);
    else
        out->h = (int)((int64_t)clip->H * short_side / clip->W);
    const size_t bytes = (size_t)out->F * (size_t)out->h * (size_t)out->w * 3;
    int *index = malloc(sizeof(*index) * (size_t)out->F);
    out->rgb = malloc(bytes);
    vs_err err = VS_OK;
    if (!index || !out->rgb) {
        err = VS_FAIL(VS_ERR_NOMEM, "clip %lld (%s): %d frames of %dx%d do not fit in memory",
                      (long long)clip->id, clip->name, out->F, out->w, out->h);
        goto out;
    }
    for (int k = 0; k < out->F; k++)
        index[k] = k * stride;
    err = vs_reader_frames(reader, clip, index, out->F, (vs_rect){ 0 }, out->w, out->h, false,
                           out->rgb);
out:
    free(index);
    if (err != VS_OK)
        vs_video_free(out);
    return err;
}

void vs_video_free(vs_video *video)
{
    free(video->rgb);
    *video = (vs_video){ 0 };
}

/* Place k of n, evenly from 0 to room; the middle when there is one. */
static int evenly(int room, int n, int k)
{
    if (room <= 0)
        return 0;
    return n == 1 ? room / 2 : (int)((int64_t)k * room / (n - 1));
}

void vs_video_view(const vs_video *video, int T, int H, int W, int segments, int crops, int k,
                   uint8_t *frames)
{
    VS_ASSERT(segments > 0 && crops > 0 && k >= 0 && k < segments * crops);
    VS_ASSERT(video->h >= H && video->w >= W);
    const int first = evenly(video->F - T, segments, k / crops);
    const bool wide = video->w - W >= video->h - H;
    const int x = evenly(video->w - W, wide ? crops : 1, wide ? k % crops : 0);
    const int y = evenly(video->h - H, wide ? 1 : crops, wide ? 0 : k % crops);
    const size_t row = (size_t)W * 3, pitch = (size_t)video->w * 3;
    for (int t = 0; t < T; t++) {
        const int f = first + t < video->F ? first + t : video->F - 1;
        const uint8_t *from = video->rgb + ((size_t)f * (size_t)video->h + (size_t)y) * pitch +
                              (size_t)x * 3;
        for (int r = 0; r < H; r++, frames += row, from += pitch)
            memcpy(frames, from, row);
    }
}
