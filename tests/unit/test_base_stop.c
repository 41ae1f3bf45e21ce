/* Signals: taken by a thread of their own, never on a thread that computes. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/stop.h"
#include "tests/check.h"

static bool both_blocked(void)
{
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    return sigismember(&now, SIGINT) == 1 && sigismember(&now, SIGTERM) == 1;
}

static void *thread_blocked(void *arg)
{
    *(bool *)arg = both_blocked();
    return NULL;
}

static bool wait_for_stop(void)
{
    for (int i = 0; i < 500 && !vs_stop_requested(); i++)
        usleep(10000);
    return vs_stop_requested();
}

/* Runs `body` in a process of its own with quiet messages; its wait status. */
static int in_child(void (*body)(void))
{
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(9);
        vs_stop_install();
        body();
        _exit(0);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void look_at_masks(void)
{
    bool other = false;
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_blocked, &other) || pthread_join(thread, NULL))
        _exit(8);
    _exit(both_blocked() && other ? 0 : 7);
}

Test(base_stop, no_thread_that_computes_takes_a_signal)
{
    const int status = in_child(look_at_masks);
    cr_assert(WIFEXITED(status), "status %d", status);
    cr_assert_eq(WEXITSTATUS(status), 0);
}

static void one_signal(void)
{
    if (vs_stop_requested())
        _exit(7);
    kill(getpid(), SIGINT);
    _exit(wait_for_stop() ? 0 : 8);
}

Test(base_stop, a_signal_asks_to_stop)
{
    const int status = in_child(one_signal);
    cr_assert(WIFEXITED(status), "status %d", status);
    cr_assert_eq(WEXITSTATUS(status), 0);
}

/* A shell starts what it runs in the background with SIGINT ignored. */
static void ignored_before(void)
{
    signal(SIGINT, SIG_IGN);
    vs_stop_install();
    one_signal();
}

Test(base_stop, also_where_it_was_ignored)
{
    cr_assert_eq(in_child(ignored_before), 0);
}

static void two_signals(void)
{
    kill(getpid(), SIGTERM);
    if (!wait_for_stop())
        _exit(8);
    kill(getpid(), SIGTERM);
    usleep(5000000);
    _exit(9);
}

Test(base_stop, the_second_ends_the_process)
{
    const int status = in_child(two_signals);
    cr_assert(WIFSIGNALED(status), "status %d", status);
    cr_assert_eq(WTERMSIG(status), SIGTERM);
}
