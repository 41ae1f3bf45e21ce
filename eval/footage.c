/* Pictures, folders of pictures and clips of stores. Contract: footage.h */
#include "eval/footage.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

#include "base/file.h"
#include "base/image.h"
#include "base/mem.h"
#include "gen/texture/picture.h"
#include "train/score.h"

static bool is_jpeg(const char *name)
{
    return strcasecmp(vs_path_ext(name), "jpg") == 0 || strcasecmp(vs_path_ext(name), "jpeg") == 0;
}

static bool is_picture(const char *name)
{
    return is_jpeg(name) || strcasecmp(vs_path_ext(name), "png") == 0 ||
           strcasecmp(vs_path_ext(name), "webp") == 0;
}

/* "STORE:17", where no file has that very name. */
static bool is_clip(const char *path)
{
    const char *colon = strrchr(path, ':');
    return colon && colon[1] && colon[1 + strspn(colon + 1, "0123456789")] == 0 &&
           !vs_path_exists(path);
}

vs_footage_kind vs_footage_kind_of(const char *path)
{
    return vs_path_is_dir(path) ? VS_FOOTAGE_FOLDER
           : is_clip(path)      ? VS_FOOTAGE_CLIP
           : is_picture(path)   ? VS_FOOTAGE_PICTURE
                                : VS_FOOTAGE_VIDEO;
}

void vs_footage_free(vs_footage *f)
{
    vs_names_free(f->name, f->name ? f->T : 0);
    free(f->rgb);
    free(f->note);
    *f = (vs_footage){ 0 };
}

/* ---- Pictures ----------------------------------------------------------------------------- */

static vs_err add_frame(vs_footage *f, int t, const char *path)
{
    vs_image image;
    VS_TRY(vs_picture_read(&image, path, 0));
    const size_t n = (size_t)image.W * (size_t)image.H * 3;
    vs_err err = VS_OK;
    if (t == 0) {
        f->H = image.H;
        f->W = image.W;
        f->rgb = calloc((size_t)f->T, n);
    }
    if (!f->rgb)
        err = VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %d frames of %d x %d", path, f->T, f->W,
                      f->H);
    else if (image.W != f->W || image.H != f->H)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: is %d x %d, the first frame is %d x %d", path, image.W,
                      image.H, f->W, f->H);
    else
        memcpy(f->rgb + n * (size_t)t, image.rgb, n);
    vs_image_free(&image);
    return err;
}

/* The pictures of a folder; other files are left alone. */
static vs_err read_folder(vs_footage *f, const char *dir)
{
    char **all;
    int n;
    VS_TRY(vs_dir_list(dir, &all, &n));
    for (int i = 0; i < n; i++)
        if (is_picture(all[i]))
            VS_PUSH(f->name, f->T, vs_strdup(all[i]));
    vs_names_free(all, n);
    if (!f->T)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no pictures (PNG, JPEG, WebP) in this folder", dir);
    for (int t = 0; t < f->T; t++) {
        char *path = vs_path_join(dir, f->name[t]);
        const vs_err err = add_frame(f, t, path);
        free(path);
        VS_TRY(err);
    }
    return VS_OK;
}

static vs_err read_picture(vs_footage *f, const char *path)
{
    VS_PUSH(f->name, f->T, vs_strdup(vs_path_base(path)));
    return add_frame(f, 0, path);
}

vs_err vs_footage_check_picture(const char *path)
{
    const char *ext = vs_path_ext(path);
    if (is_jpeg(path) || !*ext || strcasecmp(ext, "png") == 0)
        return VS_OK;
    return VS_FAIL(VS_ERR_USAGE, "%s: expected a name that ends in .png or .jpg", path);
}

vs_err vs_footage_write_picture(const char *path, const uint8_t *rgb, int W, int H, int quality)
{
    if (!is_jpeg(path))
        return vs_png_write(path, W, H, rgb);
    unsigned char *data = NULL;
    unsigned long size = 0;
    tjhandle tj = tjInitCompress();
    vs_err err = VS_OK;
    if (!tj)
        err = VS_FAIL(VS_ERR_NOMEM, "%s: no memory for a JPEG encoder", path);
    else if (tjCompress2(tj, rgb, W, 0, H, TJPF_RGB, &data, &size, TJSAMP_444, quality,
                         TJFLAG_ACCURATEDCT) != 0)
        err = VS_FAIL(VS_ERR_CODEC, "%s: cannot encode %d x %d as JPEG: %s", path, W, H,
                      tjGetErrorStr2(tj));
    else
        err = vs_file_write(path, data, size);
    tjFree(data);
    if (tj)
        tjDestroy(tj);
    return err;
}

/* ---- Clips of stores ---------------------------------------------------------------------- */

vs_err vs_footage_clip(vs_footage *f, vs_reader *reader, const vs_clip *clip)
{
    *f = (vs_footage){ .kind = VS_FOOTAGE_CLIP, .T = clip->frames, .H = clip->H, .W = clip->W,
                       .fps = clip->fps };
    int *index = malloc(sizeof(*index) * (size_t)f->T);
    f->rgb = malloc((size_t)f->T * (size_t)f->H * (size_t)f->W * 3);
    vs_err err = VS_OK;
    if (!index || !f->rgb)
        err = VS_FAIL(VS_ERR_NOMEM, "clip %lld (%s): no memory for %d frames of %d x %d",
                      (long long)clip->id, clip->name, f->T, f->W, f->H);
    for (int t = 0; t < f->T && err == VS_OK; t++)
        index[t] = t;
    if (err == VS_OK)
        err = vs_reader_frames(reader, clip, index, f->T, (vs_rect){ 0 }, f->W, f->H, false,
                               f->rgb);
    free(index);
    if (err != VS_OK)
        vs_footage_free(f);
    return err;
}

static vs_err read_clip(vs_footage *f, const char *text)
{
    char *path;
    int64_t id;
    vs_store *store = NULL;
    vs_reader *reader = NULL;
    vs_clip clip;
    VS_TRY(vs_clip_parse(&path, &id, text));
    vs_err err = vs_store_open(&store, path);
    if (err == VS_OK)
        err = vs_store_clip(&clip, store, id);
    if (err == VS_OK) {
        vs_footage_store(store);
        err = vs_reader_open(&reader, store);
    }
    if (err == VS_OK)
        err = vs_footage_clip(f, reader, &clip);
    vs_reader_close(&reader);
    vs_store_close(&store);
    free(path);
    return err;
}

vs_err vs_footage_read(vs_footage *out, const char *path, const vs_footage_limits *limits)
{
    const vs_footage_limits none = { 0 };
    vs_err err = VS_OK;
    *out = (vs_footage){ .kind = vs_footage_kind_of(path) };
    switch (out->kind) {
    case VS_FOOTAGE_PICTURE: err = read_picture(out, path); break;
    case VS_FOOTAGE_FOLDER: err = read_folder(out, path); break;
    case VS_FOOTAGE_CLIP: err = read_clip(out, path); break;
    case VS_FOOTAGE_VIDEO: err = vs_footage_read_video(out, path, limits ? limits : &none); break;
    }
    if (err != VS_OK)
        vs_footage_free(out);
    return err;
}
