/* Which part of a set a run makes. Shard I of N takes the items i with i mod N = I - 1. */
#ifndef VSYN_BASE_SHARD_H
#define VSYN_BASE_SHARD_H

#include <stdbool.h>

#include "base/err.h"

/* "2/5": the second of five; *shard counts from 0. NULL is all. USAGE. */
vs_err vs_shard_parse(int *shard, int *shards, const char *text);
/* The same, and without a text the place of this task in a SLURM job array: *array says that
 * it was taken from there. USAGE when both are there and contradict each other. Processes that
 * mpirun or srun started together share the part among them. */
vs_err vs_shard_find(int *shard, int *shards, bool *array, const char *text);

/* Which of the processes that mpirun or srun started on this machine this one is, from 0. */
int vs_shard_local(void);

#endif /* VSYN_BASE_SHARD_H */
