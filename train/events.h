/* RUN/events.out.tfevents.vsyn: the numbers of log.jsonl as TensorBoard reads them.
 *
 *     record   u64 length, u32 check of the length, the bytes of one Event, u32 their check
 *              check(x) = rotate right by 15 bits of CRC-32C(x), plus 0xa282ead8
 *     Event    1: wall time (f64), 2: step (varint), 3: "brain.Event:2" in the first one,
 *              5: Summary of values { 1: tag, 2: f32 }
 *
 * Written by hand: protobuf would be a library and a code generator for these four fields.
 * The file is made anew from the log when a run goes on, so both always say the same.
 */
#ifndef VSYN_TRAIN_EVENTS_H
#define VSYN_TRAIN_EVENTS_H

#include "base/err.h"
#include "base/json.h"

typedef struct vs_events vs_events;

/* A new file with all numbers of `lines` (objects of log.jsonl). */
vs_err vs_events_open(vs_events **out, const char *run, const json_t *lines);
/* The numbers of one line: train/loss, train/lr, val/top1, speed/wait, ... at its step. */
vs_err vs_events_write(vs_events *events, const json_t *line);
void vs_events_close(vs_events **events);

#endif /* VSYN_TRAIN_EVENTS_H */
