/* Scoring the videos of a split under one corruption at a time: what `run` repeats for
 * every cell. While one group of videos is scored the next is read and corrupted.
 *
 * The views of a video are a pure function of (clip, corruption, severity, options, seed),
 * whatever the number of threads.
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
} vs_evaluation;

/* corruption NULL and severity 0: the clean videos. */
typedef struct vs_cell_plan {
    const vs_corruption *corruption;
    int severity;
} vs_cell_plan;
const char *vs_cell_name(const vs_cell_plan *plan);

typedef struct vs_evaluator vs_evaluator;
/* Borrows `evaluation`, which must outlive it. */
vs_err vs_evaluator_open(vs_evaluator **out, const vs_evaluation *evaluation);
void vs_evaluator_close(vs_evaluator **evaluator);
/* Bytes of the views that it keeps in memory. */
double vs_evaluator_memory(const vs_evaluator *evaluator);
/* Seconds to score one video, from the first of the split; its result is not kept. */
vs_err vs_evaluator_time(vs_evaluator *evaluator, double *seconds);
/* Scores what the cell lacks. `progress` counts videos. */
vs_err vs_evaluator_cell(vs_evaluator *evaluator, const vs_cell_plan *plan,
                         vs_progress *progress);

#endif /* VSYN_EVAL_EVALUATE_H */
