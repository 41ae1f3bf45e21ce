/* The opened store: every clip's place in memory, packs opened when first read.
 *
 * A store is a snapshot: clips committed later are seen by the next vs_store_open().
 * 72 bytes per clip; the texts stay in the index until somebody asks for a split.
 */
#include "ingest/store/store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "ingest/store/frame.h"
#include "ingest/store/private.h"

static const char *const encoding_name[] = { "jpeg", "raw", "copy" };

const char *vs_encoding_name(vs_encoding encoding)
{
    return encoding_name[encoding];
}

static vs_err parse_encoding(vs_encoding *out, const char *name)
{
    for (int i = VS_ENCODING_JPEG; i <= VS_ENCODING_COPY; i++)
        if (strcmp(name, encoding_name[i]) == 0) {
            *out = (vs_encoding)i;
            return VS_OK;
        }
    return VS_ERR_CORRUPT;
}

void vs_store_decode_with(vs_store *store, const vs_copy_reader *copy)
{
    store->copy = copy;
}

/* Columns: id pack offset bytes table_sum frames width height fps encoding, has times */
#define ENTRY_SQL                                                                        \
    "SELECT id, pack, offset, bytes, table_sum, frames, width, height, fps, encoding, "  \
    "t.clip IS NOT NULL FROM clip LEFT JOIN timing t ON t.clip = id ORDER BY id"

static vs_err entry_read(vs_entry *e, const vs_store *store, sqlite3_stmt *row)
{
    const int64_t frames = sqlite3_column_int64(row, 5);
    const int64_t W = sqlite3_column_int64(row, 6), H = sqlite3_column_int64(row, 7);
    const char *encoding = vs_db_text(row, 9);
    *e = (vs_entry){
        .id = sqlite3_column_int64(row, 0), .pack = sqlite3_column_int64(row, 1),
        .offset = sqlite3_column_int64(row, 2), .bytes = sqlite3_column_int64(row, 3),
        .table_sum = (uint64_t)sqlite3_column_int64(row, 4), .frames = (int)frames,
        .W = (int)W, .H = (int)H, .fps = sqlite3_column_double(row, 8),
        .variable = sqlite3_column_int(row, 10) != 0
    };
    if (parse_encoding(&e->encoding, encoding) != VS_OK)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: clip %lld has the encoding \"%s\", expected jpeg, "
                       "raw or copy", store->path, (long long)e->id, encoding);
    const int64_t table = (int64_t)sizeof(vs_frame_entry);
    if (W < 1 || W > VS_FRAME_SIDE || H < 1 || H > VS_FRAME_SIDE || frames < 1 ||
        e->bytes < 0 || frames > e->bytes / table || frames > INT32_MAX ||
        e->offset < VS_PACK_HEADER || e->offset > INT64_MAX - e->bytes || e->pack < 1 ||
        e->pack > VS_PACK_LAST)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: clip %lld: impossible row in the index (%lld frames of "
                       "%lldx%lld in %lld bytes)", store->path, (long long)e->id,
                       (long long)frames, (long long)W, (long long)H, (long long)e->bytes);
    return VS_OK;
}

static vs_err load_rows(vs_store *store)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_prepare(&rows, &store->db, ENTRY_SQL));
    vs_err err;
    bool row;
    int64_t n = 0;
    while ((err = vs_db_step(&row, &store->db, rows)) == VS_OK && row) {
        VS_ASSERT(n < store->n);   /* counted in the same transaction */
        vs_entry *e = &store->entry[n++];
        err = entry_read(e, store, rows);
        if (err != VS_OK)
            break;
        if (e->pack > store->packs)
            store->packs = e->pack;
    }
    sqlite3_finalize(rows);
    return err;
}

static vs_err load_entries(vs_store *store)
{
    VS_TRY(vs_db_exec(&store->db, "BEGIN"));
    vs_err err = vs_db_int(&store->n, &store->db, "SELECT count(*) FROM clip", 0);
    if (err == VS_OK && store->n > 0) {
        store->entry = calloc((size_t)store->n, sizeof(*store->entry));
        err = store->entry ? load_rows(store)
                           : VS_FAIL(VS_ERR_NOMEM, "%s: the index of %lld clips does not fit in "
                                     "memory", store->path, (long long)store->n);
    }
    sqlite3_exec(store->db.handle, "COMMIT", NULL, NULL, NULL);
    return err;
}

vs_err vs_store_open(vs_store **out, const char *path)
{
    vs_store *store = vs_new(sizeof(*store));
    store->path = vs_strdup(path);
    pthread_mutex_init(&store->lock, NULL);
    vs_err err = vs_db_open(&store->db, path, false);
    if (err == VS_OK)
        err = load_entries(store);
    if (err != VS_OK) {
        vs_store_close(&store);
        return err;
    }
    store->pack_fd = vs_new(sizeof(*store->pack_fd) * ((size_t)store->packs + 1));
    for (int64_t i = 0; i <= store->packs; i++)
        atomic_init(&store->pack_fd[i], -1);
    *out = store;
    return VS_OK;
}

void vs_store_close(vs_store **store)
{
    vs_store *s = *store;
    if (!s)
        return;
    for (int64_t i = 0; s->pack_fd && i <= s->packs; i++)
        if (s->pack_fd[i] >= 0)
            close(s->pack_fd[i]);
    for (int i = 0; i < s->n_names; i++)
        free(s->names[i]);
    free(s->names);
    free(s->pack_fd);
    free(s->entry);
    vs_db_close(&s->db);
    pthread_mutex_destroy(&s->lock);
    free(s->path);
    free(s);
    *store = NULL;
}

const vs_entry *vs_store_entry(const vs_store *store, int64_t id)
{
    int64_t lo = 0, hi = store->n;
    while (lo < hi) {
        const int64_t mid = lo + (hi - lo) / 2;
        if (store->entry[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < store->n && store->entry[lo].id == id ? &store->entry[lo] : NULL;
}

vs_err vs_store_pack(int *fd, vs_store *store, int64_t pack)
{
    atomic_int *slot = &store->pack_fd[pack];
    *fd = atomic_load(slot);
    if (*fd >= 0)
        return VS_OK;
    int mine, none = -1;
    VS_TRY(vs_pack_open(&mine, store->path, pack));
    if (atomic_compare_exchange_strong(slot, &none, mine)) {
        *fd = mine;
    } else {                       /* another thread was faster: `none` is its descriptor */
        close(mine);
        *fd = none;
    }
    return VS_OK;
}

vs_clip vs_entry_clip(const vs_entry *e, int label, const char *name)
{
    return (vs_clip){ .id = e->id, .label = label, .W = e->W, .H = e->H, .frames = e->frames,
                      .fps = e->fps, .name = name, .variable = e->variable,
                      .encoding = e->encoding };
}

static vs_err clip_name(const char **name, vs_store *store, int64_t id)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_query(&rows, &store->db, "SELECT name FROM clip WHERE id = ?", "i", id));
    bool row;
    vs_err err = vs_db_step(&row, &store->db, rows);
    if (err == VS_OK && row) {
        VS_PUSH(store->names, store->n_names, vs_strdup(vs_db_text(rows, 0)));
        *name = store->names[store->n_names - 1];
    } else if (err == VS_OK) {
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: clip %lld has gone from the index since the store was "
                      "opened", store->path, (long long)id);
    }
    sqlite3_finalize(rows);
    return err;
}

vs_err vs_store_clip(vs_clip *out, vs_store *store, int64_t id)
{
    const vs_entry *e = vs_store_entry(store, id);
    if (!e)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no clip %lld; the store holds %lld clips, vsyn-ingest "
                       "list shows them", store->path, (long long)id, (long long)store->n);
    const char *name = NULL;
    pthread_mutex_lock(&store->lock);
    const vs_err err = clip_name(&name, store, id);
    pthread_mutex_unlock(&store->lock);
    if (err == VS_OK)
        *out = vs_entry_clip(e, -1, name);
    return err;
}
