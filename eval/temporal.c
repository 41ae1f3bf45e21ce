/* Corruptions of time: which source frame stands at each place. T frames in.
 *
 *   sampling          0, n, 2n, ... (the clip gets shorter; whoever cuts views repeats the
 *                     last frame). vlmr: each kept frame n times, so the length stays.
 *   reverse_sampling  the same, backwards
 *   jumble            shuffle inside blocks of n frames
 *   box_jumble        shuffle the order of blocks of n frames (the last may be shorter)
 *   freeze            max(floor(f T), least) random frames, each held until the next chosen
 *                     one; starts with the first chosen, ends padded with frame T - 1
 *   frame_rate        at time t stands the frame that a video of n frames per second shows: the
 *                     one that stood at floor(t n) / n. A rate that is low already stays
 */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "eval/kinds.h"

static void reverse(int *index, int n)
{
    for (int i = 0; i < n / 2; i++) {
        const int keep = index[i];
        index[i] = index[n - 1 - i];
        index[n - 1 - i] = keep;
    }
}

static int order_sampling(int *index, int T, const double *level,
                          const vs_corrupt_options *options, vs_rng *rng)
{
    const int step = (int)level[0];
    if (options->variant == VS_VARIANT_VLMR) {
        for (int i = 0; i < T; i++)
            index[i] = i / step * step;
        return T;
    }
    int n = 0;
    for (int i = 0; i < T; i += step)
        index[n++] = i;
    return n;
}

static int order_reverse_sampling(int *index, int T, const double *level,
                                  const vs_corrupt_options *options, vs_rng *rng)
{
    const int n = order_sampling(index, T, level, options, rng);
    reverse(index, n);
    return n;
}

static int order_jumble(int *index, int T, const double *level,
                        const vs_corrupt_options *options, vs_rng *rng)
{
    const int block = (int)level[0];
    for (int i = 0; i < T; i++)
        index[i] = i;
    for (int i = 0; i < T; i += block)
        vs_rng_shuffle(rng, index + i, T - i < block ? T - i : block);
    return T;
}

static int order_box_jumble(int *index, int T, const double *level,
                            const vs_corrupt_options *options, vs_rng *rng)
{
    const int block = (int)level[0], blocks = (T + block - 1) / block;
    int *order = vs_new(sizeof(int) * (size_t)blocks), n = 0;
    for (int b = 0; b < blocks; b++)
        order[b] = b;
    vs_rng_shuffle(rng, order, blocks);
    for (int b = 0; b < blocks; b++)
        for (int i = order[b] * block; i < T && i < (order[b] + 1) * block; i++)
            index[n++] = i;
    free(order);
    return T;
}

/* Selection sampling (Knuth, algorithm S): k of T, in order, all subsets equally likely. */
static int choose(int *chosen, int T, int k, vs_rng *rng)
{
    int n = 0;
    for (int i = 0; i < T && n < k; i++)
        if ((int)vs_rng_below(rng, (uint32_t)(T - i)) < k - n)
            chosen[n++] = i;
    return n;
}

static int order_freeze(int *index, int T, const double *level,
                        const vs_corrupt_options *options, vs_rng *rng)
{
    int keep = (int)(level[0] * T);
    keep = keep < (int)level[1] ? (int)level[1] : keep;
    keep = keep > T ? T : keep;
    int *chosen = vs_new(sizeof(int) * (size_t)T), n = 0;
    choose(chosen, T, keep, rng);
    for (int k = 0; k < keep; k++) {
        const int until = k + 1 < keep ? chosen[k + 1] : T;
        for (int i = chosen[k]; i < until; i++)
            index[n++] = chosen[k];
    }
    while (n < T)
        index[n++] = T - 1;
    free(chosen);
    return T;
}

static int order_frame_rate(int *index, int T, const double *level,
                            const vs_corrupt_options *options, vs_rng *rng)
{
    const double usual = options->variant == VS_VARIANT_SSV2 ? 12 : 25, grace = 1e-9;
    const double fps = options->fps > 0 ? options->fps : usual, ratio = fps / level[0];
    for (int i = 0; i < T; i++)
        index[i] = ratio <= 1 ? i : (int)(floor(i / ratio + grace) * ratio + grace);
    return T;
}

const vs_kind vs_kind_sampling = { .order = order_sampling };
const vs_kind vs_kind_reverse_sampling = { .order = order_reverse_sampling };
const vs_kind vs_kind_jumble = { .order = order_jumble };
const vs_kind vs_kind_box_jumble = { .order = order_box_jumble };
const vs_kind vs_kind_freeze = { .order = order_freeze };
const vs_kind vs_kind_frame_rate = { .order = order_frame_rate };
