/* Folders of frames. Contract: ingest/frames.h */
#include "ingest/frames.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/mem.h"
#include "ingest/tree.h"

#define DAY 86400.0                /* no frame is later than that many of these */
#define LOOK 100                   /* entries that tell what a folder holds */

static bool is_picture(const char *name)
{
    static const char *const endings[] = { "jpg", "jpeg", "png", "webp", "bmp", "tif", "tiff",
                                           "ppm" };
    const char *ext = vs_path_ext(name);
    for (size_t i = 0; i < sizeof(endings) / sizeof(*endings); i++)
        if (strcasecmp(ext, endings[i]) == 0)
            return name[0] != '.';
    return false;
}

bool vs_is_frames(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *e;
    int pictures = 0, others = 0;
    for (int i = 0; d && i < LOOK && (e = readdir(d)); i++) {
        if (e->d_name[0] == '.')
            continue;
        pictures += is_picture(e->d_name);
        others += vs_is_video(e->d_name) || e->d_type == DT_DIR;
    }
    if (d)
        closedir(d);
    return pictures > 0 && others == 0;
}

/* ---- Which pictures ------------------------------------------------------------------------- */

struct picture {
    const char *name;
    int prefix;                    /* letters before the number */
    uint64_t number;
    const char *ext;
};

static struct picture picture_of(const char *name)
{
    struct picture p = { .name = name, .ext = vs_path_ext(name) };
    size_t end = (size_t)(p.ext - name) - 1, from = end;
    while (from > 0 && isdigit((unsigned char)name[from - 1]))
        from--;
    p.prefix = (int)from;
    p.number = from < end ? strtoull(name + from, NULL, 10) : 0;
    return p;
}

static int compare_series(const struct picture *x, const struct picture *y)
{
    const int n = x->prefix < y->prefix ? x->prefix : y->prefix;
    const int c = strncmp(x->name, y->name, (size_t)n);
    if (c || x->prefix != y->prefix)
        return c ? c : x->prefix - y->prefix;
    return strcasecmp(x->ext, y->ext);
}

static int by_series(const void *a, const void *b)
{
    const struct picture *x = a, *y = b;
    const int c = compare_series(x, y);
    if (c)
        return c;
    return x->number != y->number ? (x->number < y->number ? -1 : 1) : strcmp(x->name, y->name);
}

static bool is_flow(const struct picture *p)
{
    return strncmp(p->name, "flow", 4) == 0 || (p->prefix == 2 && p->name[1] == '_' &&
                                                (p->name[0] == 'x' || p->name[0] == 'y'));
}

/* The series that is meant: *first and *n of the sorted pictures. */
static void choose(int *first, int *n, const struct picture *p, int count)
{
    *first = *n = 0;
    bool flow = true;
    for (int i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && compare_series(&p[i], &p[end]) == 0;)
            end++;
        const bool better = is_flow(&p[i]) == flow ? end - i > *n : flow;
        if (better) {
            *first = i;
            *n = end - i;
            flow = is_flow(&p[i]);
        }
    }
}

/* Numbers left out, where the others are one smallest step apart. */
static int count_missing(const struct picture *p, int n)
{
    uint64_t step = 0, missing = 0;
    for (int i = 1; i < n; i++) {
        const uint64_t d = p[i].number - p[i - 1].number;
        step = d > 0 && (step == 0 || d < step) ? d : step;
    }
    for (int i = 1; i < n && step > 0; i++)
        missing += (p[i].number - p[i - 1].number) / step - (p[i].number > p[i - 1].number);
    return missing > 1000000 ? 1000000 : (int)missing;
}

/* ---- Times ---------------------------------------------------------------------------------- */

static vs_err read_times(vs_frames *f, const char *path)
{
    void *text;
    size_t size;
    VS_TRY(vs_file_read(path, &text, &size));
    const char *at = text;
    int n = 0;
    bool good = true;
    for (; n < f->n && good; n++) {
        char *end;
        const double seconds = strtod(at, &end);
        good = end > at && isfinite(seconds) && fabs(seconds) < 1000 * DAY;
        const int64_t us = good ? llround(seconds * 1e6) : 0;
        f->time[n] = us - (n > 0 ? f->time[0] : 0);
        good = good && (n < 2 ? n == 0 || f->time[1] > 0 : f->time[n] > f->time[n - 1]);
        at = end;
    }
    while (*at && isspace((unsigned char)*at))
        at++;
    good = good && !*at;
    free(text);
    f->time[0] = 0;
    return good ? VS_OK
                : VS_FAIL(VS_ERR_CODEC, "times.txt: expected %d rising numbers of seconds, one for "
                          "each picture", f->n);
}

static vs_err settle_times(vs_frames *f, const char *dir, const struct picture *p, double rate)
{
    char *path = vs_path_join(dir, "times.txt");
    vs_err err = VS_OK;
    f->time = vs_new(sizeof(*f->time) * (size_t)f->n);
    if (rate <= 0 && vs_path_exists(path)) {
        err = read_times(f, path);
    } else {
        uint64_t step = 0;
        for (int i = 1; i < f->n; i++) {
            const uint64_t d = p[i].number - p[i - 1].number;
            step = d > 0 && (step == 0 || d < step) ? d : step;
        }
        const double apart = 1e6 / (rate > 0 ? rate : 25) / (double)(step > 0 ? step : 1);
        for (int i = 1; i < f->n; i++) {
            const int64_t at = llround((double)(p[i].number - p[0].number) * apart);
            f->time[i] = at > f->time[i - 1] ? at : f->time[i - 1] + 1;
        }
    }
    free(path);
    return err;
}

vs_err vs_frames_open(vs_frames *out, const char *dir, double rate)
{
    *out = (vs_frames){ 0 };
    char **names = NULL;
    int count = 0, n = 0, first;
    VS_TRY(vs_dir_list(dir, &names, &count));
    struct picture *p = vs_new(sizeof(*p) * ((size_t)count + 1));
    for (int i = 0; i < count; i++)
        if (is_picture(names[i]))
            p[n++] = picture_of(names[i]);
    qsort(p, (size_t)n, sizeof(*p), by_series);
    choose(&first, &n, p, n);
    for (int i = 0; i < n; i++)
        VS_PUSH(out->path, out->n, vs_path_join(dir, p[first + i].name));
    out->missing = count_missing(p + first, n);
    const vs_err err = n == 0 ? VS_FAIL(VS_ERR_CODEC, "a folder without pictures")
                              : settle_times(out, dir, p + first, rate);
    free(p);
    vs_names_free(names, count);
    if (err != VS_OK)
        vs_frames_close(out);
    return err;
}

void vs_frames_close(vs_frames *frames)
{
    for (int i = 0; i < frames->n; i++)
        free(frames->path[i]);
    free(frames->path);
    free(frames->time);
    *frames = (vs_frames){ 0 };
}
