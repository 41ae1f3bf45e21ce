/* Pack files: STORE/packs/N.pack, N = 1, 2, ... Format: schema.sql.
 * Read and written by position, so threads share a descriptor and a damaged or cut file
 * is an error, not a signal.
 */
#ifndef VSYN_INGEST_STORE_PACK_H
#define VSYN_INGEST_STORE_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define VS_PACK_HEADER 16
#define VS_PACK_LAST 1000000       /* largest pack number an index may name */

/* One frame in the table at the head of a clip's record. */
typedef struct vs_frame_entry {
    uint64_t start, sum;
} vs_frame_entry;

char *vs_pack_path(const char *store, int64_t number);       /* caller frees */

/* Opens for reading and checks the header. */
vs_err vs_pack_open(int *fd, const char *store, int64_t number);
/* Opens for appending at `end` (0: nothing is committed in it): made when missing, bytes
 * beyond are cut off. CORRUPT when the pack is shorter than `end`. */
vs_err vs_pack_append(int *fd, const char *store, int64_t number, int64_t end);

/* All n bytes, or CORRUPT ("ends before ...") or IO; the message is the reason alone. */
vs_err vs_pack_read(int fd, void *data, size_t n, int64_t offset);
/* All n bytes, or IO with the path. */
vs_err vs_pack_write(int fd, const char *path, const void *data, size_t n, int64_t offset);

#endif /* VSYN_INGEST_STORE_PACK_H */
