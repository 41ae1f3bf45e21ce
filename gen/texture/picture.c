/* Reading one picture file. Rules: gen/texture/picture.h */
#include "gen/texture/picture.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <webp/decode.h>

#include "base/file.h"

static vs_err refuse_size(const char *path, int W, int H)
{
    return VS_FAIL(VS_ERR_CORRUPT, "%s: a picture of %dx%d, expected 1..%d pixels", path, W, H,
                   VS_PICTURE_MOST);
}

static vs_err make_room(vs_image *out, const char *path, int W, int H)
{
    if (W < 1 || H < 1 || (int64_t)W * H > VS_PICTURE_MOST)
        return refuse_size(path, W, H);
    *out = (vs_image){ W, H, malloc(3 * (size_t)W * (size_t)H) };
    return out->rgb ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %dx%d", path, W, H);
}

static int scaled(int length, int eighths)
{
    return TJSCALED(length, ((tjscalingfactor){ eighths, 8 }));
}

/* 8, 4, 2 or 1 eighths: the least that keeps the short side at 2 * side. */
static int eighths_for(int W, int H, int side)
{
    int e = 8;
    while (side > 0 && e > 1 && scaled(W < H ? W : H, e / 2) >= 2 * side)
        e /= 2;
    return e;
}

static vs_err jpeg_read(vs_image *out, const uint8_t *data, size_t bytes, const char *path,
                        int side)
{
    const tjhandle tj = tjInitDecompress();
    int W, H, sampling, space;
    vs_err err = VS_OK;
    if (!tj)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no memory for a JPEG decoder", path);
    if (tjDecompressHeader3(tj, data, (unsigned long)bytes, &W, &H, &sampling, &space) != 0)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: no JPEG that can be read: %s", path,
                      tjGetErrorStr2(tj));
    else if (W < 1 || H < 1 || (int64_t)W * H > VS_PICTURE_MOST)
        err = refuse_size(path, W, H);
    const int e = err == VS_OK ? eighths_for(W, H, side) : 8;
    if (err == VS_OK)
        err = make_room(out, path, scaled(W, e), scaled(H, e));
    /* A warning (cut off, damaged data) counts as failure: grey stripes are no texture. */
    if (err == VS_OK && tjDecompress2(tj, data, (unsigned long)bytes, out->rgb, out->W, 0, out->H,
                                      TJPF_RGB, TJFLAG_ACCURATEDCT) != 0) {
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: damaged JPEG: %s", path, tjGetErrorStr2(tj));
        vs_image_free(out);
    }
    tjDestroy(tj);
    return err;
}

static vs_err webp_read(vs_image *out, const uint8_t *data, size_t bytes, const char *path)
{
    int W, H;
    if (!WebPGetInfo(data, bytes, &W, &H))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no WebP that can be read", path);
    VS_TRY(make_room(out, path, W, H));
    if (WebPDecodeRGBInto(data, bytes, out->rgb, 3 * (size_t)W * (size_t)H, 3 * W))
        return VS_OK;
    vs_image_free(out);
    return VS_FAIL(VS_ERR_CORRUPT, "%s: damaged WebP", path);
}

vs_err vs_picture_read(vs_image *out, const char *path, int side)
{
    void *data;
    size_t bytes;
    *out = (vs_image){ 0 };
    VS_TRY(vs_file_read(path, &data, &bytes));
    const uint8_t *head = data;
    vs_err err;
    if (bytes >= 8 && memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0)
        err = vs_png_read(out, path);
    else if (bytes >= 3 && memcmp(head, "\xff\xd8\xff", 3) == 0)
        err = jpeg_read(out, data, bytes, path, side);
    else if (bytes >= 12 && memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0)
        err = webp_read(out, data, bytes, path);
    else
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: expected a PNG, JPEG or WebP picture", path);
    free(data);
    return err;
}

vs_err vs_picture_fit(uint8_t *rgb, int side, const vs_image *picture)
{
    const int W = picture->W, H = picture->H, edge = W < H ? W : H;
    if (W == side && H == side) {
        memcpy(rgb, picture->rgb, 3 * (size_t)side * (size_t)side);
        return VS_OK;
    }
    const vs_rect middle = { (W - edge) / 2, (H - edge) / 2, edge, edge };
    vs_resize *plan = vs_resize_new(W, H, middle, side, side, false);
    void *tmp = plan ? malloc(vs_resize_scratch(plan)) : NULL;
    if (tmp)
        vs_resize_run(plan, rgb, picture->rgb, tmp);
    vs_resize_free(&plan);
    free(tmp);
    return tmp ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "no memory to resample %dx%d", W, H);
}
