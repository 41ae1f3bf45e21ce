/* Helpers shared by the tests: seeded inputs, comparison with a report, scratch
 * folders, and where the golden files are. */
#ifndef VSYN_TESTS_CHECK_H
#define VSYN_TESTS_CHECK_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"

#define CHECK_OK(expr)                                                          \
    do {                                                                        \
        const vs_err check_err_ = (expr);                                       \
        cr_assert(check_err_ == VS_OK, "%s: %s: %s", #expr, vs_err_name(check_err_), \
                  vs_err_detail());                                             \
    } while (0)

/* The call fails with this error, and the message holds this text. */
#define CHECK_FAILS(expr, code, text)                                           \
    do {                                                                        \
        const vs_err check_err_ = (expr);                                       \
        cr_assert(check_err_ == (code), "%s: got %s (%s)", #expr,               \
                  vs_err_name(check_err_), vs_err_detail());                    \
        cr_assert(strstr(vs_err_detail(), text), "%s: \"%s\" lacks \"%s\"", #expr, \
                  vs_err_detail(), text);                                       \
    } while (0)

/* A new empty folder under $TMPDIR; removed with check_rm(). */
static inline char *check_tmp(void)
{
    const char *root = getenv("TMPDIR");
    char *path = vs_strf("%s/vsyn-test-XXXXXX", root && *root ? root : "/tmp");
    cr_assert(mkdtemp(path));
    return path;
}

static inline void check_rm(char *path)
{
    char *command = vs_strf("rm -rf '%s'", path);
    cr_assert(system(command) == 0);
    free(command);
    free(path);
}

/* tests/golden/NAME; the caller frees it. */
static inline char *check_golden(const char *name)
{
    return vs_strf("%s/golden/%s", VS_TESTS, name);
}

/* ../shared/NAME beside the project, or a loud skip of the whole test. */
static inline char *check_shared(const char *name)
{
    char *path = vs_strf("%s/../../shared/%s", VS_TESTS, name);
    if (!vs_path_exists(path)) {
        fprintf(stderr, "SKIPPED: ../shared/%s is not here\n", name);
        free(path);
        cr_skip_test("../shared is not here");
    }
    return path;
}

static inline void fill_uniform(float *x, long n, uint64_t index, float lo, float hi)
{
    vs_rng r = vs_rng_at(7, VS_RNG_TEST, index);
    for (long i = 0; i < n; i++)
        x[i] = lo + (hi - lo) * vs_rng_f32(&r);
}

/* |a - b| <= atol + rtol * |b| everywhere; reports the worst place. */
static inline int close_f32(const float *a, const float *b, long n, float atol, float rtol,
                            const char *what)
{
    long worst = -1;
    float excess = 0.0f;
    for (long i = 0; i < n; i++) {
        const float e = fabsf(a[i] - b[i]) - (atol + rtol * fabsf(b[i]));
        if (!(e <= 0.0f) && !(e <= excess)) {   /* NaN counts as far */
            excess = e;
            worst = i;
        }
    }
    if (worst >= 0)
        fprintf(stderr, "%s[%ld]: got %.9g, expected %.9g\n", what, worst, (double)a[worst],
                (double)b[worst]);
    return worst < 0;
}

/* Relative L2 distance ||a - b|| / ||b||; NaN when anything is not finite. */
static inline double relative_l2(const float *a, const float *b, long n)
{
    double d = 0, s = 0;
    for (long i = 0; i < n; i++) {
        d += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        s += (double)b[i] * b[i];
    }
    return sqrt(d / (s > 0 ? s : 1));
}

#endif /* VSYN_TESTS_CHECK_H */
