/* Corruptions of video clips, for measuring how robust a classifier is.
 *
 * A corruption is a row of one table: name, group, numbers per severity 1..5, and what
 * it acts on. Clips are (T, H, W, 3) bytes RGB of any size. A result is a pure function
 * of (clip, corruption, severity, options, seed): the same bytes on any thread count.
 *
 * Definitions follow the public benchmark of Schiappa et al. (CVPR 2023), which
 * arXiv 2410.24213 uses; where its two published programs differ there are two variants,
 * `arre` (ActionRecognitionRobustnessEval) and `vlmr` (VideoLanguageModelRobustness).
 * Colour, gaussian_blur, pixelate, snow, frost, spatter and elastic are those of ImageNet-C
 * (Hendrycks & Dietterich, ICLR 2019); shot_noise_c, temporal_motion_blur, rain, fog and most
 * codecs those of Mini Kinetics-C and SSv2-C (Yi et al., NeurIPS 2021).
 * Every definition that draws nothing at random equals the reference bit for bit.
 *
 * Ownership: the caller owns all clips. Errors: NOMEM, CODEC from libjpeg-turbo and libavcodec,
 * UNSUPPORTED for what this build lacks.
 */
#ifndef VSYN_EVAL_ROBUST_H
#define VSYN_EVAL_ROBUST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"

#define VS_SEVERITIES 5
#define VS_NUMBERS 7                   /* most that a severity has */

typedef enum vs_variant {
    VS_VARIANT_ARRE, VS_VARIANT_VLMR, VS_VARIANT_SSV2, VS_VARIANT_IMAGENET
} vs_variant;
#define VS_VARIANTS 2                  /* most that one corruption has */
#define VS_VARIANT_CHOICES "arre|vlmr|ssv2|imagenet"

typedef struct vs_corruption {
    const char *name, *group;
    const char *what;              /* the definition, one line */
    const char *numbers;           /* what the numbers of a severity are: "sigma (0..1 scale)" */
    int n_numbers;                 /* 1..VS_NUMBERS */
    double level[VS_VARIANTS][VS_SEVERITIES][VS_NUMBERS];
    bool variants;                 /* there are two, in level[0] and level[1]: */
    vs_variant other;              /* which one level[1] is; 0 = vlmr */
    bool temporal;                 /* acts on the order of frames: on the whole strided video,
                                    * before views are cut; otherwise on each view */
    bool stream;                   /* acts on the video at its own rate, every frame of it, before
                                    * it is strided */
    bool random;                   /* the result depends on the seed */
    bool through_image;            /* the reference sees it as a picture: see `negative` */
    const char *source;
    const struct vs_kind *kind;
} vs_corruption;

/* The table, in order of groups. */
int vs_corruption_count(void);
const vs_corruption *vs_corruption_at(int i);
/* USAGE for an unknown name: says the nearest, else all names. */
vs_err vs_corruption_find(const vs_corruption **out, const char *name);
/* Its name in a table of severities: "arre" or "kinetics", and "vlmr", "ssv2" or "imagenet". */
const char *vs_corruption_variant(const vs_corruption *corruption, int variant);
/* Which of its level[] a variant means. */
int vs_corruption_slot(const vs_corruption *corruption, vs_variant variant);
/* Why this build cannot make it, in a few words; NULL: it can. */
const char *vs_corruption_missing(const vs_corruption *corruption);
vs_err vs_corruption_check(const vs_corruption *corruption);      /* UNSUPPORTED when it cannot */
/* "NAME,NAME,...", a preset (ucf101-p14, ucf101-p, kinetics-c, imagenet-c) or "all":
 * picked[0..*n-1], room for vs_corruption_count() entries, in table order, each once. USAGE
 * otherwise; UNSUPPORTED for one that this build lacks ("all" leaves those out). */
vs_err vs_corruption_pick(const vs_corruption **picked, int *n, const char *list);

/* A corruption at a severity; corruption NULL and severity 0: the clean videos. */
typedef struct vs_cell_plan {
    const vs_corruption *corruption;
    int severity;
} vs_cell_plan;

/* Adds every one of `corruptions` at every one of `severities` ("1,3,5") to the list of *cells,
 * which the caller frees; *picked: how many corruptions, may be NULL. USAGE and UNSUPPORTED as
 * above. */
vs_err vs_cells_pick(vs_cell_plan **cell, int *cells, int *picked, const char *corruptions,
                     const char *severities);

typedef struct vs_corrupt_options {
    vs_variant variant;            /* where a corruption has it */
    double fps;                    /* of the clips, for frame_rate; 0 = 25, ssv2: 12 */
    bool fixed_angle;              /* motion_blur: `angle` instead of one drawn per frame */
    double angle;                  /* degrees; 0 = trail to the right, 90 = down */
    bool falling;                  /* rain: streaks of the clip fall from frame to frame, at its
                                    * slant; otherwise drawn anew, as the benchmark does */
    bool negative;                 /* do as the published loader of arXiv 2410.24213 does: picture
                                    * corruptions see (256 - v) mod 256 */
} vs_corrupt_options;

/* A corruption at one severity, with its tables. Immutable: any number of threads may use
 * it at once. options may be NULL (arre, angle drawn, no negative). */
typedef struct vs_corrupter vs_corrupter;
vs_err vs_corrupter_open(vs_corrupter **out, const vs_corruption *corruption, int severity,
                         const vs_corrupt_options *options);
void vs_corrupter_close(vs_corrupter **corrupter);

/* dst (T, H, W, 3), not src. Temporal corruptions may shorten the clip: *T_out frames of dst
 * are valid (1..T); T_out may be NULL for the others. pool may be NULL: this thread alone. */
vs_err vs_corrupter_run(const vs_corrupter *corrupter, uint8_t *dst, int *T_out,
                        const uint8_t *src, int T, int H, int W, uint64_t seed, vs_pool *pool);

/* The same in one call, for a single clip. */
vs_err vs_corrupt_apply(uint8_t *dst, int *T_out, const uint8_t *src, int T, int H, int W,
                        const vs_corruption *corruption, int severity, uint64_t seed,
                        const vs_corrupt_options *options, vs_pool *pool);

/* Which source frame becomes frame i of a temporal corruption: index[0..return-1], each
 * 0..T-1; at most T entries, at least 1. */
int vs_corrupter_order(const vs_corrupter *corrupter, int *index, int T, uint64_t seed);

/* The seed of one view of one video: a mix of (run seed, clip id, corruption, severity,
 * view), so that no two share their random numbers. View is 0 for temporal corruptions. */
uint64_t vs_corrupt_seed(uint64_t seed, int64_t clip, const vs_corruption *corruption,
                         int severity, int view);

#endif /* VSYN_EVAL_ROBUST_H */
