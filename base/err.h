/* Error codes, and the one message that goes with the last error.
 *
 * A function that can fail for a reason outside the program (a file, the
 * memory, the device, the content of an input) returns vs_err: VS_OK (0) or a
 * negative code. The place that finds the error says so once, with VS_FAIL();
 * everyone above hands the code on with VS_TRY() or `goto out`.
 *
 * The message is for the user: it names the file, line, option or tensor, what
 * was found and what was expected, in one line without a final full stop.
 *
 * Errors of the programmer (a wrong shape, a NULL that cannot be) are not
 * reported here: see VS_ASSERT(), which stays on in release builds.
 *
 * Thread-safety: the message is kept per thread. A worker that fails copies it
 * (vs_err_detail) to whoever reports.
 */
#ifndef VSYN_BASE_ERR_H
#define VSYN_BASE_ERR_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* code, value, what it means to a user */
#define VS_ERR_MAP(X)                                        \
    X(OK,           0, "no error")                           \
    X(USAGE,       -1, "bad argument on the command line")   \
    X(IO,          -2, "file could not be read or written")  \
    X(CORRUPT,     -3, "file is not what it should be")      \
    X(NOMEM,       -4, "out of memory")                      \
    X(DEVICE,      -5, "CUDA device failed")                 \
    X(CODEC,       -6, "video could not be decoded/encoded") \
    X(DB,          -7, "database refused the operation")     \
    X(END,         -8, "no more items")                      \
    X(UNSUPPORTED, -9, "not built into this program")        \
    X(STOPPED,    -10, "stopped by a signal")                \
    X(NUMERIC,    -11, "result is not finite or out of tolerance")

typedef enum vs_err {
#define X(name, value, text) VS_ERR_##name = value,
    VS_ERR_MAP(X)
#undef X
} vs_err;
#define VS_OK VS_ERR_OK

const char *vs_err_name(vs_err err);   /* "CORRUPT"; never NULL */
const char *vs_err_text(vs_err err);   /* "file is not what it should be" */
const char *vs_err_detail(void);       /* "a.vst: bad magic, expected ..." */
const char *vs_err_place(void);        /* "ingest/store/store.c:212" */

/* Record the detail and return `err`. Use VS_FAIL, which adds the place. */
vs_err vs_err_set(vs_err err, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
#define VS_FAIL(err, ...) vs_err_set((err), __FILE__, __LINE__, __VA_ARGS__)

/* The error that was recorded last is told by another process: the command line gives only its
 * exit status. Until the next VS_FAIL(). */
void vs_err_hush(void);
bool vs_err_is_hushed(void);

/* Hand an error on when nothing has to be released here. */
#define VS_TRY(expr)                            \
    do {                                        \
        const vs_err vs_try_err_ = (expr);      \
        if (vs_try_err_ != VS_OK)               \
            return vs_try_err_;                 \
    } while (0)

/* A broken promise inside the program: print and abort. Never on file content. */
void vs_assert_failed(const char *what, const char *file, int line)
    __attribute__((noreturn));
#define VS_ASSERT(cond) \
    ((cond) ? (void)0 : vs_assert_failed(#cond, __FILE__, __LINE__))

#ifdef __cplusplus
}
#endif
#endif /* VSYN_BASE_ERR_H */
