#include "base/crc.h"

/* table[0][b]: the check of byte b; table[k][b]: of b and k zero bytes after it. So eight
 * bytes are one lookup in each table. Made anew for each call: 2,048 steps. */
static void fill(uint32_t table[8][256], uint32_t polynomial)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? polynomial : 0);
        table[0][b] = crc;
    }
    for (int k = 1; k < 8; k++)
        for (int b = 0; b < 256; b++)
            table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
}

static uint32_t run(const uint8_t *p, size_t size, uint32_t polynomial)
{
    uint32_t table[8][256], crc = 0xffffffff;
    fill(table, polynomial);
    for (; size >= 8; size -= 8, p += 8) {
        crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        crc = table[7][crc & 255] ^ table[6][crc >> 8 & 255] ^ table[5][crc >> 16 & 255] ^
              table[4][crc >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
              table[0][p[7]];
    }
    for (; size; size--, p++)
        crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
    return ~crc;
}

uint32_t vs_crc32(const void *data, size_t size)
{
    return run(data, size, 0xedb88320);
}

uint32_t vs_crc32c(const void *data, size_t size)
{
    return run(data, size, 0x82f63b78);
}
