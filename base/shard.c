/* Which part of a set a run makes: --shard I/N, or the place of a task in a SLURM job array and
 * among the processes that mpirun or srun started.
 *
 *     task of an array    I = 1 + (ID - MIN) / STEP of N = COUNT
 *     process R of P      I + N * R of N * P: a part of I/N
 *
 * with SLURM_ARRAY_TASK_ID, _MIN, _MAX and _COUNT; STEP = (MAX - MIN) / (COUNT - 1). So
 * --array=0-9, --array=1-10 and --array=0-90:10 all split a set into ten. Task numbers that
 * are not evenly spaced are refused: two tasks could make the same part and leave another.
 */
#include "base/shard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

vs_err vs_shard_parse(int *shard, int *shards, const char *text)
{
    *shard = 0;
    *shards = 1;
    if (!text)
        return VS_OK;
    int i, n, end = 0;
    if (sscanf(text, "%d/%d%n", &i, &n, &end) != 2 || text[end] || n < 1 || i < 1 || i > n)
        return VS_FAIL(VS_ERR_USAGE, "--shard: expected I/N with 1 <= I <= N, got \"%s\"", text);
    *shard = i - 1;
    *shards = n;
    return VS_OK;
}

/* A variable that holds a whole number; absent: stays as it is. */
static vs_err read_variable(long *out, const char *name)
{
    const char *text = getenv(name);
    char *end;
    if (!text)
        return VS_OK;
    errno = 0;
    const long v = strtol(text, &end, 10);
    if (errno || end == text || *end || v < 0 || v > 1000000000)
        return VS_FAIL(VS_ERR_USAGE, "%s: expected a whole number, got \"%s\"", name, text);
    *out = v;
    return VS_OK;
}

static vs_err place_in_array(int *shard, int *shards)
{
    long id = -1, count = -1, least = 0, most = -1;
    VS_TRY(read_variable(&id, "SLURM_ARRAY_TASK_ID"));
    VS_TRY(read_variable(&count, "SLURM_ARRAY_TASK_COUNT"));
    VS_TRY(read_variable(&least, "SLURM_ARRAY_TASK_MIN"));
    VS_TRY(read_variable(&most, "SLURM_ARRAY_TASK_MAX"));
    *shards = 0;
    if (id < 0 || count < 0)
        return VS_OK;
    const bool spaced = most > least && count > 1 && (most - least) % (count - 1) == 0;
    const long step = spaced ? (most - least) / (count - 1) : 1, at = id - least;
    if (count < 1 || at < 0 || at % step || at / step >= count)
        return VS_FAIL(VS_ERR_USAGE,
                       "SLURM_ARRAY_TASK_ID is %ld: expected one of %ld evenly spaced numbers from "
                       "%ld (SLURM_ARRAY_TASK_COUNT, _MIN); use --array=0-%ld, or --shard "
                       "with SLURM_ARRAY_TASK_ID unset", id, count, least, count - 1);
    *shard = (int)(at / step);
    *shards = (int)count;
    return VS_OK;
}

/* The part of this process among those that a launcher started together. */
static vs_err share_out(int *shard, int *shards)
{
    static const char *const name[][2] = { { "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE" },
                                           { "SLURM_PROCID", "SLURM_STEP_NUM_TASKS" } };
    for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++) {
        long rank = -1, size = -1;
        VS_TRY(read_variable(&rank, name[i][0]));
        VS_TRY(read_variable(&size, name[i][1]));
        if (rank < 0 || rank >= size)
            continue;
        *shard += *shards * (int)rank;
        *shards *= (int)size;
        break;
    }
    return VS_OK;
}

vs_err vs_shard_find(int *shard, int *shards, bool *array, const char *text)
{
    int task = 0, tasks = 0;
    *array = false;
    VS_TRY(vs_shard_parse(shard, shards, text));
    VS_TRY(place_in_array(&task, &tasks));
    if (tasks == 0)
        return share_out(shard, shards);
    if (text && (*shard != task || *shards != tasks))
        return VS_FAIL(VS_ERR_USAGE,
                       "--shard %s contradicts the job array, where this task is %d/%d "
                       "(SLURM_ARRAY_TASK_ID); leave --shard out, or unset SLURM_ARRAY_TASK_ID",
                       text, task + 1, tasks);
    *array = !text;
    *shard = task;
    *shards = tasks;
    return share_out(shard, shards);
}

int vs_shard_local(void)
{
    static const char *const name[] = { "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID",
                                        "SLURM_LOCALID" };
    for (size_t i = 0; i < sizeof(name) / sizeof(*name); i++) {
        long local = -1;
        if (read_variable(&local, name[i]) == VS_OK && local >= 0)
            return (int)local;
    }
    return 0;
}
