/* Several processes over MPI. A handle of NULL is one process, as in dist_single.c.
 *
 * The mean works on blocks: process r receives its part of the block from everyone, adds the
 * parts up in the order of the ranks, and hands the result to all. Each value is computed once
 * and travels twice, whatever P is; MPI_Allreduce would leave the order to the library.
 */
#include "train/dist.h"

#include <mpi.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

#define BLOCK (1 << 20)            /* values */

struct vs_dist {
    int rank, size, here, cpus;
    float *part;                   /* (size, most values of a process in a block) */
    int *count, *start;            /* (size): which values of a block belong to whom */
    int *got, *at;                 /* (size): of `part` */
};

/* ---- Opening ----------------------------------------------------------------------- */

/* Open MPI and the launchers that speak PMI; MPI_Init alone would start a daemon. */
static bool launched(void)
{
    return getenv("OMPI_COMM_WORLD_SIZE") || getenv("PMIX_RANK") || getenv("PMI_RANK");
}

/* How many processes of this machine there are, and how many CPUs each has. */
static void look_around(vs_dist *d)
{
    MPI_Comm here;
    cpu_set_t mask;
    int same = 0;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, d->rank, MPI_INFO_NULL, &here);
    MPI_Comm_size(here, &d->here);
    CPU_ZERO(&mask);
    if (sched_getaffinity(0, sizeof(mask), &mask) != 0)
        CPU_SET(0, &mask);
    cpu_set_t *masks = vs_new(sizeof(*masks) * (size_t)d->here);
    MPI_Allgather(&mask, (int)sizeof(mask), MPI_BYTE, masks, (int)sizeof(mask), MPI_BYTE, here);
    for (int i = 0; i < d->here; i++)
        same += CPU_EQUAL(&masks[i], &mask) != 0;
    d->cpus = vs_cpu_count() > same ? vs_cpu_count() / same : 1;
    free(masks);
    MPI_Comm_free(&here);
}

vs_err vs_dist_open(vs_dist **out)
{
    int level;
    *out = NULL;
    if (!launched())
        return VS_OK;
    MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level);
    vs_dist *d = vs_new(sizeof(*d));
    MPI_Comm_rank(MPI_COMM_WORLD, &d->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &d->size);
    look_around(d);
    const size_t size = (size_t)d->size;
    d->part = vs_new(sizeof(*d->part) * (BLOCK + size));
    d->count = vs_new(sizeof(*d->count) * size);
    d->start = vs_new(sizeof(*d->start) * size);
    d->got = vs_new(sizeof(*d->got) * size);
    d->at = vs_new(sizeof(*d->at) * size);
    *out = d;
    return level >= MPI_THREAD_FUNNELED ? VS_OK
                                        : VS_FAIL(VS_ERR_UNSUPPORTED, "this MPI library was "
                                                  "built without support for threads");
}

void vs_dist_close(vs_dist **dist)
{
    vs_dist *d = *dist;
    if (!d)
        return;
    MPI_Finalize();
    free(d->part);
    free(d->count);
    free(d->start);
    free(d->got);
    free(d->at);
    free(d);
    *dist = NULL;
}

int vs_dist_rank(const vs_dist *dist)
{
    return dist ? dist->rank : 0;
}

int vs_dist_size(const vs_dist *dist)
{
    return dist ? dist->size : 1;
}

int vs_dist_here(const vs_dist *dist)
{
    return dist ? dist->here : 1;
}

int vs_dist_cpus(const vs_dist *dist)
{
    return dist ? dist->cpus : vs_cpu_count();
}

/* ---- Mean -------------------------------------------------------------------------- */

static void mean_of_block(vs_dist *d, float *value, int n)
{
    for (int r = 0; r < d->size; r++) {
        d->start[r] = (int)((int64_t)n * r / d->size);
        d->count[r] = (int)((int64_t)n * (r + 1) / d->size) - d->start[r];
    }
    const int mine = d->count[d->rank];
    for (int r = 0; r < d->size; r++) {
        d->got[r] = mine;
        d->at[r] = r * mine;
    }
    MPI_Alltoallv(value, d->count, d->start, MPI_FLOAT, d->part, d->got, d->at, MPI_FLOAT,
                  MPI_COMM_WORLD);
    float *out = value + d->start[d->rank];
    for (int i = 0; i < mine; i++) {
        double sum = 0;
        for (int r = 0; r < d->size; r++)
            sum += (double)d->part[r * mine + i];
        out[i] = (float)(sum / d->size);
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, value, d->count, d->start, MPI_FLOAT,
                   MPI_COMM_WORLD);
}

void vs_dist_mean(vs_dist *dist, float *value, int64_t n)
{
    for (int64_t i = 0; dist && i < n; i += BLOCK)
        mean_of_block(dist, value + i, n - i < BLOCK ? (int)(n - i) : BLOCK);
}

/* ---- Agreeing ---------------------------------------------------------------------- */

/* All take over the error of process `from`. */
static vs_err spread(const vs_dist *d, vs_err err, int from)
{
    struct { int err; char text[1024]; } said = { .err = err };
    if (d->rank == from)
        strncpy(said.text, vs_err_detail(), sizeof(said.text) - 1);
    MPI_Bcast(&said, (int)sizeof(said), MPI_BYTE, from, MPI_COMM_WORLD);
    if (d->rank > 0)
        vs_err_hush();
    else if (from > 0)
        VS_FAIL((vs_err)said.err, "process %d of %d: %s", from, d->size, said.text);
    return (vs_err)said.err;
}

vs_err vs_dist_agree(vs_dist *dist, vs_err err, bool *stop)
{
    if (!dist)
        return err;
    /* The lowest rank that failed; 0 to stop. */
    int vote[2] = { err != VS_OK ? dist->rank : dist->size, !(stop && *stop) };
    MPI_Allreduce(MPI_IN_PLACE, vote, 2, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    if (stop)
        *stop = vote[1] == 0;
    return vote[0] < dist->size ? spread(dist, err, vote[0]) : VS_OK;
}
