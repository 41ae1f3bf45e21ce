/* The SQLite file behind results.h: what writing (results.c) and reading (results_load.c) share.
 *
 * Ownership: the caller owns the vs_results_db. Errors: DB naming the file.
 */
#ifndef VSYN_EVAL_RESULTS_DB_H
#define VSYN_EVAL_RESULTS_DB_H

#include <sqlite3.h>

#include "eval/results.h"

#define VS_RESULTS_FORMAT "2"

struct vs_results_db {
    sqlite3 *sql;
    char *path;
    int lock;
    const vs_split *split;
    bool writing;                  /* a transaction, since `began` */
    double began;
};

vs_err vs_results_open_file(vs_results_db *db, int flags);
vs_err vs_results_failed(const vs_results_db *db);
vs_err vs_results_execute(vs_results_db *db, const char *text);
vs_err vs_results_prepare(sqlite3_stmt **out, vs_results_db *db, const char *text);
/* Run a statement without rows, and make it ready for other values. */
vs_err vs_results_step(vs_results_db *db, sqlite3_stmt *s);
void vs_results_bind(sqlite3_stmt *s, int i, const char *text);

vs_err vs_results_set_meta(vs_results_db *db, const char *key, const char *value);
/* *value is NULL when there is none; the caller frees it. */
vs_err vs_results_get_meta(char **value, vs_results_db *db, const char *key);

#endif /* VSYN_EVAL_RESULTS_DB_H */
