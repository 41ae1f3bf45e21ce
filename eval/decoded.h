/* The videos of a split, decoded and resized once for all corruptions.
 *
 * They are kept in memory block by block: the caller goes through all cells with the videos of a
 * block, then drops them. Thread-safety: vs_decoded_get() from any thread; two that ask for the
 * same video wait for one reading of it.
 */
#ifndef VSYN_EVAL_DECODED_H
#define VSYN_EVAL_DECODED_H

#include "ingest/store/store.h"
#include "train/data/data.h"

typedef struct vs_decoded vs_decoded;

/* short_side: pixels of the shorter side. whole: every frame is asked for, too, for corruptions
 * that work at the video's own rate. Borrows the split. */
vs_decoded *vs_decoded_new(const vs_split *split, int stride, int short_side, bool whole);
void vs_decoded_free(vs_decoded **videos);

/* Bytes that this video takes once it is read. */
double vs_decoded_bytes(const vs_decoded *videos, int place);
/* *strided: every stride-th frame. *all: every frame, where `whole` was set, else NULL. Both stay
 * until they are dropped. The error of a video that cannot be read comes back every time. */
vs_err vs_decoded_get(vs_decoded *videos, int place, vs_reader *reader, const vs_video **strided,
                     const vs_video **all);
/* Forget all; nobody may hold one. */
void vs_decoded_drop(vs_decoded *videos);

#endif /* VSYN_EVAL_DECODED_H */
