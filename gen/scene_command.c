/* vsyn-gen scene: frames of one object table as PNG files, f000.png, f050.png, ... */
#include <errno.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/image.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "gen/gen.h"
#include "gen/scene/scene.h"
#include "gen/scene/smooth.h"
#include "gen/texture/bank.h"

#define AT(field) offsetof(vs_gen_scene_settings, field)

const vs_opt vs_gen_scene_opts[] = {
    { "objects", VS_OPT_TEXT, AT(objects), .arg = "FILE.json", .required = true,
      .help = "object table, as --dump-scenes writes it" },
    { "frames", VS_OPT_TEXT, AT(frames), .arg = "A,B,...", .required = true,
      .help = "frames to draw" },
    { "size", VS_OPT_INT, AT(size), .arg = "N", .def = "256", .min = 1, .max = 8192,
      .help = "width and height in pixels" },
    { "out", VS_OPT_TEXT, AT(out), .arg = "DIR", .required = true, .help = "folder to write" },
    { "textures", VS_OPT_TEXT, AT(textures), .arg = "DIR",
      .help = "pictures that fill the shapes: texture i is number i by name" },
    { "static", VS_OPT_FLAG, AT(still), .help = "nothing moves" },
    { "affine", VS_OPT_FLAG, AT(affine), .help = "shapes turn, scale and shear" },
    { "acceleration-on", VS_OPT_FLAG, AT(accelerated), .help = "shapes accelerate" },
    { "circles-scale", VS_OPT_FLAG, AT(circles_scale),
      .help = "circles become ellipses where shapes transform" },
    { "antialias", VS_OPT_FLAG, AT(antialias),
      .help = "smooth edges, and motion by fractions of a pixel" },
    VS_OPTS_COMMON(vs_gen_scene_settings),
    { 0 },
};

/* "0,50,150"; the caller frees *list. */
static vs_err parse_frames(int **list, int *n, const char *text)
{
    *list = NULL;
    *n = 0;
    for (const char *at = text;;) {
        char *end;
        errno = 0;
        const long long f = strtoll(at, &end, 10);
        if (end == at || errno || f < 0 || f > 1000000 || (*end && *end != ',')) {
            free(*list);
            return VS_FAIL(VS_ERR_USAGE,
                           "--frames: expected numbers of 0..1000000 with commas, got \"%s\"",
                           text);
        }
        VS_PUSH(*list, *n, (int)f);
        if (!*end)
            return VS_OK;
        at = end + 1;
    }
}

static vs_err load_scene(vs_scene *out, const vs_gen_scene_settings *s,
                         const vs_textures *textures)
{
    const vs_scene_params params = {
        .moving = !s->still, .affine = s->affine, .accelerated = s->accelerated,
        .circles_scale = s->circles_scale, .size = s->size, .textures = textures,
    };
    json_t *table;
    VS_TRY(vs_json_load(&table, s->objects));
    const vs_err err = vs_scene_from_json(out, table, &params, s->objects);
    json_decref(table);
    return err;
}

static vs_err write_frames(const vs_scene *scene, const char *out, const int *list, int n,
                           bool smooth)
{
    const int size = scene->params.size;
    uint8_t *rgb = malloc(3 * (size_t)size * (size_t)size);
    void *scratch = malloc(smooth ? vs_smooth_scratch(size) : vs_draw_scratch(size));
    vs_err err = rgb && scratch ? vs_dir_make(out)
                                : VS_FAIL(VS_ERR_NOMEM, "--size: no memory for %d pixels", size);
    for (int k = 0; k < n && err == VS_OK; k++) {
        char *name = vs_strf("f%03d.png", list[k]), *path = vs_path_join(out, name);
        if (smooth)
            vs_smooth_draw(scene, list[k], rgb, scratch);
        else
            vs_scene_draw(scene, list[k], rgb, scratch);
        err = vs_png_write(path, size, size, rgb);
        free(path);
        free(name);
        if (err == VS_OK && vs_stop_requested())
            err = VS_FAIL(VS_ERR_STOPPED, "stopped after %d of %d frames", k + 1, n);
    }
    free(rgb);
    free(scratch);
    return err;
}

vs_err vs_gen_scene(vs_call *call)
{
    const vs_gen_scene_settings *s = call->settings;
    vs_scene scene;
    vs_textures *textures = NULL;
    int *list, n;
    if (s->antialias && s->textures)
        return VS_FAIL(VS_ERR_USAGE, "--antialias: flat colours only, not with --textures");
    VS_TRY(parse_frames(&list, &n, s->frames));
    const vs_bank_options bank = { .from = s->textures, .side = s->size, .jobs = s->common.jobs };
    vs_err err = s->textures ? vs_bank_open(&textures, &bank) : VS_OK;
    if (err == VS_OK)
        err = load_scene(&scene, s, textures);
    if (err == VS_OK) {
        err = write_frames(&scene, s->out, list, n, s->antialias);
        vs_scene_free(&scene);
    }
    vs_textures_free(&textures);
    free(list);
    VS_TRY(err);
    if (s->common.json)
        vs_json_print(json_pack("{s:s, s:i}", "out", s->out, "frames", n));
    else
        vs_say("%s: %d frames", s->out, n);
    return VS_OK;
}
