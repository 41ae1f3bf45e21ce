/* What pre-training learns from: a store, scenes drawn on the fly, or a mixture.
 *
 *     MIXTURE  PART=RATIO,PART=RATIO,...      ratios are shares of their sum
 *     PART     scene:STAGE | store:PATH[@SPLIT] | images:DIR, and before it "still:" for one frame
 *              of the clip, repeated (static images); a picture of a folder always stands still
 *
 * An epoch of a mixture has --virtual-size clips, of each part its share to within one clip.
 */
#ifndef VSYN_TRAIN_SOURCES_H
#define VSYN_TRAIN_SOURCES_H

#include "train/loop.h"

#define VS_SOURCES_MOST 16

/* The stores that are open under the sources; close them after the trainer. */
typedef struct vs_stores {
    int n;
    vs_store *store[VS_SOURCES_MOST];
} vs_stores;

/* t->source and t->data_text from the settings. USAGE: a part that cannot be read. */
vs_err vs_sources_open(vs_trainer *t, vs_stores *stores, const vs_sample_shape *shape);
void vs_stores_close(vs_stores *stores);

#endif /* VSYN_TRAIN_SOURCES_H */
