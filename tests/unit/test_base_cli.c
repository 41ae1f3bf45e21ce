/* The option table: parsing, limits, messages, run record and back. */
#include "base/cli.h"
#include "tests/check.h"

struct settings {
    vs_common common;
    bool verbose;
    int batch;
    int64_t videos;
    double lr;
    const char *out;
    int codec;
    vs_span frames;
};

static const vs_opt opts[] = {
    { .name = "verbose", .kind = VS_OPT_FLAG, .at = offsetof(struct settings, verbose) },
    { .name = "batch", .kind = VS_OPT_INT, .at = offsetof(struct settings, batch), .def = "8",
      .min = 1, .max = 1024 },
    { .name = "videos", .kind = VS_OPT_LONG, .at = offsetof(struct settings, videos) },
    { .name = "lr", .kind = VS_OPT_REAL, .at = offsetof(struct settings, lr), .def = "0.001" },
    { .name = "out", .kind = VS_OPT_TEXT, .at = offsetof(struct settings, out) },
    { .name = "codec", .kind = VS_OPT_CHOICE, .at = offsetof(struct settings, codec),
      .def = "mpeg4", .choices = "mpeg4|h264|lossless" },
    { .name = "frames", .kind = VS_OPT_SPAN, .at = offsetof(struct settings, frames),
      .def = "100:199", .min = 1, .max = 1000 },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};

static struct settings result;
static int runs;

static vs_err keep(vs_call *call)
{
    result = *(struct settings *)call->settings;
    runs++;
    return VS_OK;
}

static const vs_command commands[] = {
    { "go", "IN", 0, 1, "does it", opts, sizeof(struct settings), keep }, { 0 }
};
static const vs_program program = { "tool", "a tool", commands };

static int run(const char *line)
{
    char *copy = vs_strdup(line), *argv[32], *save = NULL;
    int argc = 0;
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    const int status = vs_cli_main(&program, argc, argv);
    free(copy);
    return status;
}

Test(cli, values_of_every_kind)
{
    cr_assert_eq(run("tool go --verbose --batch=16 --videos 5000000000 --lr 1e-4 "
                     "--codec lossless --frames 5:9 --jobs 3 file"), 0);
    cr_expect(result.verbose && result.batch == 16 && result.videos == 5000000000);
    cr_expect_float_eq(result.lr, 1e-4, 1e-12);
    cr_expect(result.codec == 2 && result.frames.lo == 5 && result.frames.hi == 9);
    cr_expect_eq(result.common.jobs, 3);
}

Test(cli, defaults_apply)
{
    cr_assert_eq(run("tool go"), 0);
    cr_expect(result.batch == 8 && result.codec == 0 && result.frames.hi == 199 && !result.out);
    cr_expect_geq(result.common.jobs, 1);
}

Test(cli, wrong_usage_is_2_and_does_not_run)
{
    static const struct {
        const char *line, *text;
    } bad[] = {
        { "tool go --batc 3", "did you mean --batch" },
        { "tool go --batch 0", "out of range, expected 1..1024" },
        { "tool go --batch 3x", "whole number" },
        { "tool go --batch", "a value must follow" },
        { "tool go --lr nan", "expected a number" },
        { "tool go --codec vp9", "mpeg4|h264|lossless" },
        { "tool go --frames 9:5", "LO <= HI" },
        { "tool go --frames 0:5", "out of range" },
        { "tool go a b", "unexpected argument \"b\"" },
        { "tool gp", "did you mean go" },
        { "tool go --verbose=maybe", "true or false" },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        cr_expect_eq(run(bad[i].line), 2, "%s", bad[i].line);
        cr_expect(strstr(vs_err_detail(), bad[i].text), "%s: %s", bad[i].line, vs_err_detail());
    }
    cr_expect_eq(runs, 0);
}

Test(cli, record_round_trip)
{
    struct settings a = { 0 }, b = { 0 };
    vs_opts_defaults(opts, &a);
    CHECK_OK(vs_opts_set(opts, &a, "lr", "0.1", "test"));
    CHECK_OK(vs_opts_set(opts, &a, "frames", "3:7", "test"));
    CHECK_OK(vs_opts_set(opts, &a, "out", "some where", "test"));
    json_t *record = vs_opts_record(opts, &a);
    CHECK_OK(vs_opts_load(opts, &b, record, "record"));
    cr_expect(b.lr == a.lr && b.frames.lo == 3 && b.frames.hi == 7 && b.batch == 8);
    cr_expect_str_eq(b.out, "some where");
    json_object_set_new(record, "batsch", json_integer(3));
    CHECK_FAILS(vs_opts_load(opts, &b, record, "record"), VS_ERR_USAGE, "batsch");
    json_decref(record);
}
