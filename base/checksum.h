/* Checksums of stored content: XXH3, 64 bits (xxHash library). Not a defence
 * against forgery; finds flipped bits and truncated packs at memory speed. */
#ifndef VSYN_BASE_CHECKSUM_H
#define VSYN_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint64_t vs_checksum(const void *data, size_t size);

#endif /* VSYN_BASE_CHECKSUM_H */
