#include "eval/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/stop.h"
#include "eval/group.h"

#define GROUP_BYTES (512.0 * 1024 * 1024)      /* views in memory, each of the two groups */
#define CALIBRATION 0.03                       /* share of the run spent on timing the model */
#define CALIBRATION_MOST 20.0                  /* seconds of it, at most */

const char *vs_cell_name(const vs_cell_plan *plan)
{
    return plan->corruption ? plan->corruption->name : "clean";
}

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* ---- All of them -------------------------------------------------------------------------- */

/* Corrupters of cells before `cell` are not needed in this block any more. */
static void close_corrupters(vs_evaluator *ev, int cell)
{
    for (int i = 0; i < cell; i++)
        vs_corrupter_close(&ev->corrupter[i]);
}

/* Drop items of videos that turned out to be unreadable; returns how many of n remain. */
static int still_wanted(const vs_evaluator *ev, vs_item *item, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (!ev->skipped[item[i].place])
            item[kept++] = item[i];
    return kept;
}

/* Items of one block, in the order of the cells. */
static vs_err score_items(vs_evaluator *ev, vs_item *item, int n, vs_progress *progress)
{
    int bank = 0, here = min_int(n, ev->slots), at = here;
    vs_err err = vs_group_submit(ev, &ev->group[0], item, here);
    while (err == VS_OK && ev->group[bank].n > 0) {
        vs_group *now = &ev->group[bank], *next = &ev->group[!bank];
        const vs_cell_plan *plan = &ev->cell[now->slot[0].item.cell];
        vs_pool_wait(ev->pool);
        const bool stop = vs_stop_requested();
        n = at + still_wanted(ev, item + at, n - at);
        here = stop ? 0 : min_int(n - at, ev->slots);
        close_corrupters(ev, now->slot[0].item.cell);
        err = vs_group_submit(ev, next, item + at, here);
        at += here;
        vs_progress_note(progress, "%s %d", vs_cell_name(plan), plan->severity);
        const int made = now->n;
        if (err == VS_OK)
            err = vs_group_finish(ev, now);
        vs_progress_add(progress, made);
        if (err == VS_OK && stop && at < n)
            err = VS_FAIL(VS_ERR_STOPPED, "stopped");
        bank = !bank;
    }
    vs_pool_wait(ev->pool);
    close_corrupters(ev, ev->cells);
    const vs_err saved = vs_results_save(ev->e->db);
    return err == VS_OK ? saved : err;
}

/* Where the block that begins with `place` ends: as many videos as fit, at least one. */
static int block_end(const vs_evaluator *ev, int place)
{
    double bytes = 0;
    int end = place;
    for (; end < ev->e->split->n; end++) {
        if (end % ev->e->shards != ev->e->shard)
            continue;
        bytes += vs_decoded_bytes(ev->videos, end);
        if (bytes > ev->e->memory && end > place)
            break;
    }
    return end;
}

vs_err vs_evaluator_run(vs_evaluator *ev, vs_progress *progress)
{
    const int videos = ev->e->split->n;
    vs_err err = VS_OK;
    for (int first = 0, end; first < videos && err == VS_OK; first = end) {
        vs_item *item = NULL;
        int n = 0;
        end = block_end(ev, first);
        for (int c = 0; c < ev->cells; c++)
            for (int i = first; i < end; i++)
                if (!ev->done[(size_t)c * (size_t)videos + (size_t)i])
                    VS_PUSH(item, n, ((vs_item){ c, i }));
        if (n)
            err = score_items(ev, item, n, progress);
        free(item);
        vs_decoded_drop(ev->videos);
    }
    return err;
}

void vs_evaluator_count(const vs_evaluator *ev, int64_t *left, int64_t *done)
{
    const int videos = ev->e->split->n;
    *left = *done = 0;
    for (int c = 0; c < ev->cells; c++)
        for (int i = ev->e->shard; i < videos; i += ev->e->shards)
            (*(ev->done[(size_t)c * (size_t)videos + (size_t)i] ? done : left))++;
}

/* ---- What it costs ------------------------------------------------------------------------ */

/* One item on this thread; *seconds. */
static vs_err time_item(vs_evaluator *ev, vs_item item, double *seconds)
{
    vs_slot *s = &ev->group[0].slot[0];
    s->item = item;
    VS_TRY(vs_evaluator_corrupter(ev, item.cell));
    const double start = vs_now();
    const vs_err err = vs_group_make(s, 0);
    *seconds = vs_now() - start;
    free(s->thumb);
    free(s->strip);
    s->thumb = s->strip = NULL;
    return err;
}

double vs_cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Whole batches in the mean: a run is the sum of its batches, the disturbed ones too, so that the
 * fastest would compare a lucky moment with an average. The first warms up and says how many
 * to time: CALIBRATION of the run, so that long runs are compared over more than one moment. */
static vs_err time_model(vs_evaluator *ev, vs_evaluator_cost *cost)
{
    const int batch = vs_scorer_batch(ev->e->scorer);
    const int fill = (batch + ev->K - 1) / ev->K, n = min_int(fill, ev->slots);
    int64_t left, done;
    int passes = 1;
    double start = 0, before = 0;
    vs_evaluator_count(ev, &left, &done);
    for (int i = 0; i <= passes; i++) {
        const double warm = vs_now();
        VS_TRY(vs_scorer_videos(ev->e->scorer, ev->group[0].views, n, ev->K, ev->probability));
        if (i == 0) {
            const double took = vs_now() - warm, run = took * (double)left / n;
            const double most = fmin(CALIBRATION * run, CALIBRATION_MOST) / took;
            passes = most > 2 ? (int)fmin(most, 1000) : 2;
            start = vs_now();
            before = vs_cpu_seconds();
        }
        if (vs_stop_requested())
            return VS_FAIL(VS_ERR_STOPPED, "stopped");
    }
    cost->model = (vs_now() - start) / ((double)passes * n);
    cost->model_cpu = (vs_cpu_seconds() - before) / ((double)passes * n);
    return VS_OK;
}

vs_err vs_evaluator_time(vs_evaluator *ev, vs_evaluator_cost *cost)
{
    int place = ev->e->shard;
    vs_err err = time_item(ev, (vs_item){ 0, place }, &cost->read);
    while (err != VS_OK && err != VS_ERR_NOMEM && place + ev->e->shards < ev->e->split->n) {
        place += ev->e->shards;
        err = time_item(ev, (vs_item){ 0, place }, &cost->read);
    }
    cost->corrupt = 0;
    for (int c = 0; c < ev->cells && err == VS_OK; c++) {
        double seconds = 0;
        err = time_item(ev, (vs_item){ c, place }, &seconds);
        cost->corrupt += seconds / ev->cells;
        vs_corrupter_close(&ev->corrupter[c]);
    }
    vs_decoded_drop(ev->videos);
    return err == VS_OK ? time_model(ev, cost) : err;
}

double vs_evaluator_memory(const vs_evaluator *ev)
{
    double videos = 0;
    for (int i = ev->e->shard; i < ev->e->split->n; i += ev->e->shards)
        videos += vs_decoded_bytes(ev->videos, i);
    return 2.0 * ev->slots * (double)ev->view * (ev->K + 1) +
           (videos < ev->e->memory ? videos : ev->e->memory);
}

/* ---- Opening ------------------------------------------------------------------------------ */

/* Groups whose views fill whole batches, where memory allows. */
static int choose_slots(const vs_evaluator *ev)
{
    const double fit = GROUP_BYTES / ((double)ev->view * (ev->K + 1));
    const int most = fit >= 256 ? 256 : fit > 1 ? (int)fit : 1;
    const int batch = vs_scorer_batch(ev->e->scorer);
    int least = 2 * ev->threads, whole = 1;
    while (whole * ev->K % batch != 0)         /* at most `batch` times */
        whole++;
    least = least < whole ? whole : (least + whole - 1) / whole * whole;
    return least <= most ? least : most;
}

static vs_err open_groups(vs_evaluator *ev)
{
    for (int bank = 0; bank < 2; bank++) {
        vs_group *g = &ev->group[bank];
        g->slot = vs_new(sizeof(*g->slot) * (size_t)ev->slots);
        g->views = calloc((size_t)ev->slots * (size_t)ev->K, ev->view);
        if (!g->views)
            return VS_FAIL(VS_ERR_NOMEM, "no memory for the %d views of %d videos", ev->K,
                           ev->slots);
        for (int i = 0; i < ev->slots; i++) {
            vs_slot *s = &g->slot[i];
            s->e = ev;
            s->views = g->views + ev->view * (size_t)ev->K * (size_t)i;
            s->plain = malloc(ev->view);
            if (!s->plain)
                return VS_FAIL(VS_ERR_NOMEM, "no memory for a view");
        }
    }
    return VS_OK;
}

static vs_err read_done(vs_evaluator *ev)
{
    const int videos = ev->e->split->n;
    VS_TRY(vs_results_skipped(ev->e->db, ev->skipped));
    for (int c = 0; c < ev->cells; c++) {
        bool *done = ev->done + (size_t)c * (size_t)videos;
        VS_TRY(vs_results_done(ev->e->db, vs_cell_name(&ev->cell[c]), ev->cell[c].severity, done));
        for (int i = 0; i < videos; i++)
            done[i] |= ev->skipped[i] || i % ev->e->shards != ev->e->shard;
    }
    return VS_OK;
}

static vs_err open_all(vs_evaluator *ev)
{
    const vs_model_config *m = vs_scorer_config(ev->e->scorer);
    bool whole = false;
    for (int c = 0; c < ev->cells; c++)
        whole |= ev->cell[c].corruption && ev->cell[c].corruption->stream;
    ev->videos = vs_decoded_new(ev->e->split, m->stride, m->H < m->W ? m->H : m->W, whole);
    VS_TRY(vs_pool_open(&ev->pool, ev->e->threads, 0));
    ev->threads = vs_pool_threads(ev->pool);
    ev->slots = choose_slots(ev);
    ev->reader = vs_new(sizeof(*ev->reader) * (size_t)ev->threads);
    ev->result = vs_new(sizeof(*ev->result) * (size_t)ev->slots);
    ev->probability = vs_new(sizeof(float) * (size_t)ev->slots * (size_t)m->classes);
    VS_TRY(open_groups(ev));
    for (int i = 0; i < ev->threads; i++)
        VS_TRY(vs_reader_open(&ev->reader[i], ev->e->store));
    return read_done(ev);
}

vs_err vs_evaluator_open(vs_evaluator **out, const vs_evaluation *e, const vs_cell_plan *cell,
                         int cells)
{
    const vs_model_config *m = vs_scorer_config(e->scorer);
    VS_ASSERT(e->shards > 0 && e->shard >= 0 && e->shard < e->shards);
    vs_evaluator *ev = vs_new(sizeof(*ev));
    ev->e = e;
    ev->cell = cell;
    ev->cells = cells;
    ev->K = e->segments * e->crops;
    ev->view = (size_t)m->T * (size_t)m->H * (size_t)m->W * 3;
    ev->done = vs_new(sizeof(*ev->done) * (size_t)cells * (size_t)e->split->n);
    ev->skipped = vs_new(sizeof(*ev->skipped) * (size_t)e->split->n);
    ev->corrupter = vs_new(sizeof(*ev->corrupter) * (size_t)cells);
    const vs_err err = open_all(ev);
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
    close_corrupters(ev, ev->cells);
    for (int i = 0; ev->reader && i < ev->threads; i++)
        vs_reader_close(&ev->reader[i]);
    for (int bank = 0; bank < 2; bank++) {
        vs_group *g = &ev->group[bank];
        for (int i = 0; g->slot && i < ev->slots; i++) {
            free(g->slot[i].plain);
            free(g->slot[i].thumb);
            free(g->slot[i].strip);
        }
        free(g->slot);
        free(g->views);
    }
    vs_decoded_free(&ev->videos);
    free(ev->done);
    free(ev->skipped);
    free(ev->corrupter);
    free(ev->reader);
    free(ev->result);
    free(ev->probability);
    free(ev);
    *evaluator = NULL;
}
