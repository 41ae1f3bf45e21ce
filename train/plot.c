#include "train/plot.h"

#include <math.h>

void vs_plot_text(FILE *f, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '&': fputs("&amp;", f); break;
        case '"': fputs("&quot;", f); break;
        default: fputc(*text, f);
        }
}

enum { W = 460, H = 210, LEFT = 54, RIGHT = 12, TOP = 10, BOTTOM = 26, DRAWN = 400, SMOOTH = 60 };

struct axis {
    double lo, hi, step;
};

/* 1, 2 or 5 times a power of ten, so that about `n` fit into the range. */
static double round_step(double range, int n)
{
    const double raw = range / n, power = pow(10, floor(log10(raw)));
    const double part = raw / power;
    return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

static struct axis make_axis(double lo, double hi, int n)
{
    /* Less than five digits tell apart is no change. */
    const double least = 2e-3 * fmax(fabs(lo), fabs(hi));
    if (hi > lo && hi - lo < least) {
        const double middle = (lo + hi) / 2;
        lo = middle - least / 2;
        hi = middle + least / 2;
    }
    if (!(hi > lo)) {
        const double half = fabs(lo) > 0 ? fabs(lo) / 2 : 0.5;
        lo -= half;
        hi += half;
    }
    const double step = round_step(hi - lo, n);
    return (struct axis){ floor(lo / step) * step, ceil(hi / step) * step, step };
}

struct frame {
    struct axis x, y;
};

static struct frame make_frame(const vs_plot *plot, const vs_series *s, int n)
{
    double x[2] = { INFINITY, -INFINITY }, y[2] = { INFINITY, -INFINITY };
    for (int k = 0; k < n; k++)
        for (int i = 0; i < s[k].n; i++) {
            x[0] = fmin(x[0], s[k].point[i][0]);
            x[1] = fmax(x[1], s[k].point[i][0]);
            y[0] = fmin(y[0], s[k].point[i][1]);
            y[1] = fmax(y[1], s[k].point[i][1]);
        }
    struct frame f = { .y = plot->share ? (struct axis){ 0, 100, 25 } : make_axis(y[0], y[1], 4) };
    f.x = make_axis(0, fmax(x[1], 1), 5);
    f.x.lo = 0;
    f.x.hi = fmax(x[1], 1);
    return f;
}

static double px(const struct frame *f, double x)
{
    return LEFT + (x - f->x.lo) / (f->x.hi - f->x.lo) * (W - LEFT - RIGHT);
}

static double py(const struct frame *f, double y)
{
    return H - BOTTOM - (y - f->y.lo) / (f->y.hi - f->y.lo) * (H - TOP - BOTTOM);
}

/* Significant digits that tell the marks of an axis apart. */
static int digits_of(const struct axis *a)
{
    const double most = fmax(fabs(a->lo), fabs(a->hi));
    const int digits = (int)(floor(log10(most)) - floor(log10(a->step))) + 1;
    return digits < 4 ? 4 : digits > 12 ? 12 : digits;
}

static void draw_axes(FILE *out, const struct frame *f)
{
    const int digits = digits_of(&f->y);
    for (double v = f->y.lo; v <= f->y.hi + f->y.step / 2; v += f->y.step) {
        const double at = fabs(v) < f->y.step / 1000 ? 0 : v;
        fprintf(out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" "
                "text-anchor=\"end\">%.*g</text>\n", LEFT, py(f, at), W - RIGHT, LEFT - 6,
                py(f, at) + 3.5, digits, at);
    }
    for (double v = 0; v <= f->x.hi * 1.001; v += f->x.step)
        fprintf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%.0f</text>\n", px(f, v),
                H - 8, v > 0 ? px(f, v) > W - RIGHT - 16 ? "end" : "middle" : "start", v);
}

/* Mean of the values from..to-1. */
static double mean_of(const vs_series *s, int from, int to)
{
    double sum = 0;
    for (int i = from; i < to; i++)
        sum += s->point[i][1];
    return sum / (to - from);
}

/* At most DRAWN points and the last one; each the mean of those up to `around` beside it. */
static void draw_line(FILE *out, const struct frame *f, const vs_series *s, const char *kind,
                      int around)
{
    const int each = (s->n + DRAWN - 1) / DRAWN;
    fprintf(out, "<polyline class=\"%s s%d\" points=\"", kind, s->colour);
    for (int i = 0; i < s->n; i = i + each < s->n || i == s->n - 1 ? i + each : s->n - 1) {
        const int side = around < i ? around < s->n - 1 - i ? around : s->n - 1 - i : i;
        const double y = mean_of(s, i - side, i + side + 1);
        fprintf(out, "%.1f,%.1f ", px(f, s->point[i][0]), py(f, y));
    }
    fputs("\"/>\n", out);
}

static void draw_series(FILE *out, const vs_plot *plot, const struct frame *f, const vs_series *s)
{
    const double *last = s->point[s->n - 1];
    const bool smooth = plot->noisy && s->n > SMOOTH;
    if (smooth)
        draw_line(out, f, s, "pale", 0);
    draw_line(out, f, s, "line", smooth ? s->n / 40 : 0);
    fprintf(out, "<circle class=\"s%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"><title>step %.0f: ",
            s->colour, px(f, last[0]), py(f, last[1]), last[0]);
    fprintf(out, plot->format, last[1]);
    fputs("</title></circle>\n", out);
}

void vs_plot_draw(FILE *f, const vs_plot *plot, const vs_series *series, int n)
{
    const struct frame frame = make_frame(plot, series, n);
    fputs("<figure class=\"chart\"><figcaption>", f);
    vs_plot_text(f, plot->title);
    for (int k = 0; k < n; k++)
        if (series[k].n > 0) {
            fprintf(f, " <b class=\"t%d\">", series[k].colour);
            fprintf(f, plot->format, series[k].point[series[k].n - 1][1]);
            fputs("</b>", f);
        }
    fprintf(f, "</figcaption><svg viewBox=\"0 0 %d %d\" role=\"img\">\n", W, H);
    draw_axes(f, &frame);
    for (int k = 0; k < n; k++)
        if (series[k].n > 0)
            draw_series(f, plot, &frame, &series[k]);
    fputs("</svg></figure>\n", f);
}
