/* How a corruption is made: what corrupt.c asks of the files of kinds. Internal to eval.
 *
 * A picture kind makes one frame from one frame; `prepare` may build tables for the numbers of a
 * severity once, `scene` what all frames of one clip share: the weather. A clip kind makes all
 * frames at once, for what flows from frame to frame. A temporal kind gives the order of frames.
 *
 * Random numbers: of the clip vs_rng_at(seed, VS_RNG_CORRUPT, 0), of frame t index t + 1.
 */
#ifndef VSYN_EVAL_KINDS_H
#define VSYN_EVAL_KINDS_H

#include "base/rng.h"
#include "eval/robust.h"

typedef struct vs_frame {
    int H, W, t, T;                /* t: place in the clip of T frames */
    const uint8_t *clip;           /* (T, H, W, 3): for what mixes frames */
    uint64_t seed;                 /* of the clip */
    const double *level;           /* numbers of the severity */
    const vs_corrupt_options *options;
    const void *table;             /* made by prepare, or NULL */
    const void *scene;             /* made by scene, or NULL */
} vs_frame;

typedef struct vs_kind {
    vs_err (*prepare)(void **table, const double *level);    /* one free() releases the table */
    vs_err (*scene)(void **scene, const vs_frame *f);        /* f->t = 0; released likewise */
    vs_err (*frame)(uint8_t *dst, const uint8_t *src, const vs_frame *f);
    vs_err (*clip)(uint8_t *dst, const uint8_t *src, int T, const vs_frame *f);   /* f->t = 0 */
    int (*order)(int *index, int T, const double *level, const vs_corrupt_options *options,
                 vs_rng *rng);
    const char *(*missing)(void);  /* see vs_corruption_missing(); NULL: nothing is */
} vs_kind;

static inline vs_rng vs_frame_rng(const vs_frame *f)
{
    return vs_rng_at(f->seed, VS_RNG_CORRUPT, (uint64_t)f->t + 1);
}

static inline vs_rng vs_clip_rng(uint64_t seed)
{
    return vs_rng_at(seed, VS_RNG_CORRUPT, 0);
}

/* noise.c */
extern const vs_kind vs_kind_gaussian, vs_kind_shot, vs_kind_impulse, vs_kind_speckle;
/* Standard normal quantile of 0 < p < 1, to 1e-6. */
double vs_normal_quantile(double p);
/* blur.c */
extern const vs_kind vs_kind_defocus, vs_kind_motion, vs_kind_zoom, vs_kind_exposure;
/* ImageMagick's motion blur of (H, W, C) bytes; radius at most 20. dst, not src. */
vs_err vs_motion_blur(uint8_t *dst, const uint8_t *src, int H, int W, int C, double radius,
                      double sigma, double degrees);
/* glass.c */
extern const vs_kind vs_kind_gaussian_blur, vs_kind_glass;
/* colour.c */
extern const vs_kind vs_kind_contrast, vs_kind_brightness, vs_kind_saturate, vs_kind_pixelate;
/* digital.c */
extern const vs_kind vs_kind_jpeg;
/* streams.c; streams_none.c where there is no FFmpeg */
extern const vs_kind vs_kind_mpeg1, vs_kind_mpeg2, vs_kind_h264_crf, vs_kind_h265_crf,
    vs_kind_h264_abr, vs_kind_bit_error, vs_kind_packet_loss;
/* fog.c, rain.c */
extern const vs_kind vs_kind_fog, vs_kind_rain;
/* The plasma of fog.c: (side, side) in 0..1, side a power of two from 2. The caller frees it; NULL
 * when there is no memory. */
double *vs_plasma(int side, double decay, vs_rng *rng);
/* snow.c, frost.c, spatter.c, elastic.c */
extern const vs_kind vs_kind_snow, vs_kind_frost, vs_kind_spatter, vs_kind_elastic;
/* camera.c */
extern const vs_kind vs_kind_static_rotate, vs_kind_rotate, vs_kind_translate;
/* temporal.c */
extern const vs_kind vs_kind_sampling, vs_kind_reverse_sampling, vs_kind_jumble,
    vs_kind_box_jumble, vs_kind_freeze, vs_kind_frame_rate;

#endif /* VSYN_EVAL_KINDS_H */
