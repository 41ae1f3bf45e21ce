/* RUN/log.jsonl: what happened in a run, one JSON object per line, flushed line by line.
 *
 *     {"step", "epoch", "loss", "lr", "grad_norm", "clips_per_s", "wait", "seconds",
 *      "time"}
 *     {"step", "epoch", "val_loss", "top1", "top5", "n", "time"}  after an evaluation
 *
 * loss: mean over the steps since the line before. wait: share of the time spent waiting
 * for data. time: seconds since 1970. The same numbers go to TensorBoard (events.h). A killed run
 * leaves at most one broken last line; opening the log at a step drops that line and whatever
 * was written after that step.
 */
#ifndef VSYN_TRAIN_METRICS_H
#define VSYN_TRAIN_METRICS_H

#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

typedef struct vs_metrics vs_metrics;

/* Keeps the lines whose step is at most `step`. */
vs_err vs_metrics_open(vs_metrics **out, const char *run, int64_t step);
/* Takes over the reference to `line`. Errors: IO (disk full). */
vs_err vs_metrics_write(vs_metrics *metrics, json_t *line);
void vs_metrics_close(vs_metrics **metrics);

/* Every whole line of a log as an array; the caller releases it. */
vs_err vs_metrics_load(json_t **out, const char *run);

#endif /* VSYN_TRAIN_METRICS_H */
