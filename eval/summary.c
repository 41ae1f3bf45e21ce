/* results.json and results.csv: every row of the statistics, for other programs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/version.h"
#include "eval/results.h"

static const char *const quantity_name[VS_QUANTITIES] = { "top1", "top5", "gamma_a", "gamma_r" };

/* Six decimals: a fraction of videos is no finer. null when undefined. */
static json_t *number(double v)
{
    return isnan(v) ? json_null() : json_real(nearbyint(v * 1e6) / 1e6);
}

static json_t *estimate(const vs_estimate *e)
{
    return json_pack("{so so so}", "value", number(e->value), "lo", number(e->lo), "hi",
                     number(e->hi));
}

static json_t *quantities(const vs_row *row)
{
    json_t *o = json_object();
    for (int q = 0; q < VS_QUANTITIES; q++)
        json_object_set_new(o, quantity_name[q], estimate(&row->q[q]));
    return o;
}

static json_t *corruption_json(const vs_stats *s, const vs_row *row)
{
    json_t *severities = json_object();
    for (int severity = 1; severity <= VS_SEVERITIES; severity++) {
        const vs_row *cell = vs_stats_find(s, VS_ROW_CELL, row->name, severity);
        const char key[] = { (char)('0' + severity), 0 };
        if (cell)
            json_object_set_new(severities, key, quantities(cell));
    }
    return json_pack("{ss ss so so}", "name", row->name, "group", row->group, "mean",
                     quantities(row), "severities", severities);
}

json_t *vs_results_json(const vs_results *r)
{
    const vs_stats *s = r->stats;
    json_t *o = json_object(), *groups = json_object(), *severities = json_object();
    json_t *corruptions = json_array();
    json_object_set_new(o, "tool", json_string("vsyn-robust"));
    json_object_set_new(o, "version", json_string(VS_VERSION));
    json_object_set(o, "settings", r->settings);
    json_object_set_new(o, "videos", json_integer(r->videos));
    if (r->skipped)
        json_object_set_new(o, "skipped", json_pack("{si ss}", "videos", r->skipped, "first",
                                                    r->skipped_name));
    json_object_set_new(o, "unfinished_cells", json_integer(r->unfinished));
    json_object_set_new(o, "clean", quantities(&s->row[0]));
    for (int i = 0; i < s->rows; i++) {
        const vs_row *row = &s->row[i];
        const char key[] = { (char)('0' + row->severity), 0 };
        if (row->kind == VS_ROW_CORRUPTION)
            json_array_append_new(corruptions, corruption_json(s, row));
        else if (row->kind == VS_ROW_GROUP)
            json_object_set_new(groups, row->name, quantities(row));
        else if (row->kind == VS_ROW_SEVERITY)
            json_object_set_new(severities, key, quantities(row));
        else if (row->kind == VS_ROW_OVERALL)
            json_object_set_new(o, "overall", quantities(row));
        else if (row->kind == VS_ROW_ALL) {
            json_object_set_new(o, "mPC", estimate(&row->q[VS_TOP1]));
            json_object_set_new(o, "rPC", estimate(&row->q[VS_GAMMA_R]));
        }
    }
    json_object_set_new(o, "groups", groups);
    json_object_set_new(o, "severities", severities);
    json_object_set_new(o, "corruptions", corruptions);
    return o;
}

static const char *kind_text(vs_row_kind kind)
{
    switch (kind) {
    case VS_ROW_CLEAN: return "clean";
    case VS_ROW_CELL: return "cell";
    case VS_ROW_CORRUPTION: return "corruption";
    case VS_ROW_SEVERITY: return "severity";
    case VS_ROW_GROUP: return "group";
    case VS_ROW_OVERALL: return "overall";
    case VS_ROW_ALL: return "all";
    }
    return "";
}

/* Empty where undefined or where a mean is over several. model: NULL for none in front. */
static void write_rows(FILE *f, const vs_results *r, const char *model)
{
    for (int i = 0; i < r->stats->rows; i++) {
        const vs_row *row = &r->stats->row[i];
        if (model)
            fprintf(f, "%s,", model);
        fprintf(f, "%s,%s,%s,", kind_text(row->kind), row->kind == VS_ROW_GROUP ? "" : row->name,
                row->group);
        if (row->severity || row->kind == VS_ROW_CLEAN)
            fprintf(f, "%d", row->severity);
        fprintf(f, ",%d", r->videos);
        for (int q = 0; q < VS_QUANTITIES; q++) {
            const double v[] = { row->q[q].value, row->q[q].lo, row->q[q].hi };
            for (int k = 0; k < 3; k++)
                isnan(v[k]) ? fprintf(f, ",") : fprintf(f, ",%.6f", v[k]);
        }
        fputc('\n', f);
    }
}

static void write_heading(FILE *f, bool model)
{
    fprintf(f, "%srow,corruption,group,severity,videos", model ? "model," : "");
    for (int q = 0; q < VS_QUANTITIES; q++)
        fprintf(f, ",%s,%s_lo,%s_hi", quantity_name[q], quantity_name[q], quantity_name[q]);
    fputc('\n', f);
}

/* A name as a field: no comma, no quote, no new line. */
static char *plain(const char *name)
{
    char *text = vs_strdup(name);
    for (char *at = text; *at; at++)
        if (*at == ',' || *at == '"' || (unsigned char)*at < ' ')
            *at = '_';
    return text;
}

vs_err vs_results_write_csv(const char *path, const vs_results *r, int n)
{
    vs_atomic a;
    VS_TRY(vs_atomic_open(&a, path));
    write_heading(a.f, true);
    for (int i = 0; i < n; i++) {
        char *name = plain(vs_results_name(&r[i]));
        write_rows(a.f, &r[i], name);
        free(name);
    }
    return vs_atomic_commit(&a);
}

vs_err vs_results_write(const vs_results *r)
{
    char *json = vs_path_join(r->dir, "results.json"), *csv = vs_path_join(r->dir, "results.csv");
    char *tex = vs_path_join(r->dir, "results.tex");
    vs_atomic a;
    vs_err err = vs_json_save(json, vs_results_json(r));
    if (err == VS_OK)
        err = vs_atomic_open(&a, csv);
    if (err == VS_OK) {
        write_heading(a.f, false);
        write_rows(a.f, r, NULL);
        err = vs_atomic_commit(&a);
    }
    if (err == VS_OK)
        err = vs_latex_write(tex, r, 1);
    free(json);
    free(csv);
    free(tex);
    return err;
}
