/* Reading the index row by row: what info, list and verify of vsyn-ingest print. */
#include <string.h>

#include "ingest/store/private.h"

static const char *text_or_null(sqlite3_stmt *row, int column)
{
    return (const char *)sqlite3_column_text(row, column);
}

/* Hands every row of a query to `one`, which knows what `job` is. ?1 is `text`. */
typedef void one_row(const void *job, sqlite3_stmt *row);
static vs_err each(vs_store *store, const char *sql, const char *text, one_row *one,
                   const void *job)
{
    sqlite3_stmt *rows = NULL;
    pthread_mutex_lock(&store->lock);
    vs_err err = vs_db_query(&rows, &store->db, sql, text ? "t" : "", text);
    bool row = err == VS_OK;
    while (row && (err = vs_db_step(&row, &store->db, rows)) == VS_OK && row)
        one(job, rows);
    sqlite3_finalize(rows);
    pthread_mutex_unlock(&store->lock);
    return err;
}

struct set_job {
    vs_set_fn *fn;
    void *ctx;
};

static void one_set(const void *arg, sqlite3_stmt *row)
{
    const struct set_job *job = arg;
    const vs_set_info info = {
        .name = vs_db_text(row, 0), .classes = sqlite3_column_int(row, 1),
        .clips = sqlite3_column_int64(row, 2), .partial = sqlite3_column_int64(row, 3),
        .frames = sqlite3_column_int64(row, 4), .bytes = sqlite3_column_int64(row, 5),
        .seconds = sqlite3_column_double(row, 6), .failures = sqlite3_column_int64(row, 7),
        .variable = sqlite3_column_int64(row, 8)
    };
    job->fn(job->ctx, &info);
}

vs_err vs_store_each_set(vs_store *store, vs_set_fn *fn, void *ctx)
{
    const struct set_job job = { fn, ctx };
    return each(store,
                "SELECT d.name, d.classes, count(c.id), count(c.note), "
                "coalesce(sum(c.frames), 0), coalesce(sum(c.bytes), 0), "
                "coalesce(sum(CASE WHEN c.fps > 0 THEN c.frames / c.fps END), 0), "
                "(SELECT count(*) FROM failure f WHERE f.dataset = d.id), count(t.clip) "
                "FROM dataset d LEFT JOIN clip c ON c.dataset = d.id "
                "LEFT JOIN timing t ON t.clip = c.id "
                "GROUP BY d.id ORDER BY d.id", NULL, one_set, &job);
}

struct split_job {
    vs_split_fn *fn;
    void *ctx;
};

static void one_split(const void *arg, sqlite3_stmt *row)
{
    const struct split_job *job = arg;
    const vs_split_info info = {
        .set = vs_db_text(row, 0), .name = vs_db_text(row, 1),
        .listed = sqlite3_column_int64(row, 2), .clips = sqlite3_column_int64(row, 3)
    };
    job->fn(job->ctx, &info);
}

vs_err vs_store_each_split(vs_store *store, vs_split_fn *fn, void *ctx)
{
    const struct split_job job = { fn, ctx };
    return each(store,
                "SELECT d.name, m.split, count(*), count(c.id) FROM member m "
                "JOIN dataset d ON d.id = m.dataset LEFT JOIN clip c "
                "ON c.dataset = m.dataset AND c.name = m.name "
                "GROUP BY m.dataset, m.split ORDER BY m.dataset, min(m.id)", NULL, one_split,
                &job);
}

struct row_job {
    vs_row_fn *fn;
    void *ctx;
};

static void one_clip(const void *arg, sqlite3_stmt *row)
{
    const struct row_job *job = arg;
    const vs_row_info info = {
        .id = sqlite3_column_int64(row, 0), .set = vs_db_text(row, 1), .name = vs_db_text(row, 2),
        .split = text_or_null(row, 3),
        .label = sqlite3_column_type(row, 4) == SQLITE_NULL ? -1 : sqlite3_column_int(row, 4),
        .class_name = text_or_null(row, 5), .frames = sqlite3_column_int(row, 6),
        .W = sqlite3_column_int(row, 7), .H = sqlite3_column_int(row, 8),
        .fps = sqlite3_column_double(row, 9), .encoding = vs_db_text(row, 10),
        .codec = text_or_null(row, 11), .note = text_or_null(row, 12),
        .bytes = sqlite3_column_int64(row, 13), .variable = sqlite3_column_int(row, 14) != 0
    };
    job->fn(job->ctx, &info);
}

#define ROW_SQL(where)                                                                        \
    "SELECT c.id, d.name, c.name, m.split, m.label, k.name, c.frames, c.width, c.height, "    \
    "c.fps, c.encoding, c.codec, c.note, c.bytes, "                                           \
    "EXISTS (SELECT 1 FROM timing WHERE clip = c.id) FROM clip c "                            \
    "JOIN dataset d ON d.id = c.dataset "                                                     \
    "LEFT JOIN member m ON m.dataset = c.dataset AND m.name = c.name "                        \
    "LEFT JOIN class k ON k.dataset = c.dataset AND k.label = m.label " where                 \
    " ORDER BY c.id, m.id"

vs_err vs_store_each_row(vs_store *store, const char *split, vs_row_fn *fn, void *ctx)
{
    const struct row_job job = { fn, ctx };
    if (!split)
        return each(store, ROW_SQL(""), NULL, one_clip, &job);
    vs_split known;                /* says which splits there are when this is none of them */
    VS_TRY(vs_store_split(&known, store, split));
    vs_split_free(&known);
    return each(store, ROW_SQL("WHERE m.split = ?1 OR d.name || ':' || m.split = ?1"), split,
                one_clip, &job);
}

struct failure_job {
    vs_failure_fn *fn;
    void *ctx;
};

static void one_failure(const void *arg, sqlite3_stmt *row)
{
    const struct failure_job *job = arg;
    const vs_failure_info info = { vs_db_text(row, 0), vs_db_text(row, 1), vs_db_text(row, 2) };
    job->fn(job->ctx, &info);
}

vs_err vs_store_each_failure(vs_store *store, vs_failure_fn *fn, void *ctx)
{
    const struct failure_job job = { fn, ctx };
    return each(store, "SELECT d.name, f.name, f.reason FROM failure f "
                       "JOIN dataset d ON d.id = f.dataset ORDER BY f.dataset, f.name", NULL,
                one_failure, &job);
}

vs_err vs_store_check_index(vs_store *store)
{
    sqlite3_stmt *rows = NULL;
    pthread_mutex_lock(&store->lock);
    vs_err err = vs_db_prepare(&rows, &store->db, "PRAGMA integrity_check(1)");
    bool row;
    if (err == VS_OK)
        err = vs_db_step(&row, &store->db, rows);
    if (err == VS_OK && (!row || strcmp(vs_db_text(rows, 0), "ok") != 0))
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: %s", store->db.path,
                      row ? vs_db_text(rows, 0) : "SQLite's check gave no answer");
    sqlite3_finalize(rows);
    pthread_mutex_unlock(&store->lock);
    return err;
}
