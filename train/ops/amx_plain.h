/* The tile instructions of AMX in plain C, by the names of <immintrin.h>: for tests on machines
 * without them. Registers are 16 rows of 64 bytes, whatever the configuration says; a thread has
 * its own.
 *
 * tdpbf16ps as Intel's manual writes it: for each k, both products of a pair are added in float,
 * the even one first; each addition rounds, and denormals are not treated apart (the unit takes
 * them for 0).
 */
#ifndef VSYN_TRAIN_OPS_AMX_PLAIN_H
#define VSYN_TRAIN_OPS_AMX_PLAIN_H

#include <stdint.h>
#include <string.h>

typedef struct vs_tmm {
    uint32_t v[16][16];
} vs_tmm;
static _Thread_local vs_tmm vs_tmm_of[8];

static inline void _tile_loadconfig(const void *config)
{
    memset(vs_tmm_of, 0xff, sizeof(vs_tmm_of));            /* not numbers, until they are set */
}

static inline void _tile_release(void)
{
    memset(vs_tmm_of, 0xff, sizeof(vs_tmm_of));
}

static inline void _tile_zero(int to)
{
    memset(&vs_tmm_of[to], 0, sizeof(vs_tmm));
}

static inline void _tile_loadd(int to, const void *from, int64_t stride)
{
    for (int i = 0; i < 16; i++)
        memcpy(vs_tmm_of[to].v[i], (const char *)from + i * stride, 64);
}

static inline void _tile_stored(int from, void *to, int64_t stride)
{
    for (int i = 0; i < 16; i++)
        memcpy((char *)to + i * stride, vs_tmm_of[from].v[i], 64);
}

static inline float vs_upper_half(uint32_t x)
{
    float y;
    x &= 0xffff0000u;
    memcpy(&y, &x, 4);
    return y;
}

static inline void _tile_dpbf16ps(int c, int a, int b)
{
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            float sum;
            memcpy(&sum, &vs_tmm_of[c].v[m][n], 4);
            for (int k = 0; k < 16; k++) {
                const uint32_t x = vs_tmm_of[a].v[m][k], y = vs_tmm_of[b].v[k][n];
                sum += vs_upper_half(x << 16) * vs_upper_half(y << 16);
                sum += vs_upper_half(x) * vs_upper_half(y);
            }
            memcpy(&vs_tmm_of[c].v[m][n], &sum, 4);
        }
}

#endif /* VSYN_TRAIN_OPS_AMX_PLAIN_H */
