#include "train/data/ahead.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"

struct part {
    struct vs_ahead *ahead;
    int slot, number;
};

struct slot {
    int left;                      /* parts still to be made */
    int failed_part;               /* the lowest; -1 = none */
    vs_err err;
    char *message;
};

struct vs_ahead {
    vs_ahead_work work;
    vs_pool *pool;
    struct slot *slot;             /* (slots) */
    struct part *part;             /* (slots, parts) */
    pthread_mutex_t lock;
    pthread_cond_t done;
    int64_t begun, taken;          /* groups */
    double waited;
    atomic_bool closing;
};

static void keep_error(struct slot *s, int part, vs_err err)
{
    if (s->failed_part >= 0 && s->failed_part < part)
        return;
    free(s->message);
    s->message = vs_strdup(vs_err_detail());
    s->failed_part = part;
    s->err = err;
}

static void run_part(void *arg, int worker)
{
    const struct part *p = arg;
    vs_ahead *a = p->ahead;
    vs_err err = VS_OK;
    if (!atomic_load(&a->closing))
        err = a->work.make(a->work.ctx, p->slot, p->number, worker);
    struct slot *s = &a->slot[p->slot];
    pthread_mutex_lock(&a->lock);
    if (err != VS_OK)
        keep_error(s, p->number, err);
    if (--s->left == 0)
        pthread_cond_broadcast(&a->done);
    pthread_mutex_unlock(&a->lock);
}

/* The pool's queue holds every part of every slot, so this never waits. */
static vs_err begin_next(vs_ahead *a)
{
    if (a->begun >= a->work.groups)
        return VS_OK;
    const int number = (int)(a->begun % a->work.slots);
    struct slot *s = &a->slot[number];
    VS_TRY(a->work.begin(a->work.ctx, number, a->begun));
    a->begun++;
    s->left = a->work.parts;
    s->failed_part = -1;
    for (int i = 0; i < a->work.parts; i++)
        vs_pool_submit(a->pool, run_part, &a->part[(size_t)number * (size_t)a->work.parts +
                                                   (size_t)i]);
    return VS_OK;
}

vs_err vs_ahead_open(vs_ahead **out, const vs_ahead_work *work)
{
    VS_ASSERT(work->slots > 1 && work->parts > 0 && work->threads > 0);
    *out = NULL;
    vs_ahead *a = vs_new(sizeof(*a));
    const int all = work->slots * work->parts;
    a->work = *work;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->done, NULL);
    a->slot = vs_new(sizeof(*a->slot) * (size_t)work->slots);
    a->part = vs_new(sizeof(*a->part) * (size_t)all);
    for (int i = 0; i < all; i++)
        a->part[i] = (struct part){ a, i / work->parts, i % work->parts };
    vs_err err = vs_pool_open(&a->pool, work->threads, all);
    for (int i = 0; err == VS_OK && i < work->slots; i++)
        err = begin_next(a);
    if (err != VS_OK) {
        vs_ahead_close(&a);
        return err;
    }
    *out = a;
    return VS_OK;
}

vs_err vs_ahead_take(vs_ahead *a, int *slot)
{
    if (a->taken > 0)
        VS_TRY(begin_next(a));
    if (a->taken >= a->work.groups)
        return VS_FAIL(VS_ERR_END, "no more items");
    const double before = vs_now();
    struct slot *s = &a->slot[a->taken % a->work.slots];
    pthread_mutex_lock(&a->lock);
    while (s->left > 0)
        pthread_cond_wait(&a->done, &a->lock);
    pthread_mutex_unlock(&a->lock);
    a->waited += vs_now() - before;
    *slot = (int)(a->taken++ % a->work.slots);
    return s->failed_part >= 0 ? VS_FAIL(s->err, "%s", s->message) : VS_OK;
}

double vs_ahead_waited(const vs_ahead *ahead)
{
    return ahead->waited;
}

void vs_ahead_close(vs_ahead **ahead)
{
    vs_ahead *a = *ahead;
    if (!a)
        return;
    atomic_store(&a->closing, true);
    vs_pool_close(&a->pool);
    for (int i = 0; i < a->work.slots; i++)
        free(a->slot[i].message);
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->done);
    free(a->slot);
    free(a->part);
    free(a);
    *ahead = NULL;
}
