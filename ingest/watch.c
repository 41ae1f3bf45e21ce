/* The watch over decoders. Rules: watch.h */
#include "ingest/watch.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define GRACE_MAX 10.0             /* seconds; a short limit has a grace as short as itself */

struct vs_watched {
    vs_watch *watch;
    vs_watched *next;
    char *path;
    void *arg;
    double waited;
    bool inside, lost;
    atomic_bool expired;
};

struct vs_watch {
    pthread_mutex_t lock;          /* of the list and of every file in it */
    pthread_cond_t wake;
    pthread_t thread;
    vs_watched *first;
    vs_lost_fn *lost;
    double limit;
    bool closing;
};

static void look_at(vs_watch *w, vs_watched *f, double passed)
{
    if (!f->inside || f->lost)
        return;
    f->waited += passed;
    if (f->waited >= w->limit && !atomic_exchange(&f->expired, true))
        vs_say("%s: nothing from its decoder for %g s", f->path, w->limit);
    if (f->waited >= w->limit + fmin(w->limit, GRACE_MAX)) {
        f->lost = true;
        w->lost(f->arg);
    }
}

/* Ten looks per limit, and at least four a second. */
static void *keep_watch(void *arg)
{
    vs_watch *w = arg;
    const double period = fmin(0.25, w->limit / 10);
    double last = vs_now();
    pthread_mutex_lock(&w->lock);
    while (!w->closing) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        const double at = (double)until.tv_nsec * 1e-9 + period;
        until.tv_sec += (time_t)at;
        until.tv_nsec = (long)((at - floor(at)) * 1e9);
        pthread_cond_timedwait(&w->wake, &w->lock, &until);
        const double now = vs_now(), passed = fmin(now - last, 2 * period);
        last = now;
        for (vs_watched *f = w->first; f; f = f->next)
            look_at(w, f, passed);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

vs_err vs_watch_open(vs_watch **out, double limit, vs_lost_fn *lost)
{
    vs_watch *w = vs_new(sizeof(*w));
    w->limit = limit;
    w->lost = lost;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = w;
    if (limit <= 0 || pthread_create(&w->thread, NULL, keep_watch, w) == 0)
        return VS_OK;
    w->limit = 0;
    vs_watch_close(out);
    return VS_FAIL(VS_ERR_NOMEM, "the system gives no thread to watch over the decoders");
}

void vs_watch_close(vs_watch **watch)
{
    vs_watch *w = *watch;
    if (!w)
        return;
    VS_ASSERT(!w->first);
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    if (w->limit > 0)
        pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
    *watch = NULL;
}

/* ---- One file ------------------------------------------------------------------------------ */

vs_watched *vs_watch_begin(vs_watch *watch, const char *path, void *arg)
{
    vs_watched *f = vs_new(sizeof(*f));
    f->watch = watch;
    f->path = vs_strdup(path);
    f->arg = arg;
    pthread_mutex_lock(&watch->lock);
    f->next = watch->first;
    watch->first = f;
    pthread_mutex_unlock(&watch->lock);
    return f;
}

void vs_watch_end(vs_watched **file)
{
    vs_watched *f = *file;
    if (!f)
        return;
    pthread_mutex_lock(&f->watch->lock);
    vs_watched **at = &f->watch->first;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    pthread_mutex_unlock(&f->watch->lock);
    free(f->path);
    free(f);
    *file = NULL;
}

void vs_watched_enter(vs_watched *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->watch->lock);
    f->inside = true;
    if (!f->expired)
        f->waited = 0;
    pthread_mutex_unlock(&f->watch->lock);
}

void vs_watched_leave(vs_watched *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->watch->lock);
    f->inside = false;
    const bool lost = f->lost;
    pthread_mutex_unlock(&f->watch->lock);
    while (lost)
        pause();
}

void vs_watched_alive(vs_watched *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->watch->lock);
    f->waited = 0;
    f->expired = false;
    pthread_mutex_unlock(&f->watch->lock);
}

bool vs_watched_expired(const vs_watched *f)
{
    return f && f->expired;
}

double vs_watched_limit(const vs_watched *f)
{
    return f ? f->watch->limit : 0;
}
