/* report.html: curves, figures, reconstructions and settings of one or several runs in one
 * file without outside parts; light or dark as the reader's system is. */
#ifndef VSYN_TRAIN_REPORT_H
#define VSYN_TRAIN_REPORT_H

#include "base/err.h"

enum { VS_REPORT_RUNS = 8 };       /* as many as there are colours */

/* From log.jsonl, config.json and reconstruction.png of each of 1..VS_REPORT_RUNS runs; replaces
 * the report at `path`. Errors: IO, CORRUPT (a folder that is no run). */
vs_err vs_report_write(const char *path, const char *const *run, int n);
/* RUN/report.html of that run alone. */
vs_err vs_run_report(const char *run);

#endif /* VSYN_TRAIN_REPORT_H */
