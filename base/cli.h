/* Command lines: one table of options gives parser, help and run record.
 *
 * A command owns a plain settings struct. Each option names a field by offset,
 * its default as the user would type it, and its limits:
 *
 *     struct settings { vs_common common; const char *out; int64_t videos; vs_span frames; };
 *     static const vs_opt opts[] = {
 *         { "out",    VS_OPT_TEXT, offsetof(struct settings, out), .arg = "DIR",
 *           .required = true, .help = "folder to write" },
 *         { "frames", VS_OPT_SPAN, offsetof(struct settings, frames), .def = "100:199",
 *           .min = 1, .max = 100000, .arg = "LO:HI", .help = "video length, inclusive" },
 *         VS_OPTS_COMMON(struct settings),
 *         { 0 }
 *     };
 *
 * Order of precedence: default < preset or config < command line. A command that
 * has presets or --config calls vs_opts_set/vs_opts_load on its settings and then
 * vs_call_again(), which applies the command line once more on top.
 *
 * Exit status: 0 done, 1 failed (one line on stderr), 2 wrong usage.
 */
#ifndef VSYN_BASE_CLI_H
#define VSYN_BASE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"

typedef struct vs_span {
    double lo, hi;                 /* "100:199"; a single number gives lo = hi */
} vs_span;

typedef enum vs_opt_kind {
    VS_OPT_FLAG,                   /* bool; --name, --no-name, --name=true|false */
    VS_OPT_INT,                    /* int */
    VS_OPT_LONG,                   /* int64_t */
    VS_OPT_REAL,                   /* double */
    VS_OPT_TEXT,                   /* const char *, NULL when absent; lives as long as the call */
    VS_OPT_CHOICE,                 /* int, index into choices */
    VS_OPT_SPAN                    /* vs_span */
} vs_opt_kind;

typedef struct vs_opt {
    const char *name;              /* without the dashes; NULL ends the table */
    vs_opt_kind kind;
    size_t at;                     /* offsetof(settings, field) */
    const char *def;               /* NULL: false, 0, NULL */
    double min, max;               /* inclusive; both 0 = any (LONG: any up to 2^63) */
    const char *choices;           /* "jpeg|copy|raw" */
    const char *arg;               /* "N", "DIR": shown in the help */
    const char *help;              /* one line */
    bool required;
} vs_opt;

/* What every command understands; put it in the settings as `common`. */
typedef struct vs_common {
    int jobs;                      /* threads; the CPUs of the affinity mask by default */
    int64_t seed;
    bool quiet, json;
} vs_common;
#define VS_OPTS_COMMON(type)                                                            \
    { .name = "jobs", .kind = VS_OPT_INT, .at = offsetof(type, common.jobs), .min = 0,   \
      .max = 1024, .arg = "N", .help = "threads (default: CPUs of the affinity mask)" }, \
    { .name = "seed", .kind = VS_OPT_LONG, .at = offsetof(type, common.seed),           \
      .def = "0", .arg = "N", .help = "seed of every random number" },                 \
    { .name = "quiet", .kind = VS_OPT_FLAG, .at = offsetof(type, common.quiet),         \
      .help = "no progress, only warnings and errors" },                               \
    { .name = "json", .kind = VS_OPT_FLAG, .at = offsetof(type, common.json),           \
      .help = "results on stdout as one JSON object" }

typedef struct vs_call vs_call;

typedef struct vs_command {
    const char *name;
    const char *args;              /* "STORE", "IN OUT", "" */
    int min_args, max_args;
    const char *help;              /* one line for the list of commands */
    const vs_opt *opts;
    size_t settings_size;
    vs_err (*run)(vs_call *call);  /* VS_ERR_USAGE gives exit 2, other errors 1 */
} vs_command;

struct vs_call {
    const vs_command *command;
    void *settings;                /* as parsed; first member must be vs_common common */
    int n_args;
    char **args;                   /* positional arguments */
    int argc;                      /* the raw words after the command */
    char **argv;
};

typedef struct vs_program {
    const char *name;              /* "vsyn-gen" */
    const char *summary;           /* one line */
    const vs_command *commands;    /* ends with a NULL name */
} vs_program;

/* Parse, run, report: the whole of a main(). */
int vs_cli_main(const vs_program *program, int argc, char **argv);

/* Was this option on the command line? */
bool vs_call_given(const vs_call *call, const char *name);
/* Apply the command line again (after a preset or a config changed the settings). */
vs_err vs_call_again(vs_call *call);

/* ---- Tables without a command line ------------------------------------------- */

void vs_opts_defaults(const vs_opt *opts, void *settings);
/* One value from text. `where` opens the message: "--batch", "run/config.json: batch".
 * Text is not copied: it must outlive the settings. */
vs_err vs_opts_set(const vs_opt *opts, void *settings, const char *name, const char *text,
                   const char *where);
/* Every value as it would be typed, in table order: the run record. */
json_t *vs_opts_record(const vs_opt *opts, const void *settings);
/* The reverse. `record` must outlive the settings. Unknown keys are CORRUPT. */
vs_err vs_opts_load(const vs_opt *opts, void *settings, const json_t *record,
                    const char *path);
const vs_opt *vs_opts_find(const vs_opt *opts, const char *name);
/* "jpeg" for a VS_OPT_CHOICE value; `text` holds 64 bytes. */
const char *vs_opts_choice(char text[64], const vs_opt *opt, int value);

/* The nearest name in a list (edit distance at most 1/3 of its length), or NULL: for
 * "unknown X, did you mean Y". */
const char *vs_nearest(const char *name, const char *const *names, int n);

#endif /* VSYN_BASE_CLI_H */
