/* Textures that are made, whatever their kind: one maker per thread.
 *
 * Texture i depends on (kind, seed, i, size) alone.
 */
#ifndef VSYN_GEN_TEXTURE_MAKE_H
#define VSYN_GEN_TEXTURE_MAKE_H

#include <stdint.h>

#include "base/err.h"
#include "gen/texture/bank.h"

typedef struct vs_maker vs_maker;

/* kind: not FOLDER. size: 128, 256 or 512. NOMEM, UNSUPPORTED. */
vs_err vs_maker_new(vs_maker **out, vs_texture_kind kind, int size);
void vs_maker_free(vs_maker **maker);
/* rgb: (size, size, 3) */
vs_err vs_maker_make(vs_maker *maker, uint8_t *rgb, uint64_t seed, uint64_t index);

/* DIR/000000.png */
char *vs_texture_path(const char *dir, int64_t i);

#endif /* VSYN_GEN_TEXTURE_MAKE_H */
