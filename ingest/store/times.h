/* Times of frames in the index: microseconds from the first frame. Rules: schema.sql, `timing`. */
#ifndef VSYN_INGEST_STORE_TIMES_H
#define VSYN_INGEST_STORE_TIMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ingest/store/db.h"

#define VS_TIME_SLACK 1000         /* us that a time may be off its place at a constant rate */

/* Are these times no constant rate's? *fps is tried first, then the mean rate from the first frame
 * to the last, which becomes *fps. */
bool vs_times_vary(double *fps, const int64_t *time, int n);
vs_err vs_times_insert(vs_db *db, int64_t clip, const int64_t *time, int n);

#endif /* VSYN_INGEST_STORE_TIMES_H */
