/* vsyn-gen textures: a folder of textures that are made, 000000.png ..., and a contact sheet.
 *
 * Texture i depends on (kind, seed, i, size) alone. A texture that has its final name is complete
 * and is not made again.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "gen/gen.h"
#include "gen/texture/make.h"
#include "gen/texture/picture.h"

#define AT(field) offsetof(vs_gen_textures_settings, field)

const vs_opt vs_gen_textures_opts[] = {
    { "out", VS_OPT_TEXT, AT(out), .arg = "DIR", .required = true,
      .help = "folder to write: 000000.png ..., sheet.png" },
    { "count", VS_OPT_LONG, AT(count), .arg = "N", .def = "256", .min = 1, .max = 999999,
      .help = "number of textures" },
    { "size", VS_OPT_CHOICE, AT(size), .def = "256", .choices = "128|256|512",
      .help = "width and height in pixels" },
    VS_OPTS_COMMON(vs_gen_textures_settings),
    { 0 },
};

typedef struct making {
    const vs_gen_textures_settings *s;
    int size;
    vs_maker **maker;              /* per worker */
    uint8_t **rgb;
    vs_progress *progress;
    pthread_mutex_t lock;          /* of what follows */
    int64_t made, present;
    vs_err err;
    char *detail;
} making;

static void make_one(void *ctx, int64_t i, int worker)
{
    making *m = ctx;
    if (m->err != VS_OK || vs_stop_requested())
        return;
    char *path = vs_texture_path(m->s->out, i);
    const bool there = vs_path_exists(path);
    vs_err err = VS_OK;
    if (!there)
        err = vs_maker_make(m->maker[worker], m->rgb[worker], (uint64_t)m->s->common.seed,
                            (uint64_t)i);
    if (!there && err == VS_OK)
        err = vs_png_write(path, m->size, m->size, m->rgb[worker]);
    free(path);
    pthread_mutex_lock(&m->lock);
    m->present += there;
    m->made += !there && err == VS_OK;
    if (err != VS_OK && m->err == VS_OK) {
        m->err = err;
        m->detail = vs_strdup(vs_err_detail());
    }
    pthread_mutex_unlock(&m->lock);
    vs_progress_add(m->progress, 1);
}

/* DIR/sheet.png: the first 64 in rows of 8. */
static vs_err write_sheet(const vs_gen_textures_settings *s)
{
    enum { COLUMNS = 8, TILE = 96, GAP = 4 };
    const int n = s->count < 64 ? (int)s->count : 64, rows = (n + COLUMNS - 1) / COLUMNS;
    const int W = COLUMNS * (TILE + GAP) + GAP, H = rows * (TILE + GAP) + GAP;
    uint8_t *sheet = vs_new(3 * (size_t)W * (size_t)H), tile[3 * TILE * TILE];
    memset(sheet, 22, 3 * (size_t)W * (size_t)H);
    vs_err err = VS_OK;
    for (int i = 0; i < n && err == VS_OK; i++) {
        char *path = vs_texture_path(s->out, i);
        vs_image picture;
        const int x = GAP + i % COLUMNS * (TILE + GAP), y = GAP + i / COLUMNS * (TILE + GAP);
        err = vs_png_read(&picture, path);
        if (err == VS_OK)
            err = vs_picture_fit(tile, TILE, &picture);
        vs_image_free(&picture);
        free(path);
        for (int j = 0; j < TILE && err == VS_OK; j++)
            memcpy(sheet + 3 * ((size_t)(y + j) * (size_t)W + (size_t)x), tile + 3 * j * TILE,
                   3 * TILE);
    }
    char *path = vs_path_join(s->out, "sheet.png");
    if (err == VS_OK)
        err = vs_png_write(path, W, H, sheet);
    free(path);
    free(sheet);
    return err;
}

static vs_err make_all(making *m, vs_texture_kind kind)
{
    vs_pool *pool;
    const double start = vs_now();
    VS_TRY(vs_pool_open(&pool, m->s->common.jobs, 0));
    const int threads = vs_pool_threads(pool);
    vs_err err = VS_OK;
    m->maker = vs_new(sizeof(*m->maker) * (size_t)threads);
    m->rgb = vs_new(sizeof(*m->rgb) * (size_t)threads);
    for (int w = 0; w < threads && err == VS_OK; w++) {
        err = vs_maker_new(&m->maker[w], kind, m->size);
        m->rgb[w] = vs_new(3 * (size_t)m->size * (size_t)m->size);
    }
    if (err == VS_OK) {
        m->progress = vs_progress_start("textures", "textures", m->s->count);
        vs_pool_each(pool, m->s->count, make_one, m);
        vs_progress_end(&m->progress);
    }
    vs_pool_close(&pool);
    for (int w = 0; w < threads; w++) {
        vs_maker_free(&m->maker[w]);
        free(m->rgb[w]);
    }
    free(m->maker);
    free(m->rgb);
    if (err == VS_OK && m->err != VS_OK)
        err = VS_FAIL(m->err, "%s", m->detail);
    free(m->detail);
    VS_TRY(err);
    if (m->made + m->present < m->s->count)
        return VS_FAIL(VS_ERR_STOPPED, "stopped after %lld of %lld textures; the same command "
                       "again makes the rest", (long long)(m->made + m->present),
                       (long long)m->s->count);
    VS_TRY(write_sheet(m->s));
    if (m->s->common.json)
        vs_json_print(json_pack("{s:s, s:I, s:I, s:f}", "out", m->s->out, "textures",
                                (json_int_t)m->s->count, "made", (json_int_t)m->made, "seconds",
                                vs_now() - start));
    else
        printf("%s: %lld textures, %lld of them new\n", m->s->out, (long long)m->s->count,
               (long long)m->made);
    return VS_OK;
}

vs_err vs_gen_textures(vs_call *call)
{
    making m = { .s = call->settings, .lock = PTHREAD_MUTEX_INITIALIZER };
    const vs_texture_kind kind = vs_texture_kind_of(call->args[0]);
    if (kind == VS_TEXTURE_FOLDER)
        return VS_FAIL(VS_ERR_USAGE, "expected statistical or stylegan, got \"%s\"",
                       call->args[0]);
    m.size = 128 << m.s->size;
    VS_TRY(vs_dir_make(m.s->out));
    vs_tmp_clean(m.s->out);
    return make_all(&m, kind);
}
