/* Video files to RGB and back, through the decoder of vsyn-ingest and the encoder of vsyn-gen. */
#include <libavformat/avformat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "eval/export.h"
#include "eval/footage.h"
#include "gen/encode.h"
#include "ingest/copy.h"
#include "ingest/ingest.h"
#include "ingest/store/view.h"
#include "ingest/video.h"

void vs_footage_store(vs_store *store)
{
    vs_store_decode_with(store, &vs_copy_ffmpeg);
}

vs_err vs_export_list_folder(vs_export_set *out, const char *folder)
{
    vs_listing listing;
    VS_TRY(vs_list_folder(&listing, folder, 0, 0));
    for (int i = 0; i < listing.n; i++) {
        const vs_export_item item = { .name = vs_strdup(listing.item[i].name),
                                      .path = vs_strdup(listing.item[i].path),
                                      .label = listing.item[i].label };
        VS_PUSH(out->item, out->n, item);
    }
    for (int i = 0; i < listing.classes; i++)
        VS_PUSH(out->class_name, out->classes, vs_strdup(listing.class_name[i]));
    vs_listing_free(&listing);
    return VS_OK;
}

/* ---- Reading ------------------------------------------------------------------------------ */

struct reading {
    vs_footage *out;
    vs_decoder *decoder;
    vs_view view;
    int room;                      /* frames */
};

/* Bytes that may be taken without swapping; infinite where the system does not tell. */
static double memory_left(void)
{
    char line[128];
    unsigned long long kb = 0;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && !kb && fgets(line, sizeof(line), f))
        (void)sscanf(line, "MemAvailable: %llu kB", &kb);
    if (f)
        fclose(f);
    return kb ? 1024.0 * (double)kb : INFINITY;
}

static double frame_bytes(const vs_footage *f)
{
    return 3.0 * f->W * f->H;
}

/* Room for `frames`, when that many and as many corrupted ones fit. */
static vs_err make_room(struct reading *r, int frames)
{
    char need[32], left[32];
    const double bytes = 2 * frames * frame_bytes(r->out), free_bytes = memory_left();
    const double have = 2 * r->room * frame_bytes(r->out);
    uint8_t *rgb = NULL;
    if (bytes - have <= free_bytes)
        rgb = realloc(r->out->rgb, (size_t)frames * (size_t)frame_bytes(r->out));
    if (!rgb)
        return VS_FAIL(VS_ERR_NOMEM, "%d frames of %d x %d, twice over, are %s and %s are left; "
                       "use --short-side or --max-seconds", frames, r->out->W, r->out->H,
                       vs_human_bytes(need, bytes), vs_human_bytes(left, free_bytes));
    r->out->rgb = rgb;
    r->room = frames;
    return VS_OK;
}

static vs_err begin(struct reading *r)
{
    vs_footage *f = r->out;
    const int W = f->W = vs_decoder_width(r->decoder), H = f->H = vs_decoder_height(r->decoder);
    const vs_view_planes planes = { { W, (W + 1) / 2 }, { H, (H + 1) / 2 }, { 16, 8 } };
    VS_TRY(vs_view_fill(&r->view, &planes, (vs_rect){ 0, 0, W, H }, W, H, false));
    return make_room(r, (int)fmin(vs_decoder_expected(r->decoder) + 2, 1e6));
}

static vs_err read_frames(struct reading *r)
{
    const uint8_t *plane[3];
    int stride[3];
    vs_err err;
    while ((err = vs_decoder_next(r->decoder, plane, stride)) == VS_OK) {
        if (r->out->T == 0)
            VS_TRY(begin(r));
        if (r->out->T == r->room)
            VS_TRY(make_room(r, r->room + r->room / 2 + 1));
        vs_view_run(&r->view, r->out->rgb + (size_t)r->out->T * (size_t)frame_bytes(r->out), plane,
                    stride, (int[]){ 0, 0, 0 });
        r->out->T++;
    }
    return err == VS_ERR_END ? VS_OK : err;
}

/* Is there sound in it? Headers only. */
static bool has_audio(const char *path)
{
    AVFormatContext *format = NULL;
    bool found = false;
    char *url = vs_strf("file:%s", path);
    if (avformat_open_input(&format, url, NULL, NULL) >= 0)
        for (unsigned i = 0; i < format->nb_streams; i++)
            found |= format->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_AUDIO;
    avformat_close_input(&format);
    free(url);
    return found;
}

vs_err vs_footage_read_video(vs_footage *out, const char *path, const vs_footage_limits *limits)
{
    *out = (vs_footage){ .kind = VS_FOOTAGE_VIDEO };
    struct reading r = { .out = out };
    const vs_decode_options options = { .short_side = limits->short_side,
                                        .max_seconds = limits->seconds };
    vs_err err = vs_decoder_open(&r.decoder, path, &options);
    if (err == VS_OK)
        err = read_frames(&r);
    if (err == VS_OK) {
        const char *note = vs_decoder_note(r.decoder);
        out->fps = vs_decoder_fps(r.decoder);
        out->note = note ? vs_strdup(note) : NULL;
        out->audio = has_audio(path);
    } else {
        char *reason = vs_strdup(vs_err_detail());
        vs_footage_free(out);
        (void)VS_FAIL(err, "%s: %s", path, reason);
        free(reason);
    }
    vs_decoder_close(&r.decoder);
    vs_view_free(&r.view);
    return err;
}

/* ---- Writing ------------------------------------------------------------------------------ */

static const vs_video_codec codec_of[] = { VS_CODEC_LOSSLESS, VS_CODEC_H264, VS_CODEC_MPEG4 };

static vs_encode_options encode_options(const char *path, const vs_video_format *format, int H,
                                        int W, double fps)
{
    const vs_video_codec codec = codec_of[format->codec];
    const int even = codec == VS_CODEC_LOSSLESS ? ~0 : ~1;
    return (vs_encode_options){ W & even, H & even, fps > 0 ? fps : 25, codec, format->quality,
                                path && strcasecmp(vs_path_ext(path), "avi") == 0 };
}

vs_err vs_footage_check_video(const char *path, const vs_video_format *format)
{
    const char *ext = vs_path_ext(path);
    const vs_encode_options options = encode_options(path, format, 64, 64, 25);
    if (strcasecmp(ext, "mp4") != 0 && strcasecmp(ext, "avi") != 0)
        return VS_FAIL(VS_ERR_USAGE, "%s: expected a name that ends in .mp4 or .avi", path);
    return vs_encode_check(&options);
}

/* The upper left w x h of a picture W wide, dense. */
static void crop(uint8_t *out, const uint8_t *rgb, int h, int w, int W)
{
    for (int y = 0; y < h; y++)
        memcpy(out + (size_t)y * (size_t)w * 3, rgb + (size_t)y * (size_t)W * 3, (size_t)w * 3);
}

vs_err vs_footage_write_video(const char *path, const vs_video_format *format, const uint8_t *rgb,
                              int T, int H, int W, double fps, int64_t *bytes)
{
    const vs_encode_options o = encode_options(path, format, H, W, fps);
    vs_encoder *encoder = NULL;
    int64_t written;
    if (o.W < 1 || o.H < 1)
        return VS_FAIL(VS_ERR_CODEC, "%s: %d x %d is too small for this codec, use lossless", path,
                       W, H);
    uint8_t *even = o.W != W ? malloc((size_t)o.W * (size_t)o.H * 3) : NULL;
    if (o.W != W && !even)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no memory for a frame", path);
    vs_err err = vs_encoder_open(&encoder, &o);
    for (int t = 0; t < T && err == VS_OK; t++) {
        const uint8_t *frame = rgb + (size_t)t * (size_t)H * (size_t)W * 3;
        if (even)
            crop(even, frame, o.H, o.W, W);
        err = vs_encoder_frame(encoder, even ? even : frame);
    }
    if (err == VS_OK)
        err = vs_encoder_finish(&encoder, path, bytes ? bytes : &written);
    vs_encoder_drop(&encoder);
    free(even);
    return err;
}
