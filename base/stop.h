/* SIGINT and SIGTERM: finish the current item, save, say how to resume.
 * A second signal ends the process at once.
 *
 * A thread of its own takes the signals and every other thread blocks them, because no handler may
 * run on a thread that computes: generated kernels of libraries (seen in oneDNN 2.6) may use
 * the stack pointer as a plain register, and the kernel would write the frame of the handler
 * wherever that points. */
#ifndef VSYN_BASE_STOP_H
#define VSYN_BASE_STOP_H

#include <stdbool.h>

/* Called by vs_cli_main(), once, before any other thread: threads inherit what is blocked. */
void vs_stop_install(void);
bool vs_stop_requested(void);    /* ask between items; any thread */

#endif /* VSYN_BASE_STOP_H */
