/* Learning rate over a run: linear warm-up, then a cosine.
 *
 *     step k of W warm-up steps:  start + (peak - start) * k / (W - 1)
 *     then, of the n that remain: end + (peak - end) * (1 + cos(pi * k / n)) / 2
 *
 * The recipes give rates for 256 clips: all three scale with (effective batch) / 256.
 */
#ifndef VSYN_TRAIN_SCHEDULE_H
#define VSYN_TRAIN_SCHEDULE_H

#include <stdint.h>

typedef struct vs_schedule {
    int64_t steps, warmup;
    double start, peak, end;
} vs_schedule;

/* The warm-up is cut to half of the run when it would be longer. */
vs_schedule vs_schedule_make(int64_t steps, double warmup_steps, double start, double peak,
                             double end, int64_t effective_batch);
double vs_schedule_lr(const vs_schedule *schedule, int64_t step);      /* step from 0 */

#endif /* VSYN_TRAIN_SCHEDULE_H */
