/* vsyn-train predict: what a classifier sees in one clip. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/commands.h"
#include "train/footage.h"
#include "train/score.h"

struct settings {
    vs_common common;
    const char *model, *views, *device;
    int batch, precision, top;
};

#define AT(field) .at = offsetof(struct settings, field)
const vs_opt vs_predict_opts[] = {
    { .name = "model", .kind = VS_OPT_TEXT, AT(model), .arg = "RUN|MODEL", .required = true,
      .help = "a run (its best checkpoint) or a model" },
    { .name = "top", .kind = VS_OPT_INT, AT(top), .def = "5", .min = 1, .max = 100000,
      .arg = "N", .help = "how many classes to print" },
    VS_OPTS_SCORING(struct settings),
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const size_t vs_predict_settings_size = sizeof(struct settings);

static vs_err score_clip(float *probability, vs_scorer *scorer, const char *name,
                         const struct settings *s)
{
    const vs_model_config *m = vs_scorer_config(scorer);
    const size_t bytes = (size_t)m->T * (size_t)m->H * (size_t)m->W * 3;
    const vs_footage_options from = { .stride = m->stride, .short_side = m->H > m->W ? m->H : m->W,
                                      .seed = (uint64_t)s->common.seed, .jobs = s->common.jobs };
    int segments, crops;
    vs_video video = { 0 };
    VS_TRY(vs_views_parse(&segments, &crops, s->views));
    uint8_t *views = malloc((size_t)segments * (size_t)crops * bytes);
    vs_err err = views ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "--views %s do not fit", s->views);
    if (err == VS_OK)
        err = vs_footage_read(&video, name, &from);
    for (int k = 0; err == VS_OK && k < segments * crops; k++)
        vs_video_view(&video, m->T, m->H, m->W, segments, crops, k, views + (size_t)k * bytes);
    if (err == VS_OK)
        err = vs_scorer_videos(scorer, views, 1, segments * crops, probability);
    vs_video_free(&video);
    free(views);
    return err;
}

static void print_classes(const vs_scorer *scorer, const float *probability,
                          const struct settings *s)
{
    const int classes = vs_scorer_config(scorer)->classes;
    int n_names;
    const char *const *name = vs_scorer_class_names(scorer, &n_names);
    json_t *list = json_array();
    for (int rank = 0; rank < s->top && rank < classes; rank++) {
        int c = 0;
        while (vs_rank_of(probability, classes, c) != rank)
            c++;
        char number[32];
        snprintf(number, sizeof(number), "%d", c);
        const char *text = name && c < n_names ? name[c] : number;
        if (s->common.json) {
            json_t *row = json_object();
            json_object_set_new(row, "class", json_string(text));
            json_object_set_new(row, "probability", json_real((double)probability[c]));
            json_array_append_new(list, row);
        } else {
            printf("%6.2f%%  %s\n", 100.0 * (double)probability[c], text);
        }
    }
    if (s->common.json) {
        json_t *out = json_object();
        json_object_set(out, "top", list);
        vs_json_print(out);
    }
    json_decref(list);
}

vs_err vs_train_predict(vs_call *call)
{
    const struct settings *s = call->settings;
    vs_scorer *scorer = NULL;
    float *probability = NULL;
    vs_err err = vs_scorer_open(&scorer, s->model, s->device, (vs_precision)s->precision,
                                s->common.jobs, s->batch);
    if (err == VS_OK) {
        probability = vs_new(sizeof(*probability) * (size_t)vs_scorer_config(scorer)->classes);
        err = score_clip(probability, scorer, call->args[0], s);
    }
    if (err == VS_OK)
        print_classes(scorer, probability, s);
    free(probability);
    vs_scorer_close(&scorer);
    return err;
}
