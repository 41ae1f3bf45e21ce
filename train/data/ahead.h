/* Work made ahead of its use, in order, by a pool of threads.
 *
 * Groups 0, 1, 2, ... each consist of `parts` independent parts. A group's parts are made
 * in the group's slot (number % slots) by whichever worker is free; the caller takes the
 * groups in order, and the slot of the group it took before is given to the next one
 * then. So at most `slots` groups exist, and the result does not depend on the threads.
 *
 * Thread-safety: open, take and close from one thread.
 */
#ifndef VSYN_TRAIN_DATA_AHEAD_H
#define VSYN_TRAIN_DATA_AHEAD_H

#include <stdint.h>

#include "base/err.h"

typedef struct vs_ahead vs_ahead;

typedef struct vs_ahead_work {
    void *ctx;
    /* Prepare slot `slot` for group `group`: caller's thread, in order. */
    vs_err (*begin)(void *ctx, int slot, int64_t group);
    /* Make one part; any thread; `worker` is 0..threads-1. */
    vs_err (*make)(void *ctx, int slot, int part, int worker);
    int slots, parts, threads;
    int64_t groups;                /* how many there are; take() reports END after them */
} vs_ahead_work;

vs_err vs_ahead_open(vs_ahead **out, const vs_ahead_work *work);
/* Waits for the next group and tells its slot, valid until the next call. An error of a
 * worker is handed on with its message (the lowest part's when several fail). */
vs_err vs_ahead_take(vs_ahead *ahead, int *slot);
double vs_ahead_waited(const vs_ahead *ahead);               /* seconds spent in take */
void vs_ahead_close(vs_ahead **ahead);                       /* drops what nobody took */

#endif /* VSYN_TRAIN_DATA_AHEAD_H */
