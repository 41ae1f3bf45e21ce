/* Fuzz target: an index.db with bytes or values changed, opened and read as a whole.
 *
 *     0     bit 0: values, else bytes
 *     bytes: 5 bytes a change: its place (3, little-endian, modulo the size), its value, how often
 *     values: 10 bytes a change: the column, the clip, its value (8, little-endian)
 *
 * The index is one that the writer of today makes: 3 clips, 2 splits, classes, a failure.
 */
#include <sqlite3.h>

#include "ingest/store/store.h"
#include "tests/fuzz/fuzz.h"

static char *dir;                  /* of the process: the store */
static void *sound;                /* its index, undamaged */
static size_t sound_size;

static void clean(void)
{
    fuzz_rm(dir);
    free(dir);
    free(sound);
}

static void begin(void)
{
    static const char *const classes[] = { "run", "jump" };
    static uint8_t rgb[16 * 16 * 3];
    vs_writer *w;
    int64_t set;
    if (dir)
        return;
    dir = fuzz_dir();
    atexit(clean);
    VS_ASSERT(vs_writer_open(&w, dir, NULL) == VS_OK);
    VS_ASSERT(vs_writer_dataset(&set, w, "set", classes, 2) == VS_OK);
    for (int k = 0; k < 3; k++) {
        char name[] = { 'a', (char)('0' + k), 0 };
        const vs_clip_info info = { .dataset = set, .name = name, .W = 16, .H = 16, .fps = 25 };
        vs_clip_writer *clip;
        static const int64_t time[] = { 0, 1000, 900000 };
        VS_ASSERT(vs_clip_begin(&clip, w, &info) == VS_OK);
        for (int f = 0; f < (k == 2 ? 3 : 1); f++) {   /* a2 has times */
            VS_ASSERT(vs_clip_frame(clip, rgb) == VS_OK);
            vs_clip_time(clip, time[f]);
        }
        VS_ASSERT(vs_clip_commit(&clip, NULL) == VS_OK);
        VS_ASSERT(vs_writer_member(w, set, k < 2 ? "train" : "test", name, k % 2) == VS_OK);
    }
    VS_ASSERT(vs_writer_failure(w, set, "b", "empty") == VS_OK && vs_writer_close(&w) == VS_OK);
    char *path = vs_path_join(dir, "index.db");
    VS_ASSERT(vs_file_read(path, &sound, &sound_size) == VS_OK);
    free(path);
}

static void change_bytes(const uint8_t *data, size_t size)
{
    uint8_t *bytes = vs_new(sound_size);
    memcpy(bytes, sound, sound_size);
    for (; size >= 5; data += 5, size -= 5) {
        const size_t at = (size_t)(data[0] | data[1] << 8 | data[2] << 16) % sound_size;
        for (size_t i = 0; i <= data[4] && at + i < sound_size; i++)
            bytes[at + i] = data[3];
    }
    fuzz_put(dir, "index.db", bytes, sound_size);
    free(bytes);
}

static void change_values(const uint8_t *data, size_t size)
{
    static const char *const changes[] = {
        "UPDATE clip SET pack = ?1 WHERE id = ?2", "UPDATE clip SET offset = ?1 WHERE id = ?2",
        "UPDATE clip SET bytes = ?1 WHERE id = ?2", "UPDATE clip SET frames = ?1 WHERE id = ?2",
        "UPDATE clip SET width = ?1 WHERE id = ?2", "UPDATE clip SET height = ?1 WHERE id = ?2",
        "UPDATE clip SET encoding = ?1 WHERE id = ?2", "UPDATE clip SET id = ?1 WHERE id = ?2",
        "UPDATE clip SET name = x'' || ?1 WHERE id = ?2", "UPDATE clip SET fps = ?1 WHERE id = ?2",
        "UPDATE member SET label = ?1 WHERE id = ?2", "UPDATE dataset SET classes = ?1",
        "UPDATE class SET label = ?1 WHERE label = ?2", "UPDATE meta SET value = ?1",
        "UPDATE clip SET table_sum = ?1 WHERE id = ?2", "UPDATE clip SET dataset = ?1",
        "UPDATE timing SET clip = ?1 WHERE clip = ?2", "UPDATE timing SET times = ?1",
    };
    char *path = vs_path_join(dir, "index.db");
    sqlite3 *db;
    fuzz_put(dir, "index.db", sound, sound_size);
    VS_ASSERT(sqlite3_open(path, &db) == SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = off; PRAGMA journal_mode = delete", NULL, NULL, NULL);
    for (; size >= 10; data += 10, size -= 10) {
        sqlite3_stmt *change;
        int64_t value;
        memcpy(&value, data + 2, 8);
        VS_ASSERT(sqlite3_prepare_v2(db, changes[data[0] & 15], -1, &change, NULL) == SQLITE_OK);
        sqlite3_bind_int64(change, 1, value);
        if (sqlite3_bind_parameter_count(change) > 1)
            sqlite3_bind_int64(change, 2, data[1] & 3);
        sqlite3_step(change);      /* what the schema refuses is left as it was */
        sqlite3_finalize(change);
    }
    sqlite3_close(db);
    free(path);
}

static void see_set(void *ctx, const vs_set_info *info)
{
    *(size_t *)ctx += strlen(info->name);
}

static void see_split(void *ctx, const vs_split_info *info)
{
    *(size_t *)ctx += strlen(info->set) + strlen(info->name);
}

static void see_row(void *ctx, const vs_row_info *info)
{
    *(size_t *)ctx += strlen(info->set) + strlen(info->name) + strlen(info->encoding);
}

static void see_failure(void *ctx, const vs_failure_info *info)
{
    *(size_t *)ctx += strlen(info->name) + strlen(info->reason);
}

static void read_frames(vs_store *store, const vs_split *split)
{
    static uint8_t rgb[8 * 8 * 3];
    vs_reader *r;
    VS_ASSERT(vs_reader_open(&r, store) == VS_OK);
    for (int i = 0; i < split->n; i++) {
        const vs_clip *clip = &split->clip[i];
        const int last = clip->frames - 1;
        VS_ASSERT(clip->frames > 0 && clip->W > 0 && clip->H > 0 && clip->name);
        VS_ASSERT(clip->label < split->classes && clip->label >= -1);
        fuzz_verdict(vs_reader_verify(r, clip));
        /* Room for frames follows the index: what it may cost is bounded by its sides. */
        if (clip->W <= 4096 && clip->H <= 4096)
            fuzz_verdict(vs_reader_frames(r, clip, &last, 1, (vs_rect){ 0 }, 8, 8, false, rgb));
    }
    vs_reader_close(&r);
}

static void read_store(void)
{
    static const char *const splits[] = { NULL, "train", "set:test" };
    vs_store *store = NULL;
    size_t sum = 0;
    const vs_err err = vs_store_open(&store, dir);
    fuzz_verdict(err);
    if (err != VS_OK)
        return;
    for (int i = 0; i < 3; i++) {
        vs_split split;
        const vs_err there = vs_store_split(&split, store, splits[i]);
        fuzz_verdict(there);
        if (there == VS_OK) {
            read_frames(store, &split);
            vs_split_free(&split);
        }
    }
    fuzz_verdict(vs_store_each_set(store, see_set, &sum));
    fuzz_verdict(vs_store_each_split(store, see_split, &sum));
    fuzz_verdict(vs_store_each_row(store, NULL, see_row, &sum));
    fuzz_verdict(vs_store_each_row(store, "train", see_row, &sum));
    fuzz_verdict(vs_store_each_failure(store, see_failure, &sum));
    fuzz_verdict(vs_store_check_index(store));
    vs_store_close(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    if (size < 1 || size > 4096)
        return 0;
    if (data[0] & 1)
        change_values(data + 1, size - 1);
    else
        change_bytes(data + 1, size - 1);
    read_store();
    return 0;
}
