/* vsyn-robust: how well a trained model stands corrupted video. */
#include "base/log.h"
#include "base/mem.h"
#include "eval/commands.h"
#include "eval/results.h"

#include <stdlib.h>
#include <string.h>

/* ---- report ------------------------------------------------------------------------------- */

struct report_settings {
    vs_common common;
    const char *out;
};

static const vs_opt report_opts[] = {
    { "out", VS_OPT_TEXT, offsetof(struct report_settings, out), .arg = "FILE", .required = true,
      .help = "the page to write; its tables beside it as .csv and .tex" },
    VS_OPTS_COMMON(struct report_settings),
    { 0 }
};

#define MAX_MODELS 8

/* FILE.html, and FILE.csv and FILE.tex beside it. */
static vs_err write_all(const char *page, const vs_results *results, int n)
{
    const char *dot = strrchr(page, '.');
    const int stem = dot && !strchr(dot, '/') ? (int)(dot - page) : (int)strlen(page);
    if (dot && (strcmp(dot, ".csv") == 0 || strcmp(dot, ".tex") == 0))
        return VS_FAIL(VS_ERR_USAGE, "--out %s: is the page, expected FILE.html; the tables are "
                       "written beside it", page);
    char *csv = vs_strf("%.*s.csv", stem, page), *tex = vs_strf("%.*s.tex", stem, page);
    vs_err err = vs_report_write(page, results, n);
    if (err == VS_OK)
        err = vs_results_write_csv(csv, results, n);
    if (err == VS_OK)
        err = vs_latex_write(tex, results, n);
    free(csv);
    free(tex);
    return err;
}

static vs_err run_report(vs_call *call)
{
    const struct report_settings *s = call->settings;
    vs_results results[MAX_MODELS] = { 0 };
    vs_err err = VS_OK;
    int n = 0;
    while (err == VS_OK && n < call->n_args) {
        err = vs_results_load(&results[n], call->args[n]);
        n += err == VS_OK;
    }
    if (err == VS_OK)
        err = write_all(s->out, results, n);
    if (err == VS_OK && s->common.json)
        vs_json_print(json_pack("{ss si}", "report", s->out, "models", n));
    else if (err == VS_OK)
        vs_say("%s: %d model%s", s->out, n, n == 1 ? "" : "s");
    for (int i = 0; i < n; i++)
        vs_results_free(&results[i]);
    return err;
}

const vs_command vs_command_report = {
    .name = "report", .args = "DIR...", .min_args = 1, .max_args = MAX_MODELS,
    .help = "the page again from results, of one or several models side by side",
    .opts = report_opts, .settings_size = sizeof(struct report_settings), .run = run_report
};

/* ---- main --------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    const vs_command commands[] = { vs_command_list, vs_command_apply,
                                    vs_command_preview, vs_command_export, vs_command_run,
                                    vs_command_report, vs_command_stats, { 0 } };
    const vs_program program = { .name = "vsyn-robust",
                                 .summary = "robustness of a video classifier to corruptions",
                                 .commands = commands };
    return vs_cli_main(&program, argc, argv);
}
