/* One maker for all kinds of textures that are made. */
#include "gen/texture/make.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "gen/texture/statistical.h"
#include "gen/texture/stylegan.h"

struct vs_maker {
    vs_statistical *statistical;   /* one of them */
    vs_stylegan *stylegan;
};

vs_err vs_maker_new(vs_maker **out, vs_texture_kind kind, int size)
{
    VS_ASSERT(kind != VS_TEXTURE_FOLDER);
    vs_maker *m = vs_new(sizeof(*m));
    const vs_err err = kind == VS_TEXTURE_STATISTICAL ? vs_statistical_new(&m->statistical, size)
                                                      : vs_stylegan_new(&m->stylegan, size);
    if (err != VS_OK)
        vs_maker_free(&m);
    *out = m;
    return err;
}

void vs_maker_free(vs_maker **maker)
{
    if (*maker) {
        vs_statistical_free(&(*maker)->statistical);
        vs_stylegan_free(&(*maker)->stylegan);
    }
    free(*maker);
    *maker = NULL;
}

vs_err vs_maker_make(vs_maker *m, uint8_t *rgb, uint64_t seed, uint64_t index)
{
    if (m->stylegan)
        return vs_stylegan_make(m->stylegan, rgb, seed, index);
    vs_statistical_make(m->statistical, rgb, seed, index);
    return VS_OK;
}

char *vs_texture_path(const char *dir, int64_t i)
{
    char *name = vs_strf("%06lld.png", (long long)i), *path = vs_path_join(dir, name);
    free(name);
    return path;
}
