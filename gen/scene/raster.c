/* The rasteriser: polygons and ellipses into rows of bits. Rules: gen/scene/raster.h
 *
 * Fixed point: 16.16 in 64-bit integers. An arithmetic shift right is a floor.
 */
#include "gen/scene/raster.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"

enum { SHIFT = 16, ELLIPSE_MAX = 74 };
static const int64_t ONE = 1 << SHIFT, HALF = 1 << (SHIFT - 1);

typedef struct point {
    int64_t x, y;
} point;

/* ---- Bits ------------------------------------------------------------------------------ */

static void touch_row(vs_mask *m, int y)
{
    if (y < m->top)
        m->top = y;
    if (y >= m->bottom)
        m->bottom = y + 1;
}

static void set_pixel(vs_mask *m, int x, int y)
{
    touch_row(m, y);
    m->row[(size_t)y * (size_t)m->words + (size_t)(x >> 6)] |= UINT64_C(1) << (x & 63);
}

static void set_pixel_clipped(vs_mask *m, int64_t x, int64_t y)
{
    if (x >= 0 && x < m->size && y >= 0 && y < m->size)
        set_pixel(m, (int)x, (int)y);
}

/* Pixels x0..x1 of row y, clipped to the width; y is inside. */
static void set_span(vs_mask *m, int64_t x0, int64_t x1, int y)
{
    if (x0 < 0)
        x0 = 0;
    if (x1 >= m->size)
        x1 = m->size - 1;
    if (x0 > x1)
        return;
    touch_row(m, y);
    uint64_t *const row = m->row + (size_t)y * (size_t)m->words;
    const int a = (int)x0 >> 6, b = (int)x1 >> 6;
    const uint64_t first = ~UINT64_C(0) << (x0 & 63), last = ~UINT64_C(0) >> (63 - (x1 & 63));
    if (a == b) {
        row[a] |= first & last;
        return;
    }
    row[a] |= first;
    for (int w = a + 1; w < b; w++)
        row[w] = ~UINT64_C(0);
    row[b] |= last;
}

/* ---- Lines ------------------------------------------------------------------------------- */

/* Which sides of the w x h rectangle a point is beyond: 1 left, 2 right, 4 above, 8 below. */
static int outside(const point *p, int64_t w, int64_t h)
{
    return (p->x < 0) + (p->x >= w) * 2 + (p->y < 0) * 4 + (p->y >= h) * 8;
}

/* Moves `p` along the line to `q` onto the nearer horizontal border; `q` may have moved. */
static void clip_rows(point *p, const point *q, int side, int64_t h)
{
    const int64_t y = side < 8 ? 0 : h - 1;
    p->x += (int64_t)((double)(y - p->y) * (double)(q->x - p->x) / (double)(q->y - p->y));
    p->y = y;
}

static void clip_columns(point *p, const point *q, int side, int64_t w)
{
    const int64_t x = side == 1 ? 0 : w - 1;
    p->y += (int64_t)((double)(x - p->x) * (double)(q->y - p->y) / (double)(q->x - p->x));
    p->x = x;
}

/* Cohen-Sutherland, first end first, rows before columns: the order decides the rounding.
 * False when nothing is left. */
static bool clip_line(point *p, point *q, int64_t w, int64_t h)
{
    int a = outside(p, w, h), b = outside(q, w, h);
    if ((a & b) != 0 || (a | b) == 0)
        return (a | b) == 0;
    if (a & 12) {
        clip_rows(p, q, a, h);
        a = outside(p, w, h) & 3;
    }
    if (b & 12) {
        clip_rows(q, p, b, h);
        b = outside(q, w, h) & 3;
    }
    if ((a & b) != 0 || (a | b) == 0)
        return (a | b) == 0;
    if (a)
        clip_columns(p, q, a, w);
    if (b)
        clip_columns(q, p, b, w);
    return true;
}

static void swap_points(point *p, point *q)
{
    const point keep = *p;
    *p = *q;
    *q = keep;
}

/* Bresenham from left to right, pixel ends. */
static void draw_line(vs_mask *m, point p, point q)
{
    if (!clip_line(&p, &q, m->size, m->size))
        return;
    if (q.x < p.x)
        swap_points(&p, &q);
    const int dx = (int)(q.x - p.x), dy = (int)(q.y > p.y ? q.y - p.y : p.y - q.y);
    const int down = q.y < p.y ? -1 : 1;
    int x = (int)p.x, y = (int)p.y;
    if (dy == 0) {
        set_span(m, x, q.x, y);
        return;
    }
    const bool steep = dy > dx;
    const int along = steep ? dy : dx, across = steep ? dx : dy;
    int rest = along - 2 * across;
    for (int k = 0; k <= along; k++) {
        set_pixel(m, x, y);
        const bool turn = rest < 0;
        rest += (turn ? 2 * along : 0) - 2 * across;
        x += steep ? turn : 1;
        y += steep || turn ? down : 0;
    }
}

/* The line between two 16.16 points: steps of one pixel along the longer axis, the other
 * axis rounded; the far end is set on its own. */
static void draw_line_fixed(vs_mask *m, point p, point q)
{
    if (!clip_line(&p, &q, (int64_t)m->size << SHIFT, (int64_t)m->size << SHIFT))
        return;
    const bool flat = llabs(q.x - p.x) > llabs(q.y - p.y);
    if (flat ? q.x < p.x : q.y < p.y)
        swap_points(&p, &q);
    const int64_t dx = q.x - p.x, dy = q.y - p.y;
    set_pixel_clipped(m, (q.x + HALF) >> SHIFT, (q.y + HALF) >> SHIFT);
    if (flat) {
        const int64_t step = dy * ONE / (dx | 1);
        int64_t y = p.y + HALF, x = (p.x + HALF) >> SHIFT;
        for (int64_t n = dx >> SHIFT; n >= 0; n--, x++, y += step)
            set_pixel_clipped(m, x, y >> SHIFT);
    } else {
        const int64_t step = dx * ONE / (dy | 1);
        int64_t x = p.x + HALF, y = (p.y + HALF) >> SHIFT;
        for (int64_t n = dy >> SHIFT; n >= 0; n--, y++, x += step)
            set_pixel_clipped(m, x >> SHIFT, y);
    }
}

/* Can a shape with these bounds touch the picture? One pixel of slack for rounding. */
static bool in_sight(const vs_mask *m, int64_t x0, int64_t x1, int64_t y0, int64_t y1)
{
    return x1 >= -1 && x0 <= m->size && y1 >= -1 && y0 <= m->size;
}

/* ---- Polygons ------------------------------------------------------------------------------ */

typedef struct edge {
    int y0, y1;                    /* rows y0 <= y < y1 */
    int64_t x, dx;                 /* 16.16 at y0, and per row */
} edge;

static int collect_edges(edge *e, const int *x, const int *y, int n)
{
    int used = 0;
    for (int i = 0, j = n - 1; i < n; j = i++) {
        if (y[i] == y[j])
            continue;
        const int upper = y[i] < y[j] ? i : j;
        e[used].y0 = y[upper];
        e[used].y1 = y[upper == i ? j : i];
        e[used].x = (int64_t)x[upper] * ONE;
        e[used].dx = ((int64_t)x[i] - x[j]) * ONE / ((int64_t)y[i] - y[j]);
        used++;
    }
    return used;
}

/* Crossings of row y, sorted; an even number. */
static int crossings(int64_t *cross, const edge *e, int n, int y)
{
    int used = 0;
    for (int i = 0; i < n; i++) {
        if (y < e[i].y0 || y >= e[i].y1)
            continue;
        const int64_t x = e[i].x + ((int64_t)y - e[i].y0) * e[i].dx;
        int at = used++;
        for (; at > 0 && cross[at - 1] > x; at--)
            cross[at] = cross[at - 1];
        cross[at] = x;
    }
    return used;
}

void vs_raster_polygon(vs_mask *m, const int *x, const int *y, int n)
{
    VS_ASSERT(n >= 3 && n <= VS_POLYGON_MAX);
    edge e[VS_POLYGON_MAX];
    int64_t cross[VS_POLYGON_MAX];
    int left = x[0], right = x[0], top = y[0], bottom = y[0];
    for (int i = 1; i < n; i++) {
        left = x[i] < left ? x[i] : left;
        right = x[i] > right ? x[i] : right;
        top = y[i] < top ? y[i] : top;
        bottom = y[i] > bottom ? y[i] : bottom;
    }
    if (!in_sight(m, left, right, top, bottom))
        return;
    const int edges = collect_edges(e, x, y, n);
    top = top < 0 ? 0 : top;
    bottom = bottom > m->size ? m->size : bottom;
    for (int row = top; row < bottom; row++) {
        const int used = crossings(cross, e, edges, row);
        for (int k = 0; k + 1 < used; k += 2)
            set_span(m, (cross[k] + ONE - 1) >> SHIFT, cross[k + 1] >> SHIFT, row);
    }
    for (int i = 0, j = n - 1; i < n; j = i++)
        draw_line(m, (point){ x[j], y[j] }, (point){ x[i], y[i] });
}

/* ---- Ellipses ------------------------------------------------------------------------------- */

/* Sine of 0..90 degrees with 7 decimals: the precision of the reference's table, which
 * decides where corners of an ellipse are rounded. */
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

/* degrees: 0..450 */
static double sine(int degrees)
{
    const int d = degrees % 360, half = d % 180;
    const float s = quarter[half <= 90 ? half : 180 - half];
    return d < 180 ? s : -s;
}

/* Corners in 16.16, consecutive ones different; the last repeats the first. */
static int ellipse_corners(point v[ELLIPSE_MAX], int cx, int cy, int64_t ax, int64_t ay,
                           int degrees)
{
    const int64_t longer = ax > ay ? ax : ay;
    const int step = longer < 3 ? 90 : longer < 10 ? 30 : longer < 15 ? 18 : 5;
    const int turn = ((degrees % 360) + 360) % 360;
    const double c = sine(turn <= 90 ? 90 - turn : 450 - turn), s = sine(turn);
    const double x0 = (double)cx * (double)ONE, y0 = (double)cy * (double)ONE;
    const double w = (double)ax * (double)ONE, h = (double)ay * (double)ONE;
    int n = 0;
    for (int a = 0; a < 360 + step; a += step) {
        const int at = a < 360 ? a : 360;
        const double x = w * sine(450 - at), y = h * sine(at);
        const point p = { llrint(x0 + x * c - y * s), llrint(y0 + x * s + y * c) };
        if (n == 0 || p.x != v[n - 1].x || p.y != v[n - 1].y)
            v[n++] = p;
    }
    if (n == 1) {
        v[0] = v[1] = (point){ cx * ONE, cy * ONE };
        n = 2;
    }
    return n;
}

/* One side of a convex polygon, walked downwards from its first topmost corner. */
typedef struct side {
    int at, turn;                  /* corner that the current edge ends in; +1 or n - 1 */
    int64_t end;                   /* row in which it ends */
    int64_t x, dx;
} side;

/* The next edge that goes below row y. `left` counts the edges that remain for both sides:
 * below zero when none was found. */
static void next_edge(side *s, const point *v, int n, int64_t y, int *left)
{
    int from = s->at, to = (from + s->turn) % n;
    while ((*left)-- > 0) {
        const int64_t end = (v[to].y + HALF) >> SHIFT;
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

static void fill_convex(vs_mask *m, const point *v, int n)
{
    int first = 0, left = n;
    int64_t lowest = v[0].y;
    for (int i = 1; i < n; i++) {
        if (v[i].y < v[first].y)
            first = i;
        lowest = v[i].y > lowest ? v[i].y : lowest;
    }
    int64_t y = (v[first].y + HALF) >> SHIFT, bottom = (lowest + HALF) >> SHIFT;
    if (bottom >= m->size)
        bottom = m->size - 1;
    side s[2] = { { first, 1, y, -ONE, 0 }, { first, n - 1, y, -ONE, 0 } };
    while (y <= bottom) {
        for (int k = 0; k < 2; k++)
            if (y >= s[k].end)
                next_edge(&s[k], v, n, y, &left);
        if (left < 0)
            break;
        int64_t rows = 1;
        if (y >= 0) {
            const int swap = s[0].x > s[1].x;
            set_span(m, (s[swap].x + HALF) >> SHIFT, (s[!swap].x + HALF) >> SHIFT, (int)y);
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

void vs_raster_ellipse(vs_mask *m, int cx, int cy, int ax, int ay, int degrees)
{
    point v[ELLIPSE_MAX];
    const int64_t w = llabs(ax), h = llabs(ay), reach = w > h ? w : h;
    if (!in_sight(m, cx - reach, cx + reach, cy - reach, cy + reach))
        return;
    const int n = ellipse_corners(v, cx, cy, w, h, degrees);
    for (int i = 0, j = n - 1; i < n; j = i++)
        draw_line_fixed(m, v[j], v[i]);
    if (n >= 3)
        fill_convex(m, v, n);
}
