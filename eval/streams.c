/* Corruptions of video streams. A codec encodes the clip and decodes it again (codec.h):
 *
 *     mpeg1, mpeg2    mpeg2video, mpeg4 at a fixed -q:v; both encoders take no quantiser above 31
 *     h264_crf        libx264 -crf n
 *     h265_crf        libx265 -crf n
 *     h264_abr        libx264 -b:v B -maxrate B -bufsize B, B = the rate at -crf 23 divided by n.
 *                     (Mini Kinetics-C divides the rate of the video's file, which a clip of
 *                     frames has not.)
 *     bit_error       libx264 -crf 23; about one byte of n changed, as FFmpeg's bitstream filter
 *                     noise=n does, but from a state that the seed gives; damage is concealed
 *     packet_loss     libx264 -crf 23 in slices of at most 1,400 bytes, which is what a network
 *                     carries at once; each is lost with a chance of n %, damage is concealed.
 *                     Parameter sets arrive
 *
 * Frames are neither lost nor gained: what does not decode is the frame before it. x264 and x265
 * are under the GPL; nothing here links them, they are what libavcodec as installed brings.
 */
#include <libavcodec/avcodec.h>

#include "eval/codec.h"
#include "eval/kinds.h"

#define CRF 23                         /* of the streams that are damaged afterwards */
#define SLICE 1400

static vs_err fail_packet(void)
{
    return VS_FAIL(VS_ERR_NOMEM, "no memory for a packet");
}

/* There and back, with nothing lost on the way. */
static vs_err recode(uint8_t *dst, const uint8_t *src, int T, const vs_frame *f,
                     const vs_codec_settings *settings)
{
    vs_coded coded;
    int decoded = 0;
    vs_err err = vs_codec_encode(&coded, settings, src, T, f->H, f->W);
    if (err == VS_OK)
        err = vs_codec_decode(dst, &decoded, &coded, T, f->H, f->W);
    if (err == VS_OK && decoded != T)
        err = VS_FAIL(VS_ERR_CODEC, "%s: %d of %d frames came back", settings->encoder, decoded, T);
    vs_coded_free(&coded);
    return err;
}

static vs_err clip_mpeg1(uint8_t *dst, const uint8_t *src, int T, const vs_frame *f)
{
    const vs_codec_settings s = { "mpeg2video", .quantiser = (int)f->level[0] };
    return recode(dst, src, T, f, &s);
}

static vs_err clip_mpeg2(uint8_t *dst, const uint8_t *src, int T, const vs_frame *f)
{
    const vs_codec_settings s = { "mpeg4", .quantiser = (int)f->level[0] };
    return recode(dst, src, T, f, &s);
}

static vs_err clip_h264_crf(uint8_t *dst, const uint8_t *src, int T, const vs_frame *f)
{
    return recode(dst, src, T, f, &(vs_codec_settings){ "libx264", .crf = f->level[0] });
}

static vs_err clip_h265_crf(uint8_t *dst, const uint8_t *src, int T, const vs_frame *f)
{
    return recode(dst, src, T, f, &(vs_codec_settings){ "libx265", .crf = f->level[0] });
}

static vs_err clip_h264_abr(uint8_t *dst, const uint8_t *src, int T, const vs_frame *f)
{
    vs_codec_settings s = { "libx264", .crf = CRF };
    vs_coded coded;
    const vs_err err = vs_codec_encode(&coded, &s, src, T, f->H, f->W);
    const double rate = (double)coded.bytes * 8 * 25 / T / f->level[0];
    vs_coded_free(&coded);
    VS_TRY(err);
    s.crf = 0;
    s.bit_rate = rate < 1000 ? 1000 : (int64_t)rate;       /* x264 counts in thousands */
    return recode(dst, src, T, f, &s);
}

static vs_err clip_bit_error(uint8_t *dst, const uint8_t *src, int T, const vs_frame *f)
{
    const vs_codec_settings s = { "libx264", .crf = CRF };
    vs_coded coded;
    vs_rng rng = vs_clip_rng(f->seed);
    uint32_t state = vs_rng_u32(&rng);
    vs_err err = vs_codec_encode(&coded, &s, src, T, f->H, f->W);
    for (int i = 0; i < coded.n && err == VS_OK; i++) {
        if (av_packet_make_writable(coded.packet[i]) < 0)
            err = fail_packet();
        else
            vs_codec_noise(coded.packet[i]->data, (size_t)coded.packet[i]->size, &state,
                           (uint32_t)f->level[0]);
    }
    if (err == VS_OK)
        err = vs_codec_decode(dst, NULL, &coded, T, f->H, f->W);
    vs_coded_free(&coded);
    return err;
}

static vs_err clip_packet_loss(uint8_t *dst, const uint8_t *src, int T, const vs_frame *f)
{
    const vs_codec_settings s = { "libx264", .crf = CRF, .slice_bytes = SLICE };
    vs_coded coded;
    vs_rng rng = vs_clip_rng(f->seed);
    vs_err err = vs_codec_encode(&coded, &s, src, T, f->H, f->W);
    for (int i = 0; i < coded.n && err == VS_OK; i++) {
        if (av_packet_make_writable(coded.packet[i]) < 0)
            err = fail_packet();
        else
            av_shrink_packet(coded.packet[i],
                             (int)vs_codec_lose(coded.packet[i]->data,
                                                (size_t)coded.packet[i]->size, f->level[0] / 100,
                                                &rng));
    }
    if (err == VS_OK)
        err = vs_codec_decode(dst, NULL, &coded, T, f->H, f->W);
    vs_coded_free(&coded);
    return err;
}

static const char *missing_mpeg2video(void)
{
    return vs_codec_missing("mpeg2video");
}

static const char *missing_mpeg4(void)
{
    return vs_codec_missing("mpeg4");
}

static const char *missing_x264(void)
{
    return vs_codec_missing("libx264");
}

static const char *missing_x265(void)
{
    return vs_codec_missing("libx265");
}

const vs_kind vs_kind_mpeg1 = { .clip = clip_mpeg1, .missing = missing_mpeg2video };
const vs_kind vs_kind_mpeg2 = { .clip = clip_mpeg2, .missing = missing_mpeg4 };
const vs_kind vs_kind_h264_crf = { .clip = clip_h264_crf, .missing = missing_x264 };
const vs_kind vs_kind_h265_crf = { .clip = clip_h265_crf, .missing = missing_x265 };
const vs_kind vs_kind_h264_abr = { .clip = clip_h264_abr, .missing = missing_x264 };
const vs_kind vs_kind_bit_error = { .clip = clip_bit_error, .missing = missing_x264 };
const vs_kind vs_kind_packet_loss = { .clip = clip_packet_loss, .missing = missing_x264 };
