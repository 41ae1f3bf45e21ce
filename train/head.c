/* See head.h. */
#include "train/head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

#define NORM_EPS 1e-6

static float *floats(int64_t n)
{
    return calloc((size_t)n, sizeof(float));
}

vs_err vs_head_open(vs_head *h, int D, int C, int batch, uint64_t seed)
{
    const int64_t n = (int64_t)(D + 1) * C;
    *h = (vs_head){ .D = D, .C = C, .batch = batch };
    h->w = floats(n);
    h->m = floats(n);
    h->v = floats(n);
    h->g = floats(n);
    h->mean = floats(D);
    h->var = floats(D);
    h->z = floats((int64_t)batch * D);
    h->logits = floats((int64_t)batch * C);
    if (!h->w || !h->m || !h->v || !h->g || !h->mean || !h->var || !h->z || !h->logits) {
        vs_head_close(h);
        return VS_FAIL(VS_ERR_NOMEM, "a head of %d classes on %d features does not fit", C, D);
    }
    h->b = h->w + (int64_t)C * D;
    vs_rng rng = vs_rng_at(seed, VS_RNG_INIT, 0);
    for (int64_t i = 0; i < (int64_t)C * D; i++) {
        double x = vs_rng_normal(&rng);
        while (fabs(x) > 2)
            x = vs_rng_normal(&rng);
        h->w[i] = (float)(0.01 * x);
    }
    for (int d = 0; d < D; d++)
        h->var[d] = 1;
    return VS_OK;
}

void vs_head_close(vs_head *h)
{
    free(h->w);
    free(h->m);
    free(h->v);
    free(h->g);
    free(h->mean);
    free(h->var);
    free(h->z);
    free(h->logits);
    *h = (vs_head){ 0 };
}

/* ---- Forward ----------------------------------------------------------------------- */

static void normalise(vs_head *h, const float *x, int B)
{
    for (int d = 0; d < h->D; d++) {
        double mean = 0, squares = 0;
        for (int i = 0; i < B; i++)
            mean += (double)x[(size_t)i * (size_t)h->D + (size_t)d] / B;
        for (int i = 0; i < B; i++) {
            const double e = (double)x[(size_t)i * (size_t)h->D + (size_t)d] - mean;
            squares += e * e;
        }
        const double scale = 1 / sqrt(squares / B + NORM_EPS);
        for (int i = 0; i < B; i++) {
            const size_t at = (size_t)i * (size_t)h->D + (size_t)d;
            h->z[at] = (float)(((double)x[at] - mean) * scale);
        }
        h->mean[d] += 0.1f * ((float)mean - h->mean[d]);
        h->var[d] += 0.1f * ((float)(squares / (B > 1 ? B - 1 : 1)) - h->var[d]);
    }
}

static float dot(const float *a, const float *b, int n)
{
    float part[8] = { 0 };
    int i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            part[k] += a[i + k] * b[i + k];
    float sum = 0;
    for (; i < n; i++)
        sum += a[i] * b[i];
    for (int k = 0; k < 8; k++)
        sum += part[k];
    return sum;
}

/* Softmax minus smoothed target, over B, into `d`; returns the loss of the row. */
static double loss_row(float *d, const float *logits, int C, int label, double smoothing, int B)
{
    double most = (double)logits[0], sum = 0, loss = 0;
    for (int c = 1; c < C; c++)
        most = fmax(most, (double)logits[c]);
    for (int c = 0; c < C; c++)
        sum += exp((double)logits[c] - most);
    for (int c = 0; c < C; c++) {
        const double target = smoothing / C + (c == label ? 1 - smoothing : 0);
        const double log_p = (double)logits[c] - most - log(sum);
        loss -= target * log_p;
        d[c] = (float)((exp(log_p) - target) / B);
    }
    return loss;
}

/* ---- Update ------------------------------------------------------------------------ */

static void sgd(vs_head *h, int64_t n, int64_t decayed, float lr)
{
    for (int64_t i = 0; i < n; i++) {
        const float g = h->g[i] + (i < decayed ? h->weight_decay * h->w[i] : 0);
        h->m[i] = h->steps == 1 ? g : 0.9f * h->m[i] + g;
        h->w[i] -= lr * (g + 0.9f * h->m[i]);
    }
}

static void adamw(vs_head *h, int64_t n, int64_t decayed, double lr)
{
    const double fix1 = 1 - pow(0.9, (double)h->steps), fix2 = 1 - pow(0.999, (double)h->steps);
    for (int64_t i = 0; i < n; i++) {
        const float g = h->g[i];
        h->m[i] = 0.9f * h->m[i] + 0.1f * g;
        h->v[i] = 0.999f * h->v[i] + 0.001f * g * g;
        if (i < decayed)
            h->w[i] -= (float)(lr * (double)h->weight_decay) * h->w[i];
        h->w[i] -= (float)(lr * ((double)h->m[i] / fix1) / (sqrt((double)h->v[i] / fix2) + 1e-8));
    }
}

double vs_head_step(vs_head *h, const float *x, const int *label, int B, double lr)
{
    const int D = h->D, C = h->C;
    const int64_t n = (int64_t)(D + 1) * C, decayed = (int64_t)C * D;
    double loss = 0;
    VS_ASSERT(B <= h->batch);
    if (h->norm)
        normalise(h, x, B);
    else
        memcpy(h->z, x, sizeof(float) * (size_t)B * (size_t)D);
    float *const d = vs_new(sizeof(*d) * (size_t)C);
    memset(h->g, 0, sizeof(float) * (size_t)n);
    for (int i = 0; i < B; i++) {
        const float *z = h->z + (size_t)i * (size_t)D;
        float *logits = h->logits + (size_t)i * (size_t)C;
        for (int c = 0; c < C; c++)
            logits[c] = h->b[c] + dot(h->w + (size_t)c * (size_t)D, z, D);
        loss += loss_row(d, logits, C, label[i], (double)h->smoothing, B) / B;
        for (int c = 0; c < C; c++) {
            float *const g = h->g + (size_t)c * (size_t)D;
            for (int k = 0; k < D; k++)
                g[k] += d[c] * z[k];
            h->g[decayed + c] += d[c];
        }
    }
    free(d);
    h->steps++;
    if (h->optimiser == VS_HEAD_SGD)
        sgd(h, n, decayed, (float)lr);
    else
        adamw(h, n, decayed, lr);
    return loss;
}

/* ---- Use --------------------------------------------------------------------------- */

void vs_head_fold(float *w, float *b, const vs_head *h)
{
    for (int c = 0; c < h->C; c++) {
        double shift = 0;
        for (int d = 0; d < h->D; d++) {
            const double from = (double)h->w[(size_t)c * (size_t)h->D + (size_t)d];
            const double scaled = h->norm ? from / sqrt((double)h->var[d] + NORM_EPS) : from;
            w[(size_t)c * (size_t)h->D + (size_t)d] = (float)scaled;
            shift += h->norm ? scaled * (double)h->mean[d] : 0;
        }
        b[c] = (float)((double)h->b[c] - shift);
    }
}

void vs_head_logits(float *logits, const vs_head *h, const float *x)
{
    for (int c = 0; c < h->C; c++) {
        const float *w = h->w + (size_t)c * (size_t)h->D;
        double sum = (double)h->b[c];
        for (int d = 0; d < h->D; d++) {
            const double z = h->norm ? ((double)x[d] - (double)h->mean[d]) /
                                       sqrt((double)h->var[d] + NORM_EPS) : (double)x[d];
            sum += (double)w[d] * z;
        }
        logits[c] = (float)sum;
    }
}
