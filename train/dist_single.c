/* A build without MPI: one process. */
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "train/dist.h"

/* Open MPI tells its processes so; without this check each would train alone. */
vs_err vs_dist_open(vs_dist **out)
{
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    *out = NULL;
    if (size && strcmp(size, "1") != 0)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "mpirun started %s processes, but this vsyn-train was "
                       "built without MPI: meson configure build -Dmpi=enabled", size);
    return VS_OK;
}

void vs_dist_close(vs_dist **dist)
{
    *dist = NULL;
}

int vs_dist_rank(const vs_dist *dist)
{
    return 0;
}

int vs_dist_size(const vs_dist *dist)
{
    return 1;
}

int vs_dist_here(const vs_dist *dist)
{
    return 1;
}

int vs_dist_cpus(const vs_dist *dist)
{
    return vs_cpu_count();
}

int vs_dist_local(const vs_dist *dist)
{
    return 0;
}

vs_err vs_dist_join(vs_dist *dist, vs_device *dev)
{
    return VS_OK;
}

void vs_dist_mean_begin(vs_dist *dist, float *value, int64_t n)
{
}

void vs_dist_mean_end(vs_dist *dist)
{
}

vs_err vs_dist_agree(vs_dist *dist, vs_err err, bool *stop, double *mean)
{
    return err;
}

const char *vs_dist_lost(const vs_dist *dist)
{
    return NULL;
}
