/* Several processes over MPI. A handle of NULL is one process, as in dist_single.c.
 *
 * The mean works on parts. Of a part of n values process r owns n/P: it
 *   (1) receives its values from every process,
 *   (2) adds them up in the order of the ranks,
 *   (3) sends the mean to all.
 * Each value is computed once and travels twice, whatever P is; MPI_Allreduce would leave the
 * order to the library. (1) begins when the part is there, (2) and (3) in vs_dist_mean_end().
 *
 * Nothing blocks inside MPI: waiting is a loop that sleeps between looks, so processes that
 * share CPUs leave them to those that compute, and a lost process is noticed.
 */
#include "train/dist.h"

#include <errno.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"

/* What each process tells the others about itself. */
struct place {
    int pid;
    int group;                     /* the lowest rank on the same machine */
    char host[64];
};

struct part {
    float *value;
    int n;
    float *got;                    /* (P, own values): what the others sent */
    int room;                      /* values in `got` */
    MPI_Request *wait;             /* (2P): receives, then sends, by rank */
};

struct vs_dist {
    int rank, size, here, cpus;
    struct place *place;           /* (size) */
    bool *watched;                 /* (size): its process can be seen from here */
    struct part *part;
    int n_parts, parts;            /* in flight, allocated */
    vs_device *group;              /* NULL: the means are made here */
    bool gone;
    char lost[128];
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
    struct place own = { .pid = (int)getpid(), .group = d->rank };
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
    MPI_Bcast(&own.group, 1, MPI_INT, 0, here);
    MPI_Comm_free(&here);
    gethostname(own.host, sizeof(own.host) - 1);
    MPI_Allgather(&own, (int)sizeof(own), MPI_BYTE, d->place, (int)sizeof(own), MPI_BYTE,
                  MPI_COMM_WORLD);
    /* Containers may hide the processes of one machine from each other. */
    for (int r = 0; r < d->size; r++)
        d->watched[r] = d->place[r].group == own.group && kill(d->place[r].pid, 0) == 0;
    MPI_Barrier(MPI_COMM_WORLD);
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
    d->place = vs_new(sizeof(*d->place) * (size_t)d->size);
    d->watched = vs_new(sizeof(*d->watched) * (size_t)d->size);
    look_around(d);
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
    /* Not after a loss: it would wait for the lost. The launcher ends what is left. */
    if (!d->gone)
        MPI_Finalize();
    for (int i = 0; i < d->parts; i++) {
        free(d->part[i].got);
        free(d->part[i].wait);
    }
    free(d->part);
    free(d->place);
    free(d->watched);
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

int vs_dist_local(const vs_dist *dist)
{
    int before = 0;
    for (int r = 0; dist && r < dist->rank; r++)
        before += dist->place[r].group == dist->place[dist->rank].group;
    return before;
}

const char *vs_dist_lost(const vs_dist *dist)
{
    return dist && dist->gone ? dist->lost : NULL;
}

/* ---- Waiting ----------------------------------------------------------------------- */

static void lose(vs_dist *d, int who)
{
    d->gone = true;
    if (who >= 0)
        snprintf(d->lost, sizeof(d->lost), "process %d of %d (machine %s)", who, d->size,
                 d->place[who].host);
    else
        snprintf(d->lost, sizeof(d->lost), "a process of another machine");
}

/* A process of this machine that is no more, else -1. */
static int dead(const vs_dist *d)
{
    for (int r = 0; r < d->size; r++)
        if (d->watched[r] && kill(d->place[r].pid, 0) != 0 && errno == ESRCH)
            return r;
    return -1;
}

/* Until all n requests are done; false when a process is lost. */
static bool wait_for(vs_dist *d, MPI_Request *wait, int n)
{
    const double began = vs_now();
    double looked = began;
    for (int turn = 0; !d->gone; turn++) {
        int done;
        MPI_Testall(n, wait, &done, MPI_STATUSES_IGNORE);
        if (done)
            return true;
        if (turn < 1000) {
            sched_yield();
            continue;
        }
        nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
        const double now = vs_now();
        if (d->rank > 0 || now - looked < 0.05)
            continue;
        looked = now;
        const int who = dead(d);
        if (who >= 0 || (vs_stop_requested() && now - began > VS_DIST_PATIENCE))
            lose(d, who);
    }
    return false;
}

/* ---- Mean -------------------------------------------------------------------------- */

/* Process r owns values first(r) .. first(r + 1) - 1 of a part of n. */
static int first(const vs_dist *d, int n, int r)
{
    return (int)((int64_t)n * r / d->size);
}

static struct part *take_part(vs_dist *d, float *value, int n)
{
    if (d->n_parts == d->parts) {
        struct part empty = { .wait = vs_new(sizeof(MPI_Request) * 2 * (size_t)d->size) };
        VS_PUSH(d->part, d->parts, empty);
    }
    struct part *const p = &d->part[d->n_parts++];
    const int own = first(d, n, d->rank + 1) - first(d, n, d->rank);
    if (p->room < own * d->size) {
        free(p->got);
        p->got = vs_new(sizeof(*p->got) * (size_t)own * (size_t)d->size);
        p->room = own * d->size;
    }
    p->value = value;
    p->n = n;
    return p;
}

static void begin_part(vs_dist *d, float *value, int n)
{
    struct part *const p = take_part(d, value, n);
    const int tag = d->n_parts, own = first(d, n, d->rank + 1) - first(d, n, d->rank);
    MPI_Request *const get = p->wait, *const put = p->wait + d->size;
    int done;
    for (int r = 0; r < d->size; r++) {
        const int at = first(d, n, r);
        get[r] = put[r] = MPI_REQUEST_NULL;
        if (r == d->rank)
            continue;
        MPI_Irecv(p->got + (int64_t)r * own, own, MPI_FLOAT, r, tag, MPI_COMM_WORLD, &get[r]);
        MPI_Isend(value + at, first(d, n, r + 1) - at, MPI_FLOAT, r, tag, MPI_COMM_WORLD, &put[r]);
    }
    /* Large messages move only while someone looks at them. */
    for (int i = 0; i < d->n_parts; i++)
        MPI_Testall(2 * d->size, d->part[i].wait, &done, MPI_STATUSES_IGNORE);
}

static void add_up(vs_dist *d, struct part *p)
{
    const int at = first(d, p->n, d->rank), own = first(d, p->n, d->rank + 1) - at;
    float *const out = p->value + at;
    memcpy(p->got + (int64_t)d->rank * own, out, sizeof(*out) * (size_t)own);
    for (int i = 0; i < own; i++) {
        double sum = 0;
        for (int r = 0; r < d->size; r++)
            sum += (double)p->got[(int64_t)r * own + i];
        out[i] = (float)(sum / d->size);
    }
}

static void hand_out(vs_dist *d, struct part *p, int tag)
{
    const int at = first(d, p->n, d->rank), own = first(d, p->n, d->rank + 1) - at;
    MPI_Request *const get = p->wait, *const put = p->wait + d->size;
    for (int r = 0; r < d->size; r++) {
        const int from = first(d, p->n, r);
        if (r == d->rank)
            continue;
        MPI_Irecv(p->value + from, first(d, p->n, r + 1) - from, MPI_FLOAT, r, tag, MPI_COMM_WORLD,
                  &get[r]);
        MPI_Isend(p->value + at, own, MPI_FLOAT, r, tag, MPI_COMM_WORLD, &put[r]);
    }
}

#define PART (1 << 20)             /* values at most */

void vs_dist_mean_begin(vs_dist *dist, float *value, int64_t n)
{
    if (dist && dist->group)
        vs_device_mean_begin(dist->group, value, n);
    for (int64_t i = 0; dist && !dist->group && !dist->gone && i < n; i += PART)
        begin_part(dist, value + i, n - i < PART ? (int)(n - i) : PART);
}

void vs_dist_mean_end(vs_dist *dist)
{
    if (!dist)
        return;
    if (dist->group)
        vs_device_mean_end(dist->group);
    const int n = dist->n_parts;
    for (int i = 0; i < n && wait_for(dist, dist->part[i].wait, 2 * dist->size); i++) {
        add_up(dist, &dist->part[i]);
        hand_out(dist, &dist->part[i], n + 1 + i);
    }
    for (int i = 0; i < n && wait_for(dist, dist->part[i].wait, 2 * dist->size); i++)
        ;
    dist->n_parts = 0;
}

/* ---- Agreeing ---------------------------------------------------------------------- */

struct vote {
    int err, stop;
    double value;
};

static vs_err left(const vs_dist *d)
{
    return VS_FAIL(VS_ERR_STOPPED, "%s is lost", d->lost);
}

/* All take over the error of process `from`. */
static vs_err spread(vs_dist *d, vs_err err, int from)
{
    struct { int err; char text[1024]; } said = { .err = err };
    MPI_Request wait;
    if (d->rank == from)
        strncpy(said.text, vs_err_detail(), sizeof(said.text) - 1);
    MPI_Ibcast(&said, (int)sizeof(said), MPI_BYTE, from, MPI_COMM_WORLD, &wait);
    if (!wait_for(d, &wait, 1))
        return left(d);
    if (d->rank > 0)
        vs_err_hush();
    else if (from > 0)
        VS_FAIL((vs_err)said.err, "process %d of %d: %s", from, d->size, said.text);
    return (vs_err)said.err;
}

vs_err vs_dist_agree(vs_dist *dist, vs_err err, bool *stop, double *mean)
{
    if (!dist)
        return err;
    if (dist->gone)
        return err != VS_OK ? err : left(dist);
    struct vote *const all = vs_new(sizeof(*all) * (size_t)dist->size);
    struct vote own = { .err = err, .stop = stop && *stop, .value = mean ? *mean : 0 };
    MPI_Request wait;
    int from = -1;
    double sum = 0;
    MPI_Iallgather(&own, (int)sizeof(own), MPI_BYTE, all, (int)sizeof(own), MPI_BYTE,
                   MPI_COMM_WORLD, &wait);
    const bool heard = wait_for(dist, &wait, 1);
    for (int r = 0; heard && r < dist->size; r++) {
        if (all[r].err != VS_OK && from < 0)
            from = r;
        if (stop)
            *stop |= all[r].stop != 0;
        sum += all[r].value;
    }
    if (heard && mean)
        *mean = sum / dist->size;
    const vs_err found = from < 0 ? VS_OK : (vs_err)all[from].err;
    free(all);
    if (!heard)
        return err != VS_OK ? err : left(dist);
    return from < 0 ? VS_OK : spread(dist, found, from);
}

/* ---- GPUs -------------------------------------------------------------------------- */

/* The id that process 0 made, or its error. */
static vs_err tell_id(vs_dist *d, vs_device *dev, char id[VS_GROUP_ID])
{
    MPI_Request wait;
    if (d->rank == 0)
        vs_device_group_id(dev, id);
    vs_err err = vs_device_sync(dev);
    VS_TRY(vs_dist_agree(d, err, NULL, NULL));
    MPI_Ibcast(id, VS_GROUP_ID, MPI_BYTE, 0, MPI_COMM_WORLD, &wait);
    return wait_for(d, &wait, 1) ? VS_OK : left(d);
}

vs_err vs_dist_join(vs_dist *dist, vs_device *dev)
{
    char id[VS_GROUP_ID] = "";
    if (!dist || dist->size == 1)
        return VS_OK;
    double gpus = vs_device_can_group(dev) ? 1 : 0;
    VS_TRY(vs_dist_agree(dist, VS_OK, NULL, &gpus));
    if (gpus > 0 && gpus < 1)
        return VS_FAIL(VS_ERR_USAGE, "--device: %.0f of %d processes have a GPU, this one has %s; "
                       "expected all or none", gpus * dist->size, dist->size,
                       vs_device_name(dev));
    if (gpus == 0)
        return VS_OK;
    VS_TRY(tell_id(dist, dev, id));
    vs_device_group_join(dev, id, dist->rank, dist->size);
    dist->group = dev;
    return vs_device_sync(dev);
}
