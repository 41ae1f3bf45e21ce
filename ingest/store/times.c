/* When frames are shown. Rules: times.h, schema.sql */
#include "ingest/store/times.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/store/private.h"

static bool fits(double fps, const int64_t *time, int n)
{
    for (int i = 0; i < n; i++)
        if (fabs((double)time[i] - i * 1e6 / fps) > VS_TIME_SLACK)
            return false;
    return true;
}

bool vs_times_vary(double *fps, const int64_t *time, int n)
{
    if (n < 2 || (*fps > 0 && fits(*fps, time, n)))
        return false;
    const double measured = (n - 1) * 1e6 / (double)(time[n - 1] - time[0]);
    *fps = measured;
    return !fits(measured, time, n);
}

vs_err vs_times_insert(vs_db *db, int64_t clip, const int64_t *time, int n)
{
    enum { DIGITS = 21 };
    char *text = malloc((size_t)n * DIGITS + 3);
    if (!text)
        return VS_FAIL(VS_ERR_NOMEM, "the times of %d frames do not fit in memory", n);
    size_t used = 0;
    for (int i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, DIGITS + 2, "%c%lld", i ? ',' : '[',
                                 (long long)time[i]);
    snprintf(text + used, 2, "]");
    sqlite3_stmt *stmt = NULL;
    vs_err err = vs_db_prepare(&stmt, db, "INSERT INTO timing (clip, times) VALUES (?, ?)");
    if (err == VS_OK)
        err = vs_db_run(db, stmt, "it", clip, text);
    sqlite3_finalize(stmt);
    free(text);
    return err;
}

/* "[0,40000,81000]" of n rising numbers; seconds may be NULL. */
static bool parse(double *seconds, const char *text, int n)
{
    long long last = -1;
    for (int i = 0; i < n; i++) {
        char *end;
        if (*text != (i ? ',' : '[') || text[1] < '0' || text[1] > '9')
            return false;
        const long long us = strtoll(text + 1, &end, 10);
        if (us <= last || (i == 0 && us != 0))
            return false;
        if (seconds)
            seconds[i] = (double)us / 1e6;
        last = us;
        text = end;
    }
    return strcmp(text, "]") == 0;
}

static vs_err read_times(double *seconds, vs_store *store, const vs_entry *e)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_query(&rows, &store->db, "SELECT times FROM timing WHERE clip = ?", "i", e->id));
    bool row;
    vs_err err = vs_db_step(&row, &store->db, rows);
    if (err == VS_OK && !row)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: the times of clip %lld have gone from the index since "
                      "the store was opened", store->path, (long long)e->id);
    else if (err == VS_OK && !parse(seconds, vs_db_text(rows, 0), e->frames))
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: the times of clip %lld in the index are damaged: "
                      "expected %d rising numbers from 0 on", store->path, (long long)e->id,
                      e->frames);
    sqlite3_finalize(rows);
    return err;
}

vs_err vs_store_times(double *seconds, vs_store *store, const vs_clip *clip)
{
    const vs_entry *e = vs_store_entry(store, clip->id);
    if (!e)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no clip %lld", store->path, (long long)clip->id);
    if (!e->variable && e->fps <= 0 && e->frames > 1)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "%s: neither times nor a rate are known of clip %lld",
                       store->path, (long long)clip->id);
    for (int i = 0; seconds && !e->variable && i < e->frames; i++)
        seconds[i] = i == 0 ? 0 : i / e->fps;
    if (!e->variable)
        return VS_OK;
    pthread_mutex_lock(&store->lock);
    const vs_err err = read_times(seconds, store, e);
    pthread_mutex_unlock(&store->lock);
    return err;
}
