#include "eval/decoded.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct entry {
    pthread_mutex_t reading;
    bool tried;
    vs_err err;
    char *detail;
    vs_video strided, all;
};

struct vs_decoded {
    const vs_split *split;
    int stride, short_side;
    bool whole;
    struct entry *entry;           /* one for each video of the split */
};

vs_decoded *vs_decoded_new(const vs_split *split, int stride, int short_side, bool whole)
{
    vs_decoded *v = vs_new(sizeof(*v));
    *v = (vs_decoded){ split, stride, short_side, whole, NULL };
    v->entry = vs_new(sizeof(*v->entry) * (size_t)split->n);
    for (int i = 0; i < split->n; i++)
        pthread_mutex_init(&v->entry[i].reading, NULL);
    return v;
}

void vs_decoded_drop(vs_decoded *v)
{
    for (int i = 0; i < v->split->n; i++) {
        struct entry *e = &v->entry[i];
        vs_video_free(&e->strided);
        vs_video_free(&e->all);
        free(e->detail);
        e->detail = NULL;
        e->tried = false;
    }
}

void vs_decoded_free(vs_decoded **videos)
{
    vs_decoded *v = *videos;
    if (!v)
        return;
    vs_decoded_drop(v);
    for (int i = 0; i < v->split->n; i++)
        pthread_mutex_destroy(&v->entry[i].reading);
    free(v->entry);
    free(v);
    *videos = NULL;
}

double vs_decoded_bytes(const vs_decoded *v, int place)
{
    const vs_clip *c = &v->split->clip[place];
    const double longer = c->W > c->H ? (double)c->W / c->H : (double)c->H / c->W;
    const int strided = (c->frames + v->stride - 1) / v->stride;
    const double frames = strided + (v->whole ? c->frames : 0);
    return frames * v->short_side * v->short_side * longer * 3;
}

/* Every stride-th frame of `all`. */
static vs_err pick(vs_video *out, const vs_video *all, int stride)
{
    const size_t frame = (size_t)all->h * (size_t)all->w * 3;
    *out = (vs_video){ .F = (all->F + stride - 1) / stride, .h = all->h, .w = all->w };
    out->rgb = malloc(frame * (size_t)out->F);
    if (!out->rgb)
        return VS_FAIL(VS_ERR_NOMEM, "no memory for a video of %d frames", out->F);
    for (int i = 0; i < out->F; i++)
        memcpy(out->rgb + frame * (size_t)i, all->rgb + frame * (size_t)(i * stride), frame);
    return VS_OK;
}

static vs_err read_video(vs_decoded *v, struct entry *e, const vs_clip *clip, vs_reader *reader)
{
    if (!v->whole)
        return vs_video_read(&e->strided, reader, clip, v->stride, v->short_side);
    VS_TRY(vs_video_read(&e->all, reader, clip, 1, v->short_side));
    return pick(&e->strided, &e->all, v->stride);
}

vs_err vs_decoded_get(vs_decoded *v, int place, vs_reader *reader, const vs_video **strided,
                     const vs_video **all)
{
    struct entry *e = &v->entry[place];
    pthread_mutex_lock(&e->reading);
    if (!e->tried) {
        e->err = read_video(v, e, &v->split->clip[place], reader);
        e->detail = e->err == VS_OK ? NULL : vs_strdup(vs_err_detail());
        e->tried = true;
    }
    pthread_mutex_unlock(&e->reading);
    *strided = &e->strided;
    *all = v->whole ? &e->all : NULL;
    return e->err == VS_OK ? VS_OK : VS_FAIL(e->err, "%s", e->detail);
}
