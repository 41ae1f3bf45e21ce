/* How mix_clips mixes two bytes, for every device. Contract and formulas: train/ops/ops.h */
#ifndef VSYN_TRAIN_OPS_BLEND_H
#define VSYN_TRAIN_OPS_BLEND_H

#include "base/hd.h"
#include "train/ops/ops.h"

/* What a clip keeps of itself at column x of row y, in 1/65536. */
VS_HD int32_t vs_blend_keep(const vs_blend *b, int x, int y)
{
    if (b->w == 0)
        return b->keep;
    return x >= b->x && x < b->x + b->w && y >= b->y && y < b->y + b->h ? 0 : 65536;
}

/* Does it stay as it is? */
VS_HD int vs_blend_none(const vs_blend *b)
{
    return b->w == 0 && b->keep == 65536;
}

VS_HD uint8_t vs_blended(int32_t own, int32_t other, int32_t keep)
{
    return (uint8_t)((uint32_t)(own * keep + other * (65536 - keep) + 32768) >> 16);
}

#endif /* VSYN_TRAIN_OPS_BLEND_H */
