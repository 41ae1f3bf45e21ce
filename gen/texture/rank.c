/* Ranks by radix sort of the bits of floats: three passes of 11 bits. */
#include "gen/texture/rank.h"

#include <string.h>

enum { BITS = 11, BUCKETS = 1 << BITS };

/* Unsigned numbers in the order of the floats. */
static uint32_t key_of(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

void vs_rank(uint32_t *order, const float *x, size_t n, uint32_t *room)
{
    uint32_t *key = room, *from = room + n, *to = order;
    for (size_t i = 0; i < n; i++) {
        key[i] = key_of(x[i]);
        from[i] = (uint32_t)i;
    }
    for (int pass = 0; pass < 3; pass++) {
        size_t start[BUCKETS + 1] = { 0 };
        const int shift = pass * BITS;
        for (size_t i = 0; i < n; i++)
            start[(key[i] >> shift & (BUCKETS - 1)) + 1]++;
        for (int b = 0; b < BUCKETS; b++)
            start[b + 1] += start[b];
        for (size_t i = 0; i < n; i++)
            to[start[key[from[i]] >> shift & (BUCKETS - 1)]++] = from[i];
        uint32_t *const keep = from;
        from = to;
        to = keep;
    }
    if (from != order)
        memcpy(order, from, n * sizeof(*order));
}

void vs_rank_assign(float *x, const uint32_t *order, const float *sorted, size_t n)
{
    for (size_t k = 0; k < n; k++)
        x[order[k]] = sorted[k];
}
