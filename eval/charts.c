#include <math.h>
#include <string.h>

#include "eval/page.h"

/* ---- Text --------------------------------------------------------------------------------- */

void vs_page_text(FILE *f, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&': fputs("&amp;", f); break;
        case '<': fputs("&lt;", f); break;
        case '>': fputs("&gt;", f); break;
        case '"': fputs("&quot;", f); break;
        case '\'': fputs("&#39;", f); break;
        default: fputc(*text, f);
        }
}

void vs_page_title(FILE *f, const char *name)
{
    for (; *name; name++) {
        const char one[] = { *name == '_' ? ' ' : *name, 0 };
        vs_page_text(f, one);
    }
}

void vs_page_percent(FILE *f, double v)
{
    if (isnan(v))
        fputs("&ndash;", f);
    else
        fprintf(f, "%.1f%%", 100 * v);
}

void vs_page_estimate(FILE *f, const vs_estimate *e)
{
    vs_page_percent(f, e->value);
    if (!isnan(e->value))
        fprintf(f, " <small>[%.1f, %.1f]</small>", 100 * e->lo, 100 * e->hi);
}

/* ---- Heatmap ------------------------------------------------------------------------------ */

/* Pale to deep; safe for colour-blind readers, on a light and on a dark page. */
static void ramp(int rgb[3], double v)
{
    static const int stop[5][3] = { { 255, 246, 214 }, { 199, 230, 184 }, { 95, 185, 192 },
                                    { 44, 127, 184 },  { 37, 52, 148 } };
    const double at = 4 * (v < 0 ? 0 : v > 1 ? 1 : v);
    const int i = at >= 4 ? 3 : (int)at;
    for (int c = 0; c < 3; c++)
        rgb[c] = (int)(stop[i][c] + (at - i) * (stop[i + 1][c] - stop[i][c]) + 0.5);
}

static void heat_cell(FILE *f, const vs_row *row, const char *strong)
{
    int rgb[3];
    if (!row) {
        fprintf(f, "<td class=none>&middot;</td>");
        return;
    }
    const vs_estimate *top1 = &row->q[VS_TOP1];
    const double kept = row->q[VS_GAMMA_R].value;
    ramp(rgb, isnan(kept) ? 0 : kept);
    const double light = (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2]) / 255;
    fprintf(f, "<td class=\"heat%s\" style=\"background:rgb(%d,%d,%d);color:%s\" "
               "title=\"95%%: %.1f to %.1f; keeps %.0f%% of clean\">%.1f</td>",
            strong, rgb[0], rgb[1], rgb[2], light > 0.55 ? "#14202b" : "#fff", 100 * top1->lo,
            100 * top1->hi, isnan(kept) ? 0 : 100 * kept, 100 * top1->value);
}

static void heat_legend(FILE *f)
{
    fprintf(f, "<p class=legend>keeps <span>0%%</span><span class=ramp style=\"background:"
               "linear-gradient(90deg");
    for (int i = 0; i <= 8; i++) {
        int rgb[3];
        ramp(rgb, i / 8.0);
        fprintf(f, ",rgb(%d,%d,%d)", rgb[0], rgb[1], rgb[2]);
    }
    fprintf(f, ")\"></span><span>100%%</span> of the clean accuracy</p>");
}

void vs_chart_heatmap(FILE *f, const vs_results *r)
{
    const char *group = "";
    fprintf(f, "<div class=wide><table class=heatmap><thead><tr><th>top-1, %%</th>");
    for (int s = 1; s <= VS_SEVERITIES; s++)
        fprintf(f, "<th>%d</th>", s);
    fprintf(f, "<th>mean</th></tr></thead>\n");
    for (int i = 0; i < r->stats->rows; i++) {
        const vs_row *row = &r->stats->row[i];
        if (row->kind != VS_ROW_CORRUPTION)
            continue;
        if (strcmp(group, row->group) != 0) {
            fprintf(f, "<tr class=group><th colspan=7>");
            vs_page_text(f, row->group);
            fprintf(f, "</th></tr>\n");
            group = row->group;
        }
        fprintf(f, "<tr><th>");
        vs_page_title(f, row->name);
        fprintf(f, "</th>");
        for (int s = 1; s <= VS_SEVERITIES; s++)
            heat_cell(f, vs_stats_find(r->stats, VS_ROW_CELL, row->name, s), "");
        heat_cell(f, row, " strong");
        fprintf(f, "</tr>\n");
    }
    fprintf(f, "<tr class=group><th colspan=7>all</th></tr><tr><th>mean</th>");
    for (int s = 1; s <= VS_SEVERITIES; s++)
        heat_cell(f, vs_stats_find(r->stats, VS_ROW_SEVERITY, "", s), "");
    heat_cell(f, vs_stats_find(r->stats, VS_ROW_ALL, "", 0), " strong");
    fprintf(f, "</tr></table></div>\n");
    heat_legend(f);
}

/* ---- Curves ------------------------------------------------------------------------------- */

/* The drawing area of a small chart. */
enum { LEFT = 30, TOP = 22, WIDTH = 170, HEIGHT = 92 };

double vs_chart_most(const vs_results *r, int n)
{
    double most = 0.1;
    for (int m = 0; m < n; m++)
        for (int i = 0; i < r[m].stats->rows; i++)
            most = fmax(most, r[m].stats->row[i].q[VS_TOP1].hi);
    return fmin(ceil(most * 10 - 1e-9) / 10, 1);
}

static double x_of(int severity)
{
    return LEFT + WIDTH * severity / (double)VS_SEVERITIES;
}

static double y_of(double v, double most)
{
    return TOP + HEIGHT * (1 - v / most);
}

/* severity 0 is the clean row. */
static const vs_row *point(const vs_stats *s, const char *name, int severity)
{
    if (severity == 0)
        return &s->row[0];
    return vs_stats_find(s, *name ? VS_ROW_CELL : VS_ROW_SEVERITY, name, severity);
}

static void draw_band(FILE *f, const vs_stats *s, const char *name, double most, int model)
{
    fprintf(f, "<polygon class=\"band m%d\" points=\"", model);
    for (int k = 0; k <= VS_SEVERITIES; k++)
        if (point(s, name, k))
            fprintf(f, "%.1f,%.1f ", x_of(k), y_of(point(s, name, k)->q[VS_TOP1].hi, most));
    for (int k = VS_SEVERITIES; k >= 0; k--)
        if (point(s, name, k))
            fprintf(f, "%.1f,%.1f ", x_of(k), y_of(point(s, name, k)->q[VS_TOP1].lo, most));
    fprintf(f, "\"/>");
}

static void draw_line(FILE *f, const vs_stats *s, const char *name, double most, int model)
{
    fprintf(f, "<polyline class=\"line m%d\" points=\"", model);
    for (int k = 0; k <= VS_SEVERITIES; k++)
        if (point(s, name, k))
            fprintf(f, "%.1f,%.1f ", x_of(k), y_of(point(s, name, k)->q[VS_TOP1].value, most));
    fprintf(f, "\"/>");
    for (int k = 0; k <= VS_SEVERITIES; k++)
        if (point(s, name, k))
            fprintf(f, "<circle class=\"dot m%d\" cx=%.1f cy=%.1f r=2.6><title>severity %d: %.1f%%"
                       "</title></circle>", model, x_of(k),
                    y_of(point(s, name, k)->q[VS_TOP1].value, most), k,
                    100 * point(s, name, k)->q[VS_TOP1].value);
}

static void draw_axes(FILE *f, double most)
{
    for (int i = 0; i <= 2; i++) {
        const double v = most * i / 2, y = y_of(v, most);
        fprintf(f, "<line class=grid x1=%d x2=%d y1=%.1f y2=%.1f />", LEFT, LEFT + WIDTH, y, y);
        fprintf(f, "<text class=tick x=%d y=%.1f text-anchor=end>%.0f</text>", LEFT - 5, y + 3,
                100 * v);
    }
    for (int k = 0; k <= VS_SEVERITIES; k++) {
        fprintf(f, "<text class=tick x=%.1f y=%d text-anchor=middle>", x_of(k), TOP + HEIGHT + 14);
        k ? fprintf(f, "%d</text>", k) : fprintf(f, "clean</text>");
    }
}

static void draw_chart(FILE *f, const vs_results *r, int n, const char *name, double most)
{
    fprintf(f, "<svg class=chart viewBox=\"0 0 210 134\" role=img><text class=name x=%d y=12>",
            LEFT);
    vs_page_title(f, *name ? name : "mean of corruptions");
    fprintf(f, "</text>");
    draw_axes(f, most);
    for (int m = 0; m < n; m++)
        draw_band(f, r[m].stats, name, most, m);
    for (int m = 0; m < n; m++)
        draw_line(f, r[m].stats, name, most, m);
    fprintf(f, "</svg>\n");
}

void vs_chart_curves(FILE *f, const vs_results *r, int n)
{
    const double most = vs_chart_most(r, n);
    fprintf(f, "<div class=charts>\n");
    draw_chart(f, r, n, "", most);
    for (int i = 0; i < vs_corruption_count(); i++) {
        const char *name = vs_corruption_at(i)->name;
        int has = 0;
        for (int m = 0; m < n; m++)
            has |= vs_stats_find(r[m].stats, VS_ROW_CORRUPTION, name, 0) != NULL;
        if (has)
            draw_chart(f, r, n, name, most);
    }
    fprintf(f, "</div>\n");
}

void vs_chart_interval(FILE *f, const vs_estimate *e, double clean, double most, int model)
{
    const double scale = 140 / most;
    fprintf(f, "<svg class=interval viewBox=\"-4 0 148 16\" role=img aria-hidden=true>"
               "<line class=grid x1=0 x2=140 y1=8 y2=8 />"
               "<line class=clean x1=%.1f x2=%.1f y1=1 y2=15 />", clean * scale, clean * scale);
    if (!isnan(e->value))
        fprintf(f, "<line class=\"span m%d\" x1=%.1f x2=%.1f y1=8 y2=8 />"
                   "<circle class=\"dot m%d\" cx=%.1f cy=8 r=3.6 />", model, e->lo * scale,
                e->hi * scale, model, e->value * scale);
    fprintf(f, "</svg>");
}
