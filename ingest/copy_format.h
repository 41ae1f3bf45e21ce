/* What stands in a record of the encoding `copy`: shared by copy.c, which writes it, and
 * copy_read.c. Little-endian, without gaps; the order of the pieces: copy.h. */
#ifndef VSYN_INGEST_COPY_FORMAT_H
#define VSYN_INGEST_COPY_FORMAT_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <stdint.h>

#include "base/err.h"

struct head {
    char decoder[32], format[24];  /* FFmpeg's names: "h264", "yuv420p"; "" = the decoder knows */
    uint32_t tag;
    int32_t W, H, bits, profile, level, delay, field_order;
    int32_t range, primaries, transfer, space, location;   /* as in ISO/IEC 23091-2 */
    int32_t sar_num, sar_den, base_num, base_den;          /* base: seconds of a time stamp */
    int32_t turn;                  /* clockwise quarter turns for display */
    int32_t extradata, packets, frames;
};

struct packet_row {
    int64_t pts, dts;              /* AV_NOPTS_VALUE: none */
    int32_t flags, bytes, side, zero;      /* flags: 1 = keyframe; side: bytes behind the packet */
};

struct frame_row {
    int32_t start, skip, packet;   /* decode from `start`, pass over `skip` frames; it came of */
};

struct side_row {
    int32_t type, bytes;           /* the bytes follow */
};

static inline int vs_copy_piece(int packet, int frames)
{
    return packet + 1 < frames - 1 ? packet + 1 : frames - 1;
}

void vs_copy_head(struct head *out, const AVStream *stream, const char *decoder, int turn);
/* A decoder at its beginning; CODEC when FFmpeg has none of that name. */
vs_err vs_copy_codec(AVCodecContext **out, const struct head *head, const uint8_t *extradata);
/* Packet j of a record, from its bytes and the side data behind them. NOMEM, CORRUPT. */
vs_err vs_copy_packet(AVPacket *to, const struct packet_row *row, int j, const uint8_t *data);

#endif /* VSYN_INGEST_COPY_FORMAT_H */
