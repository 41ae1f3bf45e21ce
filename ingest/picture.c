/* Frames through swscale. Rules: video.h */
#include "ingest/picture.h"

#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/store/store.h"

#define SIDE_MAX 16384             /* what the store takes */

/* What a scaler was made for: frames of a damaged file may change on the way. */
struct source {
    int W, H, format, space, range;
};

struct vs_picture {
    int turn, short_side;
    int W, H;                      /* upright, 0 until the first frame */
    struct source source;
    struct SwsContext *scaler;
    uint8_t *scaled[3], *turned[3];
    int stride[3], turned_stride[3];
};

vs_picture *vs_picture_new(int turn, int short_side)
{
    vs_picture *p = vs_new(sizeof(*p));
    p->turn = turn;
    p->short_side = short_side;
    return p;
}

void vs_picture_size(vs_picture *p, int W, int H)
{
    p->W = W;
    p->H = H;
}

void vs_picture_free(vs_picture **picture)
{
    vs_picture *p = *picture;
    if (!p)
        return;
    sws_freeContext(p->scaler);
    free(p->scaled[0]);
    free(p->turned[0]);
    free(p);
    *picture = NULL;
}

int vs_picture_width(const vs_picture *p)
{
    return p->W;
}

int vs_picture_height(const vs_picture *p)
{
    return p->H;
}

static int nearest_even(double x)
{
    const int n = 2 * (int)lround(x / 2);
    return n < 2 ? 2 : n;
}

/* Size as shown, before turning: square samples, reduced short side. */
static vs_err settle_size(vs_picture *p, const AVFrame *f, AVRational sar)
{
    double w = f->width, h = f->height;
    const double ratio = sar.num > 0 && sar.den > 0 ? av_q2d(sar) : 1;
    const bool square = fabs(ratio - 1) <= 0.02;
    if (!square)
        w *= ratio;
    const double scale = p->short_side > 0 ? p->short_side / fmin(w, h) : 1;
    int W, H;
    if (scale < 1) {
        W = w <= h ? p->short_side : nearest_even(w * scale);
        H = w <= h ? nearest_even(h * scale) : p->short_side;
    } else {
        W = square ? f->width : nearest_even(fmin(w, 2.0 * SIDE_MAX));
        H = f->height;
    }
    if (W > SIDE_MAX || H > SIDE_MAX)
        return VS_FAIL(VS_ERR_CODEC, "frames of %dx%d are too large", W, H);
    p->W = p->turn & 1 ? H : W;
    p->H = p->turn & 1 ? W : H;
    return VS_OK;
}

/* One block for three planes of w x h, rows padded for vector code. */
static vs_err take_planes(uint8_t *plane[3], int stride[3], int w, int h)
{
    const int half_w = (w + 1) / 2, half_h = (h + 1) / 2;
    stride[0] = (w + 63) / 32 * 32;
    stride[1] = stride[2] = (half_w + 63) / 32 * 32;
    const size_t luma = (size_t)stride[0] * (size_t)h;
    const size_t chroma = (size_t)stride[1] * (size_t)half_h;
    plane[0] = aligned_alloc(64, (luma + 2 * chroma + 127) / 64 * 64);
    if (!plane[0])
        return VS_FAIL(VS_ERR_NOMEM, "a frame of %dx%d does not fit in memory", w, h);
    plane[1] = plane[0] + luma;
    plane[2] = plane[1] + chroma;
    return VS_OK;
}

/* The formats named J are their namesakes in full range. */
static bool full_range(const AVFrame *f)
{
    const AVPixFmtDescriptor *d = av_pix_fmt_desc_get(f->format);
    return f->color_range == AVCOL_RANGE_JPEG || (d && strncmp(d->name, "yuvj", 4) == 0);
}

static vs_err make_scaler(vs_picture *p, const struct source *s)
{
    const int w = p->turn & 1 ? p->H : p->W, h = p->turn & 1 ? p->W : p->H;
    if (!p->scaled[0])
        VS_TRY(take_planes(p->scaled, p->stride, w, h));
    sws_freeContext(p->scaler);
    p->scaler = sws_alloc_context();
    if (!p->scaler)
        return VS_FAIL(VS_ERR_NOMEM, "out of memory");
    /* The ranges must be known at the start: set later, frames of the same size would be
     * copied as they are. */
    const struct { const char *name; int64_t value; } set[] = {
        { "srcw", s->W }, { "srch", s->H }, { "src_format", s->format }, { "src_range", s->range },
        { "dstw", w }, { "dsth", h }, { "dst_format", AV_PIX_FMT_YUV420P }, { "dst_range", 1 },
        { "sws_flags", SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT },
    };
    int code = 0;
    for (size_t i = 0; i < sizeof(set) / sizeof(*set) && code >= 0; i++)
        code = av_opt_set_int(p->scaler, set[i].name, set[i].value, 0);
    if (code < 0 || sws_init_context(p->scaler, NULL, NULL) < 0)
        return VS_FAIL(VS_ERR_CODEC, "cannot convert frames of %dx%d in the pixel format %s", s->W,
                       s->H, av_get_pix_fmt_name(s->format));
    const int *from = sws_getCoefficients(s->space), *to = sws_getCoefficients(SWS_CS_ITU601);
    /* Refused (-1) for formats without a choice of matrix, e.g. grey. */
    (void)sws_setColorspaceDetails(p->scaler, from, s->range, to, 1, 0, 1 << 16, 1 << 16);
    p->source = *s;
    return VS_OK;
}

/* FFmpeg numbers matrices as swscale does, but for "unknown" and BT.601's other names. */
static int matrix_of(const AVFrame *f)
{
    switch (f->colorspace) {
    case AVCOL_SPC_BT709:
        return SWS_CS_ITU709;
    case AVCOL_SPC_FCC:
        return SWS_CS_FCC;
    case AVCOL_SPC_SMPTE240M:
        return SWS_CS_SMPTE240M;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        return SWS_CS_BT2020;
    default:
        return SWS_CS_ITU601;
    }
}

/* Output (x, y) of a clockwise turn is input (y, h-1-x), (w-1-x, h-1-y), (w-1-y, x). */
static void turn_plane(uint8_t *to, int to_stride, const uint8_t *from, int stride, int w, int h,
                       int turn)
{
    const int W = turn & 1 ? h : w, H = turn & 1 ? w : h;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const int sx = turn == 1 ? y : turn == 2 ? w - 1 - x : w - 1 - y;
            const int sy = turn == 1 ? h - 1 - x : turn == 2 ? h - 1 - y : x;
            to[(size_t)to_stride * (size_t)y + (size_t)x] =
                from[(ptrdiff_t)stride * sy + sx];
        }
}

static vs_err turn_planes(vs_picture *p, const uint8_t *plane[3], int stride[3])
{
    const int w = p->turn & 1 ? p->H : p->W, h = p->turn & 1 ? p->W : p->H;
    if (!p->turned[0])
        VS_TRY(take_planes(p->turned, p->turned_stride, p->W, p->H));
    for (int i = 0; i < 3; i++) {
        const int half = i > 0;
        turn_plane(p->turned[i], p->turned_stride[i], plane[i], stride[i], (w + half) >> half,
                   (h + half) >> half, p->turn);
        plane[i] = p->turned[i];
        stride[i] = p->turned_stride[i];
    }
    return VS_OK;
}

vs_err vs_picture_make(vs_picture *p, const uint8_t *plane[3], int stride[3], const AVFrame *f,
                       AVRational sar)
{
    if (p->W == 0)
        VS_TRY(settle_size(p, f, sar));
    const struct source s = { f->width, f->height, f->format, matrix_of(f), full_range(f) };
    const int w = p->turn & 1 ? p->H : p->W, h = p->turn & 1 ? p->W : p->H;
    const bool as_it_is = s.W == w && s.H == h && s.range && s.space == SWS_CS_ITU601 &&
                          (s.format == AV_PIX_FMT_YUV420P || s.format == AV_PIX_FMT_YUVJ420P);
    if (!as_it_is && (!p->scaler || memcmp(&s, &p->source, sizeof(s)) != 0))
        VS_TRY(make_scaler(p, &s));
    if (!as_it_is && sws_scale(p->scaler, (const uint8_t *const *)f->data, f->linesize, 0,
                               f->height, p->scaled, p->stride) <= 0)
        return VS_FAIL(VS_ERR_CODEC, "cannot convert a frame");
    for (int i = 0; i < 3; i++) {
        plane[i] = as_it_is ? f->data[i] : p->scaled[i];
        stride[i] = as_it_is ? f->linesize[i] : p->stride[i];
    }
    return p->turn ? turn_planes(p, plane, stride) : VS_OK;
}
