#include "base/cli.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "base/version.h"

/* ---- Values ------------------------------------------------------------------- */

static void *field_of(void *settings, const vs_opt *o)
{
    return (char *)settings + o->at;
}

static bool read_number(double *out, const char *text, const char **end)
{
    char *stop;
    errno = 0;
    *out = strtod(text, &stop);
    *end = stop;
    return stop != text && errno == 0 && isfinite(*out);
}

static bool in_limits(const vs_opt *o, double v)
{
    return (o->min == 0 && o->max == 0) || (v >= o->min && v <= o->max);
}

static vs_err out_of_limits(const vs_opt *o, const char *text, const char *where)
{
    return VS_FAIL(VS_ERR_USAGE, "%s: %s is out of range, expected %.10g..%.10g", where, text,
                   o->min, o->max);
}

static vs_err set_whole(const vs_opt *o, void *field, const char *text, const char *where)
{
    char *end;
    errno = 0;
    const long long v = strtoll(text, &end, 10);
    const bool fits = o->kind == VS_OPT_LONG || (v >= -2147483647 - 1 && v <= 2147483647);
    if (end == text || *end || errno || !fits)
        return VS_FAIL(VS_ERR_USAGE, "%s: expected a whole number, got \"%s\"", where, text);
    if (!in_limits(o, (double)v))
        return out_of_limits(o, text, where);
    if (o->kind == VS_OPT_LONG)
        *(int64_t *)field = v;
    else
        *(int *)field = (int)v;
    return VS_OK;
}

static vs_err set_real(const vs_opt *o, void *field, const char *text, const char *where)
{
    const char *end;
    double v;
    if (!read_number(&v, text, &end) || *end)
        return VS_FAIL(VS_ERR_USAGE, "%s: expected a number, got \"%s\"", where, text);
    if (!in_limits(o, v))
        return out_of_limits(o, text, where);
    *(double *)field = v;
    return VS_OK;
}

static vs_err set_span(const vs_opt *o, void *field, const char *text, const char *where)
{
    const char *end;
    vs_span s;
    bool good = read_number(&s.lo, text, &end);
    s.hi = s.lo;
    if (good && *end == ':')
        good = read_number(&s.hi, end + 1, &end);
    if (!good || *end || s.lo > s.hi)
        return VS_FAIL(VS_ERR_USAGE, "%s: expected LO:HI with LO <= HI, got \"%s\"", where, text);
    if (!in_limits(o, s.lo) || !in_limits(o, s.hi))
        return out_of_limits(o, text, where);
    *(vs_span *)field = s;
    return VS_OK;
}

static vs_err set_choice(const vs_opt *o, void *field, const char *text, const char *where)
{
    const size_t n = strlen(text);
    const char *at = o->choices;
    for (int i = 0;; i++) {
        const size_t length = strcspn(at, "|");
        if (length == n && strncmp(at, text, n) == 0) {
            *(int *)field = i;
            return VS_OK;
        }
        if (!at[length])
            break;
        at += length + 1;
    }
    return VS_FAIL(VS_ERR_USAGE, "%s: expected one of %s, got \"%s\"", where, o->choices, text);
}

static vs_err set_flag(void *field, const char *text, const char *where)
{
    const bool yes = strcmp(text, "true") == 0, no = strcmp(text, "false") == 0;
    if (!yes && !no)
        return VS_FAIL(VS_ERR_USAGE, "%s: expected true or false, got \"%s\"", where, text);
    *(bool *)field = yes;
    return VS_OK;
}

static vs_err set_value(const vs_opt *o, void *settings, const char *text, const char *where)
{
    void *field = field_of(settings, o);
    switch (o->kind) {
    case VS_OPT_FLAG: return set_flag(field, text, where);
    case VS_OPT_INT:
    case VS_OPT_LONG: return set_whole(o, field, text, where);
    case VS_OPT_REAL: return set_real(o, field, text, where);
    case VS_OPT_CHOICE: return set_choice(o, field, text, where);
    case VS_OPT_SPAN: return set_span(o, field, text, where);
    case VS_OPT_TEXT: *(const char **)field = text; return VS_OK;
    }
    return VS_OK;
}

/* ---- Tables --------------------------------------------------------------------- */

const vs_opt *vs_opts_find(const vs_opt *opts, const char *name)
{
    for (const vs_opt *o = opts; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

void vs_opts_defaults(const vs_opt *opts, void *settings)
{
    for (const vs_opt *o = opts; o->name; o++)
        if (o->def)
            VS_ASSERT(set_value(o, settings, o->def, o->name) == VS_OK);
}

const char *vs_nearest(const char *name, const char *const *names, int n)
{
    const char *best = NULL;
    size_t least = 0;
    const size_t len = strlen(name);
    for (int k = 0; k < n; k++) {
        const size_t other = strlen(names[k]);
        size_t row[64];
        if (other >= 64 || len >= 64)
            continue;
        for (size_t j = 0; j <= other; j++)
            row[j] = j;
        for (size_t i = 1; i <= len; i++) {
            size_t diagonal = row[0];
            row[0] = i;
            for (size_t j = 1; j <= other; j++) {
                const size_t change = diagonal + (name[i - 1] != names[k][j - 1]);
                const size_t gap = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);
                diagonal = row[j];
                row[j] = change < gap ? change : gap;
            }
        }
        const bool inside = len >= 3 && strstr(names[k], name);
        const size_t distance = inside ? 1 : row[other];
        if (distance <= (len + 2) / 3 && (!best || distance < least)) {
            best = names[k];
            least = distance;
        }
    }
    return best;
}

static vs_err unknown_option(const vs_opt *opts, const char *name)
{
    const char *names[128];
    int n = 0;
    for (const vs_opt *o = opts; o->name && n < 128; o++)
        names[n++] = o->name;
    const char *near = vs_nearest(name, names, n);
    return near ? VS_FAIL(VS_ERR_USAGE, "unknown option --%s, did you mean --%s?", name, near)
                : VS_FAIL(VS_ERR_USAGE, "unknown option --%s", name);
}

vs_err vs_opts_set(const vs_opt *opts, void *settings, const char *name, const char *text,
                   const char *where)
{
    const vs_opt *o = vs_opts_find(opts, name);
    if (!o)
        return VS_FAIL(VS_ERR_USAGE, "%s: unknown setting \"%s\"", where, name);
    return set_value(o, settings, text, where);
}

const char *vs_opts_choice(char text[64], const vs_opt *opt, int value)
{
    const char *at = opt->choices;
    for (int i = 0; i < value && *at; i++)
        at += strcspn(at, "|") + (at[strcspn(at, "|")] != 0);
    snprintf(text, 64, "%.*s", (int)strcspn(at, "|"), at);
    return text;
}

json_t *vs_opts_record(const vs_opt *opts, const void *settings)
{
    json_t *record = json_object();
    for (const vs_opt *o = opts; o->name; o++) {
        const void *field = (const char *)settings + o->at;
        json_t *v = NULL;
        char text[64];
        switch (o->kind) {
        case VS_OPT_FLAG: v = json_boolean(*(const bool *)field); break;
        case VS_OPT_INT: v = json_integer(*(const int *)field); break;
        case VS_OPT_LONG: v = json_integer(*(const int64_t *)field); break;
        case VS_OPT_REAL: v = json_real(*(const double *)field); break;
        case VS_OPT_CHOICE: v = json_string(vs_opts_choice(text, o, *(const int *)field)); break;
        case VS_OPT_TEXT: {
            const char *t = *(const char *const *)field;
            v = t ? json_string(t) : json_null();
            break;
        }
        case VS_OPT_SPAN: {
            const vs_span *s = field;
            snprintf(text, sizeof(text), "%.10g:%.10g", s->lo, s->hi);
            v = json_string(text);
            break;
        }
        }
        json_object_set_new(record, o->name, v);
    }
    return record;
}

vs_err vs_opts_load(const vs_opt *opts, void *settings, const json_t *record, const char *path)
{
    const char *name;
    json_t *v;
    if (!json_is_object(record))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: expected a JSON object of settings", path);
    json_object_foreach((json_t *)record, name, v) {
        if (json_is_null(v))
            continue;
        char where[256], number[64];
        const char *text = json_string_value(v);
        snprintf(where, sizeof(where), "%s: %s", path, name);
        if (json_is_boolean(v))
            text = json_is_true(v) ? "true" : "false";
        else if (json_is_integer(v))
            snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(v));
        else if (json_is_real(v))
            snprintf(number, sizeof(number), "%.17g", json_real_value(v));
        else if (!text)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: expected a single value", where);
        const vs_opt *o = vs_opts_find(opts, name);
        if (o && o->kind == VS_OPT_TEXT && !text)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: expected text", where);
        VS_TRY(vs_opts_set(opts, settings, name, text ? text : number, where));
    }
    return VS_OK;
}

/* ---- The command line ------------------------------------------------------------ */

/* The option that a word names and its value: "--name=value", "--name value",
 * "--flag", "--no-flag". *used counts the words taken. */
static vs_err match(const vs_opt **out, const char **value, int *used, const vs_opt *opts,
                    int argc, char **argv, int i)
{
    char name[64];
    const char *word = argv[i] + 2, *equals = strchr(word, '=');
    const size_t n = equals ? (size_t)(equals - word) : strlen(word);
    snprintf(name, sizeof(name), "%.*s", (int)n, word);
    *used = 1;
    *value = equals ? equals + 1 : NULL;
    *out = vs_opts_find(opts, name);
    if (!*out && !equals && strncmp(name, "no-", 3) == 0) {
        *out = vs_opts_find(opts, name + 3);
        if (*out && (*out)->kind == VS_OPT_FLAG) {
            *value = "false";
            return VS_OK;
        }
    }
    if (!*out)
        return unknown_option(opts, name);
    if ((*out)->kind == VS_OPT_FLAG && !*value)
        *value = "true";
    if (!*value) {
        if (i + 1 >= argc)
            return VS_FAIL(VS_ERR_USAGE, "--%s: a value must follow (%s)", name,
                           (*out)->arg ? (*out)->arg : "VALUE");
        *value = argv[i + 1];
        *used = 2;
    }
    return VS_OK;
}

static bool is_option(const char *word)
{
    return word[0] == '-' && word[1] == '-' && word[2];
}

vs_err vs_call_again(vs_call *call)
{
    const vs_opt *opts = call->command->opts;
    bool only_args = false;
    call->n_args = 0;
    for (int i = 0; i < call->argc;) {
        if (!only_args && strcmp(call->argv[i], "--") == 0) {
            only_args = true;
            i++;
        } else if (!only_args && is_option(call->argv[i])) {
            const vs_opt *o;
            const char *value;
            char where[80];
            int used;
            VS_TRY(match(&o, &value, &used, opts, call->argc, call->argv, i));
            snprintf(where, sizeof(where), "--%s", o->name);
            VS_TRY(set_value(o, call->settings, value, where));
            i += used;
        } else {
            call->args[call->n_args++] = call->argv[i++];
        }
    }
    return VS_OK;
}

bool vs_call_given(const vs_call *call, const char *name)
{
    for (int i = 0; i < call->argc && strcmp(call->argv[i], "--") != 0;) {
        const vs_opt *o;
        const char *value;
        int used = 1;
        if (is_option(call->argv[i])) {
            if (match(&o, &value, &used, call->command->opts, call->argc, call->argv, i) != VS_OK)
                return false;
            if (strcmp(o->name, name) == 0)
                return true;
        }
        i += used;
    }
    return false;
}

static vs_err check_call(const vs_call *call)
{
    const vs_command *c = call->command;
    if (call->n_args < c->min_args)
        return VS_FAIL(VS_ERR_USAGE, "expected %s", c->args);
    if (call->n_args > c->max_args)
        return VS_FAIL(VS_ERR_USAGE, "unexpected argument \"%s\"", call->args[c->max_args]);
    for (const vs_opt *o = c->opts; o->name; o++)
        if (o->required && !vs_call_given(call, o->name))
            return VS_FAIL(VS_ERR_USAGE, "--%s %s is required: %s", o->name,
                           o->arg ? o->arg : "VALUE", o->help);
    return VS_OK;
}

/* ---- Help ------------------------------------------------------------------------- */

static void print_program(const vs_program *p, FILE *f)
{
    fprintf(f, "%s - %s\n\n", p->name, p->summary);
    for (const vs_command *c = p->commands; c->name; c++)
        fprintf(f, "  %-22s %s\n", c->name, c->help);
    fprintf(f, "\n%s COMMAND --help lists the options of a command; --version tells the version\n",
            p->name);
}

static void print_command(const vs_program *p, const vs_command *c)
{
    printf("%s %s%s%s [options]\n%s\n\n", p->name, c->name, *c->args ? " " : "", c->args, c->help);
    for (const vs_opt *o = c->opts; o->name; o++) {
        char left[80];
        snprintf(left, sizeof(left), "--%s%s%s", o->name, o->kind == VS_OPT_FLAG ? "" : " ",
                 o->kind == VS_OPT_FLAG ? "" : o->arg ? o->arg : o->choices ? o->choices : "VALUE");
        printf("  %-30s %s", left, o->help);
        if (o->choices && o->arg)
            printf(": %s", o->choices);
        if (o->required)
            printf(" (required)");
        else if (o->def && o->kind != VS_OPT_FLAG)
            printf(" [%s]", o->def);
        putchar('\n');
    }
}

static const vs_command *find_command(const vs_program *p, const char *name)
{
    const char *names[64];
    int n = 0;
    for (const vs_command *c = p->commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
        if (n < 64)
            names[n++] = c->name;
    }
    const char *near = vs_nearest(name, names, n);
    if (near)
        VS_FAIL(VS_ERR_USAGE, "unknown command \"%s\", did you mean %s?", name, near);
    else
        VS_FAIL(VS_ERR_USAGE, "unknown command \"%s\"", name);
    return NULL;
}

static int report(const vs_program *p, const vs_command *c, vs_err err)
{
    if (err == VS_OK)
        return 0;
    const int status = err == VS_ERR_USAGE ? 2 : 1;
    if (vs_err_is_hushed())
        return status;
    fflush(stdout);
    fprintf(stderr, "%s%s%s: %s", p->name, c ? " " : "", c ? c->name : "",
            *vs_err_detail() ? vs_err_detail() : vs_err_text(err));
    if (getenv("VSYN_TRACE"))
        fprintf(stderr, " [%s at %s]", vs_err_name(err), vs_err_place());
    fputc('\n', stderr);
    if (err == VS_ERR_USAGE)
        fprintf(stderr, "try: %s%s%s --help\n", p->name, c ? " " : "", c ? c->name : "");
    return status;
}

static vs_err run_command(const vs_command *c, int argc, char **argv)
{
    VS_ASSERT(c->settings_size >= sizeof(vs_common));
    vs_call call = { .command = c, .argc = argc, .argv = argv };
    call.settings = vs_new(c->settings_size);
    call.args = vs_new(sizeof(char *) * (size_t)(argc + 1));
    vs_common *common = call.settings;
    vs_opts_defaults(c->opts, call.settings);
    vs_err err = vs_call_again(&call);
    if (err == VS_OK)
        err = check_call(&call);
    if (err == VS_OK) {
        if (common->jobs <= 0)
            common->jobs = vs_cpu_count();
        vs_log_quiet(common->quiet);
        vs_stop_install();
        err = c->run(&call);
    }
    free(call.args);
    free(call.settings);
    return err;
}

int vs_cli_main(const vs_program *p, int argc, char **argv)
{
    if (argc < 2) {
        print_program(p, stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print_program(p, stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", p->name, VS_VERSION);
        return 0;
    }
    const vs_command *c = find_command(p, argv[1]);
    if (!c)
        return report(p, NULL, VS_ERR_USAGE);
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_command(p, c);
            return 0;
        }
    vs_err err = run_command(c, argc - 2, argv + 2);
    if (fflush(stdout) != 0 && err == VS_OK)
        err = VS_FAIL(VS_ERR_IO, "standard output: cannot write: %s", strerror(errno));
    return report(p, c, err);
}
