/* Bytes that are gathered in order and read again: the newest in memory up to a limit, those before
 * them in a nameless file, which goes with the process.
 *
 * One thread. Messages name the file or the folder.
 */
#ifndef VSYN_INGEST_STORE_SPILL_H
#define VSYN_INGEST_STORE_SPILL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_spill {
    char *dir;                     /* where the file is made */
    int64_t limit;                 /* bytes in memory before they go to the file */
    uint8_t *data;                 /* (used) the newest */
    size_t used, room;
    int64_t spilled;               /* bytes of the file */
    int fd;                        /* -1: no file yet */
} vs_spill;

/* dir is copied and must exist when the limit is reached. */
void vs_spill_begin(vs_spill *spill, const char *dir, int64_t limit);
void vs_spill_end(vs_spill *spill);

/* Room for n bytes more at *at, until the next call; then take the bytes that were used of it.
 * NOMEM, IO: a full disk; what was taken before stays. */
vs_err vs_spill_reserve(uint8_t **at, vs_spill *spill, size_t n);
void vs_spill_take(vs_spill *spill, size_t n);
/* Bytes taken. */
int64_t vs_spill_bytes(const vs_spill *spill);
/* n bytes from `offset` on; they must have been taken. */
vs_err vs_spill_read(const vs_spill *spill, void *out, size_t n, int64_t offset);

#endif /* VSYN_INGEST_STORE_SPILL_H */
