/* One pass over a sample of a set. See measure.h. */
#include "eval/sets/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/image.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/stop.h"
#include "eval/sets/describe.h"
#include "eval/sets/lab.h"

enum { SIDE = VS_DESCRIBE_SIDE, THUMB_BYTES = VS_THUMB * VS_THUMB * 3 };

/* What is kept from video to video by one worker; made anew where the size changes. */
struct worker {
    vs_set_reader *reader;
    vs_falloff *falloff;
    vs_resize *small;
    int side;
    float *luma, *row;             /* (side, side), (side, 3) */
    void *tmp;
};

/* One video, and what a worker found. */
struct slot {
    int item;
    vs_set_clip clip;
    vs_err err;
    char detail[512];
    double alpha[64], ring[VS_FALLOFF_RINGS];  /* sums of the rings over frames with an alpha */
    vs_moments colour;
    float *lab, *frame;            /* (T, 64, 64, 3), (T, 128) */
    float video[VS_DESCRIBE_VIDEO];
};

struct pass {
    vs_measured *out;
    vs_set *set;
    const vs_measure_options *o;
    struct worker *worker;
    struct slot *slot;
    int threads, *item, n, done;   /* n items; those done */
    vs_lab_table table;
    float *still, *whole;          /* of the model */
};

/* ---- One video ---------------------------------------------------------------------------- */

static void worker_empty(struct worker *w)
{
    vs_falloff_close(&w->falloff);
    vs_resize_free(&w->small);
    free(w->luma);
    free(w->row);
    free(w->tmp);
    w->luma = w->row = w->tmp = NULL;
    w->side = 0;
}

static vs_err worker_fit(struct worker *w, int side)
{
    if (w->side == side)
        return VS_OK;
    worker_empty(w);
    VS_TRY(vs_falloff_open(&w->falloff, side));
    w->small = vs_resize_new(side, side, (vs_rect){ 0, 0, side, side }, SIDE, SIDE, false);
    w->luma = malloc(sizeof(float) * (size_t)side * (size_t)side);
    w->row = malloc(sizeof(float) * (size_t)side * 3);
    w->tmp = w->small ? malloc(vs_resize_scratch(w->small)) : NULL;
    if (!w->luma || !w->row || !w->tmp)
        return VS_FAIL(VS_ERR_NOMEM, "no memory to measure frames of %d x %d", side, side);
    w->side = side;
    return VS_OK;
}

static void measure_frame(struct pass *p, struct slot *s, struct worker *w, int t)
{
    const int side = s->clip.side;
    const size_t row = (size_t)side * 3;
    const uint8_t *rgb = s->clip.rgb + (size_t)t * (size_t)side * row;
    uint8_t small[SIDE * SIDE * 3];
    double ring[VS_FALLOFF_RINGS];
    vs_falloff_luma(w->luma, rgb, side);
    s->alpha[t] = vs_falloff_fit(w->falloff, w->luma, ring);
    for (int j = 0; j < vs_falloff_rings(side) && isfinite(s->alpha[t]); j++)
        s->ring[j] += ring[j];
    for (int y = 0; y < side; y++) {
        vs_lab_convert(w->row, rgb + (size_t)y * row, (size_t)side, &p->table);
        vs_moments_add(&s->colour, w->row, side);
    }
    if (p->o->model)
        return;
    float *lab = s->lab + (size_t)t * SIDE * SIDE * 3;
    vs_resize_run(w->small, small, rgb, w->tmp);
    vs_lab_convert(lab, small, SIDE * SIDE, &p->table);
    vs_describe_frame(s->frame + (size_t)t * VS_DESCRIBE_FRAME, lab);
}

static void clear(vs_moments *m)
{
    memset(m->sum, 0, sizeof(double) * (size_t)m->D);
    memset(m->outer, 0, sizeof(double) * (size_t)m->D * (size_t)m->D);
    m->n = 0;
}

static void measure_video(void *ctx, int64_t i, int worker)
{
    struct pass *p = ctx;
    struct slot *s = &p->slot[i];
    struct worker *w = &p->worker[worker];
    memset(s->ring, 0, sizeof(s->ring));
    clear(&s->colour);
    s->err = vs_set_read(&s->clip, w->reader, s->item, p->o->T, p->o->stride);
    if (s->err == VS_OK)
        s->err = worker_fit(w, s->clip.side);
    if (s->err != VS_OK) {
        snprintf(s->detail, sizeof(s->detail), "%s", vs_err_detail());
        return;
    }
    for (int t = 0; t < s->clip.n; t++)
        measure_frame(p, s, w, t);
    if (!p->o->model)
        vs_describe_video(s->video, s->frame, s->lab, s->clip.n);
}

/* ---- Adding up, in order ------------------------------------------------------------------ */

static void add_alpha(vs_measured *m, const struct slot *s)
{
    double sum = 0;
    int n = 0;
    for (int t = 0; t < s->clip.n; t++) {
        if (!isfinite(s->alpha[t]))
            continue;
        const int bin = (int)floor((s->alpha[t] + 1) * 50);
        m->alpha[bin < 0 ? 0 : bin >= VS_ALPHA_BINS ? VS_ALPHA_BINS - 1 : bin]++;
        sum += s->alpha[t];
        n++;
    }
    m->flat += s->clip.n - n;
    if (!n)
        return;
    for (int j = 0; j < vs_falloff_rings(s->clip.side); j++) {
        m->ring_sum[j] += s->ring[j];
        m->ring_n[j] += n;
    }
    m->alpha_n++;
    m->alpha_sum += sum / n;
    m->alpha_square += sum / n * (sum / n);
}

/* Thumbnails spread over the sample: the k-th from the first good video at or after k/6. */
static void take_thumb(struct pass *p, const struct slot *s)
{
    vs_measured *m = p->out;
    const int side = s->clip.side;
    if (m->thumbs == VS_THUMBS || p->done < (int64_t)m->thumbs * p->n / VS_THUMBS)
        return;
    vs_resize *plan = vs_resize_new(side, side, (vs_rect){ 0, 0, side, side }, VS_THUMB, VS_THUMB,
                                    false);
    void *tmp = plan ? malloc(vs_resize_scratch(plan)) : NULL;
    if (tmp)
        vs_resize_run(plan, m->thumb + (size_t)m->thumbs++ * THUMB_BYTES,
                      s->clip.rgb + (size_t)(s->clip.n / 2) * (size_t)side * (size_t)side * 3, tmp);
    free(tmp);
    vs_resize_free(&plan);
}

static vs_err add_features(struct pass *p, struct slot *s)
{
    const vs_set_model *model = p->o->model;
    int n = 0;
    if (!model) {
        vs_moments_add(&p->out->frame, s->frame, s->clip.n);
        vs_moments_add(&p->out->video, s->video, 1);
        return VS_OK;
    }
    VS_TRY(model->features(model->ctx, p->whole, p->still, &n, &s->clip));
    vs_moments_add(&p->out->frame, p->still, n);
    vs_moments_add(&p->out->video, p->whole, 1);
    return VS_OK;
}

/* Damage of one video is no failure of the run. */
static bool is_damage(vs_err err)
{
    return err == VS_ERR_CORRUPT || err == VS_ERR_IO || err == VS_ERR_CODEC ||
           err == VS_ERR_UNSUPPORTED;
}

static vs_err add_video(struct pass *p, struct slot *s)
{
    vs_measured *m = p->out;
    if (is_damage(s->err)) {
        if (!m->skipped++)
            m->why = vs_strdup(s->detail);
        return VS_OK;
    }
    if (s->err != VS_OK)
        return VS_FAIL(s->err, "%s", s->detail);
    m->videos++;
    m->frames += s->clip.n;
    add_alpha(m, s);
    vs_moments_merge(&m->colour, &s->colour);
    take_thumb(p, s);
    return add_features(p, s);
}

/* ---- The pass ----------------------------------------------------------------------------- */

int vs_measure_videos(const vs_measure_options *o, int count)
{
    return o->videos && o->videos < count ? o->videos : count;
}

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void draw_sample(struct pass *p)
{
    const int count = vs_set_count(p->set);
    vs_rng rng = vs_rng_at(p->o->seed, VS_RNG_SHUFFLE, 0);
    p->item = vs_new(sizeof(*p->item) * (size_t)count);
    for (int i = 0; i < count; i++)
        p->item[i] = i;
    vs_rng_shuffle(&rng, p->item, count);
    p->n = vs_measure_videos(p->o, count);
    qsort(p->item, (size_t)p->n, sizeof(*p->item), by_number);
}

static vs_err pass_open(struct pass *p)
{
    const size_t T = (size_t)p->o->T;
    const int D = p->o->model ? p->o->model->D : 0;
    p->worker = vs_new(sizeof(*p->worker) * (size_t)p->threads);
    p->slot = vs_new(sizeof(*p->slot) * (size_t)p->threads);
    p->out->thumb = vs_new((size_t)VS_THUMBS * THUMB_BYTES);
    vs_lab_prepare(&p->table);
    draw_sample(p);
    VS_TRY(vs_moments_new(&p->out->colour, 3));
    VS_TRY(vs_moments_new(&p->out->frame, D ? D : VS_DESCRIBE_FRAME));
    VS_TRY(vs_moments_new(&p->out->video, D ? D : VS_DESCRIBE_VIDEO));
    if (D) {
        p->still = vs_new(sizeof(float) * (size_t)p->o->model->stills * (size_t)D);
        p->whole = vs_new(sizeof(float) * (size_t)D);
    }
    for (int k = 0; k < p->threads; k++) {
        struct slot *s = &p->slot[k];
        VS_TRY(vs_set_reader_open(&p->worker[k].reader, p->set));
        VS_TRY(vs_moments_new(&s->colour, 3));
        s->lab = D ? NULL : malloc(sizeof(float) * T * SIDE * SIDE * 3);
        s->frame = D ? NULL : malloc(sizeof(float) * T * VS_DESCRIBE_FRAME);
        if (!D && (!s->lab || !s->frame))
            return VS_FAIL(VS_ERR_NOMEM, "no memory for %zu frames", T);
    }
    return VS_OK;
}

static void pass_close(struct pass *p)
{
    for (int k = 0; p->worker && k < p->threads; k++) {
        worker_empty(&p->worker[k]);
        vs_set_reader_close(&p->worker[k].reader);
        vs_moments_free(&p->slot[k].colour);
        free(p->slot[k].clip.rgb);
        free(p->slot[k].lab);
        free(p->slot[k].frame);
    }
    free(p->worker);
    free(p->slot);
    free(p->item);
    free(p->still);
    free(p->whole);
}

static vs_err run_group(struct pass *p, vs_pool *pool, vs_progress *progress)
{
    const int left = p->n - p->done, group = left < p->threads ? left : p->threads;
    for (int k = 0; k < group; k++)
        p->slot[k].item = p->item[p->done + k];
    vs_pool_each(pool, group, measure_video, p);
    for (int k = 0; k < group; k++, p->done++) {
        if (vs_stop_requested())
            return VS_FAIL(VS_ERR_STOPPED, "stopped in %s", vs_set_name(p->set));
        VS_TRY(add_video(p, &p->slot[k]));
        if (progress)
            vs_progress_add(progress, 1);
    }
    return VS_OK;
}

vs_err vs_measure(vs_measured *out, vs_set *set, const vs_measure_options *options, vs_pool *pool,
                  vs_progress *progress)
{
    struct pass p = { .out = out, .set = set, .o = options, .threads = vs_pool_threads(pool) };
    VS_ASSERT(options->T > 0 && options->T <= 64 && options->stride > 0);
    *out = (vs_measured){ 0 };
    vs_err err = pass_open(&p);
    while (err == VS_OK && p.done < p.n)
        err = run_group(&p, pool, progress);
    if (err == VS_OK && !out->videos)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: none of %d videos could be read; the first: %s",
                      vs_set_path(set), p.n, out->why);
    pass_close(&p);
    if (err != VS_OK)
        vs_measured_free(out);
    return err;
}

void vs_measured_free(vs_measured *m)
{
    free(m->why);
    free(m->thumb);
    vs_moments_free(&m->colour);
    vs_moments_free(&m->frame);
    vs_moments_free(&m->video);
    *m = (vs_measured){ 0 };
}

/* ---- What it says ------------------------------------------------------------------------- */

double vs_measured_alpha(const vs_measured *m, double *half)
{
    const double n = (double)m->alpha_n, mean = n > 0 ? m->alpha_sum / n : NAN;
    const double variance = n > 1 ? fmax(m->alpha_square - n * mean * mean, 0) / (n - 1) : NAN;
    if (half)
        *half = 1.959963984540054 * sqrt(variance / n);
    return mean;
}

double vs_measured_quantile(const vs_measured *m, double q)
{
    double all = 0, below = 0;
    for (int i = 0; i < VS_ALPHA_BINS; i++)
        all += (double)m->alpha[i];
    for (int i = 0; i < VS_ALPHA_BINS; i++) {
        const double here = (double)m->alpha[i];
        if (here > 0 && below + here >= q * all)
            return -1 + 0.02 * (i + (q * all - below) / here);
        below += here;
    }
    return NAN;
}
