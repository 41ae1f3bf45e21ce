/* results.db read back: the cells that are complete, pictures, settings, and the statistics. */
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "eval/results_db.h"

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
                     ? vs_results_prepare(&s, db, "SELECT rank FROM result JOIN kept USING(clip)"
                                       " WHERE corruption = ?1 AND severity = ?2 ORDER BY place")
                     : VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %d results", db->path, videos);
    if (err == VS_OK) {
        vs_results_bind(s, 1, name);
        sqlite3_bind_int(s, 2, severity);
        while ((step = sqlite3_step(s)) == SQLITE_ROW && n < videos) {
            cell->hit1[n] = sqlite3_column_int(s, 0) == 0;
            cell->hit5[n++] = sqlite3_column_int(s, 0) < 5;
        }
        err = step == SQLITE_DONE ? VS_OK : vs_results_failed(db);
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
    VS_TRY(vs_results_prepare(&s, db, "SELECT corruption, severity, uri FROM thumb"));
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
    VS_TRY(vs_results_get_meta(&format, db, "format"));
    const vs_err err =
        format && strcmp(format, VS_RESULTS_FORMAT) == 0
            ? VS_OK
            : VS_FAIL(VS_ERR_CORRUPT, "%s: format %s, this program reads %s", db->path,
                      format ? format : "unknown", VS_RESULTS_FORMAT);
    free(format);
    return err;
}

static vs_err load_skipped(vs_results *r, vs_results_db *db)
{
    sqlite3_stmt *s = NULL;
    VS_TRY(vs_results_prepare(&s, db, "SELECT name FROM skip JOIN video USING(clip)"
                                      " ORDER BY place"));
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
    VS_TRY(vs_results_get_meta(&settings, db, "settings"));
    vs_err err = settings ? vs_json_parse(&r->settings, settings, strlen(settings), db->path)
                          : VS_FAIL(VS_ERR_CORRUPT, "%s: no settings in it", db->path);
    free(settings);
    if (err != VS_OK)
        return err;
    VS_TRY(check_format(db));
    VS_TRY(vs_results_prepare(&s, db, "SELECT name, label FROM kept ORDER BY place"));
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
                     ? vs_results_open_file(&db, SQLITE_OPEN_READONLY)
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

const char *vs_results_name(const vs_results *r)
{
    const char *path = json_string_value(json_object_get(r->settings, "model"));
    return path && *path ? vs_path_base(path) : vs_path_base(r->dir);
}
