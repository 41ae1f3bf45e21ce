/* The tables of `vsyn-robust stats` on stdout. Contract: eval/survey.h */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eval/survey.h"

static void print_number(double v, int width, const char *format)
{
    char text[32] = "-";
    if (isfinite(v))
        snprintf(text, sizeof(text), format, v);
    printf("  %*s", width, text);
}

void vs_survey_print(const vs_survey *s)
{
    int wide = 3;
    for (int i = 0; i < s->rows; i++)
        wide = (int)strlen(s->row[i].name) > wide ? (int)strlen(s->row[i].name) : wide;
    printf("%-*s  %6s  %8s  %16s  %9s  %9s  %9s  %9s\n", wide, "set", "videos", "exponent", "95%",
           "colour KL", "diversity", "frame FD", "video FD");
    for (int i = 0; i < s->rows; i++) {
        const vs_survey_row *row = &s->row[i];
        char interval[40] = "-";
        if (isfinite(row->half))
            snprintf(interval, sizeof(interval), "%.3f .. %.3f", row->value[0] - row->half,
                     row->value[0] + row->half);
        printf("%-*s  %6lld", wide, row->name, (long long)row->measured->videos);
        print_number(row->value[VS_PROPERTY_SPECTRUM], 8, "%.3f");
        printf("  %16s", interval);
        print_number(row->value[VS_PROPERTY_COLOUR], 9, "%.4g");
        print_number(row->value[VS_PROPERTY_DIVERSITY], 9, "%.2f");
        print_number(row->value[VS_PROPERTY_FRAMES], 9, "%.5g");
        print_number(row->value[VS_PROPERTY_VIDEOS], 9, "%.5g");
        printf("%s\n", i == s->reference ? "  reference" : "");
    }
    for (int k = 0; k < vs_survey_columns(s); k++) {
        printf("\n%-20s  %5s  %8s  %16s  %8s  %16s\n", s->accuracies->column[k], "sets", "Pearson",
               "95%", "Spearman", "95%");
        for (int p = 0; p < VS_PROPERTIES; p++) {
            const vs_correlation *c = vs_survey_correlation(s, (vs_property)p, k);
            char text[2][40] = { "-", "-" };
            if (isfinite(c->pearson_lo))
                snprintf(text[0], 40, "%.2f .. %.2f", c->pearson_lo, c->pearson_hi);
            if (isfinite(c->spearman_lo))
                snprintf(text[1], 40, "%.2f .. %.2f", c->spearman_lo, c->spearman_hi);
            printf("%-20s  %5d", vs_property_name((vs_property)p), c->n);
            print_number(c->pearson, 8, "%.3f");
            printf("  %16s", text[0]);
            print_number(c->spearman, 8, "%.3f");
            printf("  %16s\n", text[1]);
        }
    }
}
