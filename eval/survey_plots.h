/* The drawings of the page of a survey, as SVG. A set has the number of its row, from 1, and the
 * colour m0..m7 of page.h, dashed from the ninth on. Internal to eval.
 */
#ifndef VSYN_EVAL_SURVEY_PLOTS_H
#define VSYN_EVAL_SURVEY_PLOTS_H

#include <stdio.h>

#include "eval/survey.h"

enum { VS_SET_COLOURS = 8 };

/* Mean amplitude times f over f in cycles a picture, both logarithmic: a line for each set. */
void vs_plot_spectra(FILE *f, const vs_survey *s);
/* How the exponents of the frames of set i are spread; `lo` .. `hi` is the scale of all sets. */
void vs_plot_exponents(FILE *f, const vs_survey *s, int i, double lo, double hi);
/* The scale: all but the outermost 0.5% of the frames of each set. */
void vs_plot_exponent_scale(const vs_survey *s, double *lo, double *hi);
/* a* and b*: the ellipse of one standard deviation of each set, in its mean colour. */
void vs_plot_colours(FILE *f, const vs_survey *s);
/* A property over a column of accuracies; nothing where fewer than two sets have both. */
void vs_plot_scatter(FILE *f, const vs_survey *s, vs_property p, int column);
/* A correlation with its interval on -1 .. 1. */
void vs_plot_correlation(FILE *f, double r, double lo, double hi);

#endif /* VSYN_EVAL_SURVEY_PLOTS_H */
