/* Frames of both encodings. Format: frame.h */
#include "ingest/store/frame.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

static int even(int n)
{
    return n + (n & 1);
}

vs_err vs_codec_open_encoder(vs_codec *codec)
{
    *codec = (vs_codec){ .tj = tjInitCompress() };
    if (!codec->tj)
        return VS_FAIL(VS_ERR_NOMEM, "cannot start TurboJPEG: %s", tjGetErrorStr2(NULL));
    return vs_jpeg_open_encoder(&codec->jpeg);
}

vs_err vs_codec_open_decoder(vs_codec *codec)
{
    *codec = (vs_codec){ 0 };
    return vs_jpeg_open_decoder(&codec->jpeg);
}

void vs_codec_close(vs_codec *codec)
{
    if (codec->tj)
        tjDestroy(codec->tj);
    vs_jpeg_close(&codec->jpeg);
    *codec = (vs_codec){ 0 };
}

size_t vs_frame_raw_bytes(int W, int H)
{
    return (size_t)even(W) * (size_t)even(H) * 3 / 2;
}

size_t vs_frame_bound(vs_encoding encoding, int W, int H)
{
    return encoding == VS_ENCODING_RAW ? vs_frame_raw_bytes(W, H) : vs_jpeg_bound(W, H);
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
    if (encoding == VS_ENCODING_JPEG)
        return vs_jpeg_encode_rgb(codec->jpeg, out, bytes, quality, rgb, W, H);
    uint8_t *plane[3];
    int stride[3];
    raw_planes(plane, stride, out, W, H);
    *bytes = vs_frame_raw_bytes(W, H);
    if (tjEncodeYUVPlanes(codec->tj, rgb, W, 3 * W, H, TJPF_RGB, plane, stride, TJSAMP_420, 0))
        return VS_FAIL(VS_ERR_CODEC, "cannot encode a frame of %dx%d: %s", W, H,
                       tjGetErrorStr2(codec->tj));
    return VS_OK;
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

vs_err vs_frame_encode_yuv(vs_codec *codec, uint8_t *out, size_t *bytes, vs_encoding encoding,
                           int quality, const uint8_t *const plane[3], const int stride[3],
                           int W, int H)
{
    if (encoding == VS_ENCODING_JPEG)
        return vs_jpeg_encode_planes(codec->jpeg, out, bytes, quality, plane, stride, W, H);
    uint8_t *to[3];
    int width[3];
    raw_planes(to, width, out, W, H);
    pad_plane(to[0], width[0], even(H), plane[0], stride[0], W, H);
    for (int p = 1; p < 3; p++)
        pad_plane(to[p], width[p], even(H) / 2, plane[p], stride[p], width[p], even(H) / 2);
    *bytes = vs_frame_raw_bytes(W, H);
    return VS_OK;
}

int vs_frame_scale(vs_encoding encoding, vs_rect crop, int w, int h)
{
    int size = 8;
    while (encoding == VS_ENCODING_JPEG && size > 1 && crop.rw * size / 16 >= w &&
           crop.rh * size / 16 >= h)
        size /= 2;
    return size;
}

vs_view_planes vs_frame_planes(int W, int H, int size)
{
    vs_view_planes p;
    for (int k = 0; k < 2; k++)
        vs_jpeg_plane_size(&p.W[k], &p.H[k], &p.share[k], k, W, H, size);
    return p;
}

vs_err vs_frame_decode(vs_codec *codec, vs_jpeg_planes *out, vs_encoding encoding, uint8_t *data,
                       size_t bytes, int W, int H, int size, int y0, int y1)
{
    if (encoding == VS_ENCODING_JPEG)
        return vs_jpeg_decode(codec->jpeg, out, data, bytes, W, H, size, y0, y1);
    if (bytes != vs_frame_raw_bytes(W, H))
        return VS_FAIL(VS_ERR_CORRUPT, "%zu bytes, a raw frame of %dx%d has %zu", bytes, W, H,
                       vs_frame_raw_bytes(W, H));
    uint8_t *plane[3];
    raw_planes(plane, out->stride, data, W, H);
    for (int p = 0; p < 3; p++) {
        out->plane[p] = plane[p];
        out->row0[p] = 0;
    }
    return VS_OK;
}
