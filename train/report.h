/* RUN/report.html: curves and settings of a run in one file without outside parts. */
#ifndef VSYN_TRAIN_REPORT_H
#define VSYN_TRAIN_REPORT_H

#include "base/err.h"

/* From RUN/log.jsonl and RUN/config.json; replaces the report that is there. */
vs_err vs_run_report(const char *run);

#endif /* VSYN_TRAIN_REPORT_H */
