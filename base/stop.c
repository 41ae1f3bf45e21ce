#include "base/stop.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_flag;

static void on_signal(int sig)
{
    static const char text[] = "\nstopping after the current item (again: at once)\n";
    if (stop_flag) {
        signal(sig, SIG_DFL);
        raise(sig);
        return;
    }
    stop_flag = 1;
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
        return;
}

void vs_stop_install(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);   /* a closed pipe is a write error, not a death */
}

bool vs_stop_requested(void)
{
    return stop_flag != 0;
}
