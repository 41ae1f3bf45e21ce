/* Running corruptions: frames one by one over a pool, clips whole, or in another order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/kinds.h"

struct vs_corrupter {
    const vs_corruption *corruption;
    vs_corrupt_options options;
    const double *level;
    void *table;
};

vs_err vs_corrupter_open(vs_corrupter **out, const vs_corruption *corruption, int severity,
                         const vs_corrupt_options *options)
{
    VS_ASSERT(severity >= 1 && severity <= VS_SEVERITIES);
    VS_TRY(vs_corruption_check(corruption));
    vs_corrupter *c = vs_new(sizeof(*c));
    c->corruption = corruption;
    if (options)
        c->options = *options;
    c->level = corruption->level[vs_corruption_slot(corruption, c->options.variant)][severity - 1];
    if (corruption->kind->prepare) {
        const vs_err err = corruption->kind->prepare(&c->table, c->level);
        if (err != VS_OK) {
            free(c);
            return err;
        }
    }
    *out = c;
    return VS_OK;
}

void vs_corrupter_close(vs_corrupter **corrupter)
{
    if (*corrupter) {
        free((*corrupter)->table);
        free(*corrupter);
        *corrupter = NULL;
    }
}

int vs_corrupter_order(const vs_corrupter *c, int *index, int T, uint64_t seed)
{
    VS_ASSERT(c->corruption->temporal);
    vs_rng rng = vs_clip_rng(seed);
    return c->corruption->kind->order(index, T, c->level, &c->options, &rng);
}

static vs_err reorder(const vs_corrupter *c, uint8_t *dst, int *T_out, const uint8_t *src, int T,
                      size_t frame, uint64_t seed)
{
    int *index = malloc(sizeof(int) * (size_t)T);
    if (!index)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for the order of %d frames", T);
    const int n = vs_corrupter_order(c, index, T, seed);
    for (int i = 0; i < n; i++)
        memcpy(dst + frame * (size_t)i, src + frame * (size_t)index[i], frame);
    *T_out = n;
    free(index);
    return VS_OK;
}

/* (256 - v) mod 256: what casting 255 v to a byte makes of a byte v. */
static uint8_t *negated(const uint8_t *src, size_t n)
{
    uint8_t *out = malloc(n);
    for (size_t i = 0; out && i < n; i++)
        out[i] = (uint8_t)(256 - src[i]);
    return out;
}

struct frames_job {
    const vs_corrupter *c;
    uint8_t *dst;
    const uint8_t *src;
    int T, H, W;
    uint64_t seed;
    void *scene;
    vs_err *err;                   /* (T) */
    char (*detail)[256];           /* (T): the message of a failed frame */
};

static vs_frame frame_of(const struct frames_job *job, int t)
{
    const vs_corrupter *c = job->c;
    return (vs_frame){ .H = job->H, .W = job->W, .t = t, .T = job->T, .clip = job->src,
                       .seed = job->seed, .level = c->level, .options = &c->options,
                       .table = c->table, .scene = job->scene };
}

static void one_frame(void *ctx, int64_t i, int worker)
{
    struct frames_job *job = ctx;
    const vs_corrupter *c = job->c;
    const size_t n = (size_t)job->H * job->W * 3;
    const vs_frame frame = frame_of(job, (int)i);
    const uint8_t *src = job->src + n * (size_t)i;
    uint8_t *negative = NULL;
    if (c->options.negative && c->corruption->through_image) {
        negative = negated(src, n);
        src = negative;
    }
    job->err[i] = src ? c->corruption->kind->frame(job->dst + n * (size_t)i, src, &frame)
                      : VS_FAIL(VS_ERR_NOMEM, "no memory for a %d x %d picture", job->W, job->H);
    if (job->err[i] != VS_OK)
        snprintf(job->detail[i], sizeof(*job->detail), "%s", vs_err_detail());
    free(negative);
}

static vs_err each_frame(struct frames_job *job, vs_pool *pool)
{
    const int T = job->T;
    vs_err err = VS_OK;
    job->err = calloc((size_t)T, sizeof(*job->err));
    job->detail = calloc((size_t)T, sizeof(*job->detail));
    if (!job->err || !job->detail) {
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for %d frames", T);
        goto out;
    }
    if (pool)
        vs_pool_each(pool, T, one_frame, job);
    else
        for (int t = 0; t < T; t++)
            one_frame(job, t, 0);
    for (int t = 0; t < T && err == VS_OK; t++)
        if (job->err[t] != VS_OK)
            err = VS_FAIL(job->err[t], "frame %d: %s", t, job->detail[t]);
out:
    free(job->err);
    free(job->detail);
    return err;
}

vs_err vs_corrupter_run(const vs_corrupter *c, uint8_t *dst, int *T_out, const uint8_t *src, int T,
                        int H, int W, uint64_t seed, vs_pool *pool)
{
    int same;
    VS_ASSERT(T > 0 && H > 0 && W > 0 && dst != src);
    if (c->corruption->temporal)
        return reorder(c, dst, T_out ? T_out : &same, src, T, (size_t)H * W * 3, seed);
    if (T_out)
        *T_out = T;
    const vs_kind *kind = c->corruption->kind;
    struct frames_job job = { .c = c, .dst = dst, .src = src, .T = T, .H = H, .W = W,
                              .seed = seed };
    const vs_frame all = frame_of(&job, 0);
    if (kind->clip)
        return kind->clip(dst, src, T, &all);
    if (kind->scene)
        VS_TRY(kind->scene(&job.scene, &all));
    const vs_err err = each_frame(&job, pool);
    free(job.scene);
    return err;
}

vs_err vs_corrupt_apply(uint8_t *dst, int *T_out, const uint8_t *src, int T, int H, int W,
                        const vs_corruption *corruption, int severity, uint64_t seed,
                        const vs_corrupt_options *options, vs_pool *pool)
{
    vs_corrupter *c = NULL;
    VS_TRY(vs_corrupter_open(&c, corruption, severity, options));
    const vs_err err = vs_corrupter_run(c, dst, T_out, src, T, H, W, seed, pool);
    vs_corrupter_close(&c);
    return err;
}

/* FNV-1a: the name, not the place in the table, which may grow. */
static uint64_t hash_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    while (*name)
        h = (h ^ (uint8_t)*name++) * 0x100000001b3u;
    return h;
}

uint64_t vs_corrupt_seed(uint64_t seed, int64_t clip, const vs_corruption *corruption,
                         int severity, int view)
{
    uint64_t z = vs_rng_index(seed, (uint64_t)clip);
    z = vs_rng_index(z, hash_of(corruption->name));
    return vs_rng_index(z, (uint64_t)severity << 32 | (uint32_t)view);
}
