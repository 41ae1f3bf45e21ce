/* Another program at the end of a pipe: `ffmpeg`, as the trainer links no codecs.
 *
 * What it says on its standard error is kept for the message when it fails. Signals that this
 * program blocks (base/stop.h) reach the child.
 *
 * Thread-safety: one thread per child.
 */
#ifndef VSYN_TRAIN_CHILD_H
#define VSYN_TRAIN_CHILD_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"

typedef struct vs_child {
    const char *name;              /* of the program */
    pid_t pid;
    FILE *pipe;                    /* its standard output to read, or its standard input to write */
    int said;                      /* file of its standard error */
    void (*on_pipe)(int);          /* what SIGPIPE did before */
} vs_child;

/* argv[0] is looked up in PATH. mode: "r" or "w". UNSUPPORTED: there is no such program, so `what`
 * ("MP4") cannot be done; IO. */
vs_err vs_child_start(vs_child *child, const char *const *argv, const char *mode,
                      const char *what);
/* Closes the pipe and waits. CODEC: it failed, with the first line that it said; `what` begins the
 * message ("a.mp4: cannot be written"). */
vs_err vs_child_end(vs_child *child, const char *what);
/* Ends it now; nothing is told. */
void vs_child_kill(vs_child *child);

#endif /* VSYN_TRAIN_CHILD_H */
