/* SQLite as the store uses it: open with checks, bind, step, errors in plain words. */
#ifndef VSYN_INGEST_STORE_DB_H
#define VSYN_INGEST_STORE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_db {
    sqlite3 *handle;
    char *path;                    /* STORE/index.db */
} vs_db;

/* Reading: the index must be there and be ours. Writing: made when missing or empty,
 * and switched to a write-ahead log, so that readers and the writer do not wait for
 * one another. Errors: IO, CORRUPT (foreign, damaged, of another version), DB. */
vs_err vs_db_open(vs_db *db, const char *store, bool write);
void vs_db_close(vs_db *db);

/* The error of the last call on db, in words: "STORE/index.db: cannot WHAT: reason". */
vs_err vs_db_fail(const vs_db *db, const char *what);

vs_err vs_db_exec(vs_db *db, const char *sql);
vs_err vs_db_prepare(sqlite3_stmt **out, vs_db *db, const char *sql);
/* Reset, then bind ?1, ?2, ... by letter: i int64_t, d double, t text (NULL allowed; must
 * live until the statement is reset or finalized). */
vs_err vs_db_bind(vs_db *db, sqlite3_stmt *stmt, const char *types, ...);
/* Prepare and bind. */
vs_err vs_db_query(sqlite3_stmt **out, vs_db *db, const char *sql, const char *types, ...);
/* *row: there is a row to read; false: done. */
vs_err vs_db_step(bool *row, vs_db *db, sqlite3_stmt *stmt);
/* A statement without rows: bind, step to the end, reset. */
vs_err vs_db_run(vs_db *db, sqlite3_stmt *stmt, const char *types, ...);
/* First column of the first row as a number; `none` when there is no row or it is NULL. */
vs_err vs_db_int(int64_t *out, vs_db *db, const char *sql, int64_t none);

/* Column as text; never NULL. */
const char *vs_db_text(sqlite3_stmt *stmt, int column);

#endif /* VSYN_INGEST_STORE_DB_H */
