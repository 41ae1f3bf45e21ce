/* A decoded frame as upright planes of the store: scaled, converted, turned. */
#ifndef VSYN_INGEST_PICTURE_H
#define VSYN_INGEST_PICTURE_H

#include <libavutil/frame.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_picture vs_picture;

/* turn: clockwise quarter turns, 0..3. short_side: 0 = as it is. */
vs_picture *vs_picture_new(int turn, int short_side);
/* The size of what comes out, upright, where it is known before the first frame. */
void vs_picture_size(vs_picture *picture, int W, int H);
void vs_picture_free(vs_picture **picture);
/* The first frame settles the size; later ones of another size are fitted to it. sar: of
 * the samples. Planes stay valid until the next call, and no longer than the frame. */
vs_err vs_picture_make(vs_picture *picture, const uint8_t *plane[3], int stride[3],
                       const AVFrame *frame, AVRational sar);
int vs_picture_width(const vs_picture *picture);
int vs_picture_height(const vs_picture *picture);

#endif /* VSYN_INGEST_PICTURE_H */
