#include "train/rebuild.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct stats {
    float mean[3], deviation[3];   /* of pixels 0..1 of one tubelet, by colour */
};

struct job {
    const vs_model_config *c;
    const uint8_t *frames, *mask;
    int N;
    struct stats *stats;           /* (N): true ones, then those that the picture uses */
    float *pred, *target;          /* (masked, tubelet, patch, patch, 3) */
};

/* The first byte of pixel row r of frame f of a token. */
static size_t row_at(const vs_model_config *c, int token, int f, int r)
{
    const int across = c->W / c->patch, down = c->H / c->patch;
    const int t = token / (across * down), y = token / across % down, x = token % across;
    return (((size_t)(t * c->tubelet + f) * (size_t)c->H + (size_t)(y * c->patch + r)) *
                (size_t)c->W + (size_t)(x * c->patch)) * 3;
}

static struct stats true_stats(const struct job *j, int token)
{
    const vs_model_config *const c = j->c;
    const double n = (double)c->tubelet * c->patch * c->patch;
    int64_t sum[3] = { 0 }, squares[3] = { 0 };
    for (int f = 0; f < c->tubelet; f++)
        for (int r = 0; r < c->patch; r++) {
            const uint8_t *row = j->frames + row_at(c, token, f, r);
            for (int i = 0; i < 3 * c->patch; i++) {
                sum[i % 3] += row[i];
                squares[i % 3] += row[i] * row[i];
            }
        }
    struct stats s;
    for (int k = 0; k < 3; k++) {
        const double variance = ((double)squares[k] - (double)sum[k] * (double)sum[k] / n) /
                                (n > 1 ? n - 1 : 1);
        s.mean[k] = (float)((double)sum[k] / n / 255);
        s.deviation[k] = (float)(sqrt(fmax(variance, 0)) / 255);
    }
    return s;
}

/* From the visible tokens, nearer ones counting more. */
static struct stats guessed_stats(const struct job *j, int token)
{
    const int across = j->c->W / j->c->patch, cells = vs_model_cells(j->c);
    struct stats s = { 0 };
    float total = 0;
    for (int i = 0; i < j->N; i++) {
        if (j->mask[i])
            continue;
        const int dt = i / cells - token / cells, dy = i % cells / across - token % cells / across;
        const int dx = i % across - token % across;
        const float weight = 1.0f / (float)(dt * dt + dy * dy + dx * dx);
        total += weight;
        for (int k = 0; k < 3; k++) {
            s.mean[k] += weight * j->stats[i].mean[k];
            s.deviation[k] += weight * j->stats[i].deviation[k];
        }
    }
    for (int k = 0; k < 3; k++) {
        s.mean[k] /= total;
        s.deviation[k] /= total;
    }
    return s;
}

static uint8_t to_byte(float v)
{
    return (uint8_t)(fminf(fmaxf(v, 0.0f), 1.0f) * 255.0f + 0.5f);
}

/* One hidden token: its pixels, and the squared errors with and without what was predicted. */
static void fill_token(vs_rebuilt *out, double error[2], const struct job *j, int token,
                       const float *pred, const struct stats *s)
{
    const vs_model_config *const c = j->c;
    for (int f = 0; f < c->tubelet; f++)
        for (int r = 0; r < c->patch; r++) {
            const size_t at = row_at(c, token, f, r);
            for (int i = 0; i < 3 * c->patch; i++, pred++) {
                const float flat = s->mean[i % 3];
                const float v = flat + *pred * (s->deviation[i % 3] + 1e-6f);
                out->frames[at + (size_t)i] = to_byte(v);
                out->masked[at + (size_t)i] = 128;
                const double d = out->frames[at + (size_t)i] - (double)j->frames[at + (size_t)i];
                const double e = to_byte(flat) - (double)j->frames[at + (size_t)i];
                error[0] += d * d;
                error[1] += e * e;
            }
        }
}

static double psnr(double squares, double n)
{
    return squares > 0 ? 10 * log10(255.0 * 255.0 * n / squares) : 99;
}

static double mean_square(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum / (double)n;
}

static void fill_all(vs_rebuilt *out, const struct job *j, bool paper)
{
    const size_t P = 3 * (size_t)j->c->tubelet * (size_t)j->c->patch * (size_t)j->c->patch;
    double error[2] = { 0 };
    size_t k = 0;
    for (int i = 0; i < j->N; i++)
        j->stats[i] = true_stats(j, i);
    for (int i = 0; i < j->N; i++) {
        if (!j->mask[i])
            continue;
        const struct stats s = paper ? j->stats[i] : guessed_stats(j, i);
        fill_token(out, error, j, i, j->pred + k++ * P, &s);
    }
    out->loss_flat = mean_square(j->target, k * P);
    out->psnr = psnr(error[0], (double)(k * P));
    out->psnr_flat = psnr(error[1], (double)(k * P));
}

vs_err vs_rebuild(vs_rebuilt *out, vs_model *model, const uint8_t *frames, const uint8_t *mask,
                  bool paper)
{
    const vs_model_config *const c = vs_model_configuration(model);
    const size_t clip = (size_t)c->T * (size_t)c->H * (size_t)c->W * 3;
    struct job j = { .c = c, .frames = frames, .mask = mask, .N = vs_model_tokens(c) };
    const vs_batch batch = { .B = 1, .frames = frames, .mask = mask };
    float loss = 0;
    *out = (vs_rebuilt){ .masked = malloc(clip), .frames = malloc(clip) };
    j.stats = malloc(sizeof(*j.stats) * (size_t)j.N);
    j.pred = malloc(sizeof(float) * clip);
    j.target = malloc(sizeof(float) * clip);
    vs_err err = VS_OK;
    if (!out->masked || !out->frames || !j.stats || !j.pred || !j.target)
        err = VS_FAIL(VS_ERR_NOMEM, "no room for a reconstruction of %d frames", c->T);
    if (err == VS_OK)
        err = vs_model_forward(model, &batch);
    if (err == VS_OK)
        err = vs_model_loss(model, &loss);
    if (err == VS_OK)
        err = vs_model_predictions(model, j.pred, j.target);
    if (err == VS_OK) {
        out->loss = (double)loss;
        memcpy(out->frames, frames, clip);
        memcpy(out->masked, frames, clip);
        fill_all(out, &j, paper);
    } else {
        vs_rebuilt_free(out);
    }
    free(j.stats);
    free(j.pred);
    free(j.target);
    return err;
}

void vs_rebuilt_free(vs_rebuilt *rebuilt)
{
    free(rebuilt->masked);
    free(rebuilt->frames);
    *rebuilt = (vs_rebuilt){ 0 };
}
