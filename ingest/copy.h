/* The encoding `copy`: a clip keeps the packets of its video; reading decodes them.
 *
 * Pieces of the record (store.h), all little-endian:
 *     0            head: struct head of copy.c, extradata, a row per packet, a row per frame
 *     j + 1        packet j, in the order of the file, with its side data behind it
 *     frames - 1   all packets that are left (with one frame: behind the head)
 *
 * The row of frame i says at which packet decoding begins and how many frames to pass over. Add
 * settles this by trying: from every keyframe a decoder is started anew, and the frames that come
 * out bit for bit as in decoding the whole file are read from there; the others (open groups,
 * damage) from the keyframe before, or from the first packet. So what is read is what decoding
 * the file gives, always. Size, turn and colours: as in video.h.
 */
#ifndef VSYN_INGEST_COPY_H
#define VSYN_INGEST_COPY_H

#include "base/err.h"
#include "ingest/store/store.h"
#include "ingest/video.h"

/* Collects a file while its decoder runs; one thread. Packets are kept until finish, in memory or
 * beyond the writer's spill_bytes in a nameless file. */
typedef struct vs_copy vs_copy;

/* Before the first vs_decoder_next(); the decoder must outlive it. */
vs_copy *vs_copy_new(vs_decoder *decoder, const vs_writer *writer);
/* After each vs_decoder_next(). Errors: NOMEM, IO (the spill), CODEC. */
vs_err vs_copy_frame(vs_copy *copy);
/* After the last: settles where reading begins, and gives the pieces to the clip. The decoder's
 * watch is kept. Errors: also UNSUPPORTED: nearly all packets give no frame. */
vs_err vs_copy_finish(vs_copy *copy, vs_clip_writer *clip);
void vs_copy_free(vs_copy **copy);

/* For vs_store_decode_with(): programs with FFmpeg read clips of this encoding. */
extern const vs_copy_reader vs_copy_ffmpeg;

#endif /* VSYN_INGEST_COPY_H */
