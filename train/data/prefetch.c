/* Batches for training, made ahead: the loader of data.h over the ordered pool of ahead.h.
 *
 * Batch number g (from 0) is step g % steps of epoch g / steps. Of several parts, number
 * r of P makes g = r, r + P, r + 2P, ... Position p of an epoch is item order[p]; it is viewed
 * with (seed, epoch, item) and masked with (seed, epoch, p).
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/data/ahead.h"
#include "train/data/source.h"

#define SLOTS 3                    /* one in use, one ready, one in the making */

struct vs_loader {
    vs_source *source;
    vs_loader_options options;
    int views;                     /* of an item */
    size_t sample_bytes, mask_bytes;
    int64_t n, steps, first;       /* first: number of the batch that this loader starts at */
    int64_t *order, order_epoch;
    vs_loaded batch[SLOTS];
    vs_sampler **sampler;          /* (threads) */
    vs_ahead *ahead;
};

static vs_err begin(void *ctx, int slot, int64_t group)
{
    vs_loader *l = ctx;
    vs_loaded *b = &l->batch[slot];
    const int64_t number = l->first + group * l->options.parts, step = number % l->steps;
    const int64_t from = step * l->options.batch, left = l->n - from;
    b->epoch = number / l->steps;
    b->step = step;
    b->B = (left < l->options.batch ? (int)left : l->options.batch) * l->views;
    if (l->options.shuffle && l->order_epoch != b->epoch) {
        vs_epoch_order(l->order, l->n, l->options.seed, b->epoch);
        l->order_epoch = b->epoch;
    }
    for (int k = 0; k < b->B; k++)
        b->item[k] = l->options.shuffle ? l->order[from + k / l->views] : from + k / l->views;
    return VS_OK;
}

static vs_err make(void *ctx, int slot, int part, int worker)
{
    vs_loader *l = ctx;
    const vs_loader_options *o = &l->options;
    vs_loaded *b = &l->batch[slot];
    const int first = part * l->views;
    if (first >= b->B)
        return VS_OK;
    for (int k = first; b->mask && k < first + l->views; k++)
        vs_tube_mask(b->mask + (size_t)k * l->mask_bytes, o->mask_slots, o->mask_cells,
                     o->mask_masked, o->seed, b->epoch, b->step * o->batch * l->views + k);
    if (o->describe) {
        vs_sampler_describe(l->sampler[worker], o->seed, b->epoch, b->item[first], &b->clip[first],
                            b->index + (size_t)first * (size_t)l->source->shape.T);
        b->label[first] = -1;
        return VS_OK;
    }
    VS_TRY(vs_sampler_get(l->sampler[worker], o->seed, b->epoch, b->item[first],
                          b->frames + (size_t)first * l->sample_bytes, &b->label[first]));
    for (int v = 1; v < l->views; v++)
        b->label[first + v] = b->label[first];
    return VS_OK;
}

static vs_err take_memory(vs_loader *l)
{
    const size_t B = (size_t)l->options.batch * (size_t)l->views;
    for (int i = 0; i < SLOTS; i++) {
        vs_loaded *b = &l->batch[i];
        if (l->options.describe) {
            b->clip = vs_new(B * sizeof(*b->clip));
            b->index = vs_new(B * (size_t)l->source->shape.T * sizeof(*b->index));
        } else {
            b->frames = malloc(B * l->sample_bytes);
        }
        b->mask = l->mask_bytes ? malloc(B * l->mask_bytes) : NULL;
        b->label = malloc(B * sizeof(*b->label));
        b->item = malloc(B * sizeof(*b->item));
        if (!(b->frames || b->clip) || (l->mask_bytes && !b->mask) || !b->label || !b->item)
            return VS_FAIL(VS_ERR_NOMEM, "%d batches of %zu clips (%zu bytes each) do not fit "
                           "in memory: choose a smaller --batch", SLOTS, B, l->sample_bytes);
    }
    if (l->options.shuffle) {
        l->order = malloc((size_t)l->n * sizeof(*l->order));
        if (!l->order)
            return VS_FAIL(VS_ERR_NOMEM, "the order of %lld clips does not fit in memory",
                           (long long)l->n);
    }
    return VS_OK;
}

static vs_err count_steps(vs_loader *l)
{
    const int64_t B = l->options.batch;
    const int64_t group = l->options.group > 1 ? l->options.group : 1;
    const int parts = l->options.parts;
    VS_ASSERT(B > 0 && l->options.threads > 0);
    VS_ASSERT(l->options.part < parts && (parts == 1 || group % parts == 0));
    l->n = l->source->count;
    l->steps = l->options.drop_last ? l->n / (B * group) * group : (l->n + B - 1) / B;
    if (l->steps == 0)
        return VS_FAIL(VS_ERR_USAGE, "there are %lld clips, fewer than one step of %lld needs: "
                       "choose a smaller --batch or --accumulate", (long long)l->n,
                       (long long)(B * group));
    return VS_OK;
}

vs_err vs_loader_open(vs_loader **out, vs_source *source, const vs_loader_options *options,
                      int64_t epoch, int64_t step)
{
    *out = NULL;
    vs_loader *l = vs_new(sizeof(*l));
    const vs_sample_shape *shape = &source->shape;
    VS_ASSERT(!options->describe || vs_source_form(source));
    l->source = source;
    l->options = *options;
    l->options.parts = options->parts > 1 ? options->parts : 1;
    l->order_epoch = -1;
    l->views = shape->views > 1 ? shape->views : 1;
    l->sample_bytes = (size_t)shape->T * (size_t)shape->H * (size_t)shape->W * 3;
    l->mask_bytes = (size_t)options->mask_slots * (size_t)options->mask_cells;
    l->sampler = vs_new(sizeof(*l->sampler) * (size_t)options->threads);
    vs_err err = count_steps(l);
    if (err == VS_OK)
        err = take_memory(l);
    for (int i = 0; err == VS_OK && i < options->threads; i++)
        err = vs_sampler_open(&l->sampler[i], source);
    if (err == VS_OK) {
        const vs_ahead_work work = { .ctx = l, .begin = begin, .make = make, .slots = SLOTS,
                                     .parts = options->batch, .threads = options->threads,
                                     .groups = INT64_MAX };
        l->first = epoch * l->steps + step + l->options.part;
        err = vs_ahead_open(&l->ahead, &work);
    }
    if (err != VS_OK) {
        vs_loader_close(&l);
        return err;
    }
    *out = l;
    return VS_OK;
}

vs_err vs_loader_next(vs_loader *loader, const vs_loaded **out)
{
    int slot;
    VS_TRY(vs_ahead_take(loader->ahead, &slot));
    *out = &loader->batch[slot];
    return VS_OK;
}

int64_t vs_loader_steps(const vs_loader *loader)
{
    return loader->steps;
}

double vs_loader_waited(const vs_loader *loader)
{
    return vs_ahead_waited(loader->ahead);
}

void vs_loader_close(vs_loader **loader)
{
    vs_loader *l = *loader;
    if (!l)
        return;
    vs_ahead_close(&l->ahead);
    for (int i = 0; i < l->options.threads; i++)
        vs_sampler_close(&l->sampler[i]);
    for (int i = 0; i < SLOTS; i++) {
        free(l->batch[i].frames);
        free(l->batch[i].clip);
        free(l->batch[i].index);
        free(l->batch[i].mask);
        free(l->batch[i].label);
        free(l->batch[i].item);
    }
    free(l->sampler);
    free(l->order);
    free(l);
    *loader = NULL;
}
