/* Filling a bank of textures. Rules: gen/texture/bank.h
 *
 * A folder is read in rounds: as many pictures as places are empty, in parallel, each into its
 * place; the places of those that could not be read are empty in the next round. So which
 * pictures end where depends on the files alone, never on the threads.
 */
#include "gen/texture/bank.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/stop.h"
#include "gen/texture/files.h"
#include "gen/texture/make.h"
#include "gen/texture/picture.h"

vs_texture_kind vs_texture_kind_of(const char *from)
{
    return strcmp(from, "statistical") == 0 ? VS_TEXTURE_STATISTICAL
           : strcmp(from, "stylegan") == 0  ? VS_TEXTURE_STYLEGAN
                                            : VS_TEXTURE_FOLDER;
}

/* One filling: what all workers share. */
typedef struct filling {
    const vs_bank_options *o;
    vs_textures *bank;
    uint8_t **rgb;                 /* per worker: (side, side, 3) */
    vs_pool *pool;
    vs_progress *progress;
    char **path;                   /* of a folder: pictures in the order in which they are taken */
    int paths, next;               /* `next`: the first that nobody has tried */
    int *place, places;            /* empty places of the bank, in order */
    bool *filled;                  /* (places) in this round */
    pthread_mutex_t lock;          /* of what follows */
    vs_err err;                    /* the first that ends everything */
    char *detail;                  /* of the first failure of any kind */
    int skipped;
    vs_maker **maker;              /* per worker, of textures that are made */
    uint8_t **made;                /* (made_size, made_size, 3) */
    int made_size;
} filling;

static vs_err too_large(int n, int side)
{
    const int64_t each = (int64_t)vs_textures_bytes(1, side);
    return VS_FAIL(VS_ERR_USAGE, "%d textures of %dx%d are more than a bank holds (%lld: 4 GB)", n,
                   side, side, (long long)(VS_BANK_MOST / each));
}

static vs_err new_bank(vs_textures **out, int n, int side)
{
    if ((int64_t)vs_textures_bytes(1, side) * n > VS_BANK_MOST)
        return too_large(n, side);
    return vs_textures_new(out, n, side);
}

static void note_failure(filling *f, vs_err err, bool fatal)
{
    pthread_mutex_lock(&f->lock);
    if (fatal && f->err == VS_OK) {
        f->err = err;
        free(f->detail);
        f->detail = NULL;
    }
    if (!f->detail)
        f->detail = vs_strdup(vs_err_detail());
    f->skipped++;
    pthread_mutex_unlock(&f->lock);
}

/* ---- A folder of pictures ------------------------------------------------------------------ */

static void read_one(void *ctx, int64_t k, int worker)
{
    filling *f = ctx;
    vs_image picture = { 0 };
    if (vs_stop_requested() || f->next + k >= f->paths)
        return;
    vs_err err = vs_picture_read(&picture, f->path[f->next + k], f->o->side);
    if (err == VS_OK)
        err = vs_picture_fit(f->rgb[worker], f->o->side, &picture);
    vs_image_free(&picture);
    if (err != VS_OK) {
        note_failure(f, err, err == VS_ERR_NOMEM || f->o->count == 0);
        return;
    }
    f->filled[k] = true;
    vs_textures_set(f->bank, f->place[k], f->rgb[worker]);
    vs_progress_add(f->progress, 1);
}

/* Drops the places that were filled from the list of empty ones. */
static void count_empty(filling *f)
{
    int left = 0;
    for (int k = 0; k < f->places; k++)
        if (!f->filled[k])
            f->place[left++] = f->place[k];
    f->places = left;
}

/* Too few pictures: the bank ends where they do. */
static void close_gaps(filling *f)
{
    const size_t bytes = vs_textures_bytes(1, f->o->side);
    int to = 0;
    for (int i = 0, gap = 0; i < f->bank->n; i++) {
        if (gap < f->places && f->place[gap] == i) {
            gap++;
            continue;
        }
        if (to != i)
            memcpy(f->bank->texel + (size_t)to * bytes, f->bank->texel + (size_t)i * bytes, bytes);
        to++;
    }
    f->bank->n = to;
}

static void shuffle(filling *f)
{
    int *order = vs_new(sizeof(*order) * (size_t)f->paths);
    char **path = vs_new(sizeof(*path) * (size_t)f->paths);
    vs_rng r = vs_rng_at(f->o->seed, VS_RNG_FILL, UINT64_MAX);
    for (int i = 0; i < f->paths; i++)
        order[i] = i;
    vs_rng_shuffle(&r, order, f->paths);
    for (int i = 0; i < f->paths; i++)
        path[i] = f->path[order[i]];
    free(order);
    free(f->path);
    f->path = path;
}

static vs_err read_rounds(filling *f)
{
    while (f->places > 0 && f->next < f->paths) {
        memset(f->filled, 0, sizeof(*f->filled) * (size_t)f->places);
        vs_pool_each(f->pool, f->places, read_one, f);
        if (vs_stop_requested())
            return VS_FAIL(VS_ERR_STOPPED, "stopped while the textures were read");
        if (f->err != VS_OK)
            return VS_FAIL(f->err, "%s", f->detail);
        f->next += f->places;
        count_empty(f);
    }
    if (f->places == f->bank->n)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: none of its %d files is a picture: %s", f->o->from,
                       f->paths, f->detail);
    if (f->skipped)
        vs_warn("%s: %d of %d files could not be read and were skipped; the first: %s", f->o->from,
                f->skipped, f->next < f->paths ? f->next : f->paths, f->detail);
    close_gaps(f);
    return VS_OK;
}

static vs_err list_pictures(filling *f)
{
    VS_TRY(vs_files_below(&f->path, &f->paths, f->o->from));
    if (f->paths == 0)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no pictures in this folder", f->o->from);
    if (f->o->count > 0)
        shuffle(f);
    return VS_OK;
}

/* ---- Textures that are made ---------------------------------------------------------------- */

static vs_err make_texture(filling *f, int64_t i, int worker)
{
    vs_image made = { f->made_size, f->made_size, f->made[worker] };
    char *path = f->o->keep ? vs_texture_path(f->o->keep, i) : NULL;
    vs_err err = VS_OK;
    if (path && vs_path_exists(path)) {
        vs_image kept;
        err = vs_png_read(&kept, path);
        if (err == VS_OK && (kept.W != f->o->side || kept.H != f->o->side))
            err = VS_FAIL(VS_ERR_CORRUPT, "%s: %dx%d pixels, expected %dx%d", path, kept.W,
                          kept.H, f->o->side, f->o->side);
        if (err == VS_OK)
            err = vs_picture_fit(f->rgb[worker], f->o->side, &kept);
        vs_image_free(&kept);
    } else {
        err = vs_maker_make(f->maker[worker], made.rgb, f->o->seed, (uint64_t)i);
        if (err == VS_OK)
            err = vs_picture_fit(f->rgb[worker], f->o->side, &made);
        if (err == VS_OK && path)
            err = vs_png_write(path, f->o->side, f->o->side, f->rgb[worker]);
    }
    free(path);
    return err;
}

static void make_one(void *ctx, int64_t i, int worker)
{
    filling *f = ctx;
    if (vs_stop_requested())
        return;
    const vs_err err = make_texture(f, i, worker);
    if (err != VS_OK) {
        note_failure(f, err, true);
        return;
    }
    vs_textures_set(f->bank, (int)i, f->rgb[worker]);
    vs_progress_add(f->progress, 1);
}

static vs_err open_makers(filling *f, vs_texture_kind kind)
{
    const int threads = vs_pool_threads(f->pool);
    f->made_size = f->o->side <= 128 ? 128 : f->o->side <= 256 ? 256 : 512;
    f->made = vs_new(sizeof(*f->made) * (size_t)threads);
    f->maker = vs_new(sizeof(*f->maker) * (size_t)threads);
    for (int w = 0; w < threads; w++) {
        f->made[w] = vs_new(3 * (size_t)f->made_size * (size_t)f->made_size);
        VS_TRY(vs_maker_new(&f->maker[w], kind, f->made_size));
    }
    return f->o->keep ? vs_dir_make(f->o->keep) : VS_OK;
}

static vs_err make_all(filling *f, vs_texture_kind kind)
{
    VS_TRY(open_makers(f, kind));
    vs_pool_each(f->pool, f->bank->n, make_one, f);
    if (vs_stop_requested())
        return VS_FAIL(VS_ERR_STOPPED, "stopped while the textures were made%s",
                       f->o->keep ? "; the same command again makes the rest" : "");
    return f->err == VS_OK ? VS_OK : VS_FAIL(f->err, "%s", f->detail);
}

/* ---- Keeping pictures ----------------------------------------------------------------------- */

static void keep_one(void *ctx, int64_t i, int worker)
{
    filling *f = ctx;
    const size_t side = (size_t)f->o->side, stride = side + 2;
    const uint8_t *from = f->bank->texel + (size_t)i * vs_textures_bytes(1, f->o->side) +
                          4 * (stride + 1);
    char *path = vs_texture_path(f->o->keep, i);
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++)
            memcpy(f->rgb[worker] + 3 * (y * side + x), from + 4 * (y * stride + x), 3);
    const vs_err err = vs_png_write(path, f->o->side, f->o->side, f->rgb[worker]);
    if (err != VS_OK)
        note_failure(f, err, true);
    free(path);
}

static vs_err keep_all(filling *f)
{
    VS_TRY(vs_dir_make(f->o->keep));
    vs_pool_each(f->pool, f->bank->n, keep_one, f);
    return f->err == VS_OK ? VS_OK : VS_FAIL(f->err, "%s", f->detail);
}

/* ---- All of it ------------------------------------------------------------------------------ */

static vs_err open_workers(filling *f)
{
    VS_TRY(vs_pool_open(&f->pool, f->o->jobs, 0));
    const int threads = vs_pool_threads(f->pool);
    f->rgb = vs_new(sizeof(*f->rgb) * (size_t)threads);
    for (int w = 0; w < threads; w++)
        f->rgb[w] = vs_new(3 * (size_t)f->o->side * (size_t)f->o->side);
    f->places = f->bank->n;
    f->place = vs_new(sizeof(*f->place) * (size_t)f->places);
    f->filled = vs_new(sizeof(*f->filled) * (size_t)f->places);
    for (int i = 0; i < f->places; i++)
        f->place[i] = i;
    return VS_OK;
}

static void close_filling(filling *f)
{
    for (int w = 0; f->rgb && w < vs_pool_threads(f->pool); w++)
        free(f->rgb[w]);
    for (int w = 0; f->maker && w < vs_pool_threads(f->pool); w++) {
        vs_maker_free(&f->maker[w]);
        free(f->made[w]);
    }
    vs_pool_close(&f->pool);
    free(f->maker);
    free(f->made);
    free(f->rgb);
    free(f->place);
    free(f->filled);
    free(f->detail);
    vs_names_free(f->path, f->paths);
}

vs_err vs_bank_open(vs_textures **out, const vs_bank_options *options)
{
    filling f = { .o = options, .lock = PTHREAD_MUTEX_INITIALIZER };
    const vs_texture_kind kind = vs_texture_kind_of(options->from);
    const bool folder = kind == VS_TEXTURE_FOLDER;
    *out = NULL;
    vs_err err = folder ? list_pictures(&f) : VS_OK;
    if (err == VS_OK)
        err = new_bank(&f.bank, folder && (options->count == 0 || f.paths < options->count)
                                    ? f.paths
                                    : options->count, options->side);
    if (err == VS_OK)
        err = open_workers(&f);
    if (err == VS_OK) {
        f.progress = vs_progress_start("textures", "textures", f.places);
        err = folder ? read_rounds(&f) : make_all(&f, kind);
        vs_progress_end(&f.progress);
    }
    if (err == VS_OK && folder && options->keep)
        err = keep_all(&f);
    close_filling(&f);
    if (err != VS_OK)
        vs_textures_free(&f.bank);
    *out = f.bank;
    return err;
}
