/* Symmetric matrices, dense, row-major, in double: what Gaussians of features need.
 *
 *     Cholesky               A = L L^T, L lower triangular
 *     with pivots            P A P^T = L L^T for A that is only semi-definite: the largest
 *                            remaining diagonal element first, ended when it falls to
 *                            D * 2^-52 of the largest of A (Higham, "Accuracy and Stability
 *                            of Numerical Algorithms", 10.3)
 *     eigenvalues            Householder reflections to tridiagonal form (Golub and Van Loan,
 *                            "Matrix Computations", 8.3), then bisection on Sturm counts
 *                            (Barth, Martin, Wilkinson 1967): each to about 2^-52 of the
 *                            largest. No vectors.
 *
 * Own code, 150 lines, because LAPACK would be one more library for three functions.
 * Thread-safety: pure functions. Errors: NOMEM.
 */
#ifndef VSYN_EVAL_SETS_MATRIX_H
#define VSYN_EVAL_SETS_MATRIX_H

#include <stdbool.h>

#include "base/err.h"

/* L: (D, D), zeros above the diagonal. False when A is not positive definite. */
bool vs_cholesky(double *L, const double *A, int D);
/* x := A^-1 x for A = L L^T. */
void vs_cholesky_solve(const double *L, double *x, int D);
/* ln det A from its L. */
double vs_cholesky_logdet(const double *L, int D);

/* L: (D, D), of which the first *rank columns count; row i belongs to row order[i] of A. */
vs_err vs_cholesky_pivoted(double *L, int *order, int *rank, const double *A, int D);
/* w: (D), ascending. A is overwritten. */
vs_err vs_eigenvalues(double *w, double *A, int D);

#endif /* VSYN_EVAL_SETS_MATRIX_H */
