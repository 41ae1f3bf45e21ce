/* Bars per group of corruptions, one for each model, with their intervals. */
#include <math.h>
#include <string.h>

#include "eval/page.h"

/* Lengths in the units of the drawing. */
enum { AXIS = 34, UP = 10, TALL = 150, BAR = 22, GAP = 26, LEAST = 68 };

static double up(double v, double most)
{
    return UP + TALL * (1 - v / most);
}

static int slot_width(int n)
{
    return n * BAR + GAP > LEAST ? n * BAR + GAP : LEAST;
}

static void draw_bar(FILE *f, const vs_estimate *e, double x, double most, int model)
{
    if (isnan(e->value))
        return;
    const double y = up(e->value, most), middle = x + BAR / 2.0;
    fprintf(f, "<rect class=\"bar m%d\" x=%.1f y=%.1f width=%d height=%.1f rx=2><title>%.1f%% "
               "[%.1f, %.1f]</title></rect>", model, x + 2, y, BAR - 4, up(0, most) - y,
            100 * e->value, 100 * e->lo, 100 * e->hi);
    fprintf(f, "<path class=whisker d=\"M%.1f %.1fV%.1fM%.1f %.1fh8M%.1f %.1fh8\"/>", middle,
            up(e->lo, most), up(e->hi, most), middle - 4, up(e->lo, most), middle - 4,
            up(e->hi, most));
}

/* The bars of one place on the axis, and their name. */
static void draw_place(FILE *f, const vs_results *r, int n, int place, const char *label,
                       vs_row_kind kind, const char *name, double most)
{
    const double left = AXIS + place * slot_width(n), middle = left + slot_width(n) / 2.0;
    for (int m = 0; m < n; m++) {
        const vs_row *row = vs_stats_find(r[m].stats, kind, name, 0);
        if (row)
            draw_bar(f, &row->q[VS_TOP1], middle + (m - n / 2.0) * BAR, most, m);
    }
    fprintf(f, "<text class=tick x=%.1f y=%d text-anchor=middle>", middle, UP + TALL + 16);
    vs_page_title(f, label);
    fprintf(f, "</text>");
}

static int count_groups(const vs_stats *s)
{
    int groups = 0;
    for (int i = 0; i < s->rows; i++)
        groups += s->row[i].kind == VS_ROW_GROUP;
    return groups;
}

void vs_chart_groups(FILE *f, const vs_results *r, int n)
{
    const vs_stats *s = r[0].stats;
    const double most = vs_chart_most(r, n);
    const int places = count_groups(s) + 2, width = AXIS + places * slot_width(n) + 6;
    int place = 0;
    fprintf(f, "<style>.groups{max-width:none;height:auto;display:block}.groups .tick{"
               "font-size:11.5px}.bar{opacity:.85}.whisker{stroke:var(--ink);stroke-width:1.2;"
               "fill:none;opacity:.75}");
    for (int m = 0; m < n; m++)
        fprintf(f, ".bar.m%d{fill:var(--m%d)}", m, m);
    fprintf(f, "</style>\n<div class=wide><svg class=groups viewBox=\"0 0 %d %d\" "
               "style=\"width:%dpx\" "
               "role=img>", width, UP + TALL + 26, width);
    for (int i = 0; i <= 4; i++) {
        const double v = most * i / 4, y = up(v, most);
        fprintf(f, "<line class=grid x1=%d x2=%d y1=%.1f y2=%.1f />"
                   "<text class=tick x=%d y=%.1f text-anchor=end>%.3g</text>", AXIS, width - 4, y,
                y, AXIS - 6, y + 3, 100 * v);
    }
    draw_place(f, r, n, place++, "clean", VS_ROW_CLEAN, s->row[0].name, most);
    for (int i = 0; i < s->rows; i++)
        if (s->row[i].kind == VS_ROW_GROUP)
            draw_place(f, r, n, place++, s->row[i].name, VS_ROW_GROUP, s->row[i].name, most);
    draw_place(f, r, n, place++, "all groups", VS_ROW_OVERALL, "", most);
    fprintf(f, "</svg></div>\n");
}
