#include "eval/views.h"

#include <stdlib.h>
#include <string.h>

static vs_err corrupt_all(vs_video *out, const vs_video *video, const vs_corrupter *corrupter,
                          uint64_t seed)
{
    *out = *video;
    out->rgb = malloc((size_t)video->F * (size_t)video->h * (size_t)video->w * 3);
    if (!out->rgb)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a video of %d frames", video->F);
    return vs_corrupter_run(corrupter, out->rgb, &out->F, video->rgb, video->F, video->h, video->w,
                            seed, NULL);
}

/* Every stride-th frame. */
static void keep_strided(vs_video *video, int stride)
{
    const size_t frame = (size_t)video->h * (size_t)video->w * 3;
    video->F = (video->F + stride - 1) / stride;
    for (int i = 1; i < video->F; i++)
        memcpy(video->rgb + frame * (size_t)i, video->rgb + frame * (size_t)(i * stride), frame);
}

/* At the video's own rate, and then at the stride. Its corrupter knows the rate. */
static vs_err corrupt_stream(vs_video *out, const vs_evaluation *e, const vs_cell_plan *plan,
                             const vs_clip *clip, const vs_video *all, uint64_t seed)
{
    vs_corrupt_options options = e->options;
    vs_corrupter *corrupter;
    options.fps = clip->fps;
    VS_TRY(vs_corrupter_open(&corrupter, plan->corruption, plan->severity, &options));
    const vs_err err = corrupt_all(out, all, corrupter, seed);
    vs_corrupter_close(&corrupter);
    if (err == VS_OK)
        keep_strided(out, vs_scorer_config(e->scorer)->stride);
    return err;
}

vs_err vs_make_views(uint8_t *views, uint8_t *plain, const vs_evaluation *e,
                     const vs_cell_plan *plan, const vs_corrupter *corrupter, const vs_clip *clip,
                     const vs_video *strided, const vs_video *all)
{
    const vs_model_config *m = vs_scorer_config(e->scorer);
    const vs_corruption *c = plan->corruption;
    const bool stream = c && c->stream, whole = c && (c->temporal || c->stream);
    const size_t view = (size_t)m->T * (size_t)m->H * (size_t)m->W * 3;
    const uint64_t seed = c ? vs_corrupt_seed(e->seed, clip->id, c, plan->severity, 0) : 0;
    vs_video corrupted = { 0 };
    vs_err err = stream  ? corrupt_stream(&corrupted, e, plan, clip, all, seed)
                 : whole ? corrupt_all(&corrupted, strided, corrupter, seed)
                         : VS_OK;
    for (int k = 0; k < e->segments * e->crops && err == VS_OK; k++, views += view) {
        vs_video_view(whole ? &corrupted : strided, m->T, m->H, m->W, e->segments, e->crops, k,
                      c && !whole ? plain : views);
        if (c && !whole)
            err = vs_corrupter_run(corrupter, views, NULL, plain, m->T, m->H, m->W,
                                   vs_corrupt_seed(e->seed, clip->id, c, plan->severity, k), NULL);
    }
    vs_video_free(&corrupted);
    return err;
}
