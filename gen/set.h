/* A set of generated videos in a folder, made by all threads, resumable, in shards.
 *
 *     DIR/videos/0000000.mp4 ...   video i; a pure function of (parameters, seed, i)
 *     DIR/annotations.csv          "videos/0000000.mp4 0": one line per video, by number
 *     DIR/manifest.json            tool, version, kind, parameters, the range asked for
 *     DIR/scenes/0000000.json      what was drawn (--dump-scenes)
 *     DIR/truth/0000000.KIND.npy   masks, flow, state, tracks (--truth; gen/scene/truth.h)
 *     DIR/preview.png              contact sheet (--preview)
 *
 * With a STORE the videos also, or only, become clips there (gen/set_store.h).
 *
 * Rules
 * 1. A video that has its final name is complete and is never made again.
 * 2. A folder holds one set: parameters that differ from those of its manifest are refused.
 *    The range (--first, --videos), the shard and the threads may differ from run to run.
 * 3. annotations.csv lists what is in the folder when a run ends or is stopped, whoever
 *    made it: runs of several shards in one folder add up, and the last one lists all.
 */
#ifndef VSYN_GEN_SET_H
#define VSYN_GEN_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/err.h"
#include "base/json.h"
#include "gen/encode.h"

/* What the videos of a set are: drawn by whoever made this. Called from many threads. */
typedef struct vs_drawer {
    const void *ctx;
    size_t scratch;                /* bytes per thread for draw */
    /* Once, before the first video, unless there is nothing to make. NULL: nothing to do. */
    vs_err (*prepare)(const void *ctx);
    /* Video i: *video is closed with `close`. */
    vs_err (*open)(const void *ctx, uint64_t index, void **video, int *frames);
    void (*draw)(const void *video, int frame, uint8_t *rgb, void *scratch);
    /* The same frame converted by gen/scene/yuv.h, byte for byte; NULL: it is converted. */
    void (*draw_yuv)(const void *video, int frame, const vs_yuv420 *out, void *scratch);
    bool (*still)(const void *video);                    /* all frames alike; NULL: no */
    json_t *(*describe)(const void *video);              /* NULL: nothing to dump */
    /* vs_truth_write() of the video; NULL: there is none. */
    vs_err (*truth)(int64_t *bytes, const char *stem, const void *video, int frames,
                    unsigned kinds);
    void (*close)(void *video);
    int (*label)(const void *ctx, uint64_t index);       /* NULL: all are 0 */
    const char *const *class_name; /* (classes), NULL and 0 without labels */
    int classes;
} vs_drawer;

typedef struct vs_set {
    const char *out;               /* DIR, or NULL */
    const char *store;             /* STORE, or NULL; one of both at least */
    const char *kind;              /* "moving-circles", "motion": into the manifest */
    json_t *parameters;            /* what decides the bytes; the caller's */
    vs_encode_options encode;
    double mean_frames;            /* for the estimate */
    int64_t first, videos;
    int shard, shards;             /* this run makes i with i % shards == shard */
    int jobs;
    bool dump, preview;
    unsigned truth;                /* kinds of gen/scene/truth.h; 0: none */
    vs_drawer drawer;
} vs_set;

typedef struct vs_set_done {
    int64_t made, present;         /* in this run; in its range, with those */
    int64_t frames, bytes;         /* of those made */
    double seconds, memory;        /* memory: the most that was resident, in bytes */
    double expected_seconds, expected_bytes, expected_memory;   /* said before; 0: nothing made */
} vs_set_done;

/* CORRUPT: parameters that disagree with the manifest, naming the first. STOPPED after a
 * signal, with how to go on. */
vs_err vs_set_make(vs_set_done *done, const vs_set *set);

/* DIR/preview.png, a contact sheet: a row per video, a column per time. */
vs_err vs_set_preview(const vs_set *set);

/* Is video i for testing? Otherwise for training. */
bool vs_set_is_test(int64_t i, int classes);

/* Lists of a labelled set: train.csv, test.csv (a fifth) and classes.txt. */
vs_err vs_set_lists(const char *out, const vs_drawer *drawer);

#endif /* VSYN_GEN_SET_H */
