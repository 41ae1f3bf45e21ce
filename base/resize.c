/* Separable resampling: each output column and row is a weighted sum of a few
 * neighbours; the weights are whole numbers that sum to 2^14.
 *
 *     centre(i) = r0 + (i + 1/2) * scale - 1/2      scale = r / n
 *     weight(j) ~ max(0, 1 - |j - centre(i)| / max(scale, 1))
 *
 * Columns first, into rows of 16-bit values with 6 fraction bits, then rows. The weights are made
 * in base/resample_core.h; CUDA twin: gen/scene/clip.cu.
 */
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "base/mem.h"
#include "base/resample_core.h"

struct axis {
    int n, taps;
    int *first;                    /* (n) first source index */
    int32_t *weight;               /* (n, taps) */
};

struct vs_resize {
    int src_w, src_h, w, h;
    int row0, rows;                /* source rows that are needed at all */
    struct axis x, y;
};

static void axis_make(struct axis *a, int source, double r0, double r, int n, bool flip)
{
    const vs_axis axis = vs_axis_of(source, r0, r, n);
    a->n = n;
    a->taps = axis.taps;
    a->first = vs_new(sizeof(int) * (size_t)n);
    a->weight = vs_new(sizeof(int32_t) * (size_t)n * (size_t)a->taps);
    for (int i = 0; i < n; i++) {
        const int to = flip ? n - 1 - i : i;
        a->first[to] = vs_axis_weights(a->weight + (size_t)to * (size_t)a->taps, &axis, i);
    }
}

vs_resize *vs_resize_new(int src_w, int src_h, vs_rect rect, int w, int h, bool flip)
{
    VS_ASSERT(src_w > 0 && src_h > 0 && w > 0 && h > 0 && rect.rw > 0 && rect.rh > 0);
    vs_resize *plan = vs_new(sizeof(*plan));
    plan->src_w = src_w;
    plan->src_h = src_h;
    plan->w = w;
    plan->h = h;
    axis_make(&plan->x, src_w, rect.x0, rect.rw, w, flip);
    axis_make(&plan->y, src_h, rect.y0, rect.rh, h, false);
    int end = 0;
    plan->row0 = src_h;
    for (int i = 0; i < h; i++) {
        if (plan->y.first[i] < plan->row0)
            plan->row0 = plan->y.first[i];
        if (plan->y.first[i] + plan->y.taps > end)
            end = plan->y.first[i] + plan->y.taps;
    }
    plan->rows = end - plan->row0;
    return plan;
}

size_t vs_resize_scratch(const vs_resize *plan)
{
    return (size_t)plan->rows * (size_t)plan->w * 3 * sizeof(uint16_t) +
           (size_t)plan->w * 3 * sizeof(int32_t);
}

static void columns(const struct axis *x, uint16_t *out, const uint8_t *row)
{
    for (int i = 0; i < x->n; i++) {
        const int32_t *w = x->weight + (size_t)i * (size_t)x->taps;
        const uint8_t *p = row + 3 * (size_t)x->first[i];
        int32_t r = 1 << (13 - VS_RESAMPLE_KEEP), g = r, b = r;
        for (int t = 0; t < x->taps; t++, p += 3) {
            r += w[t] * p[0];
            g += w[t] * p[1];
            b += w[t] * p[2];
        }
        out[3 * i] = (uint16_t)(r >> (14 - VS_RESAMPLE_KEEP));
        out[3 * i + 1] = (uint16_t)(g >> (14 - VS_RESAMPLE_KEEP));
        out[3 * i + 2] = (uint16_t)(b >> (14 - VS_RESAMPLE_KEEP));
    }
}

void vs_resize_run(const vs_resize *plan, uint8_t *dst, const uint8_t *src, void *tmp)
{
    const size_t width = 3 * (size_t)plan->w;
    int32_t *sum = tmp;
    uint16_t *mid = (uint16_t *)(sum + width);
    for (int r = 0; r < plan->rows; r++)
        columns(&plan->x, mid + (size_t)r * width,
                src + (size_t)(plan->row0 + r) * (size_t)plan->src_w * 3);
    for (int i = 0; i < plan->h; i++) {
        const int32_t *w = plan->y.weight + (size_t)i * (size_t)plan->y.taps;
        const uint16_t *from = mid + (size_t)(plan->y.first[i] - plan->row0) * width;
        for (size_t c = 0; c < width; c++)
            sum[c] = 1 << (13 + VS_RESAMPLE_KEEP);
        for (int t = 0; t < plan->y.taps; t++)
            for (size_t c = 0; w[t] && c < width; c++)
                sum[c] += w[t] * from[(size_t)t * width + c];
        for (size_t c = 0; c < width; c++)
            dst[(size_t)i * width + c] = (uint8_t)(sum[c] >> (14 + VS_RESAMPLE_KEEP));
    }
}

void vs_resize_free(vs_resize **plan)
{
    if (!*plan)
        return;
    free((*plan)->x.first);
    free((*plan)->x.weight);
    free((*plan)->y.first);
    free((*plan)->y.weight);
    free(*plan);
    *plan = NULL;
}
