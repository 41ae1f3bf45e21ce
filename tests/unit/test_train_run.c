/* Schedule values, the log's repair, and checkpoints that survive a kill at any moment. */
#include "tests/check.h"
#include "train/loop.h"
#include "train/metrics.h"
#include "train/report.h"
#include "train/run.h"
#include "train/schedule.h"

/* ---- Schedule ----------------------------------------------------------------------- */

Test(train_run, schedule_of_the_paper)
{
    /* 9,537 clips, batch 192: 49 steps an epoch, 3,200 epochs, 40 of warm-up. */
    const vs_schedule s = vs_schedule_make(49 * 3200, 49 * 40, 1e-6, 3e-4, 1e-5, 192);
    cr_expect_eq(s.warmup, 1960);
    cr_expect_float_eq(vs_schedule_lr(&s, 0), 1e-6 * 192 / 256, 1e-15);
    cr_expect_float_eq(vs_schedule_lr(&s, 1959), 3e-4 * 192 / 256, 1e-12);
    cr_expect_float_eq(vs_schedule_lr(&s, 1960), 3e-4 * 192 / 256, 1e-12);
    /* Half way down the cosine: the mean of peak and end. */
    cr_expect_float_eq(vs_schedule_lr(&s, 1960 + (156800 - 1960) / 2),
                       (3e-4 + 1e-5) / 2 * 192 / 256, 1e-12);
    cr_expect_float_eq(vs_schedule_lr(&s, 156800), 1e-5 * 192 / 256, 1e-12);
    for (int64_t k = 1; k < 156800; k += 97)
        cr_assert(k < 1960 ? vs_schedule_lr(&s, k) > vs_schedule_lr(&s, k - 1)
                           : vs_schedule_lr(&s, k) <= vs_schedule_lr(&s, k - 1));
}

Test(train_run, schedule_without_or_with_long_warmup)
{
    vs_schedule s = vs_schedule_make(10, 0, 1, 2, 0, 256);
    cr_expect_float_eq(vs_schedule_lr(&s, 0), 2, 1e-12);
    cr_expect_float_eq(vs_schedule_lr(&s, 5), 1, 1e-12);
    s = vs_schedule_make(10, 400, 1, 2, 0, 256);
    cr_expect_eq(s.warmup, 5);
    cr_expect_float_eq(vs_schedule_lr(&s, 4), 2, 1e-12);
}

/* ---- Log ---------------------------------------------------------------------------- */

static json_t *line(int step, double loss)
{
    json_t *l = json_object();
    json_object_set_new(l, "step", json_integer(step));
    json_object_set_new(l, "loss", json_real(loss));
    return l;
}

static char *read_log(const char *run)
{
    char *path = vs_path_join(run, "log.jsonl");
    void *text;
    size_t size;
    CHECK_OK(vs_file_read(path, &text, &size));
    free(path);
    return text;
}

/* The clock is what differs between two runs: left out. */
static void drop_time(char *log)
{
    for (char *at; (at = strstr(log, ",\"time\":"));) {
        char *end = strchr(at, '}');
        memmove(at, end, strlen(end) + 1);
    }
}

Test(train_run, log_drops_a_broken_line_and_later_steps)
{
    char *run = check_tmp();
    vs_metrics *m;
    CHECK_OK(vs_metrics_open(&m, run, 0));
    for (int step = 1; step <= 4; step++)
        CHECK_OK(vs_metrics_write(m, line(step, 0.1 * step)));
    vs_metrics_close(&m);
    char *whole = read_log(run), *path = vs_path_join(run, "log.jsonl");
    FILE *f = fopen(path, "ae");
    fputs("{\"step\":5,\"lo", f);
    fclose(f);
    CHECK_OK(vs_metrics_open(&m, run, 4));
    vs_metrics_close(&m);
    char *repaired = read_log(run);
    cr_expect_str_eq(repaired, whole);
    CHECK_OK(vs_metrics_open(&m, run, 2));
    CHECK_OK(vs_metrics_write(m, line(3, 0.1 * 3)));
    CHECK_OK(vs_metrics_write(m, line(4, 0.1 * 4)));
    vs_metrics_close(&m);
    char *again = read_log(run);
    again[strcspn(again, "\n")] = 0;               /* a line that was kept: with its time */
    cr_expect(strncmp(again, whole, strlen(again)) == 0);
    again[strlen(again)] = '\n';
    drop_time(again);
    drop_time(whole);
    cr_expect_str_eq(again, whole);
    free(again);
    free(repaired);
    free(whole);
    free(path);
    check_rm(run);
}

Test(train_run, report_is_one_file_with_curves)
{
    char *run = check_tmp(), *path = vs_path_join(run, "config.json");
    vs_metrics *m;
    CHECK_OK(vs_metrics_open(&m, run, 0));
    for (int step = 1; step <= 2000; step++)
        CHECK_OK(vs_metrics_write(m, line(step, 1.0 / step)));
    vs_metrics_close(&m);
    CHECK_OK(vs_json_save(path, json_pack("{s:s, s:{s:s}}", "command", "pretrain", "settings",
                                          "store", "a<b>&c")));
    CHECK_OK(vs_run_report(run));
    free(path);
    path = vs_path_join(run, "report.html");
    void *text;
    size_t size;
    CHECK_OK(vs_file_read(path, &text, &size));
    cr_expect(strstr(text, "<polyline") && strstr(text, "step 2000: "));
    cr_expect(strstr(text, "a&lt;b&gt;&amp;c"));
    cr_expect(!strstr(text, "http"), "the report asks for something outside");
    cr_expect(size < 40000, "%zu bytes", size);
    free(text);
    free(path);
    check_rm(run);
}

/* ---- Checkpoints -------------------------------------------------------------------- */

/* A checkpoint is told by the content of its one file. */
static void put(const char *dir, const char *content)
{
    char *path = vs_path_join(dir, "model.safetensors");
    CHECK_OK(vs_dir_make(dir));
    CHECK_OK(vs_file_write(path, content, strlen(content)));
    free(path);
}

static void put_at(const char *run, const char *name, const char *content)
{
    char *dir = vs_run_checkpoint(run, name);
    put(dir, content);
    free(dir);
}

static void expect(const char *run, const char *name, const char *content)
{
    char *dir = vs_run_checkpoint(run, name), *path = vs_path_join(dir, "model.safetensors");
    void *text = NULL;
    size_t size;
    cr_expect_eq(vs_run_has(run, name), content != NULL, "%s", name);
    if (content) {
        CHECK_OK(vs_file_read(path, &text, &size));
        cr_expect_str_eq((char *)text, content);
    }
    free(text);
    free(path);
    free(dir);
}

static void write_one(const char *run, const char *content)
{
    char *tmp;
    CHECK_OK(vs_run_begin(&tmp, run, "last"));
    put(tmp, content);
    CHECK_OK(vs_run_commit(&tmp, run, "last"));
    cr_expect_null(tmp);
}

Test(train_run, a_checkpoint_is_replaced_whole)
{
    char *run = check_tmp(), *tmp, *model;
    CHECK_FAILS(vs_run_model(&model, run), VS_ERR_IO, "neither a run");
    write_one(run, "first");
    expect(run, "last", "first");
    write_one(run, "second");
    expect(run, "last", "second");
    expect(run, "last.tmp", NULL);
    CHECK_OK(vs_run_begin(&tmp, run, "last"));
    put(tmp, "given up");
    vs_run_abort(&tmp);
    expect(run, "last", "second");
    expect(run, "last.tmp", NULL);
    check_rm(run);
}

/* The states between the moves, where names cannot be exchanged. */
Test(train_run, what_a_kill_leaves_is_finished_or_dropped)
{
    static const struct {
        const char *last, *tmp, *old, *then;
    } state[] = {
        { "a", NULL, NULL, "a" },          /* nothing happened */
        { "a", "half", NULL, "a" },        /* killed while writing: the old one counts */
        { NULL, "b", "a", "b" },           /* between the two moves: tmp was whole */
        { "b", NULL, "a", "b" },           /* before the old one was removed */
        { NULL, NULL, "a", "a" },
    };
    for (size_t i = 0; i < sizeof(state) / sizeof(*state); i++) {
        char *run = check_tmp();
        if (state[i].last)
            put_at(run, "last", state[i].last);
        if (state[i].tmp)
            put_at(run, "last.tmp", state[i].tmp);
        if (state[i].old)
            put_at(run, "last.old", state[i].old);
        CHECK_OK(vs_run_recover(run));
        expect(run, "last", state[i].then);
        expect(run, "last.tmp", NULL);
        expect(run, "last.old", NULL);
        check_rm(run);
    }
}

Test(train_run, best_before_last_before_nothing)
{
    char *run = check_tmp(), *model = NULL;
    write_one(run, "last");
    CHECK_OK(vs_run_model(&model, run));
    cr_expect(strstr(model, "checkpoints/last"), "%s", model);
    put_at(run, "best", "best");
    free(model);
    CHECK_OK(vs_run_model(&model, run));
    cr_expect(strstr(model, "checkpoints/best"), "%s", model);
    free(model);
    CHECK_FAILS(vs_run_model(&model, "/nowhere"), VS_ERR_IO, "no such model or run");
    check_rm(run);
}

Test(train_run, one_process_at_a_time)
{
    char *run = check_tmp();
    int first, second;
    CHECK_OK(vs_run_open(&first, run));
    CHECK_FAILS(vs_run_open(&second, run), VS_ERR_IO, "in use");
    vs_lock_release(&first);
    CHECK_OK(vs_run_open(&second, run));
    vs_lock_release(&second);
    check_rm(run);
}

Test(train_run, a_disk_that_cannot_hold_the_checkpoints_is_told)
{
    CHECK_OK(vs_check_disk("run", 100e6, 3, 300e6));
    CHECK_OK(vs_check_disk("run", 100e6, 3, -1));
    CHECK_FAILS(vs_check_disk("run", 100e6, 3, 299e6), VS_ERR_USAGE, "--out run: needs ");
    cr_expect(strstr(vs_err_detail(), "3 checkpoints"), "%s", vs_err_detail());
    char *root = check_tmp(), *deep = vs_strf("%s/not/yet/there", root);
    cr_expect(vs_disk_room(deep) > 0 && vs_disk_room("not-yet-there") > 0);
    free(deep);
    check_rm(root);
}
