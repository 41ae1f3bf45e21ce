/* Gaussians of colours and of features: fitting, and how far two are apart.
 *
 * Fit. Sums of x and of x x^T in double, added in a settled order, so that the bits do not
 * depend on threads; then mean = sum / n and the unbiased covariance
 * (sum of x x^T - n mean mean^T) / (n - 1). Memory: D^2 numbers, whatever n is.
 *
 *     log-det     ln det(C + ridge I): the volume of the cloud. The ridge keeps it finite
 *                 where n <= D or a feature is constant
 *     KL(p || q)  (tr(Cq^-1 Cp) + (mq - mp)^T Cq^-1 (mq - mp) - D + ln det Cq / det Cp) / 2
 *     symmetric   KL(p || q) + KL(q || p) (Kullback and Leibler 1951, their J); the ridge is
 *                 added to both covariances
 *     Frechet     |mp - mq|^2 + tr(Cp + Cq - 2 (Cp^1/2 Cq Cp^1/2)^1/2): the squared distance
 *                 (Dowson and Landau 1982), as FID and FVD are given. No ridge: with
 *                 Cp = L L^T (semi-definite), the trace of the root is the sum of the roots of
 *                 the eigenvalues of L^T Cq L. Biased upwards for small n (Chong and Forsyth,
 *                 CVPR 2020): compare only values of about the same n.
 *
 * Thread-safety: one thread per vs_moments; the rest are pure. Errors: NOMEM; NUMERIC when
 * a value is not finite.
 */
#ifndef VSYN_EVAL_SETS_GAUSSIAN_H
#define VSYN_EVAL_SETS_GAUSSIAN_H

#include <stdint.h>

#include "base/err.h"

typedef struct vs_moments {
    int D;
    int64_t n;
    double *sum;                   /* (D) */
    double *outer;                 /* (D, D), lower triangle */
} vs_moments;

typedef struct vs_gaussian {
    int D;
    int64_t n;
    double *mean;                  /* (D) */
    double *cov;                   /* (D, D) */
} vs_gaussian;

vs_err vs_moments_new(vs_moments *out, int D);
void vs_moments_free(vs_moments *m);
/* n vectors x (n, D). */
void vs_moments_add(vs_moments *m, const float *x, int64_t n);
/* The same after another: m += other. */
void vs_moments_merge(vs_moments *m, const vs_moments *other);

/* NUMERIC with fewer than two vectors, or when one was not finite. */
vs_err vs_gaussian_fit(vs_gaussian *out, const vs_moments *m);
void vs_gaussian_free(vs_gaussian *g);
vs_err vs_gaussian_logdet(double *out, const vs_gaussian *g, double ridge);
vs_err vs_gaussian_kl(double *out, const vs_gaussian *p, const vs_gaussian *q, double ridge);
vs_err vs_gaussian_symmetric_kl(double *out, const vs_gaussian *p, const vs_gaussian *q,
                                double ridge);
vs_err vs_gaussian_frechet(double *out, const vs_gaussian *p, const vs_gaussian *q);

#endif /* VSYN_EVAL_SETS_GAUSSIAN_H */
