/* The rasteriser of the CPU: contract gen/scene/raster.h, its text gen/scene/raster_core.h,
 * and circles that are worked out once. */
#include <stdlib.h>

#include "base/err.h"
#include "gen/scene/raster_core.h"

void vs_raster_polygon(vs_mask *m, const int *x, const int *y, int n)
{
    VS_ASSERT(n >= 3 && n <= VS_POLYGON_MAX);
    vs_raster_polygon_core(m, x, y, n);
}

void vs_raster_ellipse(vs_mask *m, int cx, int cy, int ax, int ay, int degrees)
{
    vs_raster_ellipse_core(m, cx, cy, ax, ay, degrees);
}

/* ---- Discs ---------------------------------------------------------------------------------- */

/* Pixels left..right of a row, relative to the centre; none when left > right. */
typedef struct span {
    int16_t left, right;
} span;

struct vs_disc {
    int radius, corners;
    vs_point corner[VS_ELLIPSE_MAX];         /* around (0, 0) */
    int16_t from[VS_ELLIPSE_MAX], to[VS_ELLIPSE_MAX];   /* rows that piece i, which ends in
                                                         * corner i, may touch */
    span *fill;                    /* (2 radius + 1): without the outline */
    span row[];                    /* (2 radius + 1): with it; then `fill` */
};

/* The bits of row y as one span; false when they are in pieces. */
static bool read_span(span *out, const vs_mask *m, int y, int centre)
{
    const uint64_t *row = m->row + (size_t)y * (size_t)m->words;
    int first = -1, last = -2, count = 0;
    for (int w = 0; w < m->words; w++) {
        if (!row[w])
            continue;
        first = first < 0 ? 64 * w + __builtin_ctzll(row[w]) : first;
        last = 64 * w + 63 - __builtin_clzll(row[w]);
        count += __builtin_popcountll(row[w]);
    }
    out->left = (int16_t)(count ? first - centre : 1);
    out->right = (int16_t)(count ? last - centre : 0);
    return count == last - first + 1 || count == 0;
}

/* Draws the circle in the middle of a mask with room around, and reads its rows. */
static bool measure(vs_disc *d, vs_mask *m)
{
    const int rows = 2 * d->radius + 1, centre = d->radius + 1;
    vs_point v[VS_ELLIPSE_MAX];
    bool whole = true;
    const int n = vs_raster_ellipse_corners(v, centre, centre, d->radius, d->radius, 0);
    if (n >= 3)
        vs_raster_fill_convex(m, v, n);
    for (int y = 0; y < rows; y++)
        whole = read_span(&d->fill[y], m, y + 1, centre) && whole;
    vs_raster_ellipse_core(m, centre, centre, d->radius, d->radius, 0);
    for (int y = 0; y < rows; y++)
        whole = read_span(&d->row[y], m, y + 1, centre) && whole;
    span above, below;
    whole = read_span(&above, m, 0, centre) && read_span(&below, m, rows + 1, centre) && whole;
    return whole && above.left > above.right && below.left > below.right;
}

static void measure_pieces(vs_disc *d)
{
    const int last = 2 * d->radius;
    for (int i = 0, j = d->corners - 1; i < d->corners; j = i++) {
        const int64_t a = d->corner[i].y, b = d->corner[j].y;
        const int from = (int)((a < b ? a : b) >> VS_RASTER_SHIFT) - 1 + d->radius;
        const int to = (int)((a < b ? b : a) >> VS_RASTER_SHIFT) + 2 + d->radius;
        d->from[i] = (int16_t)(from < 0 ? 0 : from);
        d->to[i] = (int16_t)(to > last ? last : to);
    }
}

vs_disc *vs_disc_new(int radius)
{
    VS_ASSERT(radius >= 0 && radius <= VS_DISC_MAX);
    const size_t rows = 2 * (size_t)radius + 1;
    const int size = 2 * radius + 3;
    vs_disc *d = malloc(sizeof(*d) + 2 * rows * sizeof(span));
    uint64_t *bits = malloc((size_t)size * (size_t)vs_mask_words(size) * sizeof(*bits));
    bool good = d && bits;
    if (good) {
        vs_mask m;
        vs_mask_init(&m, size, bits);
        d->radius = radius;
        d->fill = d->row + rows;
        d->corners = vs_raster_ellipse_corners(d->corner, 0, 0, radius, radius, 0);
        measure_pieces(d);
        good = measure(d, &m);
    }
    free(bits);
    if (!good)
        free(d);
    return good ? d : NULL;
}

/* Rows that pieces of the outline near the border may change: bit y - top. */
typedef struct near_rows {
    uint64_t bit[VS_DISC_MAX / 32 + 2];
} near_rows;

/* Bits of a place: well beyond the left, right, upper, lower border; 16: inside. A piece whose
 * ends share a bit is not changed by the border. */
static unsigned place_of(vs_point p, int64_t edge)
{
    const int64_t low = -VS_RASTER_ONE, high = edge + VS_RASTER_ONE;
    const bool inside = (p.x >= 0) & (p.x < edge) & (p.y >= 0) & (p.y < edge);
    return (unsigned)((p.x < low) | (p.x > high) << 1 | (p.y < low) << 2 | (p.y > high) << 3 |
                      inside << 4);
}

static vs_point corner_at(const vs_disc *d, int i, int cx, int cy)
{
    return (vs_point){ d->corner[i].x + cx * VS_RASTER_ONE, d->corner[i].y + cy * VS_RASTER_ONE };
}

static bool any_near(const near_rows *near, int from, int to)
{
    uint64_t any = 0;
    for (int w = from >> 6; w <= to >> 6; w++) {
        const uint64_t first = w == from >> 6 ? ~UINT64_C(0) << (from & 63) : ~UINT64_C(0);
        const uint64_t last = w == to >> 6 ? ~UINT64_C(0) >> (63 - (to & 63)) : ~UINT64_C(0);
        any |= near->bit[w] & first & last;
    }
    return any != 0;
}

/* Marks the rows of all pieces near the border. */
static bool find_near(near_rows *near, const vs_disc *d, int cx, int cy, int64_t edge)
{
    bool any = false;
    unsigned before = place_of(corner_at(d, d->corners - 1, cx, cy), edge);
    memset(near->bit, 0, ((size_t)d->radius / 32 + 1) * sizeof(*near->bit));
    for (int i = 0; i < d->corners; i++) {
        const unsigned place = place_of(corner_at(d, i, cx, cy), edge);
        if (!(place & before)) {
            for (int y = d->from[i]; y <= d->to[i]; y++)
                near->bit[y >> 6] |= UINT64_C(1) << (y & 63);
            any = true;
        }
        before = place;
    }
    return any;
}

static void draw_near(vs_mask *m, const near_rows *near, const vs_disc *d, int cx, int cy)
{
    for (int i = 0, j = d->corners - 1; i < d->corners; j = i++)
        if (any_near(near, d->from[i], d->to[i]))
            vs_raster_line_fixed(m, corner_at(d, j, cx, cy), corner_at(d, i, cx, cy));
}

void vs_raster_disc(vs_mask *m, const vs_disc *d, int cx, int cy)
{
    const int r = d->radius, size = m->size;
    if (!vs_raster_in_sight(m, cx - r, cx + r, cy - r, cy + r))
        return;
    vs_raster_touch(m, cy - r, cy + r);
    const bool inside = cx - r > 0 && cy - r > 0 && cx + r < size - 1 && cy + r < size - 1;
    near_rows near;
    const bool clipped = !inside && find_near(&near, d, cx, cy, size * VS_RASTER_ONE);
    const int top = cy - r < 0 ? 0 : cy - r, bottom = cy + r >= size ? size - 1 : cy + r;
    for (int y = top; y <= bottom; y++) {
        const int k = y - (cy - r);
        const span s = clipped && near.bit[k >> 6] >> (k & 63) & 1 ? d->fill[k] : d->row[k];
        vs_raster_span(m, cx + s.left, cx + s.right, y);
    }
    if (clipped)
        draw_near(m, &near, d, cx, cy);
}
