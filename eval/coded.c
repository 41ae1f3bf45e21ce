/* Encoding and decoding clips with libavcodec. Contract: codec.h
 *
 * Settings beyond libavcodec's defaults:
 *     x264    cpu-independent: the same choices with any instruction set
 *     x265    no pool of threads, one frame at a time
 */
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eval/codec.h"
#include "eval/planes.h"
#include "gen/scene/yuv.h"

#define FPS 25
#define X265_LEAST 66               /* one block of 64 a row is not deterministic in x265 3.5 */
#define X265 "pools=none:frame-threads=1:wpp=0:pmode=0:pme=0:lookahead-slices=0:log-level=none"

static vs_err fail(int reason, const char *encoder, const char *what)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(reason, text, sizeof(text));
    return VS_FAIL(reason == AVERROR(ENOMEM) ? VS_ERR_NOMEM : VS_ERR_CODEC, "%s: cannot %s: %s",
                   encoder, what, text);
}

const char *vs_codec_missing(const char *encoder)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(encoder);
    if (!codec)
        return strcmp(encoder, "libx264") == 0   ? "this libavcodec has no encoder libx264"
               : strcmp(encoder, "libx265") == 0 ? "this libavcodec has no encoder libx265"
                                                 : "this libavcodec lacks its encoder";
    return avcodec_find_decoder(codec->id) ? NULL : "this libavcodec lacks its decoder";
}

/* ---- Sizes -------------------------------------------------------------------------------- */

static int padded(int n, int least)
{
    return (n < least ? least : n) + (n >= least && n % 2);
}

/* rgb (h, w, 3) from src (H, W, 3), the last row and column repeated. */
static void pad(uint8_t *rgb, int h, int w, const uint8_t *src, int H, int W)
{
    for (int y = 0; y < h; y++) {
        const uint8_t *row = src + (size_t)(y < H ? y : H - 1) * (size_t)W * 3;
        uint8_t *to = rgb + (size_t)y * (size_t)w * 3;
        memcpy(to, row, (size_t)W * 3);
        for (int x = W; x < w; x++)
            memcpy(to + 3 * x, row + 3 * (W - 1), 3);
    }
}

/* ---- Encoding ----------------------------------------------------------------------------- */

struct encoder {
    const char *name;
    AVCodecContext *codec;
    AVFrame *frame;
    AVPacket *packet;
    uint8_t *rgb;                  /* (h, w, 3), when frames have to be padded */
};

static void encoder_close(struct encoder *e)
{
    avcodec_free_context(&e->codec);
    av_frame_free(&e->frame);
    av_packet_free(&e->packet);
    free(e->rgb);
}

static int set_private(AVCodecContext *c, const vs_codec_settings *s)
{
    char text[96];
    int bad = 0;
    if (strcmp(s->encoder, "libx264") == 0) {
        snprintf(text, sizeof(text), "cpu-independent=1");
        if (s->slice_bytes)
            snprintf(text, sizeof(text), "cpu-independent=1:slice-max-size=%d", s->slice_bytes);
        bad = av_opt_set(c->priv_data, "x264-params", text, 0);
    } else if (strcmp(s->encoder, "libx265") == 0) {
        bad = av_opt_set(c->priv_data, "x265-params", X265, 0);
    }
    if (bad >= 0 && s->crf > 0)
        bad = av_opt_set_double(c->priv_data, "crf", s->crf, 0);
    return bad;
}

static vs_err encoder_open(struct encoder *e, const vs_codec_settings *s, int H, int W)
{
    const char *missing = vs_codec_missing(s->encoder);
    if (missing)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "%s", missing);
    const AVCodec *codec = avcodec_find_encoder_by_name(s->encoder);
    const int least = codec->id == AV_CODEC_ID_HEVC ? X265_LEAST : 16;
    AVCodecContext *c = e->codec = avcodec_alloc_context3(codec);
    e->name = s->encoder;
    e->packet = av_packet_alloc();
    if (!c || !e->packet)
        return fail(AVERROR(ENOMEM), e->name, "start");
    c->width = padded(W, least);
    c->height = padded(H, least);
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->framerate = (AVRational){ FPS, 1 };
    c->time_base = (AVRational){ 1, FPS };
    c->thread_count = 1;
    c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (s->quantiser) {
        c->flags |= AV_CODEC_FLAG_QSCALE;
        c->global_quality = s->quantiser * FF_QP2LAMBDA;
    }
    if (s->bit_rate) {
        c->bit_rate = c->rc_max_rate = s->bit_rate;
        c->rc_buffer_size = (int)(s->bit_rate < INT32_MAX ? s->bit_rate : INT32_MAX);
    }
    const int set = set_private(c, s), bad = set < 0 ? set : avcodec_open2(c, codec, NULL);
    if (bad < 0)
        return fail(bad, e->name, "start");
    if (c->width == W && c->height == H)
        return VS_OK;
    e->rgb = malloc((size_t)c->width * (size_t)c->height * 3);
    return e->rgb ? VS_OK : fail(AVERROR(ENOMEM), e->name, "start");
}

/* A buffer of its own for every frame: encoders keep some. */
static vs_err make_frame(struct encoder *e, const uint8_t *src, int t, int H, int W)
{
    const AVCodecContext *c = e->codec;
    av_frame_free(&e->frame);
    AVFrame *f = e->frame = av_frame_alloc();
    if (!f)
        return fail(AVERROR(ENOMEM), e->name, "take a frame");
    f->format = c->pix_fmt;
    f->width = c->width;
    f->height = c->height;
    const int bad = av_frame_get_buffer(f, 0);
    if (bad < 0)
        return fail(bad, e->name, "take a frame");
    f->pts = t;
    f->quality = c->global_quality;
    const vs_yuv420 planes = { { f->data[0], f->data[1], f->data[2] },
                               { (size_t)f->linesize[0], (size_t)f->linesize[1],
                                 (size_t)f->linesize[2] } };
    if (e->rgb)
        pad(e->rgb, c->height, c->width, src, H, W);
    vs_yuv_from_rgb(&planes, e->rgb ? e->rgb : src, c->width, c->height);
    return VS_OK;
}

/* Hands over a frame (NULL: the end) and takes every packet that is ready. */
static vs_err encode(struct encoder *e, vs_coded *out, const AVFrame *frame)
{
    int bad = avcodec_send_frame(e->codec, frame);
    while (bad >= 0) {
        bad = avcodec_receive_packet(e->codec, e->packet);
        if (bad == AVERROR(EAGAIN) || bad == AVERROR_EOF)
            return VS_OK;
        if (bad >= 0) {
            AVPacket *kept = av_packet_alloc();
            if (!kept)
                return fail(AVERROR(ENOMEM), e->name, "keep a packet");
            av_packet_move_ref(kept, e->packet);
            out->bytes += kept->size;
            VS_PUSH(out->packet, out->n, kept);
        }
    }
    return fail(bad, e->name, "encode a frame");
}

vs_err vs_codec_encode(vs_coded *out, const vs_codec_settings *settings, const uint8_t *src, int T,
                       int H, int W)
{
    struct encoder e = { 0 };
    av_log_set_level(AV_LOG_QUIET);        /* damage is wanted, and x264 tells its settings */
    *out = (vs_coded){ 0 };
    vs_err err = encoder_open(&e, settings, H, W);
    for (int t = 0; t < T && err == VS_OK; t++) {
        err = make_frame(&e, src + (size_t)t * (size_t)H * (size_t)W * 3, t, H, W);
        if (err == VS_OK)
            err = encode(&e, out, e.frame);
    }
    if (err == VS_OK)
        err = encode(&e, out, NULL);
    if (err == VS_OK) {
        out->parameters = avcodec_parameters_alloc();
        const int bad = out->parameters
                            ? avcodec_parameters_from_context(out->parameters, e.codec)
                            : AVERROR(ENOMEM);
        err = bad < 0 ? fail(bad, e.name, "keep its parameters") : VS_OK;
    }
    encoder_close(&e);
    return err;
}

void vs_coded_free(vs_coded *coded)
{
    for (int i = 0; i < coded->n; i++)
        av_packet_free(&coded->packet[i]);
    free(coded->packet);
    avcodec_parameters_free(&coded->parameters);
    *coded = (vs_coded){ 0 };
}

/* ---- Decoding ----------------------------------------------------------------------------- */

struct decoder {
    AVCodecContext *codec;
    AVFrame *frame;
    uint8_t *dst;
    bool *here;                    /* (T) */
    int T, H, W;
};

static vs_err decoder_open(struct decoder *d, const vs_coded *coded)
{
    const AVCodec *codec = avcodec_find_decoder(coded->parameters->codec_id);
    d->codec = avcodec_alloc_context3(codec);
    d->frame = av_frame_alloc();
    d->here = calloc((size_t)d->T, sizeof(*d->here));
    if (!d->codec || !d->frame || !d->here)
        return fail(AVERROR(ENOMEM), codec->name, "start");
    int bad = avcodec_parameters_to_context(d->codec, coded->parameters);
    d->codec->thread_count = 1;
    d->codec->flags |= AV_CODEC_FLAG_OUTPUT_CORRUPT;
    if (bad >= 0)
        bad = avcodec_open2(d->codec, codec, NULL);
    return bad < 0 ? fail(bad, codec->name, "start") : VS_OK;
}

/* The frame into its place. What a damaged stream makes up, without a place, is left. */
static vs_err take(struct decoder *d)
{
    const AVFrame *f = d->frame;
    if (f->pts < 0 || f->pts >= d->T || f->format != AV_PIX_FMT_YUV420P || f->width < d->W ||
        f->height < d->H || d->here[f->pts])
        return VS_OK;
    const uint8_t *const plane[3] = { f->data[0], f->data[1], f->data[2] };
    d->here[f->pts] = true;
    return vs_planes_to_rgb(d->dst + (size_t)f->pts * (size_t)d->H * (size_t)d->W * 3, plane,
                            f->linesize, d->H, d->W);
}

static vs_err receive(struct decoder *d)
{
    while (avcodec_receive_frame(d->codec, d->frame) >= 0) {
        const vs_err err = take(d);
        av_frame_unref(d->frame);
        VS_TRY(err);
    }
    return VS_OK;
}

/* Frames that did not come out. */
static void hold(const struct decoder *d)
{
    const size_t frame = (size_t)d->H * (size_t)d->W * 3;
    int first = 0;
    while (first < d->T && !d->here[first])
        first++;
    for (int t = 0; t < d->T; t++) {
        uint8_t *to = d->dst + frame * (size_t)t;
        if (first == d->T)
            memset(to, 0, frame);
        else if (t < first)
            memcpy(to, d->dst + frame * (size_t)first, frame);
        else if (!d->here[t])
            memcpy(to, to - frame, frame);
    }
}

vs_err vs_codec_decode(uint8_t *dst, int *decoded, const vs_coded *coded, int T, int H, int W)
{
    struct decoder d = { .dst = dst, .T = T, .H = H, .W = W };
    av_log_set_level(AV_LOG_QUIET);
    vs_err err = decoder_open(&d, coded);
    for (int i = 0; i < coded->n && err == VS_OK; i++) {
        if (!coded->packet[i]->size)           /* would mean the end */
            continue;
        /* A packet that is refused is damage; all frames are taken each time, so none waits. */
        (void)avcodec_send_packet(d.codec, coded->packet[i]);
        err = receive(&d);
    }
    if (err == VS_OK) {
        (void)avcodec_send_packet(d.codec, NULL);
        err = receive(&d);
    }
    if (err == VS_OK)
        hold(&d);
    if (decoded) {
        *decoded = 0;
        for (int t = 0; t < T && d.here; t++)
            *decoded += d.here[t];
    }
    avcodec_free_context(&d.codec);
    av_frame_free(&d.frame);
    free(d.here);
    return err;
}

/* ---- Damage ------------------------------------------------------------------------------- */

void vs_codec_noise(uint8_t *data, size_t bytes, uint32_t *state, uint32_t amount)
{
    for (size_t i = 0; i < bytes; i++) {
        *state += data[i] + 1u;
        if (*state % amount == 0)
            data[i] = (uint8_t)*state;
    }
}

/* Where the next start code is, 00 00 01 with its zeros before it; `bytes` when there is none. */
static size_t next_unit(const uint8_t *data, size_t at, size_t bytes)
{
    for (; at + 3 <= bytes; at++)
        if (data[at] == 0 && data[at + 1] == 0 && data[at + 2] == 1)
            return at > 0 && data[at - 1] == 0 ? at - 1 : at;
    return bytes;
}

size_t vs_codec_lose(uint8_t *data, size_t bytes, double chance, vs_rng *rng)
{
    size_t kept = 0;
    for (size_t at = next_unit(data, 0, bytes); at < bytes;) {
        const size_t code = data[at + 2] == 1 ? 3 : 4;
        const size_t end = next_unit(data, at + code, bytes);
        const int type = at + code < bytes ? data[at + code] & 31 : 0;
        const bool slice = type == 1 || type == 5;
        if (!slice || vs_rng_f64(rng) >= chance) {
            memmove(data + kept, data + at, end - at);
            kept += end - at;
        }
        at = end;
    }
    return kept;
}
