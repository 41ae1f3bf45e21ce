/* Writing HTML and SVG: what report.c, compare.c and charts.c share. Every text that comes from
 * outside goes through vs_page_text(). Internal to eval. */
#ifndef VSYN_EVAL_PAGE_H
#define VSYN_EVAL_PAGE_H

#include <stdio.h>

#include "eval/results.h"

/* Style sheet: light and dark by the reader's setting, one column on a phone, whole rows and
 * drawings on paper. */
extern const char vs_page_style[];
extern const char vs_page_style_media[];      /* phones and paper; after it */

/* Escaped for text and for quoted attributes. */
void vs_page_text(FILE *f, const char *text);
/* "gaussian_noise" -> "gaussian noise", escaped. */
void vs_page_title(FILE *f, const char *name);
/* "81.2%"; "-" when undefined. */
void vs_page_percent(FILE *f, double v);
/* "81.2% [78.0, 84.1]" with the interval in small print. */
void vs_page_estimate(FILE *f, const vs_estimate *e);

/* Table of top-1 accuracy, corruption x severity, coloured by the share of the clean
 * accuracy that is kept. */
void vs_chart_heatmap(FILE *f, const vs_results *r);
/* One small chart per corruption, and one of the mean: top-1 over severity 0 (clean) to 5,
 * a line with its 95% band for each of n models. */
void vs_chart_curves(FILE *f, const vs_results *r, int n);
/* Top-1 of the clean videos, of each group and of the mean of groups: bars with 95% intervals for
 * each of n models (bars.c). */
void vs_chart_groups(FILE *f, const vs_results *r, int n);
/* A dot with its interval on the scale 0..most, with a mark at `clean`. */
void vs_chart_interval(FILE *f, const vs_estimate *e, double clean, double most, int model);
/* The end of the scale for these models: the largest accuracy shown, rounded up to a tenth. */
double vs_chart_most(const vs_results *r, int n);

/* Clean accuracy, mPC, rPC and the mean of the groups for each of n models. */
void vs_page_models(FILE *f, const vs_results *r, int n);
/* Top-1 per corruption of each model, its difference to the first, and how often it wins. */
void vs_page_comparison(FILE *f, const vs_results *r, int n);

#endif /* VSYN_EVAL_PAGE_H */
