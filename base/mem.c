#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    if (!p) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return p;
}

void *vs_new(size_t bytes)
{
    return checked(calloc(1, bytes ? bytes : 1));
}

void *vs_grow(void *old, size_t bytes)
{
    return checked(realloc(old, bytes ? bytes : 1));
}

char *vs_strdup(const char *text)
{
    return checked(strdup(text));
}

char *vs_vstrf(const char *fmt, va_list ap)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, ap) < 0)
        text = NULL;
    return checked(text);
}

char *vs_strf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *text = vs_vstrf(fmt, ap);
    va_end(ap);
    return text;
}
