/* What a set of videos is like: one pass over a sample of it.
 *
 *     videos     at most `videos` of the set, drawn by (seed, VS_RNG_SHUFFLE, 0), read in
 *                their order (set.h); what cannot be read is skipped and counted
 *     spectrum   alpha of every frame (falloff.h): its mean, with a 95% interval over videos
 *                (1.96 standard deviations of their means / sqrt(videos)), and its distribution;
 *                the mean logarithm of the amplitude in each ring
 *     colour     a Gaussian of the L*a*b* (lab.h) of every pixel
 *     frames     a Gaussian of features of frames: of describe.h, or of a model, which sees a
 *                frame as a clip that stands still
 *     videos     a Gaussian of features of videos: likewise; the model sees the frames that
 *                were read, the last repeated when there are fewer
 *
 * Workers measure a group of videos, then their numbers are added in the order of the set: the
 * same bits for any number of threads. Memory: `threads` videos and one covariance of each
 * kind, whatever the number of videos; the names of a set's videos are kept.
 */
#ifndef VSYN_EVAL_SETS_MEASURE_H
#define VSYN_EVAL_SETS_MEASURE_H

#include "base/log.h"
#include "base/pool.h"
#include "eval/sets/falloff.h"
#include "eval/sets/gaussian.h"
#include "eval/sets/set.h"

enum {
    VS_ALPHA_BINS = 300,           /* of 0.02, from -1 */
    VS_THUMBS = 6,
    VS_THUMB = 80                  /* pixels */
};

/* A model, in the caller's hands: features of one video. */
typedef struct vs_set_model {
    int D, stills;                 /* frames of a video that are shown as still clips, at most */
    void *ctx;
    /* video (D), still (stills, D); *n: stills that were made. Called from one thread. */
    vs_err (*features)(void *ctx, float *video, float *still, int *n, const vs_set_clip *clip);
} vs_set_model;

typedef struct vs_measure_options {
    int videos;                    /* 0 = all */
    int T, stride;
    uint64_t seed;
    const vs_set_model *model;     /* NULL: describe.h */
} vs_measure_options;

typedef struct vs_measured {
    int64_t videos, skipped, frames, flat;     /* flat: frames of one colour, without alpha */
    char *why;                     /* the first video that was skipped, and its reason; or NULL */
    int64_t alpha_n;               /* videos that have one */
    double alpha_sum, alpha_square;            /* of the means of videos */
    int64_t alpha[VS_ALPHA_BINS];              /* frames; the first and last hold what is beyond */
    double ring_sum[VS_FALLOFF_RINGS];
    int64_t ring_n[VS_FALLOFF_RINGS];
    vs_moments colour, frame, video;
    int thumbs;
    uint8_t *thumb;                /* (VS_THUMBS, VS_THUMB, VS_THUMB, 3) */
} vs_measured;

/* `progress` counts videos; may be NULL. STOPPED after a signal; CORRUPT when no video could be
 * read. */
vs_err vs_measure(vs_measured *out, vs_set *set, const vs_measure_options *options, vs_pool *pool,
                  vs_progress *progress);
void vs_measured_free(vs_measured *m);

/* Videos that a set of `count` gives. */
int vs_measure_videos(const vs_measure_options *options, int count);
/* Mean alpha and half of its interval; NaN without any. */
double vs_measured_alpha(const vs_measured *m, double *half);
/* The alpha below which a share q of the frames lies, to 0.01. */
double vs_measured_quantile(const vs_measured *m, double q);

/* A safetensors file; `key` says what was measured and how. END when the file is missing or
 * of another key. */
vs_err vs_measured_save(const vs_measured *m, const char *path, const char *key);
vs_err vs_measured_load(vs_measured *out, const char *path, const char *key);

#endif /* VSYN_EVAL_SETS_MEASURE_H */
