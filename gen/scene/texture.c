/* The bank of textures, and one laid on a shape. Rules: gen/scene/texture.h */
#include "gen/scene/texture.h"

#include <stdlib.h>
#include <string.h>

#include "gen/scene/texture_core.h"

/* ---- The bank ----------------------------------------------------------------------------- */

size_t vs_textures_bytes(int n, int side)
{
    return (size_t)n * vs_texture_bytes(side);
}

vs_err vs_textures_new(vs_textures **out, int n, int side)
{
    VS_ASSERT(n > 0 && side > 0);
    *out = malloc(sizeof(**out));
    uint8_t *texel = calloc((size_t)n, vs_texture_bytes(side));
    if (!*out || !texel) {
        free(*out);
        free(texel);
        *out = NULL;
        return VS_FAIL(VS_ERR_NOMEM, "no memory for %d textures of %dx%d (%zu MB)", n, side, side,
                       vs_textures_bytes(n, side) >> 20);
    }
    **out = (vs_textures){ n, side, texel };
    return VS_OK;
}

void vs_textures_set(vs_textures *bank, int i, const uint8_t *rgb)
{
    VS_ASSERT(i >= 0 && i < bank->n);
    const size_t side = (size_t)bank->side, stride = side + 2;
    uint8_t *to = bank->texel + (size_t)i * vs_texture_bytes(bank->side) + 4 * (stride + 1);
    for (size_t y = 0; y < side; y++, to += 4 * stride)
        for (size_t x = 0; x < side; x++) {
            const uint8_t *from = rgb + 3 * (y * side + x);
            memcpy(to + 4 * x, from, 3);
            to[4 * x + 3] = from[1];
        }
}

void vs_textures_free(vs_textures **bank)
{
    if (*bank)
        free((*bank)->texel);
    free(*bank);
    *bank = NULL;
}

void vs_texture_columns_init(vs_texture_columns *out, int *room, int size, int side)
{
    out->of = room + 2;
    out->last = 2 * size;
    for (int x = -2; x < out->last + 2; x++)
        out->of[x] = vs_texture_column(x, size, side);
}

/* ---- One texture on one shape --------------------------------------------------------------- */

void vs_warp_at(vs_warp *out, const vs_textures *bank, const vs_texture_columns *columns,
                const vs_object *object, const vs_pose *pose, const vs_scene_params *params,
                int frame)
{
    VS_ASSERT(object->texture >= 0 && object->texture < bank->n);
    out->texel = bank->texel + (size_t)object->texture * vs_texture_bytes(bank->side);
    out->stride = bank->side + 2;
    out->column = columns->of;
    out->last = columns->last;
    vs_warp_matrix(out->m, object, pose, params, frame);
}
