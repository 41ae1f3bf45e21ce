/* Moments, log-det, Kullback-Leibler, Frechet. See gaussian.h. */
#include "eval/sets/gaussian.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/sets/matrix.h"

/* ---- Fitting ------------------------------------------------------------------------------ */

vs_err vs_moments_new(vs_moments *out, int D)
{
    *out = (vs_moments){ .D = D };
    out->sum = calloc((size_t)D, sizeof(double));
    out->outer = calloc((size_t)D * (size_t)D, sizeof(double));
    if (out->sum && out->outer)
        return VS_OK;
    vs_moments_free(out);
    return VS_FAIL(VS_ERR_NOMEM, "no memory for the covariance of %d features", D);
}

void vs_moments_free(vs_moments *m)
{
    free(m->sum);
    free(m->outer);
    *m = (vs_moments){ 0 };
}

void vs_moments_add(vs_moments *m, const float *x, int64_t n)
{
    for (int64_t k = 0; k < n; k++, x += m->D)
        for (int i = 0; i < m->D; i++) {
            double *row = m->outer + (size_t)i * (size_t)m->D;
            const double xi = x[i];
            m->sum[i] += xi;
            for (int j = 0; j <= i; j++)
                row[j] += xi * x[j];
        }
    m->n += n;
}

void vs_moments_merge(vs_moments *m, const vs_moments *other)
{
    VS_ASSERT(m->D == other->D);
    for (int i = 0; i < m->D; i++)
        m->sum[i] += other->sum[i];
    for (size_t i = 0; i < (size_t)m->D * (size_t)m->D; i++)
        m->outer[i] += other->outer[i];
    m->n += other->n;
}

static vs_err gaussian_new(vs_gaussian *g, int D)
{
    *g = (vs_gaussian){ .D = D };
    g->mean = calloc((size_t)D, sizeof(double));
    g->cov = calloc((size_t)D * (size_t)D, sizeof(double));
    if (g->mean && g->cov)
        return VS_OK;
    vs_gaussian_free(g);
    return VS_FAIL(VS_ERR_NOMEM, "no memory for the covariance of %d features", D);
}

void vs_gaussian_free(vs_gaussian *g)
{
    free(g->mean);
    free(g->cov);
    *g = (vs_gaussian){ 0 };
}

vs_err vs_gaussian_fit(vs_gaussian *out, const vs_moments *m)
{
    const int D = m->D;
    bool finite = true;
    *out = (vs_gaussian){ 0 };
    if (m->n < 2)
        return VS_FAIL(VS_ERR_NUMERIC, "a covariance needs two vectors at least, there %s",
                       m->n ? "is one" : "is none");
    VS_TRY(gaussian_new(out, D));
    out->n = m->n;
    for (int i = 0; i < D; i++)
        out->mean[i] = m->sum[i] / (double)m->n;
    for (int i = 0; i < D; i++)
        for (int j = 0; j <= i; j++) {
            const double c = (m->outer[(size_t)i * (size_t)D + (size_t)j] -
                              m->sum[i] * out->mean[j]) / (double)(m->n - 1);
            finite = finite && isfinite(c);
            out->cov[(size_t)i * (size_t)D + (size_t)j] = c;
            out->cov[(size_t)j * (size_t)D + (size_t)i] = c;
        }
    if (finite)
        return VS_OK;
    vs_gaussian_free(out);
    return VS_FAIL(VS_ERR_NUMERIC, "features are not finite");
}

/* ---- Volumes and divergences -------------------------------------------------------------- */

/* L of C + ridge I; the caller frees it. */
static vs_err factor(double **L, const vs_gaussian *g, double ridge)
{
    const size_t D = (size_t)g->D;
    double *A = malloc(sizeof(*A) * D * D);
    *L = malloc(sizeof(**L) * D * D);
    vs_err err = VS_OK;
    if (!A || !*L) {
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for a factor of %d x %d", g->D, g->D);
    } else {
        memcpy(A, g->cov, sizeof(*A) * D * D);
        for (size_t i = 0; i < D; i++)
            A[i * D + i] += ridge;
        if (!vs_cholesky(*L, A, g->D))
            err = VS_FAIL(VS_ERR_NUMERIC, "a covariance of %d features is singular", g->D);
    }
    free(A);
    if (err != VS_OK) {
        free(*L);
        *L = NULL;
    }
    return err;
}

vs_err vs_gaussian_logdet(double *out, const vs_gaussian *g, double ridge)
{
    double *L;
    VS_TRY(factor(&L, g, ridge));
    *out = vs_cholesky_logdet(L, g->D);
    free(L);
    return VS_OK;
}

/* KL(p || q) from the factor of q and the log-dets; x is scratch (D). */
static double divergence(const vs_gaussian *p, const vs_gaussian *q, const double *Lp,
                         const double *Lq, double ridge, double *x)
{
    const int D = p->D;
    double trace = 0, square = 0;
    for (int j = 0; j < D; j++) {
        for (int i = 0; i < D; i++)
            x[i] = p->cov[(size_t)i * (size_t)D + (size_t)j] + (i == j ? ridge : 0);
        vs_cholesky_solve(Lq, x, D);
        trace += x[j];
    }
    for (int i = 0; i < D; i++)
        x[i] = q->mean[i] - p->mean[i];
    vs_cholesky_solve(Lq, x, D);
    for (int i = 0; i < D; i++)
        square += (q->mean[i] - p->mean[i]) * x[i];
    return (trace + square - D + vs_cholesky_logdet(Lq, D) - vs_cholesky_logdet(Lp, D)) / 2;
}

vs_err vs_gaussian_kl(double *out, const vs_gaussian *p, const vs_gaussian *q, double ridge)
{
    double *Lp = NULL, *Lq = NULL, *x = NULL;
    VS_ASSERT(p->D == q->D);
    vs_err err = factor(&Lp, p, ridge);
    if (err == VS_OK)
        err = factor(&Lq, q, ridge);
    if (err == VS_OK && !(x = malloc(sizeof(*x) * (size_t)p->D)))
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for %d numbers", p->D);
    if (err == VS_OK)
        *out = divergence(p, q, Lp, Lq, ridge, x);
    free(Lp);
    free(Lq);
    free(x);
    return err;
}

vs_err vs_gaussian_symmetric_kl(double *out, const vs_gaussian *p, const vs_gaussian *q,
                                double ridge)
{
    double there, back;
    VS_TRY(vs_gaussian_kl(&there, p, q, ridge));
    VS_TRY(vs_gaussian_kl(&back, q, p, ridge));
    *out = there + back;
    return VS_OK;
}

/* ---- Frechet distance --------------------------------------------------------------------- */

/* M = L^T C L for the first r columns of L, rows of C in the order of L: M (r, r), half (D, r). */
static void enclose(double *M, double *half, const double *C, const double *L, const int *order,
                    int r, int D)
{
    memset(half, 0, sizeof(*half) * (size_t)D * (size_t)r);
    memset(M, 0, sizeof(*M) * (size_t)r * (size_t)r);
    for (int i = 0; i < D; i++)
        for (int k = 0; k < D; k++) {
            const double c = C[(size_t)order[i] * (size_t)D + (size_t)order[k]];
            for (int j = 0; j < r && j <= k; j++)
                half[(size_t)i * (size_t)r + (size_t)j] += c * L[(size_t)k * (size_t)D + (size_t)j];
        }
    for (int i = 0; i < D; i++)
        for (int k = 0; k < r && k <= i; k++) {
            const double l = L[(size_t)i * (size_t)D + (size_t)k];
            for (int j = 0; j < r; j++)
                M[(size_t)k * (size_t)r + (size_t)j] += l * half[(size_t)i * (size_t)r + (size_t)j];
        }
}

/* Trace of (Cp^1/2 Cq Cp^1/2)^1/2. */
static vs_err root_trace(double *out, const vs_gaussian *p, const vs_gaussian *q)
{
    const size_t D = (size_t)p->D;
    double *L = malloc(sizeof(*L) * 3 * D * D), *w = malloc(sizeof(*w) * D);
    int *order = malloc(sizeof(*order) * D), rank = 0;
    vs_err err = L && w && order ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "no memory for three matrices of "
                                                   "%d x %d", p->D, p->D);
    *out = 0;
    if (err == VS_OK)
        err = vs_cholesky_pivoted(L, order, &rank, p->cov, p->D);
    if (err == VS_OK && rank) {
        enclose(L + D * D, L + 2 * D * D, q->cov, L, order, rank, p->D);
        err = vs_eigenvalues(w, L + D * D, rank);
    }
    for (int i = 0; err == VS_OK && i < rank; i++)
        *out += sqrt(fmax(w[i], 0));
    free(L);
    free(w);
    free(order);
    return err;
}

vs_err vs_gaussian_frechet(double *out, const vs_gaussian *p, const vs_gaussian *q)
{
    double root, sum = 0;
    VS_ASSERT(p->D == q->D);
    VS_TRY(root_trace(&root, p, q));
    for (int i = 0; i < p->D; i++) {
        const double d = p->mean[i] - q->mean[i];
        const size_t at = (size_t)i * (size_t)p->D + (size_t)i;
        sum += d * d + p->cov[at] + q->cov[at];
    }
    *out = fmax(sum - 2 * root, 0);
    return VS_OK;
}
