/* Training samples and test views, as 8-bit frames ready for the model.
 *
 * A sample is a pure function of (source, seed, epoch, item): any worker may make it, in
 * any order, and the batch is the same bytes. The order of the items of an epoch is a
 * permutation drawn from (seed, epoch); masks belong to the position in that order.
 *
 * Thread-safety: a source may be sampled from many threads, each with its own sampler.
 * Errors: those of the store and of scenes.
 */
#ifndef VSYN_TRAIN_DATA_H
#define VSYN_TRAIN_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "gen/scene/clip.h"
#include "ingest/store/store.h"
#include "train/data/randaugment.h"

typedef enum vs_augment {
    VS_AUGMENT_PRETRAIN,           /* multi-scale crop, no flip */
    VS_AUGMENT_FINETUNE,           /* RandAugment, random resized crop, flip, erasing */
    VS_AUGMENT_NONE                /* centre crop, middle window */
} vs_augment;

typedef struct vs_sample_shape {
    int T, H, W, stride;
    vs_augment augment;
    bool flip;                     /* finetune: mirror with probability 1/2 */
    double crop_area;              /* finetune: least share of the frame; 0 = 0.08 */
    vs_randaugment randaugment;    /* finetune; n = 0: off */
    double erase;                  /* finetune: probability of random erasing */
    int views;                     /* augmented views of each decoded clip; 0 = 1 */
    bool still;                    /* one frame, drawn uniformly, repeated T times */
} vs_sample_shape;

/* ---- Sources ----------------------------------------------------------------------- */
typedef struct vs_source vs_source;

/* A split of a store; the store stays the caller's and must outlive the source. */
vs_err vs_source_store(vs_source **out, vs_store *store, const char *split,
                       const vs_sample_shape *shape);
/* Scenes drawn on the fly, `videos` per epoch (the paper's set has 9,537); every epoch
 * draws the same videos when `fixed`, new ones otherwise. `textures` becomes the source's, which
 * frees it; NULL unless params->textured. */
vs_err vs_source_scene(vs_source **out, const vs_scene_params *params, vs_textures *textures,
                       int64_t videos, bool fixed, const vs_sample_shape *shape);
/* The pictures of a folder and its sub-folders (PNG, JPEG, WebP), each a clip that stands still;
 * shape->still is implied. IO, CORRUPT (no pictures there). */
vs_err vs_source_images(vs_source **out, const char *dir, const vs_sample_shape *shape);
/* n sources as one, clips[k] > 0 samples of part k an epoch; takes the parts over. */
vs_err vs_source_mix(vs_source **out, vs_source *const *part, const int64_t *clips, int n,
                     const vs_sample_shape *shape);
void vs_source_close(vs_source **source);
int64_t vs_source_count(const vs_source *source);            /* samples per epoch */
int vs_source_classes(const vs_source *source);              /* 0 = unlabelled */
const char *const *vs_source_class_names(const vs_source *source);
/* CORRUPT when the source has fewer than two classes or a sample without one; names it. */
vs_err vs_source_need_labels(const vs_source *source);
const vs_sample_shape *vs_source_shape(const vs_source *source);
/* What its clips share, where every one is a clip of a synthetic video (one vs_source_scene());
 * else NULL. The source's. */
const vs_clip_form *vs_source_form(const vs_source *source);

/* ---- Samplers: one per thread ------------------------------------------------------ */
typedef struct vs_sampler vs_sampler;
vs_err vs_sampler_open(vs_sampler **out, vs_source *source);
void vs_sampler_close(vs_sampler **sampler);
/* frames: (views, T, H, W, 3), all of the same window. label may be NULL.
 * `order` is the source's item (0..count-1). */
vs_err vs_sampler_get(vs_sampler *sampler, uint64_t seed, int64_t epoch, int64_t item,
                      uint8_t *frames, int *label);

/* What vs_sampler_get() would draw, for a device that draws it itself; of a source with a form.
 * index: (T) */
void vs_sampler_describe(vs_sampler *sampler, uint64_t seed, int64_t epoch, int64_t item,
                         vs_scene_clip *clip, int32_t *index);

/* The shuffled order of an epoch: item[0..n-1]. */
void vs_epoch_order(int64_t *item, int64_t n, uint64_t seed, int64_t epoch);
/* Tube mask of one sample: (t, cells), `masked` = floor(ratio * cells) ones per time slot. */
void vs_tube_mask(uint8_t *mask, int t, int cells, int masked, uint64_t seed, int64_t epoch,
                  int64_t position);

/* ---- Batches, made ahead by a pool of workers (prefetch.c) ------------------------- */
typedef struct vs_loader vs_loader;
typedef struct vs_loaded {
    int64_t epoch, step;           /* step within the epoch, from 0 */
    int B;                         /* clips x views; the views of a clip lie side by side */
    uint8_t *frames;               /* (B, T, H, W, 3); NULL: only described */
    vs_scene_clip *clip;           /* (B), when they are described, else NULL */
    int32_t *index;                /* (B, T), likewise */
    uint8_t *mask;                 /* (B, N) when masks were asked for, else NULL */
    int *label;                    /* (B) */
    int64_t *item;                 /* (B) */
} vs_loaded;

typedef struct vs_loader_options {
    int batch, threads;            /* batch: items, each of which gives shape.views clips */
    uint64_t seed;
    bool shuffle, drop_last;
    bool describe;                 /* no frames but what they are; of a source with a form */
    int group;               /* batches per optimiser step; drop_last keeps whole steps; 0 = 1 */
    /* One of several processes: of every `parts` batches in a row only number `part`; the other
     * loaders make the others. group must be a multiple of parts. 0 parts = 1. */
    int part, parts;
    int mask_slots, mask_cells, mask_masked;     /* 0: no masks */
} vs_loader_options;

/* Starts at batch `step` of an epoch (of those of all parts, a multiple of parts) so that a
 * resumed run sees what it would have seen. */
vs_err vs_loader_open(vs_loader **out, vs_source *source, const vs_loader_options *options,
                      int64_t epoch, int64_t step);
/* The next batch, for ever (epoch after epoch); valid until the next call. */
vs_err vs_loader_next(vs_loader *loader, const vs_loaded **out);
int64_t vs_loader_steps(const vs_loader *loader);             /* batches per epoch, of all parts */
double vs_loader_waited(const vs_loader *loader);             /* seconds spent waiting in next */
void vs_loader_close(vs_loader **loader);

/* ---- Test views -----------------------------------------------------------------------
 * A video at the stride, short side resized to the model's size (F, h, w, 3): the base that
 * temporal corruptions act on. Then `segments` windows evenly spread x `crops` along the
 * longer side. A short video repeats its last frame.
 */
typedef struct vs_video {
    int F, h, w;
    uint8_t *rgb;                  /* (F, h, w, 3), owned */
} vs_video;
vs_err vs_video_read(vs_video *out, vs_reader *reader, const vs_clip *clip, int stride,
                     int short_side);
void vs_video_free(vs_video *video);
/* View number k = segment * crops + crop: frames (T, H, W, 3). */
void vs_video_view(const vs_video *video, int T, int H, int W, int segments, int crops, int k,
                   uint8_t *frames);

#endif /* VSYN_TRAIN_DATA_H */
