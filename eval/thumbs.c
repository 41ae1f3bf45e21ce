#include "eval/thumbs.h"

#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "base/mem.h"

#define THUMB 128                              /* pixels along the longer side */
#define STRIP 6                                /* frames of a strip */
#define STRIP_HEIGHT 56

/* (H, W) shrunk to w x h into columns x.. of a picture `stride` pixels wide. */
static void shrink(uint8_t *dst, int stride, const uint8_t *src, int H, int W, int h, int w)
{
    vs_resize *plan = vs_resize_new(W, H, (vs_rect){ 0, 0, W, H }, w, h, false);
    uint8_t *small = vs_new((size_t)w * (size_t)h * 3);
    void *tmp = vs_new(vs_resize_scratch(plan));
    vs_resize_run(plan, small, src, tmp);
    for (int y = 0; y < h; y++)
        memcpy(dst + (size_t)y * (size_t)stride * 3, small + (size_t)y * (size_t)w * 3,
               (size_t)w * 3);
    vs_resize_free(&plan);
    free(small);
    free(tmp);
}

char *vs_thumb_frame(const uint8_t *frame, int H, int W)
{
    const int longer = H > W ? H : W, most = longer < THUMB ? longer : THUMB;
    const int h = H * most / longer > 0 ? H * most / longer : 1;
    const int w = W * most / longer > 0 ? W * most / longer : 1;
    uint8_t *small = vs_new((size_t)w * (size_t)h * 3);
    shrink(small, w, frame, H, W, h, w);
    char *uri = vs_png_data_uri(w, h, small);
    free(small);
    return uri;
}

/* STRIP frames of a view, evenly spread, side by side. */
char *vs_thumb_strip(const uint8_t *view, int T, int H, int W)
{
    const int h = H < STRIP_HEIGHT ? H : STRIP_HEIGHT, w = W * h / H > 0 ? W * h / H : 1;
    const int width = STRIP * (w + 2) - 2;
    uint8_t *picture = vs_new((size_t)width * (size_t)h * 3);
    memset(picture, 128, (size_t)width * (size_t)h * 3);
    for (int i = 0; i < STRIP; i++)
        shrink(picture + (size_t)i * (size_t)(w + 2) * 3, width,
               view + (size_t)(i * (T - 1) / (STRIP - 1)) * (size_t)H * (size_t)W * 3, H, W, h, w);
    char *uri = vs_png_data_uri(width, h, picture);
    free(picture);
    return uri;
}
