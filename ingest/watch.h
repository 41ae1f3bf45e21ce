/* Files whose decoder gives nothing for too long, and decoders that do not come back at all.
 *
 * A thread of its own looks at every file that is inside a call of the decoder:
 *
 *     waited >= limit            expired: the file is named; whoever decodes it asks now and then
 *                                and gives it up
 *     waited >= limit + grace    lost: the call did not come back, so nobody asks. A thread cannot
 *                                be taken out of a library; the run has to end without it
 *
 * `waited` is time inside calls since the last sign of life. A look adds at most two periods to
 * it: a process that was suspended has not waited. Should a lost call come back after all, its
 * thread sleeps until the process ends: what it worked on may be gone.
 *
 * Threads: one per file; all functions take NULL for a file that is not watched.
 */
#ifndef VSYN_INGEST_WATCH_H
#define VSYN_INGEST_WATCH_H

#include <stdbool.h>

#include "base/err.h"

typedef struct vs_watch vs_watch;
typedef struct vs_watched vs_watched;

/* Called once per lost file, in the watch's thread: it must not call anything of the watch. */
typedef void vs_lost_fn(void *arg);

/* limit: seconds; 0 = wait for ever. Errors: NOMEM. */
vs_err vs_watch_open(vs_watch **out, double limit, vs_lost_fn *lost);
/* Every file must have been ended: with a lost one, leave the watch as it is. */
void vs_watch_close(vs_watch **watch);

/* path is copied; arg goes to `lost`. */
vs_watched *vs_watch_begin(vs_watch *watch, const char *path, void *arg);
void vs_watch_end(vs_watched **file);

/* Around each call into the decoder. */
void vs_watched_enter(vs_watched *file);
void vs_watched_leave(vs_watched *file);
void vs_watched_alive(vs_watched *file);       /* a frame has come */
bool vs_watched_expired(const vs_watched *file);
double vs_watched_limit(const vs_watched *file);

#endif /* VSYN_INGEST_WATCH_H */
