/* Measurements as a safetensors file: what measure.h describes, one tensor a member. */
#include "eval/sets/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/safetensors.h"

enum { COUNTS = 7 };

#define WHOLE(name, type, count, data) { (name), VS_DTYPE_##type, 1, { (count) }, (data) }
#define SQUARE(name, moments) \
    { (name), VS_DTYPE_F64, 2, { (moments).D, (moments).D }, (moments).outer }

vs_err vs_measured_save(const vs_measured *m, const char *path, const char *key)
{
    const int64_t count[COUNTS] = { m->videos, m->skipped, m->frames,  m->flat,
                                    m->alpha_n, m->thumbs, m->colour.n };
    const int64_t n[2] = { m->frame.n, m->video.n };
    const double alpha[2] = { m->alpha_sum, m->alpha_square };
    const vs_tensor list[] = {
        WHOLE("counts", I64, COUNTS, count),
        WHOLE("features", I64, 2, n),
        WHOLE("alpha", F64, 2, alpha),
        WHOLE("alpha_bins", I64, VS_ALPHA_BINS, m->alpha),
        WHOLE("ring_sum", F64, VS_FALLOFF_RINGS, m->ring_sum),
        WHOLE("ring_n", I64, VS_FALLOFF_RINGS, m->ring_n),
        WHOLE("colour_sum", F64, m->colour.D, m->colour.sum),
        SQUARE("colour_outer", m->colour),
        WHOLE("frame_sum", F64, m->frame.D, m->frame.sum),
        SQUARE("frame_outer", m->frame),
        WHOLE("video_sum", F64, m->video.D, m->video.sum),
        SQUARE("video_outer", m->video),
        WHOLE("thumbs", U8, VS_THUMBS * VS_THUMB * VS_THUMB * 3, m->thumb),
    };
    const char *const meta[] = { "measured", key, "why", m->why ? m->why : "", NULL };
    return vs_safetensors_write(path, list, sizeof(list) / sizeof(*list), meta);
}

/* A tensor of one dimension into memory that is there. */
static vs_err take(void *out, const vs_safetensors *file, const char *name, vs_dtype type,
                   int64_t count)
{
    const vs_tensor *t;
    VS_TRY(vs_safetensors_need(&t, file, name, type, 1, &count));
    memcpy(out, t->data, (size_t)count * vs_dtype_bytes(type));
    return VS_OK;
}

static vs_err take_moments(vs_moments *m, const vs_safetensors *file, const char *sum,
                           const char *outer)
{
    const vs_tensor *t;
    VS_TRY(vs_safetensors_need(&t, file, sum, VS_DTYPE_F64, 1, (const int64_t[]){ -1 }));
    const int64_t D = t->shape[0];
    if (D < 1 || D > 1 << 14)
        return VS_FAIL(VS_ERR_CORRUPT, "%s has %lld features", sum, (long long)D);
    VS_TRY(vs_moments_new(m, (int)D));
    memcpy(m->sum, t->data, sizeof(double) * (size_t)D);
    VS_TRY(vs_safetensors_need(&t, file, outer, VS_DTYPE_F64, 2, (const int64_t[]){ D, D }));
    memcpy(m->outer, t->data, sizeof(double) * (size_t)(D * D));
    return VS_OK;
}

static vs_err take_all(vs_measured *m, const vs_safetensors *file)
{
    int64_t count[COUNTS], n[2];
    double alpha[2];
    const char *why = vs_safetensors_meta(file, "why");
    VS_TRY(take(count, file, "counts", VS_DTYPE_I64, COUNTS));
    VS_TRY(take(n, file, "features", VS_DTYPE_I64, 2));
    VS_TRY(take(alpha, file, "alpha", VS_DTYPE_F64, 2));
    VS_TRY(take(m->alpha, file, "alpha_bins", VS_DTYPE_I64, VS_ALPHA_BINS));
    VS_TRY(take(m->ring_sum, file, "ring_sum", VS_DTYPE_F64, VS_FALLOFF_RINGS));
    VS_TRY(take(m->ring_n, file, "ring_n", VS_DTYPE_I64, VS_FALLOFF_RINGS));
    VS_TRY(take_moments(&m->colour, file, "colour_sum", "colour_outer"));
    VS_TRY(take_moments(&m->frame, file, "frame_sum", "frame_outer"));
    VS_TRY(take_moments(&m->video, file, "video_sum", "video_outer"));
    m->thumb = vs_new(VS_THUMBS * VS_THUMB * VS_THUMB * 3);
    VS_TRY(take(m->thumb, file, "thumbs", VS_DTYPE_U8, VS_THUMBS * VS_THUMB * VS_THUMB * 3));
    if (count[5] < 0 || count[5] > VS_THUMBS || m->colour.D != 3)
        return VS_FAIL(VS_ERR_CORRUPT, "counts are out of range");
    m->videos = count[0];
    m->skipped = count[1];
    m->frames = count[2];
    m->flat = count[3];
    m->alpha_n = count[4];
    m->thumbs = (int)count[5];
    m->colour.n = count[6];
    m->frame.n = n[0];
    m->video.n = n[1];
    m->alpha_sum = alpha[0];
    m->alpha_square = alpha[1];
    m->why = why && *why ? vs_strdup(why) : NULL;
    return VS_OK;
}

/* A file that is damaged is measured again, as one that is missing. */
vs_err vs_measured_load(vs_measured *out, const char *path, const char *key)
{
    vs_safetensors *file = NULL;
    *out = (vs_measured){ 0 };
    if (!vs_path_exists(path) || vs_safetensors_open(&file, path) != VS_OK)
        return VS_ERR_END;
    const char *measured = vs_safetensors_meta(file, "measured");
    const bool same = measured && strcmp(measured, key) == 0 && take_all(out, file) == VS_OK;
    vs_safetensors_close(&file);
    if (!same)
        vs_measured_free(out);
    return same ? VS_OK : VS_ERR_END;
}
