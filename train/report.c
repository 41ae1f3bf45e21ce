#include "train/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "train/plot.h"
#include "train/record.h"

/* One chart: `key` of the log's lines. */
static const struct curve {
    const char *key;
    double factor;
    vs_plot plot;
} curves[] = {
    { "loss", 1, { "training loss", "%.4g", false, true } },
    { "val_loss", 1, { "loss on the watched split", "%.4g", false, false } },
    { "top1", 100, { "top-1 on the watched split, %", "%.1f", true, false } },
    { "top5", 100, { "top-5 on the watched split, %", "%.1f", true, false } },
    { "lr", 1, { "learning rate", "%.3g", false, false } },
    { "grad_norm", 1, { "norm of the gradient", "%.3g", false, true } },
    { "clips_per_s", 1, { "clips per second", "%.3g", false, true } },
    { "wait", 100, { "time spent waiting for data, %", "%.1f", true, false } },
};

static const char style[] =
    ":root{color-scheme:light dark;--bg:#faf9f6;--card:#fff;--ink:#1b2430;--soft:#667080;"
    "--line:#e3e1da;--s0:#2563a8;--s1:#c2571a;--s2:#2b8a57;--s3:#8a4a9e;--s4:#a8323f;"
    "--s5:#4f6d7a;--s6:#96761c;--s7:#3f4fa8}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1a2029;--ink:#e6e9ee;"
    "--soft:#97a1b0;--line:#2c3440;--s0:#6fb0f2;--s1:#f2955a;--s2:#5fc78f;--s3:#c78fdb;"
    "--s4:#ee7b86;--s5:#9fb8c4;--s6:#dcb957;--s7:#96a3f2}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;padding:28px 20px 64px;max-width:1080px;"
    "background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,-apple-system,'Segoe UI',"
    "Roboto,sans-serif}\n"
    "h1{font-size:1.7rem;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}"
    "h2{font-size:1.15rem;margin:38px 0 10px}.soft,figcaption{color:var(--soft)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;"
    "margin:18px 0}.card{background:var(--card);border:1px solid var(--line);"
    "border-radius:10px;padding:10px 16px}.card b{display:block;font-size:1.5rem;"
    "font-weight:650;line-height:1.35}.card span{color:var(--soft);font-size:.88rem}\n"
    ".charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(440px,100%),1fr));"
    "gap:14px}figure{margin:0}.chart{background:var(--card);border:1px solid var(--line);"
    "border-radius:10px;padding:10px 12px 2px}figcaption{font-size:.9rem}"
    "figcaption b{margin-left:.5em;font-variant-numeric:tabular-nums}"
    "svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font-size:11px}\n"
    ".grid{stroke:var(--line);fill:none}polyline{fill:none;stroke-linejoin:round;"
    "stroke-width:1.8}.pale{stroke-width:1;opacity:.3}"
    ".sweep td,.sweep th{white-space:nowrap}.bar{width:180px}.bar rect{fill:var(--s0)}"
    "img{max-width:100%;border-radius:8px;display:block;margin:6px 0}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;"
    "font-variant-numeric:tabular-nums}td,th{padding:3px 18px 3px 0;text-align:left;"
    "border-top:1px solid var(--line);font-weight:400;vertical-align:top;"
    "overflow-wrap:anywhere}th{color:var(--soft)}thead th{border-top:0}\n"
    "details{margin-top:10px}summary{cursor:pointer;color:var(--soft)}"
    ".dot{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.45em}\n";

/* ---- Figures ------------------------------------------------------------------------ */

/* Undefined figures are a dash. */
static const char *figure(char text[32], const char *fmt, double v)
{
    snprintf(text, 32, fmt, v);
    return v == v ? text : "\xe2\x80\x93";
}

static void put_card(FILE *f, const char *value, const char *what)
{
    fprintf(f, "<div class=\"card\"><b>%s</b><span>%s</span></div>\n", value, what);
}

/* Of a probe: the test, and the sweep that chose the rate. */
static void put_probe(FILE *f, const vs_record *r)
{
    const double lr = json_number_value(json_object_get(r->probe, "lr"));
    const json_t *sweep = json_object_get(r->probe, "sweep"), *row;
    char text[32], more[96];
    size_t i;
    fputs("<div class=\"cards\">\n", f);
    snprintf(more, sizeof(more), "top-1 of %lld test clips",
             (long long)json_integer_value(json_object_get(r->probe, "n")));
    put_card(f, figure(text, "%.1f%%", 100 * json_number_value(json_object_get(r->probe, "top1"))),
             more);
    put_card(f, figure(text, "%.1f%%", 100 * json_number_value(json_object_get(r->probe, "top5"))),
             "top-5");
    put_card(f, figure(text, "%g", lr), "learning rate, chosen on held-out training clips");
    fputs("</div>\n<h2>Sweep of the learning rate</h2>\n<div class=\"wide\">"
          "<table class=\"sweep\"><thead><tr><th>rate</th><th>held-out top-1</th><th></th></tr>"
          "</thead>\n", f);
    json_array_foreach((json_t *)sweep, i, row) {
        const double rate = json_number_value(json_object_get(row, "lr"));
        const double top1 = json_number_value(json_object_get(row, "holdout_top1"));
        fprintf(f, "<tr><td>%g%s</td><td>%.1f%%</td><td><svg class=\"bar\" viewBox=\"0 0 100 6\">"
                "<rect width=\"%.1f\" height=\"6\"/></svg></td></tr>\n", rate,
                rate == lr ? ", chosen" : "", 100 * top1, 100 * top1);
    }
    fputs("</table></div>\n", f);
}

static void put_cards(FILE *f, const vs_record *r)
{
    const vs_figures a = vs_record_figures(r);
    char text[32], more[96];
    fputs("<div class=\"cards\">\n", f);
    if (a.best_top1 == a.best_top1) {
        snprintf(more, sizeof(more), "best top-1, at step %.0f", a.best_step);
        put_card(f, figure(text, "%.1f%%", 100 * a.best_top1), more);
    }
    put_card(f, figure(text, "%.4g", a.loss), "training loss at the end");
    snprintf(more, sizeof(more), "steps, %.4g epochs", a.epoch);
    put_card(f, figure(text, "%.0f", a.step), more);
    put_card(f, a.seconds == a.seconds ? vs_human_time(text, a.seconds) : "\xe2\x80\x93",
             "of training");
    put_card(f, figure(text, "%.3g", a.clips_per_s), "clips per second");
    put_card(f, figure(text, "%.1f%%", 100 * a.wait), "of the time waiting for data");
    fputs("</div>\n", f);
}

static void put_overview(FILE *f, const vs_record *r, int n)
{
    char text[32];
    fputs("<div class=\"wide cards\"><table><thead><tr><th>run</th><th>task</th><th>steps</th>"
          "<th>epochs</th><th>loss</th><th>best top-1</th><th>time</th><th>clips/s</th>"
          "<th>waiting</th></tr></thead>\n", f);
    for (int i = 0; i < n; i++) {
        const vs_figures a = vs_record_figures(&r[i]);
        fprintf(f, "<tr><td><span class=\"dot\" style=\"background:var(--s%d)\"></span>", i);
        vs_plot_text(f, r[i].name);
        fputs("</td><td>", f);
        vs_plot_text(f, r[i].command);
        fprintf(f, "</td><td>%.0f</td><td>%.4g</td>", a.step, a.epoch);
        fprintf(f, "<td>%s</td>", figure(text, "%.4g", a.loss));
        fprintf(f, "<td>%s</td>", figure(text, "%.1f%%", 100 * a.best_top1));
        fprintf(f, "<td>%s</td>", a.seconds == a.seconds ? vs_human_time(text, a.seconds)
                                                        : "\xe2\x80\x93");
        fprintf(f, "<td>%s</td>", figure(text, "%.3g", a.clips_per_s));
        fprintf(f, "<td>%s</td></tr>\n", figure(text, "%.1f%%", 100 * a.wait));
    }
    fputs("</table></div>\n", f);
}

/* ---- Curves ------------------------------------------------------------------------- */

static void collect(vs_series *s, const vs_record *r, const struct curve *c)
{
    size_t i;
    json_t *line;
    s->n = 0;
    s->point = vs_new(sizeof(*s->point) * (json_array_size(r->lines) + 1));
    json_array_foreach(r->lines, i, line) {
        const json_t *v = json_object_get(line, c->key);
        if (!json_is_number(v) || !isfinite(json_number_value(v)))
            continue;
        s->point[s->n][0] = json_number_value(json_object_get(line, "step"));
        s->point[s->n++][1] = json_number_value(v) * c->factor;
    }
}

static void put_curves(FILE *f, const vs_record *r, int n)
{
    size_t lines = 0;
    for (int i = 0; i < n; i++)
        lines += json_array_size(r[i].lines);
    if (lines == 0)
        return;
    fputs("<h2>Curves over steps</h2>\n<div class=\"charts\">\n", f);
    for (size_t c = 0; c < sizeof(curves) / sizeof(*curves); c++) {
        vs_series series[VS_REPORT_RUNS] = { { 0 } };
        int points = 0;
        for (int i = 0; i < n; i++) {
            series[i].colour = i;
            collect(&series[i], &r[i], &curves[c]);
            points += series[i].n;
        }
        if (points > 0)
            vs_plot_draw(f, &curves[c].plot, series, n);
        for (int i = 0; i < n; i++)
            free(series[i].point);
    }
    fputs("</div>\n", f);
}

/* ---- Pictures and settings ---------------------------------------------------------- */

static void put_pictures(FILE *f, const vs_record *r, int n)
{
    bool any = false;
    for (int i = 0; i < n; i++) {
        if (!r[i].picture)
            continue;
        if (!any)
            fputs("<h2>Reconstruction</h2>\n<p class=\"soft\">A training clip, what the encoder "
                  "saw of it, and what the model made of the rest. Brightness and contrast of "
                  "hidden patches are guessed from visible ones.</p>\n", f);
        any = true;
        fputs("<figure>", f);
        if (n > 1) {
            fputs("<figcaption>", f);
            vs_plot_text(f, r[i].name);
            fputs("</figcaption>", f);
        }
        fprintf(f, "<img alt=\"original, masked, reconstruction\" src=\"%s\"></figure>\n",
                r[i].picture);
    }
}

static void put_value(FILE *f, const json_t *v)
{
    char *text = !v || json_is_null(v) ? NULL
                 : json_is_string(v) ? vs_strdup(json_string_value(v))
                                     : json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(8));
    fputs("<td>", f);
    vs_plot_text(f, text ? text : "\xe2\x80\x93");
    fputs("</td>", f);
    free(text);
}

static bool differs(const vs_record *r, int n, const char *key)
{
    for (int i = 1; i < n; i++) {
        const json_t *a = vs_record_setting(&r[0], key), *b = vs_record_setting(&r[i], key);
        if (!a != !b || (a && !json_equal(a, b)))
            return true;
    }
    return false;
}

/* Rows of the settings that differ between the runs, or of those that do not. */
static void put_rows(FILE *f, const vs_record *r, int n, bool differing)
{
    json_t *keys = json_object();
    const char *key;
    json_t *v;
    for (int i = 0; i < n; i++)
        json_object_update_missing(keys, json_object_get(r[i].config, "settings"));
    fputs("<div class=\"wide\"><table>\n", f);
    json_object_foreach(keys, key, v) {
        if (differs(r, n, key) != differing || (!differing && json_is_null(v)))
            continue;
        fputs("<tr><th>", f);
        vs_plot_text(f, key);
        fputs("</th>", f);
        for (int i = 0; i < (differing ? n : 1); i++)
            put_value(f, vs_record_setting(&r[i], key));
        fputs("</tr>\n", f);
    }
    fputs("</table></div>\n", f);
    json_decref(keys);
}

static void put_settings(FILE *f, const vs_record *r, int n)
{
    if (n > 1) {
        fputs("<h2>Settings that differ</h2>\n", f);
        put_rows(f, r, n, true);
    } else {
        fputs("<h2>Settings</h2>\n", f);
    }
    fputs("<details><summary>all settings, as used</summary>\n", f);
    put_rows(f, r, n, false);
    fputs("</details>\n", f);
}

/* ---- The page ----------------------------------------------------------------------- */

static void put_page(FILE *f, const vs_record *r, int n)
{
    const char *version = json_string_value(json_object_get(r[0].config, "version"));
    char title[300];
    if (n == 1)
        snprintf(title, sizeof(title), "%s: %s", r[0].command, r[0].name);
    else
        snprintf(title, sizeof(title), "%d runs, side by side", n);
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width\">\n<title>", f);
    vs_plot_text(f, title);
    fprintf(f, "</title>\n<style>\n%s", style);
    for (int i = 0; i < VS_REPORT_RUNS; i++)
        fprintf(f, "polyline.s%d{stroke:var(--s%d)}circle.s%d{fill:var(--s%d)}"
                ".t%d{color:var(--s%d)}\n", i, i, i, i, i, i);
    fputs("</style></head><body>\n<h1>", f);
    vs_plot_text(f, title);
    fputs("</h1>\n<div class=\"soft\">vsyn-train", f);
    if (version) {
        fputs(" ", f);
        vs_plot_text(f, version);
    }
    fputs("</div>\n", f);
    if (n == 1)
        (r->probe ? put_probe : put_cards)(f, r);
    else
        put_overview(f, r, n);
    put_curves(f, r, n);
    put_pictures(f, r, n);
    put_settings(f, r, n);
    fputs("</body></html>\n", f);
}

vs_err vs_report_write(const char *path, const char *const *run, int n)
{
    VS_ASSERT(n >= 1 && n <= VS_REPORT_RUNS);
    vs_record r[VS_REPORT_RUNS] = { { 0 } };
    vs_err err = VS_OK;
    vs_atomic a;
    for (int i = 0; err == VS_OK && i < n; i++)
        err = vs_record_open(&r[i], run[i]);
    if (err == VS_OK)
        err = vs_atomic_open(&a, path);
    if (err == VS_OK) {
        put_page(a.f, r, n);
        err = vs_atomic_commit(&a);
    }
    for (int i = 0; i < n; i++)
        vs_record_close(&r[i]);
    return err;
}

vs_err vs_run_report(const char *run)
{
    char *path = vs_path_join(run, "report.html");
    const vs_err err = vs_report_write(path, &run, 1);
    free(path);
    return err;
}
