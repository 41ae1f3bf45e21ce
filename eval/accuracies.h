/* Accuracies of data sets from a CSV file, for correlations.
 *
 *     set,ucf101,hmdb51           a header: the first name is not looked at
 *     moving-circles,88.4,62.9    the name of a set, then a number for each column
 *     still,,31.5                 an empty place: not known
 *
 * Fields are cut at commas; blanks and double quotes around them are dropped; empty lines and
 * those that begin with # are left out. Percent or fractions: a correlation does not care.
 * Errors: IO; CORRUPT naming file and line.
 */
#ifndef VSYN_EVAL_ACCURACIES_H
#define VSYN_EVAL_ACCURACIES_H

#include "base/err.h"

typedef struct vs_accuracies {
    int columns, rows;
    char **column;                 /* (columns) */
    char **name;                   /* (rows) */
    double *value;                 /* (rows, columns); NaN = not known */
} vs_accuracies;

vs_err vs_accuracies_read(vs_accuracies *out, const char *path);
void vs_accuracies_free(vs_accuracies *a);
/* The row of a set, or NULL. */
const double *vs_accuracies_of(const vs_accuracies *a, const char *name);

#endif /* VSYN_EVAL_ACCURACIES_H */
