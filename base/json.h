/* JSON through the jansson library, with this project's errors.
 * Messages name the file, the place in it and what was expected.
 */
#ifndef VSYN_BASE_JSON_H
#define VSYN_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Errors: IO; CORRUPT with line and column. The caller releases *out (json_decref). */
vs_err vs_json_load(json_t **out, const char *path);
vs_err vs_json_parse(json_t **out, const char *text, size_t size, const char *where);

/* Atomic, indented, keys in order of insertion, newline at the end.
 * Takes over the caller's reference to `value`, also on failure. */
vs_err vs_json_save(const char *path, json_t *value);
/* One line on stdout; takes over the reference. */
void vs_json_print(json_t *value);

/* Members of an object: CORRUPT naming `where` and the key when missing or of
 * another type. Integers are accepted where numbers are asked for. */
vs_err vs_json_int(int64_t *out, const json_t *object, const char *key, const char *where);
vs_err vs_json_number(double *out, const json_t *object, const char *key, const char *where);
vs_err vs_json_text(const char **out, const json_t *object, const char *key, const char *where);

#endif /* VSYN_BASE_JSON_H */
