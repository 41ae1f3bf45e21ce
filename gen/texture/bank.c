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
    vs_pool_close(&f->pool);
    free(f->rgb);
    free(f->place);
    free(f->filled);
    free(f->detail);
    vs_names_free(f->path, f->paths);
}

vs_err vs_bank_open(vs_textures **out, const vs_bank_options *options)
{
    filling f = { .o = options, .lock = PTHREAD_MUTEX_INITIALIZER };
    *out = NULL;
    if (vs_texture_kind_of(options->from) != VS_TEXTURE_FOLDER)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "%s textures are not made yet", options->from);
    vs_err err = list_pictures(&f);
    if (err == VS_OK)
        err = new_bank(&f.bank, options->count > 0 && options->count < f.paths ? options->count
                                                                               : f.paths,
                       options->side);
    if (err == VS_OK)
        err = open_workers(&f);
    if (err == VS_OK) {
        f.progress = vs_progress_start("textures", "pictures", f.places);
        err = read_rounds(&f);
        vs_progress_end(&f.progress);
    }
    close_filling(&f);
    if (err != VS_OK)
        vs_textures_free(&f.bank);
    *out = f.bank;
    return err;
}
