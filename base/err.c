#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static _Thread_local char detail[1024];
static _Thread_local char place[128];
static _Thread_local bool hushed;

const char *vs_err_name(vs_err err)
{
    switch (err) {
#define X(name, value, text) case VS_ERR_##name: return #name;
    VS_ERR_MAP(X)
#undef X
    }
    return "?";
}

const char *vs_err_text(vs_err err)
{
    switch (err) {
#define X(name, value, text) case VS_ERR_##name: return text;
    VS_ERR_MAP(X)
#undef X
    }
    return "unknown error";
}

const char *vs_err_detail(void)
{
    return detail;
}

const char *vs_err_place(void)
{
    return place;
}

vs_err vs_err_set(vs_err err, const char *file, int line, const char *fmt, ...)
{
    /* Through a second buffer: the arguments may quote the detail they replace. */
    char text[sizeof(detail)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    /* One line, whatever a file's names hold, and nothing that a terminal would obey. */
    for (char *at = text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 127)
            *at = '?';
    snprintf(detail, sizeof(detail), "%s", text);
    snprintf(place, sizeof(place), "%s:%d", file, line);
    hushed = false;
    return err;
}

void vs_err_hush(void)
{
    hushed = true;
}

bool vs_err_is_hushed(void)
{
    return hushed;
}

void vs_assert_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: internal error: %s does not hold\n", file, line, what);
    abort();
}
