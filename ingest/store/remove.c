/* Forgetting files: their clips, failures and places in lists, in one transaction.
 *
 * Bytes stay in the packs, where readers that opened the store earlier may still use them;
 * `floor` in meta keeps later writers from going on there, and compact.c gets the room back.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "ingest/store/writer.h"

/* Files that the conditions meet; a NULL parameter is no condition. */
#define CHOOSE                                                                                \
    "INSERT INTO temp.gone SELECT dataset, name FROM (SELECT dataset, name FROM clip UNION "  \
    "SELECT dataset, name FROM member UNION SELECT dataset, name FROM failure) f "            \
    "WHERE (?1 IS NULL OR dataset = (SELECT id FROM dataset WHERE name = ?1)) "               \
    "AND (?2 IS NULL OR name = ?2) "                                                          \
    "AND (?3 IS NULL OR EXISTS (SELECT 1 FROM member m WHERE m.dataset = f.dataset "          \
    "     AND m.name = f.name AND m.split = ?3)) "                                            \
    "AND (?4 IS NULL OR EXISTS (SELECT 1 FROM member m LEFT JOIN class k "                    \
    "     ON k.dataset = m.dataset AND k.label = m.label WHERE m.dataset = f.dataset "        \
    "     AND m.name = f.name AND (k.name = ?4 OR CAST(m.label AS TEXT) = ?4))) "             \
    "AND (?5 = 0 OR EXISTS (SELECT 1 FROM failure x WHERE x.dataset = f.dataset "             \
    "     AND x.name = f.name)) "                                                             \
    "AND (?6 = 0 OR EXISTS (SELECT 1 FROM clip c JOIN temp.wanted w ON w.id = c.id "          \
    "     WHERE c.dataset = f.dataset AND c.name = f.name))"

#define GONE " (dataset, name) IN (SELECT dataset, name FROM temp.gone)"

static vs_err want_clips(vs_db *db, const vs_removal *what)
{
    sqlite3_stmt *stmt;
    VS_TRY(vs_db_prepare(&stmt, db, "INSERT OR IGNORE INTO temp.wanted (id) VALUES (?)"));
    vs_err err = VS_OK;
    for (int i = 0; i < what->clips && err == VS_OK; i++)
        err = vs_db_run(db, stmt, "i", what->clip[i]);
    sqlite3_finalize(stmt);
    int64_t missing = 0;
    if (err == VS_OK)
        err = vs_db_int(&missing, db, "SELECT min(id) FROM temp.wanted "
                                      "WHERE id NOT IN (SELECT id FROM clip)", -1);
    if (err == VS_OK && missing >= 0)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: no clip %lld; vsyn-ingest list shows them", db->path,
                      (long long)missing);
    return err;
}

static vs_err choose(vs_db *db, const vs_removal *what)
{
    VS_TRY(vs_db_exec(db, "CREATE TEMP TABLE wanted (id INTEGER PRIMARY KEY); "
                          "CREATE TEMP TABLE gone (dataset INTEGER, name TEXT, "
                          "PRIMARY KEY (dataset, name)) WITHOUT ROWID"));
    VS_TRY(want_clips(db, what));
    sqlite3_stmt *stmt;
    VS_TRY(vs_db_prepare(&stmt, db, CHOOSE));
    const vs_err err = vs_db_run(db, stmt, "ttttii", what->dataset, what->name, what->split,
                                 what->class_name, (int64_t)what->failed, (int64_t)what->clips);
    sqlite3_finalize(stmt);
    return err;
}

/* Places in lists; files that another split still names then stay. */
static vs_err delete_members(vs_removed *out, vs_db *db, const vs_removal *what)
{
    sqlite3_stmt *stmt;
    VS_TRY(vs_db_prepare(&stmt, db,
                         "DELETE FROM member WHERE (?1 IS NULL OR split = ?1) AND" GONE));
    const vs_err err = vs_db_run(db, stmt, "t", what->split);
    out->listed = sqlite3_changes(db->handle);
    sqlite3_finalize(stmt);
    VS_TRY(err);
    return vs_db_exec(db, "DELETE FROM temp.gone WHERE (dataset, name) IN "
                          "(SELECT dataset, name FROM member)");
}

/* A data set that was named alone goes with its classes. */
static vs_err delete_dataset(vs_db *db, const vs_removal *what)
{
    if (!what->dataset || what->clips || what->name || what->split || what->class_name ||
        what->failed)
        return VS_OK;
    sqlite3_stmt *stmt;
    VS_TRY(vs_db_prepare(&stmt, db, "DELETE FROM class WHERE dataset = "
                                    "(SELECT id FROM dataset WHERE name = ?)"));
    vs_err err = vs_db_run(db, stmt, "t", what->dataset);
    sqlite3_finalize(stmt);
    VS_TRY(err);
    VS_TRY(vs_db_prepare(&stmt, db, "DELETE FROM dataset WHERE name = ?"));
    err = vs_db_run(db, stmt, "t", what->dataset);
    sqlite3_finalize(stmt);
    return err;
}

static vs_err delete_all(vs_removed *out, vs_db *db, const vs_removal *what)
{
    VS_TRY(choose(db, what));
    int64_t files, sets = 0;
    VS_TRY(vs_db_int(&files, db, "SELECT count(*) FROM temp.gone", 0));
    VS_TRY(delete_members(out, db, what));
    VS_TRY(vs_db_int(&out->clips, db, "SELECT count(*) FROM clip WHERE" GONE, 0));
    VS_TRY(vs_db_int(&out->bytes, db, "SELECT sum(bytes) FROM clip WHERE" GONE, 0));
    VS_TRY(vs_db_exec(db, "INSERT OR REPLACE INTO meta (key, value) SELECT 'floor', max(pack) + 1 "
                          "FROM clip WHERE (SELECT max(pack) FROM clip) IN "
                          "(SELECT pack FROM clip WHERE" GONE ") HAVING max(pack) IS NOT NULL"));
    VS_TRY(vs_db_exec(db, "DELETE FROM clip WHERE" GONE));
    VS_TRY(vs_db_exec(db, "DELETE FROM failure WHERE" GONE));
    out->failures = sqlite3_changes(db->handle);
    VS_TRY(delete_dataset(db, what));
    sets = sqlite3_changes(db->handle);
    if (files == 0 && !(what->dataset && sets > 0))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: nothing there is meant by these options; vsyn-ingest "
                       "info and list show what there is", db->path);
    return VS_OK;
}

vs_err vs_store_remove(vs_removed *out, const char *path, const vs_removal *what)
{
    *out = (vs_removed){ 0 };
    VS_TRY(vs_store_must_exist(path));
    vs_writer *w;
    VS_TRY(vs_writer_open(&w, path, NULL));
    vs_err err = vs_db_exec(&w->db, "BEGIN IMMEDIATE");
    if (err == VS_OK)
        err = delete_all(out, &w->db, what);
    if (err == VS_OK)
        err = vs_db_exec(&w->db, what->dry_run ? "ROLLBACK" : "COMMIT");
    if (err != VS_OK)
        sqlite3_exec(w->db.handle, "ROLLBACK", NULL, NULL, NULL);
    char *reason = err != VS_OK ? vs_strdup(vs_err_detail()) : NULL;
    const vs_err closed = vs_writer_close(&w);
    if (reason)
        VS_FAIL(err, "%s", reason);
    free(reason);
    return err != VS_OK ? err : closed;
}

vs_err vs_store_must_exist(const char *path)
{
    char *index = vs_path_join(path, "index.db");
    const bool there = vs_path_exists(index);
    free(index);
    return there ? VS_OK : VS_FAIL(VS_ERR_IO, "%s: no clip store here (index.db is missing)", path);
}
