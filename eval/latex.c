/* Tables for a paper: LaTeX with booktabs, in percent.
 *
 *     one model        corruption x severity, mean, gamma_a, gamma_r
 *     several models   corruption x model, means over severities; the best of a row is bold
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "eval/results.h"

/* What LaTeX takes for commands is told from text. */
static void write_text(FILE *f, const char *text)
{
    for (; *text; text++)
        if (strchr("_%&#$", *text))
            fprintf(f, "\\%c", *text);
        else if (strchr("\\{}^~", *text))
            fprintf(f, "\\char`\\%c{}", *text);
        else
            fputc(*text, f);
}

static void write_value(FILE *f, double value, bool bold)
{
    if (isnan(value))
        fprintf(f, " & --");
    else
        fprintf(f, bold ? " & \\textbf{%.1f}" : " & %.1f", 100 * value);
}

static double value_of(const vs_stats *s, vs_row_kind kind, const char *name, int severity,
                       vs_quantity quantity)
{
    const vs_row *row = vs_stats_find(s, kind, name, severity);
    return row ? row->q[quantity].value : NAN;
}

static bool known(const vs_row *row)
{
    return row->kind == VS_ROW_CORRUPTION;
}

/* ---- One model ---------------------------------------------------------------------------- */

static void write_corruption(FILE *f, const vs_stats *s, const vs_row *row)
{
    write_text(f, row->name);
    for (int severity = 1; severity <= VS_SEVERITIES; severity++)
        write_value(f, value_of(s, VS_ROW_CELL, row->name, severity, VS_TOP1), false);
    write_value(f, row->q[VS_TOP1].value, false);
    write_value(f, row->q[VS_GAMMA_A].value, false);
    write_value(f, row->q[VS_GAMMA_R].value, false);
    fprintf(f, " \\\\\n");
}

static void write_one(FILE *f, const vs_results *r)
{
    const vs_stats *s = r->stats;
    const vs_row *all = vs_stats_find(s, VS_ROW_ALL, "", 0);
    const char *group = "";
    fprintf(f, "\\begin{tabular}{lrrrrrrrr}\n\\toprule\ncorruption & 1 & 2 & 3 & 4 & 5 & mean & "
               "$\\gamma_a$ & $\\gamma_r$ \\\\\n");
    for (int i = 0; i < s->rows; i++) {
        if (!known(&s->row[i]))
            continue;
        if (strcmp(group, s->row[i].group) != 0)
            fprintf(f, "\\midrule\n");
        group = s->row[i].group;
        write_corruption(f, s, &s->row[i]);
    }
    fprintf(f, "\\midrule\nall");
    for (int severity = 1; severity <= VS_SEVERITIES; severity++)
        write_value(f, value_of(s, VS_ROW_SEVERITY, "", severity, VS_TOP1), false);
    for (int q = 0; q < VS_QUANTITIES; q++)
        if (q != VS_TOP5)
            write_value(f, all ? all->q[q].value : NAN, false);
    fprintf(f, " \\\\\n\\bottomrule\n\\end{tabular}\n");
}

/* ---- Several models ----------------------------------------------------------------------- */

static void write_models(FILE *f, const char *name, const vs_results *r, int n, vs_row_kind kind,
                         const char *key, vs_quantity quantity)
{
    double best = -INFINITY;
    for (int i = 0; i < n; i++)
        best = fmax(best, value_of(r[i].stats, kind, key, 0, quantity));
    write_text(f, name);
    for (int i = 0; i < n; i++) {
        const double value = value_of(r[i].stats, kind, key, 0, quantity);
        write_value(f, value, n > 1 && value >= best);
    }
    fprintf(f, " \\\\\n");
}

static void write_many(FILE *f, const vs_results *r, int n)
{
    const vs_stats *first = r[0].stats;
    const char *group = "";
    fprintf(f, "\\begin{tabular}{l%.*s}\n\\toprule\n", n, "rrrrrrrrrrrrrrrr");
    for (int i = 0; i < n; i++) {
        fprintf(f, " & ");
        write_text(f, vs_results_name(&r[i]));
    }
    fprintf(f, " \\\\\n\\midrule\n");
    write_models(f, "clean", r, n, VS_ROW_CLEAN, first->row[0].name, VS_TOP1);
    for (int i = 0; i < first->rows; i++) {
        if (!known(&first->row[i]))
            continue;
        if (strcmp(group, first->row[i].group) != 0)
            fprintf(f, "\\midrule\n");
        group = first->row[i].group;
        write_models(f, first->row[i].name, r, n, VS_ROW_CORRUPTION, first->row[i].name, VS_TOP1);
    }
    fprintf(f, "\\midrule\n");
    write_models(f, "mPC", r, n, VS_ROW_ALL, "", VS_TOP1);
    write_models(f, "rPC", r, n, VS_ROW_ALL, "", VS_GAMMA_R);
    write_models(f, "absolute robustness", r, n, VS_ROW_OVERALL, "", VS_GAMMA_A);
    write_models(f, "relative robustness", r, n, VS_ROW_OVERALL, "", VS_GAMMA_R);
    fprintf(f, "\\bottomrule\n\\end{tabular}\n");
}

vs_err vs_latex_write(const char *path, const vs_results *r, int n)
{
    vs_atomic a;
    VS_TRY(vs_atomic_open(&a, path));
    fprintf(a.f, "%% vsyn-robust: top-1 accuracy and robustness in percent, %d videos\n",
            r[0].videos);
    n == 1 ? write_one(a.f, r) : write_many(a.f, r, n);
    return vs_atomic_commit(&a);
}
