/* One group of items: made ready by the workers, then scored in full batches and kept. */
#include "eval/group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/thumbs.h"
#include "eval/views.h"

/* ---- Making the views of a video ---------------------------------------------------------- */

static void make_thumbs(vs_slot *s, const vs_cell_plan *plan)
{
    const vs_model_config *m = vs_scorer_config(s->e->e->scorer);
    const uint8_t *view = s->views + s->e->view * (size_t)(s->e->K / 2);
    const uint8_t *middle = view + (size_t)(m->T / 2) * (size_t)m->H * (size_t)m->W * 3;
    const vs_corruption *c = plan->corruption;
    if (!c)
        s->strip = vs_thumb_strip(view, m->T, m->H, m->W);
    s->thumb = c && c->temporal ? vs_thumb_strip(view, m->T, m->H, m->W)
                                : vs_thumb_frame(middle, m->H, m->W);
}

vs_err vs_group_make(vs_slot *s, int worker)
{
    const vs_cell_plan *plan = &s->e->cell[s->item.cell];
    const vs_video *strided, *all;
    vs_err err = vs_decoded_get(s->e->videos, s->item.place, s->e->reader[worker], &strided, &all);
    s->unreadable = err != VS_OK && err != VS_ERR_NOMEM;
    if (err == VS_OK)
        err = vs_make_views(s->views, s->plain, s->e->e, plan, s->e->corrupter[s->item.cell],
                            &s->e->e->split->clip[s->item.place], strided, all);
    if (err == VS_OK && s->item.place == 0)
        make_thumbs(s, plan);
    return err;
}

static void slot_job(void *arg, int worker)
{
    vs_slot *s = arg;
    s->err = vs_group_make(s, worker);
    if (s->err != VS_OK)
        snprintf(s->detail, sizeof(s->detail), "%s", vs_err_detail());
}

/* ---- One group ---------------------------------------------------------------------------- */

vs_err vs_evaluator_corrupter(vs_evaluator *ev, int cell)
{
    const vs_cell_plan *plan = &ev->cell[cell];
    if (!plan->corruption || ev->corrupter[cell])
        return VS_OK;
    return vs_corrupter_open(&ev->corrupter[cell], plan->corruption, plan->severity,
                             &ev->e->options);
}

vs_err vs_group_submit(vs_evaluator *ev, vs_group *group, const vs_item *item, int n)
{
    group->n = 0;
    for (int i = 0; i < n; i++)
        VS_TRY(vs_evaluator_corrupter(ev, item[i].cell));
    for (int i = 0; i < n; i++) {
        group->slot[i].item = item[i];
        vs_pool_submit(ev->pool, slot_job, &group->slot[i]);
    }
    group->n = n;
    return VS_OK;
}

/* Leave out what could not be read: noted once, the rest of the group moves up. */
static vs_err leave_out(vs_evaluator *ev, vs_group *group)
{
    const size_t views = ev->view * (size_t)ev->K;
    int kept = 0;
    for (int i = 0; i < group->n; i++) {
        vs_slot *s = &group->slot[i];
        const vs_clip *clip = &ev->e->split->clip[s->item.place];
        if (s->err == VS_OK) {
            vs_slot *to = &group->slot[kept];
            memmove(to->views, s->views, kept < i ? views : 0);
            to->item = s->item;
            if (to != s) {
                to->thumb = s->thumb;
                to->strip = s->strip;
                s->thumb = s->strip = NULL;
            }
            kept++;
            continue;
        }
        if (!s->unreadable)
            return VS_FAIL(s->err, "%s", s->detail);
        if (ev->skipped[s->item.place])
            continue;
        vs_warn("left out: %s", s->detail);
        VS_TRY(vs_results_skip(ev->e->db, clip->id, s->detail));
        ev->skipped[s->item.place] = true;
    }
    group->n = kept;
    return VS_OK;
}

static vs_err score(vs_evaluator *ev, vs_group *group)
{
    const int classes = vs_scorer_config(ev->e->scorer)->classes;
    VS_TRY(vs_scorer_videos(ev->e->scorer, group->views, group->n, ev->K, ev->probability));
    for (int i = 0; i < group->n; i++) {
        const vs_clip *clip = &ev->e->split->clip[group->slot[i].item.place];
        const float *p = ev->probability + (size_t)i * (size_t)classes;
        int best = 0;
        for (int c = 1; c < classes; c++)
            best = p[c] > p[best] ? c : best;
        ev->result[i] = (vs_result){ .clip = clip->id, .predicted = best,
                                     .rank = vs_rank_of(p, classes, clip->label),
                                     .probability = (double)p[clip->label] };
    }
    return VS_OK;
}

static vs_err keep_thumbs(vs_evaluator *ev, vs_slot *s)
{
    const vs_cell_plan *plan = &ev->cell[s->item.cell];
    vs_err err = VS_OK;
    if (s->thumb)
        err = vs_results_thumb(ev->e->db, vs_cell_name(plan), plan->severity, s->thumb);
    if (err == VS_OK && s->strip)
        err = vs_results_thumb(ev->e->db, "clean strip", 0, s->strip);
    free(s->thumb);
    free(s->strip);
    s->thumb = s->strip = NULL;
    return err;
}

vs_err vs_group_finish(vs_evaluator *ev, vs_group *group)
{
    VS_TRY(leave_out(ev, group));
    VS_TRY(score(ev, group));
    /* Results last: whoever goes on after a kill takes what has a result for done. */
    for (int i = 0; i < group->n; i++)
        VS_TRY(keep_thumbs(ev, &group->slot[i]));
    for (int i = 0, n; i < group->n; i += n) {
        const vs_cell_plan *plan = &ev->cell[group->slot[i].item.cell];
        for (n = 1; i + n < group->n; n++)
            if (group->slot[i + n].item.cell != group->slot[i].item.cell)
                break;
        VS_TRY(vs_results_add(ev->e->db, vs_cell_name(plan), plan->severity, ev->result + i, n));
    }
    return VS_OK;
}
