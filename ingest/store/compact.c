/* Getting the room of removed clips back: packs with bytes of no clip are written anew.
 *
 * One old pack at a time:
 *     1. the records of its clips, checked, go behind the last byte of the open pack, which
 *        is never one that existed before;
 *     2. new packs are flushed to disk;
 *     3. one transaction moves the rows and is flushed to disk;
 *     4. the old pack is deleted.
 * Killed before 3: the new bytes belong to nobody, the next writer cuts them off. Killed
 * before 4: the old pack belongs to nobody, the next compact deletes it. A damaged record
 * ends the work before 3, so that no damage is ever given a fresh checksum.
 *
 * A reader that opened the store before keeps what packs it has open, and is told that the
 * others have gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "ingest/store/writer.h"

struct record {
    int64_t id, offset, bytes, frames;
    uint64_t table_sum;
};

struct records {
    struct record *item;
    int n;
    int64_t bytes;
};

static int64_t aligned(int64_t at)
{
    return (at + 7) / 8 * 8;
}

/* ---- What is in a pack ------------------------------------------------------------------- */

static vs_err load_records(struct records *out, vs_writer *w, int64_t pack)
{
    *out = (struct records){ 0 };
    sqlite3_stmt *rows;
    VS_TRY(vs_db_query(&rows, &w->db, "SELECT id, offset, bytes, frames, table_sum FROM clip "
                       "WHERE pack = ? ORDER BY id", "i", pack));
    bool row;
    vs_err err;
    while ((err = vs_db_step(&row, &w->db, rows)) == VS_OK && row) {
        const struct record r = { sqlite3_column_int64(rows, 0), sqlite3_column_int64(rows, 1),
                                  sqlite3_column_int64(rows, 2), sqlite3_column_int64(rows, 3),
                                  (uint64_t)sqlite3_column_int64(rows, 4) };
        VS_PUSH(out->item, out->n, r);
        out->bytes += aligned(r.bytes);
    }
    sqlite3_finalize(rows);
    return err;
}

/* A file among the packs that no clip is in; -1 for other files. */
static int64_t number_of(const char *name)
{
    char *end;
    const long long n = strtoll(name, &end, 10);
    return end != name && strcmp(end, ".pack") == 0 && n >= 1 && n <= VS_PACK_LAST ? n : -1;
}

static vs_err clips_in(int64_t *out, vs_writer *w, int64_t pack)
{
    char sql[80];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM clip WHERE pack = %lld", (long long)pack);
    return vs_db_int(out, &w->db, sql, 0);
}

/* Numbers of the packs on disk, ascending; the caller frees them. */
static int by_number(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static vs_err packs_on_disk(int64_t **out, int *n, const vs_writer *w)
{
    char *dir = vs_path_join(w->path, "packs"), **names = NULL;
    int files = 0;
    const vs_err err = vs_dir_list(dir, &names, &files);
    *out = NULL;
    *n = 0;
    for (int i = 0; i < files; i++) {
        const int64_t number = number_of(names[i]);
        if (number > 0)
            VS_PUSH(*out, *n, number);
    }
    if (*n > 1)
        qsort(*out, (size_t)*n, sizeof(**out), by_number);
    vs_names_free(names, files);
    free(dir);
    return err;
}

/* Commits must have reached the disk before the bytes that they replace are deleted. */
static vs_err settle_index(vs_writer *w)
{
    return vs_db_exec(&w->db, "PRAGMA wal_checkpoint(FULL)");
}

/* Deletes packs without clips, but the open one. */
static vs_err sweep(int64_t *freed, vs_writer *w)
{
    int64_t *pack;
    int n;
    vs_err err = packs_on_disk(&pack, &n, w);
    if (err == VS_OK)
        err = settle_index(w);
    for (int i = 0; i < n && err == VS_OK; i++) {
        int64_t clips;
        err = clips_in(&clips, w, pack[i]);
        if (err != VS_OK || clips > 0 || pack[i] == w->pack)
            continue;
        char *path = vs_pack_path(w->path, pack[i]);
        const int64_t size = vs_file_size(path);
        if (unlink(path) != 0)
            err = VS_FAIL(VS_ERR_IO, "%s: cannot delete: %s", path, strerror(errno));
        else
            *freed += size;
        free(path);
    }
    free(pack);
    return err;
}

/* ---- Moving ------------------------------------------------------------------------------ */

static vs_err check_record(const uint8_t *data, const struct record *r)
{
    const vs_frame_entry *table = (const vs_frame_entry *)(const void *)data;
    if (r->bytes < 0 || r->frames < 1 || r->frames > r->bytes / (int64_t)sizeof(*table))
        return VS_FAIL(VS_ERR_CORRUPT, "impossible row in the index");
    if (vs_checksum(table, (size_t)r->frames * sizeof(*table)) != r->table_sum)
        return VS_FAIL(VS_ERR_CORRUPT, "checksum of its table differs");
    for (int64_t f = 0; f < r->frames; f++) {
        const uint64_t start = table[f].start;
        const uint64_t end = f + 1 < r->frames ? table[f + 1].start : (uint64_t)r->bytes;
        if (start > end || end > (uint64_t)r->bytes ||
            vs_checksum(data + start, (size_t)(end - start)) != table[f].sum)
            return VS_FAIL(VS_ERR_CORRUPT, "frame %lld: checksum differs", (long long)f);
    }
    return VS_OK;
}

static vs_err read_record(uint8_t **out, int fd, const struct record *r)
{
    struct stat st;
    *out = NULL;
    if (r->bytes < 0 || r->offset < VS_PACK_HEADER || fstat(fd, &st) != 0 ||
        r->offset > st.st_size || r->bytes > st.st_size - r->offset)
        return VS_FAIL(VS_ERR_CORRUPT, "the pack ends before its bytes");
    *out = malloc((size_t)r->bytes + 1);
    if (!*out)
        return VS_FAIL(VS_ERR_NOMEM, "%lld bytes do not fit in memory", (long long)r->bytes);
    VS_TRY(vs_pack_read(fd, *out, (size_t)r->bytes, r->offset));
    return check_record(*out, r);
}

static vs_err flush_pack(const vs_writer *w)
{
    return fdatasync(w->pack_fd) == 0
               ? VS_OK : VS_FAIL(VS_ERR_IO, "%s/packs/%lld.pack: cannot flush: %s", w->path,
                                 (long long)w->pack, strerror(errno));
}

static vs_err append(vs_writer *w, sqlite3_stmt *move, const uint8_t *data,
                     const struct record *r)
{
    if (w->end + r->bytes > w->options.pack_bytes)     /* the pack may be closed */
        VS_TRY(flush_pack(w));
    VS_TRY(vs_writer_room(w, aligned(w->end) - w->end + r->bytes));
    char *path = vs_pack_path(w->path, w->pack);
    const int64_t at = aligned(w->end);
    vs_err err = vs_pack_write(w->pack_fd, path, data, (size_t)r->bytes, at);
    free(path);
    VS_TRY(err);
    w->end = at + r->bytes;
    return vs_db_run(&w->db, move, "iii", r->id, w->pack, at);
}

static vs_err move_records(vs_writer *w, int fd, const struct records *records,
                           vs_progress *progress)
{
    sqlite3_stmt *move;
    VS_TRY(vs_db_prepare(&move, &w->db, "UPDATE clip SET pack = ?2, offset = ?3 WHERE id = ?1"));
    vs_err err = VS_OK;
    for (int i = 0; i < records->n && err == VS_OK; i++) {
        uint8_t *data = NULL;
        err = vs_stop_requested()
                  ? VS_FAIL(VS_ERR_STOPPED, "stopped; the same command goes on")
                  : read_record(&data, fd, &records->item[i]);
        if (err != VS_OK && err != VS_ERR_STOPPED) {
            char *reason = vs_strdup(vs_err_detail());
            err = VS_FAIL(err, "%s: clip %lld: %s; remove it, or add it again, before compact",
                          w->path, (long long)records->item[i].id, reason);
            free(reason);
        }
        if (err == VS_OK)
            err = append(w, move, data, &records->item[i]);
        free(data);
        vs_progress_add(progress, 1);
    }
    sqlite3_finalize(move);
    return err;
}

/* A pack that holds nothing yet, and never did. */
static vs_err begin_pack(vs_writer *w)
{
    if (w->end == VS_PACK_HEADER)
        return VS_OK;
    int fd;
    VS_TRY(vs_pack_append(&fd, w->path, w->pack + 1, 0));
    close(w->pack_fd);
    w->pack_fd = fd;
    w->pack++;
    w->end = VS_PACK_HEADER;
    return VS_OK;
}

static vs_err rewrite(vs_writer *w, int64_t pack, const struct records *records,
                      vs_progress *progress)
{
    int fd;
    VS_TRY(vs_pack_open(&fd, w->path, pack));
    vs_err err = vs_db_exec(&w->db, "BEGIN IMMEDIATE");
    if (err == VS_OK) {
        err = move_records(w, fd, records, progress);
        if (err == VS_OK)
            err = flush_pack(w);
        if (err == VS_OK)
            err = vs_db_exec(&w->db, "COMMIT");
        if (err != VS_OK)
            sqlite3_exec(w->db.handle, "ROLLBACK", NULL, NULL, NULL);
    }
    close(fd);
    return err;
}

/* ---- All of it ---------------------------------------------------------------------------- */

/* More bytes than the records and the gaps between them. */
static bool has_gaps(const vs_writer *w, int64_t pack, const struct records *records)
{
    char *path = vs_pack_path(w->path, pack);
    const int64_t size = vs_file_size(path);
    free(path);
    return records->n > 0 && size > VS_PACK_HEADER + records->bytes;
}

static vs_err compact_all(vs_compacted *out, vs_writer *w)
{
    int64_t *pack;
    int n;
    VS_TRY(vs_db_exec(&w->db, "PRAGMA synchronous = FULL"));
    VS_TRY(sweep(&out->freed, w));
    vs_err err = packs_on_disk(&pack, &n, w);
    bool begun = false;
    for (int i = 0; i < n && err == VS_OK; i++) {
        struct records records;
        char what[48];
        err = load_records(&records, w, pack[i]);
        if (err == VS_OK && has_gaps(w, pack[i], &records)) {
            if (!begun)
                err = begin_pack(w);
            begun = true;
            snprintf(what, sizeof(what), "compact pack %lld", (long long)pack[i]);
            vs_progress *progress = vs_progress_start(what, "clips", records.n);
            if (err == VS_OK)
                err = rewrite(w, pack[i], &records, progress);
            vs_progress_end(&progress);
            if (err == VS_OK) {
                out->packs++;
                out->freed -= records.bytes;
                err = sweep(&out->freed, w);
            }
        }
        free(records.item);
    }
    free(pack);
    return err;
}

vs_err vs_store_compact(vs_compacted *out, const char *path)
{
    *out = (vs_compacted){ 0 };
    VS_TRY(vs_store_must_exist(path));
    vs_writer *w;
    VS_TRY(vs_writer_open(&w, path, NULL));
    vs_err err = compact_all(out, w);
    char *reason = err != VS_OK ? vs_strdup(vs_err_detail()) : NULL;
    if (err == VS_OK)              /* an index as small as its rows; not for want of it */
        sqlite3_exec(w->db.handle, "VACUUM", NULL, NULL, NULL);
    const vs_err closed = vs_writer_close(&w);
    if (reason)
        VS_FAIL(err, "%s", reason);
    free(reason);
    return err != VS_OK ? err : closed;
}
