/* vsyn-train report: report.html of a run anew, or of several runs side by side. */
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/commands.h"
#include "train/report.h"

struct settings {
    vs_common common;
    const char *out;
};

const vs_opt vs_report_opts[] = {
    { .name = "out", .kind = VS_OPT_TEXT, .at = offsetof(struct settings, out), .arg = "FILE.html",
      .help = "file to write (default, of one run: RUN/report.html)" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const size_t vs_report_settings_size = sizeof(struct settings);

vs_err vs_train_report(vs_call *call)
{
    const struct settings *s = call->settings;
    if (call->n_args > 1 && !s->out)
        return VS_FAIL(VS_ERR_USAGE, "--out FILE.html is required for several runs");
    char *path = s->out ? vs_strdup(s->out) : vs_path_join(call->args[0], "report.html");
    const vs_err err = vs_report_write(path, (const char *const *)call->args, call->n_args);
    if (err == VS_OK && s->common.json)
        vs_json_print(json_pack("{s:s, s:i}", "out", path, "runs", call->n_args));
    else if (err == VS_OK)
        printf("%s\n", path);
    free(path);
    return err;
}
