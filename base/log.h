/* What a tool says while it works: messages and progress, all on stderr.
 * Results go to stdout and are the tool's own business.
 *
 * Thread-safety: everything here may be called from any thread.
 */
#ifndef VSYN_BASE_LOG_H
#define VSYN_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Set once by the command line (--quiet): messages and progress are dropped,
 * warnings and errors are not. */
void vs_log_quiet(bool quiet);
bool vs_log_is_quiet(void);

void vs_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void vs_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A bar with rate and time left on a terminal, a line every few seconds
 * elsewhere, nothing with --quiet.
 *
 *     ingest  312/1000 clips  48.2 clips/s  ETA 0:14  3 failed
 */
typedef struct vs_progress vs_progress;

/* what: "ingest"; unit: "clips"; total: 0 when unknown. */
vs_progress *vs_progress_start(const char *what, const char *unit, int64_t total);
void vs_progress_add(vs_progress *p, int64_t n);
void vs_progress_set(vs_progress *p, int64_t done);   /* done before a resume, too */
void vs_progress_note(vs_progress *p, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void vs_progress_end(vs_progress **p);                /* last state, then a newline */

double vs_now(void);                                  /* monotonic seconds */

/* "512 B", "3.4 MB"; "0:07", "12:40", "3:05:00". `text` holds 32 bytes. */
const char *vs_human_bytes(char text[32], double bytes);
const char *vs_human_time(char text[32], double seconds);

#ifdef __cplusplus
}
#endif
#endif /* VSYN_BASE_LOG_H */
