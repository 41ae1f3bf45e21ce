/* results.db, what is derived from it, and that the page escapes what it did not write. */
#include "eval/results.h"
#include "tests/check.h"

enum { VIDEOS = 4 };

static const char *const nothing_free[] = { NULL };
static const char hostile[] = "<b>\"&'model";

static vs_split make_split(vs_clip *clip)
{
    static const char *name[VIDEOS] = { "a.mp4", "<i>.mp4", "c.mp4", "d.mp4" };
    for (int i = 0; i < VIDEOS; i++)
        clip[i] = (vs_clip){ .id = 10 + i, .label = i % 2, .name = name[i] };
    return (vs_split){ .n = VIDEOS, .clip = clip, .classes = 2 };
}

/* The first `hits` videos right, the next ones second best. */
static void add(vs_results_db *db, const char *corruption, int severity, int from, int to, int hits)
{
    vs_result r[VIDEOS];
    for (int i = from; i < to; i++)
        r[i - from] = (vs_result){ .clip = 10 + i, .rank = i >= hits, .probability = 0.5 };
    CHECK_OK(vs_results_add(db, corruption, severity, r, to - from));
}

static char *read_text(const char *dir, const char *name)
{
    char *path = vs_path_join(dir, name);
    void *text;
    size_t size;
    CHECK_OK(vs_file_read(path, &text, &size));
    free(path);
    return text;
}

static json_t *settings(int seed)
{
    return json_pack("{ss ss si si}", "model", hostile, "split", "test", "seed", seed, "classes",
                     2);
}

static void fill(const char *dir)
{
    vs_clip clip[VIDEOS];
    const vs_split split = make_split(clip);
    json_t *s = settings(0);
    vs_results_db *db, *other;
    bool done[VIDEOS];
    CHECK_OK(vs_results_open(&db, dir, s, nothing_free, &split));
    CHECK_FAILS(vs_results_open(&other, dir, s, nothing_free, &split), VS_ERR_IO,
                "another process");
    add(db, "clean", 0, 0, 4, 4);
    add(db, "jpeg", 2, 0, 4, 1);
    add(db, "jpeg", 3, 1, 3, 4);
    CHECK_OK(vs_results_done(db, "jpeg", 3, done));
    cr_expect(!done[0] && done[1] && done[2] && !done[3]);
    CHECK_OK(vs_results_thumb(db, "jpeg", 2, "data:image/png;base64,AA"));
    vs_results_close(&db);
    json_decref(s);
}

Test(eval_results, what_was_added_is_reported)
{
    char *dir = check_tmp();
    vs_results r;
    fill(dir);
    CHECK_OK(vs_results_load(&r, dir));
    cr_expect_eq(r.videos, VIDEOS);
    cr_expect_eq(r.cells, 2);
    cr_expect_eq(r.unfinished, 1);
    cr_expect_str_eq(vs_results_picture(&r, "jpeg", 2), "data:image/png;base64,AA");
    cr_expect_null(vs_results_picture(&r, "jpeg", 1));
    CHECK_OK(vs_results_write(&r));
    char *csv = read_text(dir, "results.csv"), *json = read_text(dir, "results.json");
    cr_expect(strstr(csv, "\ncell,jpeg,digital,2,4,0.250000,"));
    cr_expect(strstr(csv, "\nall,,,,4,0.250000,"));
    cr_expect(strstr(json, "\"unfinished_cells\": 1"));
    cr_expect(!strstr(json, "nan"));
    free(csv);
    free(json);
    vs_results_free(&r);
    check_rm(dir);
}

Test(eval_results, the_page_escapes_and_needs_nothing_else)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "page.html");
    vs_results r[2];
    fill(dir);
    CHECK_OK(vs_results_load(&r[0], dir));
    CHECK_OK(vs_results_load(&r[1], dir));
    for (int n = 1; n <= 2; n++) {
        CHECK_OK(vs_report_write(path, r, n));
        char *page = read_text(dir, "page.html");
        cr_expect(!strstr(page, "<b>\"") && !strstr(page, "&'model"));
        cr_expect(strstr(page, "&lt;b&gt;&quot;&amp;&#39;model"));
        cr_expect(!strstr(page, "http") && !strstr(page, "<script") && !strstr(page, "nan"));
        cr_expect(strstr(page, "src=\"data:image/png;base64,AA\""));
        cr_expect_eq(strstr(page, "Model against model") != NULL, n == 2);
        free(page);
    }
    vs_results_free(&r[0]);
    vs_results_free(&r[1]);
    free(path);
    check_rm(dir);
}

Test(eval_results, other_settings_and_videos_are_refused)
{
    char *dir = check_tmp();
    static const char *const seed_free[] = { "seed", NULL };
    vs_clip clip[VIDEOS];
    vs_split split = make_split(clip);
    json_t *s = settings(1);
    vs_results_db *db;
    fill(dir);
    CHECK_FAILS(vs_results_open(&db, dir, s, nothing_free, &split), VS_ERR_CORRUPT,
                "holds results made with seed 0, not 1");
    cr_expect_null(db);
    CHECK_OK(vs_results_open(&db, dir, s, seed_free, &split));
    vs_results_close(&db);
    clip[2].label = 1;
    CHECK_FAILS(vs_results_open(&db, dir, s, seed_free, &split), VS_ERR_CORRUPT, "other videos");
    json_decref(s);
    check_rm(dir);
}

Test(eval_results, damage_and_absence_are_told)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "results.db");
    vs_clip clip[VIDEOS];
    const vs_split split = make_split(clip);
    vs_results r;
    vs_results_db *db;
    CHECK_FAILS(vs_results_load(&r, dir), VS_ERR_IO, "no results here");
    json_t *s = settings(0);
    CHECK_OK(vs_results_open(&db, dir, s, nothing_free, &split));
    vs_results_close(&db);
    CHECK_FAILS(vs_results_load(&r, dir), VS_ERR_CORRUPT, "not all scored yet");
    json_decref(s);
    CHECK_OK(vs_file_write(path, "not a database, but long enough to be taken for one", 50));
    CHECK_FAILS(vs_results_load(&r, dir), VS_ERR_DB, "results.db: file is not a database");
    free(path);
    check_rm(dir);
}
