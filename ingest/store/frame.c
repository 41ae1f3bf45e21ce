/* Frames through TurboJPEG. Format: frame.h */
#include "ingest/store/frame.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

static int even(int n)
{
    return n + (n & 1);
}

static vs_err open_with(vs_codec *codec, tjhandle tj)
{
    *codec = (vs_codec){ .tj = tj };
    return tj ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "cannot start TurboJPEG: %s", tjGetErrorStr2(tj));
}

vs_err vs_codec_open_encoder(vs_codec *codec)
{
    return open_with(codec, tjInitCompress());
}

vs_err vs_codec_open_decoder(vs_codec *codec)
{
    return open_with(codec, tjInitDecompress());
}

void vs_codec_close(vs_codec *codec)
{
    if (codec->tj)
        tjDestroy(codec->tj);
    free(codec->even);
    *codec = (vs_codec){ 0 };
}

size_t vs_frame_raw_bytes(int W, int H)
{
    return (size_t)even(W) * (size_t)even(H) * 3 / 2;
}

size_t vs_frame_bound(vs_encoding encoding, int W, int H)
{
    return encoding == VS_ENCODING_RAW ? vs_frame_raw_bytes(W, H) : tjBufSize(W, H, TJSAMP_420);
}

/* The three planes inside a raw frame. */
static void raw_planes(uint8_t *plane[3], int stride[3], uint8_t *data, int W, int H)
{
    const int w = even(W), h = even(H);
    plane[0] = data;
    plane[1] = plane[0] + (size_t)w * (size_t)h;
    plane[2] = plane[1] + (size_t)(w / 2) * (size_t)(h / 2);
    stride[0] = w;
    stride[1] = stride[2] = w / 2;
}

vs_err vs_frame_encode_rgb(vs_codec *codec, uint8_t *out, size_t *bytes, vs_encoding encoding,
                           int quality, const uint8_t *rgb, int W, int H)
{
    int bad;
    if (encoding == VS_ENCODING_RAW) {
        uint8_t *plane[3];
        int stride[3];
        raw_planes(plane, stride, out, W, H);
        bad = tjEncodeYUVPlanes(codec->tj, rgb, W, 3 * W, H, TJPF_RGB, plane, stride,
                                TJSAMP_420, 0);
        *bytes = vs_frame_raw_bytes(W, H);
    } else {
        unsigned long size = tjBufSize(W, H, TJSAMP_420);
        bad = tjCompress2(codec->tj, rgb, W, 3 * W, H, TJPF_RGB, &out, &size, TJSAMP_420, quality,
                          TJFLAG_NOREALLOC);
        *bytes = size;
    }
    return bad ? VS_FAIL(VS_ERR_CODEC, "cannot encode a frame of %dx%d: %s", W, H,
                         tjGetErrorStr2(codec->tj)) : VS_OK;
}

/* Copy a plane into w x h, repeating its last column and row. */
static void pad_plane(uint8_t *to, int w, int h, const uint8_t *from, int stride, int W, int H)
{
    for (int y = 0; y < h; y++) {
        const uint8_t *row = from + (ptrdiff_t)stride * (y < H ? y : H - 1);
        memcpy(to + (size_t)w * (size_t)y, row, (size_t)W);
        for (int x = W; x < w; x++)
            to[(size_t)w * (size_t)y + (size_t)x] = row[W - 1];
    }
}

static void pad_frame(uint8_t *to, const uint8_t *const plane[3], const int stride[3], int W, int H)
{
    uint8_t *at[3];
    int width[3];
    raw_planes(at, width, to, W, H);
    pad_plane(at[0], width[0], even(H), plane[0], stride[0], W, H);
    for (int p = 1; p < 3; p++)
        pad_plane(at[p], width[p], even(H) / 2, plane[p], stride[p], width[p], even(H) / 2);
}

vs_err vs_frame_encode_yuv(vs_codec *codec, uint8_t *out, size_t *bytes, vs_encoding encoding,
                           int quality, const uint8_t *const plane[3], const int stride[3],
                           int W, int H)
{
    if (encoding == VS_ENCODING_RAW) {
        pad_frame(out, plane, stride, W, H);
        *bytes = vs_frame_raw_bytes(W, H);
        return VS_OK;
    }
    const uint8_t *from[3] = { plane[0], plane[1], plane[2] };
    int step[3] = { stride[0], stride[1], stride[2] };
    if ((W | H) & 1) {             /* TurboJPEG reads whole pairs of luma columns and rows */
        const size_t need = vs_frame_raw_bytes(W, H);
        if (codec->even_room < need) {
            free(codec->even);
            codec->even = malloc(need);
            codec->even_room = codec->even ? need : 0;
            if (!codec->even)
                return VS_FAIL(VS_ERR_NOMEM, "a frame of %dx%d does not fit in memory", W, H);
        }
        uint8_t *at[3];
        pad_frame(codec->even, plane, stride, W, H);
        raw_planes(at, step, codec->even, W, H);
        memcpy(from, at, sizeof(from));
    }
    unsigned long size = tjBufSize(W, H, TJSAMP_420);
    const int bad = tjCompressFromYUVPlanes(codec->tj, from, W, step, H, TJSAMP_420, &out, &size,
                                            quality, TJFLAG_NOREALLOC);
    *bytes = size;
    return bad ? VS_FAIL(VS_ERR_CODEC, "cannot encode a frame of %dx%d: %s", W, H,
                         tjGetErrorStr2(codec->tj)) : VS_OK;
}

static vs_err decode_raw(vs_codec *codec, uint8_t *rgb, const uint8_t *data, size_t bytes, int W,
                         int H)
{
    if (bytes != vs_frame_raw_bytes(W, H))
        return VS_FAIL(VS_ERR_CORRUPT, "%zu bytes, a raw frame of %dx%d has %zu", bytes, W, H,
                       vs_frame_raw_bytes(W, H));
    uint8_t *plane[3];
    int stride[3];
    raw_planes(plane, stride, (uint8_t *)data, W, H);      /* only read from */
    const uint8_t *from[3] = { plane[0], plane[1], plane[2] };
    if (tjDecodeYUVPlanes(codec->tj, from, stride, TJSAMP_420, rgb, W, 3 * W, H, TJPF_RGB, 0))
        return VS_FAIL(VS_ERR_CORRUPT, "%s", tjGetErrorStr2(codec->tj));
    return VS_OK;
}

vs_err vs_frame_decode(vs_codec *codec, uint8_t *rgb, vs_encoding encoding, const uint8_t *data,
                       size_t bytes, int W, int H)
{
    if (encoding == VS_ENCODING_RAW)
        return decode_raw(codec, rgb, data, bytes, W, H);
    int w, h, sampling, space;
    if (tjDecompressHeader3(codec->tj, data, bytes, &w, &h, &sampling, &space))
        return VS_FAIL(VS_ERR_CORRUPT, "not a JPEG: %s", tjGetErrorStr2(codec->tj));
    if (w != W || h != H)
        return VS_FAIL(VS_ERR_CORRUPT, "a picture of %dx%d, the clip is %dx%d", w, h, W, H);
    if (tjDecompress2(codec->tj, data, bytes, rgb, W, 3 * W, H, TJPF_RGB, 0))
        return VS_FAIL(VS_ERR_CORRUPT, "damaged JPEG: %s", tjGetErrorStr2(codec->tj));
    return VS_OK;
}
