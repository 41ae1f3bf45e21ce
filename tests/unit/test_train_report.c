/* TensorBoard's file read back byte by byte, and report.html of one and of several runs. */
#include "base/crc.h"
#include "base/image.h"
#include "tests/check.h"
#include "train/metrics.h"
#include "train/plot.h"
#include "train/report.h"

/* ---- Events --------------------------------------------------------------------------- */

struct reader {
    const uint8_t *p, *end;
};

static uint64_t varint(struct reader *r)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        cr_assert(r->p < r->end);
        v |= (uint64_t)(*r->p & 127) << shift;
        if (*r->p++ < 128)
            return v;
    }
}

static struct reader inside(struct reader *r)
{
    const uint64_t n = varint(r);
    cr_assert(n <= (uint64_t)(r->end - r->p));
    const struct reader in = { r->p, r->p + n };
    r->p += n;
    return in;
}

static void check_masked(const uint8_t *data, size_t n, const uint8_t *at)
{
    const uint32_t crc = vs_crc32c(data, n);
    uint32_t stored;
    memcpy(&stored, at, 4);
    cr_assert(stored == (crc >> 15 | crc << 17) + 0xa282ead8);
}

/* The next record's Event; false at the end. */
static bool next_event(struct reader *event, struct reader *file)
{
    uint64_t n;
    if (file->p == file->end)
        return false;
    cr_assert(file->end - file->p >= 16);
    memcpy(&n, file->p, 8);
    check_masked(file->p, 8, file->p + 8);
    cr_assert(n + 16 <= (uint64_t)(file->end - file->p));
    check_masked(file->p + 12, n, file->p + 12 + n);
    *event = (struct reader){ file->p + 12, file->p + 12 + n };
    file->p += n + 16;
    return true;
}

/* The values of an event's summary as "tag=value " in their order. */
static void print_values(char *text, size_t room, struct reader summary)
{
    size_t n = 0;
    while (summary.p < summary.end) {
        cr_assert(varint(&summary) == 10);
        struct reader value = inside(&summary);
        cr_assert(varint(&value) == 10);
        const struct reader tag = inside(&value);
        float v;
        cr_assert(varint(&value) == 21 && value.end - value.p == 4);
        memcpy(&v, value.p, 4);
        n += (size_t)snprintf(text + n, room - n, "%.*s=%g ", (int)(tag.end - tag.p),
                              (const char *)tag.p, (double)v);
    }
}

/* "step: values" of an event, or "version: text" of the first one. */
static void print_event(char *text, size_t room, struct reader e)
{
    double time;
    cr_assert(varint(&e) == 9);
    memcpy(&time, e.p, 8);
    e.p += 8;
    cr_assert(varint(&e) == 16);
    const uint64_t step = varint(&e), field = varint(&e);
    struct reader in = inside(&e);
    cr_assert(e.p == e.end);
    if (field == 26) {
        snprintf(text, room, "version: %.*s", (int)(in.end - in.p), (const char *)in.p);
        return;
    }
    cr_assert(field == 42 && time > 1.5e9, "%g", time);
    const int n = snprintf(text, room, "%llu: ", (unsigned long long)step);
    print_values(text + n, room - (size_t)n, in);
}

static void expect_events(const char *run, const char *const *expected, int n)
{
    char *path = vs_path_join(run, "events.out.tfevents.vsyn"), text[512];
    void *data;
    size_t size;
    CHECK_OK(vs_file_read(path, &data, &size));
    struct reader file = { data, (uint8_t *)data + size }, event;
    int k = 0;
    for (; next_event(&event, &file); k++) {
        print_event(text, sizeof(text), event);
        cr_assert(k < n, "one more: %s", text);
        cr_expect_str_eq(text, expected[k]);
    }
    cr_expect(k == n, "%d events", k);
    free(data);
    free(path);
}

static void write_step(vs_metrics *m, int step, double loss)
{
    CHECK_OK(vs_metrics_write(m, json_pack("{s:i, s:f, s:f, s:f, s:f, s:f, s:f}", "step", step,
                                           "loss", loss, "lr", 0.25, "grad_norm", 2.0,
                                           "clips_per_s", 8.0, "wait", 0.5, "seconds", 3.0)));
}

#define VALUES " train/lr=0.25 train/grad_norm=2 speed/clips_per_s=8 speed/wait=0.5 "

Test(events, what_is_logged_is_read_back)
{
    char *run = check_tmp();
    vs_metrics *m;
    CHECK_OK(vs_metrics_open(&m, run, 0));
    write_step(m, 10, 1.5);
    write_step(m, 300, 0.5);
    CHECK_OK(vs_metrics_write(m, json_pack("{s:i, s:f, s:f, s:i}", "step", 300, "val_loss", 2.0,
                                           "top1", 0.75, "n", 16)));
    vs_metrics_close(&m);
    static const char *const all[] = { "version: brain.Event:2", "10: train/loss=1.5" VALUES,
                                       "300: train/loss=0.5" VALUES,
                                       "300: val/loss=2 val/top1=0.75 " };
    expect_events(run, all, 4);
    /* Going on from step 20: what came later is gone, as from the log. */
    CHECK_OK(vs_metrics_open(&m, run, 20));
    write_step(m, 30, 0.25);
    vs_metrics_close(&m);
    static const char *const resumed[] = { "version: brain.Event:2", "10: train/loss=1.5" VALUES,
                                           "30: train/loss=0.25" VALUES };
    expect_events(run, resumed, 3);
    check_rm(run);
}

/* ---- Report ----------------------------------------------------------------------------- */

static char *make_run(const char *root, const char *name, double lr, int lines)
{
    char *run = vs_path_join(root, name), *config = vs_path_join(run, "config.json");
    vs_metrics *m;
    CHECK_OK(vs_dir_make(run));
    CHECK_OK(vs_json_save(config, json_pack("{s:s, s:s, s:{s:f, s:s, s:n}}", "command", "pretrain",
                                            "version", "1", "settings", "lr", lr, "store",
                                            "a<b&\"c\".store", "split")));
    CHECK_OK(vs_metrics_open(&m, run, 0));
    for (int i = 1; i <= lines; i++)
        write_step(m, i, 1.0 / i);
    vs_metrics_close(&m);
    free(config);
    return run;
}

static char *read_text(const char *path)
{
    void *text;
    size_t size;
    CHECK_OK(vs_file_read(path, &text, &size));
    return text;
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (; (text = strstr(text, what)); text++)
        n++;
    return n;
}

Test(report, of_one_run)
{
    char *root = check_tmp(), *run = make_run(root, "first", 0.5, 100);
    char *path = vs_path_join(run, "report.html"), *picture = vs_path_join(run,
                                                                          "reconstruction.png");
    const uint8_t pixels[12] = { 255 };
    CHECK_OK(vs_png_write(picture, 2, 2, pixels));
    CHECK_OK(vs_run_report(run));
    char *text = read_text(path);
    cr_expect(strstr(text, "<h1>pretrain: first</h1>"));
    cr_expect(count(text, "<polyline class=\"line s0\"") == 5, "loss, lr, gradient, speed, wait");
    cr_expect(count(text, "<polyline class=\"pale s0\"") == 3, "noise behind three of them");
    cr_expect(count(text, "src=\"data:image/png;base64,") == 1);
    cr_expect(strstr(text, "a&lt;b&amp;&quot;c&quot;.store") && !strstr(text, "a<b"));
    cr_expect(!strstr(text, "nan") && !strstr(text, "inf"));
    cr_expect(!strstr(text, "http"), "nothing from outside");
    cr_expect(count(text, "<svg") == count(text, "</svg>") && count(text, "<svg") == 5);
    free(text);
    free(path);
    free(picture);
    free(run);
    check_rm(root);
}

Test(report, of_runs_without_a_line_or_with_one)
{
    char *root = check_tmp();
    for (int lines = 0; lines < 2; lines++) {
        char *run = make_run(root, lines ? "one" : "none", 0.5, lines);
        char *path = vs_path_join(run, "report.html");
        CHECK_OK(vs_run_report(run));
        char *text = read_text(path);
        cr_expect(count(text, "<svg") == 5 * lines && !strstr(text, "nan"), "%d lines", lines);
        free(text);
        free(path);
        free(run);
    }
    check_rm(root);
}

/* The marks of an axis that moves little are told apart. */
Test(report, marks_of_an_axis_differ)
{
    double flat[2][2] = { { 1, 2.772592 }, { 2, 2.772596 } };
    const vs_series series = { flat, 2, 0 };
    const vs_plot plot = { "loss", "%.4g", false, false };
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    cr_assert(f);
    vs_plot_draw(f, &plot, &series, 1);
    fclose(f);
    char before[32] = "";
    int marks = 0;
    for (const char *at = text; (at = strstr(at, "text-anchor=\"end\">")); marks++) {
        char mark[32] = "";
        at += strlen("text-anchor=\"end\">");
        cr_assert(sscanf(at, "%31[0-9.e-]<", mark) == 1);
        cr_expect(strcmp(mark, before) != 0 && strlen(mark) < 8, "%s after %s", mark, before);
        memcpy(before, mark, sizeof(before));
    }
    cr_expect(marks >= 4, "%d marks", marks);
    free(text);
}

Test(report, of_a_probe)
{
    char *root = check_tmp(), *run = make_run(root, "probed", 0.5, 0);
    char *path = vs_path_join(run, "report.html"), *probe = vs_path_join(run, "probe.json");
    CHECK_OK(vs_json_save(probe, json_pack("{s:[{s:f, s:f}, {s:f, s:f}], s:f, s:f, s:f, s:i}",
                                           "sweep", "lr", 0.1, "holdout_top1", 0.25, "lr", 3.0,
                                           "holdout_top1", 0.5, "lr", 3.0, "top1", 0.4375, "top5",
                                           0.9, "n", 16)));
    CHECK_OK(vs_run_report(run));
    char *text = read_text(path);
    cr_expect(strstr(text, "<b>43.8%</b><span>top-1 of 16 test clips"));
    cr_expect(strstr(text, "<td>0.1</td><td>25.0%</td>"));
    cr_expect(strstr(text, "<td>3, chosen</td><td>50.0%</td>"));
    cr_expect(!strstr(text, "Curves") && !strstr(text, "nan"));
    free(text);
    free(probe);
    free(path);
    free(run);
    check_rm(root);
}

Test(report, of_several_runs)
{
    char *root = check_tmp(), *path = vs_path_join(root, "both.html");
    const char *run[2] = { make_run(root, "first", 0.5, 5), make_run(root, "second", 0.25, 9) };
    CHECK_OK(vs_report_write(path, run, 2));
    char *text = read_text(path), *differ = strstr(text, "Settings that differ");
    cr_assert(differ);
    cr_expect(strstr(text, "2 runs, side by side"));
    cr_expect(count(text, "class=\"line s0\"") == 5 && count(text, "class=\"line s1\"") == 5);
    cr_expect(strstr(differ, "<tr><th>lr</th><td>0.5</td><td>0.25</td></tr>"));
    cr_expect(strstr(differ, "store") > strstr(differ, "<details>"), "equal: only in the details");
    free(text);
    CHECK_FAILS(vs_report_write(path, (const char *[]){ root }, 1), VS_ERR_IO, "not a run");
    free((char *)run[0]);
    free((char *)run[1]);
    free(path);
    check_rm(root);
}
