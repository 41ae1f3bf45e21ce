/* vsyn-ingest extract: what is in a store as pictures. */
#include "ingest/extract.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/mem.h"
#include "ingest/copy.h"
#include "ingest/ingest.h"

const vs_opt vs_extract_opts[] = {
    { "clip", VS_OPT_LONG, offsetof(vs_extract_settings, clip), .arg = "ID", .min = 1, .max = 9e15,
      .required = true, .help = "number of the clip, as list prints it" },
    { "frames", VS_OPT_TEXT, offsetof(vs_extract_settings, frames), .arg = "0,4,8", .def = "0",
      .help = "numbers of the frames, from 0" },
    { "out", VS_OPT_TEXT, offsetof(vs_extract_settings, out), .arg = "DIR", .required = true,
      .help = "folder for f000.png, f004.png, ..." },
    VS_OPTS_COMMON(vs_extract_settings),
    { 0 }
};

/* "0,4,8" -> numbers below `frames`; the caller frees *out. */
static vs_err parse_frames(int **out, int *n, const char *text, const vs_clip *clip)
{
    *out = NULL;
    *n = 0;
    for (const char *at = text; at;) {
        char *end;
        const long f = strtol(at, &end, 10);
        if (end == at || (*end && *end != ',') || f < 0) {
            free(*out);
            return VS_FAIL(VS_ERR_USAGE, "--frames %s: expected numbers with commas, as 0,4,8",
                           text);
        }
        if (f >= clip->frames) {
            free(*out);
            return VS_FAIL(VS_ERR_CORRUPT, "clip %lld has no frame %ld, they are 0 to %d",
                           (long long)clip->id, f, clip->frames - 1);
        }
        VS_PUSH(*out, *n, (int)f);
        at = *end ? end + 1 : NULL;
    }
    return VS_OK;
}

static char *picture_path(const char *dir, int frame)
{
    char *name = vs_strf("f%03d.png", frame), *path = vs_path_join(dir, name);
    free(name);
    return path;
}

static vs_err write_frames(vs_store *store, const vs_clip *clip, const int *frame, int n,
                           const char *dir)
{
    const vs_rect whole = { 0, 0, 0, 0 };
    vs_reader *reader = NULL;
    uint8_t *rgb = malloc((size_t)clip->W * (size_t)clip->H * 3);
    vs_err err = rgb ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "a frame of %dx%d does not fit in memory",
                                       clip->W, clip->H);
    if (err == VS_OK)
        err = vs_dir_make(dir);
    if (err == VS_OK)
        err = vs_reader_open(&reader, store);
    for (int i = 0; i < n && err == VS_OK; i++) {
        err = vs_reader_frames(reader, clip, &frame[i], 1, whole, clip->W, clip->H, false, rgb);
        char *path = picture_path(dir, frame[i]);
        if (err == VS_OK)
            err = vs_png_write(path, clip->W, clip->H, rgb);
        free(path);
    }
    vs_reader_close(&reader);
    free(rgb);
    return err;
}

/* Which pictures there are now, and when they are shown. */
static vs_err tell_frames(vs_store *store, const vs_clip *clip, const int *frame, int n,
                          const vs_extract_settings *s)
{
    double *seconds = vs_new(sizeof(*seconds) * (size_t)clip->frames);
    const vs_err err = vs_store_times(seconds, store, clip);
    json_t *list = json_array();
    for (int i = 0; i < n && (err == VS_OK || err == VS_ERR_UNSUPPORTED); i++) {
        char *path = picture_path(s->out, frame[i]);
        const double at = seconds[frame[i]];
        if (s->common.json)
            json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "frame", frame[i], "seconds",
                                                  err == VS_OK ? json_real(at) : json_null(),
                                                  "path", vs_name_json(path)));
        else if (err == VS_OK)
            printf("%s\t%.6f s\n", path, at);
        else
            printf("%s\n", path);
        free(path);
    }
    if (s->common.json)
        vs_json_print(json_pack("{s:I, s:O}", "clip", (json_int_t)clip->id, "frames", list));
    json_decref(list);
    free(seconds);
    return err == VS_ERR_UNSUPPORTED ? VS_OK : err;
}

vs_err vs_command_extract(vs_call *call)
{
    const vs_extract_settings *s = call->settings;
    vs_store *store;
    vs_clip clip;
    int *frame, n;
    VS_TRY(vs_store_open(&store, call->args[0]));
    vs_store_decode_with(store, &vs_copy_ffmpeg);
    vs_err err = vs_store_clip(&clip, store, s->clip);
    if (err == VS_OK)
        err = parse_frames(&frame, &n, s->frames, &clip);
    if (err == VS_OK) {
        err = write_frames(store, &clip, frame, n, s->out);
        if (err == VS_OK)
            err = tell_frames(store, &clip, frame, n, s);
        free(frame);
    }
    vs_store_close(&store);
    return err;
}
