/* The results of a robustness run: DIR/results.db, and what is made of it.
 *
 *     meta(key, value)                        format ("2"), settings (JSON: how it was made)
 *     video(clip, place, name, label)         the videos of the split, in its order
 *     result(corruption, severity, clip,      one scored video; corruption "clean" has severity 0
 *            predicted, rank, probability)    rank of the label, from 0; probability of the label
 *     thumb(corruption, severity, uri)        pictures for the report, PNG data URIs
 *     skip(clip, reason)                      videos that cannot be read: left out of every cell
 *
 * A cell (corruption, severity) is complete when it has a result for every video that is not
 * left out. Results are committed every quarter of a second, so a killed run loses no more than
 * that and what was being scored. A part of a run (--shard I/N) is
 * DIR/shards/I-of-N/results.db until it is gathered.
 * results.json, results.csv and report.html are functions of the database alone.
 *
 * Errors: DB and IO naming the file; CORRUPT when the file is of other settings.
 */
#ifndef VSYN_EVAL_RESULTS_H
#define VSYN_EVAL_RESULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "eval/robust.h"
#include "eval/stats.h"
#include "ingest/store/store.h"

/* ---- While a run goes on ------------------------------------------------------------------ */

typedef struct vs_results_db vs_results_db;

typedef struct vs_result {
    int64_t clip;
    int predicted, rank;
    double probability;
} vs_result;

/* Creates DIR and its database, or opens it for more: then settings and videos must be those
 * it was made with, else CORRUPT says what differs. One process at a time (DIR/lock).
 * Borrows settings. Members of settings whose name is in `free_keys` (NULL-terminated) may
 * change and are updated. */
vs_err vs_results_open(vs_results_db **out, const char *dir, const json_t *settings,
                       const char *const *free_keys, const vs_split *split);
void vs_results_close(vs_results_db **db);
/* Takes over what the parts below DIR/shards hold; *parts: how many there are. CORRUPT when one
 * was made with other settings, IO when one is still being written. Parts stay. */
vs_err vs_results_gather(vs_results_db *db, const char *dir, const json_t *settings,
                         const char *const *free_keys, int *parts);
/* Leave a video out from now on. */
vs_err vs_results_skip(vs_results_db *db, int64_t clip, const char *reason);
/* skipped[0..split->n-1] */
vs_err vs_results_skipped(vs_results_db *db, bool *skipped);
/* done[0..split->n-1]: which videos the cell already has. severity 0: "clean". */
vs_err vs_results_done(vs_results_db *db, const char *corruption, int severity, bool *done);
/* All of them or none. On disk after a quarter of a second at the latest with a later call, */
vs_err vs_results_add(vs_results_db *db, const char *corruption, int severity,
                      const vs_result *result, int n);
/* or now. */
vs_err vs_results_save(vs_results_db *db);
vs_err vs_results_thumb(vs_results_db *db, const char *corruption, int severity,
                        const char *uri);

/* ---- To report ---------------------------------------------------------------------------- */

typedef struct vs_thumb {
    char *corruption, *uri;
    int severity;
} vs_thumb;

typedef struct vs_results {
    char *dir;
    json_t *settings;
    int videos;                    /* that could be read */
    int skipped;                   /* that could not; the first of them: */
    char *skipped_name;
    uint64_t same_videos;          /* equal for the same list of names and labels */
    int cells, unfinished;         /* complete, clean first; begun and not complete */
    vs_cell *cell;
    int thumbs;
    vs_thumb *thumb;
    vs_stats *stats;
} vs_results;

/* CORRUPT when DIR holds no complete clean cell yet: there is nothing to compare with. */
vs_err vs_results_load(vs_results *out, const char *dir);
void vs_results_free(vs_results *results);
/* The picture of a cell, or NULL. */
const char *vs_results_picture(const vs_results *results, const char *corruption, int severity);
/* "ucf101-finetune": the last part of the model's path. */
const char *vs_results_name(const vs_results *results);

/* Everything as JSON; the caller releases it. Holds no times: the same results give the same
 * text. */
json_t *vs_results_json(const vs_results *results);
/* DIR/results.json, DIR/results.csv and DIR/results.tex, each atomic. */
vs_err vs_results_write(const vs_results *results);

/* The tables of one or several models for a paper, in LaTeX (latex.c). */
vs_err vs_latex_write(const char *path, const vs_results *results, int n);
/* The rows of results.csv for several models, with the model's name in front. */
vs_err vs_results_write_csv(const char *path, const vs_results *results, int n);

/* One self-contained page about one or several models (report.c). */
vs_err vs_report_write(const char *path, const vs_results *results, int n);

#endif /* VSYN_EVAL_RESULTS_H */
