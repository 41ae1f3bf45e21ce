/* SIGINT and SIGTERM: finish the current item, save, say how to resume.
 * A second signal ends the process at once. */
#ifndef VSYN_BASE_STOP_H
#define VSYN_BASE_STOP_H

#include <stdbool.h>

void vs_stop_install(void);      /* called by vs_cli_main() */
bool vs_stop_requested(void);    /* ask between items; any thread */

#endif /* VSYN_BASE_STOP_H */
