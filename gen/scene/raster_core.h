/* The rasteriser itself: polygons and ellipses into rows of bits, one text for C and CUDA.
 * Rules: gen/scene/raster.h
 *
 * Fixed point: 16.16 in 64-bit integers. An arithmetic shift right is a floor.
 */
#ifndef VSYN_GEN_SCENE_RASTER_CORE_H
#define VSYN_GEN_SCENE_RASTER_CORE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hd.h"
#include "gen/scene/raster.h"

enum { VS_RASTER_SHIFT = 16, VS_ELLIPSE_MAX = 74 };
#define VS_RASTER_ONE ((int64_t)1 << VS_RASTER_SHIFT)
#define VS_RASTER_HALF ((int64_t)1 << (VS_RASTER_SHIFT - 1))

typedef struct vs_point {
    int64_t x, y;
} vs_point;

VS_HD int64_t vs_raster_abs(int64_t v)
{
    return v < 0 ? -v : v;
}

/* ---- Bits ------------------------------------------------------------------------------ */

/* Rows y0..y1, clipped to the picture, may hold bits from now on. */
VS_HD void vs_raster_touch(vs_mask *m, int64_t y0, int64_t y1)
{
    const int top = y0 < 0 ? 0 : y0 > m->size ? m->size : (int)y0;
    const int bottom = y1 >= m->size ? m->size : y1 < 0 ? 0 : (int)y1 + 1;
    m->top = top < m->top ? top : m->top;
    m->bottom = bottom > m->bottom ? bottom : m->bottom;
}

VS_HD void vs_raster_set(vs_mask *m, int x, int y)
{
    m->row[(size_t)y * (size_t)m->words + (size_t)(x >> 6)] |= (uint64_t)1 << (x & 63);
}

VS_HD void vs_raster_set_clipped(vs_mask *m, int64_t x, int64_t y)
{
    if (x >= 0 && x < m->size && y >= 0 && y < m->size)
        vs_raster_set(m, (int)x, (int)y);
}

/* Pixels x0..x1 of row y, clipped to the width; y is inside. */
VS_HD void vs_raster_span(vs_mask *m, int64_t x0, int64_t x1, int y)
{
    if (x0 < 0)
        x0 = 0;
    if (x1 >= m->size)
        x1 = m->size - 1;
    if (x0 > x1)
        return;
    uint64_t *const row = m->row + (size_t)y * (size_t)m->words;
    const int a = (int)x0 >> 6, b = (int)x1 >> 6;
    const uint64_t first = ~(uint64_t)0 << (x0 & 63), last = ~(uint64_t)0 >> (63 - (x1 & 63));
    if (a == b) {
        row[a] |= first & last;
        return;
    }
    row[a] |= first;
    for (int w = a + 1; w < b; w++)
        row[w] = ~(uint64_t)0;
    row[b] |= last;
}

/* ---- Lines ------------------------------------------------------------------------------- */

/* Which sides of the w x h rectangle a point is beyond: 1 left, 2 right, 4 above, 8 below. */
VS_HD int vs_raster_outside(const vs_point *p, int64_t w, int64_t h)
{
    return (p->x < 0) + (p->x >= w) * 2 + (p->y < 0) * 4 + (p->y >= h) * 8;
}

/* Moves `p` along the line to `q` onto the nearer horizontal border; `q` may have moved. */
VS_HD void vs_raster_clip_rows(vs_point *p, const vs_point *q, int side, int64_t h)
{
    const int64_t y = side < 8 ? 0 : h - 1;
    p->x += (int64_t)((double)(y - p->y) * (double)(q->x - p->x) / (double)(q->y - p->y));
    p->y = y;
}

VS_HD void vs_raster_clip_columns(vs_point *p, const vs_point *q, int side, int64_t w)
{
    const int64_t x = side == 1 ? 0 : w - 1;
    p->y += (int64_t)((double)(x - p->x) * (double)(q->y - p->y) / (double)(q->x - p->x));
    p->x = x;
}

/* Cohen-Sutherland, first end first, rows before columns: the order decides the rounding.
 * False when nothing is left. */
VS_HD bool vs_raster_clip(vs_point *p, vs_point *q, int64_t w, int64_t h)
{
    int a = vs_raster_outside(p, w, h), b = vs_raster_outside(q, w, h);
    if ((a & b) != 0 || (a | b) == 0)
        return (a | b) == 0;
    if (a & 12) {
        vs_raster_clip_rows(p, q, a, h);
        a = vs_raster_outside(p, w, h) & 3;
    }
    if (b & 12) {
        vs_raster_clip_rows(q, p, b, h);
        b = vs_raster_outside(q, w, h) & 3;
    }
    if ((a & b) != 0 || (a | b) == 0)
        return (a | b) == 0;
    if (a)
        vs_raster_clip_columns(p, q, a, w);
    if (b)
        vs_raster_clip_columns(q, p, b, w);
    return true;
}

VS_HD void vs_raster_swap(vs_point *p, vs_point *q)
{
    const vs_point keep = *p;
    *p = *q;
    *q = keep;
}

/* Bresenham from left to right, pixel ends. */
VS_HD void vs_raster_line(vs_mask *m, vs_point p, vs_point q)
{
    if (!vs_raster_clip(&p, &q, m->size, m->size))
        return;
    if (q.x < p.x)
        vs_raster_swap(&p, &q);
    const int dx = (int)(q.x - p.x), dy = (int)vs_raster_abs(q.y - p.y);
    const int down = q.y < p.y ? -m->words : m->words;
    uint64_t *row = m->row + (size_t)p.y * (size_t)m->words;
    int x = (int)p.x;
    if (dy == 0) {
        vs_raster_span(m, x, q.x, (int)p.y);
        return;
    }
    const bool steep = dy > dx;
    const int along = steep ? dy : dx, across = steep ? dx : dy;
    int rest = along - 2 * across;
    if (steep)
        for (int k = 0; k <= along; k++, row += down) {
            row[x >> 6] |= (uint64_t)1 << (x & 63);
            const int turn = rest < 0;
            rest += (turn ? 2 * along : 0) - 2 * across;
            x += turn;
        }
    else
        for (int k = 0; k <= along; k++, x++) {
            row[x >> 6] |= (uint64_t)1 << (x & 63);
            const bool turn = rest < 0;
            rest += (turn ? 2 * along : 0) - 2 * across;
            row += turn ? down : 0;
        }
}

/* The line between two 16.16 points: steps of one pixel along the longer axis, the other
 * axis rounded; the far end is set on its own. */
VS_HD void vs_raster_line_fixed(vs_mask *m, vs_point p, vs_point q)
{
    const int64_t one = VS_RASTER_ONE, half = VS_RASTER_HALF;
    if (!vs_raster_clip(&p, &q, m->size * one, m->size * one))
        return;
    const bool flat = vs_raster_abs(q.x - p.x) > vs_raster_abs(q.y - p.y);
    if (flat ? q.x < p.x : q.y < p.y)
        vs_raster_swap(&p, &q);
    const int64_t dx = q.x - p.x, dy = q.y - p.y;
    vs_raster_set_clipped(m, (q.x + half) >> VS_RASTER_SHIFT, (q.y + half) >> VS_RASTER_SHIFT);
    if (flat) {
        const int64_t step = dy * one / (dx | 1);
        int64_t y = p.y + half, x = (p.x + half) >> VS_RASTER_SHIFT;
        for (int64_t n = dx >> VS_RASTER_SHIFT; n >= 0; n--, x++, y += step)
            vs_raster_set_clipped(m, x, y >> VS_RASTER_SHIFT);
    } else {
        const int64_t step = dx * one / (dy | 1);
        int64_t x = p.x + half, y = (p.y + half) >> VS_RASTER_SHIFT;
        for (int64_t n = dy >> VS_RASTER_SHIFT; n >= 0; n--, y++, x += step)
            vs_raster_set_clipped(m, x >> VS_RASTER_SHIFT, y);
    }
}

/* Can a shape with these bounds touch the picture? One pixel of slack for rounding. */
VS_HD bool vs_raster_in_sight(const vs_mask *m, int64_t x0, int64_t x1, int64_t y0, int64_t y1)
{
    return x1 >= -1 && x0 <= m->size && y1 >= -1 && y0 <= m->size;
}

/* ---- Polygons ------------------------------------------------------------------------------ */

typedef struct vs_edge {
    int y0, y1;                    /* rows y0 <= y < y1 */
    int64_t x, dx;                 /* 16.16 at y0, and per row */
} vs_edge;

VS_HD int vs_raster_edges(vs_edge *e, const int *x, const int *y, int n)
{
    int used = 0;
    for (int i = 0, j = n - 1; i < n; j = i++) {
        if (y[i] == y[j])
            continue;
        const int upper = y[i] < y[j] ? i : j;
        e[used].y0 = y[upper];
        e[used].y1 = y[upper == i ? j : i];
        e[used].x = (int64_t)x[upper] * VS_RASTER_ONE;
        e[used].dx = ((int64_t)x[i] - x[j]) * VS_RASTER_ONE / ((int64_t)y[i] - y[j]);
        used++;
    }
    return used;
}

/* Rows y..end-1, which these two edges cross and no other. */
VS_HD void vs_raster_fill_two(vs_mask *m, const vs_edge *a, const vs_edge *b, int y, int end)
{
    int64_t xa = a->x + ((int64_t)y - a->y0) * a->dx, xb = b->x + ((int64_t)y - b->y0) * b->dx;
    for (; y < end; y++, xa += a->dx, xb += b->dx) {
        const int64_t left = xa < xb ? xa : xb, right = xa < xb ? xb : xa;
        vs_raster_span(m, (left + VS_RASTER_ONE - 1) >> VS_RASTER_SHIFT,
                       right >> VS_RASTER_SHIFT, y);
    }
}

/* Row y between the 1st and 2nd crossing, the 3rd and 4th, ...; `active` edges cross it. */
VS_HD void vs_raster_fill_row(vs_mask *m, const vs_edge *e, const int *active, int n, int y)
{
    int64_t cross[VS_POLYGON_MAX];
    for (int i = 0; i < n; i++) {
        const vs_edge *a = &e[active[i]];
        const int64_t x = a->x + ((int64_t)y - a->y0) * a->dx;
        int at = i;
        for (; at > 0 && cross[at - 1] > x; at--)
            cross[at] = cross[at - 1];
        cross[at] = x;
    }
    for (int k = 0; k + 1 < n; k += 2)
        vs_raster_span(m, (cross[k] + VS_RASTER_ONE - 1) >> VS_RASTER_SHIFT,
                       cross[k + 1] >> VS_RASTER_SHIFT, y);
}

/* Even-odd fill of rows top..bottom-1, band by band: no edge begins or ends inside one. */
VS_HD void vs_raster_fill(vs_mask *m, const vs_edge *e, int edges, int top, int bottom)
{
    int active[VS_POLYGON_MAX];
    for (int y = top; y < bottom;) {
        int n = 0, end = bottom;
        for (int i = 0; i < edges; i++) {
            if (y >= e[i].y0 && y < e[i].y1) {
                active[n++] = i;
                end = e[i].y1 < end ? e[i].y1 : end;
            } else if (e[i].y0 > y) {
                end = e[i].y0 < end ? e[i].y0 : end;
            }
        }
        if (n == 2)
            vs_raster_fill_two(m, &e[active[0]], &e[active[1]], y, end);
        else
            for (int row = y; n > 0 && row < end; row++)
                vs_raster_fill_row(m, e, active, n, row);
        y = end;
    }
}

VS_HD void vs_raster_polygon_core(vs_mask *m, const int *x, const int *y, int n)
{
    vs_edge e[VS_POLYGON_MAX];
    int left = x[0], right = x[0], top = y[0], bottom = y[0];
    for (int i = 1; i < n; i++) {
        left = x[i] < left ? x[i] : left;
        right = x[i] > right ? x[i] : right;
        top = y[i] < top ? y[i] : top;
        bottom = y[i] > bottom ? y[i] : bottom;
    }
    if (!vs_raster_in_sight(m, left, right, top, bottom))
        return;
    vs_raster_touch(m, top, bottom);
    const int edges = vs_raster_edges(e, x, y, n);
    vs_raster_fill(m, e, edges, top < 0 ? 0 : top, bottom > m->size ? m->size : bottom);
    for (int i = 0, j = n - 1; i < n; j = i++) {
        vs_point p, q;
        p.x = x[j];
        p.y = y[j];
        q.x = x[i];
        q.y = y[i];
        vs_raster_line(m, p, q);
    }
}

/* ---- Ellipses ------------------------------------------------------------------------------- */

/* Sine of whole degrees, 0..450, with 7 decimals: the precision of the reference's table,
 * which decides where corners of an ellipse are rounded. */
VS_HD double vs_raster_sine(int degrees)
{
    static const float quarter[91] = {
        0.0000000f, 0.0174524f, 0.0348995f, 0.0523360f, 0.0697565f, 0.0871557f, 0.1045285f,
        0.1218693f, 0.1391731f, 0.1564345f, 0.1736482f, 0.1908090f, 0.2079117f, 0.2249511f,
        0.2419219f, 0.2588190f, 0.2756374f, 0.2923717f, 0.3090170f, 0.3255682f, 0.3420201f,
        0.3583679f, 0.3746066f, 0.3907311f, 0.4067366f, 0.4226183f, 0.4383711f, 0.4539905f,
        0.4694716f, 0.4848096f, 0.5000000f, 0.5150381f, 0.5299193f, 0.5446390f, 0.5591929f,
        0.5735764f, 0.5877853f, 0.6018150f, 0.6156615f, 0.6293204f, 0.6427876f, 0.6560590f,
        0.6691306f, 0.6819984f, 0.6946584f, 0.7071068f, 0.7193398f, 0.7313537f, 0.7431448f,
        0.7547096f, 0.7660444f, 0.7771460f, 0.7880108f, 0.7986355f, 0.8090170f, 0.8191520f,
        0.8290376f, 0.8386706f, 0.8480481f, 0.8571673f, 0.8660254f, 0.8746197f, 0.8829476f,
        0.8910065f, 0.8987940f, 0.9063078f, 0.9135455f, 0.9205049f, 0.9271839f, 0.9335804f,
        0.9396926f, 0.9455186f, 0.9510565f, 0.9563048f, 0.9612617f, 0.9659258f, 0.9702957f,
        0.9743701f, 0.9781476f, 0.9816272f, 0.9848078f, 0.9876883f, 0.9902681f, 0.9925462f,
        0.9945219f, 0.9961947f, 0.9975641f, 0.9986295f, 0.9993908f, 0.9998477f, 1.0000000f,
    };
    const int d = degrees % 360, half = d % 180;
    const float s = quarter[half <= 90 ? half : 180 - half];
    return d < 180 ? s : -s;
}

/* Corners in 16.16, consecutive ones different; the last repeats the first. */
VS_HD int vs_raster_ellipse_corners(vs_point v[VS_ELLIPSE_MAX], int cx, int cy, int64_t ax,
                                    int64_t ay, int degrees)
{
    const int64_t longer = ax > ay ? ax : ay;
    const int step = longer < 3 ? 90 : longer < 10 ? 30 : longer < 15 ? 18 : 5;
    const int turn = ((degrees % 360) + 360) % 360;
    const double one = (double)VS_RASTER_ONE;
    const double c = vs_raster_sine(turn <= 90 ? 90 - turn : 450 - turn);
    const double s = vs_raster_sine(turn);
    const double x0 = cx * one, y0 = cy * one, w = (double)ax * one, h = (double)ay * one;
    int n = 0;
    for (int a = 0; a < 360 + step; a += step) {
        const int at = a < 360 ? a : 360;
        const double x = w * vs_raster_sine(450 - at), y = h * vs_raster_sine(at);
        vs_point p;
        p.x = llrint(x0 + x * c - y * s);
        p.y = llrint(y0 + x * s + y * c);
        if (n == 0 || p.x != v[n - 1].x || p.y != v[n - 1].y)
            v[n++] = p;
    }
    if (n == 1) {
        v[0].x = cx * VS_RASTER_ONE;
        v[0].y = cy * VS_RASTER_ONE;
        v[1] = v[0];
        n = 2;
    }
    return n;
}

/* One side of a convex polygon, walked downwards from its first topmost corner. */
typedef struct vs_side {
    int at, turn;                  /* corner that the current edge ends in; +1 or n - 1 */
    int64_t end;                   /* row in which it ends */
    int64_t x, dx;
} vs_side;

/* The next edge that goes below row y. `left` counts the edges that remain for both sides:
 * below zero when none was found. */
VS_HD void vs_raster_next_edge(vs_side *s, const vs_point *v, int n, int64_t y, int *left)
{
    int from = s->at, to = (from + s->turn) % n;
    while ((*left)-- > 0) {
        const int64_t end = (v[to].y + VS_RASTER_HALF) >> VS_RASTER_SHIFT;
        if (end > y) {
            s->end = end;
            s->dx = ((v[to].x - v[from].x) * 2 + (end - y)) / (2 * (end - y));
            s->x = v[from].x;
            s->at = to;
            return;
        }
        from = to;
        to = (to + s->turn) % n;
    }
}

VS_HD void vs_raster_fill_convex(vs_mask *m, const vs_point *v, int n)
{
    int first = 0, left = n;
    int64_t lowest = v[0].y;
    for (int i = 1; i < n; i++) {
        if (v[i].y < v[first].y)
            first = i;
        lowest = v[i].y > lowest ? v[i].y : lowest;
    }
    int64_t y = (v[first].y + VS_RASTER_HALF) >> VS_RASTER_SHIFT;
    int64_t bottom = (lowest + VS_RASTER_HALF) >> VS_RASTER_SHIFT;
    if (bottom >= m->size)
        bottom = m->size - 1;
    vs_side s[2];
    for (int k = 0; k < 2; k++) {
        s[k].at = first;
        s[k].turn = k ? n - 1 : 1;
        s[k].end = y;
        s[k].x = -VS_RASTER_ONE;
        s[k].dx = 0;
    }
    while (y <= bottom) {
        for (int k = 0; k < 2; k++)
            if (y >= s[k].end)
                vs_raster_next_edge(&s[k], v, n, y, &left);
        if (left < 0)
            break;
        int64_t rows = 1;
        if (y >= 0) {
            const int swap = s[0].x > s[1].x;
            vs_raster_span(m, (s[swap].x + VS_RASTER_HALF) >> VS_RASTER_SHIFT,
                           (s[!swap].x + VS_RASTER_HALF) >> VS_RASTER_SHIFT, (int)y);
        } else {
            /* Nothing to see above the picture: go on at the next corner or at row 0. */
            rows = (s[0].end < s[1].end ? s[0].end : s[1].end) - y;
            rows = rows > -y ? -y : rows < 1 ? 1 : rows;
        }
        s[0].x += rows * s[0].dx;
        s[1].x += rows * s[1].dx;
        y += rows;
    }
}

VS_HD void vs_raster_ellipse_core(vs_mask *m, int cx, int cy, int ax, int ay, int degrees)
{
    vs_point v[VS_ELLIPSE_MAX];
    const int64_t w = vs_raster_abs(ax), h = vs_raster_abs(ay), reach = w > h ? w : h;
    if (!vs_raster_in_sight(m, cx - reach, cx + reach, cy - reach, cy + reach))
        return;
    vs_raster_touch(m, cy - reach - 1, cy + reach + 1);
    const int n = vs_raster_ellipse_corners(v, cx, cy, w, h, degrees);
    for (int i = 0, j = n - 1; i < n; j = i++)
        vs_raster_line_fixed(m, v[j], v[i]);
    if (n >= 3)
        vs_raster_fill_convex(m, v, n);
}

#endif /* VSYN_GEN_SCENE_RASTER_CORE_H */
