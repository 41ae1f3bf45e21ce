/* The CSV file of accuracies. See accuracies.h. */
#include "eval/accuracies.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"

enum { MOST_COLUMNS = 64 };

static char *trim(char *text)
{
    size_t n = strlen(text);
    while (n && (isspace((unsigned char)text[n - 1]) || text[n - 1] == '"'))
        text[--n] = 0;
    while (isspace((unsigned char)*text) || *text == '"')
        text++;
    return text;
}

/* The next field of a line; *at becomes NULL after the last. */
static char *field(char **at)
{
    char *begin = *at, *comma = strchr(begin, ',');
    if (comma)
        *comma = 0;
    *at = comma ? comma + 1 : NULL;
    return trim(begin);
}

static vs_err take_header(vs_accuracies *a, char *line, const char *path, int number)
{
    char *at = line;
    field(&at);
    while (at && a->columns < MOST_COLUMNS) {
        const char *name = field(&at);
        if (!*name)
            return VS_FAIL(VS_ERR_CORRUPT, "%s:%d: column %d has no name", path, number,
                           a->columns + 2);
        VS_PUSH(a->column, a->columns, vs_strdup(name));
    }
    if (a->columns && !at)
        return VS_OK;
    return VS_FAIL(VS_ERR_CORRUPT, "%s:%d: expected a header of 2 to %d columns such as "
                   "set,accuracy", path, number, MOST_COLUMNS + 1);
}

static vs_err take_row(vs_accuracies *a, char *line, const char *path, int number)
{
    char *at = line;
    const char *name = field(&at);
    a->value = vs_grow(a->value, sizeof(double) * (size_t)(a->rows + 1) * (size_t)a->columns);
    double *value = a->value + (size_t)a->rows * (size_t)a->columns;
    if (vs_accuracies_of(a, name))
        return VS_FAIL(VS_ERR_CORRUPT, "%s:%d: %s is there twice", path, number, name);
    for (int c = 0; c < a->columns; c++) {
        char *end = NULL;
        const char *text = at ? field(&at) : NULL;
        if (!text)
            return VS_FAIL(VS_ERR_CORRUPT, "%s:%d: has %d columns, expected %d", path, number,
                           c + 1, a->columns + 1);
        value[c] = *text ? strtod(text, &end) : NAN;
        if (*text && (*end || !isfinite(value[c])))
            return VS_FAIL(VS_ERR_CORRUPT, "%s:%d: \"%s\" is not a number", path, number, text);
    }
    if (at)
        return VS_FAIL(VS_ERR_CORRUPT, "%s:%d: has more than the %d columns of the header", path,
                       number, a->columns + 1);
    VS_PUSH(a->name, a->rows, vs_strdup(name));
    return VS_OK;
}

static vs_err take_lines(vs_accuracies *a, char *text, const char *path)
{
    int number = 0;
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        number++;
        line = trim(line);
        if (!*line || *line == '#')
            continue;
        VS_TRY(a->columns ? take_row(a, line, path, number) : take_header(a, line, path, number));
    }
    return a->rows ? VS_OK : VS_FAIL(VS_ERR_CORRUPT, "%s: no accuracies in it", path);
}

vs_err vs_accuracies_read(vs_accuracies *out, const char *path)
{
    void *text;
    size_t size;
    *out = (vs_accuracies){ 0 };
    VS_TRY(vs_file_read(path, &text, &size));
    json_t *utf8 = json_stringn(text, size);
    vs_err err = utf8 && strlen(text) == size
                     ? take_lines(out, text, path)
                     : VS_FAIL(VS_ERR_CORRUPT, "%s: is not text in UTF-8", path);
    json_decref(utf8);
    free(text);
    if (err != VS_OK)
        vs_accuracies_free(out);
    return err;
}

void vs_accuracies_free(vs_accuracies *a)
{
    vs_names_free(a->column, a->columns);
    vs_names_free(a->name, a->rows);
    free(a->value);
    *a = (vs_accuracies){ 0 };
}

const double *vs_accuracies_of(const vs_accuracies *a, const char *name)
{
    for (int i = 0; i < a->rows; i++)
        if (strcmp(a->name[i], name) == 0)
            return a->value + (size_t)i * (size_t)a->columns;
    return NULL;
}
