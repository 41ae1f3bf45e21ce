/* Several processes that train one model together, each on its share of every batch.
 *
 *     dist.c           over MPI: every process of `mpirun -n P vsyn-train ...`
 *     dist_single.c    in a build without MPI: one process, nothing to do
 *
 * Not started by mpirun, dist.c too is one process and does not touch MPI. A crash of one
 * process makes mpirun end the others. Everything else goes through vs_dist_agree(): errors
 * and stops are known to all at the same place, so nobody waits for a process that left.
 *
 * Every process calls mean, agree and close in the same order. Thread-safety: from the
 * thread that opened it only.
 */
#ifndef VSYN_TRAIN_DIST_H
#define VSYN_TRAIN_DIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_dist vs_dist;

/* Errors: UNSUPPORTED (one of several processes of mpirun, but built without MPI; MPI
 * without threads). Only one per program run. */
vs_err vs_dist_open(vs_dist **out);
/* *dist may be NULL. */
void vs_dist_close(vs_dist **dist);

int vs_dist_rank(const vs_dist *dist);         /* 0..size-1; 0 writes and speaks */
int vs_dist_size(const vs_dist *dist);         /* P */
int vs_dist_here(const vs_dist *dist);         /* processes on this machine */
/* The share of the affinity mask's CPUs, at least 1: processes of one machine that have the
 * same mask divide it (mpirun may have given each its own). */
int vs_dist_cpus(const vs_dist *dist);

/* value[i] = the mean over the processes, for i = 0..n-1; the same bits everywhere. Summed
 * in double in the order of the ranks, so the result depends on the values and P alone. */
void vs_dist_mean(vs_dist *dist, float *value, int64_t n);

/* Do all go on? Waits for every process, so it is a barrier, too. Returns OK when `err` is OK
 * everywhere. Otherwise the error of the lowest rank that has one, on every process, with
 * its message on rank 0 (which names the process) and hushed on the others.
 * *stop (may be NULL, on all or none) becomes true when it is true anywhere. */
vs_err vs_dist_agree(vs_dist *dist, vs_err err, bool *stop);

#endif /* VSYN_TRAIN_DIST_H */
