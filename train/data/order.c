/* The shuffled order of an epoch and the masks: permutations from counters.
 *
 *     order  Fisher-Yates on the stream (seed, VS_RNG_SHUFFLE, epoch)
 *     mask   the first `masked` places of a Fisher-Yates shuffle of the cells on the
 *            stream (seed, VS_RNG_MASK, (epoch, position)), repeated over time
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "train/data/data.h"

/* 0..n-1; above 2^32 by remainder, whose bias is below n / 2^64. */
static int64_t below(vs_rng *rng, int64_t n)
{
    if (n <= UINT32_MAX)
        return vs_rng_below(rng, (uint32_t)n);
    return (int64_t)(vs_rng_u64(rng) % (uint64_t)n);
}

void vs_epoch_order(int64_t *item, int64_t n, uint64_t seed, int64_t epoch)
{
    vs_rng rng = vs_rng_at(seed, VS_RNG_SHUFFLE, (uint64_t)epoch);
    for (int64_t i = 0; i < n; i++)
        item[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = below(&rng, i + 1), keep = item[i];
        item[i] = item[j];
        item[j] = keep;
    }
}

void vs_tube_mask(uint8_t *mask, int t, int cells, int masked, uint64_t seed, int64_t epoch,
                  int64_t position)
{
    VS_ASSERT(masked >= 0 && masked <= cells);
    vs_rng rng = vs_rng_at(seed, VS_RNG_MASK,
                           vs_rng_index((uint64_t)epoch, (uint64_t)position));
    int *cell = vs_new(sizeof(*cell) * (size_t)cells);
    for (int i = 0; i < cells; i++)
        cell[i] = i;
    vs_rng_shuffle(&rng, cell, cells);
    memset(mask, 0, (size_t)t * (size_t)cells);
    for (int i = 0; i < masked; i++)
        mask[cell[i]] = 1;
    for (int slot = 1; slot < t; slot++)
        memcpy(mask + (size_t)slot * (size_t)cells, mask, (size_t)cells);
    free(cell);
}
