/* Line charts as inline SVG, for report.html: several series over one axis of steps. Colours
 * come from the page's style (--s0 ... --s7), so they follow light and dark. */
#ifndef VSYN_TRAIN_PLOT_H
#define VSYN_TRAIN_PLOT_H

#include <stdbool.h>
#include <stdio.h>

typedef struct vs_series {
    double (*point)[2];            /* (n) step, value; steps rise */
    int n;
    int colour;                    /* 0..7 */
} vs_series;

typedef struct vs_plot {
    const char *title;
    const char *format;            /* of a value: "%.3g" */
    bool share;                    /* per cent: the scale is 0..100 */
    bool noisy;                    /* of many points, a running mean is drawn over them */
} vs_plot;

/* One <figure>; beside its title the last value of each series. */
void vs_plot_draw(FILE *f, const vs_plot *plot, const vs_series *series, int n);
/* Escaped for text and for quoted attributes. */
void vs_plot_text(FILE *f, const char *text);

#endif /* VSYN_TRAIN_PLOT_H */
