/* vsyn-ingest extract: what is in a store as pictures or videos. */
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
#include "ingest/unpack.h"

const vs_opt vs_extract_opts[] = {
    { "clip", VS_OPT_LONG, offsetof(vs_extract_settings, clip), .arg = "ID", .min = 0, .max = 9e15,
      .help = "number of the clip, as list prints it: pictures f000.png, ... in --out" },
    { "frames", VS_OPT_TEXT, offsetof(vs_extract_settings, frames), .arg = "0,4,8", .def = "0",
      .help = "of the clip: numbers of the frames, from 0" },
    { "all", VS_OPT_FLAG, offsetof(vs_extract_settings, all),
      .help = "every clip, named as in the store, with a list per split and the class names" },
    { "split", VS_OPT_TEXT, offsetof(vs_extract_settings, split), .arg = "S",
      .help = "with --all: only this one: SPLIT or DATASET:SPLIT" },
    { "format", VS_OPT_CHOICE, offsetof(vs_extract_settings, format), .def = "mp4",
      .choices = VS_UNPACK_CHOICES, .help = "of --all: mp4 (H.264), lossless (the very frames, in "
      "H.264), folders of jpeg (as stored, where they are) or of png" },
    { "quality", VS_OPT_INT, offsetof(vs_extract_settings, quality), .def = "0", .min = 0,
      .max = 100, .arg = "Q", .help = "CRF of mp4, 1..51, lower is better (0: 18); of jpeg frames "
      "that are not stored as such (0: 90)" },
    { "out", VS_OPT_TEXT, offsetof(vs_extract_settings, out), .arg = "DIR", .required = true,
      .help = "folder to write" },
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

static vs_err extract_clip(vs_store *store, const vs_extract_settings *s)
{
    vs_clip clip;
    int *frame, n;
    VS_TRY(vs_store_clip(&clip, store, s->clip));
    VS_TRY(parse_frames(&frame, &n, s->frames, &clip));
    vs_err err = write_frames(store, &clip, frame, n, s->out);
    if (err == VS_OK)
        err = tell_frames(store, &clip, frame, n, s);
    free(frame);
    return err;
}

static vs_err extract_all(vs_store *store, const vs_extract_settings *s)
{
    const vs_unpack_options o = { .out = s->out, .split = s->split,
                                  .format = (vs_unpack_format)s->format, .quality = s->quality,
                                  .jobs = s->common.jobs, .json = s->common.json };
    return vs_unpack(store, &o);
}

static vs_err check_extract(const vs_call *call, const vs_extract_settings *s)
{
    static const char *const of_all[] = { "split", "format", "quality" };
    if (s->all == (s->clip > 0))
        return VS_FAIL(VS_ERR_USAGE, "%s of --clip and --all; expected exactly one",
                       s->all ? "both" : "none");
    if (s->all && vs_call_given(call, "frames"))
        return VS_FAIL(VS_ERR_USAGE, "--frames does not go with --all");
    for (int i = 0; i < 3 && !s->all; i++)
        if (vs_call_given(call, of_all[i]))
            return VS_FAIL(VS_ERR_USAGE, "--%s goes with --all", of_all[i]);
    if (s->format == VS_UNPACK_MP4 && s->quality > 51)
        return VS_FAIL(VS_ERR_USAGE, "--quality %d: mp4 takes 1 to 51", s->quality);
    return VS_OK;
}

vs_err vs_command_extract(vs_call *call)
{
    const vs_extract_settings *s = call->settings;
    vs_store *store;
    VS_TRY(check_extract(call, s));
    VS_TRY(vs_store_open(&store, call->args[0]));
    vs_store_decode_with(store, &vs_copy_ffmpeg);
    const vs_err err = s->all ? extract_all(store, s) : extract_clip(store, s);
    vs_store_close(&store);
    return err;
}
