/* report.html: one page that needs nothing else, made from the results alone. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/version.h"
#include "eval/page.h"

/* ---- Head: what was found, in words and four numbers -------------------------------------- */

static const char *setting(const vs_results *r, const char *key)
{
    const char *text = json_string_value(json_object_get(r->settings, key));
    return text ? text : "";
}

static int setting_int(const vs_results *r, const char *key)
{
    return (int)json_integer_value(json_object_get(r->settings, key));
}

/* The corruption that keeps least (sign 1) or most (sign -1) of the clean accuracy. */
static const vs_row *extreme(const vs_stats *s, int sign)
{
    const vs_row *best = NULL;
    for (int i = 0; i < s->rows; i++) {
        const vs_row *row = &s->row[i];
        const double v = row->q[VS_GAMMA_R].value;
        if (row->kind == VS_ROW_CORRUPTION && !isnan(v) &&
            (!best || sign * v < sign * best->q[VS_GAMMA_R].value))
            best = row;
    }
    return best;
}

static int corruptions_of(const vs_stats *s)
{
    int n = 0;
    for (int i = 0; i < s->rows; i++)
        n += s->row[i].kind == VS_ROW_CORRUPTION;
    return n;
}

static void write_lead(FILE *f, const vs_results *r)
{
    const vs_row *all = vs_stats_find(r->stats, VS_ROW_ALL, "", 0);
    const vs_row *worst = extreme(r->stats, 1), *best = extreme(r->stats, -1);
    if (!all || !worst || !best)
        return;
    fprintf(f, "<p class=lead>Under %d corruption%s the model keeps <b>%.0f%%</b> of its clean "
               "accuracy on average: most under <b>", corruptions_of(r->stats),
            corruptions_of(r->stats) == 1 ? "" : "s", 100 * all->q[VS_GAMMA_R].value);
    vs_page_title(f, best->name);
    fprintf(f, "</b> (%.0f%%), least under <b>", 100 * best->q[VS_GAMMA_R].value);
    vs_page_title(f, worst->name);
    fprintf(f, "</b> (%.0f%%).</p>\n", 100 * worst->q[VS_GAMMA_R].value);
}

static void card(FILE *f, const char *label, const vs_estimate *e, const char *what)
{
    fprintf(f, "<div class=card><span>%s</span><b>", label);
    vs_page_percent(f, e->value);
    fprintf(f, "</b><span>");
    if (!isnan(e->value))
        fprintf(f, "%.1f to %.1f &middot; ", 100 * e->lo, 100 * e->hi);
    fprintf(f, "%s</span></div>\n", what);
}

static void word_card(FILE *f, const char *label, const vs_row *row)
{
    if (!row)
        return;
    fprintf(f, "<div class=card><span>%s</span><b class=word>", label);
    vs_page_title(f, row->name);
    fprintf(f, "</b><span>");
    vs_page_percent(f, row->q[VS_TOP1].value);
    fprintf(f, " top-1, keeps %.0f%%</span></div>\n", 100 * row->q[VS_GAMMA_R].value);
}

static void write_cards(FILE *f, const vs_results *r)
{
    const vs_row *all = vs_stats_find(r->stats, VS_ROW_ALL, "", 0);
    fprintf(f, "<div class=cards>\n");
    card(f, "Clean accuracy", &r->stats->row[0].q[VS_TOP1], "top-1");
    if (all) {
        card(f, "Corrupted accuracy", &all->q[VS_TOP1], "mPC");
        card(f, "Relative robustness", &all->q[VS_GAMMA_R], "rPC");
    }
    word_card(f, "Weakest", extreme(r->stats, 1));
    fprintf(f, "</div>\n");
}

static void write_head(FILE *f, const vs_results *r, int n)
{
    fprintf(f, "<!doctype html><html lang=en><head><meta charset=utf-8>"
               "<meta name=viewport content=\"width=device-width,initial-scale=1\"><title>"
               "Robustness of ");
    for (int i = 0; i < n; i++) {
        fprintf(f, "%s", i ? ", " : "");
        vs_page_text(f, vs_results_name(&r[i]));
    }
    fprintf(f, "</title><style>\n%s%s", vs_page_style, vs_page_style_media);
    for (int i = 0; i < n; i++)
        fprintf(f, ".line.m%d,.span.m%d{stroke:var(--m%d)}.band.m%d,.dot.m%d{fill:var(--m%d)}"
                   ".key.m%d{color:var(--m%d)}\n", i, i, i, i, i, i, i, i);
    fprintf(f, "</style></head><body>\n<h1>Robustness of ");
    for (int i = 0; i < n; i++) {
        fprintf(f, "%s<span class=\"key m%d\">", i == 0 ? "" : i + 1 < n ? ", " : " and ", i);
        vs_page_text(f, vs_results_name(&r[i]));
        fprintf(f, "</span>");
    }
    fprintf(f, "</h1>\n<p class=sub>%d videos of split ", r->videos);
    vs_page_text(f, setting(r, "split"));
    fprintf(f, ", %d classes &middot; ", setting_int(r, "classes"));
    vs_page_text(f, setting(r, "views"));
    fprintf(f, " views of %d frames, %d&times;%d &middot; intervals are 95%%</p>\n",
            setting_int(r, "frames"), setting_int(r, "width"), setting_int(r, "height"));
    for (int i = 0; i < n; i++)
        if (r[i].skipped) {
            fprintf(f, "<p class=note>%d video%s could not be read and %s left out everywhere (",
                    r[i].skipped, r[i].skipped == 1 ? "" : "s", r[i].skipped == 1 ? "is" : "are");
            vs_page_text(f, r[i].skipped_name);
            fprintf(f, "%s).</p>\n", r[i].skipped > 1 ? ", ..." : "");
        }
    for (int i = 0; i < n; i++)
        if (r[i].unfinished)
            fprintf(
                f,
                "<p class=note>%s: %d more cell%s begun but not finished; left out here.</p>\n",
                n > 1 ? "Unfinished" : "The run is not finished", r[i].unfinished,
                r[i].unfinished == 1 ? " is" : "s are");
}

/* ---- The table of one model --------------------------------------------------------------- */

/* What a table is drawn with. */
struct table_style {
    double clean, most;
    int model;
    bool top5;                     /* means something: there are more than five classes */
};

static void table_row(FILE *f, const vs_row *row, const char *name, const struct table_style *t)
{
    fprintf(f, "<tr><th>");
    vs_page_title(f, name);
    fprintf(f, "</th><td class=left>");
    vs_chart_interval(f, &row->q[VS_TOP1], t->clean, t->most, t->model);
    for (int q = 0; q < VS_QUANTITIES; q++) {
        if (q == VS_TOP5 && !t->top5)
            continue;
        fprintf(f, "</td><td>");
        if (q == VS_TOP1 || q == VS_TOP5)
            vs_page_estimate(f, &row->q[q]);
        else if (isnan(row->q[q].value))
            fprintf(f, "&ndash;");
        else
            fprintf(f, "%.3f <small>[%.3f, %.3f]</small>", row->q[q].value, row->q[q].lo,
                    row->q[q].hi);
    }
    fprintf(f, "</td></tr>\n");
}

static void write_table(FILE *f, const vs_results *r, int model)
{
    const struct table_style t = { .clean = r->stats->row[0].q[VS_TOP1].value,
                                   .most = vs_chart_most(r, 1), .model = model,
                                   .top5 = setting_int(r, "classes") > 5 };
    fprintf(f, "<div class=wide><table class=plain><thead><tr><th>mean over severities</th>"
               "<th></th><th>top-1</th>%s<th>&gamma;<sub>a</sub></th>"
               "<th>&gamma;<sub>r</sub></th></tr></thead>\n", t.top5 ? "<th>top-5</th>" : "");
    for (int i = 0; i < r->stats->rows; i++) {
        const vs_row *row = &r->stats->row[i];
        if (row->kind == VS_ROW_CLEAN || row->kind == VS_ROW_CORRUPTION)
            table_row(f, row, row->name, &t);
    }
    fprintf(f, "<tr class=group><th colspan=6>means</th></tr>\n");
    for (int i = 0; i < r->stats->rows; i++) {
        const vs_row *row = &r->stats->row[i];
        if (row->kind == VS_ROW_GROUP)
            table_row(f, row, row->name, &t);
        else if (row->kind == VS_ROW_OVERALL)
            table_row(f, row, "of the groups", &t);
        else if (row->kind == VS_ROW_ALL)
            table_row(f, row, "of all cells (mPC, rPC)", &t);
    }
    fprintf(f, "</table></div>\n");
}

/* ---- Pictures ----------------------------------------------------------------------------- */

static void figure(FILE *f, const char *uri, const char *caption, int severity)
{
    if (!uri)
        return;
    fprintf(f, "<figure><img loading=lazy alt=\"\" src=\"");
    vs_page_text(f, uri);
    fprintf(f, "\"><figcaption>");
    severity ? fprintf(f, "severity %d", severity) : fprintf(f, "%s", caption);
    fprintf(f, "</figcaption></figure>");
}

static void write_pictures(FILE *f, const vs_results *r)
{
    fprintf(f, "<h2>What the model saw</h2><p class=note>The middle frame of one view of the first "
               "video; of temporal corruptions, frames spread over the view.</p>\n");
    for (int i = 0; i < vs_corruption_count(); i++) {
        const vs_corruption *c = vs_corruption_at(i);
        if (!vs_stats_find(r->stats, VS_ROW_CORRUPTION, c->name, 0))
            continue;
        fprintf(f, "<h3>");
        vs_page_title(f, c->name);
        fprintf(f, " <small>");
        vs_page_text(f, c->what);
        fprintf(f, "</small></h3><div class=\"thumbs%s\">", c->temporal ? " strips" : "");
        figure(f, vs_results_picture(r, c->temporal ? "clean strip" : "clean", 0), "clean", 0);
        for (int s = 1; s <= VS_SEVERITIES; s++)
            figure(f, vs_results_picture(r, c->name, s), "", s);
        fprintf(f, "</div>\n");
    }
}

/* ---- How it was made ---------------------------------------------------------------------- */

/* A word for the shell, quoted where it must be, then escaped. */
static void shell_word(FILE *f, const char *word)
{
    bool plain = *word;
    for (const char *c = word; *c; c++)
        plain = plain && (isalnum((unsigned char)*c) || strchr("_-./:,=+", *c));
    if (plain) {
        vs_page_text(f, word);
        return;
    }
    vs_page_text(f, "'");
    for (const char *c = word; *c; c++) {
        const char one[] = { *c, 0 };
        vs_page_text(f, *c == '\'' ? "'\\''" : one);
    }
    vs_page_text(f, "'");
}

static void write_command(FILE *f, const vs_results *r)
{
    static const char *const words[] = { "model", "store", "split", "corruptions", "severities",
                                         "views" };
    fprintf(f, "<pre>vsyn-robust run");
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        fprintf(f, " --%s ", words[i]);
        shell_word(f, setting(r, words[i]));
    }
    fprintf(f, " --seed %lld",
            (long long)json_integer_value(json_object_get(r->settings, "seed")));
    if (strcmp(setting(r, "variant"), "arre") != 0) {
        fprintf(f, " --variant ");
        shell_word(f, setting(r, "variant"));
    }
    if (json_is_true(json_object_get(r->settings, "reference_negative")))
        fprintf(f, " --reference-negative");
    if (json_is_true(json_object_get(r->settings, "falling_rain")))
        fprintf(f, " --falling-rain");
    fprintf(f, " --out ");
    shell_word(f, r->dir);
    fprintf(f, "</pre>\n");
}

static void write_settings(FILE *f, const vs_results *r)
{
    const char *key;
    json_t *value;
    fprintf(f, "<div class=wide><table class=plain>");
    json_object_foreach(r->settings, key, value) {
        char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY);
        fprintf(f, "<tr><th>");
        vs_page_title(f, key);
        fprintf(f, "</th><td class=left>");
        vs_page_text(f, text ? text : json_is_string(value) ? json_string_value(value) : "");
        fprintf(f, "</td></tr>\n");
        free(text);
    }
    fprintf(f, "</table></div>\n");
}

static void write_method(FILE *f, const vs_results *r, int n)
{
    fprintf(f, "<h2>How to reproduce it</h2>\n");
    for (int i = 0; i < n; i++)
        write_command(f, &r[i]);
    fprintf(
        f,
        "<p class=note>A video's frames depend on (seed, clip, corruption, severity) only. "
        "&gamma;<sub>a</sub> = 1 &minus; (A<sub>clean</sub> &minus; A); &gamma;<sub>r</sub> = "
        "1 &minus; (A<sub>clean</sub> &minus; A) / A<sub>clean</sub>. mPC: mean top-1 over all "
        "corruptions and severities; rPC = mPC / A<sub>clean</sub>. Intervals: 95%% "
        "percentiles of %d bootstrap samples of the videos. They tell how far another draw "
        "of videos could move a number, not how far another training run could.</p>\n",
        VS_REPLICATES);
    for (int i = 0; i < n; i++) {
        fprintf(f, "<h3>");
        vs_page_text(f, vs_results_name(&r[i]));
        fprintf(f, "</h3>");
        write_settings(f, &r[i]);
    }
    fprintf(f, "<p class=note>vsyn-robust " VS_VERSION "</p></body></html>\n");
}

/* ---- The page ----------------------------------------------------------------------------- */

static void write_model_title(FILE *f, const vs_results *r, int model, int n)
{
    if (n == 1)
        return;
    fprintf(f, "<h3 class=\"key m%d\">", model);
    vs_page_text(f, vs_results_name(r));
    fprintf(f, "</h3>");
}

static void write_page(FILE *f, const vs_results *r, int n)
{
    write_head(f, r, n);
    if (n == 1) {
        write_lead(f, r);
        write_cards(f, r);
    } else {
        vs_page_models(f, r, n);
        vs_page_comparison(f, r, n);
    }
    if (r->cells > 1) {
        fprintf(f, "<h2>Corruption by severity</h2>\n<div class=maps>");
        for (int i = 0; i < n; i++) {
            fprintf(f, "<section>");
            write_model_title(f, &r[i], i, n);
            vs_chart_heatmap(f, &r[i]);
            fprintf(f, "</section>\n");
        }
        fprintf(f, "</div>\n<h2>Groups of corruptions</h2><p class=note>Top-1 in percent, mean "
                   "over the corruptions and severities of a group; whiskers are 95%% "
                   "intervals.</p>\n");
        vs_chart_groups(f, r, n);
        fprintf(f, "<h2>How accuracy falls</h2><p class=note>Top-1 in percent over "
                   "severity; the band is the 95%% interval.</p>\n");
        vs_chart_curves(f, r, n);
        fprintf(f, "<h2>Every number</h2><p class=note>Dashed: clean accuracy.</p>\n");
        for (int i = 0; i < n; i++) {
            write_model_title(f, &r[i], i, n);
            write_table(f, &r[i], i);
        }
        write_pictures(f, r);
    }
    write_method(f, r, n);
}

vs_err vs_report_write(const char *path, const vs_results *results, int n)
{
    vs_atomic a;
    VS_TRY(vs_atomic_open(&a, path));
    write_page(a.f, results, n);
    return vs_atomic_commit(&a);
}
