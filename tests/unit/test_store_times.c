/* Times of frames in the clip store: which are kept, what is given, older stores, damage. */
#include <sqlite3.h>

#include "tests/store.h"

static void sql(const char *dir, const char *text)
{
    char *path = vs_path_join(dir, "index.db");
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    char *error = NULL;
    cr_assert_eq(sqlite3_exec(db, text, NULL, NULL, &error), SQLITE_OK, "%s", error);
    sqlite3_close(db);
    free(path);
}

static void put_timed(vs_writer *w, int64_t set, const char *name, double fps, const int64_t *time,
                      int n)
{
    const vs_clip_info info = { .dataset = set, .name = name, .W = 16, .H = 16, .fps = fps };
    static uint8_t rgb[16 * 16 * 3];
    vs_clip_writer *clip;
    CHECK_OK(vs_clip_begin(&clip, w, &info));
    for (int i = 0; i < n; i++) {
        CHECK_OK(vs_clip_frame(clip, rgb));
        vs_clip_time(clip, time[i]);
    }
    CHECK_OK(vs_clip_commit(&clip, NULL));
}

static const int64_t even[] = { 0, 40000, 80000, 120000 };
static const int64_t rounded[] = { 0, 33000, 67000, 100000 };
static const int64_t slow[] = { 0, 500000, 1000000, 1500000 };
static const int64_t uneven[] = { 0, 1, 90000, 7200000000 };

/* Clips 1 .. 5: even; as Matroska rounds; not at the stated rate; uneven; one frame. */
static void put_all(const char *dir)
{
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_writer_open(&w, dir, NULL));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, 0));
    put_timed(w, set, "even", 25, even, 4);
    put_timed(w, set, "rounded", 29.97, rounded, 4);
    put_timed(w, set, "slow", 25, slow, 4);
    put_timed(w, set, "uneven", 25, uneven, 4);
    put_timed(w, set, "one", 0, even, 1);
    CHECK_OK(vs_writer_close(&w));
}

static void expect_times(vs_store *store, int64_t id, const int64_t *time, int n, double slack,
                         bool variable, double fps)
{
    double seconds[8];
    vs_clip clip;
    CHECK_OK(vs_store_clip(&clip, store, id));
    CHECK_OK(vs_store_times(seconds, store, &clip));
    cr_assert(clip.frames == n && clip.variable == variable);
    cr_expect_float_eq(clip.fps, fps, 1e-9, "clip %d: %g", (int)id, clip.fps);
    for (int i = 0; i < n; i++)
        cr_expect_float_eq(seconds[i], (double)time[i] / 1e6, slack, "clip %d, frame %d: %g",
                           (int)id, i, seconds[i]);
}

Test(store_times, only_a_varying_rate_is_kept)
{
    char *dir = check_tmp();
    put_all(dir);
    vs_store *store;
    CHECK_OK(vs_store_open(&store, dir));
    expect_times(store, 1, even, 4, 1e-9, false, 25);
    expect_times(store, 2, rounded, 4, 1e-3, false, 29.97);
    expect_times(store, 3, slow, 4, 1e-9, false, 2);
    expect_times(store, 4, uneven, 4, 1e-9, true, 3 / 7200.0);
    expect_times(store, 5, even, 1, 1e-9, false, 0);
    vs_store_close(&store);
    check_rm(dir);
}

Test(store_times, neither_times_nor_rate)
{
    char *dir = check_tmp();
    put_clips(dir, NULL, 1);
    sql(dir, "UPDATE clip SET fps = 0");
    vs_store *store;
    vs_clip clip;
    double seconds[10];
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_clip(&clip, store, 1));
    CHECK_FAILS(vs_store_times(seconds, store, &clip), VS_ERR_UNSUPPORTED, "clip 1");
    vs_store_close(&store);
    check_rm(dir);
}

Test(store_times, go_with_their_clip)
{
    char *dir = check_tmp();
    put_all(dir);
    const int64_t gone = 4;
    const vs_removal what = { .clip = &gone, .clips = 1 };
    vs_removed removed;
    CHECK_OK(vs_store_remove(&removed, dir, &what));
    sql(dir, "CREATE TABLE probe (n INTEGER CHECK (n = 0)); "
             "INSERT INTO probe SELECT count(*) FROM timing");
    check_rm(dir);
}

/* As the program before it left them: no table of times, views of version 1. */
static void make_older(const char *dir)
{
    sql(dir, "DROP VIEW clips; DROP VIEW times; DROP TRIGGER timing_goes; DROP TABLE timing; "
             "UPDATE meta SET value = '1' WHERE key = 'views'");
}

Test(store_times, an_older_store_opens_and_is_brought_up_to_date)
{
    char *dir = check_tmp();
    vs_store *store;
    vs_writer *w;
    int64_t set;
    put_clips(dir, NULL, 2);
    make_older(dir);
    CHECK_OK(vs_store_open(&store, dir));
    static const int64_t first[] = { 0, 40000, 80000, 120000, 160000, 200000, 240000, 280000 };
    vs_clip clip;
    double seconds[10];
    CHECK_OK(vs_store_clip(&clip, store, 1));
    CHECK_OK(vs_store_times(seconds, store, &clip));
    cr_expect(!clip.variable && fabs(seconds[7] - (double)first[7] / 1e6) < 1e-9);
    vs_store_close(&store);
    CHECK_OK(vs_writer_open(&w, dir, NULL));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, 3));
    put_timed(w, set, "uneven", 25, uneven, 4);
    CHECK_OK(vs_writer_close(&w));
    CHECK_OK(vs_store_open(&store, dir));
    expect_times(store, 3, uneven, 4, 1e-9, true, 3 / 7200.0);
    vs_store_close(&store);
    sql(dir, "CREATE TABLE probe (n INTEGER CHECK (n = 4)); "
             "INSERT INTO probe SELECT count(*) FROM times");
    check_rm(dir);
}

Test(store_times, damage_is_told_by_clip)
{
    static const char *const bad[] = { "", "[]", "[0,1,2]", "[0,1,2,3,4]", "[0,2,2,3]", "[1,2,3,4]",
                                       "[0,1,2,3", "[0,1,x,3]", "[0,1,2,-3]", "[0, 1,2,3]" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char *dir = check_tmp(), *text = vs_strf("UPDATE timing SET times = '%s'", bad[i]);
        put_all(dir);
        sql(dir, text);
        vs_store *store;
        vs_reader *reader;
        vs_clip clip;
        double seconds[4];
        CHECK_OK(vs_store_open(&store, dir));
        CHECK_OK(vs_store_clip(&clip, store, 4));
        CHECK_FAILS(vs_store_times(seconds, store, &clip), VS_ERR_CORRUPT, "times of clip 4");
        CHECK_OK(vs_reader_open(&reader, store));
        CHECK_FAILS(vs_reader_verify(reader, &clip), VS_ERR_CORRUPT, "times of clip 4");
        vs_reader_close(&reader);
        vs_store_close(&store);
        free(text);
        check_rm(dir);
    }
}
