/* Features of frames and videos from an encoder. See embed_frames.h. */
#include "eval/embed_frames.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/image.h"
#include "base/mem.h"
#include "train/embed.h"
#include "train/run.h"

struct vs_frame_model {
    vs_device *dev;
    vs_model *model;
    vs_model_config config;
    vs_set_model features;
    int batch, side;               /* side: what `resize` takes */
    vs_resize *resize;
    void *tmp;
    uint8_t *frame, *clips;        /* (T, H, W, 3) of the video; (batch, T, H, W, 3) */
    float *out;                    /* (batch, D) */
    char key[32];
};

static vs_err fit_resize(vs_frame_model *m, int side)
{
    const int H = m->config.H, W = m->config.W, most = H > W ? H : W;
    const double w = (double)side * W / most, h = (double)side * H / most;
    if (m->side == side)
        return VS_OK;
    vs_resize_free(&m->resize);
    free(m->tmp);
    m->tmp = NULL;
    m->side = 0;
    m->resize = vs_resize_new(side, side, (vs_rect){ (side - w) / 2, (side - h) / 2, w, h }, W, H,
                              false);
    m->tmp = m->resize ? malloc(vs_resize_scratch(m->resize)) : NULL;
    if (!m->tmp)
        return VS_FAIL(VS_ERR_NOMEM, "no memory to resample %d x %d", side, side);
    m->side = side;
    return VS_OK;
}

/* Clip 0 is the video, clip 1 + k its frame number k * n / stills, standing still. */
static void put_clip(const vs_frame_model *m, uint8_t *clip, int number, int n, int stills)
{
    const size_t bytes = (size_t)m->config.H * (size_t)m->config.W * 3;
    for (int t = 0; t < m->config.T; t++) {
        const int frame = number ? (number - 1) * n / stills : t < n ? t : n - 1;
        memcpy(clip + (size_t)t * bytes, m->frame + (size_t)frame * bytes, bytes);
    }
}

static vs_err features(void *ctx, float *video, float *still, int *n, const vs_set_clip *clip)
{
    vs_frame_model *m = ctx;
    const size_t bytes = (size_t)m->config.H * (size_t)m->config.W * 3, D = (size_t)m->features.D;
    const size_t from = (size_t)clip->side * (size_t)clip->side * 3;
    const int stills = clip->n < m->features.stills ? clip->n : m->features.stills;
    VS_TRY(fit_resize(m, clip->side));
    for (int t = 0; t < clip->n; t++)
        vs_resize_run(m->resize, m->frame + (size_t)t * bytes, clip->rgb + (size_t)t * from,
                      m->tmp);
    for (int first = 0; first <= stills; first += m->batch) {
        const int left = stills + 1 - first, B = left < m->batch ? left : m->batch;
        const vs_batch batch = { .B = B, .frames = m->clips };
        for (int k = 0; k < B; k++)
            put_clip(m, m->clips + (size_t)k * (size_t)m->config.T * bytes, first + k, clip->n,
                     stills);
        VS_TRY(vs_model_forward(m->model, &batch));
        VS_TRY(vs_model_features(m->model, m->out));
        for (int k = 0; k < B; k++)
            memcpy(first + k ? still + (size_t)(first + k - 1) * D : video,
                   m->out + (size_t)k * D, sizeof(float) * D);
    }
    *n = stills;
    return VS_OK;
}

static vs_err make_key(vs_frame_model *m, const char *path)
{
    char *checkpoint = NULL;
    vs_map map;
    VS_TRY(vs_run_model(&checkpoint, path));
    char *file = vs_path_is_dir(checkpoint) ? vs_path_join(checkpoint, "model.safetensors")
                                            : vs_strdup(checkpoint);
    free(checkpoint);
    const vs_err err = vs_map_open(&map, file);
    free(file);
    VS_TRY(err);
    snprintf(m->key, sizeof(m->key), "videomae %016llx",
             (unsigned long long)vs_checksum(map.data, map.size));
    vs_map_close(&map);
    return VS_OK;
}

static vs_err open_model(vs_frame_model *m, const char *path, const char *device, int threads)
{
    VS_TRY(vs_device_open(&m->dev, device, threads));
    VS_TRY(vs_embed_open(&m->model, m->dev, &m->config, path, 2, m->batch, 0));
    VS_TRY(make_key(m, path));
    const vs_model_config *c = &m->config;
    const size_t clip = (size_t)c->T * (size_t)c->H * (size_t)c->W * 3;
    if (c->T > 64)
        return VS_FAIL(VS_ERR_USAGE, "%s: sees %d frames at once, 64 are the most here", path,
                       c->T);
    m->features.D = c->dim;
    m->features.ctx = m;
    m->features.features = features;
    m->frame = malloc(clip);
    m->clips = malloc(clip * (size_t)m->batch);
    m->out = malloc(sizeof(float) * (size_t)m->batch * (size_t)c->dim);
    return m->frame && m->clips && m->out
               ? VS_OK
               : VS_FAIL(VS_ERR_NOMEM, "no memory for %d clips of %d frames", m->batch, c->T);
}

vs_err vs_frame_model_open(vs_frame_model **out, const char *path, const char *device, int threads,
                           int batch, int stills)
{
    vs_frame_model *m = vs_new(sizeof(*m));
    m->batch = batch;
    m->features.stills = stills;
    const vs_err err = open_model(m, path, device, threads);
    if (err != VS_OK)
        vs_frame_model_close(&m);
    *out = m;
    return err;
}

void vs_frame_model_close(vs_frame_model **model)
{
    vs_frame_model *m = *model;
    *model = NULL;
    if (!m)
        return;
    vs_model_close(&m->model);
    vs_device_close(&m->dev);
    vs_resize_free(&m->resize);
    free(m->tmp);
    free(m->frame);
    free(m->clips);
    free(m->out);
    free(m);
}

const vs_set_model *vs_frame_model_features(const vs_frame_model *m)
{
    return &m->features;
}

int vs_frame_model_frames(const vs_frame_model *m)
{
    return m->config.T;
}

int vs_frame_model_stride(const vs_frame_model *m)
{
    return m->config.stride;
}

const char *vs_frame_model_key(const vs_frame_model *m)
{
    return m->key;
}
