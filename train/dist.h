/* Several processes that train one model together, each on its share of every batch.
 *
 *     dist.c           over MPI: every process of `mpirun -n P vsyn-train ...` or of srun
 *     dist_single.c    in a build without MPI: one process, nothing to do
 *
 * Not started by a launcher, dist.c too is one process and does not touch MPI. Everything that
 * can go wrong in one process goes through vs_dist_agree(): errors and stops are known to all
 * at the same place, so nobody waits for a process that left.
 *
 * A process that dies (kill -9, a lost machine) says nothing. Process 0 looks for it while it
 * waits: processes of its machine by their number; those of other machines are given up when
 * this one was told to stop (launchers tell the rest) and nothing came for VS_DIST_PATIENCE
 * seconds. Then vs_dist_lost() names it, every later call returns at once, and process 0 has
 * until the launcher kills it to save what it has. A group of GPUs does not know it in time (it
 * may be the GPU that waits): there the launcher ends the run, with the checkpoint saved last.
 *
 * Every process makes the same calls in the same order. Thread-safety: from the thread that
 * opened it only.
 */
#ifndef VSYN_TRAIN_DIST_H
#define VSYN_TRAIN_DIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "train/device/device.h"

typedef struct vs_dist vs_dist;

#define VS_DIST_PATIENCE 10.0

/* Errors: UNSUPPORTED (one of several processes of a launcher, but built without MPI; MPI
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

/* Which of the processes of this machine this one is, from 0. */
int vs_dist_local(const vs_dist *dist);

/* The GPUs of all processes form a group: values in the memory of `dev` are then averaged by it
 * (NCCL), without the host. Nothing to do on CPUs. Errors: USAGE (some have a GPU, some not),
 * DEVICE, UNSUPPORTED (no NCCL). All processes call it, and agree afterwards. */
vs_err vs_dist_join(vs_dist *dist, vs_device *dev);

/* The mean over the processes, in parts, while others are still being computed:
 *
 *     vs_dist_mean_begin(d, value, n);     value[0..n) may not be touched until
 *     vs_dist_mean_end(d);                 all that began is the mean, the same bits everywhere
 *
 * In the memory that all joined with, else in the host's. On CPUs summed in double in the order
 * of the ranks, so the result depends on the values and P alone. */
void vs_dist_mean_begin(vs_dist *dist, float *value, int64_t n);
void vs_dist_mean_end(vs_dist *dist);

/* Do all go on? Waits for every process, so it is a barrier, too. Returns OK when `err` is OK
 * everywhere. Otherwise the error of the lowest rank that has one, on every process, with
 * its message on rank 0 (which names the process) and hushed on the others.
 * *stop becomes true when it is true anywhere, *mean the mean over the processes, summed in
 * the order of the ranks; both may be NULL, on all or none. */
vs_err vs_dist_agree(vs_dist *dist, vs_err err, bool *stop, double *mean);

/* On process 0: "process 1 of 4 (machine n2)" when one is lost, else NULL. */
const char *vs_dist_lost(const vs_dist *dist);

#endif /* VSYN_TRAIN_DIST_H */
