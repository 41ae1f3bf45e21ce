/* Gaussians against closed forms: eigenvalues, log-det, Kullback-Leibler, Frechet; correlations
 * computed by hand. */
#include "eval/sets/correlate.h"
#include "eval/sets/gaussian.h"
#include "eval/sets/matrix.h"
#include "tests/check.h"

static double *new_square(int D)
{
    return vs_new(sizeof(double) * (size_t)D * (size_t)D);
}

/* x := Q x Q for a reflection Q that mixes all coordinates. */
static void rotate(double *x, int D, uint64_t index)
{
    vs_rng r = vs_rng_at(1, VS_RNG_TEST, index);
    double *v = new_square(D), norm = 0;
    for (int i = 0; i < D; i++) {
        v[i] = vs_rng_normal(&r);
        norm += v[i] * v[i];
    }
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < D; i++) {
            double dot = 0;
            for (int k = 0; k < D; k++)
                dot += v[k] * (side ? x[k * D + i] : x[i * D + k]);
            for (int k = 0; k < D; k++)
                *(side ? &x[k * D + i] : &x[i * D + k]) -= 2 * dot * v[k] / norm;
        }
    free(v);
}

static vs_gaussian gaussian_of(const double *diagonal, int D, uint64_t rotations)
{
    vs_gaussian g = { .D = D, .n = 100, .mean = new_square(D), .cov = new_square(D) };
    for (int i = 0; i < D; i++)
        g.cov[i * D + i] = diagonal[i];
    for (uint64_t k = 1; k <= rotations; k++)
        rotate(g.cov, D, k);
    return g;
}

Test(gaussian, eigenvalues_of_the_second_difference)
{
    enum { D = 50 };
    double *A = new_square(D), w[D];
    for (int i = 0; i < D; i++) {
        A[i * D + i] = 2;
        if (i)
            A[i * D + i - 1] = A[(i - 1) * D + i] = -1;
    }
    rotate(A, D, 9);
    CHECK_OK(vs_eigenvalues(w, A, D));
    for (int k = 0; k < D; k++)
        cr_expect_float_eq(w[k], 2 - 2 * cos((k + 1) * M_PI / (D + 1)), 1e-13, "%d", k);
    free(A);
}

Test(gaussian, eigenvalues_that_repeat_and_vanish)
{
    double one = -3, w[4], A[16] = { 0 };
    CHECK_OK(vs_eigenvalues(w, &one, 1));
    cr_expect_float_eq(w[0], -3, 1e-15);
    CHECK_OK(vs_eigenvalues(w, A, 4));
    for (int k = 0; k < 4; k++)
        cr_expect_float_eq(w[k], 0, 1e-15);
    for (int k = 0; k < 16; k++)
        A[k] = 1;                                       /* 0 0 0 4 */
    CHECK_OK(vs_eigenvalues(w, A, 4));
    for (int k = 0; k < 4; k++)
        cr_expect_float_eq(w[k], k == 3 ? 4 : 0, 1e-14, "%d: %.17g", k, w[k]);
}

Test(gaussian, fit_by_hand)
{
    const float x[] = { 1, 2, 3, 6, 5, 4 };              /* (1,2) (3,6) (5,4) */
    vs_moments m, more;
    vs_gaussian g;
    CHECK_OK(vs_moments_new(&m, 2));
    CHECK_OK(vs_moments_new(&more, 2));
    CHECK_FAILS(vs_gaussian_fit(&g, &m), VS_ERR_NUMERIC, "two vectors at least, there is none");
    vs_moments_add(&m, x, 1);
    CHECK_FAILS(vs_gaussian_fit(&g, &m), VS_ERR_NUMERIC, "there is one");
    vs_moments_add(&more, x + 2, 2);
    vs_moments_merge(&m, &more);
    CHECK_OK(vs_gaussian_fit(&g, &m));
    cr_expect_float_eq(g.mean[0], 3, 1e-15);
    cr_expect_float_eq(g.mean[1], 4, 1e-15);
    const double cov[] = { 4, 2, 2, 4 };                /* over n - 1 */
    for (int i = 0; i < 4; i++)
        cr_expect_float_eq(g.cov[i], cov[i], 1e-14);
    vs_gaussian_free(&g);
    vs_moments_add(&m, (const float[]){ NAN, 1 }, 1);
    CHECK_FAILS(vs_gaussian_fit(&g, &m), VS_ERR_NUMERIC, "not finite");
    vs_moments_free(&m);
    vs_moments_free(&more);
}

Test(gaussian, logdet)
{
    enum { D = 30 };
    double a[D], expected = 0, found;
    for (int i = 0; i < D; i++) {
        a[i] = exp(i / 5.0 - 3);
        expected += log(a[i]);
    }
    vs_gaussian g = gaussian_of(a, D, 3);
    CHECK_OK(vs_gaussian_logdet(&found, &g, 0));
    cr_expect_float_eq(found, expected, 1e-10, "%.15g, expected %.15g", found, expected);
    vs_gaussian_free(&g);
    /* Of rank 20: the ridge stands for the rest. */
    expected = 0;
    for (int i = 0; i < D; i++) {
        a[i] = i < 20 ? 2 : 0;
        expected += log(a[i] + 1e-3);
    }
    g = gaussian_of(a, D, 3);
    CHECK_OK(vs_gaussian_logdet(&found, &g, 1e-3));
    cr_expect_float_eq(found, expected, 1e-9, "%.15g, expected %.15g", found, expected);
    g.cov[0] = -5;
    CHECK_FAILS(vs_gaussian_logdet(&found, &g, 1e-3), VS_ERR_NUMERIC, "singular");
    vs_gaussian_free(&g);
}

Test(gaussian, kullback_leibler)
{
    /* N(0, 1) and N(1, 4): ln 2 + 2 / 8 - 1 / 2; back: -ln 2 + 5 / 2 - 1 / 2. */
    double found;
    vs_gaussian p = gaussian_of((const double[]){ 1 }, 1, 0);
    vs_gaussian q = gaussian_of((const double[]){ 4 }, 1, 0);
    q.mean[0] = 1;
    CHECK_OK(vs_gaussian_kl(&found, &p, &q, 0));
    cr_expect_float_eq(found, log(2) - 0.25, 1e-14);
    CHECK_OK(vs_gaussian_symmetric_kl(&found, &p, &q, 0));
    cr_expect_float_eq(found, 1.75, 1e-14);
    CHECK_OK(vs_gaussian_symmetric_kl(&found, &q, &p, 0));
    cr_expect_float_eq(found, 1.75, 1e-14);
    vs_gaussian_free(&p);
    vs_gaussian_free(&q);
}

Test(gaussian, kullback_leibler_in_three_dimensions)
{
    /* Both turned alike: the sum of those of the axes. [[2,1],[1,2]] against the unit matrix:
     * (4 - 2 - ln 3) / 2, back ((2 + 2) / 3 - 2 + ln 3) / 2. */
    const double a[] = { 1, 2, 3 }, b[] = { 2, 2, 1 };
    double found, expected = 0;
    vs_gaussian p = gaussian_of(a, 3, 2), q = gaussian_of(b, 3, 2);
    for (int i = 0; i < 3; i++)
        expected += (a[i] / b[i] + b[i] / a[i] - 2) / 2;
    CHECK_OK(vs_gaussian_symmetric_kl(&found, &p, &q, 0));
    cr_expect_float_eq(found, expected, 1e-12);
    vs_gaussian_free(&p);
    vs_gaussian_free(&q);
    p = gaussian_of((const double[]){ 2, 2 }, 2, 0);
    q = gaussian_of((const double[]){ 1, 1 }, 2, 0);
    p.cov[1] = p.cov[2] = 1;
    CHECK_OK(vs_gaussian_kl(&found, &p, &q, 0));
    cr_expect_float_eq(found, (2 - log(3)) / 2, 1e-14);
    CHECK_OK(vs_gaussian_kl(&found, &q, &p, 0));
    cr_expect_float_eq(found, (4 / 3.0 - 2 + log(3)) / 2, 1e-14);
    vs_gaussian_free(&p);
    vs_gaussian_free(&q);
}

Test(gaussian, frechet_in_two_dimensions)
{
    /* tr (A B)^1/2 = sqrt(tr AB + 2 sqrt(det AB)); A = [[2,1],[1,2]], B = diag(1, 3). */
    double found;
    vs_gaussian p = gaussian_of((const double[]){ 2, 2 }, 2, 0);
    vs_gaussian q = gaussian_of((const double[]){ 1, 3 }, 2, 0);
    p.cov[1] = p.cov[2] = 1;
    q.mean[0] = 3;
    q.mean[1] = -1;
    CHECK_OK(vs_gaussian_frechet(&found, &p, &q));
    cr_expect_float_eq(found, 10 + 8 - 2 * sqrt(8 + 2 * 3), 1e-13);
    CHECK_OK(vs_gaussian_frechet(&found, &q, &p));
    cr_expect_float_eq(found, 10 + 8 - 2 * sqrt(14), 1e-13);
    CHECK_OK(vs_gaussian_frechet(&found, &p, &p));
    cr_expect_float_eq(found, 0, 1e-13);
    vs_gaussian_free(&p);
    vs_gaussian_free(&q);
}

Test(gaussian, frechet_of_semidefinite_matrices)
{
    enum { D = 40 };
    double a[D], b[D], expected = 0, found;
    for (int i = 0; i < D; i++) {
        a[i] = i < 25 ? 1 + i : 0;
        b[i] = i % 3 ? 0 : 5;
        expected += (sqrt(a[i]) - sqrt(b[i])) * (sqrt(a[i]) - sqrt(b[i]));
    }
    vs_gaussian p = gaussian_of(a, D, 4), q = gaussian_of(b, D, 4);
    CHECK_OK(vs_gaussian_frechet(&found, &p, &q));
    cr_expect_float_eq(found, expected, 1e-5 * expected, "%.12g, expected %.12g", found, expected);
    CHECK_OK(vs_gaussian_frechet(&found, &q, &p));
    cr_expect_float_eq(found, expected, 1e-5 * expected, "%.12g, expected %.12g", found, expected);
    vs_gaussian_free(&p);
    vs_gaussian_free(&q);
}

static void product(double *out, const double *a, const double *b, int D)
{
    memset(out, 0, sizeof(*out) * (size_t)D * (size_t)D);
    for (int i = 0; i < D; i++)
        for (int k = 0; k < D; k++)
            for (int j = 0; j < D; j++)
                out[i * D + j] += a[i * D + k] * b[k * D + j];
}

/* x -> A x, A positive definite, carries N(0, C) to N(0, A C A) at the least cost, which is
 * tr((A - I) C (A - I)): matrices that do not commute. */
Test(gaussian, frechet_of_a_linear_map)
{
    enum { D = 48 };
    double a[D], c[D], expected = 0, found;
    for (int i = 0; i < D; i++) {
        a[i] = 0.3 + i / 20.0;
        c[i] = exp(-i / 8.0);
    }
    vs_gaussian map = gaussian_of(a, D, 2), p = gaussian_of(c, D, 5), q = gaussian_of(c, D, 0);
    double *half = new_square(D);
    product(half, map.cov, p.cov, D);
    product(q.cov, half, map.cov, D);
    for (int i = 0; i < D; i++)
        map.cov[i * D + i] -= 1;
    product(half, map.cov, p.cov, D);
    for (int i = 0; i < D; i++)
        for (int k = 0; k < D; k++)
            expected += half[i * D + k] * map.cov[k * D + i];
    CHECK_OK(vs_gaussian_frechet(&found, &p, &q));
    cr_expect_float_eq(found, expected, 1e-9 * expected, "%.15g, expected %.15g", found, expected);
    CHECK_OK(vs_gaussian_frechet(&found, &q, &p));
    cr_expect_float_eq(found, expected, 1e-9 * expected, "%.15g, expected %.15g", found, expected);
    free(half);
    vs_gaussian_free(&map);
    vs_gaussian_free(&p);
    vs_gaussian_free(&q);
}

/* Draws of two known Gaussians: the distance of the fits is that of the Gaussians. */
Test(gaussian, frechet_of_draws)
{
    enum { D = 6, N = 20000 };
    vs_moments m[2];
    vs_gaussian g[2];
    double expected = 0, found;
    for (int s = 0; s < 2; s++) {
        vs_rng r = vs_rng_at(3, VS_RNG_TEST, (uint64_t)s);
        CHECK_OK(vs_moments_new(&m[s], D));
        for (int k = 0; k < N; k++) {
            float x[D];
            for (int i = 0; i < D; i++)
                x[i] = (float)((s ? 2 + 0.5 * i : 1) * vs_rng_normal(&r) + (s ? i : 0));
            vs_moments_add(&m[s], x, 1);
        }
        CHECK_OK(vs_gaussian_fit(&g[s], &m[s]));
    }
    for (int i = 0; i < D; i++)
        expected += i * i + (1 + 0.5 * i) * (1 + 0.5 * i);
    CHECK_OK(vs_gaussian_frechet(&found, &g[0], &g[1]));
    cr_expect_float_eq(found, expected, 0.01 * expected, "%.6g, expected %.6g", found, expected);
    for (int s = 0; s < 2; s++) {
        vs_moments_free(&m[s]);
        vs_gaussian_free(&g[s]);
    }
}

Test(correlate, by_hand)
{
    const double x[] = { 1, 2, 3, 4, NAN, 5 }, y[] = { 2, 1, 4, 3, 9, 5 };
    vs_correlation c;
    CHECK_OK(vs_correlate(&c, x, y, 6));
    cr_expect_eq(c.n, 5);
    cr_expect_float_eq(c.pearson, 0.8, 1e-14);
    cr_expect_float_eq(c.spearman, 0.8, 1e-14);
    /* atanh 0.8 = ln 3; +- 1.959964 / sqrt 2, and times sqrt 1.32 */
    cr_expect_float_eq(c.pearson_lo, -0.279637, 1e-5, "%.9g", c.pearson_lo);
    cr_expect_float_eq(c.pearson_hi, 0.986197, 1e-5, "%.9g", c.pearson_hi);
    cr_expect_float_eq(c.spearman_lo, tanh(log(3) - 1.959964 * sqrt(1.32 / 2)), 1e-6);
    cr_expect_float_eq(c.spearman_hi, tanh(log(3) + 1.959964 * sqrt(1.32 / 2)), 1e-6);
}

Test(correlate, ranks_ties_and_what_is_undefined)
{
    vs_correlation c;
    /* Monotone, not straight: ranks agree. */
    CHECK_OK(vs_correlate(&c, (const double[]){ 1, 2, 3, 4 }, (const double[]){ -1, -8, -27, -900 },
                          4));
    cr_expect_float_eq(c.spearman, -1, 1e-15);
    cr_expect_float_eq(c.spearman_lo, -1, 1e-15);
    cr_expect_float_eq(c.spearman_hi, -1, 1e-15);
    cr_expect(c.pearson > -0.9 && c.pearson < -0.7, "%g", c.pearson);
    /* Ranks 1 2.5 2.5 4 against 1 2 3 4: 4.5 / sqrt(4.5 * 5). */
    CHECK_OK(vs_correlate(&c, (const double[]){ 1, 2, 2, 3 }, (const double[]){ 1, 2, 3, 4 }, 4));
    cr_expect_float_eq(c.spearman, 4.5 / sqrt(22.5), 1e-14);
    CHECK_OK(vs_correlate(&c, (const double[]){ 1, 2, 3 }, (const double[]){ 1, 2, 4 }, 3));
    cr_expect(isfinite(c.pearson) && isnan(c.pearson_lo) && isnan(c.pearson_hi));
    CHECK_OK(vs_correlate(&c, (const double[]){ 1, 2 }, (const double[]){ 1, 2 }, 2));
    cr_expect(isnan(c.pearson) && isnan(c.spearman));
    CHECK_OK(vs_correlate(&c, (const double[]){ 1, 1, 1, 1 }, (const double[]){ 1, 2, 3, 4 }, 4));
    cr_expect(isnan(c.pearson) && isnan(c.spearman_hi));
}
