/* The folder of a run and its checkpoints.
 *
 *     RUN/config.json           settings as used (config.h)
 *     RUN/log.jsonl             one JSON object per line (metrics.h)
 *     RUN/lock                  held while a process works on the run
 *     RUN/checkpoints/last      model.safetensors, config.json, train_state.safetensors
 *     RUN/checkpoints/best      likewise, of the best evaluation so far
 *     RUN/checkpoints/ema       of a finished run with --ema: the average of the weights
 *     RUN/checkpoints/epoch-N   likewise, kept for good
 *
 * A checkpoint NAME is written as NAME.tmp, complete and flushed, and then exchanged with
 * NAME in one step of the file system; where it cannot exchange, NAME becomes NAME.old
 * first. So after a kill at any moment either NAME is there and whole, or NAME.old and a
 * whole NAME.tmp are, and vs_run_recover() finishes the exchange.
 */
#ifndef VSYN_TRAIN_RUN_H
#define VSYN_TRAIN_RUN_H

#include <stdbool.h>

#include "base/err.h"

/* Makes the folder and takes its lock (IO: in use by another process). */
vs_err vs_run_open(int *lock, const char *run);
/* RUN/checkpoints/NAME; the caller frees it. */
char *vs_run_checkpoint(const char *run, const char *name);
bool vs_run_has(const char *run, const char *name);

/* An empty folder NAME.tmp to write into, and its exchange with NAME. */
vs_err vs_run_begin(char **tmp, const char *run, const char *name);
vs_err vs_run_commit(char **tmp, const char *run, const char *name);
void vs_run_abort(char **tmp);                   /* removes it; *tmp may be NULL */
/* Finish what a killed run left; call with the lock held. */
vs_err vs_run_recover(const char *run);

/* The checkpoint that `path` means: of a RUN its best, else its ema,
 * else its last; otherwise the model
 * folder or file itself. The caller frees *out. IO: no such model or run. */
vs_err vs_run_model(char **out, const char *path);

#endif /* VSYN_TRAIN_RUN_H */
