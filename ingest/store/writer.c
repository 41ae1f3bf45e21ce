/* The writer: lock, recovery, data sets, members, failures.
 *
 * Order of a commit (clip.c), from which recovery follows:
 *     1. the clip's record goes behind the last committed byte of the open pack;
 *     2. the pack is flushed to disk;
 *     3. its row is committed.
 * Killed before 3: the index does not know the bytes, the next writer cuts them off.
 * Members are written in one transaction that ends before the next clip or failure.
 */
#include "ingest/store/writer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "ingest/store/spill.h"

#define PACK_BYTES (INT64_C(4) << 30)
#define SPILL_BYTES (INT64_C(32) << 20)

/* ---- Opening ------------------------------------------------------------------------- */

/* A folder full of other things is not turned into a store. */
static vs_err check_folder(const char *path)
{
    static const char *const ours[] = { "index.db", "index.db-wal", "index.db-shm",
                                        "index.db-journal", "packs", "lock" };
    if (!vs_path_exists(path))
        return vs_dir_make(path);
    char **names = NULL;
    int n = 0;
    VS_TRY(vs_dir_list(path, &names, &n));
    bool index = false;
    const char *foreign = NULL;
    for (int i = 0; i < n; i++) {
        bool known = false;
        for (size_t k = 0; k < sizeof(ours) / sizeof(*ours); k++)
            known = known || strcmp(names[i], ours[k]) == 0;
        foreign = known ? foreign : names[i];
        index = index || strcmp(names[i], ours[0]) == 0;
    }
    vs_err err = VS_OK;
    if (foreign && !index)
        err = VS_FAIL(VS_ERR_IO, "%s: neither a clip store nor an empty folder (it holds %s)", path,
                      foreign);
    vs_names_free(names, n);
    return err;
}

static vs_err take_lock(vs_writer *w)
{
    char *path = vs_path_join(w->path, "lock");
    vs_err err = vs_lock_take(&w->lock_fd, path);
    free(path);
    if (err != VS_OK && strstr(vs_err_detail(), "in use"))
        err = VS_FAIL(err, "%s: another process is writing to this store", w->path);
    return err;
}

/* Goes on behind the last committed byte, and never where clips were removed: a reader that
 * opened the store before may still read them. A pack that has lost committed bytes is left as
 * it is (its clips are reported when read) and a new one begun. */
static vs_err open_pack(vs_writer *w)
{
    int64_t floor;
    VS_TRY(vs_db_int(&w->pack, &w->db, "SELECT max(pack) FROM clip", 1));
    VS_TRY(vs_db_int(&w->end, &w->db, "SELECT max(offset + bytes) FROM clip "
                     "WHERE pack = (SELECT max(pack) FROM clip)", 0));
    VS_TRY(vs_db_int(&floor, &w->db, "SELECT CAST(value AS INTEGER) FROM meta "
                                     "WHERE key = 'floor'", 1));
    if (floor < 1 || floor > VS_PACK_LAST)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: impossible floor of the packs in meta: %lld",
                       w->db.path, (long long)floor);
    if (w->pack < floor) {
        w->pack = floor;
        w->end = 0;
    }
    vs_err err = vs_pack_append(&w->pack_fd, w->path, w->pack, w->end);
    if (err == VS_ERR_CORRUPT) {
        vs_warn("%s; new clips go into the next pack", vs_err_detail());
        w->pack++;
        w->end = 0;
        err = vs_pack_append(&w->pack_fd, w->path, w->pack, 0);
    }
    if (w->end == 0)
        w->end = VS_PACK_HEADER;
    return err;
}

static vs_err prepare_statements(vs_writer *w)
{
    VS_TRY(vs_db_prepare(&w->member, &w->db,
                         "INSERT INTO member (dataset, split, name, label) VALUES (?, ?, ?, ?) "
                         "ON CONFLICT DO NOTHING"));
    VS_TRY(vs_db_prepare(&w->label, &w->db,
                         "SELECT label FROM member WHERE dataset = ? AND split = ? AND name = ?"));
    return vs_db_prepare(&w->state, &w->db,
                         "SELECT (SELECT 1 FROM clip WHERE dataset = ?1 AND name = ?2), "
                         "(SELECT 1 FROM failure WHERE dataset = ?1 AND name = ?2)");
}

static vs_err open_all(vs_writer *w)
{
    VS_TRY(check_folder(w->path));
    VS_TRY(take_lock(w));
    char *packs = vs_path_join(w->path, "packs");
    const vs_err err = vs_dir_make(packs);
    free(packs);
    VS_TRY(err);
    VS_TRY(vs_db_open(&w->db, w->path, true));
    VS_TRY(open_pack(w));
    return prepare_statements(w);
}

vs_err vs_writer_open(vs_writer **out, const char *path, const vs_writer_options *options)
{
    vs_writer *w = vs_new(sizeof(*w));
    if (options)
        w->options = *options;
    if (w->options.quality == 0)
        w->options.quality = 90;
    if (w->options.pack_bytes <= 0)
        w->options.pack_bytes = PACK_BYTES;
    if (w->options.spill_bytes <= 0)
        w->options.spill_bytes = SPILL_BYTES;
    VS_ASSERT(w->options.quality >= 1 && w->options.quality <= 100);
    w->path = vs_strdup(path);
    w->lock_fd = w->pack_fd = -1;
    pthread_mutex_init(&w->lock, NULL);
    const vs_err err = open_all(w);
    if (err != VS_OK) {
        char *reason = vs_strdup(vs_err_detail());
        vs_writer_close(&w);
        VS_FAIL(err, "%s", reason);
        free(reason);
    }
    *out = w;
    return err;
}

vs_err vs_writer_flush(vs_writer *w)
{
    if (!w->batch)
        return VS_OK;
    w->batch = false;
    const vs_err err = vs_db_exec(&w->db, "COMMIT");
    if (err != VS_OK)
        sqlite3_exec(w->db.handle, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

void vs_writer_spill(vs_spill *out, const vs_writer *writer)
{
    char *packs = vs_path_join(writer->path, "packs");
    vs_spill_begin(out, packs, writer->options.spill_bytes);
    free(packs);
}

vs_err vs_writer_close(vs_writer **writer)
{
    vs_writer *w = *writer;
    if (!w)
        return VS_OK;
    vs_err err = VS_OK;
    if (w->db.handle) {
        err = vs_writer_flush(w);
        sqlite3_finalize(w->member);
        sqlite3_finalize(w->label);
        sqlite3_finalize(w->state);
        /* A finished store is one plain file, readable from a read-only disk and over a
         * network. A reader that is just now reading prevents it: then the next time. */
        sqlite3_busy_timeout(w->db.handle, 0);
        sqlite3_exec(w->db.handle, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
        vs_db_close(&w->db);
    }
    if (w->pack_fd >= 0)
        close(w->pack_fd);
    vs_lock_release(&w->lock_fd);
    pthread_mutex_destroy(&w->lock);
    free(w->path);
    free(w);
    *writer = NULL;
    return err;
}

vs_err vs_writer_room(vs_writer *w, int64_t bytes)
{
    if (w->end == VS_PACK_HEADER || w->end + bytes <= w->options.pack_bytes)
        return VS_OK;
    int fd;
    VS_TRY(vs_pack_append(&fd, w->path, w->pack + 1, 0));
    close(w->pack_fd);
    w->pack_fd = fd;
    w->pack++;
    w->end = VS_PACK_HEADER;
    return VS_OK;
}

/* ---- Data sets ------------------------------------------------------------------------- */

static vs_err check_name(const char *what, const char *name)
{
    if (!*name || strpbrk(name, ":\n\r"))
        return VS_FAIL(VS_ERR_USAGE, "\"%s\" cannot be the name of a %s: it must not be empty nor "
                       "hold a colon or a line break", name, what);
    return VS_OK;
}

/* Names given for a data set whose names are known: they must be the same. */
static vs_err compare_classes(vs_writer *w, int64_t dataset, const char *name,
                              const char *const *class_name, int64_t known)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_query(&rows, &w->db, "SELECT name FROM class WHERE dataset = ? ORDER BY label",
                       "i", dataset));
    vs_err err = VS_OK;
    for (int i = 0; i < known && err == VS_OK; i++) {
        bool row;
        err = vs_db_step(&row, &w->db, rows);
        if (err == VS_OK && row && strcmp(vs_db_text(rows, 0), class_name[i]) != 0)
            err = VS_FAIL(VS_ERR_CORRUPT, "%s: class %d of data set %s is \"%s\" in the store, "
                          "\"%s\" now; use another --name", w->path, i, name, vs_db_text(rows, 0),
                          class_name[i]);
    }
    sqlite3_finalize(rows);
    return err;
}

static vs_err insert_classes(vs_writer *w, int64_t dataset, const char *const *class_name, int n)
{
    sqlite3_stmt *stmt;
    VS_TRY(vs_db_prepare(&stmt, &w->db, "INSERT INTO class (dataset, label, name) "
                                        "VALUES (?, ?, ?)"));
    vs_err err = VS_OK;
    for (int i = 0; i < n && err == VS_OK; i++)
        err = vs_db_run(&w->db, stmt, "iit", dataset, (int64_t)i, class_name[i]);
    sqlite3_finalize(stmt);
    return err;
}

/* How many classes are named in the store, and how many there are; -1: no such set. */
static vs_err find_dataset(int64_t *id, int64_t *classes, int64_t *named, vs_writer *w,
                           const char *name)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_query(&rows, &w->db,
                       "SELECT id, classes, (SELECT count(*) FROM class WHERE dataset = id) "
                       "FROM dataset WHERE name = ?", "t", name));
    bool row;
    const vs_err err = vs_db_step(&row, &w->db, rows);
    *id = err == VS_OK && row ? sqlite3_column_int64(rows, 0) : -1;
    *classes = *id >= 0 ? sqlite3_column_int64(rows, 1) : 0;
    *named = *id >= 0 ? sqlite3_column_int64(rows, 2) : 0;
    sqlite3_finalize(rows);
    return err;
}

static vs_err update_dataset(int64_t *id, vs_writer *w, const char *name,
                             const char *const *class_name, int classes)
{
    int64_t known, named;
    VS_TRY(find_dataset(id, &known, &named, w, name));
    sqlite3_stmt *stmt;
    if (named > 0 && class_name && classes != named)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: data set %s has %lld classes in the store, %d now; use "
                       "another --name", w->path, name, (long long)named, classes);
    if (named > 0 && class_name)
        return compare_classes(w, *id, name, class_name, named);
    if (*id >= 0 && (named > 0 || class_name) && (named > 0 ? classes > known : classes < known))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: data set %s has labels up to %lld in the store, up to "
                       "%d now; use another --name", w->path, name, (long long)known - 1,
                       classes - 1);
    if (*id < 0)
        VS_TRY(vs_db_prepare(&stmt, &w->db, "INSERT INTO dataset (name, classes) VALUES (?, ?)"));
    else                           /* lists without names may know of different last classes */
        VS_TRY(vs_db_prepare(&stmt, &w->db, "UPDATE dataset SET classes = max(classes, ?2) "
                                            "WHERE name = ?1"));
    const vs_err err = vs_db_run(&w->db, stmt, "ti", name, (int64_t)classes);
    sqlite3_finalize(stmt);
    VS_TRY(err);
    if (*id < 0)
        *id = sqlite3_last_insert_rowid(w->db.handle);
    return class_name ? insert_classes(w, *id, class_name, classes) : VS_OK;
}

vs_err vs_writer_dataset(int64_t *id, vs_writer *w, const char *name,
                         const char *const *class_name, int classes)
{
    VS_TRY(check_name("data set", name));
    pthread_mutex_lock(&w->lock);
    vs_err err = vs_writer_flush(w);
    if (err == VS_OK)
        err = vs_db_exec(&w->db, "BEGIN IMMEDIATE");
    if (err == VS_OK) {
        err = update_dataset(id, w, name, class_name, classes);
        if (err == VS_OK)
            err = vs_db_exec(&w->db, "COMMIT");
        if (err != VS_OK)
            sqlite3_exec(w->db.handle, "ROLLBACK", NULL, NULL, NULL);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

/* ---- Members and failures -------------------------------------------------------------- */

/* The list says something about a path that the store knows already. */
static vs_err compare_member(vs_writer *w, int64_t dataset, const char *split, const char *name,
                             int label)
{
    bool row;
    VS_TRY(vs_db_bind(&w->db, w->label, "itt", dataset, split, name));
    vs_err err = vs_db_step(&row, &w->db, w->label);
    if (err == VS_OK && row && sqlite3_column_int(w->label, 0) != label)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: %s has the label %d in split %s of the store, %d now; "
                      "use another --name for a corrected list", w->path, name,
                      sqlite3_column_int(w->label, 0), split, label);
    sqlite3_reset(w->label);
    return err;
}

vs_err vs_writer_member(vs_writer *w, int64_t dataset, const char *split, const char *name,
                        int label)
{
    VS_TRY(check_name("split", split));
    pthread_mutex_lock(&w->lock);
    vs_err err = w->batch ? VS_OK : vs_db_exec(&w->db, "BEGIN IMMEDIATE");
    if (err == VS_OK) {
        w->batch = true;
        err = vs_db_run(&w->db, w->member, "itti", dataset, split, name, (int64_t)label);
    }
    if (err == VS_OK && sqlite3_changes(w->db.handle) == 0)
        err = compare_member(w, dataset, split, name, label);
    pthread_mutex_unlock(&w->lock);
    return err;
}

vs_err vs_writer_state(vs_clip_state *out, vs_writer *w, int64_t dataset, const char *name)
{
    pthread_mutex_lock(&w->lock);
    bool row;
    vs_err err = vs_db_bind(&w->db, w->state, "it", dataset, name);
    if (err == VS_OK)
        err = vs_db_step(&row, &w->db, w->state);
    if (err == VS_OK)
        *out = sqlite3_column_int(w->state, 0) ? VS_CLIP_STORED
             : sqlite3_column_int(w->state, 1) ? VS_CLIP_FAILED : VS_CLIP_ABSENT;
    sqlite3_reset(w->state);
    pthread_mutex_unlock(&w->lock);
    return err;
}

vs_err vs_writer_has(bool *out, vs_writer *w, int64_t dataset, const char *name)
{
    vs_clip_state state;
    VS_TRY(vs_writer_state(&state, w, dataset, name));
    *out = state != VS_CLIP_ABSENT;
    return VS_OK;
}

vs_err vs_writer_member_of(char **split, vs_writer *w, int64_t dataset, const char *name)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    *split = NULL;
    pthread_mutex_lock(&w->lock);
    vs_err err = vs_db_query(&stmt, &w->db, "SELECT split FROM member WHERE dataset = ? "
                             "AND name = ? ORDER BY id LIMIT 1", "it", dataset, name);
    if (err == VS_OK)
        err = vs_db_step(&row, &w->db, stmt);
    if (err == VS_OK && row)
        *split = vs_strdup(vs_db_text(stmt, 0));
    sqlite3_finalize(stmt);
    pthread_mutex_unlock(&w->lock);
    return err;
}

vs_err vs_writer_leaks(int64_t *files, char **first, vs_writer *w, int64_t dataset)
{
    sqlite3_stmt *stmt = NULL;
    bool row = false;
    *files = 0;
    *first = NULL;
    pthread_mutex_lock(&w->lock);
    vs_err err = vs_db_query(&stmt, &w->db,
                             "SELECT count(DISTINCT a.name), min(a.name) FROM member a "
                             "JOIN member b ON b.dataset = a.dataset AND b.name = a.name "
                             "AND b.split IN ('test' || substr(a.split, 6), "
                             "'val' || substr(a.split, 6)) "
                             "WHERE a.dataset = ? AND a.split LIKE 'train%'", "i", dataset);
    if (err == VS_OK)
        err = vs_db_step(&row, &w->db, stmt);
    if (err == VS_OK && row && sqlite3_column_int64(stmt, 0) > 0) {
        *files = sqlite3_column_int64(stmt, 0);
        *first = vs_strdup(vs_db_text(stmt, 1));
    }
    sqlite3_finalize(stmt);
    pthread_mutex_unlock(&w->lock);
    return err;
}

vs_err vs_writer_failure(vs_writer *w, int64_t dataset, const char *name, const char *reason)
{
    sqlite3_stmt *stmt = NULL;
    pthread_mutex_lock(&w->lock);
    vs_err err = vs_writer_flush(w);
    if (err == VS_OK)
        err = vs_db_prepare(&stmt, &w->db, "INSERT OR REPLACE INTO failure "
                                           "(dataset, name, reason) VALUES (?, ?, ?)");
    if (err == VS_OK)
        err = vs_db_run(&w->db, stmt, "itt", dataset, name, reason);
    sqlite3_finalize(stmt);
    pthread_mutex_unlock(&w->lock);
    return err;
}
