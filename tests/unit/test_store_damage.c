/* The clip store under damage: flipped bits, cut packs, killed and competing writers. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "tests/store.h"

/* Error of verifying clip id; VS_OK when it is sound. */
static vs_err verify(const char *dir, int64_t id)
{
    vs_store *store;
    vs_reader *reader;
    vs_clip clip;
    VS_TRY(vs_store_open(&store, dir));
    CHECK_OK(vs_store_clip(&clip, store, id));
    CHECK_OK(vs_reader_open(&reader, store));
    const vs_err err = vs_reader_verify(reader, &clip);
    uint8_t rgb[48 * 40 * 3];
    vs_err read = VS_OK;
    for (int f = 0; f < clip.frames && read == VS_OK; f++)
        read = vs_reader_frames(reader, &clip, &f, 1, whole_frame, 48, 40, false, rgb);
    cr_expect_eq(err, read, "reading and verifying agree");
    vs_reader_close(&reader);
    vs_store_close(&store);
    return err;
}

/* One flipped bit anywhere in a record is found, and names the clip. */
Test(store_damage, every_flipped_byte_is_found)
{
    char *dir = check_tmp(), *pack = vs_path_join(dir, "packs/1.pack");
    put_clips(dir, NULL, 1);
    const int64_t size = vs_file_size(pack);
    CHECK_OK(verify(dir, 1));
    for (int64_t at = 16; at < size; at += at < 16 + 160 ? 1 : 61) {
        flip_byte(pack, (long)at, 0x10);
        const vs_err err = verify(dir, 1);
        cr_assert_eq(err, VS_ERR_CORRUPT, "byte %lld", (long long)at);
        cr_assert(strstr(vs_err_detail(), "clip 1 (clip 0.avi)"), "%s", vs_err_detail());
        flip_byte(pack, (long)at, 0x10);
    }
    CHECK_OK(verify(dir, 1));
    for (int at = 0; at < 16; at += 5) {
        flip_byte(pack, at, 0x10);
        cr_expect_eq(verify(dir, 1), VS_ERR_CORRUPT, "header byte %d", at);
        flip_byte(pack, at, 0x10);
    }
    free(pack);
    check_rm(dir);
}

Test(store_damage, a_frame_is_named)
{
    char *dir = check_tmp(), *pack = vs_path_join(dir, "packs/1.pack");
    put_clips(dir, NULL, 1);
    flip_byte(pack, -1, 1);
    CHECK_FAILS(verify(dir, 1), VS_ERR_CORRUPT, "clip 1 (clip 0.avi), frame 9: checksum differs");
    free(pack);
    check_rm(dir);
}

/* A cut pack costs its last clips only, and the writer goes on in a new pack. */
Test(store_damage, a_cut_pack_keeps_its_other_clips)
{
    char *dir = check_tmp(), *pack = vs_path_join(dir, "packs/1.pack");
    put_clips(dir, NULL, 3);
    cr_assert_eq(truncate(pack, vs_file_size(pack) - 10), 0);
    CHECK_OK(verify(dir, 1));
    CHECK_OK(verify(dir, 2));
    CHECK_FAILS(verify(dir, 3), VS_ERR_CORRUPT, "frame 11: the pack ends before its bytes");
    put_clips(dir, NULL, 4);
    CHECK_OK(verify(dir, 4));
    unlink(pack);
    CHECK_FAILS(verify(dir, 1), VS_ERR_IO, "1.pack");
    CHECK_OK(verify(dir, 4));
    free(pack);
    check_rm(dir);
}

Test(store_damage, a_pack_of_another_number_or_kind_is_refused)
{
    char *dir = check_tmp(), *one = vs_path_join(dir, "packs/1.pack");
    char *two = vs_path_join(dir, "packs/2.pack");
    const vs_writer_options small = { .pack_bytes = 1 };     /* a pack per clip */
    put_clips(dir, &small, 2);
    cr_assert_eq(rename(two, one), 0);
    CHECK_FAILS(verify(dir, 1), VS_ERR_CORRUPT, "this is pack 2 under the name of pack 1");
    CHECK_OK(vs_file_write(one, "short", 5));
    CHECK_FAILS(verify(dir, 1), VS_ERR_CORRUPT, "shorter than the header");
    free(one);
    free(two);
    check_rm(dir);
}

Test(store_damage, a_second_writer_is_told)
{
    char *dir = check_tmp();
    vs_writer *first, *second = NULL;
    CHECK_OK(vs_writer_open(&first, dir, NULL));
    CHECK_FAILS(vs_writer_open(&second, dir, NULL), VS_ERR_IO,
                "another process is writing to this store");
    cr_expect_null(second);
    CHECK_OK(vs_writer_close(&first));
    CHECK_OK(vs_writer_open(&first, dir, NULL));
    CHECK_OK(vs_writer_close(&first));
    check_rm(dir);
}

/* The child commits clip 0, then hangs in the commit of clip 1, whose bytes are written:
 * the parent holds the index's write lock. It never returns. */
static void child(const char *dir, int ready, int go)
{
    vs_writer *w;
    int64_t set;
    char c = 0;
    if (vs_writer_open(&w, dir, NULL) != VS_OK ||
        vs_writer_dataset(&set, w, "set", (const char *const[]){ "run", "jump", "wave hands" },
                          3) != VS_OK ||
        vs_writer_member(w, set, "train", "clip 0.avi", 0) != VS_OK ||
        put_clip(w, set, "clip 0.avi", 0, 10, 48, 40) != VS_OK || write(ready, &c, 1) != 1 ||
        read(go, &c, 1) != 1)
        _exit(2);
    (void)put_clip(w, set, "clip 1.avi", 1, 11, 48, 40);
    _exit(3);                      /* not reached: killed inside */
}

Test(store_damage, killed_between_bytes_and_commit)
{
    char *dir = check_tmp(), *pack = vs_path_join(dir, "packs/1.pack");
    char *index = vs_path_join(dir, "index.db");
    int ready[2], go[2];
    cr_assert(pipe(ready) == 0 && pipe(go) == 0);
    const pid_t pid = fork();
    if (pid == 0)
        child(dir, ready[1], go[0]);
    char c;
    cr_assert_eq(read(ready[0], &c, 1), 1);
    const int64_t committed = vs_file_size(pack);
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(index, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(write(go[1], &c, 1), 1);
    /* The record is written with one call for the table and one for the frames. */
    for (int i = 0; i < 1000 && vs_file_size(pack) < committed + 1000; i++)
        usleep(10000);
    cr_assert_gt(vs_file_size(pack), committed);
    cr_assert_eq(kill(pid, SIGKILL), 0);
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status));
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);

    CHECK_OK(verify(dir, 1));
    vs_store *store;
    vs_split split;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_split(&split, store, NULL));
    cr_expect_eq(split.n, 1);
    vs_split_free(&split);
    vs_store_close(&store);
    vs_writer *w;
    CHECK_OK(vs_writer_open(&w, dir, NULL));
    cr_expect_eq(vs_file_size(pack), committed, "bytes of no clip are cut");
    CHECK_OK(vs_writer_close(&w));

    /* Going on gives the bytes of a run that was never killed. */
    put_clips(dir, NULL, 3);
    char *calm = check_tmp(), *expected = vs_path_join(calm, "packs/1.pack");
    put_clips(calm, NULL, 3);
    vs_map a, b;
    CHECK_OK(vs_map_open(&a, pack));
    CHECK_OK(vs_map_open(&b, expected));
    cr_expect(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
    vs_map_close(&a);
    vs_map_close(&b);
    CHECK_OK(verify(dir, 3));
    free(expected);
    check_rm(calm);
    free(pack);
    free(index);
    check_rm(dir);
}

/* A store that nobody writes is one plain file: readable without a log beside it. */
Test(store_damage, a_finished_index_has_no_log)
{
    char *dir = check_tmp(), *log = vs_path_join(dir, "index.db-wal");
    put_clips(dir, NULL, 1);
    cr_expect(!vs_path_exists(log));
    vs_store *store;
    CHECK_OK(vs_store_open(&store, dir));
    put_clips(dir, NULL, 2);       /* a reader that is open does not disturb the writer */
    cr_expect(!vs_path_exists(log));
    vs_store_close(&store);
    free(log);
    check_rm(dir);
}
