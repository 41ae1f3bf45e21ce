/* Packets into a record. Format: copy.h
 *
 * Packets are gathered as they will stand in the record, in a spill (store/spill.h): memory does
 * not grow with the file but for its rows, 40 bytes a packet and 20 a frame.
 */
#include "ingest/copy.h"

#include <libavcodec/avcodec.h>
#include <libavutil/imgutils.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/mem.h"
#include "ingest/copy_format.h"
#include "ingest/picture.h"
#include "ingest/store/spill.h"

#define PACKET_MAX (INT32_C(1) << 30)
#define REORDER_MAX 64             /* packets after a keyframe until it must have come out */
#define PIECE_MAX (INT64_C(64) << 20)      /* bytes of a piece of several packets */

struct kept {
    struct packet_row row;
    int64_t at;                    /* where its bytes begin in the spill */
};

/* Grown to the largest that was asked for. */
struct room {
    uint8_t *data;
    size_t bytes;
};

struct vs_copy {
    vs_decoder *decoder;
    struct head head;
    uint8_t *extradata;
    vs_spill bytes;                /* of the packets and their side data */
    struct kept *packet;           /* (packets) */
    int packets;
    struct frame_row *row;         /* (frames) */
    int frames;
    uint64_t *sum;                 /* (sums = frames) of the decoded planes */
    int sums;
    struct room room;
    vs_err err;                    /* why a packet could not be kept */
    char *reason;
};

static vs_err make_room(struct room *r, size_t bytes)
{
    if (bytes <= r->bytes)
        return VS_OK;
    uint8_t *bigger = realloc(r->data, bytes);
    if (!bigger)
        return VS_FAIL(VS_ERR_NOMEM, "%zu bytes of packets do not fit in memory", bytes);
    r->data = bigger;
    r->bytes = bytes;
    return VS_OK;
}

/* ---- While the file is decoded ------------------------------------------------------------- */

static int64_t side_bytes(const AVPacket *p)
{
    int64_t sum = 0;
    for (int i = 0; i < p->side_data_elems; i++)
        sum += (int64_t)sizeof(struct side_row) + (int64_t)p->side_data[i].size;
    return sum;
}

static void put(uint8_t **at, const void *data, size_t n)
{
    if (n > 0)
        memcpy(*at, data, n);
    *at += n;
}

static vs_err keep_packet(vs_copy *c, const AVPacket *p)
{
    const int64_t side = side_bytes(p);
    if (p->size > PACKET_MAX || side > PACKET_MAX)
        return VS_FAIL(VS_ERR_NOMEM, "a packet of %lld bytes", (long long)(p->size + side));
    uint8_t *at;
    VS_TRY(vs_spill_reserve(&at, &c->bytes, (size_t)(p->size + side)));
    put(&at, p->data, (size_t)p->size);
    for (int i = 0; i < p->side_data_elems; i++) {
        const AVPacketSideData *s = &p->side_data[i];
        const struct side_row row = { s->type, (int32_t)s->size };
        put(&at, &row, sizeof(row));
        put(&at, s->data, s->size);
    }
    const struct kept kept = { { p->pts, p->dts, p->flags, p->size, (int32_t)side, 0 },
                               vs_spill_bytes(&c->bytes) };
    VS_PUSH(c->packet, c->packets, kept);
    vs_spill_take(&c->bytes, (size_t)(p->size + side));
    return VS_OK;
}

static void on_packet(void *ctx, const struct AVPacket *packet)
{
    vs_copy *c = ctx;
    if (c->err != VS_OK)
        return;
    c->err = keep_packet(c, packet);
    if (c->err != VS_OK)
        c->reason = vs_strdup(vs_err_detail());
}

vs_copy *vs_copy_new(vs_decoder *decoder, const vs_writer *writer)
{
    vs_copy *c = vs_new(sizeof(*c));
    c->decoder = decoder;
    vs_writer_spill(&c->bytes, writer);
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
    vs_spill_end(&c->bytes);
    free(c->packet);
    free(c->extradata);
    free(c->row);
    free(c->sum);
    free(c->room.data);
    free(c->reason);
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
    if (c->err != VS_OK)
        return VS_FAIL(c->err, "%s", c->reason);
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
    while (from < c->packets && !(c->packet[from].row.flags & AV_PKT_FLAG_KEY))
        from++;
    return from;
}

static size_t packet_bytes(const vs_copy *c, int j)
{
    return (size_t)c->packet[j].row.bytes + (size_t)c->packet[j].row.side;
}

struct trial {
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame;
    int fed, last;                 /* packets fed from 0 on; none behind `last` */
};

static vs_err feed(vs_copy *c, struct trial *t)
{
    if (t->fed >= c->packets) {
        (void)avcodec_send_packet(t->codec, NULL);
    } else {
        const struct kept *const k = &c->packet[t->fed];
        const size_t bytes = packet_bytes(c, t->fed);
        VS_TRY(make_room(&c->room, bytes + 1));
        VS_TRY(vs_spill_read(&c->bytes, c->room.data, bytes, k->at));
        VS_TRY(vs_copy_packet(t->packet, &k->row, t->fed, c->room.data));
        (void)avcodec_send_packet(t->codec, t->packet);
    }
    t->fed++;
    return VS_OK;
}

/* The next frame of a trial; END when no more come that matter. */
static vs_err next_frame(vs_copy *c, struct trial *t)
{
    const vs_watched *const watched = vs_decoder_watched(c->decoder);
    for (;;) {
        const int code = avcodec_receive_frame(t->codec, t->frame);
        if (code >= 0)
            return VS_OK;
        if (code == AVERROR_EOF || t->fed > c->packets || t->fed > t->last)
            return VS_ERR_END;
        if (vs_watched_expired(watched))
            return VS_FAIL(VS_ERR_CODEC, "timed out after %g s, decoded from a keyframe",
                           vs_watched_limit(watched));
        VS_TRY(feed(c, t));
    }
}

static vs_err next_watched(vs_copy *c, struct trial *t)
{
    vs_watched *const watched = vs_decoder_watched(c->decoder);
    vs_watched_enter(watched);
    const vs_err err = next_frame(c, t);
    vs_watched_leave(watched);
    if (err == VS_OK)
        vs_watched_alive(watched);
    return err;
}

/* Frames that come out right when decoding begins at packet `key` are read from there, up to the
 * next keyframe and what is shown before it. */
static vs_err try_key(vs_copy *c, struct trial *t, int key, int next)
{
    vs_err err;
    int skip = 0;
    t->fed = key;
    t->last = next + REORDER_MAX;
    while ((err = next_watched(c, t)) == VS_OK) {
        const int i = frame_of(c, t->frame->pkt_pos);
        uint64_t sum;
        VS_TRY(sum_of(&sum, t->frame));
        if (i >= 0 && sum == c->sum[i])
            c->row[i] = (struct frame_row){ key, skip, c->row[i].packet };
        skip++;
        if (t->frame->pkt_pos == next)
            return VS_OK;
    }
    return err == VS_ERR_END ? VS_OK : err;
}

static vs_err settle_starts(vs_copy *c)
{
    struct trial t = { .frame = av_frame_alloc(), .packet = av_packet_alloc() };
    vs_err err = t.frame && t.packet ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "out of memory");
    vs_watched_alive(vs_decoder_watched(c->decoder));      /* a new start, whatever came before */
    for (int key = next_key(c, 1); key < c->packets && err == VS_OK;) {
        const int next = next_key(c, key + 1);
        err = vs_copy_codec(&t.codec, &c->head, c->extradata);
        if (err == VS_OK)
            err = try_key(c, &t, key, next);
        av_frame_unref(t.frame);
        avcodec_free_context(&t.codec);
        key = next;
    }
    av_packet_free(&t.packet);
    av_frame_free(&t.frame);
    return err;
}

/* ---- The record ------------------------------------------------------------------------------ */

/* The head into c->room, with `more` bytes free behind it. */
static vs_err make_head(size_t *bytes, vs_copy *c, size_t more)
{
    c->head.packets = c->packets;
    c->head.frames = c->frames;
    *bytes = sizeof(c->head) + (size_t)c->head.extradata +
             sizeof(struct packet_row) * (size_t)c->packets + sizeof(*c->row) * (size_t)c->frames;
    VS_TRY(make_room(&c->room, *bytes + more));
    uint8_t *at = c->room.data;
    put(&at, &c->head, sizeof(c->head));
    put(&at, c->extradata, (size_t)c->head.extradata);
    for (int j = 0; j < c->packets; j++)
        put(&at, &c->packet[j].row, sizeof(c->packet[j].row));
    put(&at, c->row, sizeof(*c->row) * (size_t)c->frames);
    return VS_OK;
}

/* Packets j .. end - 1 in one piece, behind the head when it is the first. */
static vs_err give_piece(vs_copy *c, vs_clip_writer *clip, bool first, int j, int end)
{
    const int64_t from = j < c->packets ? c->packet[j].at : vs_spill_bytes(&c->bytes);
    const int64_t to = end < c->packets ? c->packet[end].at : vs_spill_bytes(&c->bytes);
    const size_t bytes = (size_t)(to - from);
    size_t head = 0;
    if (end - j > 1 && to - from > PIECE_MAX)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "its last %d packets, %zu bytes, give one frame: no "
                       "video to be kept as it is; --encoding jpeg takes the frames", end - j,
                       bytes);
    VS_TRY(first ? make_head(&head, c, bytes) : make_room(&c->room, bytes + 1));
    VS_TRY(vs_spill_read(&c->bytes, c->room.data + head, bytes, from));
    return vs_clip_piece(clip, c->room.data, head + bytes);
}

static vs_err give_pieces(vs_copy *c, vs_clip_writer *clip)
{
    for (int k = 0, j = 0; k < c->frames; k++) {
        int end = j;
        while (end < c->packets && vs_copy_piece(end, c->frames) == k)
            end++;
        VS_TRY(give_piece(c, clip, k == 0, j, end));
        j = end;
    }
    return VS_OK;
}

vs_err vs_copy_finish(vs_copy *c, vs_clip_writer *clip)
{
    if (c->err != VS_OK)
        return VS_FAIL(c->err, "%s", c->reason);
    VS_TRY(settle_starts(c));
    return give_pieces(c, clip);
}
