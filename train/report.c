#include "train/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/metrics.h"

/* One curve: `key` of the log's lines over their step. */
struct curve {
    const char *key, *title, *format;
    double factor;
};

static const struct curve curves[] = {
    { "loss", "training loss", "%.4g", 1 },
    { "val_loss", "loss on the watched split", "%.4g", 1 },
    { "top1", "top-1 on the watched split, %", "%.1f", 100 },
    { "lr", "learning rate", "%.3g", 1 },
    { "grad_norm", "norm of the gradient", "%.3g", 1 },
    { "clips_per_s", "clips per second", "%.3g", 1 },
    { "wait", "time spent waiting for data, %", "%.1f", 100 },
};

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
    ":root { color-scheme: light dark; --fg: #1c2430; --bg: #ffffff; --dim: #66717f;\n"
    "  --line: #d9dee5; --ink: #1f6fb2; }\n"
    "@media (prefers-color-scheme: dark) { :root { --fg: #e4e8ee; --bg: #14181d;\n"
    "  --dim: #97a2b0; --line: #323a44; --ink: #6cb2ee; } }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg);\n"
    "  max-width: 66rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "h1 { font-size: 1.4rem; } h2 { font-size: 1rem; margin: 0; }\n"
    ".curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr));\n"
    "  gap: 1.5rem; } figure { margin: 0; } svg { width: 100%; height: auto; }\n"
    "polyline { fill: none; stroke: var(--ink); stroke-width: 2; stroke-linejoin: round; }\n"
    "circle { fill: var(--ink); } .axis { stroke: var(--line); }\n"
    "svg text { fill: var(--dim); font-size: 11px; }\n"
    "table { border-collapse: collapse; font-size: .9rem; columns: 2; }\n"
    "td { padding: .1rem 1.5rem .1rem 0; border-bottom: 1px solid var(--line); }\n"
    "td:first-child, .dim { color: var(--dim); }\n"
    "</style>\n";

static void put_text(FILE *f, const char *text)
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

/* Points (step, value), at most 600 of them; the number that there are. */
static int collect(double (*point)[2], const json_t *lines, const struct curve *c)
{
    const json_t *line, *v;
    size_t i;
    int n = 0, all = 0, seen = 0;
    json_array_foreach((json_t *)lines, i, line)
        all += json_is_number(json_object_get(line, c->key));
    const int every = (all + 599) / 600;
    json_array_foreach((json_t *)lines, i, line) {
        v = json_object_get(line, c->key);
        if (!json_is_number(v) || (seen++ % every && seen != all))
            continue;
        point[n][0] = json_number_value(json_object_get(line, "step"));
        point[n++][1] = json_number_value(v) * c->factor;
    }
    return n;
}

static void label(FILE *f, const struct curve *c, double x, double y, const char *anchor,
                  double value)
{
    char text[32];
    snprintf(text, sizeof(text), c ? c->format : "%.0f", value);
    fprintf(f, "<text x=\"%.0f\" y=\"%.0f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text);
}

static void draw(FILE *f, const struct curve *c, double (*p)[2], int n)
{
    enum { W = 400, H = 180, LEFT = 56, RIGHT = 8, TOP = 8, BOTTOM = 22 };
    double lo = p[0][1], hi = lo;
    for (int i = 1; i < n; i++) {
        lo = fmin(lo, p[i][1]);
        hi = fmax(hi, p[i][1]);
    }
    if (c->factor == 100) {        /* shares have a scale of their own */
        lo = 0;
        hi = 100;
    }
    const double x0 = p[0][0], xr = p[n - 1][0] > x0 ? p[n - 1][0] - x0 : 1;
    const double yr = hi > lo ? hi - lo : 1;
    fprintf(f, "<figure><h2>%s</h2><svg viewBox=\"0 0 %d %d\" role=\"img\">\n"
            "<path class=\"axis\" fill=\"none\" d=\"M%d %dV%dH%d\"/>\n<polyline points=\"",
            c->title, W, H, LEFT, TOP, H - BOTTOM, W - RIGHT);
    double x = 0, y = 0;
    for (int i = 0; i < n; i++) {
        x = LEFT + (p[i][0] - x0) / xr * (W - LEFT - RIGHT);
        y = H - BOTTOM - (p[i][1] - lo) / yr * (H - TOP - BOTTOM);
        fprintf(f, "%.1f,%.1f ", x, y);
    }
    fprintf(f, "\"/>\n<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", x, y);
    label(f, c, LEFT - 6, TOP + 8, "end", hi);
    label(f, c, LEFT - 6, H - BOTTOM, "end", lo);
    label(f, NULL, LEFT, H - 6, "start", x0);
    label(f, NULL, W - RIGHT, H - 6, "end", p[n - 1][0]);
    fprintf(f, "</svg><span class=\"dim\">now ");
    fprintf(f, c->format, p[n - 1][1]);
    fprintf(f, " at step %.0f</span></figure>\n", p[n - 1][0]);
}

static void put_settings(FILE *f, const json_t *config)
{
    const char *key;
    json_t *v;
    fputs("<h1>Settings</h1>\n<table>\n", f);
    json_object_foreach(json_object_get(config, "settings"), key, v) {
        char *text = json_is_string(v) ? vs_strdup(json_string_value(v))
                                       : json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(8));
        if (text && !json_is_null(v)) {
            fprintf(f, "<tr><td>%s</td><td>", key);
            put_text(f, text);
            fputs("</td></tr>\n", f);
        }
        free(text);
    }
    fputs("</table>\n", f);
}

static void put_report(FILE *f, const char *run, const json_t *lines, const json_t *config)
{
    double (*point)[2] = vs_new(sizeof(*point) * 602);
    const char *command = json_string_value(json_object_get(config, "command"));
    fprintf(f, "%s<title>", head);
    put_text(f, vs_path_base(run));
    fputs("</title></head><body>\n<h1>", f);
    put_text(f, command ? command : "run");
    fputs(": ", f);
    put_text(f, vs_path_base(run));
    fputs("</h1>\n<div class=\"curves\">\n", f);
    for (size_t i = 0; i < sizeof(curves) / sizeof(*curves); i++) {
        const int n = collect(point, lines, &curves[i]);
        if (n > 0)
            draw(f, &curves[i], point, n);
    }
    fputs("</div>\n", f);
    put_settings(f, config);
    fputs("</body></html>\n", f);
    free(point);
}

vs_err vs_run_report(const char *run)
{
    char *settings = vs_path_join(run, "config.json"), *path = vs_path_join(run, "report.html");
    json_t *lines = NULL, *config = NULL;
    vs_atomic a;
    vs_err err = vs_metrics_load(&lines, run);
    if (err == VS_OK)
        err = vs_json_load(&config, settings);
    if (err == VS_OK)
        err = vs_atomic_open(&a, path);
    if (err == VS_OK) {
        put_report(a.f, run, lines, config);
        err = vs_atomic_commit(&a);
    }
    json_decref(lines);
    json_decref(config);
    free(settings);
    free(path);
    return err;
}
