/* Cyclic redundancy checks of 32 bits, as file formats of others ask for them (our own
 * stores use checksum.h): CRC-32 of zip and PNG, CRC-32C (Castagnoli) of TensorBoard. Both
 * reflected, start and end inverted; crc("123456789") is 0xcbf43926 and 0xe3069283. */
#ifndef VSYN_BASE_CRC_H
#define VSYN_BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t vs_crc32(const void *data, size_t size);
uint32_t vs_crc32c(const void *data, size_t size);

#endif /* VSYN_BASE_CRC_H */
