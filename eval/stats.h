/* What the hits and misses of videos say: accuracies, robustness, means, intervals.
 *
 * With A the accuracy (a fraction), A_c that of the clean videos:
 *     gamma_a = 1 - (A_c - A)          absolute robustness
 *     gamma_r = 1 - (A_c - A) / A_c    relative robustness; undefined when A_c = 0
 * Means: over the severities of a corruption, over the corruptions of a group, over groups
 * (overall); over the corruptions at one severity; and over all corruptions x severities,
 * whose accuracy is mPC and whose gamma_r is rPC = mPC / A_c.
 *
 * Intervals: 95%, percentiles of a bootstrap over videos. Replicate r draws its videos from
 * (0, VS_RNG_BOOTSTRAP, r), the same for every cell and every model on as many videos: the
 * difference of two models on the same videos is a paired bootstrap.
 */
#ifndef VSYN_EVAL_STATS_H
#define VSYN_EVAL_STATS_H

#include <stdint.h>

#include "base/err.h"

#define VS_REPLICATES 1000

/* The results of all videos under one corruption at one severity. */
typedef struct vs_cell {
    const char *name, *group;      /* "clean", "clean" and severity 0 without corruption */
    int severity;
    uint8_t *hit1, *hit5;          /* (videos): label is the best, among the five best */
} vs_cell;

/* What a row of numbers is about, the mean of which cells. */
typedef enum vs_row_kind {
    VS_ROW_CLEAN,
    VS_ROW_CELL,
    VS_ROW_CORRUPTION,             /* mean over its severities */
    VS_ROW_SEVERITY,               /* mean over corruptions at one severity */
    VS_ROW_GROUP,                  /* mean over its corruptions */
    VS_ROW_OVERALL,                /* mean over groups */
    VS_ROW_ALL                     /* mean over all cells: top1 = mPC, gamma_r = rPC */
} vs_row_kind;

typedef enum vs_quantity { VS_TOP1, VS_TOP5, VS_GAMMA_A, VS_GAMMA_R } vs_quantity;
#define VS_QUANTITIES 4

typedef struct vs_estimate {
    double value, lo, hi;          /* NaN when undefined */
} vs_estimate;

typedef struct vs_row {
    vs_row_kind kind;
    const char *name, *group;      /* of the cells; "" where they differ */
    int severity;                  /* 0 where they differ */
    vs_estimate q[VS_QUANTITIES];
} vs_row;

typedef struct vs_stats {
    int rows, videos;
    vs_row *row;                   /* clean, cells in their order, corruptions, severities,
                                    * groups, overall, all */
    float *replicate;              /* (VS_REPLICATES, rows, VS_QUANTITIES) */
} vs_stats;

/* cell[0] is the clean one; the cells of a corruption, and the corruptions of a group, lie
 * together. Names must outlive the stats. Errors: NOMEM. */
vs_err vs_stats_new(vs_stats **out, const vs_cell *cell, int cells, int videos);
void vs_stats_free(vs_stats **stats);

/* NULL when there is no such row. name "" and severity 0 stand for those of the row kinds. */
const vs_row *vs_stats_find(const vs_stats *stats, vs_row_kind kind, const char *name,
                            int severity);

/* a - b for two models on the same videos, with its paired interval; the rows are found in
 * both by kind, name and severity. NaN when one lacks it. */
vs_estimate vs_stats_difference(const vs_stats *a, const vs_stats *b, const vs_row *row,
                                vs_quantity quantity);

#endif /* VSYN_EVAL_STATS_H */
