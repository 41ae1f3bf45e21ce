/* Drawings of data sets. See survey_plots.h. */
#include "eval/survey_plots.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "eval/page.h"

/* A drawing area of pixels with its scales. */
struct frame {
    double left, top, width, height;
    double x0, x1, y0, y1;
};

static double at_x(const struct frame *p, double x)
{
    return p->left + p->width * (x - p->x0) / (p->x1 - p->x0);
}

static double at_y(const struct frame *p, double y)
{
    return p->top + p->height * (1 - (y - p->y0) / (p->y1 - p->y0));
}

/* 1, 2 or 5 times a power of ten: about n steps in a range. */
static double step_of(double range, int n)
{
    const double rough = range / n, power = pow(10, floor(log10(rough)));
    const double m = rough / power;
    return power * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}

static void grid_y(FILE *f, const struct frame *p, double y, const char *format, double shown)
{
    fprintf(f, "<line class=grid x1=%.1f x2=%.1f y1=%.1f y2=%.1f />", p->left, p->left + p->width,
            at_y(p, y), at_y(p, y));
    fprintf(f, "<text class=tick x=%.1f y=%.1f text-anchor=end>", p->left - 4, at_y(p, y) + 3);
    fprintf(f, format, shown);
    fprintf(f, "</text>");
}

static void tick_x(FILE *f, const struct frame *p, double x, const char *format, double shown)
{
    fprintf(f, "<text class=tick x=%.1f y=%.1f text-anchor=middle>", at_x(p, x),
            p->top + p->height + 12);
    fprintf(f, format, shown);
    fprintf(f, "</text>");
}

static void axes(FILE *f, const struct frame *p)
{
    const double dx = step_of(p->x1 - p->x0, 4), dy = step_of(p->y1 - p->y0, 4);
    for (double y = ceil(p->y0 / dy) * dy; y <= p->y1 + 1e-9 * dy; y += dy)
        grid_y(f, p, y, "%.6g", fabs(y) < dy / 2 ? 0 : y);
    for (double x = ceil(p->x0 / dx) * dx; x <= p->x1 + 1e-9 * dx; x += dx)
        tick_x(f, p, x, "%.6g", fabs(x) < dx / 2 ? 0 : x);
}

static const char *again(int i)
{
    return i < VS_SET_COLOURS ? "" : " again";
}

/* ---- Spectra ------------------------------------------------------------------------------ */

/* log10 of the mean amplitude times f: level for an exponent of 1. */
static bool amplitude(const vs_survey *s, int i, int ring, double *log10_amplitude)
{
    const vs_measured *m = s->row[i].measured;
    if (!m->ring_n[ring])
        return false;
    *log10_amplitude = m->ring_sum[ring] / (double)m->ring_n[ring] / M_LN10 +
                       log10(vs_falloff_cycles(ring));
    return true;
}

/* The number of a set beside the end of its line. */
struct label {
    double x, y;
    int set;
};

static int by_height(const void *a, const void *b)
{
    const double p = ((const struct label *)a)->y, q = ((const struct label *)b)->y;
    return (p > q) - (p < q);
}

/* Pushed apart downwards, then upwards from `bottom`. */
static void write_labels(FILE *f, struct label *label, int n, double bottom)
{
    const double apart = 8;
    qsort(label, (size_t)n, sizeof(*label), by_height);
    for (int i = 1; i < n; i++)
        label[i].y = fmax(label[i].y, label[i - 1].y + apart);
    for (int i = n - 1; i >= 0; i--, bottom -= apart)
        label[i].y = fmin(label[i].y, bottom);
    for (int i = 0; i < n; i++)
        fprintf(f, "<text class=\"tick ink m%d\" x=%.1f y=%.1f>%d</text>",
                label[i].set % VS_SET_COLOURS, label[i].x + 4, label[i].y + 3, label[i].set + 1);
}

static void draw_spectrum(FILE *f, const vs_survey *s, const struct frame *p, int i,
                          struct label *end)
{
    double v;
    *end = (struct label){ p->left, p->top, i };
    fprintf(f, "<polyline class=\"line m%d%s\" points=\"", i % VS_SET_COLOURS, again(i));
    for (int j = 0; j < VS_FALLOFF_RINGS; j++)
        if (amplitude(s, i, j, &v)) {
            end->x = at_x(p, log2(vs_falloff_cycles(j)));
            end->y = at_y(p, v);
            fprintf(f, "%.1f,%.1f ", end->x, end->y);
        }
    fprintf(f, "\"><title>%d ", i + 1);
    vs_page_text(f, s->row[i].name);
    fprintf(f, "</title></polyline>");
}

void vs_plot_spectra(FILE *f, const vs_survey *s)
{
    struct frame p = { 34, 24, 356, 196, 2, 4, INFINITY, -INFINITY };
    double v;
    for (int i = 0; i < s->rows; i++)
        for (int j = 0; j < VS_FALLOFF_RINGS; j++)
            if (amplitude(s, i, j, &v)) {
                p.y0 = fmin(p.y0, v);
                p.y1 = fmax(p.y1, v);
                p.x1 = fmax(p.x1, ceil(log2(vs_falloff_cycles(j))));
            }
    if (!(p.y1 > p.y0))
        return;
    p.y0 = floor(p.y0 * 5) / 5;
    p.y1 = ceil(p.y1 * 5) / 5;
    fprintf(f, "<svg class=chart viewBox=\"0 0 400 250\" role=img><text class=name x=34 y=13>"
               "amplitude x f over f, in cycles a picture</text>");
    const double step = p.y1 - p.y0 > 3 ? 1 : p.y1 - p.y0 > 1.2 ? 0.5 : 0.2;
    for (double y = ceil(p.y0 / step) * step; y <= p.y1 + 1e-9; y += step)
        grid_y(f, &p, y, "%.2g", pow(10, y));
    for (double x = p.x0; x <= p.x1; x++)
        tick_x(f, &p, x, "%.0f", exp2(x));
    struct label *label = vs_new(sizeof(*label) * (size_t)s->rows);
    for (int i = 0; i < s->rows; i++)
        draw_spectrum(f, s, &p, i, &label[i]);
    write_labels(f, label, s->rows, p.top + p.height - 4);
    free(label);
    fprintf(f, "</svg>\n");
}

void vs_plot_exponent_scale(const vs_survey *s, double *lo, double *hi)
{
    *lo = INFINITY;
    *hi = -INFINITY;
    for (int i = 0; i < s->rows; i++) {
        *lo = fmin(*lo, vs_measured_quantile(s->row[i].measured, 0.005));
        *hi = fmax(*hi, vs_measured_quantile(s->row[i].measured, 0.995));
    }
    *lo = floor(*lo * 4) / 4;
    *hi = ceil(*hi * 4) / 4;
    if (!(*hi > *lo)) {
        *lo = 0;
        *hi = 2;
    }
}

void vs_plot_exponents(FILE *f, const vs_survey *s, int i, double lo, double hi)
{
    enum { BINS = 60, W = 300, H = 34 };
    const vs_measured *m = s->row[i].measured;
    double bin[BINS] = { 0 }, most = 0;
    for (int k = 0; k < VS_ALPHA_BINS; k++) {
        const int at = (int)floor((-1 + 0.02 * (k + 0.5) - lo) / (hi - lo) * BINS);
        if (at >= 0 && at < BINS)
            most = fmax(most, bin[at] += (double)m->alpha[k]);
    }
    fprintf(f, "<svg class=spread viewBox=\"-12 0 324 48\" role=img>");
    for (double x = ceil(lo * 2) / 2; x <= hi; x += 0.5)
        fprintf(f, "<line class=grid x1=%.1f x2=%.1f y1=2 y2=%d /><text class=tick x=%.1f y=46 "
                   "text-anchor=middle>%.1f</text>", (x - lo) / (hi - lo) * W,
                (x - lo) / (hi - lo) * W, H, (x - lo) / (hi - lo) * W, x);
    for (int k = 0; k < BINS && most > 0; k++)
        if (bin[k] > 0)
            fprintf(f, "<rect class=\"dot m%d\" x=%.1f width=4.4 y=%.1f height=%.1f />",
                    i % VS_SET_COLOURS, k * (double)W / BINS, H - bin[k] / most * (H - 4),
                    bin[k] / most * (H - 4));
    const double median = vs_measured_quantile(m, 0.5);
    if (median >= lo && median <= hi)
        fprintf(f, "<line class=median x1=%.1f x2=%.1f y1=1 y2=%d><title>median %.3f</title>"
                   "</line>", (median - lo) / (hi - lo) * W, (median - lo) / (hi - lo) * W, H,
                median);
    fprintf(f, "</svg>");
}

/* ---- Colours ------------------------------------------------------------------------------ */

/* Half axes and angle of the ellipse of a 2 x 2 covariance. */
static void ellipse(double half[2], double *angle, double aa, double ab, double bb)
{
    const double middle = (aa + bb) / 2, root = sqrt((aa - bb) * (aa - bb) / 4 + ab * ab);
    half[0] = sqrt(fmax(middle + root, 0));
    half[1] = sqrt(fmax(middle - root, 0));
    *angle = atan2(2 * ab, aa - bb) / 2;
}

/* L*a*b* under D65 as sRGB bytes: the inverse of sets/lab.h, cut to the range. */
static void to_srgb(int rgb[3], const double lab[3])
{
    static const double inverse[3][3] = { { 3.2404542, -1.5371385, -0.4985314 },
                                          { -0.9692660, 1.8760108, 0.0415560 },
                                          { 0.0556434, -0.2040259, 1.0572252 } };
    static const double white[3] = { 0.95047, 1, 1.08883 };
    const double fy = (lab[0] + 16) / 116;
    const double t[3] = { fy + lab[1] / 500, fy, fy - lab[2] / 200 };
    double xyz[3];
    for (int i = 0; i < 3; i++)
        xyz[i] = white[i] * (t[i] > 6.0 / 29 ? t[i] * t[i] * t[i]
                                             : (t[i] - 4.0 / 29) * 108 / 841);
    for (int i = 0; i < 3; i++) {
        const double c = fmax(0, fmin(1, inverse[i][0] * xyz[0] + inverse[i][1] * xyz[1] +
                                             inverse[i][2] * xyz[2]));
        const double coded = c <= 0.0031308 ? 12.92 * c : 1.055 * pow(c, 1 / 2.4) - 0.055;
        rgb[i] = (int)(255 * coded + 0.5);
    }
}

static double colour_reach(const vs_survey *s)
{
    double most = 5;
    for (int i = 0; i < s->rows; i++)
        for (int c = 1; c < 3; c++)
            most = fmax(most, fabs(s->row[i].lab[c]) + sqrt(fmax(s->row[i].lab_cov[4 * c], 0)));
    return ceil(most / 5) * 5;
}

void vs_plot_colours(FILE *f, const vs_survey *s)
{
    const double most = colour_reach(s);
    const struct frame p = { 34, 24, 216, 216, -most, most, -most, most };
    const double scale = p.width / (2 * most);
    fprintf(f, "<svg class=\"chart square\" viewBox=\"0 0 264 262\" role=img>"
               "<text class=name x=34 y=13>a* to the right, b* upwards</text>");
    axes(f, &p);
    fprintf(f, "<line class=grid x1=%.1f x2=%.1f y1=%.1f y2=%.1f />", at_x(&p, 0), at_x(&p, 0),
            p.top, p.top + p.height);
    for (int i = 0; i < s->rows; i++) {
        const vs_survey_row *row = &s->row[i];
        double half[2], angle;
        int rgb[3];
        ellipse(half, &angle, row->lab_cov[4], row->lab_cov[5], row->lab_cov[8]);
        to_srgb(rgb, row->lab);
        const double x = at_x(&p, row->lab[1]), y = at_y(&p, row->lab[2]);
        fprintf(f, "<ellipse class=\"line m%d%s\" cx=%.1f cy=%.1f rx=%.1f ry=%.1f "
                   "transform=\"rotate(%.1f %.1f %.1f)\"><title>%d ", i % VS_SET_COLOURS, again(i),
                x, y, half[0] * scale, half[1] * scale, -angle * 180 / M_PI, x, y, i + 1);
        vs_page_text(f, row->name);
        fprintf(f, "</title></ellipse><circle class=\"ring m%d\" fill=\"rgb(%d,%d,%d)\" cx=%.1f "
                   "cy=%.1f r=4 />", i % VS_SET_COLOURS, rgb[0], rgb[1], rgb[2], x, y);
    }
    fprintf(f, "</svg>\n");
}

/* ---- Accuracies --------------------------------------------------------------------------- */

static bool both(const vs_survey *s, int i, vs_property p, int column, double *x, double *y)
{
    *x = s->row[i].value[p];
    *y = s->row[i].accuracy ? s->row[i].accuracy[column] : NAN;
    return isfinite(*x) && isfinite(*y);
}

static void widen(double *lo, double *hi)
{
    const double room = *hi > *lo ? 0.08 * (*hi - *lo) : 0.5 * fmax(fabs(*lo), 1);
    *lo -= room;
    *hi += room;
}

void vs_plot_scatter(FILE *f, const vs_survey *s, vs_property property, int column)
{
    struct frame p = { 34, 30, 164, 110, INFINITY, -INFINITY, INFINITY, -INFINITY };
    const vs_correlation *c = vs_survey_correlation(s, property, column);
    double x, y;
    int n = 0;
    for (int i = 0; i < s->rows; i++)
        if (both(s, i, property, column, &x, &y)) {
            n++;
            p.x0 = fmin(p.x0, x);
            p.x1 = fmax(p.x1, x);
            p.y0 = fmin(p.y0, y);
            p.y1 = fmax(p.y1, y);
        }
    if (n < 2)
        return;
    widen(&p.x0, &p.x1);
    widen(&p.y0, &p.y1);
    fprintf(f, "<svg class=chart viewBox=\"0 0 210 160\" role=img><text class=name x=4 y=11>%s"
               "</text>", vs_property_title(property));
    if (isfinite(c->pearson))
        fprintf(f, "<text class=tick x=4 y=23>r %.2f, rho %.2f, %d sets</text>", c->pearson,
                c->spearman, c->n);
    axes(f, &p);
    for (int i = 0; i < s->rows; i++) {
        if (!both(s, i, property, column, &x, &y))
            continue;
        fprintf(f, "<circle class=\"dot m%d\" cx=%.1f cy=%.1f r=3.2><title>",
                i % VS_SET_COLOURS, at_x(&p, x), at_y(&p, y));
        vs_page_text(f, s->row[i].name);
        fprintf(f, ": %.4g, %.4g</title></circle><text class=tick x=%.1f y=%.1f>%d</text>", x, y,
                at_x(&p, x) + 4.5, at_y(&p, y) + 3, i + 1);
    }
    fprintf(f, "</svg>\n");
}

void vs_plot_correlation(FILE *f, double r, double lo, double hi)
{
    fprintf(f, "<svg class=interval viewBox=\"-74 0 148 16\" role=img aria-hidden=true>"
               "<line class=grid x1=-70 x2=70 y1=8 y2=8 />"
               "<line class=clean x1=0 x2=0 y1=1 y2=15 />");
    if (isfinite(lo) && isfinite(hi))
        fprintf(f, "<line class=\"span m0\" x1=%.1f x2=%.1f y1=8 y2=8 />", lo * 70, hi * 70);
    if (isfinite(r))
        fprintf(f, "<circle class=\"dot m0\" cx=%.1f cy=8 r=3.6 />", r * 70);
    fprintf(f, "</svg>");
}
