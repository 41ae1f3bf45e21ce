/* One picture file of any common kind: PNG, JPEG or WebP, told by its first bytes.
 *
 * A texture is the largest square in the middle of a picture, resampled to the side asked for
 * (base/image.h: triangle filter, widened when shrinking); a picture of that very size is taken
 * as it is. Large JPEGs are decoded at a half, quarter or eighth while that leaves the short side
 * at least twice the texture's. Orientation tags are ignored, transparency is dropped.
 *
 * Thread-safety: any number of threads.
 */
#ifndef VSYN_GEN_TEXTURE_PICTURE_H
#define VSYN_GEN_TEXTURE_PICTURE_H

#include "base/image.h"

/* Pictures of more pixels are refused: 3 bytes each while one is decoded. */
enum { VS_PICTURE_MOST = 1 << 27 };

/* Free with vs_image_free(). `side`: of the texture it becomes, 0 = decode at full size.
 * IO; CORRUPT naming the file: another kind, damaged, cut off, too large. */
vs_err vs_picture_read(vs_image *out, const char *path, int side);
/* rgb: (side, side, 3). NOMEM. */
vs_err vs_picture_fit(uint8_t *rgb, int side, const vs_image *picture);

#endif /* VSYN_GEN_TEXTURE_PICTURE_H */
