/* Memory for small things: names, paths, tables of options.
 *
 * These never return NULL: when a few bytes cannot be had the process says so
 * and aborts. Arrays whose size comes from an input (frames, tensors, lists)
 * are taken with calloc/malloc and reported as VS_ERR_NOMEM instead.
 */
#ifndef VSYN_BASE_MEM_H
#define VSYN_BASE_MEM_H

#include <stdarg.h>
#include <stddef.h>

/* Zeroed; the caller frees it. */
void *vs_new(size_t bytes);
void *vs_grow(void *old, size_t bytes);        /* realloc that cannot fail */
char *vs_strdup(const char *text);
char *vs_strf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *vs_vstrf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

/* Append `item` to the array `list` of `n` items, doubling at powers of two. */
#define VS_PUSH(list, n, item)                                              \
    do {                                                                    \
        if (((n) & ((n) - 1)) == 0)                                         \
            (list) = vs_grow((list), sizeof(*(list)) * ((n) ? 2 * (size_t)(n) : 1)); \
        (list)[(n)++] = (item);                                             \
    } while (0)

#endif /* VSYN_BASE_MEM_H */
