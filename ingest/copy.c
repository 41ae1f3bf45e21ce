/* Packets into a record, and frames out of it. Format: copy.h */
#include "ingest/copy.h"

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/mem.h"
#include "ingest/copy_format.h"
#include "ingest/picture.h"

#define PACKET_MAX (INT32_C(1) << 30)
#define REORDER_MAX 64             /* packets after a keyframe until it must have come out */

struct vs_copy {
    vs_decoder *decoder;
    struct head head;
    uint8_t *extradata;
    AVPacket **packet;             /* (packets) */
    int packets;
    struct frame_row *row;         /* (frames) */
    int frames;
    uint64_t *sum;                 /* (sums = frames) of the decoded planes */
    int sums;
    bool failed;                   /* a packet did not fit */
};

/* ---- While the file is decoded ------------------------------------------------------------- */

static void on_packet(void *ctx, const struct AVPacket *packet)
{
    vs_copy *c = ctx;
    AVPacket *kept = av_packet_clone(packet);
    if (!kept || packet->size > PACKET_MAX)
        c->failed = true;
    if (kept)
        VS_PUSH(c->packet, c->packets, kept);
}

vs_copy *vs_copy_new(vs_decoder *decoder)
{
    vs_copy *c = vs_new(sizeof(*c));
    c->decoder = decoder;
    const AVStream *stream = vs_decoder_stream(decoder);
    vs_copy_head(&c->head, stream, vs_decoder_codec(decoder), vs_decoder_turn(decoder));
    c->extradata = vs_new((size_t)c->head.extradata + 1);
    if (c->head.extradata > 0)
        memcpy(c->extradata, stream->codecpar->extradata, (size_t)c->head.extradata);
    vs_decoder_tap(decoder, on_packet, c);
    return c;
}

void vs_copy_free(vs_copy **copy)
{
    vs_copy *c = *copy;
    if (!c)
        return;
    vs_decoder_tap(c->decoder, NULL, NULL);
    for (int i = 0; i < c->packets; i++)
        av_packet_free(&c->packet[i]);
    free(c->packet);
    free(c->extradata);
    free(c->row);
    free(c->sum);
    free(c);
    *copy = NULL;
}

/* Of size, format and every pixel. */
static vs_err sum_of(uint64_t *sum, const AVFrame *f)
{
    const int bytes = av_image_get_buffer_size(f->format, f->width, f->height, 1);
    uint8_t *all = bytes > 0 ? malloc((size_t)bytes) : NULL;
    if (!all)
        return VS_FAIL(VS_ERR_NOMEM, "a frame of %dx%d does not fit in memory", f->width,
                       f->height);
    const int code = av_image_copy_to_buffer(all, bytes, (const uint8_t *const *)f->data,
                                             f->linesize, f->format, f->width, f->height, 1);
    const uint64_t pixels = vs_checksum(all, (size_t)bytes);
    const uint64_t what[4] = { pixels, (uint64_t)f->width, (uint64_t)f->height,
                               (uint64_t)f->format };
    *sum = vs_checksum(what, sizeof(what));
    free(all);
    return code >= 0 ? VS_OK : VS_FAIL(VS_ERR_CODEC, "cannot copy a frame");
}

vs_err vs_copy_frame(vs_copy *c)
{
    const AVFrame *f = vs_decoder_frame(c->decoder);
    uint64_t sum;
    if (c->failed)
        return VS_FAIL(VS_ERR_NOMEM, "its packets do not fit in memory");
    VS_TRY(sum_of(&sum, f));
    const struct frame_row row = { 0, c->frames, (int32_t)f->pkt_pos };
    VS_PUSH(c->row, c->frames, row);
    VS_PUSH(c->sum, c->sums, sum);
    return VS_OK;
}

/* ---- Where reading begins -------------------------------------------------------------------- */

/* The frame that packet gave, searched from `near` on both sides; -1 when there is none, or two. */
static int frame_of(const vs_copy *c, int64_t packet)
{
    const int lo = packet > REORDER_MAX ? (int)packet - REORDER_MAX : 0;
    int found = -1;
    for (int i = lo; i < c->frames && i < packet + REORDER_MAX; i++)
        if (c->row[i].packet == packet) {
            if (found >= 0)
                return -1;
            found = i;
        }
    return found;
}

static int next_key(const vs_copy *c, int from)
{
    while (from < c->packets && !(c->packet[from]->flags & AV_PKT_FLAG_KEY))
        from++;
    return from;
}

/* Frames that come out right when decoding begins at packet `key` are read from there, up to the
 * next keyframe and what is shown before it. */
static vs_err try_key(vs_copy *c, AVCodecContext *codec, AVFrame *frame, int key, int next)
{
    int fed = key, skip = 0;
    for (;;) {
        const int code = avcodec_receive_frame(codec, frame);
        if (code == AVERROR_EOF || (code < 0 && fed > c->packets))
            return VS_OK;
        if (code < 0 && fed > next + REORDER_MAX)
            return VS_OK;
        if (code < 0) {
            (void)avcodec_send_packet(codec, fed < c->packets ? c->packet[fed] : NULL);
            fed++;
            continue;
        }
        const int i = frame_of(c, frame->pkt_pos);
        uint64_t sum;
        VS_TRY(sum_of(&sum, frame));
        if (i >= 0 && sum == c->sum[i])
            c->row[i] = (struct frame_row){ key, skip, c->row[i].packet };
        skip++;
        if (frame->pkt_pos == next)
            return VS_OK;
    }
}

static vs_err settle_starts(vs_copy *c)
{
    AVFrame *frame = av_frame_alloc();
    if (!frame)
        return VS_FAIL(VS_ERR_NOMEM, "out of memory");
    vs_err err = VS_OK;
    for (int key = next_key(c, 1); key < c->packets && err == VS_OK;) {
        const int next = next_key(c, key + 1);
        AVCodecContext *codec = NULL;
        err = vs_copy_codec(&codec, &c->head, c->extradata);
        if (err == VS_OK)
            err = try_key(c, codec, frame, key, next);
        av_frame_unref(frame);
        avcodec_free_context(&codec);
        key = next;
    }
    av_frame_free(&frame);
    return err;
}

/* ---- The record ------------------------------------------------------------------------------ */

static int64_t side_bytes(const AVPacket *p)
{
    int64_t sum = 0;
    for (int i = 0; i < p->side_data_elems; i++)
        sum += (int64_t)sizeof(struct side_row) + (int64_t)p->side_data[i].size;
    return sum;
}

/* Grows a piece by n bytes of `data`. */
struct piece {
    uint8_t *data;
    size_t used;
};

static vs_err append(struct piece *to, const void *data, size_t n)
{
    uint8_t *bigger = realloc(to->data, to->used + n + 1);
    if (!bigger)
        return VS_FAIL(VS_ERR_NOMEM, "%zu bytes of packets do not fit in memory", to->used + n);
    to->data = bigger;
    if (n > 0)
        memcpy(to->data + to->used, data, n);
    to->used += n;
    return VS_OK;
}

static vs_err append_packet(struct piece *to, const AVPacket *p)
{
    VS_TRY(append(to, p->data, (size_t)p->size));
    for (int i = 0; i < p->side_data_elems; i++) {
        const AVPacketSideData *s = &p->side_data[i];
        const struct side_row row = { s->type, (int32_t)s->size };
        VS_TRY(append(to, &row, sizeof(row)));
        VS_TRY(append(to, s->data, s->size));
    }
    return VS_OK;
}

static vs_err append_head(struct piece *to, vs_copy *c)
{
    c->head.packets = c->packets;
    c->head.frames = c->frames;
    VS_TRY(append(to, &c->head, sizeof(c->head)));
    VS_TRY(append(to, c->extradata, (size_t)c->head.extradata));
    for (int i = 0; i < c->packets; i++) {
        const AVPacket *p = c->packet[i];
        const struct packet_row row = { p->pts, p->dts, p->flags, p->size,
                                        (int32_t)side_bytes(p), 0 };
        VS_TRY(append(to, &row, sizeof(row)));
    }
    return append(to, c->row, sizeof(*c->row) * (size_t)c->frames);
}

static vs_err give_pieces(struct piece *piece, vs_copy *c, vs_clip_writer *clip)
{
    VS_TRY(append_head(piece, c));
    for (int k = 0, j = 0; k < c->frames; k++) {
        for (; j < c->packets && vs_copy_piece(j, c->frames) == k; j++)
            VS_TRY(append_packet(piece, c->packet[j]));
        VS_TRY(vs_clip_piece(clip, piece->data, piece->used));
        piece->used = 0;
    }
    return VS_OK;
}

vs_err vs_copy_finish(vs_copy *c, vs_clip_writer *clip)
{
    struct piece piece = { 0 };
    vs_err err = settle_starts(c);
    if (err == VS_OK)
        err = give_pieces(&piece, c, clip);
    free(piece.data);
    return err;
}
