/* vsyn-train pretrain: a masked autoencoder on clips of a store or on scenes drawn as they
 * are needed. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/commands.h"
#include "train/loop.h"
#include "train/rebuild.h"
#include "train/sources.h"

static void fill(vs_trainer *t, vs_batch *batch, const vs_loaded *loaded)
{
    (void)t;
    (void)batch;
    (void)loaded;                  /* frames and mask are all it takes */
}

/* RUN/reconstruction.png of the first clip. */
static vs_err illustrate(vs_trainer *t)
{
    const vs_model_config *const m = vs_model_configuration(t->model);
    const int slots = m->T / m->tubelet, merged = t->settings->mask == VS_MASK_RANDOM ? slots : 1;
    const uint64_t seed = (uint64_t)t->settings->common.seed;
    uint8_t *frames = malloc((size_t)m->T * (size_t)m->H * (size_t)m->W * 3);
    uint8_t *mask = vs_new((size_t)vs_model_tokens(m));
    char *path = vs_path_join(t->settings->out, "reconstruction.png");
    vs_sampler *sampler = NULL;
    vs_rebuilt made = { 0 };
    vs_tube_mask(mask, slots / merged, vs_model_cells(m) * merged, t->masked * merged, seed, 0, 0);
    vs_err err = frames ? vs_sampler_open(&sampler, t->source)
                        : VS_FAIL(VS_ERR_NOMEM, "no room for %d frames", m->T);
    if (err == VS_OK)
        err = vs_sampler_get(sampler, seed, 0, 0, frames, NULL);
    if (err == VS_OK)
        err = vs_rebuild(&made, t->model, frames, mask, false);
    if (err == VS_OK)
        err = vs_rebuilt_png(path, m, frames, &made, false);
    vs_rebuilt_free(&made);
    vs_sampler_close(&sampler);
    free(frames);
    free(mask);
    free(path);
    return err;
}

static vs_err check_usage(const vs_train_settings *s)
{
    const int given = !!s->store + !!s->scene + !!s->source;
    if (given != 1)
        return VS_FAIL(VS_ERR_USAGE, given ? "--store, --scene and --source: only one of them"
                                           : "--store STORE, --scene STAGE or --source MIXTURE is "
                                             "required");
    if (s->split && !s->store)
        return VS_FAIL(VS_ERR_USAGE, "--split: goes with --store");
    if (s->circles_scale && !s->scene && !s->source)
        return VS_FAIL(VS_ERR_USAGE, "--circles-scale: goes with --scene");
    return VS_OK;
}

static vs_err choose_model(vs_model_config *out, vs_config *config)
{
    VS_TRY(vs_config_model(out, config, VS_TASK_PRETRAIN, NULL));
    return vs_model_config_check(out);
}

static vs_err prepare(vs_trainer *t, vs_stores *stores)
{
    const vs_train_settings *s = t->settings;
    vs_model_config model;
    VS_TRY(check_usage(s));
    VS_TRY(choose_model(&model, t->config));
    const int cells = vs_model_cells(&model);
    t->masked = (int)(s->mask_ratio * cells);
    if (t->masked < 1 || t->masked >= cells)
        return VS_FAIL(VS_ERR_USAGE, "--mask-ratio %g: masks %d of the %d cells of a frame, "
                       "expected 1..%d", s->mask_ratio, t->masked, cells, cells - 1);
    t->visible = (cells - t->masked) * (model.T / model.tubelet);
    const vs_sample_shape shape = { .T = model.T, .H = model.H, .W = model.W,
                                    .stride = model.stride, .augment = VS_AUGMENT_PRETRAIN,
                                    .still = s->still };
    VS_TRY(vs_sources_open(t, stores, &shape));
    if (s->draw == VS_DRAW_DEVICE && !vs_source_form(t->source))
        return VS_FAIL(VS_ERR_USAGE, "--draw device: a device draws one stage of scenes "
                       "(--scene), no stores, stills or mixtures");
    VS_TRY(vs_trainer_open_model(t, &model));
    VS_TRY(vs_model_init(t->model, (uint64_t)s->common.seed, 1.0f));
    return VS_OK;
}

vs_err vs_train_pretrain(vs_call *call)
{
    vs_config config = { 0 };
    vs_trainer t = { .config = &config, .task = { .fill = fill, .illustrate = illustrate } };
    vs_stores stores = { 0 };
    vs_err err = vs_trainer_begin(&t, call);
    if (err == VS_OK)
        err = prepare(&t, &stores);
    err = vs_trainer_run(&t, err);
    if (err == VS_OK && vs_dist_rank(t.dist) == 0)
        err = vs_trainer_result(&t);
    vs_trainer_close(&t);
    vs_stores_close(&stores);
    vs_config_free(&config);
    return err;
}
