/* Giving a set of numbers the distribution of another, keeping their order. */
#ifndef VSYN_GEN_TEXTURE_RANK_H
#define VSYN_GEN_TEXTURE_RANK_H

#include <stddef.h>
#include <stdint.h>

/* order[k] is the place of the k-th smallest of x (n); equal numbers in order of place. `room`
 * holds 2 n numbers. */
void vs_rank(uint32_t *order, const float *x, size_t n, uint32_t *room);
/* x[order[k]] = sorted[k]: x gets exactly the numbers `sorted` (n, ascending). */
void vs_rank_assign(float *x, const uint32_t *order, const float *sorted, size_t n);

#endif /* VSYN_GEN_TEXTURE_RANK_H */
