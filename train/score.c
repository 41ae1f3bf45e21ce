#include "train/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/shard.h"
#include "train/run.h"

struct vs_scorer {
    char *path;
    vs_device *dev;
    vs_model *model;
    int batch;
    char **class_name;
    int n_names;
    float *logits;                 /* (batch, classes) */
    double *sum;                   /* (classes) */
};

static vs_err open_model(vs_scorer *s, const char *device, vs_precision precision, int threads)
{
    vs_model_config config;
    VS_TRY(vs_model_config_read(&config, &s->class_name, &s->n_names, s->path));
    if (config.task != VS_TASK_CLASSIFY)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: is a pre-trained model without a classifier; "
                       "fine-tune it first", s->path);
    VS_TRY(vs_device_open_local(&s->dev, device, vs_shard_local(), threads));
    vs_device_set_precision(s->dev, precision);
    VS_TRY(vs_model_open(&s->model, s->dev, &config, s->batch, 0, false));
    VS_TRY(vs_model_load(s->model, s->path, false));
    s->logits = vs_new(sizeof(*s->logits) * (size_t)s->batch * (size_t)config.classes);
    s->sum = vs_new(sizeof(*s->sum) * (size_t)config.classes);
    return VS_OK;
}

vs_err vs_scorer_open(vs_scorer **out, const char *path, const char *device,
                      vs_precision precision, int threads, int batch)
{
    VS_ASSERT(batch > 0);
    *out = NULL;
    vs_scorer *s = vs_new(sizeof(*s));
    s->batch = batch;
    vs_err err = vs_run_model(&s->path, path);
    if (err == VS_OK)
        err = open_model(s, device, precision, threads);
    if (err != VS_OK) {
        vs_scorer_close(&s);
        return err;
    }
    *out = s;
    return VS_OK;
}

void vs_scorer_close(vs_scorer **scorer)
{
    vs_scorer *s = *scorer;
    if (!s)
        return;
    vs_model_close(&s->model);
    vs_device_close(&s->dev);
    vs_names_free(s->class_name, s->n_names);
    free(s->logits);
    free(s->sum);
    free(s->path);
    free(s);
    *scorer = NULL;
}

const vs_model_config *vs_scorer_config(const vs_scorer *scorer)
{
    return vs_model_configuration(scorer->model);
}

const char *const *vs_scorer_class_names(const vs_scorer *scorer, int *n)
{
    *n = scorer->n_names;
    return scorer->n_names ? (const char *const *)scorer->class_name : NULL;
}

const char *vs_scorer_path(const vs_scorer *scorer)
{
    return scorer->path;
}

static void add_softmax(double *sum, const float *logits, int classes)
{
    double most = (double)logits[0], total = 0;
    for (int c = 1; c < classes; c++)
        most = fmax(most, (double)logits[c]);
    for (int c = 0; c < classes; c++)
        total += exp((double)logits[c] - most);
    for (int c = 0; c < classes; c++)
        sum[c] += exp((double)logits[c] - most) / total;
}

vs_err vs_scorer_videos(vs_scorer *s, const uint8_t *views, int n, int K, float *probability)
{
    const vs_model_config *m = vs_scorer_config(s);
    const int classes = m->classes;
    const size_t view = (size_t)m->T * (size_t)m->H * (size_t)m->W * 3;
    int64_t at = 0;
    for (int64_t left = (int64_t)n * K; left > 0;) {
        const int B = left < s->batch ? (int)left : s->batch;
        const vs_batch batch = { .B = B, .frames = views + (size_t)at * view };
        VS_TRY(vs_model_forward(s->model, &batch));
        VS_TRY(vs_model_logits(s->model, s->logits));
        for (int b = 0; b < B; b++, at++) {
            if (at % K == 0)
                memset(s->sum, 0, sizeof(*s->sum) * (size_t)classes);
            add_softmax(s->sum, s->logits + (size_t)b * (size_t)classes, classes);
            for (int c = 0; c < classes && at % K == K - 1; c++)
                probability[at / K * classes + c] = (float)(s->sum[c] / K);
        }
        left -= B;
    }
    return VS_OK;
}

int vs_scorer_batch(const vs_scorer *scorer)
{
    return scorer->batch;
}

bool vs_scorer_on_cpu(const vs_scorer *scorer)
{
    return !vs_device_is_cuda(scorer->dev);
}

vs_precision vs_scorer_precision(const vs_scorer *scorer)
{
    return vs_device_precision(scorer->dev);
}

vs_err vs_scorer_check_split(const vs_scorer *s, const vs_split *split)
{
    const int classes = vs_scorer_config(s)->classes;
    if (split->classes == 0)
        return VS_FAIL(VS_ERR_CORRUPT, "the split has no labels to test against");
    if (split->classes != classes)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: knows %d classes, the split has %d", s->path, classes,
                       split->classes);
    for (int c = 0; c < s->n_names; c++)
        if (strcmp(s->class_name[c], split->class_name[c]) != 0)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: class %d is %s, in the split it is %s", s->path,
                           c, s->class_name[c], split->class_name[c]);
    for (int i = 0; i < split->n; i++)
        if (split->clip[i].label < 0 || split->clip[i].label >= classes)
            return VS_FAIL(VS_ERR_CORRUPT, "clip %lld (%s): has label %d, expected 0..%d",
                           (long long)split->clip[i].id, split->clip[i].name,
                           split->clip[i].label, classes - 1);
    return VS_OK;
}

vs_err vs_views_parse(int *segments, int *crops, const char *text)
{
    int end = 0;
    if (sscanf(text, "%4dx%4d%n", segments, crops, &end) < 2 || text[end] || *segments < 1 ||
        *crops < 1)
        return VS_FAIL(VS_ERR_USAGE, "--views: expected SEGMENTSxCROPS such as 5x3, got \"%s\"",
                       text);
    return VS_OK;
}

int vs_rank_of(const float *probability, int classes, int label)
{
    int rank = 0;
    for (int c = 0; c < classes; c++)
        rank += probability[c] > probability[label] ||
                (c < label && probability[c] == probability[label]);
    return rank;
}

vs_err vs_clip_parse(char **store, int64_t *id, const char *text)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    *id = colon ? strtoll(colon + 1, &end, 10) : 0;
    if (!colon || end == colon + 1 || *end)
        return VS_FAIL(VS_ERR_USAGE, "expected STORE:ID (vsyn-ingest list STORE names the ids), "
                       "got \"%s\"", text);
    *store = vs_strf("%.*s", (int)(colon - text), text);
    return VS_OK;
}
