/* The uncompressed members of a zip archive in memory: what torch.save writes.
 *
 * Only the central directory is believed, and of it only what lies inside the archive; zip64
 * is understood, compressed and encrypted members are refused.
 */
#ifndef VSYN_TRAIN_MODEL_ZIP_H
#define VSYN_TRAIN_MODEL_ZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_zip_member {
    const char *name;              /* in the archive, `length` bytes, no zero at the end */
    size_t length;
    const uint8_t *data;
    size_t size;
    uint32_t crc;
    bool checked;
} vs_zip_member;

typedef struct vs_zip {
    const char *path;              /* for messages */
    const uint8_t *data;
    size_t size;
    vs_zip_member *member;         /* sorted by name */
    int n;
} vs_zip;

/* `data` and `path` must outlive the archive. CORRUPT: what is wrong, and of which member. */
vs_err vs_zip_open(vs_zip *out, const uint8_t *data, size_t size, const char *path);
void vs_zip_close(vs_zip *zip);
/* NULL when there is none. */
vs_zip_member *vs_zip_find(const vs_zip *zip, const char *name);
/* Compares the content with its checksum, once. CORRUPT when it differs. */
vs_err vs_zip_check(const vs_zip *zip, vs_zip_member *member);

#endif /* VSYN_TRAIN_MODEL_ZIP_H */
