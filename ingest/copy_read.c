/* Frames out of the packets of a record. Format: copy.h */
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/copy.h"
#include "ingest/copy_format.h"
#include "ingest/picture.h"

#define SIDE_MAX 16384

struct reading {
    int64_t clip;                  /* what `head` is of; 0 = none */
    struct head head;
    uint8_t *piece0;               /* what the pointers below point to */
    const uint8_t *extradata, *packets, *rows;
    size_t head_bytes;             /* where packets begin in piece 0 */
    AVCodecContext *codec;
    vs_picture *picture;
    AVPacket *packet;
    AVFrame *frame;
    int start, fed, given;         /* decoding began at `start`, frames that came out since */
    int last;                      /* frame in `frame`; -1 = none */
};

/* ---- Codec parameters ------------------------------------------------------------------------ */

void vs_copy_head(struct head *out, const AVStream *stream, const char *decoder, int turn)
{
    const AVCodecParameters *p = stream->codecpar;
    const char *format = av_get_pix_fmt_name(p->format);
    *out = (struct head){
        .tag = p->codec_tag, .W = p->width, .H = p->height, .bits = p->bits_per_coded_sample,
        .profile = p->profile, .level = p->level, .delay = p->video_delay,
        .field_order = p->field_order, .range = p->color_range, .primaries = p->color_primaries,
        .transfer = p->color_trc, .space = p->color_space, .location = p->chroma_location,
        .sar_num = p->sample_aspect_ratio.num, .sar_den = p->sample_aspect_ratio.den,
        .base_num = stream->time_base.num, .base_den = stream->time_base.den, .turn = turn,
        .extradata = p->extradata_size
    };
    snprintf(out->decoder, sizeof(out->decoder), "%s", decoder);
    snprintf(out->format, sizeof(out->format), "%s", format ? format : "");
}

static vs_err fill_parameters(AVCodecParameters *p, const struct head *h, const AVCodec *codec,
                              const uint8_t *extradata)
{
    p->codec_type = AVMEDIA_TYPE_VIDEO;
    p->codec_id = codec->id;
    p->codec_tag = h->tag;
    p->format = *h->format ? av_get_pix_fmt(h->format) : AV_PIX_FMT_NONE;
    p->width = h->W;
    p->height = h->H;
    p->bits_per_coded_sample = h->bits;
    p->profile = h->profile;
    p->level = h->level;
    p->video_delay = h->delay;
    p->field_order = (enum AVFieldOrder)h->field_order;
    p->color_range = (enum AVColorRange)h->range;
    p->color_primaries = (enum AVColorPrimaries)h->primaries;
    p->color_trc = (enum AVColorTransferCharacteristic)h->transfer;
    p->color_space = (enum AVColorSpace)h->space;
    p->chroma_location = (enum AVChromaLocation)h->location;
    p->sample_aspect_ratio = (AVRational){ h->sar_num, h->sar_den };
    if (h->extradata == 0)
        return VS_OK;
    p->extradata = av_mallocz((size_t)h->extradata + AV_INPUT_BUFFER_PADDING_SIZE);
    if (!p->extradata)
        return VS_FAIL(VS_ERR_NOMEM, "out of memory");
    memcpy(p->extradata, extradata, (size_t)h->extradata);
    p->extradata_size = h->extradata;
    return VS_OK;
}

vs_err vs_copy_codec(AVCodecContext **out, const struct head *head, const uint8_t *extradata)
{
    const AVCodec *codec = avcodec_find_decoder_by_name(head->decoder);
    if (!codec || codec->type != AVMEDIA_TYPE_VIDEO)
        return VS_FAIL(VS_ERR_CODEC, "FFmpeg here has no decoder \"%s\"", head->decoder);
    AVCodecParameters *p = avcodec_parameters_alloc();
    AVCodecContext *c = avcodec_alloc_context3(codec);
    vs_err err = p && c ? fill_parameters(p, head, codec, extradata)
                        : VS_FAIL(VS_ERR_NOMEM, "out of memory");
    if (err == VS_OK) {
        const int code = avcodec_parameters_to_context(c, p);
        c->thread_count = 1;
        c->max_pixels = (int64_t)SIDE_MAX * SIDE_MAX;
        c->pkt_timebase = (AVRational){ head->base_num, head->base_den };
        if (code < 0 || avcodec_open2(c, codec, NULL) < 0)
            err = VS_FAIL(VS_ERR_CODEC, "cannot start the decoder \"%s\"", head->decoder);
    }
    avcodec_parameters_free(&p);
    if (err != VS_OK)
        avcodec_free_context(&c);
    *out = c;
    return err;
}

/* ---- The head -------------------------------------------------------------------------------- */

static struct packet_row packet_row(const struct reading *r, int j)
{
    struct packet_row row;
    memcpy(&row, r->packets + sizeof(row) * (size_t)j, sizeof(row));
    return row;
}

static struct frame_row frame_row(const struct reading *r, int i)
{
    struct frame_row row;
    memcpy(&row, r->rows + sizeof(row) * (size_t)i, sizeof(row));
    return row;
}

static vs_err check_head(struct reading *r, size_t bytes, const vs_copy_source *source)
{
    struct head *h = &r->head;
    if (bytes < sizeof(*h))
        return VS_FAIL(VS_ERR_CORRUPT, "%zu bytes are no head of packets", bytes);
    memcpy(h, r->piece0, sizeof(*h));
    const uint64_t left = bytes - sizeof(*h);
    if (h->extradata < 0 || h->packets < 1 || h->frames != source->frames || h->turn < 0 ||
        h->turn > 3 || !memchr(h->decoder, 0, sizeof(h->decoder)) ||
        !memchr(h->format, 0, sizeof(h->format)) ||
        (uint64_t)h->extradata + sizeof(struct packet_row) * (uint64_t)h->packets +
                sizeof(struct frame_row) * (uint64_t)h->frames > left)
        return VS_FAIL(VS_ERR_CORRUPT, "impossible head of packets");
    r->extradata = r->piece0 + sizeof(*h);
    r->packets = r->extradata + h->extradata;
    r->rows = r->packets + sizeof(struct packet_row) * (size_t)h->packets;
    r->head_bytes = (size_t)(r->rows - r->piece0) + sizeof(struct frame_row) * (size_t)h->frames;
    for (int j = 0; j < h->packets; j++)
        if (packet_row(r, j).bytes < 0 || packet_row(r, j).side < 0)
            return VS_FAIL(VS_ERR_CORRUPT, "impossible size of packet %d", j);
    for (int i = 0; i < h->frames; i++) {
        const struct frame_row f = frame_row(r, i);
        if (f.start < 0 || f.start >= h->packets || f.skip < 0 || f.skip > i)
            return VS_FAIL(VS_ERR_CORRUPT, "impossible place");
    }
    return VS_OK;
}

static vs_err load_clip(struct reading *r, const vs_copy_source *source)
{
    const uint8_t *data;
    size_t bytes;
    r->clip = 0;
    VS_TRY(source->piece(source->ctx, &data, &bytes, 0));
    free(r->piece0);
    r->piece0 = malloc(bytes + 1);
    if (!r->piece0)
        return VS_FAIL(VS_ERR_NOMEM, "out of memory");
    memcpy(r->piece0, data, bytes);
    VS_TRY(check_head(r, bytes, source));
    vs_picture_free(&r->picture);
    r->picture = vs_picture_new(r->head.turn, 0);
    vs_picture_size(r->picture, source->W, source->H);
    avcodec_free_context(&r->codec);
    r->last = -1;
    r->clip = source->id;
    return VS_OK;
}

/* ---- Packets --------------------------------------------------------------------------------- */

/* Where packet j begins in its piece. */
static size_t place_in_piece(const struct reading *r, int j)
{
    const int frames = r->head.frames, first = frames > 1 ? frames - 2 : 0;
    size_t at = frames > 1 ? 0 : r->head_bytes;
    for (int k = first; k < j; k++) {
        const struct packet_row row = packet_row(r, k);
        at += (size_t)row.bytes + (size_t)row.side;
    }
    return at;
}

static vs_err add_side_data(AVPacket *p, const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        struct side_row row;
        if (bytes < sizeof(row))
            return VS_FAIL(VS_ERR_CORRUPT, "side data end early");
        memcpy(&row, data, sizeof(row));
        data += sizeof(row);
        bytes -= sizeof(row);
        if (row.bytes < 0 || (size_t)row.bytes > bytes)
            return VS_FAIL(VS_ERR_CORRUPT, "side data end early");
        uint8_t *to = av_packet_new_side_data(p, (enum AVPacketSideDataType)row.type,
                                              (size_t)row.bytes);
        if (!to)
            return VS_FAIL(VS_ERR_NOMEM, "out of memory");
        memcpy(to, data, (size_t)row.bytes);
        data += row.bytes;
        bytes -= (size_t)row.bytes;
    }
    return VS_OK;
}

vs_err vs_copy_packet(AVPacket *to, const struct packet_row *row, int j, const uint8_t *data)
{
    av_packet_unref(to);
    if (av_new_packet(to, row->bytes) < 0)
        return VS_FAIL(VS_ERR_NOMEM, "out of memory");
    if (row->bytes > 0)
        memcpy(to->data, data, (size_t)row->bytes);
    to->pts = row->pts;
    to->dts = row->dts;
    to->flags = row->flags;
    to->pos = j;
    return add_side_data(to, data + row->bytes, (size_t)row->side);
}

static vs_err load_packet(struct reading *r, const vs_copy_source *source, int j)
{
    const struct packet_row row = packet_row(r, j);
    const uint8_t *data;
    size_t bytes;
    VS_TRY(source->piece(source->ctx, &data, &bytes, vs_copy_piece(j, r->head.frames)));
    const size_t at = place_in_piece(r, j);
    if (at > bytes || (size_t)row.bytes + (size_t)row.side > bytes - at)
        return VS_FAIL(VS_ERR_CORRUPT, "packet %d ends outside of its piece", j);
    return vs_copy_packet(r->packet, &row, j, data + at);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

/* The next frame of the decoder, as ingest/video.c feeds it. */
static vs_err step(struct reading *r, const vs_copy_source *source)
{
    for (;;) {
        const int code = avcodec_receive_frame(r->codec, r->frame);
        if (code >= 0) {
            r->given++;
            return VS_OK;
        }
        if (code == AVERROR_EOF || (r->fed > r->head.packets && code == AVERROR(EAGAIN)))
            return VS_FAIL(VS_ERR_CODEC, "the packets give no more frames");
        if (r->fed > r->head.packets)
            continue;
        if (r->fed == r->head.packets) {
            (void)avcodec_send_packet(r->codec, NULL);
        } else {
            VS_TRY(load_packet(r, source, r->fed));
            (void)avcodec_send_packet(r->codec, r->packet);
        }
        r->fed++;
    }
}

static vs_err seek(struct reading *r, int start)
{
    avcodec_free_context(&r->codec);
    r->start = r->fed = start;
    r->given = 0;
    return vs_copy_codec(&r->codec, &r->head, r->extradata);
}

static vs_err find_frame(struct reading *r, const vs_copy_source *source, int i)
{
    const struct frame_row row = frame_row(r, i);
    r->last = -1;
    if (!r->codec || r->start != row.start || r->given > row.skip)
        VS_TRY(seek(r, row.start));
    while (r->given <= row.skip)
        VS_TRY(step(r, source));
    if (r->frame->pkt_pos != row.packet)
        return VS_FAIL(VS_ERR_CODEC, "FFmpeg here decodes other frames than when it was added");
    r->last = i;
    return VS_OK;
}

static vs_err open_reading(void **state)
{
    struct reading *r = *state = vs_new(sizeof(*r));
    r->packet = av_packet_alloc();
    r->frame = av_frame_alloc();
    av_log_set_level(AV_LOG_QUIET);
    return r->packet && r->frame ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "out of memory");
}

static vs_err copy_frame(void **state, const vs_copy_source *source, int frame,
                         const uint8_t *plane[3], int stride[3])
{
    if (!*state)
        VS_TRY(open_reading(state));
    struct reading *r = *state;
    if (r->clip != source->id)
        VS_TRY(load_clip(r, source));
    if (r->last != frame)
        VS_TRY(find_frame(r, source, frame));
    return vs_picture_make(r->picture, plane, stride, r->frame, (AVRational){ 0, 1 });
}

static void copy_close(void **state)
{
    struct reading *r = *state;
    if (!r)
        return;
    av_packet_free(&r->packet);
    av_frame_free(&r->frame);
    avcodec_free_context(&r->codec);
    vs_picture_free(&r->picture);
    free(r->piece0);
    free(r);
    *state = NULL;
}

const vs_copy_reader vs_copy_ffmpeg = { copy_frame, copy_close };
