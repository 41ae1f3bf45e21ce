/* A moving average of the weights: a <- d a + (1 - d) w after every step, from the first weights.
 *
 * Kept in host memory by process 0. It lies beside the weights of checkpoints/last as
 * ema.safetensors (original names), so that a resumed run goes on exactly; checkpoints/best, and
 * checkpoints/ema at the end of a run, hold it in place of the weights. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/safetensors.h"
#include "train/loop.h"
#include "train/run.h"

static vs_err load(vs_trainer *t, const char *path)
{
    vs_safetensors *file = NULL;
    VS_TRY(vs_safetensors_open(&file, path));
    vs_err err = VS_OK;
    for (int i = 0; err == VS_OK && i < vs_model_param_count(t->model); i++) {
        const vs_param *p = vs_model_param(t->model, i);
        const vs_tensor *tensor;
        err = vs_safetensors_need(&tensor, file, p->name, VS_DTYPE_F32, p->rank, p->shape);
        if (err == VS_OK)
            memcpy(t->ema + p->offset, tensor->data, sizeof(float) * (size_t)p->count);
    }
    vs_safetensors_close(&file);
    return err;
}

vs_err vs_ema_open(vs_trainer *t)
{
    const size_t bytes = sizeof(float) * (size_t)vs_model_slab_count(t->model);
    if (!(t->settings->ema > 0))
        return VS_OK;
    t->ema = malloc(bytes);
    t->ema_spare = malloc(bytes);
    if (!t->ema || !t->ema_spare)
        return VS_FAIL(VS_ERR_NOMEM, "--ema: no memory for a copy of the weights");
    VS_TRY(vs_model_slab_get(t->model, VS_SLAB_WEIGHT, t->ema));
    if (t->step == 0)
        return VS_OK;
    char *dir = vs_run_checkpoint(t->settings->out, "last");
    char *path = vs_path_join(dir, "ema.safetensors");
    const vs_err err = load(t, path);
    free(path);
    free(dir);
    return err;
}

vs_err vs_ema_step(vs_trainer *t)
{
    if (!t->ema)
        return VS_OK;
    const float d = (float)t->settings->ema;
    const int64_t n = vs_model_slab_count(t->model);
    VS_TRY(vs_model_slab_get(t->model, VS_SLAB_WEIGHT, t->ema_spare));
    for (int64_t i = 0; i < n; i++)
        t->ema[i] = d * t->ema[i] + (1.0f - d) * t->ema_spare[i];
    return VS_OK;
}

vs_err vs_ema_swap(vs_trainer *t)
{
    if (!t->ema)
        return VS_OK;
    VS_TRY(vs_model_slab_get(t->model, VS_SLAB_WEIGHT, t->ema_spare));
    VS_TRY(vs_model_slab_set(t->model, VS_SLAB_WEIGHT, t->ema));
    float *const weights = t->ema_spare;
    t->ema_spare = t->ema;
    t->ema = weights;
    return VS_OK;
}

vs_err vs_ema_save(const vs_trainer *t, const char *dir)
{
    if (!t->ema)
        return VS_OK;
    const int n = vs_model_param_count(t->model);
    vs_tensor *list = vs_new(sizeof(*list) * (size_t)n);
    char *path = vs_path_join(dir, "ema.safetensors");
    for (int i = 0; i < n; i++) {
        const vs_param *p = vs_model_param(t->model, i);
        list[i] = (vs_tensor){ .name = p->name, .dtype = VS_DTYPE_F32, .rank = p->rank,
                               .data = t->ema + p->offset };
        memcpy(list[i].shape, p->shape, sizeof(p->shape));
    }
    const vs_err err = vs_safetensors_write(path, list, n, NULL);
    free(path);
    free(list);
    return err;
}
