/* The clip store killed at every operation that changes a file, and on a disk that fills up:
 * adding, removing and compacting, then the same again, must end as if nothing had happened. */
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "tests/fault.h"
#include "tests/store.h"

/* 6 clips in packs of about two; three of them then go. */
enum { CLIPS = 6 };
static const vs_writer_options small = { .pack_bytes = 30000 };

/* No assertions: this runs in a child that may be killed or out of disk. */
static vs_err add(const char *dir)
{
    static const char *const names[] = { "run", "jump", "wave hands" };
    vs_writer *w;
    int64_t set;
    VS_TRY(vs_writer_open(&w, dir, &small));
    vs_err err = vs_writer_dataset(&set, w, "set", names, 3);
    for (int k = 0; k < CLIPS && err == VS_OK; k++) {
        char name[32];
        snprintf(name, sizeof(name), "clip %d.avi", k);
        bool have = false;
        err = vs_writer_member(w, set, k % 2 ? "test" : "train", name, k % 3);
        if (err == VS_OK)
            err = vs_writer_has(&have, w, set, name);
        if (err == VS_OK && !have)
            err = k == 3 ? vs_writer_failure(w, set, name, "not a video")
                         : put_clip(w, set, name, k, 10 + k, 48, 40);
    }
    const vs_err closed = vs_writer_close(&w);
    return err != VS_OK ? err : closed;
}

static vs_err take_out(const char *dir)
{
    const vs_removal what = { .class_name = "jump" };
    vs_removed removed;
    const vs_err err = vs_store_remove(&removed, dir, &what);
    /* Done by the run that was killed after its commit. */
    return err == VS_ERR_CORRUPT && strstr(vs_err_detail(), "nothing there") ? VS_OK : err;
}

static vs_err compact(const char *dir)
{
    vs_compacted c;
    return vs_store_compact(&c, dir);
}

static void nothing(const char *dir)
{
}

static void filled(const char *dir)
{
    CHECK_OK(add(dir));
}

static void thinned(const char *dir)
{
    CHECK_OK(add(dir));
    CHECK_OK(take_out(dir));
}

static void text_line(char **all, const char *line)
{
    char *more = vs_strf("%s%s\n", *all, line);
    free(*all);
    *all = more;
}

/* Everything that a store says, and a sum over every frame: the caller frees it. */
static char *portrait(const char *dir, bool places)
{
    static const char *const queries[] = {
        "SELECT id || '|' || name || '|' || frames || '|' || table_sum || '|' || bytes FROM clip "
        "ORDER BY id",
        "SELECT split || '|' || name || '|' || label FROM member ORDER BY id",
        "SELECT name || '|' || reason FROM failure ORDER BY name",
        "SELECT name || '|' || classes FROM dataset", "SELECT label || '|' || name FROM class",
        "SELECT id || '|' || pack || '|' || offset FROM clip ORDER BY id"
    };
    char *all = vs_strdup(""), *index = vs_path_join(dir, "index.db");
    sqlite3 *db;
    cr_assert_eq(sqlite3_open_v2(index, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (int q = 0; q < (places ? 6 : 5); q++) {
        sqlite3_stmt *rows;
        cr_assert_eq(sqlite3_prepare_v2(db, queries[q], -1, &rows, NULL), SQLITE_OK);
        while (sqlite3_step(rows) == SQLITE_ROW)
            text_line(&all, (const char *)sqlite3_column_text(rows, 0));
        sqlite3_finalize(rows);
    }
    sqlite3_close(db);
    free(index);
    return all;
}

static void all_sound(const char *dir, const char *when)
{
    vs_store *store;
    vs_split split;
    vs_reader *reader;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_check_index(store));
    CHECK_OK(vs_store_split(&split, store, NULL));
    CHECK_OK(vs_reader_open(&reader, store));
    for (int i = 0; i < split.n; i++)
        cr_assert_eq(vs_reader_verify(reader, &split.clip[i]), VS_OK, "%s: %s", when,
                     vs_err_detail());
    vs_reader_close(&reader);
    vs_split_free(&split);
    vs_store_close(&store);
}

/* Without headers. Records are padded to 8 bytes, but not at the end of a pack. */
static long bytes_of_packs(const char *dir)
{
    char *packs = vs_path_join(dir, "packs"), **names;
    int n;
    long sum = 0;
    CHECK_OK(vs_dir_list(packs, &names, &n));
    for (int i = 0; i < n; i++) {
        char *path = vs_path_join(packs, names[i]);
        sum += (long)vs_file_size(path) - 16;      /* where packs end is no matter */
        free(path);
    }
    vs_names_free(names, n);
    free(packs);
    return sum;
}

/* Runs `work` in a child; its exit status, or -1 when it was killed. *count: operations. */
static int run(vs_err (*work)(const char *), const char *dir, long kill_at, long full_at,
               long *count)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    const pid_t pid = fork();
    if (pid == 0) {
        fault_arm(kill_at, full_at);
        const int bad = work(dir) != VS_OK;
        const long n = fault_count();
        fault_arm(0, 0);
        _exit(write(ends[1], &n, sizeof(n)) == sizeof(n) ? bad : 2);
    }
    close(ends[1]);
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    long n = 0;
    if (read(ends[0], &n, sizeof(n)) == (ssize_t)sizeof(n) && count)
        *count = n;
    close(ends[0]);
    return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

/* A scratch folder in memory where there is one: some hundred stores are made. */
static char *scratch(void)
{
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 1);
    return check_tmp();
}

/* `places`: also where in the packs the clips lie. */
static void every_point(void (*before)(const char *), vs_err (*work)(const char *), bool places)
{
    char *calm = scratch();
    long operations = 0;
    before(calm);
    cr_assert_eq(run(work, calm, 0, 0, &operations), 0);
    cr_assert_gt(operations, 10);
    char *expected = portrait(calm, places);
    const long size = bytes_of_packs(calm);
    for (long at = 1; at <= operations; at++)
        for (int full = 0; full < 2; full++) {
            char *dir = check_tmp(), when[64];
            snprintf(when, sizeof(when), "%s at operation %ld of %ld",
                     full ? "disk full" : "killed", at, operations);
            before(dir);
            const int status = run(work, dir, full ? 0 : at, full ? at : 0, NULL);
            cr_assert(full ? status == 0 || status == 1 : status == -1, "%s: %d", when, status);
            cr_assert_eq(run(work, dir, 0, 0, NULL), 0, "%s: not to be gone on with", when);
            all_sound(dir, when);
            char *got = portrait(dir, places);
            cr_assert_str_eq(got, expected, "%s:\n%s\nexpected:\n%s", when, got, expected);
            cr_assert(labs(bytes_of_packs(dir) - size) < 8 * CLIPS, "%s: bytes of nobody", when);
            free(got);
            check_rm(dir);
        }
    fprintf(stderr, "%ld points\n", operations);
    free(expected);
    check_rm(calm);
}

Test(store_killed, adding)
{
    every_point(nothing, add, true);
}

Test(store_killed, removing)
{
    every_point(filled, take_out, false);
}

Test(store_killed, compacting)
{
    every_point(thinned, compact, false);
}

/* A killed compact leaves a store that reads, before anybody repairs it. */
Test(store_killed, readable_right_after)
{
    for (long at = 1; at < 200; at += 3) {
        char *dir = scratch();
        thinned(dir);
        char *expected = portrait(dir, false);
        if (run(compact, dir, at, 0, NULL) != -1)
            at = 200;
        all_sound(dir, "right after");
        char *got = portrait(dir, false);
        cr_expect_str_eq(got, expected);
        free(got);
        free(expected);
        check_rm(dir);
    }
}
