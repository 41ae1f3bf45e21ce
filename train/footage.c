/* See footage.h. */
#include "train/footage.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "gen/texture/picture.h"
#include "train/child.h"
#include "train/score.h"
#include "train/stage.h"

/* ---- Frames, one after the other, into a video ----------------------------------------------- */

struct roll {
    vs_video *out;
    const char *name;
    int short_side, W, H;          /* of the frames that come; 0: none came */
    int64_t room;                  /* frames that fit out->rgb */
    vs_resize *plan;
    void *tmp;
};

static size_t frame_bytes(const struct roll *r)
{
    return 3 * (size_t)r->out->w * (size_t)r->out->h;
}

/* The first frame decides the size. */
static vs_err open_roll(struct roll *r, const char *where, int W, int H)
{
    const int64_t wide = (int64_t)(W > H ? W : H) * r->short_side / (W > H ? H : W);
    if (wide * r->short_side > VS_PICTURE_MOST)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: %dx%d pixels are too long a strip", where, W, H);
    r->W = W;
    r->H = H;
    r->out->w = W > H ? (int)wide : r->short_side;
    r->out->h = W > H ? r->short_side : (int)wide;
    r->plan = vs_resize_new(W, H, (vs_rect){ 0, 0, W, H }, r->out->w, r->out->h, false);
    r->tmp = vs_new(vs_resize_scratch(r->plan));
    return VS_OK;
}

static vs_err make_room(struct roll *r)
{
    if (r->out->F < r->room)
        return VS_OK;
    const int64_t more = r->room ? 2 * r->room : 1;
    const double bytes = (double)more * (double)frame_bytes(r);
    uint8_t *rgb = bytes > vs_memory_limit() / 2 ? NULL : realloc(r->out->rgb, (size_t)bytes);
    if (!rgb)
        return VS_FAIL(VS_ERR_NOMEM, "%s: its frames do not fit in memory after %d of them; cut it "
                       "into pieces", r->name, r->out->F);
    r->out->rgb = rgb;
    r->room = more;
    return VS_OK;
}

/* rgb: (H, W, 3) */
static vs_err add_frame(struct roll *r, const char *where, const uint8_t *rgb, int W, int H)
{
    if (r->W == 0)
        VS_TRY(open_roll(r, where, W, H));
    if (W != r->W || H != r->H)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: %dx%d pixels, expected %dx%d as in the first frame",
                       where, W, H, r->W, r->H);
    VS_TRY(make_room(r));
    vs_resize_run(r->plan, r->out->rgb + (size_t)r->out->F * frame_bytes(r), rgb, r->tmp);
    r->out->F++;
    return vs_stop_requested() ? VS_FAIL(VS_ERR_STOPPED, "stopped while %s was read", r->name)
                               : VS_OK;
}

static void close_roll(struct roll *r)
{
    vs_resize_free(&r->plan);
    free(r->tmp);
}

/* ---- Pictures -------------------------------------------------------------------------------- */

static vs_err add_picture(struct roll *r, const char *path)
{
    vs_image picture = { 0 };
    vs_err err = vs_picture_read(&picture, path, r->short_side);
    if (err == VS_OK)
        err = add_frame(r, path, picture.rgb, picture.W, picture.H);
    vs_image_free(&picture);
    return err;
}

static bool is_picture(const char *path)
{
    uint8_t head[12] = { 0 };
    FILE *f = fopen(path, "rb");
    const size_t n = f ? fread(head, 1, sizeof(head), f) : 0;
    if (f)
        fclose(f);
    return n == sizeof(head) &&
           (memcmp(head, "\x89PNG", 4) == 0 || memcmp(head, "\xff\xd8\xff", 3) == 0 ||
            (memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0));
}

static int by_number(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

/* Files that are no pictures by their first bytes lie there unheeded. */
static vs_err add_folder(struct roll *r, int stride)
{
    char **name;
    int n, pictures = 0;
    VS_TRY(vs_dir_list(r->name, &name, &n));
    if (n > 0)
        qsort(name, (size_t)n, sizeof(*name), by_number);
    vs_err err = VS_OK;
    for (int i = 0; err == VS_OK && i < n; i++) {
        char *path = vs_path_join(r->name, name[i]);
        if (name[i][0] != '.' && is_picture(path) && pictures++ % stride == 0)
            err = add_picture(r, path);
        free(path);
    }
    vs_names_free(name, n);
    return err == VS_OK && pictures == 0
               ? VS_FAIL(VS_ERR_CORRUPT, "%s: no frames in this folder; expected PNG, JPEG or WebP "
                         "pictures", r->name)
               : err;
}

/* ---- Videos ---------------------------------------------------------------------------------- */

/* Frames come as PPM pictures, each with its size. false: no more, or nothing that is one. */
static bool read_ppm(FILE *f, uint8_t **rgb, int *W, int *H)
{
    int w, h;
    if (fscanf(f, "P6 %d %d 255", &w, &h) != 2 || fgetc(f) != '\n' || w < 1 || h < 1 ||
        (int64_t)w * h > VS_PICTURE_MOST)
        return false;
    const size_t bytes = 3 * (size_t)w * (size_t)h;
    if (w != *W || h != *H) {
        free(*rgb);
        *rgb = malloc(bytes);
        *W = w;
        *H = h;
    }
    return *rgb && fread(*rgb, 1, bytes, f) == bytes;
}

static vs_err add_video(struct roll *r, int stride)
{
    char *input = vs_strf("file:%s", r->name);
    char *every = vs_strf("select='not(mod(n,%d))'", stride);
    char *what = vs_strf("%s: cannot be decoded", r->name);
    const char *const argv[] = { "ffmpeg", "-v", "error", "-nostdin", "-i", input, "-map", "0:v:0",
                                 "-vf", every, "-fps_mode", "passthrough", "-f", "image2pipe",
                                 "-c:v", "ppm", "-", NULL };
    vs_child child;
    uint8_t *rgb = NULL;
    int W = 0, H = 0;
    vs_err err = vs_child_start(&child, argv, "r", "a video file");
    if (err == VS_OK) {
        while (err == VS_OK && read_ppm(child.pipe, &rgb, &W, &H))
            err = add_frame(r, r->name, rgb, W, H);
        if (err == VS_OK)
            err = vs_child_end(&child, what);
        else
            vs_child_kill(&child);
    }
    if (err == VS_OK && r->out->F == 0)
        err = VS_FAIL(VS_ERR_CODEC, "%s: has no frames", r->name);
    free(rgb);
    free(what);
    free(every);
    free(input);
    return err;
}

static vs_err add_file(struct roll *r, int stride)
{
    if (vs_path_is_dir(r->name)) {
        char *index = vs_path_join(r->name, "index.db");
        const bool store = vs_path_exists(index);
        free(index);
        return store ? VS_FAIL(VS_ERR_USAGE, "%s: is a store; expected STORE:ID (vsyn-ingest list "
                               "%s names the ids)", r->name, r->name)
                     : add_folder(r, stride);
    }
    if (!vs_path_exists(r->name))
        return VS_FAIL(VS_ERR_IO, "%s: no such file; expected " VS_FOOTAGE_ARG, r->name);
    return is_picture(r->name) ? add_picture(r, r->name) : add_video(r, stride);
}

/* ---- Scenes ---------------------------------------------------------------------------------- */

static vs_err add_scene_frames(struct roll *r, const vs_scene *scene, int stride)
{
    const int size = scene->params.size;
    uint8_t *rgb = vs_new(3 * (size_t)size * (size_t)size);
    void *scratch = vs_new(vs_draw_scratch(size));
    vs_err err = VS_OK;
    for (int f = 0; err == VS_OK && f < scene->frames; f += stride) {
        vs_scene_draw(scene, f, rgb, scratch);
        err = add_frame(r, r->name, rgb, size, size);
    }
    free(scratch);
    free(rgb);
    return err;
}

/* `text`: STAGE:INDEX */
static vs_err add_scene(struct roll *r, const char *text, const vs_footage_options *o)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    const long long index = colon ? strtoll(colon + 1, &end, 10) : -1;
    if (!colon || end == colon + 1 || *end || index < 0)
        return VS_FAIL(VS_ERR_USAGE, "%s: expected scene:STAGE:INDEX", r->name);
    char *stage = vs_strf("%.*s", (int)(colon - text), text);
    const vs_stage_want want = { .name = stage, .size = o->scene_size ? o->scene_size : 256,
                                 .textures = o->textures, .texture_count = 64, .seed = o->seed,
                                 .jobs = o->jobs };
    vs_scene_params params;
    vs_textures *textures = NULL;
    vs_scene scene = { 0 };
    vs_err err = vs_stage_open(&params, &textures, &want);
    if (err == VS_OK) {
        params.textures = textures;
        err = vs_scene_sample(&scene, &params, o->seed, (uint64_t)index);
    }
    if (err == VS_OK)
        err = add_scene_frames(r, &scene, o->stride);
    vs_scene_free(&scene);
    vs_textures_free(&textures);
    free(stage);
    return err;
}

/* ---- A clip of a store ----------------------------------------------------------------------- */

static bool names_clip(const char *name)
{
    const char *colon = strrchr(name, ':');
    if (!colon || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")])
        return false;
    char *path = vs_strf("%.*s", (int)(colon - name), name);
    const bool dir = vs_path_is_dir(path) || !vs_path_exists(name);
    free(path);
    return dir;
}

static vs_err read_clip(vs_video *out, const char *name, const vs_footage_options *o)
{
    vs_store *store = NULL;
    vs_reader *reader = NULL;
    vs_clip clip;
    char *path = NULL;
    int64_t id = 0;
    vs_err err = vs_clip_parse(&path, &id, name);
    if (err == VS_OK)
        err = vs_store_open(&store, path);
    if (err == VS_OK)
        err = vs_store_clip(&clip, store, id);
    if (err == VS_OK)
        err = vs_reader_open(&reader, store);
    if (err == VS_OK)
        err = vs_video_read(out, reader, &clip, o->stride, o->short_side);
    vs_reader_close(&reader);
    vs_store_close(&store);
    free(path);
    return err;
}

vs_err vs_footage_read(vs_video *out, const char *name, const vs_footage_options *options)
{
    const bool scene = strncmp(name, "scene:", 6) == 0;
    struct roll r = { .out = out, .name = name, .short_side = options->short_side };
    *out = (vs_video){ 0 };
    if (!scene && names_clip(name))
        return read_clip(out, name, options);
    const vs_err err = scene ? add_scene(&r, name + 6, options) : add_file(&r, options->stride);
    close_roll(&r);
    if (err != VS_OK)
        vs_video_free(out);
    return err;
}
