#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

vs_err vs_json_parse(json_t **out, const char *text, size_t size, const char *where)
{
    json_error_t e;
    *out = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);
    if (!*out)
        return VS_FAIL(VS_ERR_CORRUPT, "%s:%d:%d: not valid JSON: %s", where, e.line,
                       e.column, e.text);
    return VS_OK;
}

vs_err vs_json_load(json_t **out, const char *path)
{
    void *text = NULL;
    size_t size = 0;
    *out = NULL;
    VS_TRY(vs_file_read(path, &text, &size));
    const vs_err err = vs_json_parse(out, text, size, path);
    free(text);
    return err;
}

vs_err vs_json_save(const char *path, json_t *value)
{
    char *text = json_dumps(value, JSON_INDENT(2) | JSON_REAL_PRECISION(17));
    json_decref(value);
    if (!text)
        return VS_FAIL(VS_ERR_NUMERIC, "%s: a value cannot be written as JSON", path);
    vs_atomic a;
    vs_err err = vs_atomic_open(&a, path);
    if (err == VS_OK) {
        fprintf(a.f, "%s\n", text);
        err = vs_atomic_commit(&a);
    }
    free(text);
    return err;
}

void vs_json_print(json_t *value)
{
    json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(value);
}

static vs_err wrong(const json_t *value, const char *key, const char *where, const char *type)
{
    return VS_FAIL(VS_ERR_CORRUPT, "%s: \"%s\" %s, expected %s", where, key,
                   value ? "has the wrong type" : "is missing", type);
}

vs_err vs_json_int(int64_t *out, const json_t *object, const char *key, const char *where)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_integer(v))
        return wrong(v, key, where, "an integer");
    *out = json_integer_value(v);
    return VS_OK;
}

vs_err vs_json_number(double *out, const json_t *object, const char *key, const char *where)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_number(v))
        return wrong(v, key, where, "a number");
    *out = json_number_value(v);
    return VS_OK;
}

vs_err vs_json_text(const char **out, const json_t *object, const char *key, const char *where)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_string(v))
        return wrong(v, key, where, "a string");
    *out = json_string_value(v);
    return VS_OK;
}
