/* results.db: keeping results, one row per scored video. */
#include "eval/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "eval/results_db.h"

#define COMMIT_SECONDS 0.25

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS video(clip INTEGER PRIMARY KEY, place INTEGER NOT NULL,"
    " name TEXT NOT NULL, label INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS result(corruption TEXT NOT NULL, severity INTEGER NOT NULL,"
    " clip INTEGER NOT NULL REFERENCES video(clip), predicted INTEGER NOT NULL,"
    " rank INTEGER NOT NULL, probability REAL NOT NULL,"
    " PRIMARY KEY(corruption, severity, clip)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS thumb(corruption TEXT NOT NULL, severity INTEGER NOT NULL,"
    " uri TEXT NOT NULL, PRIMARY KEY(corruption, severity)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS skip(clip INTEGER PRIMARY KEY REFERENCES video(clip),"
    " reason TEXT NOT NULL);"
    "CREATE VIEW IF NOT EXISTS kept AS SELECT * FROM video WHERE clip NOT IN"
    " (SELECT clip FROM skip);";

static vs_err commit(vs_results_db *db);

/* ---- Opening ------------------------------------------------------------------------------ */

static bool listed(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static vs_err compare(const json_t *now, const json_t *then, const char *const *free_keys,
                      const char *dir)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)now, key, value) {
        const json_t *old = json_object_get(then, key);
        if (listed(free_keys, key) || (old && json_equal((json_t *)old, value)))
            continue;
        char *is = json_dumps(value, JSON_ENCODE_ANY), *was = old ? json_dumps(old, JSON_ENCODE_ANY)
                                                                  : vs_strdup("nothing");
        const vs_err err = VS_FAIL(VS_ERR_CORRUPT,
                                   "%s holds results made with %s %s, not %s; choose another --out",
                                   dir, key, was, is);
        free(is);
        free(was);
        return err;
    }
    return VS_OK;
}

static vs_err same_videos(vs_results_db *db, const char *dir)
{
    sqlite3_stmt *s = NULL;
    int n = 0;
    bool same = true;
    VS_TRY(vs_results_prepare(&s, db, "SELECT clip, name, label FROM video ORDER BY place"));
    while (sqlite3_step(s) == SQLITE_ROW) {
        const vs_clip *c = n < db->split->n ? &db->split->clip[n] : NULL;
        same = same && c && c->id == sqlite3_column_int64(s, 0) &&
               c->label == sqlite3_column_int(s, 2) &&
               strcmp(c->name, (const char *)sqlite3_column_text(s, 1)) == 0;
        n++;
    }
    sqlite3_finalize(s);
    if (!same || n != db->split->n)
        return VS_FAIL(VS_ERR_CORRUPT, "%s holds results of %d other videos than the %d of this "
                       "split; choose another --out", dir, n, db->split->n);
    return VS_OK;
}

static vs_err add_videos(vs_results_db *db)
{
    sqlite3_stmt *s = NULL;
    vs_err err = VS_OK;
    VS_TRY(vs_results_prepare(&s, db, "INSERT INTO video VALUES(?1, ?2, ?3, ?4)"));
    for (int i = 0; i < db->split->n && err == VS_OK; i++) {
        const vs_clip *c = &db->split->clip[i];
        sqlite3_bind_int64(s, 1, c->id);
        sqlite3_bind_int(s, 2, i);
        vs_results_bind(s, 3, c->name);
        sqlite3_bind_int(s, 4, c->label);
        err = vs_results_step(db, s);
    }
    sqlite3_finalize(s);
    return err;
}

static vs_err fill_or_compare(vs_results_db *db, const char *dir, const json_t *settings,
                              const char *const *free_keys)
{
    char *format = NULL, *old = NULL, *text = json_dumps(settings, JSON_COMPACT);
    json_t *then = NULL;
    vs_err err = vs_results_get_meta(&format, db, "format");
    if (err == VS_OK)
        err = vs_results_get_meta(&old, db, "settings");
    if (err != VS_OK)
        goto out;
    if (!format) {
        err = add_videos(db);
        if (err == VS_OK)
            err = vs_results_set_meta(db, "format", VS_RESULTS_FORMAT);
    } else if (strcmp(format, VS_RESULTS_FORMAT) != 0 || !old) {
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: format %s, this program writes %s", db->path, format,
                      VS_RESULTS_FORMAT);
    } else {
        err = vs_json_parse(&then, old, strlen(old), db->path);
        if (err == VS_OK)
            err = compare(settings, then, free_keys, dir);
        if (err == VS_OK)
            err = same_videos(db, dir);
    }
    if (err == VS_OK)
        err = vs_results_set_meta(db, "settings", text);
out:
    json_decref(then);
    free(format);
    free(old);
    free(text);
    return err;
}

vs_err vs_results_open(vs_results_db **out, const char *dir, const json_t *settings,
                       const char *const *free_keys, const vs_split *split)
{
    VS_TRY(vs_dir_make(dir));
    vs_results_db *db = vs_new(sizeof(*db));
    char *lock = vs_path_join(dir, "lock");
    db->path = vs_path_join(dir, "results.db");
    db->lock = -1;
    db->split = split;
    vs_err err = vs_lock_take(&db->lock, lock);
    free(lock);
    if (err == VS_OK)
        err = vs_results_open_file(db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (err == VS_OK)
        err = vs_results_execute(db, schema);
    if (err == VS_OK)
        err = vs_results_execute(db, "BEGIN IMMEDIATE");
    if (err == VS_OK)
        err = fill_or_compare(db, dir, settings, free_keys);
    if (err == VS_OK)
        err = vs_results_execute(db, "COMMIT");
    if (err != VS_OK)
        vs_results_close(&db);
    *out = db;
    return err;
}

void vs_results_close(vs_results_db **db)
{
    if (*db) {
        commit(*db);                           /* where an error was met: what came before it */
        sqlite3_close((*db)->sql);
        vs_lock_release(&(*db)->lock);
        free((*db)->path);
        free(*db);
        *db = NULL;
    }
}

/* ---- Rows --------------------------------------------------------------------------------- */

vs_err vs_results_done(vs_results_db *db, const char *corruption, int severity, bool *done)
{
    sqlite3_stmt *s = NULL;
    memset(done, 0, sizeof(*done) * (size_t)db->split->n);
    VS_TRY(vs_results_prepare(&s, db, "SELECT place FROM result JOIN video USING(clip)"
                           " WHERE corruption = ?1 AND severity = ?2"));
    vs_results_bind(s, 1, corruption);
    sqlite3_bind_int(s, 2, severity);
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        const int place = sqlite3_column_int(s, 0);
        if (place >= 0 && place < db->split->n)
            done[place] = true;
    }
    const vs_err err = step == SQLITE_DONE ? VS_OK : vs_results_failed(db);
    sqlite3_finalize(s);
    return err;
}

/* Rows gather in one transaction for a moment: a commit waits for the disk. */
static vs_err begin(vs_results_db *db)
{
    if (db->writing)
        return VS_OK;
    VS_TRY(vs_results_execute(db, "BEGIN"));
    db->writing = true;
    db->began = vs_now();
    return VS_OK;
}

static vs_err commit(vs_results_db *db)
{
    if (!db->writing)
        return VS_OK;
    db->writing = false;
    const vs_err err = vs_results_execute(db, "COMMIT");
    if (err != VS_OK)
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

vs_err vs_results_add(vs_results_db *db, const char *corruption, int severity,
                      const vs_result *result, int n)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(begin(db));
    vs_err err = vs_results_prepare(&s, db, "INSERT OR REPLACE INTO result"
                                            " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    for (int i = 0; i < n && err == VS_OK; i++) {
        vs_results_bind(s, 1, corruption);
        sqlite3_bind_int(s, 2, severity);
        sqlite3_bind_int64(s, 3, result[i].clip);
        sqlite3_bind_int(s, 4, result[i].predicted);
        sqlite3_bind_int(s, 5, result[i].rank);
        sqlite3_bind_double(s, 6, result[i].probability);
        err = vs_results_step(db, s);
    }
    sqlite3_finalize(s);
    if (err == VS_OK && vs_now() - db->began > COMMIT_SECONDS)
        err = commit(db);
    return err;
}

vs_err vs_results_save(vs_results_db *db)
{
    return commit(db);
}

vs_err vs_results_thumb(vs_results_db *db, const char *corruption, int severity, const char *uri)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(begin(db));
    VS_TRY(vs_results_prepare(&s, db, "INSERT OR REPLACE INTO thumb VALUES(?1, ?2, ?3)"));
    vs_results_bind(s, 1, corruption);
    sqlite3_bind_int(s, 2, severity);
    vs_results_bind(s, 3, uri);
    const vs_err err = vs_results_step(db, s);
    sqlite3_finalize(s);
    return err;
}

vs_err vs_results_skip(vs_results_db *db, int64_t clip, const char *reason)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(begin(db));
    VS_TRY(vs_results_prepare(&s, db, "INSERT OR REPLACE INTO skip VALUES(?1, ?2)"));
    sqlite3_bind_int64(s, 1, clip);
    vs_results_bind(s, 2, reason);
    const vs_err err = vs_results_step(db, s);
    sqlite3_finalize(s);
    return err;
}

vs_err vs_results_skipped(vs_results_db *db, bool *skipped)
{
    sqlite3_stmt *s = NULL;
    int step;
    memset(skipped, 0, sizeof(*skipped) * (size_t)db->split->n);
    VS_TRY(vs_results_prepare(&s, db, "SELECT place FROM skip JOIN video USING(clip)"));
    while ((step = sqlite3_step(s)) == SQLITE_ROW)
        if (sqlite3_column_int(s, 0) >= 0 && sqlite3_column_int(s, 0) < db->split->n)
            skipped[sqlite3_column_int(s, 0)] = true;
    const vs_err err = step == SQLITE_DONE ? VS_OK : vs_results_failed(db);
    sqlite3_finalize(s);
    return err;
}

/* ---- Parts -------------------------------------------------------------------------------- */

/* The rows of the database at `path`, of the same settings and videos (which opening checks). */
static vs_err take_part(vs_results_db *db, const char *path)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(vs_results_prepare(&s, db, "ATTACH ?1 AS part"));
    vs_results_bind(s, 1, path);
    vs_err err = vs_results_step(db, s);
    sqlite3_finalize(s);
    VS_TRY(err);
    err = vs_results_execute(db, "BEGIN;"
                      "INSERT OR IGNORE INTO result SELECT * FROM part.result;"
                      "INSERT OR IGNORE INTO thumb SELECT * FROM part.thumb;"
                      "INSERT OR IGNORE INTO skip SELECT * FROM part.skip;"
                      "COMMIT;");
    if (err != VS_OK)
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_exec(db->sql, "DETACH part", NULL, NULL, NULL);
    return err;
}

vs_err vs_results_gather(vs_results_db *db, const char *dir, const json_t *settings,
                         const char *const *free_keys, int *parts)
{
    char *shards = vs_path_join(dir, "shards"), **name = NULL;
    int n = 0;
    vs_err err = vs_path_is_dir(shards) ? vs_dir_list(shards, &name, &n) : VS_OK;
    *parts = n;
    for (int i = 0; i < n && err == VS_OK; i++) {
        char *part = vs_path_join(shards, name[i]), *file = vs_path_join(part, "results.db");
        vs_results_db *opened = NULL;
        err = vs_results_open(&opened, part, settings, free_keys, db->split);
        if (err == VS_OK)
            err = take_part(db, file);
        vs_results_close(&opened);
        free(file);
        free(part);
    }
    vs_names_free(name, n);
    free(shards);
    return err;
}
