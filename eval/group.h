/* The inside of an evaluator: what evaluate.c, which goes through all items, and group.c, which
 * makes and scores one group of them, share. */
#ifndef VSYN_EVAL_GROUP_H
#define VSYN_EVAL_GROUP_H

#include "base/pool.h"
#include "eval/decoded.h"
#include "eval/evaluate.h"

/* One result to make: a video in a cell. */
typedef struct vs_item {
    int cell, place;
} vs_item;

/* An item, made ready by a worker. */
typedef struct vs_slot {
    vs_evaluator *e;
    vs_item item;
    uint8_t *views, *plain;        /* (K, T, H, W, 3), within the group's; (T, H, W, 3) */
    char *thumb;                   /* data URI for the first video, else NULL */
    char *strip;                   /* clean only */
    vs_err err;
    bool unreadable;               /* err is about the video alone */
    char detail[512];
} vs_slot;

typedef struct vs_group {
    vs_slot *slot;                 /* (slots) */
    uint8_t *views;                /* (slots, K, T, H, W, 3) */
    int n;                         /* in use */
} vs_group;

struct vs_evaluator {
    const vs_evaluation *e;
    const vs_cell_plan *cell;
    int cells;
    bool *done;                    /* (cells, videos); also what is not of this shard */
    bool *skipped;                 /* (videos) */
    vs_corrupter **corrupter;      /* (cells), while they are needed */
    vs_decoded *videos;
    vs_pool *pool;
    vs_reader **reader;            /* (threads) */
    vs_group group[2];
    int slots, threads, K;
    size_t view;                   /* bytes */
    float *probability;            /* (slots, classes) */
    vs_result *result;             /* (slots) */
};

/* One item on this thread, into its slot. */
vs_err vs_group_make(vs_slot *s, int worker);
/* So that items of a cell can be made. */
vs_err vs_evaluator_corrupter(vs_evaluator *ev, int cell);
/* The items go to the pool; vs_pool_wait() waits for them. */
vs_err vs_group_submit(vs_evaluator *ev, vs_group *group, const vs_item *item, int n);
/* What was made is scored and kept; what cannot be read is noted and left out. */
vs_err vs_group_finish(vs_evaluator *ev, vs_group *group);

#endif /* VSYN_EVAL_GROUP_H */
