/* Views out of planes. Formulas: view.h
 *
 * A strip of LANES output rows at a time:
 *     rows       weighted sums of plane rows            (LANES, columns) 16 bit
 *     turned     the transpose, so that a column is LANES values side by side
 *     columns    weighted sums of columns, colours      (3 w, LANES) 8 bit
 *     turned     the transpose is LANES rows of the picture
 * Every inner loop runs over neighbours in memory, whatever the filter.
 */
#include "ingest/store/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/store/lanes.h"

#define LANES VS_LANES
#define ONE (1 << 14)
#define ROUND_UP(n, to) (((n) + (to) - 1) / (to) * (to))

/* The same integers from each of the three; the compiler widens the loops. */
#define KERNEL __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))

/* ---- Weights ------------------------------------------------------------------------------- */

/* Grows and keeps; false when there is no memory, with what was there untouched. */
static bool grow(void **block, size_t *room, size_t need)
{
    if (need <= *room)
        return true;
    void *bigger = NULL;
    if (posix_memalign(&bigger, 64, ROUND_UP(need, 64)) != 0)
        return false;
    memset(bigger, 0, ROUND_UP(need, 64));
    free(*block);
    *block = bigger;
    *room = need;
    return true;
}

static void weigh(int16_t *w, double *v, int first, int taps, double centre, double reach)
{
    double sum = 0;
    for (int t = 0; t < taps; t++)
        sum += v[t] = fmax(0, 1 - fabs(first + t - centre) / reach);
    int total = 0, largest = 0;
    for (int t = 0; t < taps; t++) {
        w[t] = sum > 0 ? (int16_t)(v[t] / sum * ONE + 0.5) : 0;
        total += w[t];
        largest = w[t] > w[largest] ? t : largest;
    }
    if (sum <= 0)                  /* centre outside by half a sample or more: the edge */
        largest = centre < first ? 0 : taps - 1;
    w[largest] = (int16_t)(w[largest] + ONE - total);
}

static vs_err fill_axis(vs_view_axis *a, int source, double r0, double r, int n, bool flip)
{
    const double scale = r / n, reach = scale > 1 ? scale : 1;
    const double most = ceil(2 * reach);       /* whole numbers in an open interval that wide */
    a->n = n;
    a->taps = most < source ? (int)most : source;
    double few[64], *v = a->taps <= 64 ? few : malloc(sizeof(*v) * (size_t)a->taps);
    if (!v || !grow((void **)&a->first, &a->first_room, sizeof(int) * (size_t)n) ||
        !grow((void **)&a->weight, &a->weight_room,
              sizeof(int16_t) * (size_t)n * (size_t)a->taps)) {
        if (v != few)
            free(v);
        return VS_FAIL(VS_ERR_NOMEM, "the weights of a view do not fit in memory");
    }
    a->from = source;
    a->end = 0;
    for (int i = 0; i < n; i++) {
        const int to = flip ? n - 1 - i : i;
        const double centre = r0 + (i + 0.5) * scale - 0.5;
        int first = (int)floor(centre - reach) + 1;
        first = first > source - a->taps ? source - a->taps : first;
        first = first < 0 ? 0 : first;
        weigh(a->weight + (size_t)to * (size_t)a->taps, v, first, a->taps, centre, reach);
        a->first[to] = first;
        a->from = first < a->from ? first : a->from;
        a->end = first + a->taps > a->end ? first + a->taps : a->end;
    }
    if (v != few)
        free(v);
    return VS_OK;
}

/* Scratch of a strip: rows, then their transpose, of the three planes; the strip of bytes. */
static size_t columns_room(const vs_view_axis *x)
{
    return (size_t)ROUND_UP(x->end - x->from, 8) * LANES;
}

static size_t bytes_room(const vs_view *v)
{
    return (size_t)ROUND_UP(3 * v->w, 16) * LANES;
}

vs_err vs_view_fill(vs_view *v, const vs_view_planes *p, vs_rect crop, int w, int h, bool flip)
{
    v->w = w;
    v->h = h;
    if (!v->lanes)
        v->lanes = vs_lanes_best();
    for (int k = 0; k < 2; k++) {
        const double s = p->share[k] / 16.0;
        VS_TRY(fill_axis(&v->x[k], p->W[k], crop.x0 * s, crop.rw * s, w, flip));
        VS_TRY(fill_axis(&v->y[k], p->H[k], crop.y0 * s, crop.rh * s, h, false));
    }
    const size_t wide = columns_room(&v->x[0]), half = columns_room(&v->x[1]);
    const size_t rows = wide > half ? wide : half;
    const size_t need = sizeof(int16_t) * (rows + wide + 2 * half) + 2 * bytes_room(v);
    if (!grow(&v->scratch, &v->scratch_room, need))
        return VS_FAIL(VS_ERR_NOMEM, "%zu bytes for a view do not fit in memory", need);
    return VS_OK;
}

void vs_view_free(vs_view *v)
{
    for (int k = 0; k < 2; k++) {
        free(v->x[k].first);
        free(v->x[k].weight);
        free(v->y[k].first);
        free(v->y[k].weight);
    }
    free(v->scratch);
    *v = (vs_view){ 0 };
}

/* ---- Turning ------------------------------------------------------------------------------- */

typedef int16_t eight __attribute__((vector_size(16)));
typedef uint8_t sixteen __attribute__((vector_size(16)));

#define MIX8(a, b, lo)                                                           \
    ((lo) ? __builtin_shufflevector((a), (b), 0, 8, 1, 9, 2, 10, 3, 11)          \
          : __builtin_shufflevector((a), (b), 4, 12, 5, 13, 6, 14, 7, 15))
#define MIX16(a, b, lo)                                                          \
    ((lo) ? __builtin_shufflevector((a), (b), 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, \
                                    5, 21, 6, 22, 7, 23)                         \
          : __builtin_shufflevector((a), (b), 8, 24, 9, 25, 10, 26, 11, 27, 12,  \
                                    28, 13, 29, 14, 30, 15, 31))

/* Mixing rows i and i + half, three times, is the transpose of 8 x 8 (four times: 16 x 16). */
static void turn8(int16_t *to, int to_stride, const int16_t *from, int stride)
{
    eight a[8], b[8];
    for (int i = 0; i < 8; i++)
        memcpy(&a[i], from + (ptrdiff_t)i * stride, sizeof(*a));
    for (int pass = 0; pass < 3; pass++) {
        for (int i = 0; i < 4; i++) {
            b[2 * i] = MIX8(a[i], a[i + 4], true);
            b[2 * i + 1] = MIX8(a[i], a[i + 4], false);
        }
        memcpy(a, b, sizeof(a));
    }
    for (int i = 0; i < 8; i++)
        memcpy(to + (ptrdiff_t)i * to_stride, &a[i], sizeof(*a));
}

static void turn16(uint8_t *to, int to_stride, const uint8_t *from, int stride)
{
    sixteen a[16], b[16];
    for (int i = 0; i < 16; i++)
        memcpy(&a[i], from + (ptrdiff_t)i * stride, sizeof(*a));
    for (int pass = 0; pass < 4; pass++) {
        for (int i = 0; i < 8; i++) {
            b[2 * i] = MIX16(a[i], a[i + 8], true);
            b[2 * i + 1] = MIX16(a[i], a[i + 8], false);
        }
        memcpy(a, b, sizeof(a));
    }
    for (int i = 0; i < 16; i++)
        memcpy(to + (ptrdiff_t)i * to_stride, &a[i], sizeof(*a));
}

/* ---- A strip ------------------------------------------------------------------------------- */

/* LANES rows of one plane, summed and turned: columns (end - from, LANES). Rows beyond the last
 * repeat it. */
static void turn_rows(const vs_lanes *lanes, int16_t *columns, int16_t *rows,
                      const vs_view_axis *x, const vs_view_axis *y, const uint8_t *plane,
                      int stride, int row0, int at)
{
    const int n = x->end - x->from, pitch = ROUND_UP(n, 8);
    for (int l = 0; l < LANES; l++) {
        const int i = at + l < y->n ? at + l : y->n - 1;
        lanes->rows(rows + (ptrdiff_t)l * pitch,
                    plane + (ptrdiff_t)(y->first[i] - row0) * stride + x->from, stride,
                    y->weight + (size_t)i * (size_t)y->taps, y->taps, n);
    }
    for (int l = 0; l < LANES; l += 8)
        for (int c = 0; c < pitch; c += 8)
            turn8(columns + (ptrdiff_t)c * LANES + l, LANES, rows + (ptrdiff_t)l * pitch + c,
                  pitch);
}

/* The first `count` lanes of (3 w, LANES) bytes as rows of the picture. */
static void write_rows(uint8_t *rgb, const uint8_t *bytes, uint8_t *edge, int width, int count)
{
    const int whole = width / 16 * 16;
    for (int l = 0; l < count; l += 16) {
        const int left = count - l < 16 ? count - l : 16;
        for (int c = 0; c < width; c += 16) {
            uint8_t *to = rgb + (ptrdiff_t)l * width + c;
            const uint8_t *from = bytes + (ptrdiff_t)c * LANES + l;
            if (left == 16 && c < whole) {
                turn16(to, width, from, LANES);
                continue;
            }
            turn16(edge, 16, from, LANES);
            for (int i = 0; i < left; i++)
                memcpy(to + (ptrdiff_t)i * width, edge + 16 * i,
                       (size_t)(c < whole ? 16 : width - whole));
        }
    }
}

void vs_view_run(vs_view *v, uint8_t *rgb, const uint8_t *const plane[3], const int stride[3],
                 const int row0[3])
{
    const size_t wide = columns_room(&v->x[0]), half = columns_room(&v->x[1]);
    int16_t *const rows = v->scratch, *columns[3];
    columns[0] = rows + (wide > half ? wide : half);
    columns[1] = columns[0] + wide;
    columns[2] = columns[1] + half;
    uint8_t *const bytes = (uint8_t *)(columns[2] + half), *const edge = bytes + bytes_room(v);
    for (int at = 0; at < v->h; at += LANES) {
        for (int p = 0; p < 3; p++)
            turn_rows(v->lanes, columns[p], rows, &v->x[p > 0], &v->y[p > 0], plane[p], stride[p],
                      row0[p], at);
        v->lanes->columns(bytes, v->x, columns[0], columns[1], columns[2]);
        write_rows(rgb + (size_t)at * 3 * (size_t)v->w, bytes, edge, 3 * v->w,
                   v->h - at < LANES ? v->h - at : LANES);
    }
}

KERNEL void vs_view_normalise(float *out, const uint8_t *rgb, size_t pixels, const float mean[3],
                              const float std[3])
{
    /* Of 16 pixels, so that colour and place are known inside. */
    float factor[48], offset[48];
    for (int i = 0; i < 48; i++) {
        factor[i] = 1 / (255 * std[i % 3]);
        offset[i] = -mean[i % 3] / std[i % 3];
    }
    const size_t n = 3 * pixels, whole = n / 48 * 48;
    for (size_t i = 0; i < whole; i += 48)
        for (int c = 0; c < 48; c++)
            out[i + (size_t)c] = (float)rgb[i + (size_t)c] * factor[c] + offset[c];
    for (size_t i = whole; i < n; i++)
        out[i] = (float)rgb[i] * factor[i - whole] + offset[i - whole];
}
