/* results.db: keeping results, one row per scored video. */
#include "eval/results.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

#define FORMAT "2"
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

struct vs_results_db {
    sqlite3 *sql;
    char *path;
    int lock;
    const vs_split *split;
    bool writing;                  /* a transaction, since `began` */
    double began;
};

/* ---- SQL ---------------------------------------------------------------------------------- */

static vs_err failed(const vs_results_db *db)
{
    return VS_FAIL(VS_ERR_DB, "%s: %s", db->path, sqlite3_errmsg(db->sql));
}

static vs_err execute(vs_results_db *db, const char *text)
{
    return sqlite3_exec(db->sql, text, NULL, NULL, NULL) == SQLITE_OK ? VS_OK : failed(db);
}

static vs_err prepare(sqlite3_stmt **out, vs_results_db *db, const char *text)
{
    return sqlite3_prepare_v2(db->sql, text, -1, out, NULL) == SQLITE_OK ? VS_OK : failed(db);
}

/* Run a statement without rows, and make it ready for other values. */
static vs_err run(vs_results_db *db, sqlite3_stmt *s)
{
    const vs_err err = sqlite3_step(s) == SQLITE_DONE ? VS_OK : failed(db);
    sqlite3_reset(s);
    return err;
}

static void bind_text(sqlite3_stmt *s, int i, const char *text)
{
    sqlite3_bind_text(s, i, text, -1, SQLITE_TRANSIENT);
}

static vs_err set_meta(vs_results_db *db, const char *key, const char *value)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(prepare(&s, db, "INSERT OR REPLACE INTO meta VALUES(?1, ?2)"));
    bind_text(s, 1, key);
    bind_text(s, 2, value);
    const vs_err err = run(db, s);
    sqlite3_finalize(s);
    return err;
}

/* *value is NULL when there is none; the caller frees it. */
static vs_err get_meta(char **value, vs_results_db *db, const char *key)
{
    sqlite3_stmt *s = NULL;
    *value = NULL;
    VS_TRY(prepare(&s, db, "SELECT value FROM meta WHERE key = ?1"));
    bind_text(s, 1, key);
    const int step = sqlite3_step(s);
    const vs_err err = step == SQLITE_ROW || step == SQLITE_DONE ? VS_OK : failed(db);
    if (step == SQLITE_ROW)
        *value = vs_strdup((const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return err;
}

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
    VS_TRY(prepare(&s, db, "SELECT clip, name, label FROM video ORDER BY place"));
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
    VS_TRY(prepare(&s, db, "INSERT INTO video VALUES(?1, ?2, ?3, ?4)"));
    for (int i = 0; i < db->split->n && err == VS_OK; i++) {
        const vs_clip *c = &db->split->clip[i];
        sqlite3_bind_int64(s, 1, c->id);
        sqlite3_bind_int(s, 2, i);
        bind_text(s, 3, c->name);
        sqlite3_bind_int(s, 4, c->label);
        err = run(db, s);
    }
    sqlite3_finalize(s);
    return err;
}

static vs_err fill_or_compare(vs_results_db *db, const char *dir, const json_t *settings,
                              const char *const *free_keys)
{
    char *format = NULL, *old = NULL, *text = json_dumps(settings, JSON_COMPACT);
    json_t *then = NULL;
    vs_err err = get_meta(&format, db, "format");
    if (err == VS_OK)
        err = get_meta(&old, db, "settings");
    if (err != VS_OK)
        goto out;
    if (!format) {
        err = add_videos(db);
        if (err == VS_OK)
            err = set_meta(db, "format", FORMAT);
    } else if (strcmp(format, FORMAT) != 0 || !old) {
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: format %s, this program writes " FORMAT, db->path,
                      format);
    } else {
        err = vs_json_parse(&then, old, strlen(old), db->path);
        if (err == VS_OK)
            err = compare(settings, then, free_keys, dir);
        if (err == VS_OK)
            err = same_videos(db, dir);
    }
    if (err == VS_OK)
        err = set_meta(db, "settings", text);
out:
    json_decref(then);
    free(format);
    free(old);
    free(text);
    return err;
}

static vs_err open_file(vs_results_db *db, int flags)
{
    if (sqlite3_open_v2(db->path, &db->sql, flags, NULL) != SQLITE_OK)
        return failed(db);
    sqlite3_busy_timeout(db->sql, 5000);
    return VS_OK;
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
        err = open_file(db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (err == VS_OK)
        err = execute(db, schema);
    if (err == VS_OK)
        err = execute(db, "BEGIN IMMEDIATE");
    if (err == VS_OK)
        err = fill_or_compare(db, dir, settings, free_keys);
    if (err == VS_OK)
        err = execute(db, "COMMIT");
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
    VS_TRY(prepare(&s, db, "SELECT place FROM result JOIN video USING(clip)"
                           " WHERE corruption = ?1 AND severity = ?2"));
    bind_text(s, 1, corruption);
    sqlite3_bind_int(s, 2, severity);
    int step;
    while ((step = sqlite3_step(s)) == SQLITE_ROW) {
        const int place = sqlite3_column_int(s, 0);
        if (place >= 0 && place < db->split->n)
            done[place] = true;
    }
    const vs_err err = step == SQLITE_DONE ? VS_OK : failed(db);
    sqlite3_finalize(s);
    return err;
}

/* Rows gather in one transaction for a moment: a commit waits for the disk. */
static vs_err begin(vs_results_db *db)
{
    if (db->writing)
        return VS_OK;
    VS_TRY(execute(db, "BEGIN"));
    db->writing = true;
    db->began = vs_now();
    return VS_OK;
}

static vs_err commit(vs_results_db *db)
{
    if (!db->writing)
        return VS_OK;
    db->writing = false;
    const vs_err err = execute(db, "COMMIT");
    if (err != VS_OK)
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

vs_err vs_results_add(vs_results_db *db, const char *corruption, int severity,
                      const vs_result *result, int n)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(begin(db));
    vs_err err = prepare(&s, db, "INSERT OR REPLACE INTO result VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    for (int i = 0; i < n && err == VS_OK; i++) {
        bind_text(s, 1, corruption);
        sqlite3_bind_int(s, 2, severity);
        sqlite3_bind_int64(s, 3, result[i].clip);
        sqlite3_bind_int(s, 4, result[i].predicted);
        sqlite3_bind_int(s, 5, result[i].rank);
        sqlite3_bind_double(s, 6, result[i].probability);
        err = run(db, s);
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
    VS_TRY(prepare(&s, db, "INSERT OR REPLACE INTO thumb VALUES(?1, ?2, ?3)"));
    bind_text(s, 1, corruption);
    sqlite3_bind_int(s, 2, severity);
    bind_text(s, 3, uri);
    const vs_err err = run(db, s);
    sqlite3_finalize(s);
    return err;
}

vs_err vs_results_skip(vs_results_db *db, int64_t clip, const char *reason)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(begin(db));
    VS_TRY(prepare(&s, db, "INSERT OR REPLACE INTO skip VALUES(?1, ?2)"));
    sqlite3_bind_int64(s, 1, clip);
    bind_text(s, 2, reason);
    const vs_err err = run(db, s);
    sqlite3_finalize(s);
    return err;
}

vs_err vs_results_skipped(vs_results_db *db, bool *skipped)
{
    sqlite3_stmt *s = NULL;
    int step;
    memset(skipped, 0, sizeof(*skipped) * (size_t)db->split->n);
    VS_TRY(prepare(&s, db, "SELECT place FROM skip JOIN video USING(clip)"));
    while ((step = sqlite3_step(s)) == SQLITE_ROW)
        if (sqlite3_column_int(s, 0) >= 0 && sqlite3_column_int(s, 0) < db->split->n)
            skipped[sqlite3_column_int(s, 0)] = true;
    const vs_err err = step == SQLITE_DONE ? VS_OK : failed(db);
    sqlite3_finalize(s);
    return err;
}

/* ---- Parts -------------------------------------------------------------------------------- */

/* The rows of the database at `path`, of the same settings and videos (which opening checks). */
static vs_err take_part(vs_results_db *db, const char *path)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(prepare(&s, db, "ATTACH ?1 AS part"));
    bind_text(s, 1, path);
    vs_err err = run(db, s);
    sqlite3_finalize(s);
    VS_TRY(err);
    err = execute(db, "BEGIN;"
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

/* ---- Loading ------------------------------------------------------------------------------ */

/* The hits of a cell into *cell when it is complete, else *cell stays empty. */
static vs_err load_cell(vs_cell *cell, bool *begun, vs_results_db *db, const char *name,
                        const char *group, int severity, int videos)
{
    sqlite3_stmt *s = NULL;
    int n = 0, step;
    *cell = (vs_cell){ .name = name, .group = group, .severity = severity };
    cell->hit1 = calloc((size_t)videos, 1);
    cell->hit5 = calloc((size_t)videos, 1);
    vs_err err = cell->hit1 && cell->hit5
                     ? prepare(&s, db, "SELECT rank FROM result JOIN kept USING(clip)"
                                       " WHERE corruption = ?1 AND severity = ?2 ORDER BY place")
                     : VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %d results", db->path, videos);
    if (err == VS_OK) {
        bind_text(s, 1, name);
        sqlite3_bind_int(s, 2, severity);
        while ((step = sqlite3_step(s)) == SQLITE_ROW && n < videos) {
            cell->hit1[n] = sqlite3_column_int(s, 0) == 0;
            cell->hit5[n++] = sqlite3_column_int(s, 0) < 5;
        }
        err = step == SQLITE_DONE ? VS_OK : failed(db);
    }
    sqlite3_finalize(s);
    *begun = n > 0;
    if (err != VS_OK || n < videos) {
        free(cell->hit1);
        free(cell->hit5);
        *cell = (vs_cell){ 0 };
    }
    return err;
}

static vs_err load_cells(vs_results *r, vs_results_db *db)
{
    vs_cell cell;
    bool begun;
    VS_TRY(load_cell(&cell, &begun, db, "clean", "clean", 0, r->videos));
    if (!cell.hit1)
        return VS_FAIL(VS_ERR_CORRUPT,
                       "%s: the clean videos are not all scored yet; run again with "
                       "the same --out to go on",
                       db->path);
    VS_PUSH(r->cell, r->cells, cell);
    for (int i = 0; i < vs_corruption_count(); i++)
        for (int severity = 1; severity <= VS_SEVERITIES; severity++) {
            const vs_corruption *c = vs_corruption_at(i);
            VS_TRY(load_cell(&cell, &begun, db, c->name, c->group, severity, r->videos));
            if (cell.hit1)
                VS_PUSH(r->cell, r->cells, cell);
            else
                r->unfinished += begun;
        }
    return VS_OK;
}

static vs_err load_thumbs(vs_results *r, vs_results_db *db)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(prepare(&s, db, "SELECT corruption, severity, uri FROM thumb"));
    while (sqlite3_step(s) == SQLITE_ROW)
        VS_PUSH(r->thumb, r->thumbs,
                ((vs_thumb){ .corruption = vs_strdup((const char *)sqlite3_column_text(s, 0)),
                             .severity = sqlite3_column_int(s, 1),
                             .uri = vs_strdup((const char *)sqlite3_column_text(s, 2)) }));
    sqlite3_finalize(s);
    return VS_OK;
}

static vs_err check_format(vs_results_db *db)
{
    char *format = NULL;
    VS_TRY(get_meta(&format, db, "format"));
    const vs_err err = format && strcmp(format, FORMAT) == 0
                           ? VS_OK
                           : VS_FAIL(VS_ERR_CORRUPT, "%s: format %s, this program reads " FORMAT,
                                     db->path, format ? format : "unknown");
    free(format);
    return err;
}

static vs_err load_skipped(vs_results *r, vs_results_db *db)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(prepare(&s, db, "SELECT name FROM skip JOIN video USING(clip) ORDER BY place"));
    for (; sqlite3_step(s) == SQLITE_ROW; r->skipped++)
        if (!r->skipped_name)
            r->skipped_name = vs_strdup((const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    return VS_OK;
}

static vs_err load_meta(vs_results *r, vs_results_db *db)
{
    sqlite3_stmt *s = NULL;
    char *settings = NULL;
    VS_TRY(get_meta(&settings, db, "settings"));
    vs_err err = settings ? vs_json_parse(&r->settings, settings, strlen(settings), db->path)
                          : VS_FAIL(VS_ERR_CORRUPT, "%s: no settings in it", db->path);
    free(settings);
    if (err != VS_OK)
        return err;
    VS_TRY(check_format(db));
    VS_TRY(prepare(&s, db, "SELECT name, label FROM kept ORDER BY place"));
    for (; sqlite3_step(s) == SQLITE_ROW; r->videos++) {
        const char *name = (const char *)sqlite3_column_text(s, 0);
        r->same_videos = vs_rng_index(r->same_videos, vs_checksum(name, strlen(name)));
        r->same_videos = vs_rng_index(r->same_videos, (uint64_t)sqlite3_column_int64(s, 1));
    }
    sqlite3_finalize(s);
    VS_TRY(load_skipped(r, db));
    return r->videos ? VS_OK : VS_FAIL(VS_ERR_CORRUPT, "%s: no videos in it", db->path);
}

vs_err vs_results_load(vs_results *out, const char *dir)
{
    *out = (vs_results){ .dir = vs_strdup(dir) };
    vs_results_db db = { .path = vs_path_join(dir, "results.db"), .lock = -1 };
    vs_err err = vs_path_exists(db.path)
                     ? open_file(&db, SQLITE_OPEN_READONLY)
                     : VS_FAIL(VS_ERR_IO, "%s: no results here (expected a folder that "
                               "vsyn-robust run wrote)", db.path);
    if (err == VS_OK)
        err = load_meta(out, &db);
    if (err == VS_OK)
        err = load_cells(out, &db);
    if (err == VS_OK)
        err = load_thumbs(out, &db);
    if (err == VS_OK)
        err = vs_stats_new(&out->stats, out->cell, out->cells, out->videos);
    sqlite3_close(db.sql);
    free(db.path);
    if (err != VS_OK)
        vs_results_free(out);
    return err;
}

void vs_results_free(vs_results *r)
{
    for (int i = 0; i < r->cells; i++) {
        free(r->cell[i].hit1);
        free(r->cell[i].hit5);
    }
    for (int i = 0; i < r->thumbs; i++) {
        free(r->thumb[i].corruption);
        free(r->thumb[i].uri);
    }
    free(r->skipped_name);
    free(r->cell);
    free(r->thumb);
    free(r->dir);
    json_decref(r->settings);
    vs_stats_free(&r->stats);
    *r = (vs_results){ 0 };
}

const char *vs_results_picture(const vs_results *r, const char *corruption, int severity)
{
    for (int i = 0; i < r->thumbs; i++)
        if (r->thumb[i].severity == severity && strcmp(r->thumb[i].corruption, corruption) == 0)
            return r->thumb[i].uri;
    return NULL;
}
