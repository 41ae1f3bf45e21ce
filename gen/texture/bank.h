/* Where the textures of a stage come from: made here, or a folder of pictures.
 *
 *     statistical     made: gen/texture/statistical.h
 *     stylegan        made: gen/texture/stylegan.h
 *     DIR             pictures in DIR and its sub-folders (PNG, JPEG, WebP, any size), cut to
 *                     squares as gen/texture/picture.h says
 *
 * A bank is decoded once and shared by all threads; its memory is vs_textures_bytes(): 264 KiB
 * per texture of 256, and no bank above VS_BANK_MOST bytes. Texture i of a kind that is made
 * depends on (kind, seed, i) alone, whatever the count and the threads.
 *
 * Of a folder, `count` pictures are taken at random (seed); 0 takes all in the order of their
 * names. Files that are no readable pictures are skipped, counted and said; with count 0, where
 * numbers have a meaning, they are an error.
 *
 * `keep` names a folder that holds the bank as 000000.png ...: what is there is read instead of
 * made, what is missing is written. Pictures only become written, never read from there.
 *
 * Thread-safety: one call at a time; it uses `jobs` threads itself.
 * Errors: IO, CORRUPT (no pictures, naming the folder), NOMEM, USAGE (a bank too large), STOPPED.
 */
#ifndef VSYN_GEN_TEXTURE_BANK_H
#define VSYN_GEN_TEXTURE_BANK_H

#include "gen/scene/texture.h"

#define VS_BANK_MOST ((int64_t)4 << 30)

typedef enum vs_texture_kind {
    VS_TEXTURE_STATISTICAL, VS_TEXTURE_STYLEGAN, VS_TEXTURE_FOLDER
} vs_texture_kind;

typedef struct vs_bank_options {
    const char *from;              /* statistical, stylegan or DIR */
    const char *keep;              /* NULL: nothing is kept */
    int count, side;
    uint64_t seed;
    int jobs;
} vs_bank_options;

vs_texture_kind vs_texture_kind_of(const char *from);
vs_err vs_bank_open(vs_textures **out, const vs_bank_options *options);

#endif /* VSYN_GEN_TEXTURE_BANK_H */
