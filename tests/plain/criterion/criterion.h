/* Criterion's macros without the library, for tests that travel to machines where nothing can be
 * installed (scripts/gpu-bundle): the same test sources, compiled against this folder.
 *
 * All tests of a program run in one process, one after the other, so CUDA starts once. TAP goes to
 * stdout, what failed to stderr; exit 1 when a test failed. An argument that is a name runs the
 * tests of that name alone. Only what such tests use is here. */
#ifndef VSYN_TESTS_PLAIN_CRITERION_CRITERION_H
#define VSYN_TESTS_PLAIN_CRITERION_CRITERION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN_PASSED, PLAIN_FAILED, PLAIN_SKIPPED };

struct plain_test {
    const char *suite, *name;
    void (*run)(void);
    struct plain_test *next;
};

static struct {
    struct plain_test *first, **last;
    jmp_buf end;
    int verdict;
} plain = { .last = &plain.first };

#define Test(suite_, name_, ...)                                                          \
    static void suite_##_##name_##_run(void);                                             \
    __attribute__((constructor)) static void suite_##_##name_##_add(void)                 \
    {                                                                                     \
        static struct plain_test t = { #suite_, #name_, suite_##_##name_##_run, NULL };   \
        *plain.last = &t;                                                                 \
        plain.last = &t.next;                                                             \
    }                                                                                     \
    static void suite_##_##name_##_run(void)

__attribute__((format(printf, 5, 6))) static inline void
plain_check(bool holds, bool fatal, const char *place, const char *text, const char *format, ...)
{
    char more[1000];
    va_list args;
    if (holds)
        return;
    va_start(args, format);
    vsnprintf(more, sizeof(more), format, args);
    va_end(args);
    fprintf(stderr, "%s: %s: %s\n", place, text, more);
    plain.verdict = PLAIN_FAILED;
    if (fatal)
        longjmp(plain.end, 1);
}

__attribute__((noreturn)) static inline void plain_skip(void)
{
    plain.verdict = PLAIN_SKIPPED;
    longjmp(plain.end, 1);
}

#define PLAIN_TEXT(x) #x
#define PLAIN_LINE(x) PLAIN_TEXT(x)
#define PLAIN_PLACE __FILE__ ":" PLAIN_LINE(__LINE__)
#define PLAIN(fatal, holds, ...) \
    plain_check((holds), (fatal), PLAIN_PLACE, #holds, " " __VA_ARGS__)
#define PLAIN_NEAR(a, b, e) ((a) - (b) <= (e) && (b) - (a) <= (e))

#define cr_skip_test(...) plain_skip()
#define cr_assert(x, ...) PLAIN(true, x, __VA_ARGS__)
#define cr_expect(x, ...) PLAIN(false, x, __VA_ARGS__)
#define cr_assert_eq(a, b, ...) PLAIN(true, (a) == (b), __VA_ARGS__)
#define cr_expect_eq(a, b, ...) PLAIN(false, (a) == (b), __VA_ARGS__)
#define cr_assert_leq(a, b, ...) PLAIN(true, (a) <= (b), __VA_ARGS__)
#define cr_expect_leq(a, b, ...) PLAIN(false, (a) <= (b), __VA_ARGS__)
#define cr_assert_null(x, ...) PLAIN(true, (x) == NULL, __VA_ARGS__)
#define cr_expect_null(x, ...) PLAIN(false, (x) == NULL, __VA_ARGS__)
#define cr_assert_not_null(x, ...) PLAIN(true, (x) != NULL, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) PLAIN(false, strcmp((a), (b)) == 0, __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) PLAIN(true, PLAIN_NEAR(a, b, e), __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...) PLAIN(false, PLAIN_NEAR(a, b, e), __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) PLAIN(true, memcmp((a), (b), (n)) == 0, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...) PLAIN(false, memcmp((a), (b), (n)) == 0, __VA_ARGS__)

static inline int plain_run(const struct plain_test *t)
{
    plain.verdict = PLAIN_PASSED;
    if (setjmp(plain.end) == 0)
        t->run();
    return plain.verdict;
}

int main(int argc, char **argv)
{
    int n = 0, failed = 0;
    for (const struct plain_test *t = plain.first; t; t = t->next) {
        if (argc > 1 && argv[1][0] != '-' && strcmp(argv[1], t->name) != 0)
            continue;
        const int verdict = plain_run(t);
        failed += verdict == PLAIN_FAILED;
        printf("%sok %d - %s::%s%s\n", verdict == PLAIN_FAILED ? "not " : "", ++n, t->suite,
               t->name, verdict == PLAIN_SKIPPED ? " # SKIP" : "");
        fflush(stdout);
    }
    printf("1..%d\n", n);
    return failed > 0;
}

#endif /* VSYN_TESTS_PLAIN_CRITERION_CRITERION_H */
