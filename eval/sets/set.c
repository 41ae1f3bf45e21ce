/* Stores and folders as sets of videos. See set.h. */
#include "eval/sets/set.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "eval/sets/falloff.h"
#include "gen/texture/files.h"
#include "gen/texture/picture.h"

/* The pictures first .. first + n - 1 of a folder set, or one video file. */
struct frames {
    int first, n;
};

struct vs_set {
    char *name, *path, *split_name;
    const vs_set_videos *decode;   /* NULL: no video files */
    vs_store *store;               /* NULL: a folder */
    vs_split split;
    char **file;
    int files, videos;
    struct frames *video;
};

struct vs_set_reader {
    vs_set *set;
    vs_reader *reader;             /* NULL: a folder */
};

/* ---- Opening ------------------------------------------------------------------------------ */

/* Where the path of a spec begins: NAME= holds no slash. */
static const char *path_of(const char *spec)
{
    const char *equal = strchr(spec, '='), *slash = strchr(spec, '/');
    return equal && equal > spec && (!slash || equal < slash) && !vs_path_exists(spec) ? equal + 1
                                                                                       : spec;
}

char *vs_set_spec_name(const char *spec)
{
    const char *path = path_of(spec);
    char *name;
    if (path > spec) {
        name = vs_strdup(spec);
        name[path - spec - 1] = 0;
        return name;
    }
    name = vs_strdup(path);
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
        name[n - 1] = 0;
    char *last = vs_strdup(vs_path_base(name));
    free(name);
    return last;
}

/* "STORE:SPLIT" when STORE is a folder and the whole is not. */
static void take_split(vs_set *set)
{
    for (char *at = strchr(set->path, ':'); at && !vs_path_exists(set->path);
         at = strchr(at + 1, ':')) {
        *at = 0;
        if (vs_path_is_dir(set->path)) {
            free(set->split_name);
            set->split_name = vs_strdup(at + 1);
            return;
        }
        *at = ':';
    }
}

static bool one_of(const char *path, const char *const *ext)
{
    while (*ext && strcasecmp(vs_path_ext(path), *ext) != 0)
        ext++;
    return *ext != NULL;
}

static bool is_picture(const char *path)
{
    static const char *const ext[] = { "png", "jpg", "jpeg", "webp", NULL };
    return one_of(path, ext);
}

static bool is_video(const char *path)
{
    static const char *const ext[] = { "mp4", "avi",  "webm", "mkv", "mov", "mpg", "mpeg", "m4v",
                                       "wmv", "flv", "ogv",  "ts",  "3gp", NULL };
    return one_of(path, ext);
}

static size_t folder_length(const char *path)
{
    return (size_t)(vs_path_base(path) - path);
}

/* By folder, pictures before videos, then by name. */
static int by_folder(const void *a, const void *b)
{
    const char *p = *(char *const *)a, *q = *(char *const *)b;
    const size_t n = folder_length(p), m = folder_length(q);
    const int c = strncmp(p, q, n < m ? n : m);
    if (c || n != m)
        return c ? c : n < m ? -1 : 1;
    return is_picture(p) != is_picture(q) ? (is_picture(p) ? -1 : 1) : strcmp(p, q);
}

static void group_by_folder(vs_set *set)
{
    const size_t root = strlen(set->path) + (set->path[strlen(set->path) - 1] != '/');
    qsort(set->file, (size_t)set->files, sizeof(*set->file), by_folder);
    for (int i = 0; i < set->files; i++) {
        const size_t n = folder_length(set->file[i]);
        const bool same = i && n > root && is_picture(set->file[i]) &&
                          is_picture(set->file[i - 1]) &&
                          folder_length(set->file[i - 1]) == n &&
                          strncmp(set->file[i], set->file[i - 1], n) == 0;
        if (same)
            set->video[set->videos - 1].n++;
        else
            VS_PUSH(set->video, set->videos, ((struct frames){ i, 1 }));
    }
}

static vs_err open_folder(vs_set *set)
{
    char **all;
    int n, n_videos = 0;
    VS_TRY(vs_files_below(&all, &n, set->path));
    for (int i = 0; i < n; i++) {
        n_videos += is_video(all[i]);
        if (is_picture(all[i]) || (set->decode && is_video(all[i])))
            VS_PUSH(set->file, set->files, vs_strdup(all[i]));
    }
    vs_names_free(all, n);
    if (!set->files && n_videos)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "%s: holds videos, which need FFmpeg, and this program "
                       "was built without; expected a store or pictures", set->path);
    if (!set->files)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: neither a store nor a folder with videos or with PNG, "
                       "JPEG or WebP pictures", set->path);
    group_by_folder(set);
    return VS_OK;
}

static vs_err open_store(vs_set *set)
{
    VS_TRY(vs_store_open(&set->store, set->path));
    if (set->decode)
        set->decode->store(set->store);
    VS_TRY(vs_store_split(&set->split, set->store, set->split_name));
    set->videos = set->split.n;
    return set->videos ? VS_OK : VS_FAIL(VS_ERR_CORRUPT, "%s: a store without clips", set->path);
}

vs_err vs_set_open(vs_set **out, const char *spec, const char *split, const vs_set_videos *videos)
{
    vs_set *set = vs_new(sizeof(*set));
    set->decode = videos;
    *out = NULL;
    set->name = vs_set_spec_name(spec);
    set->path = vs_strdup(path_of(spec));
    set->split_name = split ? vs_strdup(split) : NULL;
    take_split(set);
    char *index = vs_path_join(set->path, "index.db");
    const bool store = vs_path_exists(index);
    vs_err err = VS_OK;
    if (!vs_path_exists(set->path))
        err = VS_FAIL(VS_ERR_IO, "%s: no such store or folder", set->path);
    else if (!*set->name)
        err = VS_FAIL(VS_ERR_USAGE, "%s: a data set needs a name, as in NAME=%s", spec, spec);
    else if (!store)
        free(set->split_name), set->split_name = NULL;
    if (err == VS_OK)
        err = store ? open_store(set) : open_folder(set);
    free(index);
    if (err != VS_OK)
        vs_set_close(&set);
    *out = set;
    return err;
}

void vs_set_close(vs_set **out)
{
    vs_set *set = *out;
    *out = NULL;
    if (!set)
        return;
    vs_split_free(&set->split);
    vs_store_close(&set->store);
    vs_names_free(set->file, set->files);
    free(set->video);
    free(set->name);
    free(set->path);
    free(set->split_name);
    free(set);
}

const char *vs_set_name(const vs_set *set)
{
    return set->name;
}

const char *vs_set_path(const vs_set *set)
{
    return set->path;
}

const char *vs_set_split(const vs_set *set)
{
    return set->split_name;
}

int vs_set_count(const vs_set *set)
{
    return set->videos;
}

int64_t vs_set_frames(const vs_set *set)
{
    int64_t n = 0;
    for (int i = 0; i < set->videos; i++)
        n += set->store ? set->split.clip[i].frames : set->video[i].n;
    return n;
}

const char *vs_set_video(const vs_set *set, int i)
{
    return set->store ? set->split.clip[i].name : set->file[set->video[i].first];
}

/* ---- Reading ------------------------------------------------------------------------------ */

vs_err vs_set_reader_open(vs_set_reader **out, vs_set *set)
{
    vs_set_reader *r = vs_new(sizeof(*r));
    r->set = set;
    const vs_err err = set->store ? vs_reader_open(&r->reader, set->store) : VS_OK;
    if (err != VS_OK)
        vs_set_reader_close(&r);
    *out = r;
    return err;
}

void vs_set_reader_close(vs_set_reader **reader)
{
    if (*reader)
        vs_reader_close(&(*reader)->reader);
    free(*reader);
    *reader = NULL;
}

vs_err vs_set_clip_fit(vs_set_clip *clip, vs_rect *square, int n, int W, int H, const char *name)
{
    const int least = (W < H ? W : H) & ~1;
    if (least < VS_FALLOFF_LEAST)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: is %d x %d pixels, %d x %d are the least that can be "
                       "measured", name, W, H, VS_FALLOFF_LEAST, VS_FALLOFF_LEAST);
    *square = (vs_rect){ (W - least) / 2, (H - least) / 2, least, least };
    clip->n = n;
    clip->side = least < VS_FALLOFF_MOST ? least : VS_FALLOFF_MOST;
    const size_t bytes = (size_t)n * (size_t)clip->side * (size_t)clip->side * 3;
    if (bytes <= clip->room)
        return VS_OK;
    free(clip->rgb);
    clip->rgb = malloc(bytes);
    clip->room = clip->rgb ? bytes : 0;
    return clip->rgb ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %d frames of %d x %d", name,
                                       n, clip->side, clip->side);
}

static vs_err read_clip(vs_set_clip *clip, vs_set_reader *r, const vs_clip *from, int first, int n,
                        int stride)
{
    vs_rect square;
    int *index = vs_new(sizeof(*index) * (size_t)n);
    for (int k = 0; k < n; k++)
        index[k] = (first + k) * stride;
    vs_err err = vs_set_clip_fit(clip, &square, n, from->W, from->H, from->name);
    if (err == VS_OK)
        err = vs_reader_frames(r->reader, from, index, n, square, clip->side, clip->side, false,
                               clip->rgb);
    free(index);
    return err;
}

static vs_err cut_square(uint8_t *rgb, const vs_image *image, vs_rect square, int side)
{
    const vs_err none = VS_ERR_NOMEM;
    if ((int)square.rw == side) {
        for (int y = 0; y < side; y++)
            memcpy(rgb + (size_t)y * (size_t)side * 3,
                   image->rgb + (((size_t)square.y0 + (size_t)y) * (size_t)image->W +
                                 (size_t)square.x0) * 3, (size_t)side * 3);
        return VS_OK;
    }
    vs_resize *plan = vs_resize_new(image->W, image->H, square, side, side, false);
    void *tmp = plan ? malloc(vs_resize_scratch(plan)) : NULL;
    if (tmp)
        vs_resize_run(plan, rgb, image->rgb, tmp);
    vs_resize_free(&plan);
    const bool done = tmp != NULL;
    free(tmp);
    return done ? VS_OK : VS_FAIL(none, "no memory to resample %d x %d", image->W, image->H);
}

static vs_err read_pictures(vs_set_clip *clip, char *const *file, int n, int stride)
{
    int W = 0, H = 0;
    vs_err err = VS_OK;
    for (int k = 0; k < n && err == VS_OK; k++) {
        const char *path = file[k * stride];
        vs_rect square;
        vs_image image;
        VS_TRY(vs_picture_read(&image, path, 0));
        if (k && (image.W != W || image.H != H))
            err = VS_FAIL(VS_ERR_CORRUPT, "%s: is %d x %d, the first frame is %d x %d", path,
                          image.W, image.H, W, H);
        W = image.W;
        H = image.H;
        if (err == VS_OK)
            err = vs_set_clip_fit(clip, &square, n, W, H, path);
        if (err == VS_OK)
            err = cut_square(clip->rgb + (size_t)k * (size_t)clip->side * (size_t)clip->side * 3,
                             &image, square, clip->side);
        vs_image_free(&image);
    }
    return err;
}

vs_err vs_set_read(vs_set_clip *clip, vs_set_reader *r, int i, int T, int stride)
{
    const vs_set *set = r->set;
    const int F = set->store ? set->split.clip[i].frames : set->video[i].n;
    const int strided = (F + stride - 1) / stride, n = strided < T ? strided : T;
    const int first = (strided - n) / 2;
    if (set->store)
        return read_clip(clip, r, &set->split.clip[i], first, n, stride);
    if (is_video(set->file[set->video[i].first]))
        return set->decode->read(clip, set->file[set->video[i].first], T, stride);
    return read_pictures(clip, set->file + set->video[i].first + first * stride, n, stride);
}
