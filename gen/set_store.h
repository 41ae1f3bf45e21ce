/* A set that goes into a clip store, with no video files between; for gen/set.c.
 *
 * Data set: the kind and 8 hex digits of its parameters (codec and quality apart), so that
 * sets of other parameters never mix and a second run finds what is there. Clip: the
 * number of the video, "0000012". Splits: train, and test when the set is labelled.
 */
#ifndef VSYN_GEN_SET_STORE_H
#define VSYN_GEN_SET_STORE_H

#include "gen/set.h"
#include "ingest/store/store.h"

typedef struct vs_set_store {
    vs_writer *writer;             /* NULL: the set goes into files only */
    int64_t dataset;
} vs_set_store;

/* Opens set->store (NULL: does nothing) and enters this run's videos into its splits. */
vs_err vs_set_store_open(vs_set_store *out, const vs_set *set);
/* On `err` the store keeps what was committed; returns the first error. */
vs_err vs_set_store_close(vs_set_store *s, vs_err err);
vs_err vs_set_store_has(bool *out, const vs_set_store *s, int64_t i);
vs_err vs_set_store_begin(vs_clip_writer **clip, const vs_set_store *s, const vs_set *set,
                          int64_t i);

#endif /* VSYN_GEN_SET_STORE_H */
