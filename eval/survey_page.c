/* stats.html: a survey of data sets as one page that needs nothing else. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/mem.h"
#include "base/version.h"
#include "eval/page.h"
#include "eval/survey_plots.h"

/* Beside vs_page_style. */
static const char style[] =
    ".line.again{stroke-dasharray:5 3}.ring{stroke-width:1.5}.median{stroke:var(--ink);"
    "stroke-width:1.4}.tick.ink{font-weight:600}\n"
    ".pair{display:flex;flex-wrap:wrap;gap:10px;align-items:flex-start}"
    ".pair .chart{flex:1 1 280px;max-width:560px}.pair .square{flex:0 1 350px}\n"
    ".spread{width:324px;height:48px;vertical-align:middle}\n"
    ".sheet{display:block;width:480px;max-width:100%;border-radius:6px}\n"
    ".seen th{white-space:normal;max-width:170px}\n"
    ".card b.word{line-height:1.35;padding:4px 0;overflow-wrap:anywhere}\n"
    ".num{display:inline-block;min-width:1.3em;font-weight:650}\n"
    "@media(max-width:600px){.seen,.seen tbody,.seen tr,.seen th,.seen td{display:block;"
    "max-width:none}.seen td{padding-top:0;border-top:0;text-align:left}"
    ".spread{width:100%}}\n";

static long long whole(int64_t n)
{
    return (long long)n;
}

static const char *reference_name(const vs_survey *s)
{
    return s->reference < 0 ? NULL : s->row[s->reference].name;
}

/* ---- Head --------------------------------------------------------------------------------- */

static void write_head(FILE *f, const vs_survey *s)
{
    fprintf(f, "<!doctype html><html lang=en><head><meta charset=utf-8>"
               "<meta name=viewport content=\"width=device-width,initial-scale=1\"><title>"
               "Properties of %d data set%s</title><style>\n%s%s%s", s->rows,
            s->rows == 1 ? "" : "s", vs_page_style, vs_page_style_media,
            style);
    for (int i = 0; i < VS_SET_COLOURS; i++)
        fprintf(f, ".line.m%d,.span.m%d,.ring.m%d{stroke:var(--m%d)}.dot.m%d,.ink.m%d{"
                   "fill:var(--m%d)}.key.m%d{color:var(--m%d)}\n", i, i, i, i, i, i, i, i, i);
    fprintf(f, "</style></head><body>\n<h1>Properties of %d data set%s</h1>\n<p class=sub>",
            s->rows, s->rows == 1 ? "" : "s");
    fprintf(f, "at most %lld videos of %lld frames each &middot; features: ",
            whole(json_integer_value(json_object_get(s->settings, "videos"))),
            whole(json_integer_value(json_object_get(s->settings, "frames"))));
    vs_page_text(f, s->features);
    if (reference_name(s)) {
        fprintf(f, " &middot; reference: ");
        vs_page_text(f, reference_name(s));
    }
    fprintf(f, "</p>\n");
}

/* Four digits, without an exponent. */
static void value(FILE *f, double v)
{
    if (isfinite(v))
        fprintf(f, fabs(v) >= 1000 ? "%.0f" : "%.4g", v);
    else
        fprintf(f, "&ndash;");
}

static void cell(FILE *f, double v)
{
    fprintf(f, "<td>");
    value(f, v);
    fprintf(f, "</td>");
}

/* The set with the smallest (sign 1) or largest (-1) value, or -1. */
static int extreme(const vs_survey *s, vs_property p, int sign)
{
    int best = -1;
    for (int i = 0; i < s->rows; i++)
        if (isfinite(s->row[i].value[p]) &&
            (best < 0 || sign * s->row[i].value[p] < sign * s->row[best].value[p]))
            best = i;
    return best;
}

static void card(FILE *f, const vs_survey *s, const char *label, vs_property p, int sign)
{
    const int i = extreme(s, p, sign);
    if (i < 0)
        return;
    fprintf(f, "<div class=card><span>%s</span><b class=word>", label);
    vs_page_text(f, s->row[i].name);
    fprintf(f, "</b><span>");
    value(f, s->row[i].value[p]);
    fprintf(f, "</span></div>\n");
}

static void write_cards(FILE *f, const vs_survey *s)
{
    if (s->rows < 2)
        return;
    fprintf(f, "<div class=cards>\n");
    if (s->reference >= 0 && s->rows > 2) {
        card(f, s, "Closest frames", VS_PROPERTY_FRAMES, 1);
        card(f, s, "Closest videos", VS_PROPERTY_VIDEOS, 1);
        card(f, s, "Closest colours", VS_PROPERTY_COLOUR, 1);
        card(f, s, "Closest spectrum", VS_PROPERTY_GAP, 1);
    }
    card(f, s, "Most diverse frames", VS_PROPERTY_DIVERSITY, -1);
    fprintf(f, "</div>\n");
}

/* ---- Table -------------------------------------------------------------------------------- */

static void set_name(FILE *f, const vs_survey *s, int i)
{
    fprintf(f, "<span class=\"num key m%d\">%d</span> ", i % VS_SET_COLOURS, i + 1);
    vs_page_text(f, s->row[i].name);
}

static void write_row(FILE *f, const vs_survey *s, int i)
{
    const vs_survey_row *row = &s->row[i];
    fprintf(f, "<tr><th>");
    set_name(f, s, i);
    fprintf(f, "%s</th><td>%lld", i == s->reference ? " <small>reference</small>" : "",
            whole(row->measured->videos));
    if (row->measured->skipped)
        fprintf(f, " <small>%lld skipped</small>", whole(row->measured->skipped));
    fprintf(f, "</td><td>");
    if (isfinite(row->value[VS_PROPERTY_SPECTRUM]))
        fprintf(f, "%.3f", row->value[VS_PROPERTY_SPECTRUM]);
    else
        fprintf(f, "&ndash;");
    if (isfinite(row->half))
        fprintf(f, " <small>&plusmn; %.3f</small>", row->half);
    fprintf(f, "</td>");
    cell(f, row->value[VS_PROPERTY_DIVERSITY]);
    if (s->reference >= 0) {
        cell(f, row->value[VS_PROPERTY_COLOUR]);
        cell(f, row->value[VS_PROPERTY_FRAMES]);
        cell(f, row->value[VS_PROPERTY_VIDEOS]);
    }
    for (int c = 0; c < vs_survey_columns(s); c++)
        cell(f, row->accuracy ? row->accuracy[c] : NAN);
    fprintf(f, "</tr>\n");
}

/* Sets too small for their covariances to be full, in one sentence. */
static void write_warning(FILE *f, const vs_survey *s)
{
    int few = 0;
    for (int i = 0; i < s->rows; i++) {
        const vs_measured *m = s->row[i].measured;
        if (m->videos > m->frame.D && m->videos > m->video.D)
            continue;
        fprintf(f, "%s", few++ ? ", " : "<p class=note>Fewer videos than features: ");
        vs_page_text(f, s->row[i].name);
    }
    if (few)
        fprintf(f, ". There the diversity rests on the ridge and distances come out too large "
                   "(%d features of frames, %d of videos): compare them only with those of as many "
                   "videos.</p>\n", s->row[0].measured->frame.D, s->row[0].measured->video.D);
}

static void write_table(FILE *f, const vs_survey *s)
{
    fprintf(f, "<h2>Properties</h2><div class=wide><table class=plain><thead><tr><th>set</th>"
               "<th>videos</th><th>spectrum exponent</th><th>frame diversity</th>%s",
            s->reference >= 0
                ? "<th>colour KL</th><th>frame distance</th><th>video distance</th>"
                : "");
    for (int c = 0; c < vs_survey_columns(s); c++) {
        fprintf(f, "<th>");
        vs_page_text(f, s->accuracies->column[c]);
        fprintf(f, "</th>");
    }
    fprintf(f, "</tr></thead>\n");
    for (int i = 0; i < s->rows; i++)
        write_row(f, s, i);
    fprintf(f, "</table></div>\n");
    write_warning(f, s);
}

/* ---- Pictures and spectra ----------------------------------------------------------------- */

/* The thumbnails of a set side by side. */
static void write_sheet(FILE *f, const vs_measured *m)
{
    enum { ROW = VS_THUMB * 3 };
    const int n = m->thumbs;
    if (n < 1)
        return;
    uint8_t *sheet = vs_new((size_t)n * VS_THUMB * ROW);
    for (int k = 0; k < n; k++)
        for (int y = 0; y < VS_THUMB; y++)
            memcpy(sheet + ((size_t)y * (size_t)n + (size_t)k) * ROW,
                   m->thumb + ((size_t)k * VS_THUMB + (size_t)y) * ROW, ROW);
    char *uri = vs_png_data_uri(n * VS_THUMB, VS_THUMB, sheet);
    if (uri)
        fprintf(f, "<img class=sheet loading=lazy alt=\"\" style=\"width:%dpx\" src=\"%s\">",
                n * VS_THUMB, uri);
    free(uri);
    free(sheet);
}

static void write_pictures(FILE *f, const vs_survey *s)
{
    fprintf(f, "<h2>What is in them</h2><table class=\"plain seen\">\n");
    for (int i = 0; i < s->rows; i++) {
        fprintf(f, "<tr><th>");
        set_name(f, s, i);
        fprintf(f, "</th><td class=left>");
        write_sheet(f, s->row[i].measured);
        fprintf(f, "</td></tr>\n");
    }
    fprintf(f, "</table>\n");
}

static void write_spectra(FILE *f, const vs_survey *s)
{
    double lo, hi;
    vs_plot_exponent_scale(s, &lo, &hi);
    fprintf(f, "<h2>Spectra and colours</h2><p class=note>The mean amplitude of frames times the "
               "frequency, both axes logarithmic: level where the exponent is 1, falling where it "
               "is larger. Beside it one standard deviation of the pixels' colours, the dot their "
               "mean.</p>\n<div class=pair>");
    vs_plot_spectra(f, s);
    vs_plot_colours(f, s);
    fprintf(f, "</div>\n<h3>Exponents of frames</h3><p class=note>Natural pictures lie around 1, "
               "mostly between 0.5 and 2. The mark is the median.</p>\n"
               "<table class=\"plain seen\">\n");
    for (int i = 0; i < s->rows; i++) {
        fprintf(f, "<tr><th>");
        set_name(f, s, i);
        fprintf(f, "</th><td class=left>");
        vs_plot_exponents(f, s, i, lo, hi);
        if (s->row[i].measured->flat)
            fprintf(f, " <small>%lld frames of one colour</small>",
                    whole(s->row[i].measured->flat));
        fprintf(f, "</td></tr>\n");
    }
    fprintf(f, "</table>\n");
}

/* ---- Correlations ------------------------------------------------------------------------- */

static void write_correlation(FILE *f, double r, double lo, double hi)
{
    fprintf(f, "<td class=left>");
    vs_plot_correlation(f, r, lo, hi);
    fprintf(f, "</td><td>");
    if (isfinite(r))
        fprintf(f, "%.2f", r);
    else
        fprintf(f, "&ndash;");
    if (isfinite(lo))
        fprintf(f, " <small>[%.2f, %.2f]</small>", lo, hi);
    fprintf(f, "</td>");
}

static void write_correlations(FILE *f, const vs_survey *s, int column)
{
    fprintf(f, "<h2>Properties and ");
    vs_page_text(f, s->accuracies->column[column]);
    fprintf(f, "</h2>\n<div class=charts>\n");
    for (int p = 0; p < VS_PROPERTIES; p++)
        vs_plot_scatter(f, s, (vs_property)p, column);
    fprintf(f, "</div>\n<div class=wide><table class=plain><thead><tr><th>property</th><th>sets"
               "</th><th></th><th>Pearson r</th><th></th><th>Spearman rho</th></tr></thead>\n");
    for (int p = 0; p < VS_PROPERTIES; p++) {
        const vs_correlation *c = vs_survey_correlation(s, (vs_property)p, column);
        fprintf(f, "<tr><th>%s</th><td>%d</td>", vs_property_title((vs_property)p), c->n);
        write_correlation(f, c->pearson, c->pearson_lo, c->pearson_hi);
        write_correlation(f, c->spearman, c->spearman_lo, c->spearman_hi);
        fprintf(f, "</tr>\n");
    }
    fprintf(f, "</table></div>\n");
}

/* ---- Method ------------------------------------------------------------------------------- */

static void write_method(FILE *f, const vs_survey *s)
{
    fprintf(f,
            "<h2>How it was measured</h2>\n<p class=note>Frames: the largest square in the middle "
            "of each. <b>Spectrum exponent</b>: &alpha; of A/|f|<sup>&alpha;</sup>, fitted to the "
            "amplitudes of luma under a Hann window between 4 cycles a picture and a quarter of a "
            "cycle a pixel, each octave the same weight; mean over frames, interval over videos. "
            "<b>Frame diversity</b>: ln det of the covariance of frame features, %.3g added to "
            "its diagonal. <b>Colour KL</b>: KL(p||q) + KL(q||p) of two Gaussians of all pixels "
            "in L*a*b* (sRGB, D65). <b>Distances</b>: squared Fr&eacute;chet distance of Gaussians "
            "of features. ", s->ridge);
    if (strcmp(s->features, "low-level") == 0)
        fprintf(f, "<b>Features</b>: brightness, colour, contrast and edges in 4&times;4 cells of "
                   "a frame; of a video their mean and deviation in time, and change.</p>\n");
    else
        fprintf(f, "<b>Features</b>: the mean over the tokens of the encoder; a frame is shown as "
                   "a clip that stands still.</p>\n");
    if (vs_survey_columns(s))
        fprintf(f, "<p class=note>Correlations are over data sets, the reference left out of "
                   "distances to itself. Intervals are 95%% (Fisher; Bonett and Wright for "
                   "ranks) and suppose independent sets: with few of them they are wide, and a "
                   "correlation is no cause.</p>\n");
    fprintf(f, "<h3>Sets</h3><div class=wide><table class=plain>\n");
    for (int i = 0; i < s->rows; i++) {
        fprintf(f, "<tr><th>");
        set_name(f, s, i);
        fprintf(f, "</th><td class=left>");
        vs_page_text(f, s->row[i].path);
        if (s->row[i].split) {
            fprintf(f, ", split ");
            vs_page_text(f, s->row[i].split);
        }
        if (s->row[i].measured->why) {
            fprintf(f, "<br><small>skipped: ");
            vs_page_text(f, s->row[i].measured->why);
            fprintf(f, "</small>");
        }
        fprintf(f, "</td></tr>\n");
    }
    fprintf(f, "</table></div>\n<p class=note>vsyn-robust " VS_VERSION ", seed %lld</p>"
               "</body></html>\n",
            whole(json_integer_value(json_object_get(s->settings, "seed"))));
}

vs_err vs_survey_page(const vs_survey *s, const char *path)
{
    vs_atomic a;
    VS_TRY(vs_atomic_open(&a, path));
    write_head(a.f, s);
    write_cards(a.f, s);
    write_table(a.f, s);
    write_pictures(a.f, s);
    write_spectra(a.f, s);
    for (int c = 0; c < vs_survey_columns(s); c++)
        write_correlations(a.f, s, c);
    write_method(a.f, s);
    return vs_atomic_commit(&a);
}
