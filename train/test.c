/* vsyn-train test: top-1 and top-5 of a classifier over a split, views averaged. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "train/commands.h"
#include "train/data/ahead.h"
#include "train/score.h"

struct settings {
    vs_common common;
    const char *model, *store, *split, *views, *device;
    int batch, precision;
};

#define AT(field) .at = offsetof(struct settings, field)
const vs_opt vs_test_opts[] = {
    { .name = "model", .kind = VS_OPT_TEXT, AT(model), .arg = "RUN|MODEL", .required = true,
      .help = "a run (its best checkpoint) or a model" },
    { .name = "store", .kind = VS_OPT_TEXT, AT(store), .arg = "STORE", .required = true,
      .help = "labelled clips" },
    { .name = "split", .kind = VS_OPT_TEXT, AT(split), .def = "test", .arg = "NAME",
      .help = "which of them" },
    VS_OPTS_SCORING(struct settings),
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const size_t vs_test_settings_size = sizeof(struct settings);

#define SLOTS 3

struct test {
    const struct settings *s;
    vs_scorer *scorer;
    vs_store *store;
    vs_split split;
    int segments, crops;
    vs_reader **reader;            /* (threads) */
    int threads;
    size_t view_bytes;
    uint8_t *views[SLOTS];         /* (segments*crops, T, H, W, 3) */
    int64_t clip[SLOTS];
    int64_t n, top1, top5;
};

static vs_err begin(void *ctx, int slot, int64_t group)
{
    ((struct test *)ctx)->clip[slot] = group;
    return VS_OK;
}

static vs_err make(void *ctx, int slot, int part, int worker)
{
    struct test *t = ctx;
    const vs_model_config *m = vs_scorer_config(t->scorer);
    const vs_clip *clip = &t->split.clip[t->clip[slot]];
    vs_video video;
    (void)part;
    VS_TRY(vs_video_read(&video, t->reader[worker], clip, m->stride, m->H > m->W ? m->H : m->W));
    for (int k = 0; k < t->segments * t->crops; k++)
        vs_video_view(&video, m->T, m->H, m->W, t->segments, t->crops, k,
                      t->views[slot] + (size_t)k * t->view_bytes);
    vs_video_free(&video);
    return VS_OK;
}

static vs_err open_all(struct test *t)
{
    const struct settings *s = t->s;
    VS_TRY(vs_views_parse(&t->segments, &t->crops, s->views));
    VS_TRY(vs_scorer_open(&t->scorer, s->model, s->device, (vs_precision)s->precision,
                             s->common.jobs, s->batch));
    VS_TRY(vs_store_open(&t->store, s->store));
    VS_TRY(vs_store_split(&t->split, t->store, s->split));
    VS_TRY(vs_scorer_check_split(t->scorer, &t->split));
    const vs_model_config *m = vs_scorer_config(t->scorer);
    t->view_bytes = (size_t)m->T * (size_t)m->H * (size_t)m->W * 3;
    for (int i = 0; i < SLOTS; i++) {
        t->views[i] = malloc((size_t)t->segments * (size_t)t->crops * t->view_bytes);
        if (!t->views[i])
            return VS_FAIL(VS_ERR_NOMEM, "--views %s do not fit in memory", s->views);
    }
    t->threads = s->common.jobs;
    t->reader = vs_new(sizeof(vs_reader *) * (size_t)t->threads);
    for (int i = 0; i < t->threads; i++)
        VS_TRY(vs_reader_open(&t->reader[i], t->store));
    return VS_OK;
}

static vs_err score_all(struct test *t, vs_ahead *ahead, vs_progress *progress)
{
    const int classes = vs_scorer_config(t->scorer)->classes;
    float *probability = vs_new(sizeof(*probability) * (size_t)classes);
    vs_err err = VS_OK;
    while (err == VS_OK && t->n < t->split.n) {
        int slot;
        err = vs_ahead_take(ahead, &slot);
        if (err == VS_OK)
            err = vs_scorer_videos(t->scorer, t->views[slot], 1, t->segments * t->crops,
                                   probability);
        if (err == VS_OK) {
            const int rank = vs_rank_of(probability, classes, t->split.clip[t->n].label);
            t->top1 += rank < 1;
            t->top5 += rank < 5;
            t->n++;
            vs_progress_note(progress, "top-1 %.1f%%", 100.0 * (double)t->top1 / (double)t->n);
            vs_progress_add(progress, 1);
        }
        if (err == VS_OK && t->n < t->split.n && vs_stop_requested())
            err = VS_FAIL(VS_ERR_STOPPED, "stopped after %lld of %d clips; nothing is kept of a "
                          "test, start it again", (long long)t->n, t->split.n);
    }
    free(probability);
    return err;
}

static void print_result(const struct test *t)
{
    const struct settings *s = t->s;
    const double n = (double)t->n, top1 = (double)t->top1 / n, top5 = (double)t->top5 / n;
    if (!s->common.json) {
        printf("top-1 %.2f%%  top-5 %.2f%%  n %lld  (%s of %s, views %s, %s)\n", 100 * top1,
               100 * top5, (long long)t->n, s->split, s->store, s->views,
               vs_scorer_path(t->scorer));
        return;
    }
    json_t *out = json_object();
    json_object_set_new(out, "top1", json_real(top1));
    json_object_set_new(out, "top5", json_real(top5));
    json_object_set_new(out, "n", json_integer(t->n));
    json_object_set_new(out, "views", json_string(s->views));
    json_object_set_new(out, "split", json_string(s->split));
    json_object_set_new(out, "store", json_string(s->store));
    json_object_set_new(out, "model", json_string(vs_scorer_path(t->scorer)));
    vs_json_print(out);
}

static void close_all(struct test *t)
{
    for (int i = 0; i < t->threads; i++)
        vs_reader_close(&t->reader[i]);
    free(t->reader);
    for (int i = 0; i < SLOTS; i++)
        free(t->views[i]);
    vs_split_free(&t->split);
    vs_store_close(&t->store);
    vs_scorer_close(&t->scorer);
}

vs_err vs_train_test(vs_call *call)
{
    struct test t = { .s = call->settings };
    vs_ahead *ahead = NULL;
    vs_err err = open_all(&t);
    if (err == VS_OK) {
        const vs_ahead_work work = { .ctx = &t, .begin = begin, .make = make, .slots = SLOTS,
                                     .parts = 1, .threads = t.threads, .groups = t.split.n };
        err = vs_ahead_open(&ahead, &work);
    }
    if (err == VS_OK) {
        vs_progress *progress = vs_progress_start("test", "clips", t.split.n);
        err = score_all(&t, ahead, progress);
        vs_progress_end(&progress);
    }
    if (err == VS_OK)
        print_result(&t);
    vs_ahead_close(&ahead);
    close_all(&t);
    return err;
}
