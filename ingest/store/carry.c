/* Lists, classes and failures of one store into another, before its clips. */
#include <stdlib.h>

#include "base/mem.h"
#include "ingest/store/private.h"

struct carry {
    vs_store *from;
    vs_writer *to;
    int64_t *dataset;              /* (n, 2): the id there, the id here */
    int n;
};

static int64_t here(const struct carry *c, int64_t there)
{
    for (int i = 0; i < c->n; i++)
        if (c->dataset[2 * i] == there)
            return c->dataset[2 * i + 1];
    return -1;
}

static vs_err carry_classes(int64_t *id, const struct carry *c, int64_t there, const char *name,
                            int classes)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_query(&rows, &c->from->db, "SELECT name FROM class WHERE dataset = ? "
                       "ORDER BY label", "i", there));
    char **names = NULL;
    int n = 0;
    bool row;
    vs_err err;
    while ((err = vs_db_step(&row, &c->from->db, rows)) == VS_OK && row)
        VS_PUSH(names, n, vs_strdup(vs_db_text(rows, 0)));
    sqlite3_finalize(rows);
    if (err == VS_OK && n > 0 && n != classes)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: data set %s has %d classes and names for %d",
                      c->from->path, name, classes, n);
    if (err == VS_OK)
        err = vs_writer_dataset(id, c->to, name, n ? (const char *const *)names : NULL, classes);
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    return err;
}

static vs_err carry_datasets(struct carry *c)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_prepare(&rows, &c->from->db, "SELECT id, name, classes FROM dataset ORDER BY id"));
    bool row;
    vs_err err;
    while ((err = vs_db_step(&row, &c->from->db, rows)) == VS_OK && row) {
        int64_t id;
        err = carry_classes(&id, c, sqlite3_column_int64(rows, 0), vs_db_text(rows, 1),
                            sqlite3_column_int(rows, 2));
        if (err != VS_OK)
            break;
        c->dataset = vs_grow(c->dataset, sizeof(*c->dataset) * 2 * (size_t)(c->n + 1));
        c->dataset[2 * c->n] = sqlite3_column_int64(rows, 0);
        c->dataset[2 * c->n++ + 1] = id;
    }
    sqlite3_finalize(rows);
    return err;
}

static vs_err carry_members(const struct carry *c)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_prepare(&rows, &c->from->db, "SELECT dataset, split, name, label FROM member "
                                              "ORDER BY id"));
    bool row;
    vs_err err;
    while ((err = vs_db_step(&row, &c->from->db, rows)) == VS_OK && row) {
        err = vs_writer_member(c->to, here(c, sqlite3_column_int64(rows, 0)), vs_db_text(rows, 1),
                               vs_db_text(rows, 2), sqlite3_column_int(rows, 3));
        if (err != VS_OK)
            break;
    }
    sqlite3_finalize(rows);
    return err;
}

/* Of files that the other store does not have either. */
static vs_err carry_failures(const struct carry *c)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_prepare(&rows, &c->from->db, "SELECT dataset, name, reason FROM failure"));
    bool row;
    vs_err err;
    while ((err = vs_db_step(&row, &c->from->db, rows)) == VS_OK && row) {
        const int64_t dataset = here(c, sqlite3_column_int64(rows, 0));
        vs_clip_state state;
        err = vs_writer_state(&state, c->to, dataset, vs_db_text(rows, 1));
        if (err == VS_OK && state == VS_CLIP_ABSENT)
            err = vs_writer_failure(c->to, dataset, vs_db_text(rows, 1), vs_db_text(rows, 2));
        if (err != VS_OK)
            break;
    }
    sqlite3_finalize(rows);
    return err;
}

vs_err vs_writer_carry(vs_writer *writer, vs_store *from)
{
    struct carry c = { .from = from, .to = writer };
    pthread_mutex_lock(&from->lock);
    vs_err err = carry_datasets(&c);
    if (err == VS_OK)
        err = carry_members(&c);
    if (err == VS_OK)
        err = carry_failures(&c);
    pthread_mutex_unlock(&from->lock);
    free(c.dataset);
    return err;
}
