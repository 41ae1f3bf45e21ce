#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

int vs_cpu_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    const int n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

double vs_memory_limit(void)
{
    double limit = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE), group;
    FILE *f = fopen("/sys/fs/cgroup/memory.max", "re");
    if (!f)
        return limit;
    if (fscanf(f, "%lf", &group) == 1 && group < limit)
        limit = group;
    fclose(f);
    return limit;
}

/* ---- Queue ------------------------------------------------------------------ */

struct vs_queue {
    pthread_mutex_t lock;
    pthread_cond_t filled, drained;
    void **ring;
    int capacity, head, count;
    bool closed;
};

vs_queue *vs_queue_new(int capacity)
{
    VS_ASSERT(capacity > 0);
    vs_queue *q = vs_new(sizeof(*q));
    q->ring = vs_new(sizeof(*q->ring) * (size_t)capacity);
    q->capacity = capacity;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->filled, NULL);
    pthread_cond_init(&q->drained, NULL);
    return q;
}

bool vs_queue_push(vs_queue *q, void *item)
{
    pthread_mutex_lock(&q->lock);
    while (q->count == q->capacity && !q->closed)
        pthread_cond_wait(&q->drained, &q->lock);
    const bool open = !q->closed;
    if (open) {
        q->ring[(q->head + q->count++) % q->capacity] = item;
        pthread_cond_signal(&q->filled);
    }
    pthread_mutex_unlock(&q->lock);
    return open;
}

static void *take_locked(vs_queue *q)
{
    if (q->count == 0)
        return NULL;
    void *item = q->ring[q->head];
    q->head = (q->head + 1) % q->capacity;
    q->count--;
    pthread_cond_signal(&q->drained);
    return item;
}

void *vs_queue_pop(vs_queue *q)
{
    pthread_mutex_lock(&q->lock);
    while (q->count == 0 && !q->closed)
        pthread_cond_wait(&q->filled, &q->lock);
    void *item = take_locked(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

void *vs_queue_try_pop(vs_queue *q)
{
    pthread_mutex_lock(&q->lock);
    void *item = take_locked(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

void vs_queue_close(vs_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->filled);
    pthread_cond_broadcast(&q->drained);
    pthread_mutex_unlock(&q->lock);
}

void vs_queue_free(vs_queue *q)
{
    if (!q)
        return;
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->filled);
    pthread_cond_destroy(&q->drained);
    free(q->ring);
    free(q);
}

/* ---- Pool --------------------------------------------------------------------- */

struct job {
    vs_job_fn *fn;
    void *arg;
};

struct worker {
    vs_pool *pool;
    int index;
    pthread_t thread;
};

struct vs_pool {
    vs_queue *queue;
    struct worker *workers;
    int n_workers;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    int64_t unfinished;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct job *job;
    while ((job = vs_queue_pop(w->pool->queue))) {
        job->fn(job->arg, w->index);
        free(job);
        pthread_mutex_lock(&w->pool->lock);
        if (--w->pool->unfinished == 0)
            pthread_cond_broadcast(&w->pool->idle);
        pthread_mutex_unlock(&w->pool->lock);
    }
    return NULL;
}

vs_err vs_pool_open(vs_pool **out, int threads, int queue)
{
    const int n = threads > 0 ? threads : vs_cpu_count();
    vs_pool *pool = vs_new(sizeof(*pool));
    pool->queue = vs_queue_new(queue > 0 ? queue : 2 * n);
    pool->workers = vs_new(sizeof(*pool->workers) * (size_t)n);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->idle, NULL);
    for (int i = 0; i < n; i++) {
        struct worker *w = &pool->workers[i];
        *w = (struct worker){ .pool = pool, .index = i };
        if (pthread_create(&w->thread, NULL, work, w) != 0) {
            vs_pool_close(&pool);
            return VS_FAIL(VS_ERR_NOMEM, "cannot start worker thread %d of %d", i + 1, n);
        }
        pool->n_workers++;
    }
    *out = pool;
    return VS_OK;
}

int vs_pool_threads(const vs_pool *pool)
{
    return pool->n_workers;
}

void vs_pool_submit(vs_pool *pool, vs_job_fn *fn, void *arg)
{
    struct job *job = vs_new(sizeof(*job));
    *job = (struct job){ fn, arg };
    pthread_mutex_lock(&pool->lock);
    pool->unfinished++;
    pthread_mutex_unlock(&pool->lock);
    vs_queue_push(pool->queue, job);
}

void vs_pool_wait(vs_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->unfinished > 0)
        pthread_cond_wait(&pool->idle, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void vs_pool_close(vs_pool **pool)
{
    vs_pool *p = *pool;
    if (!p)
        return;
    vs_queue_close(p->queue);
    for (int i = 0; i < p->n_workers; i++)
        pthread_join(p->workers[i].thread, NULL);
    vs_queue_free(p->queue);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->idle);
    free(p->workers);
    free(p);
    *pool = NULL;
}

/* ---- Parallel for --------------------------------------------------------------- */

struct each {
    vs_each_fn *fn;
    void *ctx;
    int64_t n;
    atomic_llong next;
    pthread_mutex_t lock;
    pthread_cond_t done;
    int running;
};

static void each_job(void *arg, int worker)
{
    struct each *e = arg;
    int64_t i;
    while ((i = atomic_fetch_add(&e->next, 1)) < e->n)
        e->fn(e->ctx, i, worker);
    pthread_mutex_lock(&e->lock);
    if (--e->running == 0)
        pthread_cond_signal(&e->done);
    pthread_mutex_unlock(&e->lock);
}

void vs_pool_each(vs_pool *pool, int64_t n, vs_each_fn *fn, void *ctx)
{
    struct each e = { .fn = fn, .ctx = ctx, .n = n, .running = pool->n_workers };
    pthread_mutex_init(&e.lock, NULL);
    pthread_cond_init(&e.done, NULL);
    for (int i = 0; i < pool->n_workers; i++)
        vs_pool_submit(pool, each_job, &e);
    pthread_mutex_lock(&e.lock);
    while (e.running > 0)
        pthread_cond_wait(&e.done, &e.lock);
    pthread_mutex_unlock(&e.lock);
    pthread_mutex_destroy(&e.lock);
    pthread_cond_destroy(&e.done);
}
