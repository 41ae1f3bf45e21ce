#include "eval/results_db.h"

#include "base/mem.h"

vs_err vs_results_open_file(vs_results_db *db, int flags)
{
    if (sqlite3_open_v2(db->path, &db->sql, flags, NULL) != SQLITE_OK)
        return vs_results_failed(db);
    sqlite3_busy_timeout(db->sql, 5000);
    return VS_OK;
}

vs_err vs_results_failed(const vs_results_db *db)
{
    return VS_FAIL(VS_ERR_DB, "%s: %s", db->path, sqlite3_errmsg(db->sql));
}

vs_err vs_results_execute(vs_results_db *db, const char *text)
{
    return sqlite3_exec(db->sql, text, NULL, NULL, NULL) == SQLITE_OK ? VS_OK
                                                                      : vs_results_failed(db);
}

vs_err vs_results_prepare(sqlite3_stmt **out, vs_results_db *db, const char *text)
{
    return sqlite3_prepare_v2(db->sql, text, -1, out, NULL) == SQLITE_OK ? VS_OK
                                                                         : vs_results_failed(db);
}

vs_err vs_results_step(vs_results_db *db, sqlite3_stmt *s)
{
    const vs_err err = sqlite3_step(s) == SQLITE_DONE ? VS_OK : vs_results_failed(db);
    sqlite3_reset(s);
    return err;
}

void vs_results_bind(sqlite3_stmt *s, int i, const char *text)
{
    sqlite3_bind_text(s, i, text, -1, SQLITE_TRANSIENT);
}

vs_err vs_results_set_meta(vs_results_db *db, const char *key, const char *value)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(vs_results_prepare(&s, db, "INSERT OR REPLACE INTO meta VALUES(?1, ?2)"));
    vs_results_bind(s, 1, key);
    vs_results_bind(s, 2, value);
    const vs_err err = vs_results_step(db, s);
    sqlite3_finalize(s);
    return err;
}

vs_err vs_results_get_meta(char **value, vs_results_db *db, const char *key)
{
    sqlite3_stmt *s = NULL;
    *value = NULL;
    VS_TRY(vs_results_prepare(&s, db, "SELECT value FROM meta WHERE key = ?1"));
    vs_results_bind(s, 1, key);
    const int step = sqlite3_step(s);
    const vs_err err = step == SQLITE_ROW || step == SQLITE_DONE ? VS_OK : vs_results_failed(db);
    if (step == SQLITE_ROW)
        *value = vs_strdup((const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return err;
}
