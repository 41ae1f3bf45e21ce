/* Robustness metrics on an example worked by hand, and the coverage of the intervals. */
#include "eval/stats.h"
#include "tests/check.h"

#define NEAR(a, b) cr_expect_float_eq(a, b, 1e-6, "%s: got %g, expected %g", #a, (double)(a), \
                                      (double)(b))

enum { VIDEOS = 10 };

/* The first `hits` videos right. */
static vs_cell cell(const char *name, const char *group, int severity, int hits1, int hits5)
{
    vs_cell c = { name, group, severity, vs_new(VIDEOS), vs_new(VIDEOS) };
    for (int i = 0; i < VIDEOS; i++) {
        c.hit1[i] = i < hits1;
        c.hit5[i] = i < hits5;
    }
    return c;
}

static void free_cells(vs_cell *c, int n)
{
    for (int i = 0; i < n; i++) {
        free(c[i].hit1);
        free(c[i].hit5);
    }
}

static double value(const vs_stats *s, vs_row_kind kind, const char *name, int severity,
                    vs_quantity q)
{
    const vs_row *row = vs_stats_find(s, kind, name, severity);
    cr_assert(row, "no row %d %s %d", kind, name, severity);
    return row->q[q].value;
}

Test(eval_stats, example_by_hand)
{
    /* clean 0.8; gauss 0.6, 0.4; shot 0.4, 0.2; jpeg 0.8, 0.6 */
    vs_cell c[] = { cell("clean", "clean", 0, 8, 10), cell("gauss", "noise", 1, 6, 9),
                    cell("gauss", "noise", 3, 4, 8),  cell("shot", "noise", 1, 4, 7),
                    cell("shot", "noise", 3, 2, 6),   cell("jpeg", "digital", 1, 8, 10),
                    cell("jpeg", "digital", 3, 6, 10) };
    vs_stats *s;
    CHECK_OK(vs_stats_new(&s, c, 7, VIDEOS));
    NEAR(value(s, VS_ROW_CLEAN, "clean", 0, VS_TOP1), 0.8);
    NEAR(value(s, VS_ROW_CELL, "gauss", 3, VS_TOP1), 0.4);
    NEAR(value(s, VS_ROW_CELL, "gauss", 3, VS_TOP5), 0.8);
    NEAR(value(s, VS_ROW_CELL, "gauss", 3, VS_GAMMA_A), 0.6);
    NEAR(value(s, VS_ROW_CELL, "gauss", 3, VS_GAMMA_R), 0.5);
    NEAR(value(s, VS_ROW_CORRUPTION, "gauss", 0, VS_TOP1), 0.5);
    NEAR(value(s, VS_ROW_CORRUPTION, "gauss", 0, VS_GAMMA_A), 0.7);
    NEAR(value(s, VS_ROW_CORRUPTION, "shot", 0, VS_GAMMA_R), 0.375);
    NEAR(value(s, VS_ROW_GROUP, "noise", 0, VS_TOP1), 0.4);
    NEAR(value(s, VS_ROW_GROUP, "digital", 0, VS_GAMMA_R), 0.875);
    NEAR(value(s, VS_ROW_SEVERITY, "", 3, VS_TOP1), 0.4);
    NEAR(value(s, VS_ROW_OVERALL, "", 0, VS_TOP1), 0.55);            /* (0.4 + 0.7) / 2 */
    NEAR(value(s, VS_ROW_OVERALL, "", 0, VS_GAMMA_A), 0.75);
    NEAR(value(s, VS_ROW_ALL, "", 0, VS_TOP1), 0.5);                 /* mPC = 3 / 6 */
    NEAR(value(s, VS_ROW_ALL, "", 0, VS_GAMMA_R), 0.625);            /* rPC = 0.5 / 0.8 */
    cr_expect_null(vs_stats_find(s, VS_ROW_CELL, "gauss", 2));
    cr_expect_null(vs_stats_find(s, VS_ROW_SEVERITY, "", 2));
    cr_expect_eq(s->rows, 1 + 6 + 3 + 2 + 2 + 2);
    vs_stats_free(&s);
    free_cells(c, 7);
}

Test(eval_stats, nothing_right_has_no_relative_robustness)
{
    vs_cell c[] = { cell("clean", "clean", 0, 0, 0), cell("jpeg", "digital", 1, 0, 2) };
    vs_stats *s;
    CHECK_OK(vs_stats_new(&s, c, 2, VIDEOS));
    NEAR(value(s, VS_ROW_CELL, "jpeg", 1, VS_GAMMA_A), 1);
    cr_expect(isnan(value(s, VS_ROW_CELL, "jpeg", 1, VS_GAMMA_R)));
    cr_expect(isnan(value(s, VS_ROW_ALL, "", 0, VS_GAMMA_R)));
    vs_stats_free(&s);
    CHECK_OK(vs_stats_new(&s, c, 1, VIDEOS));
    cr_expect_eq(s->rows, 1);
    vs_stats_free(&s);
    free_cells(c, 2);
}

Test(eval_stats, difference_of_two_models_is_paired)
{
    /* b is right wherever a is, and on one video more: the difference never exceeds zero,
     * while the intervals of the two overlap. */
    vs_cell a[] = { cell("clean", "clean", 0, 5, 9) }, b[] = { cell("clean", "clean", 0, 6, 9) };
    vs_stats *x, *y;
    CHECK_OK(vs_stats_new(&x, a, 1, VIDEOS));
    CHECK_OK(vs_stats_new(&y, b, 1, VIDEOS));
    const vs_estimate d = vs_stats_difference(x, y, &x->row[0], VS_TOP1);
    NEAR(d.value, -0.1);
    cr_expect(d.lo >= -0.5 && d.lo < -0.1 && d.hi <= 0);
    cr_expect(x->row[0].q[VS_TOP1].hi > y->row[0].q[VS_TOP1].lo);
    vs_stats_free(&x);
    vs_stats_free(&y);
    free_cells(a, 1);
    free_cells(b, 1);
}

/* 200 experiments of 100 videos, each right with probability 0.7: the interval should hold
 * 0.7 in about 94% of them. Below 90% or at 100% would be four deviations away or more. */
Test(eval_stats, intervals_cover_the_truth)
{
    enum { N = 100, EXPERIMENTS = 200 };
    int covered = 0;
    double width = 0;
    uint8_t hit[N];
    for (int e = 0; e < EXPERIMENTS; e++) {
        vs_rng rng = vs_rng_at(11, VS_RNG_TEST, (uint64_t)e);
        const vs_cell c = { "clean", "clean", 0, hit, hit };
        vs_stats *s;
        for (int i = 0; i < N; i++)
            hit[i] = vs_rng_f64(&rng) < 0.7;
        CHECK_OK(vs_stats_new(&s, &c, 1, N));
        const vs_estimate v = s->row[0].q[VS_TOP1];
        covered += v.lo <= 0.7 + 1e-6 && v.hi >= 0.7 - 1e-6;
        width += (v.hi - v.lo) / EXPERIMENTS;
        vs_stats_free(&s);
    }
    cr_expect(covered >= 180 && covered <= 199, "%d of %d intervals hold the truth", covered,
              EXPERIMENTS);
    cr_expect_float_eq(width, 2 * 1.96 * sqrt(0.7 * 0.3 / N), 0.01, "mean width %g", width);
}
