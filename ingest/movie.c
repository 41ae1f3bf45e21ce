/* MP4 files out of planes. Contract: ingest/movie.h */
#include "ingest/movie.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define TICKS 1000000              /* of a second, where the rate varies */

struct vs_movie {
    vs_movie_options options;
    char *tmp;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVFrame *frame;
    AVPacket *packet;
    int frames, packets;
    bool begun;
};

static vs_err fail(int reason, const char *what)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(reason, text, sizeof(text));
    return VS_FAIL(reason == AVERROR(ENOMEM) ? VS_ERR_NOMEM : VS_ERR_CODEC,
                   "video encoder: cannot %s: %s", what, text);
}

static vs_err fail_file(const vs_movie *m, int reason)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(reason, text, sizeof(text));
    return VS_FAIL(VS_ERR_IO, "%s: cannot write: %s", m->tmp, text);
}

vs_err vs_movie_possible(void)
{
    return avcodec_find_encoder_by_name("libx264")
               ? VS_OK
               : VS_FAIL(VS_ERR_UNSUPPORTED, "this libavcodec has no encoder libx264; --format "
                         "jpeg and png need none");
}

static bool odd(const vs_movie *m)
{
    return m->options.W % 2 || m->options.H % 2;
}

static vs_err open_codec(vs_movie *m)
{
    const vs_movie_options *o = &m->options;
    VS_TRY(vs_movie_possible());
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    AVCodecContext *c = m->codec = avcodec_alloc_context3(codec);
    if (!c)
        return fail(AVERROR(ENOMEM), "open");
    c->width = o->W;
    c->height = o->H;
    c->framerate = av_d2q(o->fps > 0 ? o->fps : 25, 1001000);
    c->time_base = o->seconds ? (AVRational){ 1, TICKS } : av_inv_q(c->framerate);
    c->pix_fmt = odd(m) ? AV_PIX_FMT_YUV444P : AV_PIX_FMT_YUV420P;
    c->color_range = AVCOL_RANGE_JPEG;
    c->colorspace = AVCOL_SPC_SMPTE170M;
    c->gop_size = 12;
    c->max_b_frames = 0;
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_BITEXACT | AV_CODEC_FLAG_GLOBAL_HEADER;
    av_opt_set(c->priv_data, "preset", "veryfast", 0);
    if (o->quality > 0)
        av_opt_set_double(c->priv_data, "crf", o->quality, 0);
    else
        av_opt_set_int(c->priv_data, "qp", 0, 0);
    const int bad = avcodec_open2(c, codec, NULL);
    return bad < 0 ? fail(bad, "open the codec") : VS_OK;
}

static vs_err open_file(vs_movie *m)
{
    int bad = avformat_alloc_output_context2(&m->format, NULL, "mp4", NULL);
    if (bad < 0)
        return fail(bad, "make the file");
    m->format->flags |= AVFMT_FLAG_BITEXACT;
    m->stream = avformat_new_stream(m->format, NULL);
    if (!m->stream)
        return fail(AVERROR(ENOMEM), "open a stream");
    m->stream->time_base = m->codec->time_base;
    m->stream->avg_frame_rate = m->codec->framerate;
    bad = avcodec_parameters_from_context(m->stream->codecpar, m->codec);
    if (bad >= 0)                  /* times begin at 0 without one */
        bad = av_opt_set_int(m->format->priv_data, "use_editlist", 0, 0);
    if (bad < 0)
        return fail(bad, "make the file");
    char *url = vs_strf("file:%s", m->tmp);
    bad = avio_open(&m->format->pb, url, AVIO_FLAG_WRITE);
    free(url);
    if (bad >= 0)
        bad = avformat_write_header(m->format, NULL);
    m->begun = bad >= 0;
    return bad < 0 ? fail_file(m, bad) : VS_OK;
}

static vs_err open_frame(vs_movie *m)
{
    AVFrame *f = m->frame = av_frame_alloc();
    m->packet = av_packet_alloc();
    if (!f || !m->packet)
        return fail(AVERROR(ENOMEM), "take a frame");
    f->format = m->codec->pix_fmt;
    f->width = m->options.W;
    f->height = m->options.H;
    f->color_range = AVCOL_RANGE_JPEG;
    f->colorspace = AVCOL_SPC_SMPTE170M;
    const int bad = av_frame_get_buffer(f, 0);
    return bad < 0 ? fail(bad, "take a frame") : VS_OK;
}

vs_err vs_movie_open(vs_movie **out, const char *tmp, const vs_movie_options *options)
{
    av_log_set_level(AV_LOG_ERROR);
    vs_movie *m = *out = vs_new(sizeof(*m));
    m->options = *options;
    m->tmp = vs_strdup(tmp);
    vs_err err = open_codec(m);
    if (err == VS_OK)
        err = open_file(m);
    if (err == VS_OK)
        err = open_frame(m);
    if (err != VS_OK)
        vs_movie_drop(out);
    return err;
}

static int64_t stamp(const vs_movie *m, int i)
{
    const vs_movie_options *o = &m->options;
    if (!o->seconds)
        return i;
    if (i < o->frames)
        return llround(o->seconds[i] * TICKS);
    const double mean = o->frames > 1 ? o->seconds[o->frames - 1] / (o->frames - 1) : 0.04;
    return llround((o->seconds[o->frames - 1] + mean) * TICKS);
}

/* Without B-frames packets come in the order of the frames. */
static vs_err encode(vs_movie *m, const AVFrame *frame)
{
    int bad = avcodec_send_frame(m->codec, frame);
    if (bad < 0)
        return fail(bad, "take a frame");
    for (;;) {
        bad = avcodec_receive_packet(m->codec, m->packet);
        if (bad == AVERROR(EAGAIN) || bad == AVERROR_EOF)
            return VS_OK;
        if (bad < 0)
            return fail(bad, "encode a frame");
        m->packet->duration = stamp(m, m->packets + 1) - stamp(m, m->packets);
        m->packets++;
        av_packet_rescale_ts(m->packet, m->codec->time_base, m->stream->time_base);
        m->packet->stream_index = m->stream->index;
        bad = av_write_frame(m->format, m->packet);
        av_packet_unref(m->packet);
        if (bad >= 0)
            bad = m->format->pb->error;
        if (bad < 0)
            return fail_file(m, bad);
    }
}

static void copy_plane(AVFrame *to, int p, const uint8_t *from, int stride, int half)
{
    const int w = p > 0 && !half ? to->width : p > 0 ? (to->width + 1) / 2 : to->width;
    const int h = p > 0 && half ? (to->height + 1) / 2 : to->height;
    for (int y = 0; y < h; y++) {
        uint8_t *row = to->data[p] + (ptrdiff_t)y * to->linesize[p];
        if (p == 0 || half) {
            memcpy(row, from + (ptrdiff_t)y * stride, (size_t)w);
            continue;
        }
        for (int x = 0; x < w; x++)
            row[x] = from[(ptrdiff_t)(y / 2) * stride + x / 2];
    }
}

vs_err vs_movie_frame(vs_movie *m, const uint8_t *const plane[3], const int stride[3])
{
    VS_ASSERT(m->frames < m->options.frames);
    const int bad = av_frame_make_writable(m->frame);
    if (bad < 0)
        return fail(bad, "take a frame");
    for (int p = 0; p < 3; p++)
        copy_plane(m->frame, p, plane[p], stride[p], !odd(m));
    m->frame->pts = stamp(m, m->frames++);
    return encode(m, m->frame);
}

vs_err vs_movie_finish(vs_movie **movie, const char *path)
{
    vs_movie *m = *movie;
    vs_err err = encode(m, NULL);
    if (err == VS_OK) {
        int bad = av_write_trailer(m->format);
        const int closed = avio_closep(&m->format->pb);
        bad = bad < 0 ? bad : closed;
        err = bad < 0 ? fail_file(m, bad) : vs_file_publish(m->tmp, path);
        m->begun = err != VS_OK;
    }
    vs_movie_drop(movie);
    return err;
}

void vs_movie_drop(vs_movie **movie)
{
    vs_movie *m = *movie;
    if (!m)
        return;
    if (m->format && m->format->pb)
        avio_closep(&m->format->pb);
    if (m->begun)
        unlink(m->tmp);
    av_packet_free(&m->packet);
    av_frame_free(&m->frame);
    avcodec_free_context(&m->codec);
    avformat_free_context(m->format);
    free(m->tmp);
    free(m);
    *movie = NULL;
}
