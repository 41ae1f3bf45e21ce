#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

static atomic_bool quiet_flag;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;

void vs_log_quiet(bool quiet)
{
    atomic_store(&quiet_flag, quiet);
}

bool vs_log_is_quiet(void)
{
    return atomic_load(&quiet_flag);
}

static void put(const char *prefix, const char *fmt, va_list ap)
{
    char *text = vs_vstrf(fmt, ap);
    pthread_mutex_lock(&out_lock);
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    fprintf(stderr, "%s%s\n", prefix, text);
    pthread_mutex_unlock(&out_lock);
    free(text);
}

void vs_say(const char *fmt, ...)
{
    if (vs_log_is_quiet())
        return;
    va_list ap;
    va_start(ap, fmt);
    put("", fmt, ap);
    va_end(ap);
}

void vs_warn(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put("warning: ", fmt, ap);
    va_end(ap);
}

double vs_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *vs_human_bytes(char text[32], double bytes)
{
    static const char *const unit[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    int k = 0;
    while (bytes >= 1000 && k < 5) {
        bytes /= 1000;
        k++;
    }
    snprintf(text, 32, k == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes, unit[k]);
    return text;
}

const char *vs_human_time(char text[32], double seconds)
{
    if (!(seconds >= 0 && seconds < 1e8)) {
        snprintf(text, 32, "--:--");
        return text;
    }
    const long s = (long)(seconds + 0.5);
    if (s >= 3600)
        snprintf(text, 32, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, 32, "%ld:%02ld", s / 60, s % 60);
    return text;
}

/* ---- Progress ----------------------------------------------------------------- */

struct vs_progress {
    pthread_mutex_t lock;
    const char *what, *unit;
    int64_t total, done, at_start;
    double begun, shown;
    bool terminal, started, any;
    char note[160];
};

static void show(vs_progress *p, bool last)
{
    if (vs_log_is_quiet())
        return;
    const double now = vs_now(), step = p->terminal ? 0.1 : 5.0;
    if (!last && now - p->shown < step)
        return;
    p->shown = now;
    p->any = true;
    const double seconds = now - p->begun;
    const double rate = seconds > 0 ? (double)(p->done - p->at_start) / seconds : 0;
    char line[512], left[32];
    int n = p->total > 0
        ? snprintf(line, sizeof(line), "%s  %lld/%lld %s", p->what, (long long)p->done,
                   (long long)p->total, p->unit)
        : snprintf(line, sizeof(line), "%s  %lld %s", p->what, (long long)p->done, p->unit);
    n += snprintf(line + n, sizeof(line) - (size_t)n,
                  rate >= 10 ? "  %.0f %s/s" : "  %.2f %s/s", rate, p->unit);
    if (last)
        n += snprintf(line + n, sizeof(line) - (size_t)n, "  in %s",
                      vs_human_time(left, seconds));
    else if (p->total > 0 && rate > 0)
        n += snprintf(line + n, sizeof(line) - (size_t)n, "  ETA %s",
                      vs_human_time(left, (double)(p->total - p->done) / rate));
    snprintf(line + n, sizeof(line) - (size_t)n, "%s%s", p->note[0] ? "  " : "", p->note);
    pthread_mutex_lock(&out_lock);
    if (p->terminal && p->total > 0 && !last) {
        char bar[25] = { 0 };
        const int filled = (int)(24 * p->done / p->total);
        for (int i = 0; i < 24; i++)
            bar[i] = i < filled ? '#' : '.';
        fprintf(stderr, "\r\033[K[%s] %s", bar, line);
        fflush(stderr);
    } else {
        fprintf(stderr, p->terminal ? "\r\033[K%s%s" : "%s%s", line,
                p->terminal && !last ? "" : "\n");
    }
    pthread_mutex_unlock(&out_lock);
}

vs_progress *vs_progress_start(const char *what, const char *unit, int64_t total)
{
    vs_progress *p = vs_new(sizeof(*p));
    pthread_mutex_init(&p->lock, NULL);
    p->what = what;
    p->unit = unit;
    p->total = total;
    p->begun = p->shown = vs_now();
    p->terminal = isatty(STDERR_FILENO);
    return p;
}

void vs_progress_add(vs_progress *p, int64_t n)
{
    pthread_mutex_lock(&p->lock);
    p->started = true;
    p->done += n;
    show(p, false);
    pthread_mutex_unlock(&p->lock);
}

void vs_progress_set(vs_progress *p, int64_t done)
{
    pthread_mutex_lock(&p->lock);
    if (!p->started)
        p->at_start = done;
    p->started = true;
    p->done = done;
    show(p, false);
    pthread_mutex_unlock(&p->lock);
}

void vs_progress_note(vs_progress *p, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    pthread_mutex_lock(&p->lock);
    vsnprintf(p->note, sizeof(p->note), fmt, ap);
    pthread_mutex_unlock(&p->lock);
    va_end(ap);
}

void vs_progress_end(vs_progress **progress)
{
    vs_progress *p = *progress;
    if (!p)
        return;
    show(p, true);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *progress = NULL;
}
