/* A run as its folder tells it, for reports: settings, log, result of a probe, picture. */
#ifndef VSYN_TRAIN_RECORD_H
#define VSYN_TRAIN_RECORD_H

#include "base/err.h"
#include "base/json.h"

typedef struct vs_record {
    char *name;                    /* of the folder */
    const char *command;           /* "pretrain" */
    json_t *lines, *config;        /* of log.jsonl (an array), config.json */
    json_t *probe;                 /* of probe.json, or NULL */
    char *picture;                 /* data URI of reconstruction.png, or NULL */
} vs_record;

/* NaN (of steps and epochs 0): the run does not say. */
typedef struct vs_figures {
    double step, epoch, loss;      /* of the last line that has them */
    double best_top1, best_step;   /* shares; of a probe that of the test, and 0 */
    double seconds;
    double clips_per_s, wait;      /* means over the lines; wait: a share of the time */
} vs_figures;

/* Close it in any case. IO: no run there; CORRUPT. */
vs_err vs_record_open(vs_record *record, const char *run);
void vs_record_close(vs_record *record);
vs_figures vs_record_figures(const vs_record *record);
/* One setting, or NULL. */
json_t *vs_record_setting(const vs_record *record, const char *key);

#endif /* VSYN_TRAIN_RECORD_H */
