#include "eval/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/stop.h"

#define GROUP_BYTES (512.0 * 1024 * 1024)      /* views in memory, each of the two groups */
#define THUMB 128                              /* pixels along the longer side */
#define STRIP 6                                /* frames of the strip of a temporal corruption */
#define STRIP_HEIGHT 56

/* One video, made ready by a worker. */
struct slot {
    vs_evaluator *e;
    int place;                     /* in the split */
    const vs_cell_plan *plan;
    const vs_corrupter *corrupter;
    uint8_t *views, *plain;        /* (K, T, H, W, 3), (T, H, W, 3) */
    char *thumb;                   /* data URI for the first video, else NULL */
    char *strip;                   /* clean only */
    vs_err err;
    char detail[512];
};

struct vs_evaluator {
    const vs_evaluation *e;
    vs_pool *pool;
    vs_reader **reader;            /* (threads) */
    struct slot *slot[2];          /* two groups of `slots` */
    int slots, threads, K;
    size_t view;                   /* bytes */
    float *probability;
    vs_result *result;
};

const char *vs_cell_name(const vs_cell_plan *plan)
{
    return plan->corruption ? plan->corruption->name : "clean";
}

/* ---- Pictures for the report -------------------------------------------------------------- */

/* (H, W) shrunk to w x h into columns x.. of a picture `stride` pixels wide. */
static void shrink(uint8_t *dst, int stride, const uint8_t *src, int H, int W, int h, int w)
{
    vs_resize *plan = vs_resize_new(W, H, (vs_rect){ 0, 0, W, H }, w, h, false);
    uint8_t *small = vs_new((size_t)w * (size_t)h * 3);
    void *tmp = vs_new(vs_resize_scratch(plan));
    vs_resize_run(plan, small, src, tmp);
    for (int y = 0; y < h; y++)
        memcpy(dst + (size_t)y * (size_t)stride * 3, small + (size_t)y * (size_t)w * 3,
               (size_t)w * 3);
    vs_resize_free(&plan);
    free(small);
    free(tmp);
}

static char *frame_thumb(const uint8_t *frame, int H, int W)
{
    const int longer = H > W ? H : W, most = longer < THUMB ? longer : THUMB;
    const int h = H * most / longer > 0 ? H * most / longer : 1;
    const int w = W * most / longer > 0 ? W * most / longer : 1;
    uint8_t *small = vs_new((size_t)w * (size_t)h * 3);
    shrink(small, w, frame, H, W, h, w);
    char *uri = vs_png_data_uri(w, h, small);
    free(small);
    return uri;
}

/* STRIP frames of a view, evenly spread, side by side. */
static char *strip_thumb(const uint8_t *view, int T, int H, int W)
{
    const int h = H < STRIP_HEIGHT ? H : STRIP_HEIGHT, w = W * h / H > 0 ? W * h / H : 1;
    const int width = STRIP * (w + 2) - 2;
    uint8_t *picture = vs_new((size_t)width * (size_t)h * 3);
    memset(picture, 128, (size_t)width * (size_t)h * 3);
    for (int i = 0; i < STRIP; i++)
        shrink(picture + (size_t)i * (size_t)(w + 2) * 3, width,
               view + (size_t)(i * (T - 1) / (STRIP - 1)) * (size_t)H * (size_t)W * 3, H, W, h, w);
    char *uri = vs_png_data_uri(width, h, picture);
    free(picture);
    return uri;
}

static void make_thumbs(struct slot *s)
{
    const vs_model_config *m = vs_scorer_config(s->e->e->scorer);
    const uint8_t *view = s->views + s->e->view * (size_t)(s->e->K / 2);
    const uint8_t *middle = view + (size_t)(m->T / 2) * (size_t)m->H * (size_t)m->W * 3;
    const vs_corruption *c = s->plan->corruption;
    if (!c)
        s->strip = strip_thumb(view, m->T, m->H, m->W);
    s->thumb = c && c->temporal ? strip_thumb(view, m->T, m->H, m->W)
                                : frame_thumb(middle, m->H, m->W);
}

/* ---- Making the views of a video ---------------------------------------------------------- */

static vs_err corrupt_all(vs_video *video, const vs_corrupter *corrupter, uint64_t seed)
{
    uint8_t *rgb = malloc((size_t)video->F * (size_t)video->h * (size_t)video->w * 3);
    if (!rgb)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a video of %d frames", video->F);
    const vs_err err = vs_corrupter_run(corrupter, rgb, &video->F, video->rgb, video->F, video->h,
                                        video->w, seed, NULL);
    free(video->rgb);
    video->rgb = rgb;
    return err;
}

/* Every stride-th frame. */
static void keep_strided(vs_video *video, int stride)
{
    const size_t frame = (size_t)video->h * (size_t)video->w * 3;
    video->F = (video->F + stride - 1) / stride;
    for (int i = 1; i < video->F; i++)
        memcpy(video->rgb + frame * (size_t)i, video->rgb + frame * (size_t)(i * stride), frame);
}

/* Corruptions of the whole video: at the stride, or at its own rate and then at the stride. */
static vs_err corrupt_video(struct slot *s, vs_video *video, const vs_clip *clip)
{
    const vs_evaluation *e = s->e->e;
    const vs_corruption *c = s->plan->corruption;
    const uint64_t seed = vs_corrupt_seed(e->seed, clip->id, c, s->plan->severity, 0);
    if (!c->stream)
        return corrupt_all(video, s->corrupter, seed);
    vs_corrupt_options options = e->options;
    vs_corrupter *corrupter;
    options.fps = clip->fps;
    VS_TRY(vs_corrupter_open(&corrupter, c, s->plan->severity, &options));
    const vs_err err = corrupt_all(video, corrupter, seed);
    vs_corrupter_close(&corrupter);
    if (err == VS_OK)
        keep_strided(video, vs_scorer_config(e->scorer)->stride);
    return err;
}

static vs_err make_views(struct slot *s, vs_video *video, const vs_clip *clip)
{
    const vs_evaluation *e = s->e->e;
    const vs_model_config *m = vs_scorer_config(e->scorer);
    const vs_corruption *c = s->plan->corruption;
    const int severity = s->plan->severity;
    const bool per_view = c && !c->temporal && !c->stream;
    if (c && !per_view)
        VS_TRY(corrupt_video(s, video, clip));
    for (int k = 0; k < s->e->K; k++) {
        uint8_t *view = s->views + s->e->view * (size_t)k;
        vs_video_view(video, m->T, m->H, m->W, e->segments, e->crops, k,
                      per_view ? s->plain : view);
        if (per_view)
            VS_TRY(vs_corrupter_run(s->corrupter, view, NULL, s->plain, m->T, m->H, m->W,
                                    vs_corrupt_seed(e->seed, clip->id, c, severity, k), NULL));
    }
    return VS_OK;
}

static vs_err make_video(struct slot *s, int worker)
{
    const vs_evaluation *e = s->e->e;
    const vs_model_config *m = vs_scorer_config(e->scorer);
    const vs_clip *clip = &e->split->clip[s->place];
    const vs_corruption *c = s->plan->corruption;
    vs_video video = { 0 };
    VS_TRY(vs_video_read(&video, s->e->reader[worker], clip, c && c->stream ? 1 : m->stride,
                         m->H < m->W ? m->H : m->W));
    const vs_err err = make_views(s, &video, clip);
    vs_video_free(&video);
    if (err == VS_OK && s->place == 0)
        make_thumbs(s);
    return err;
}

static void slot_job(void *arg, int worker)
{
    struct slot *s = arg;
    s->err = make_video(s, worker);
    if (s->err != VS_OK)
        snprintf(s->detail, sizeof(s->detail), "%s", vs_err_detail());
}

/* ---- Scoring ------------------------------------------------------------------------------ */

static vs_err score(struct slot *s, vs_result *out)
{
    const vs_evaluation *e = s->e->e;
    const int classes = vs_scorer_config(e->scorer)->classes;
    const vs_clip *clip = &e->split->clip[s->place];
    float *p = s->e->probability;
    int best = 0;
    if (s->err != VS_OK)
        return VS_FAIL(s->err, "%s", s->detail);
    VS_TRY(vs_scorer_views(e->scorer, s->views, s->e->K, p));
    for (int c = 1; c < classes; c++)
        best = p[c] > p[best] ? c : best;
    *out = (vs_result){ .clip = clip->id, .predicted = best,
                        .rank = vs_rank_of(p, classes, clip->label),
                        .probability = (double)p[clip->label] };
    return VS_OK;
}

static vs_err keep_thumbs(struct slot *s)
{
    vs_results_db *db = s->e->e->db;
    const char *name = vs_cell_name(s->plan);
    vs_err err = VS_OK;
    if (s->thumb)
        err = vs_results_thumb(db, name, s->plan->severity, s->thumb);
    if (err == VS_OK && s->strip)
        err = vs_results_thumb(db, "clean strip", 0, s->strip);
    free(s->thumb);
    free(s->strip);
    s->thumb = s->strip = NULL;
    return err;
}

static void submit(struct vs_evaluator *ev, struct slot *group, const int *place, int n,
                   const vs_cell_plan *plan, const vs_corrupter *corrupter)
{
    for (int i = 0; i < n; i++) {
        group[i].place = place[i];
        group[i].plan = plan;
        group[i].corrupter = corrupter;
        vs_pool_submit(ev->pool, slot_job, &group[i]);
    }
}

static vs_err finish(struct vs_evaluator *ev, struct slot *group, int n, const vs_cell_plan *plan)
{
    for (int i = 0; i < n; i++)
        VS_TRY(score(&group[i], &ev->result[i]));
    /* Results last: whoever goes on after a kill takes what has a result for done. */
    for (int i = 0; i < n; i++)
        VS_TRY(keep_thumbs(&group[i]));
    return vs_results_add(ev->e->db, vs_cell_name(plan), plan->severity, ev->result, n);
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static vs_err score_places(struct vs_evaluator *ev, const int *place, int n,
                           const vs_cell_plan *plan, const vs_corrupter *corrupter,
                           vs_progress *progress)
{
    vs_err err = VS_OK;
    submit(ev, ev->slot[0], place, min_int(n, ev->slots), plan, corrupter);
    for (int at = 0, bank = 0; at < n && err == VS_OK; at += ev->slots, bank = !bank) {
        const int here = min_int(n - at, ev->slots), next = at + here;
        vs_pool_wait(ev->pool);
        const bool stop = vs_stop_requested();
        if (!stop && next < n)
            submit(ev, ev->slot[!bank], place + next, min_int(n - next, ev->slots), plan,
                   corrupter);
        err = finish(ev, ev->slot[bank], here, plan);
        if (err == VS_OK)
            vs_progress_add(progress, here);
        if (err == VS_OK && stop)
            err = VS_FAIL(VS_ERR_STOPPED, "stopped");
    }
    vs_pool_wait(ev->pool);
    return err;
}

vs_err vs_evaluator_cell(vs_evaluator *ev, const vs_cell_plan *plan, vs_progress *progress)
{
    const int videos = ev->e->split->n;
    bool *done = vs_new(sizeof(*done) * (size_t)videos);
    int *place = vs_new(sizeof(*place) * (size_t)videos), n = 0;
    vs_corrupter *corrupter = NULL;
    vs_err err = vs_results_done(ev->e->db, vs_cell_name(plan), plan->severity, done);
    for (int i = 0; i < videos; i++)
        if (!done[i])
            place[n++] = i;
    if (err == VS_OK && n && plan->corruption)
        err = vs_corrupter_open(&corrupter, plan->corruption, plan->severity, &ev->e->options);
    if (err == VS_OK && n)
        err = score_places(ev, place, n, plan, corrupter, progress);
    vs_corrupter_close(&corrupter);
    free(done);
    free(place);
    return err;
}

vs_err vs_evaluator_time(vs_evaluator *ev, double *seconds)
{
    static const vs_cell_plan clean = { 0 };
    struct slot *s = &ev->slot[0][0];
    for (int i = 0; i < 2; i++) {              /* the first time warms up */
        const double start = vs_now();
        submit(ev, s, &(int){ 0 }, 1, &clean, NULL);
        vs_pool_wait(ev->pool);
        const vs_err err = score(s, &ev->result[0]);
        free(s->thumb);
        free(s->strip);
        s->thumb = s->strip = NULL;
        VS_TRY(err);
        *seconds = vs_now() - start;
    }
    return VS_OK;
}

/* ---- Opening ------------------------------------------------------------------------------ */

double vs_evaluator_memory(const vs_evaluator *ev)
{
    return 2.0 * ev->slots * (double)ev->view * (ev->K + 1);
}

static vs_err open_slots(vs_evaluator *ev)
{
    for (int bank = 0; bank < 2; bank++) {
        ev->slot[bank] = vs_new(sizeof(struct slot) * (size_t)ev->slots);
        for (int i = 0; i < ev->slots; i++) {
            struct slot *s = &ev->slot[bank][i];
            s->e = ev;
            s->views = malloc(ev->view * (size_t)(ev->K + 1));
            if (!s->views)
                return VS_FAIL(VS_ERR_NOMEM, "no memory for the %d views of a video", ev->K);
            s->plain = s->views + ev->view * (size_t)ev->K;
        }
    }
    return VS_OK;
}

vs_err vs_evaluator_open(vs_evaluator **out, const vs_evaluation *e)
{
    const vs_model_config *m = vs_scorer_config(e->scorer);
    vs_evaluator *ev = vs_new(sizeof(*ev));
    ev->e = e;
    ev->K = e->segments * e->crops;
    ev->view = (size_t)m->T * (size_t)m->H * (size_t)m->W * 3;
    ev->probability = vs_new(sizeof(float) * (size_t)m->classes);
    vs_err err = vs_pool_open(&ev->pool, e->threads, 0);
    if (err == VS_OK) {
        const double fit = GROUP_BYTES / ((double)ev->view * (ev->K + 1));
        ev->threads = vs_pool_threads(ev->pool);
        ev->slots = fit >= 2 * ev->threads ? 2 * ev->threads : fit > 1 ? (int)fit : 1;
        ev->reader = vs_new(sizeof(*ev->reader) * (size_t)ev->threads);
        ev->result = vs_new(sizeof(*ev->result) * (size_t)ev->slots);
        err = open_slots(ev);
    }
    for (int i = 0; err == VS_OK && i < ev->threads; i++)
        err = vs_reader_open(&ev->reader[i], e->store);
    if (err != VS_OK)
        vs_evaluator_close(&ev);
    *out = ev;
    return err;
}

void vs_evaluator_close(vs_evaluator **evaluator)
{
    vs_evaluator *ev = *evaluator;
    if (!ev)
        return;
    vs_pool_close(&ev->pool);
    for (int i = 0; ev->reader && i < ev->threads; i++)
        vs_reader_close(&ev->reader[i]);
    for (int bank = 0; bank < 2; bank++) {
        for (int i = 0; ev->slot[bank] && i < ev->slots; i++) {
            free(ev->slot[bank][i].views);
            free(ev->slot[bank][i].thumb);
            free(ev->slot[bank][i].strip);
        }
        free(ev->slot[bank]);
    }
    free(ev->reader);
    free(ev->result);
    free(ev->probability);
    free(ev);
    *evaluator = NULL;
}
