/* The encoder. Contract: gen/encode.h */
#include "gen/encode.h"

#include <stdlib.h>
#include <string.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#include "base/file.h"
#include "base/mem.h"

/* The file while it grows. Not avio_open_dyn_buf(): that of FFmpeg 5.1 loses what the header of an
 * AVI goes back to. */
struct sink {
    uint8_t *data;
    size_t size, room, at;
};

struct vs_encoder {
    vs_encode_options options;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVFrame *frame, *other;        /* the current one; what the codec may still look at */
    AVPacket *packet;
    struct sink sink;
    int64_t frames;
};

static const struct {
    const char *name;              /* of libavcodec */
    enum AVPixelFormat pixels;
    int usual, worst;              /* quality */
} codecs[] = {
    [VS_CODEC_MPEG4] = { "mpeg4", AV_PIX_FMT_YUV420P, 3, 31 },
    [VS_CODEC_H264] = { "libx264", AV_PIX_FMT_YUV420P, 18, 51 },
    [VS_CODEC_LOSSLESS] = { "libx264rgb", AV_PIX_FMT_RGB24, 0, 0 },
};

static vs_err fail(int reason, const char *what)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(reason, text, sizeof(text));
    return VS_FAIL(reason == AVERROR(ENOMEM) ? VS_ERR_NOMEM : VS_ERR_CODEC,
                   "video encoder: cannot %s: %s", what, text);
}

vs_err vs_encode_check(const vs_encode_options *o)
{
    if (o->codec != VS_CODEC_LOSSLESS && (o->W % 2 || o->H % 2))
        return VS_FAIL(VS_ERR_USAGE, "--size: %d is odd, this codec takes even sizes", o->W);
    if (o->quality > codecs[o->codec].worst)
        return VS_FAIL(VS_ERR_USAGE, "--quality: %d is out of range, %s takes %s", o->quality,
                       codecs[o->codec].name,
                       o->codec == VS_CODEC_MPEG4  ? "1..31"
                       : o->codec == VS_CODEC_H264 ? "1..51"
                                                   : "none");
    return VS_OK;
}

static void set_quality(AVCodecContext *c, const vs_encode_options *o)
{
    const int q = o->quality ? o->quality : codecs[o->codec].usual;
    if (o->codec == VS_CODEC_MPEG4) {
        c->flags |= AV_CODEC_FLAG_QSCALE;
        c->global_quality = q * FF_QP2LAMBDA;
        return;
    }
    av_opt_set(c->priv_data, "preset", "veryfast", 0);
    if (o->codec == VS_CODEC_LOSSLESS)
        av_opt_set_int(c->priv_data, "qp", 0, 0);
    else
        av_opt_set_double(c->priv_data, "crf", q, 0);
}

static vs_err open_codec(vs_encoder *e)
{
    const vs_encode_options *o = &e->options;
    const AVCodec *codec = avcodec_find_encoder_by_name(codecs[o->codec].name);
    if (!codec)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "this libavcodec has no encoder %s, try --codec mpeg4",
                       codecs[o->codec].name);
    AVCodecContext *c = e->codec = avcodec_alloc_context3(codec);
    if (!c)
        return fail(AVERROR(ENOMEM), "open");
    c->width = o->W;
    c->height = o->H;
    c->framerate = av_d2q(o->fps, 60000);
    c->time_base = av_inv_q(c->framerate);
    c->pix_fmt = codecs[o->codec].pixels;
    c->gop_size = 12;
    c->max_b_frames = 0;
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_BITEXACT | (o->avi ? 0 : AV_CODEC_FLAG_GLOBAL_HEADER);
    set_quality(c, o);
    const int bad = avcodec_open2(c, codec, NULL);
    return bad < 0 ? fail(bad, "open the codec") : VS_OK;
}

static int sink_write(void *opaque, uint8_t *data, int n)
{
    struct sink *s = opaque;
    const size_t end = s->at + (size_t)n;
    if (end > s->room) {
        const size_t room = end > 2 * s->room ? end : 2 * s->room;
        uint8_t *grown = realloc(s->data, room);
        if (!grown)
            return AVERROR(ENOMEM);
        s->data = grown;
        s->room = room;
    }
    if (s->at > s->size)
        memset(s->data + s->size, 0, s->at - s->size);
    memcpy(s->data + s->at, data, (size_t)n);
    s->at = end;
    s->size = end > s->size ? end : s->size;
    return n;
}

static int64_t sink_seek(void *opaque, int64_t offset, int whence)
{
    struct sink *s = opaque;
    if (whence == AVSEEK_SIZE)
        return (int64_t)s->size;
    if ((whence & ~AVSEEK_FORCE) != SEEK_SET || offset < 0)
        return AVERROR(EINVAL);
    s->at = (size_t)offset;
    return offset;
}

static int open_sink(vs_encoder *e)
{
    enum { BUFFER = 1 << 15 };
    unsigned char *buffer = av_malloc(BUFFER);
    e->format->pb = buffer ? avio_alloc_context(buffer, BUFFER, 1, &e->sink, NULL, sink_write,
                                                sink_seek) : NULL;
    if (!e->format->pb)
        av_free(buffer);
    return e->format->pb ? 0 : AVERROR(ENOMEM);
}

static vs_err open_format(vs_encoder *e)
{
    const bool avi = e->options.avi;
    int bad = avformat_alloc_output_context2(&e->format, NULL, avi ? "avi" : "mp4", NULL);
    if (bad < 0)
        return fail(bad, "make the file");
    e->format->flags |= AVFMT_FLAG_BITEXACT;
    e->stream = avformat_new_stream(e->format, NULL);
    if (!e->stream)
        return fail(AVERROR(ENOMEM), "open a stream");
    e->stream->time_base = e->codec->time_base;
    e->stream->avg_frame_rate = e->codec->framerate;
    bad = avcodec_parameters_from_context(e->stream->codecpar, e->codec);
    if (bad >= 0)
        bad = open_sink(e);
    /* Times begin at 0 without one; readers that know no edit lists then agree. */
    if (bad >= 0 && !avi)
        bad = av_opt_set_int(e->format->priv_data, "use_editlist", 0, 0);
    if (bad >= 0)
        bad = avformat_write_header(e->format, NULL);
    return bad < 0 ? fail(bad, "begin the file") : VS_OK;
}

static vs_err new_frame(AVFrame **out, const vs_encoder *e)
{
    AVFrame *f = *out = av_frame_alloc();
    if (!f)
        return fail(AVERROR(ENOMEM), "take a frame");
    f->format = e->codec->pix_fmt;
    f->width = e->options.W;
    f->height = e->options.H;
    const int bad = av_frame_get_buffer(f, 0);
    return bad < 0 ? fail(bad, "take a frame") : VS_OK;
}

static vs_err open_frames(vs_encoder *e)
{
    e->packet = av_packet_alloc();
    if (!e->packet)
        return fail(AVERROR(ENOMEM), "take a packet");
    VS_TRY(new_frame(&e->frame, e));
    return new_frame(&e->other, e);
}

vs_err vs_encoder_open(vs_encoder **out, const vs_encode_options *options)
{
    av_log_set_level(AV_LOG_ERROR);
    vs_encoder *e = *out = vs_new(sizeof(*e));
    e->options = *options;
    vs_err err = vs_encode_check(options);
    if (err == VS_OK)
        err = open_codec(e);
    if (err == VS_OK)
        err = open_format(e);
    if (err == VS_OK)
        err = open_frames(e);
    if (err != VS_OK)
        vs_encoder_drop(out);
    return err;
}

/* Hands a frame to the codec (NULL: the end) and takes every packet that it has ready. */
static vs_err encode(vs_encoder *e, const AVFrame *frame)
{
    int bad = avcodec_send_frame(e->codec, frame);
    if (bad < 0)
        return fail(bad, "take a frame");
    for (;;) {
        bad = avcodec_receive_packet(e->codec, e->packet);
        if (bad == AVERROR(EAGAIN) || bad == AVERROR_EOF)
            return VS_OK;
        if (bad < 0)
            return fail(bad, "encode a frame");
        if (e->packet->duration == 0)
            e->packet->duration = 1;
        av_packet_rescale_ts(e->packet, e->codec->time_base, e->stream->time_base);
        e->packet->stream_index = e->stream->index;
        bad = av_write_frame(e->format, e->packet);
        av_packet_unref(e->packet);
        if (bad < 0)
            return fail(bad, "write a frame");
    }
}

/* A codec may keep the frame that it got last: the next one goes into another buffer. */
static vs_err next_frame(vs_encoder *e)
{
    AVFrame *const last = e->frame;
    e->frame = e->other;
    e->other = last;
    if (av_frame_is_writable(e->frame))
        return VS_OK;
    av_frame_free(&e->frame);
    return new_frame(&e->frame, e);
}

bool vs_encoder_takes_yuv(const vs_encoder *e)
{
    return e->codec->pix_fmt == AV_PIX_FMT_YUV420P;
}

vs_err vs_encoder_planes(vs_encoder *e, vs_yuv420 *out)
{
    VS_ASSERT(vs_encoder_takes_yuv(e));
    VS_TRY(next_frame(e));
    for (int k = 0; k < 3; k++) {
        out->plane[k] = e->frame->data[k];
        out->stride[k] = (size_t)e->frame->linesize[k];
    }
    return VS_OK;
}

vs_err vs_encoder_push(vs_encoder *e)
{
    e->frame->pts = e->frames++;
    e->frame->quality = e->codec->global_quality;
    return encode(e, e->frame);
}

static void copy_rgb(AVFrame *to, const uint8_t *rgb, int W, int H)
{
    for (int h = 0; h < H; h++)
        memcpy(to->data[0] + (ptrdiff_t)h * to->linesize[0], rgb + 3 * (size_t)W * (size_t)h,
               3 * (size_t)W);
}

vs_err vs_encoder_frame(vs_encoder *e, const uint8_t *rgb)
{
    const int W = e->options.W, H = e->options.H;
    if (vs_encoder_takes_yuv(e)) {
        vs_yuv420 to;
        VS_TRY(vs_encoder_planes(e, &to));
        vs_yuv_from_rgb(&to, rgb, W, H);
    } else {
        VS_TRY(next_frame(e));
        copy_rgb(e->frame, rgb, W, H);
    }
    return vs_encoder_push(e);
}

static void keep_borrowed(void *owner, uint8_t *data)
{
}

vs_err vs_encoder_borrow(vs_encoder *e, const uint8_t *const plane[3], const size_t stride[3])
{
    const bool yuv = vs_encoder_takes_yuv(e);
    AVFrame *f = av_frame_alloc();
    if (!f)
        return fail(AVERROR(ENOMEM), "take a frame");
    f->format = e->codec->pix_fmt;
    f->width = e->options.W;
    f->height = e->options.H;
    for (int k = 0; k < (yuv ? 3 : 1); k++) {
        const size_t rows = (size_t)(k ? f->height / 2 : f->height);
        f->data[k] = (uint8_t *)(uintptr_t)plane[k];
        f->linesize[k] = (int)stride[k];
        f->buf[k] = av_buffer_create(f->data[k], rows * stride[k], keep_borrowed, NULL,
                                     AV_BUFFER_FLAG_READONLY);
        if (!f->buf[k]) {
            av_frame_free(&f);
            return fail(AVERROR(ENOMEM), "take a frame");
        }
    }
    f->pts = e->frames++;
    f->quality = e->codec->global_quality;
    const vs_err err = encode(e, f);
    av_frame_free(&f);
    return err;
}

vs_err vs_encoder_finish(vs_encoder **encoder, const char *path, int64_t *bytes)
{
    vs_encoder *e = *encoder;
    vs_err err = encode(e, NULL);
    if (err == VS_OK) {
        int bad = av_write_trailer(e->format);
        avio_flush(e->format->pb);
        bad = bad < 0 ? bad : e->format->pb->error;
        err = bad < 0 ? fail(bad, "finish the file") : VS_OK;
    }
    if (err == VS_OK) {
        *bytes = (int64_t)e->sink.size;
        if (path)
            err = vs_file_write(path, e->sink.data, e->sink.size);
    }
    vs_encoder_drop(encoder);
    return err;
}

void vs_encoder_drop(vs_encoder **encoder)
{
    vs_encoder *e = *encoder;
    if (!e)
        return;
    if (e->format && e->format->pb) {
        av_freep(&e->format->pb->buffer);
        avio_context_free(&e->format->pb);
    }
    free(e->sink.data);
    avformat_free_context(e->format);
    avcodec_free_context(&e->codec);
    av_frame_free(&e->frame);
    av_frame_free(&e->other);
    av_packet_free(&e->packet);
    free(e);
    *encoder = NULL;
}
