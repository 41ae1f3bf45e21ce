#include "base/stop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static atomic_bool stop_flag;

static void on_signal(int sig)
{
    (void)sig;
}

static void end_at_once(int sig, const sigset_t *set)
{
    signal(sig, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, set, NULL);
    raise(sig);
}

static void *wait_for_signals(void *arg)
{
    static const char text[] = "\nstopping after the current item (again: at once)\n";
    const sigset_t *set = arg;
    int sig;
    while (!sigwait(set, &sig)) {
        if (atomic_exchange(&stop_flag, true))
            end_at_once(sig, set);
        else if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
            continue;
    }
    return NULL;
}

void vs_stop_install(void)
{
    static sigset_t set;
    struct sigaction action;
    pthread_t thread;
    signal(SIGPIPE, SIG_IGN);        /* a closed pipe is a write error, not a death */
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (pthread_create(&thread, NULL, wait_for_signals, &set)) {
        pthread_sigmask(SIG_UNBLOCK, &set, NULL);    /* a signal ends the process */
        return;
    }
    pthread_detach(thread);
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;   /* not run: an ignored signal would not wait to be taken */
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool vs_stop_requested(void)
{
    return atomic_load_explicit(&stop_flag, memory_order_relaxed);
}
