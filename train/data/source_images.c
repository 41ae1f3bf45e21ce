/* Still pictures of a folder as clips: one picture, cropped once, T times.
 *
 * Files whose names end as pictures' do (PNG, JPEG, WebP), in the folder and below it, in the order
 * of their paths; told apart by name because a folder may hold a million. A picture is decoded
 * when a sample asks for it and shrunk to the short side that a store has by default (8/7 of the
 * input's); what was shrunk is kept until KEPT_MOST bytes are, so small folders are decoded once.
 *
 * A file that cannot be read is left out: the next readable one of the list stands in for it. A
 * sample still depends on (folder, seed, epoch, item) alone. The first is told at once, their
 * number at the end.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "gen/texture/files.h"
#include "gen/texture/picture.h"
#include "train/data/augment.h"
#include "train/data/source.h"

#define KEPT_MOST ((size_t)256 << 20)

struct images_source {
    vs_source base;
    char *dir, **path;             /* (n) */
    int n, short_side;
    atomic_bool *bad;              /* (n) could not be read */
    atomic_int n_bad;
    vs_image *kept;                /* (n) rgb NULL: not kept; behind `lock`: */
    size_t kept_bytes;
    pthread_mutex_t lock;
};

struct images_sampler {
    vs_sampler base;
    vs_image own;                  /* of the last sample, when it was not kept */
};

static vs_err sampler_open(vs_sampler **out, vs_source *source)
{
    struct images_sampler *s = vs_new(sizeof(*s));
    (void)source;
    *out = &s->base;
    return VS_OK;
}

static void sampler_close(vs_sampler *sampler)
{
    struct images_sampler *s = (struct images_sampler *)sampler;
    vs_image_free(&s->own);
    free(s);
}

/* ---- One picture --------------------------------------------------------------------------- */

/* Shrinks a picture whose short side is longer than `side`. */
static vs_err shrink(vs_image *picture, int side)
{
    const int W = picture->W, H = picture->H, least = W < H ? W : H;
    if (least <= side)
        return VS_OK;
    vs_image small = { (int)((int64_t)W * side / least), (int)((int64_t)H * side / least), NULL };
    vs_resize *plan = vs_resize_new(W, H, (vs_rect){ 0, 0, W, H }, small.W, small.H, false);
    void *tmp = malloc(vs_resize_scratch(plan));
    small.rgb = malloc(3 * (size_t)small.W * (size_t)small.H);
    const bool room = tmp && small.rgb;
    if (room) {
        vs_resize_run(plan, small.rgb, picture->rgb, tmp);
        vs_image_free(picture);
        *picture = small;
    } else {
        free(small.rgb);
    }
    free(tmp);
    vs_resize_free(&plan);
    return room ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "a picture of %dx%d does not fit in memory", W, H);
}

/* Gives the picture to the source, which keeps it while there is room. */
static bool keep(struct images_source *s, int i, const vs_image *picture)
{
    const size_t bytes = 3 * (size_t)picture->W * (size_t)picture->H;
    pthread_mutex_lock(&s->lock);
    const bool room = !s->kept[i].rgb && s->kept_bytes + bytes <= KEPT_MOST;
    if (room) {
        s->kept[i] = *picture;
        s->kept_bytes += bytes;
    }
    pthread_mutex_unlock(&s->lock);
    return room;
}

/* *out belongs to the source or to the sampler; valid until its next sample. */
static vs_err take(vs_image *out, struct images_source *s, struct images_sampler *own, int i)
{
    pthread_mutex_lock(&s->lock);
    *out = s->kept[i];
    pthread_mutex_unlock(&s->lock);
    if (out->rgb)
        return VS_OK;
    vs_image_free(&own->own);
    VS_TRY(vs_picture_read(&own->own, s->path[i], s->base.shape.H > s->base.shape.W
                                                      ? s->base.shape.H : s->base.shape.W));
    VS_TRY(shrink(&own->own, s->short_side));
    *out = own->own;
    if (keep(s, i, out))
        own->own = (vs_image){ 0 };
    return VS_OK;
}

static void note_bad(struct images_source *s, int i)
{
    if (!atomic_exchange(&s->bad[i], true) && atomic_fetch_add(&s->n_bad, 1) == 0)
        vs_warn("%s; another picture of %s stands in", vs_err_detail(), s->dir);
}

/* Picture i, or the next one that can be read. */
static vs_err find(vs_image *out, struct images_source *s, struct images_sampler *own, int i)
{
    for (int tries = 0; tries < s->n; tries++, i = (i + 1) % s->n) {
        if (atomic_load(&s->bad[i]))
            continue;
        const vs_err err = take(out, s, own, i);
        if (err == VS_OK || err == VS_ERR_NOMEM)
            return err;
        note_bad(s, i);
    }
    return VS_FAIL(VS_ERR_CORRUPT, "%s: none of its %d pictures can be read", s->dir, s->n);
}

static vs_err get(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                  uint8_t *frames, int *label)
{
    struct images_sampler *own = (struct images_sampler *)sampler;
    struct images_source *s = (struct images_source *)sampler->source;
    const vs_sample_shape *shape = &s->base.shape;
    const size_t bytes = (size_t)shape->H * (size_t)shape->W * 3;
    vs_image picture;
    bool flip;
    VS_TRY(find(&picture, s, own, (int)key->item));
    const vs_rect crop = vs_sample_crop(&flip, picture.W, picture.H, shape, rng);
    vs_resize *plan = vs_resize_new(picture.W, picture.H, crop, shape->W, shape->H, flip);
    void *tmp = vs_new(vs_resize_scratch(plan));
    vs_resize_run(plan, frames, picture.rgb, tmp);
    for (int k = 1; k < shape->T; k++)
        memcpy(frames + (size_t)k * bytes, frames, bytes);
    free(tmp);
    vs_resize_free(&plan);
    *label = -1;
    return VS_OK;
}

/* ---- The folder ---------------------------------------------------------------------------- */

static bool named_as_picture(const char *path)
{
    static const char *const ends[] = { "png", "jpg", "jpeg", "webp" };
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
        if (strcasecmp(vs_path_ext(path), ends[i]) == 0)
            return true;
    return false;
}

static void source_close(vs_source *source)
{
    struct images_source *s = (struct images_source *)source;
    const int bad = atomic_load(&s->n_bad);
    if (bad > 0)
        vs_warn("%s: %d of %d pictures could not be read, others stood in", s->dir, bad, s->n);
    for (int i = 0; s->kept && i < s->n; i++)
        vs_image_free(&s->kept[i]);
    pthread_mutex_destroy(&s->lock);
    vs_names_free(s->path, s->n);
    free(s->kept);
    free(s->bad);
    free(s->dir);
    free(s);
}

static const struct source_kind kind = { sampler_open, sampler_close, get, source_close, NULL };

vs_err vs_source_images(vs_source **out, const char *dir, const vs_sample_shape *shape)
{
    VS_ASSERT(shape->views <= 1 && shape->randaugment.n == 0);
    char **path;
    int n, pictures = 0;
    *out = NULL;
    VS_TRY(vs_files_below(&path, &n, dir));
    for (int i = 0; i < n; i++) {
        if (named_as_picture(path[i]))
            path[pictures++] = path[i];
        else
            free(path[i]);
    }
    if (pictures == 0) {
        free(path);
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no pictures among its %d files; expected .png, .jpg, "
                       ".jpeg or .webp", dir, n);
    }
    const int side = shape->H > shape->W ? shape->H : shape->W;
    struct images_source *s = vs_new(sizeof(*s));
    s->base = (vs_source){ .kind = &kind, .shape = *shape, .count = pictures };
    s->dir = vs_strdup(dir);
    s->path = path;
    s->n = pictures;
    s->short_side = 8 * side / 7;
    s->bad = vs_new(sizeof(*s->bad) * (size_t)pictures);
    s->kept = vs_new(sizeof(*s->kept) * (size_t)pictures);
    pthread_mutex_init(&s->lock, NULL);
    *out = &s->base;
    return VS_OK;
}
