/* Verification on the full-size models: weights and frames come from a generator, the
 * reference keeps outputs and a digest of every gradient.
 *
 *     key(name) = FNV-1a of the name          z_i = SplitMix64(key + (i + 1) * golden gamma)
 *     weight i  = range * (2 r - 1) (+ 1)     r = top 24 bits of z_i / 2^24
 *     pixel i   = top 8 bits of z_i
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/verify_priv.h"

enum { DIGEST = 16, CLASSES = 5 };

static uint64_t key_of(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 0x100000001b3u;
    return h;
}

static uint64_t draw(uint64_t key, int64_t i)
{
    uint64_t z = key + ((uint64_t)i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), k = strlen(end);
    return n >= k && strcmp(text + n - k, end) == 0;
}

static void draw_tensor(float *w, const vs_param *p)
{
    const uint64_t key = key_of(p->name);
    const bool scale = ends_with(p->name, "norm1.weight") || ends_with(p->name, "norm2.weight") ||
                       ends_with(p->name, "norm.weight");
    const double out = (double)p->shape[0], in = (double)p->count / out;
    double range = 0.02, middle = 0.0;
    if (p->rank > 1 && strcmp(p->name, "mask_token") != 0)
        range = sqrt(6.0 / (in + out));
    else if (scale)
        range = 0.1, middle = 1.0;
    for (int64_t i = 0; i < p->count; i++) {
        const double r = (double)(draw(key, i) >> 40) * 0x1p-24;
        w[i] = (float)(middle + range * (2.0 * r - 1.0));
    }
}

static vs_err draw_weights(vs_model *m)
{
    float *const slab = vs_new(sizeof(float) * (size_t)vs_model_slab_count(m));
    for (int i = 0; i < vs_model_param_count(m); i++)
        draw_tensor(slab + vs_model_param(m, i)->offset, vs_model_param(m, i));
    const vs_err err = vs_model_slab_set(m, VS_SLAB_WEIGHT, slab);
    free(slab);
    return err;
}

static uint8_t *draw_frames(const vs_model_config *c)
{
    const int64_t n = 3 * (int64_t)c->T * c->H * c->W;
    char *const name = vs_strf("frames_%s", c->size);
    const uint64_t key = key_of(name);
    uint8_t *const frames = vs_new((size_t)n);
    for (int64_t i = 0; i < n; i++)
        frames[i] = (uint8_t)(draw(key, i) >> 56);
    free(name);
    return frames;
}

/* ---- Gradients --------------------------------------------------------------------- */

/* Row of a parameter in the per-parameter arrays; -1 when the file does not list it. */
static int row_of(const char *list, const char *name)
{
    const size_t n = strlen(name);
    for (int row = 0; *list; row++) {
        const size_t length = strcspn(list, ",");
        if (length == n && strncmp(list, name, n) == 0)
            return row;
        list += length + (list[length] == ',');
    }
    return -1;
}

static int rows_in(const char *list)
{
    int n = *list != 0;
    for (; *list; list++)
        n += *list == ',';
    return n;
}

/* Distance of a few values of a gradient, against their own size or, where they happen to be
 * small, the size that so many values of this gradient have on average. */
static double slice_error(const float *ours, const float *reference, int64_t n, double norm,
                          int64_t count)
{
    double distance = 0.0, size = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double d = (double)ours[i] - (double)reference[i];
        distance += d * d;
        size += (double)reference[i] * (double)reference[i];
    }
    return sqrt(distance) / fmax(sqrt(size), norm * sqrt((double)n / (double)count));
}

static double norm_of(const float *g, int64_t n)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)g[i] * (double)g[i];
    return sqrt(sum);
}

struct digests {
    const float *l2, *first, *last;    /* (rows), (rows, 16), (rows, 16) or NULL */
};

static double digest_error(const float *g, int64_t count, const struct digests *d, int row)
{
    const int64_t n = count < DIGEST ? count : DIGEST;
    const double l2 = (double)d->l2[row];
    double error = fabs(norm_of(g, count) - l2) / l2;
    error = fmax(error, slice_error(g, d->first + (size_t)row * DIGEST, n, l2, count));
    if (d->last)
        error = fmax(error, slice_error(g + count - n, d->last + (size_t)row * DIGEST + DIGEST - n,
                                        n, l2, count));
    return error;
}

static vs_err compare_gradients(vs_verify *v, vs_model *m, const vs_safetensors *file)
{
    const char *const list = vs_safetensors_meta(file, "params");
    const int rows = list ? rows_in(list) : 0;
    const void *l2, *first, *last = NULL;
    if (rows != vs_model_param_count(m))
        return VS_FAIL(VS_ERR_CORRUPT, "the reference lists %d parameters, the model has %d", rows,
                       vs_model_param_count(m));
    VS_TRY(vs_verify_tensor(v, &l2, file, "grad_l2", VS_DTYPE_F32, rows));
    VS_TRY(vs_verify_tensor(v, &first, file, "grad_first16", VS_DTYPE_F32, rows * DIGEST));
    if (vs_safetensors_find(file, "grad_last16"))
        VS_TRY(vs_verify_tensor(v, &last, file, "grad_last16", VS_DTYPE_F32, rows * DIGEST));
    const struct digests d = { l2, first, last };
    float *const slab = vs_new(sizeof(float) * (size_t)vs_model_slab_count(m));
    vs_err err = vs_model_slab_get(m, VS_SLAB_GRAD, slab);
    for (int i = 0; err == VS_OK && i < rows; i++) {
        const vs_param *const p = vs_model_param(m, i);
        const int row = row_of(list, p->name);
        if (row < 0)
            err = VS_FAIL(VS_ERR_CORRUPT, "the reference does not list %s", p->name);
        else
            vs_verify_row_add(v, p->name, digest_error(slab + p->offset, p->count, &d, row),
                              v->bound);
    }
    free(slab);
    return err;
}

/* ---- A model of one size and task ---------------------------------------------------- */

/* The comparisons of a task; `outputs` and `gradients` name their sections of the table. */
typedef vs_err check_fn(vs_verify *v, vs_model *m, const uint8_t *frames,
                        const vs_safetensors *file, const char *outputs, const char *gradients);

static vs_err check_seeded(vs_verify *v, const char *size, const char *task,
                           const vs_model_config *c, int visible, check_fn *check)
{
    vs_model *m = NULL;
    vs_safetensors *file = NULL;
    char *const name = vs_strf("%s_%s_prng", size, task);
    char *const outputs = vs_strf("%s %s outputs", size, task);
    char *const gradients = vs_strf("%s %s gradients", size, task);
    uint8_t *const frames = draw_frames(c);
    vs_err err = vs_verify_open(&file, v, name);
    if (err == VS_OK)
        err = vs_model_open(&m, v->dev, c, 1, visible, true);
    if (err == VS_OK)
        err = check(v, m, frames, file, outputs, gradients);
    v->section = "";
    vs_model_close(&m);
    vs_safetensors_close(&file);
    free(frames);
    free(outputs);
    free(gradients);
    free(name);
    return err;
}

/* ---- Pre-training ------------------------------------------------------------------ */

static vs_err compare_generator(vs_verify *v, vs_model *m, const uint8_t *frames,
                                const vs_safetensors *file)
{
    const char *const list = vs_safetensors_meta(file, "params");
    const int rows = list ? rows_in(list) : 0;
    const void *first, *pixels;
    VS_TRY(vs_verify_tensor(v, &first, file, "weights_first4", VS_DTYPE_F32, rows * 4));
    VS_TRY(vs_verify_tensor(v, &pixels, file, "frames_first64", VS_DTYPE_U8, 64));
    float *const slab = vs_new(sizeof(float) * (size_t)vs_model_slab_count(m));
    const vs_err err = vs_model_slab_get(m, VS_SLAB_WEIGHT, slab);
    int different = memcmp(frames, pixels, 64) != 0;
    for (int i = 0; err == VS_OK && i < vs_model_param_count(m); i++) {
        const vs_param *const p = vs_model_param(m, i);
        const int row = row_of(list, p->name);
        different += row < 0 || memcmp(slab + p->offset, (const float *)first + 4 * row,
                                       4 * sizeof(float)) != 0;
    }
    free(slab);
    if (err == VS_OK)
        vs_verify_row_add(v, "drawn weights and frames that differ", different, 0.0);
    return err;
}

/* Selected rows in full; mean and spread of all rows; mean of all columns. */
static vs_err compare_predictions(vs_verify *v, vs_model *m, const vs_safetensors *file, int M,
                                  int P)
{
    const void *index, *rows, *target_rows, *mean, *spread, *column;
    VS_TRY(vs_verify_tensor(v, &index, file, "pred_rows_idx", VS_DTYPE_I64, 4));
    VS_TRY(vs_verify_tensor(v, &rows, file, "pred_rows", VS_DTYPE_F32, 4 * P));
    VS_TRY(vs_verify_tensor(v, &target_rows, file, "target_rows", VS_DTYPE_F32, 4 * P));
    VS_TRY(vs_verify_tensor(v, &mean, file, "pred_row_mean", VS_DTYPE_F32, M));
    VS_TRY(vs_verify_tensor(v, &spread, file, "pred_row_std", VS_DTYPE_F32, M));
    VS_TRY(vs_verify_tensor(v, &column, file, "pred_col_mean", VS_DTYPE_F32, P));
    const size_t n = (size_t)M * (size_t)P;
    float *const pred = vs_new(4 * n), *const target = vs_new(4 * n);
    float *const got = vs_new(sizeof(float) * (size_t)(10 * P + 2 * M));
    float *const got_target = got + 4 * P, *const got_mean = got + 8 * P;
    float *const got_spread = got_mean + M, *const got_column = got_spread + M;
    vs_err err = vs_model_predictions(m, pred, target);
    for (int i = 0; err == VS_OK && i < 4; i++) {
        const int64_t row = ((const int64_t *)index)[i];
        if (row < 0 || row >= M) {
            err = VS_FAIL(VS_ERR_CORRUPT, "pred_rows_idx holds %lld", (long long)row);
            break;
        }
        memcpy(got + (size_t)i * P, pred + (size_t)row * P, sizeof(float) * (size_t)P);
        memcpy(got_target + (size_t)i * P, target + (size_t)row * P, sizeof(float) * (size_t)P);
    }
    double *const columns = vs_new(sizeof(double) * (size_t)P);
    for (int r = 0; err == VS_OK && r < M; r++) {
        double sum = 0.0, squares = 0.0;
        for (int k = 0; k < P; k++) {
            sum += (double)pred[(size_t)r * P + k];
            columns[k] += (double)pred[(size_t)r * P + k] / M;
        }
        for (int k = 0; k < P; k++) {
            const double d = (double)pred[(size_t)r * P + k] - sum / P;
            squares += d * d;
        }
        got_mean[r] = (float)(sum / P);
        got_spread[r] = (float)sqrt(squares / (P - 1));
    }
    if (err == VS_OK) {
        for (int k = 0; k < P; k++)
            got_column[k] = (float)columns[k];
        vs_verify_compare(v, "pred, four rows", got, rows, 4 * P);
        vs_verify_compare_fp32(v, "target, four rows", got_target, target_rows, 4 * P);
        vs_verify_compare(v, "pred, mean of each row", got_mean, mean, M);
        vs_verify_compare(v, "pred, deviation of each row", got_spread, spread, M);
        vs_verify_compare(v, "pred, mean of each column", got_column, column, P);
    }
    free(columns);
    free(pred);
    free(target);
    free(got);
    return err;
}

static vs_err compare_loss(vs_verify *v, vs_model *m, const vs_safetensors *file)
{
    const void *expected;
    float loss;
    VS_TRY(vs_verify_tensor(v, &expected, file, "loss", VS_DTYPE_F32, 1));
    VS_TRY(vs_model_loss(m, &loss));
    vs_verify_compare(v, "loss", &loss, expected, 1);
    return VS_OK;
}

static vs_err pretrain(vs_verify *v, vs_model *m, const uint8_t *frames,
                       const vs_safetensors *file, const char *outputs, const char *gradients)
{
    const vs_model_config *const c = vs_model_configuration(m);
    const int N = vs_model_tokens(c), P = 3 * c->tubelet * c->patch * c->patch;
    const void *mask;
    VS_TRY(vs_verify_tensor(v, &mask, file, "mask", VS_DTYPE_U8, N));
    VS_TRY(draw_weights(m));
    const vs_batch batch = { .B = 1, .frames = frames, .mask = mask };
    vs_verify_section(v, outputs, VS_VERIFY_FORWARD, m);
    VS_TRY(compare_generator(v, m, frames, file));
    VS_TRY(vs_model_forward(m, &batch));
    VS_TRY(compare_predictions(v, m, file, N * 3 / 4, P));
    VS_TRY(compare_loss(v, m, file));
    vs_model_zero_grad(m);
    VS_TRY(vs_model_backward(m, 1.0f));
    vs_verify_section(v, gradients, VS_VERIFY_GRADIENT, m);
    return compare_gradients(v, m, file);
}

vs_err vs_verify_seeded_pretrain(vs_verify *v, const char *size)
{
    vs_model_config c;
    VS_TRY(vs_model_config_named(&c, VS_TASK_PRETRAIN, size));
    const int N = vs_model_tokens(&c);
    return check_seeded(v, size, "pretrain", &c, N - N * 3 / 4, pretrain);
}

/* ---- Fine-tuning ------------------------------------------------------------------- */

static vs_err finetune(vs_verify *v, vs_model *m, const uint8_t *frames,
                       const vs_safetensors *file, const char *outputs, const char *gradients)
{
    const void *label, *logits;
    float ours[CLASSES], target[CLASSES];
    VS_TRY(vs_verify_tensor(v, &label, file, "label", VS_DTYPE_I64, 1));
    VS_TRY(vs_verify_tensor(v, &logits, file, "logits", VS_DTYPE_F32, CLASSES));
    vs_verify_smooth(target, label, 1, CLASSES);
    VS_TRY(draw_weights(m));
    const vs_batch batch = { .B = 1, .frames = frames, .target = target };
    vs_verify_section(v, outputs, VS_VERIFY_FORWARD, m);
    VS_TRY(vs_model_forward(m, &batch));
    VS_TRY(vs_model_logits(m, ours));
    vs_verify_compare(v, "logits", ours, logits, CLASSES);
    VS_TRY(compare_loss(v, m, file));
    if (!vs_safetensors_find(file, "grad_l2"))
        return VS_OK;
    vs_model_zero_grad(m);
    VS_TRY(vs_model_backward(m, 1.0f));
    vs_verify_section(v, gradients, VS_VERIFY_GRADIENT, m);
    return compare_gradients(v, m, file);
}

vs_err vs_verify_seeded_finetune(vs_verify *v, const char *size)
{
    vs_model_config c;
    VS_TRY(vs_model_config_named(&c, VS_TASK_CLASSIFY, size));
    c.classes = CLASSES;
    return check_seeded(v, size, "finetune", &c, 0, finetune);
}
