#include <errno.h>
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/mem.h"

#define MAX_PIXELS (1 << 28)

vs_err vs_png_read(vs_image *out, const char *path)
{
    *out = (vs_image){ 0 };
    void *data = NULL;
    size_t size = 0;
    VS_TRY(vs_file_read(path, &data, &size));
    png_image png = { .version = PNG_IMAGE_VERSION };
    vs_err err = VS_OK;
    if (!png_image_begin_read_from_memory(&png, data, size)) {
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: not a readable PNG: %s", path, png.message);
        goto out;
    }
    if ((uint64_t)png.width * png.height > MAX_PIXELS) {
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: %u x %u pixels are more than this tool reads", path,
                      png.width, png.height);
        goto out;
    }
    png.format = PNG_FORMAT_RGB;
    out->W = (int)png.width;
    out->H = (int)png.height;
    out->rgb = malloc(PNG_IMAGE_SIZE(png));
    if (!out->rgb)
        err = VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %u x %u pixels", path, png.width,
                      png.height);
    else if (!png_image_finish_read(&png, NULL, out->rgb, 0, NULL))
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: not a readable PNG: %s", path, png.message);
out:
    if (err != VS_OK)
        vs_image_free(out);
    png_image_free(&png);
    free(data);
    return err;
}

static png_image describe(int W, int H)
{
    return (png_image){ .version = PNG_IMAGE_VERSION, .width = (png_uint_32)W,
                        .height = (png_uint_32)H, .format = PNG_FORMAT_RGB };
}

vs_err vs_png_write(const char *path, int W, int H, const uint8_t *rgb)
{
    png_image png = describe(W, H);
    vs_atomic a;
    VS_TRY(vs_atomic_open(&a, path));
    if (!png_image_write_to_stdio(&png, a.f, 0, rgb, 0, NULL)) {
        vs_atomic_abort(&a);
        return VS_FAIL(VS_ERR_IO, "%s: cannot write PNG: %s", path, png.message);
    }
    return vs_atomic_commit(&a);
}

void vs_image_free(vs_image *image)
{
    free(image->rgb);
    *image = (vs_image){ 0 };
}

char *vs_png_data_uri(int W, int H, const uint8_t *rgb)
{
    static const char digit[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char head[] = "data:image/png;base64,";
    png_image png = describe(W, H);
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(png);
    uint8_t *bytes = malloc(size);
    char *text = NULL, *at;
    if (!bytes || !png_image_write_to_memory(&png, bytes, &size, 0, rgb, 0, NULL))
        goto out;
    text = malloc(sizeof(head) + (size + 2) / 3 * 4);
    if (!text)
        goto out;
    at = text + sprintf(text, "%s", head);
    for (size_t i = 0; i < size; i += 3) {
        const size_t left = size - i;
        const uint32_t v = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                           (left > 2 ? bytes[i + 2] : 0u);
        *at++ = digit[v >> 18];
        *at++ = digit[v >> 12 & 63];
        *at++ = left > 1 ? digit[v >> 6 & 63] : '=';
        *at++ = left > 2 ? digit[v & 63] : '=';
    }
    *at = 0;
out:
    free(bytes);
    return text;
}
