/* Scoring the videos of a split, clean and under corruptions: what `run` goes through.
 *
 * A cell is a corruption at a severity. Videos are read and resized once, in blocks that fit in
 * memory; within a block the cells come one after another, and while the model scores one group
 * of videos the next is corrupted, across the borders of cells. The model gets full batches:
 * views of several videos in one.
 *
 * The views of a video are a pure function of (clip, corruption, severity, options, seed),
 * whatever the number of threads, the blocks and the shards.
 *
 * A video that cannot be read is left out of every cell and noted in results.db with the reason.
 *
 * Thread-safety: one thread at a time. Errors: those of the store, the model and results.db;
 * STOPPED after a signal, with everything scored so far saved.
 */
#ifndef VSYN_EVAL_EVALUATE_H
#define VSYN_EVAL_EVALUATE_H

#include "base/log.h"
#include "eval/results.h"
#include "train/score.h"

typedef struct vs_evaluation {
    vs_scorer *scorer;             /* borrowed, as all of these */
    vs_store *store;
    const vs_split *split;
    vs_results_db *db;
    vs_corrupt_options options;
    uint64_t seed;
    int segments, crops, threads;
    int shard, shards;             /* scores the videos i with i mod shards = shard */
    double memory;                 /* bytes of videos in one block, at least one video */
} vs_evaluation;

const char *vs_cell_name(const vs_cell_plan *plan);

typedef struct vs_evaluator vs_evaluator;
/* Borrows `evaluation` and the cells, which must outlive it. */
vs_err vs_evaluator_open(vs_evaluator **out, const vs_evaluation *evaluation,
                         const vs_cell_plan *cell, int cells);
void vs_evaluator_close(vs_evaluator **evaluator);
/* Results that the plan lacks, and that it has. */
void vs_evaluator_count(const vs_evaluator *evaluator, int64_t *left, int64_t *done);
/* Bytes of the videos and views that it keeps in memory. */
double vs_evaluator_memory(const vs_evaluator *evaluator);

/* Seconds of the model alone for the views of one video, and of one thread to read it and to
 * corrupt it in the mean over the cells, from the first video that can be read; nothing is kept. */
typedef struct vs_evaluator_cost {
    double model, read, corrupt;
    double model_cpu;              /* of all threads of the process */
} vs_evaluator_cost;
/* Seconds that all threads of the process have computed. */
double vs_cpu_seconds(void);
vs_err vs_evaluator_time(vs_evaluator *evaluator, vs_evaluator_cost *cost);
/* Scores what the cells lack. `progress` counts results. */
vs_err vs_evaluator_run(vs_evaluator *evaluator, vs_progress *progress);

#endif /* VSYN_EVAL_EVALUATE_H */
