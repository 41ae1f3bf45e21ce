/* Threads: how many there may be, a pool of workers, a bounded queue.
 *
 * One fixed pool per tool, sized to the CPUs that this process may use
 * (affinity mask and cgroup-aware scheduling, not the machine's core count).
 * Results must not depend on the number of workers: give each job its own
 * output place and its own random numbers (base/rng.h).
 */
#ifndef VSYN_BASE_POOL_H
#define VSYN_BASE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* CPUs in the affinity mask; at least 1. */
int vs_cpu_count(void);
/* Bytes that this process may use: of the machine, or of its control group. */
double vs_memory_limit(void);

/* ---- Workers ----------------------------------------------------------------
 * Jobs start in the order of submission. submit() waits while `queue` jobs are
 * already waiting, so memory stays bounded. `worker` is 0..threads-1: an index
 * for per-thread scratch space.
 */
typedef struct vs_pool vs_pool;
typedef void vs_job_fn(void *arg, int worker);

/* threads: 0 = vs_cpu_count(). queue: 0 = 2 * threads. */
vs_err vs_pool_open(vs_pool **out, int threads, int queue);
int vs_pool_threads(const vs_pool *pool);
void vs_pool_submit(vs_pool *pool, vs_job_fn *fn, void *arg);
void vs_pool_wait(vs_pool *pool);          /* until every job so far is done */
void vs_pool_close(vs_pool **pool);        /* waits; *pool may be NULL */

/* fn(ctx, i, worker) for i = 0..n-1, in any order; returns when all are done. */
typedef void vs_each_fn(void *ctx, int64_t i, int worker);
void vs_pool_each(vs_pool *pool, int64_t n, vs_each_fn *fn, void *ctx);

/* ---- Bounded queue of pointers, any number of producers and consumers ------ */
typedef struct vs_queue vs_queue;

vs_queue *vs_queue_new(int capacity);
bool vs_queue_push(vs_queue *q, void *item);   /* waits; false once closed */
void *vs_queue_pop(vs_queue *q);               /* waits; NULL once closed and empty */
void *vs_queue_try_pop(vs_queue *q);           /* NULL when there is nothing now */
void vs_queue_close(vs_queue *q);              /* wakes everyone */
void vs_queue_free(vs_queue *q);               /* items still inside are not freed */

#endif /* VSYN_BASE_POOL_H */
