/* Cholesky with and without pivots, eigenvalues. See matrix.h. */
#include "eval/sets/matrix.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double dot(const double *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* ---- Cholesky ----------------------------------------------------------------------------- */

bool vs_cholesky(double *L, const double *A, int D)
{
    memset(L, 0, sizeof(*L) * (size_t)D * (size_t)D);
    for (int i = 0; i < D; i++) {
        double *row = L + (size_t)i * (size_t)D;
        for (int j = 0; j < i; j++) {
            const double *other = L + (size_t)j * (size_t)D;
            row[j] = (A[(size_t)i * (size_t)D + (size_t)j] - dot(row, other, j)) / other[j];
        }
        const double pivot = A[(size_t)i * (size_t)D + (size_t)i] - dot(row, row, i);
        if (!(pivot > 0))
            return false;
        row[i] = sqrt(pivot);
    }
    return true;
}

void vs_cholesky_solve(const double *L, double *x, int D)
{
    for (int i = 0; i < D; i++) {
        const double *row = L + (size_t)i * (size_t)D;
        x[i] = (x[i] - dot(row, x, i)) / row[i];
    }
    for (int i = D - 1; i >= 0; i--) {
        for (int k = i + 1; k < D; k++)
            x[i] -= L[(size_t)k * (size_t)D + (size_t)i] * x[k];
        x[i] /= L[(size_t)i * (size_t)D + (size_t)i];
    }
}

double vs_cholesky_logdet(const double *L, int D)
{
    double sum = 0;
    for (int i = 0; i < D; i++)
        sum += 2 * log(L[(size_t)i * (size_t)D + (size_t)i]);
    return sum;
}

static void swap_rows(double *L, int *order, double *left, int a, int b, int D)
{
    const int o = order[a];
    const double l = left[a];
    if (a == b)
        return;
    order[a] = order[b];
    order[b] = o;
    left[a] = left[b];
    left[b] = l;
    for (int j = 0; j < D; j++) {
        const double keep = L[(size_t)a * (size_t)D + (size_t)j];
        L[(size_t)a * (size_t)D + (size_t)j] = L[(size_t)b * (size_t)D + (size_t)j];
        L[(size_t)b * (size_t)D + (size_t)j] = keep;
    }
}

/* `left` is the diagonal of what is not yet factored. */
vs_err vs_cholesky_pivoted(double *L, int *order, int *rank, const double *A, int D)
{
    double *left = malloc(sizeof(*left) * (size_t)D), most = 0;
    if (!left)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a factor of %d x %d", D, D);
    memset(L, 0, sizeof(*L) * (size_t)D * (size_t)D);
    for (int i = 0; i < D; i++) {
        order[i] = i;
        left[i] = A[(size_t)i * (size_t)D + (size_t)i];
        most = fmax(most, left[i]);
    }
    for (*rank = 0; *rank < D; ++*rank) {
        const int k = *rank;
        int best = k;
        for (int i = k + 1; i < D; i++)
            if (left[i] > left[best])
                best = i;
        if (!(left[best] > D * DBL_EPSILON * most))
            break;
        swap_rows(L, order, left, k, best, D);
        double *top = L + (size_t)k * (size_t)D;
        top[k] = sqrt(left[k]);
        for (int i = k + 1; i < D; i++) {
            double *row = L + (size_t)i * (size_t)D;
            const double a = A[(size_t)order[i] * (size_t)D + (size_t)order[k]];
            row[k] = (a - dot(row, top, k)) / top[k];
            left[i] -= row[k] * row[k];
        }
    }
    free(left);
    return VS_OK;
}

/* ---- Eigenvalues -------------------------------------------------------------------------- */

/* One reflection I - beta v v^T from both sides. `A` is the top left of the part that is left, v
 * (n) is made from what lies beside it; p (n) is scratch. Gives the new element beside the
 * diagonal. */
static double reflect(double *A, double *v, double *p, int n, int D)
{
    double norm = 0;
    for (int i = 0; i < n; i++)
        norm += A[(size_t)(i + 1)] * A[(size_t)(i + 1)];
    norm = sqrt(norm);
    memcpy(v, A + 1, sizeof(*v) * (size_t)n);
    const double alpha = v[0] > 0 ? -norm : norm;
    v[0] -= alpha;
    const double vv = dot(v, v, n);
    if (!(vv > 0))
        return 0;
    const double beta = 2 / vv;
    double *rest = A + D + 1;
    for (int i = 0; i < n; i++)
        p[i] = beta * dot(rest + (size_t)i * (size_t)D, v, n);
    const double half = beta * dot(p, v, n) / 2;
    for (int i = 0; i < n; i++)
        p[i] -= half * v[i];
    for (int i = 0; i < n; i++) {
        double *row = rest + (size_t)i * (size_t)D;
        for (int j = 0; j < n; j++)
            row[j] -= v[i] * p[j] + p[i] * v[j];
    }
    return alpha;
}

/* How many eigenvalues of the tridiagonal (d, e) lie below x: negative terms of a Sturm
 * sequence. e2 are the squares beside the diagonal. */
static int count_below(const double *d, const double *e2, int D, double x, double tiny)
{
    int below = 0;
    double q = d[0] - x;
    for (int i = 0;; i++) {
        below += q < 0;
        if (i + 1 == D)
            return below;
        q = d[i + 1] - x - e2[i] / (fabs(q) < tiny ? (q < 0 ? -tiny : tiny) : q);
    }
}

static void bisect(double *w, const double *d, const double *e2, int D)
{
    double bound = DBL_MIN;
    for (int i = 0; i < D; i++)
        bound = fmax(bound, fabs(d[i]) + (i ? sqrt(e2[i - 1]) : 0) +
                                (i + 1 < D ? sqrt(e2[i]) : 0));
    const double close = DBL_EPSILON * bound, tiny = DBL_EPSILON * close + DBL_MIN;
    for (int k = 0; k < D; k++) {
        double lo = k ? w[k - 1] - close : -bound - close, hi = bound + close;
        while (hi - lo > close) {
            const double middle = lo + (hi - lo) / 2;
            if (middle <= lo || middle >= hi)
                break;
            if (count_below(d, e2, D, middle, tiny) > k)
                hi = middle;
            else
                lo = middle;
        }
        w[k] = lo + (hi - lo) / 2;
    }
}

vs_err vs_eigenvalues(double *w, double *A, int D)
{
    double *scratch = malloc(sizeof(*scratch) * (size_t)D * 4);
    if (!scratch)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for the eigenvalues of %d x %d", D, D);
    double *v = scratch, *p = scratch + D, *d = scratch + 2 * (size_t)D, *e2 = d + D;
    for (int k = 0; k < D; k++) {
        double *at = A + (size_t)k * (size_t)D + (size_t)k;
        d[k] = at[0];
        if (k + 1 < D) {
            const double e = reflect(at, v, p, D - k - 1, D);
            e2[k] = e * e;
        }
    }
    bisect(w, d, e2, D);
    free(scratch);
    return VS_OK;
}
