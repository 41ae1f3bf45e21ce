/* One run of vsyn-robust export: what the command and its workers share.
 *
 *     eval/export.c        options, the set, the order of things, the last line
 *     eval/export_make.c   what is missing, one video, how long all will take
 *
 * Internal to eval. */
#ifndef VSYN_EVAL_EXPORT_RUN_H
#define VSYN_EVAL_EXPORT_RUN_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/cli.h"
#include "base/log.h"
#include "eval/export.h"

struct vs_export_settings {
    vs_common common;
    const char *store, *split, *folder, *corruptions, *severities, *out, *shard, *layout;
    int variant, codec, quality, container, short_side;
    bool negative, falling, clean;
};

typedef struct vs_export_run {
    const struct vs_export_settings *s;
    vs_export_set set;
    vs_cell_plan *cell;
    int cells;
    vs_video_format format;
    int *todo, todos;              /* items of which something is missing */
    int64_t missing, present;      /* videos to make; that are there */
    vs_reader **reader;            /* per worker; NULL: files */
    vs_progress *progress;
    atomic_bool failed;
    pthread_mutex_t lock;          /* of what follows */
    int64_t made, bytes, unread;
    vs_err err;
    char *detail;                  /* of the first failure */
} vs_export_run;

/* Fills todo, missing and present, for this shard; clears what killed runs left. */
vs_err vs_export_find_missing(vs_export_run *r);
/* Makes a little of one video in every cell and says what all of them will take. */
vs_err vs_export_estimate(vs_export_run *r, int threads);
/* All that is missing of todo[k], on one thread (an item of vs_pool_each, ctx a vs_export_run).
 * A video that cannot be read is counted in `unread`; other failures go to err and detail. */
void vs_export_one(void *ctx, int64_t k, int worker);

#endif /* VSYN_EVAL_EXPORT_RUN_H */
