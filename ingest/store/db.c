/* SQLite underneath the clip store. The schema is schema.sql, compiled in. */
#include "ingest/store/db.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#define APPLICATION 1987279214     /* schema.sql */
#define VERSION 1
#define VIEWS 2                    /* views.sql, additions.sql */
#define BUSY_MS 20000              /* a reader meets the writer's change of journal mode */

static const char schema[] =
#include "ingest/store/schema.h"
    ;
static const char additions[] =
#include "ingest/store/additions.h"
    ;
static const char views[] =
#include "ingest/store/views.h"
    ;

vs_err vs_db_fail(const vs_db *db, const char *what)
{
    const int code = db->handle ? sqlite3_errcode(db->handle) : SQLITE_NOMEM;
    const char *reason = db->handle ? sqlite3_errmsg(db->handle) : "out of memory";
    switch (code) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return VS_FAIL(VS_ERR_CORRUPT, "%s: not a readable clip store index: %s", db->path,
                       reason);
    case SQLITE_NOMEM:
        return VS_FAIL(VS_ERR_NOMEM, "%s: cannot %s: out of memory", db->path, what);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        return VS_FAIL(VS_ERR_IO, "%s: cannot %s: %s", db->path, what, reason);
    default:
        return VS_FAIL(VS_ERR_DB, "%s: cannot %s: %s", db->path, what, reason);
    }
}

vs_err vs_db_exec(vs_db *db, const char *sql)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? VS_OK : vs_db_fail(db, "run a statement");
}

vs_err vs_db_prepare(sqlite3_stmt **out, vs_db *db, const char *sql)
{
    *out = NULL;
    return sqlite3_prepare_v2(db->handle, sql, -1, out, NULL) == SQLITE_OK
               ? VS_OK : vs_db_fail(db, "prepare a statement");
}

static vs_err bind_list(vs_db *db, sqlite3_stmt *stmt, const char *types, va_list ap)
{
    sqlite3_reset(stmt);
    int code = SQLITE_OK;
    for (int i = 0; types[i] && code == SQLITE_OK; i++) {
        if (types[i] == 'i') {
            code = sqlite3_bind_int64(stmt, i + 1, va_arg(ap, int64_t));
        } else if (types[i] == 'd') {
            code = sqlite3_bind_double(stmt, i + 1, va_arg(ap, double));
        } else {
            VS_ASSERT(types[i] == 't');
            code = sqlite3_bind_text(stmt, i + 1, va_arg(ap, const char *), -1, SQLITE_STATIC);
        }
    }
    return code == SQLITE_OK ? VS_OK : vs_db_fail(db, "bind a value");
}

vs_err vs_db_bind(vs_db *db, sqlite3_stmt *stmt, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    const vs_err err = bind_list(db, stmt, types, ap);
    va_end(ap);
    return err;
}

vs_err vs_db_query(sqlite3_stmt **out, vs_db *db, const char *sql, const char *types, ...)
{
    VS_TRY(vs_db_prepare(out, db, sql));
    va_list ap;
    va_start(ap, types);
    const vs_err err = bind_list(db, *out, types, ap);
    va_end(ap);
    if (err != VS_OK) {
        sqlite3_finalize(*out);
        *out = NULL;
    }
    return err;
}

vs_err vs_db_step(bool *row, vs_db *db, sqlite3_stmt *stmt)
{
    const int code = sqlite3_step(stmt);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? VS_OK : vs_db_fail(db, "read or write");
}

vs_err vs_db_run(vs_db *db, sqlite3_stmt *stmt, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    vs_err err = bind_list(db, stmt, types, ap);
    va_end(ap);
    bool row;
    if (err == VS_OK)
        err = vs_db_step(&row, db, stmt);
    sqlite3_reset(stmt);
    return err;
}

vs_err vs_db_int(int64_t *out, vs_db *db, const char *sql, int64_t none)
{
    sqlite3_stmt *stmt;
    VS_TRY(vs_db_prepare(&stmt, db, sql));
    bool row;
    const vs_err err = vs_db_step(&row, db, stmt);
    *out = none;
    if (err == VS_OK && row && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return err;
}

const char *vs_db_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text ? (const char *)text : "";
}

/* ---- Opening ------------------------------------------------------------------------- */

static vs_err check_ours(vs_db *db)
{
    int64_t application, version;
    VS_TRY(vs_db_int(&application, db, "PRAGMA application_id", 0));
    if (application != APPLICATION)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: a database, but not a clip store index", db->path);
    VS_TRY(vs_db_int(&version, db, "SELECT CAST(value AS INTEGER) FROM meta "
                                   "WHERE key = 'version'", -1));
    if (version != VERSION)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: store of version %lld, this program reads "
                       "version %d", db->path, (long long)version, VERSION);
    return VS_OK;
}

/* An index without tables is what a writer killed at its very start leaves. */
static vs_err create_if_empty(vs_db *db)
{
    int64_t tables;
    VS_TRY(vs_db_int(&tables, db, "SELECT count(*) FROM sqlite_master", 0));
    if (tables > 0)
        return VS_OK;
    vs_err err = vs_db_exec(db, "BEGIN IMMEDIATE");
    if (err == VS_OK)
        err = vs_db_exec(db, schema);
    if (err == VS_OK)
        return vs_db_exec(db, "COMMIT");
    sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* A store of an older program gets the tables and views of this one. */
static vs_err renew(vs_db *db)
{
    int64_t known;
    VS_TRY(vs_db_int(&known, db, "SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'views'",
                     0));
    if (known == VIEWS)
        return VS_OK;
    vs_err err = vs_db_exec(db, "BEGIN IMMEDIATE");
    if (err == VS_OK)
        err = vs_db_exec(db, additions);
    if (err == VS_OK)
        err = vs_db_exec(db, views);
    if (err == VS_OK)
        return vs_db_exec(db, "COMMIT");
    sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* Tables of additions.sql that an older store lacks stand empty beside it, for this reader. */
static vs_err complete(vs_db *db)
{
    int64_t there;
    VS_TRY(vs_db_int(&there, db, "SELECT count(*) FROM sqlite_master WHERE name = 'timing'", 0));
    return there ? VS_OK
                 : vs_db_exec(db, "PRAGMA temp_store = MEMORY; CREATE TEMP TABLE timing "
                                  "(clip INTEGER PRIMARY KEY, times TEXT)");
}

/* A writer was killed while it changed the index itself: SQLite has to put it right first, and
 * asks for leave to write. */
static vs_err open_for_recovery(vs_db *db)
{
    sqlite3_close_v2(db->handle);
    if (sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return vs_db_fail(db, "open");
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    VS_TRY(check_ours(db));
    VS_TRY(complete(db));
    return vs_db_exec(db, "PRAGMA query_only = ON");
}

vs_err vs_db_open(vs_db *db, const char *store, bool write)
{
    *db = (vs_db){ .path = vs_path_join(store, "index.db") };
    vs_err err = VS_OK;
    if (!write && !vs_path_exists(db->path)) {
        err = VS_FAIL(VS_ERR_IO, "%s: no clip store here (index.db is missing)", store);
        goto out;
    }
    const int flags = write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    if (sqlite3_open_v2(db->path, &db->handle, flags, NULL) != SQLITE_OK) {
        err = vs_db_fail(db, "open");
        goto out;
    }
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    if (write)
        err = create_if_empty(db);
    if (err == VS_OK)
        err = check_ours(db);
    if (err == VS_OK && !write)
        err = complete(db);
    if (err != VS_OK && !write && sqlite3_errcode(db->handle) == SQLITE_READONLY)
        err = open_for_recovery(db);
    if (err == VS_OK && write)
        err = renew(db);
    /* NORMAL: a power cut may cost the last commits, never the index; the packs are
     * flushed before each commit and cut to what the index knows. */
    if (err == VS_OK && write)
        err = vs_db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
out:
    if (err != VS_OK)
        vs_db_close(db);
    return err;
}

void vs_db_close(vs_db *db)
{
    sqlite3_close_v2(db->handle);
    free(db->path);
    *db = (vs_db){ 0 };
}
