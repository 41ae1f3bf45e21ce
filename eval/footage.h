/* What corruptions are tried on and exported to: a picture, a folder of pictures, a video file or a
 * clip of a store, whole in memory as RGB.
 *
 *     FILE.png, .jpg, .webp    one frame
 *     DIR                      its pictures, in the order of their names, all of one size
 *     STORE:ID                 a clip
 *     any other file           a video; decoded as vsyn-ingest does (ingest/video.h)
 *
 * Errors: IO, CORRUPT, CODEC, NOMEM, USAGE; the message names the file. UNSUPPORTED for videos
 * where the build has no FFmpeg.
 */
#ifndef VSYN_EVAL_FOOTAGE_H
#define VSYN_EVAL_FOOTAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "ingest/store/store.h"

typedef enum vs_footage_kind {
    VS_FOOTAGE_PICTURE, VS_FOOTAGE_FOLDER, VS_FOOTAGE_VIDEO, VS_FOOTAGE_CLIP
} vs_footage_kind;

typedef struct vs_footage {
    vs_footage_kind kind;
    int T, H, W;
    double fps;                    /* 0 = unknown */
    uint8_t *rgb;                  /* (T, H, W, 3) */
    char **name;                   /* (T) of pictures: file names without folder; else NULL */
    char *note;                    /* of a video: what was damaged; else NULL */
    bool audio;                    /* of a video: has sound, which is not kept */
} vs_footage;

typedef struct vs_footage_limits {
    int short_side;                /* of videos: reduced to it; 0 = as it is */
    double seconds;                /* of videos: from the beginning; 0 = all */
} vs_footage_limits;

vs_footage_kind vs_footage_kind_of(const char *path);
/* limits may be NULL. */
vs_err vs_footage_read(vs_footage *out, const char *path, const vs_footage_limits *limits);
void vs_footage_free(vs_footage *footage);
/* A clip of a store that is open. */
vs_err vs_footage_clip(vs_footage *out, vs_reader *reader, const vs_clip *clip);

/* One picture: PNG, or JPEG (4:4:4) when the name ends in .jpg or .jpeg. Atomic. */
vs_err vs_footage_write_picture(const char *path, const uint8_t *rgb, int W, int H, int quality);
/* USAGE when the name has an ending that is none of .png, .jpg, .jpeg. */
vs_err vs_footage_check_picture(const char *path);

/* ---- Videos: videos.c, or videos_none.c without FFmpeg -------------------------------------- */

#define VS_VIDEO_CODECS "lossless|h264|mpeg4"

typedef struct vs_video_format {
    int codec;                     /* place in VS_VIDEO_CODECS */
    int quality;                   /* 0: the codec's usual one (gen/encode.h) */
} vs_video_format;

/* Memory for a clip and its corruption is asked for at the first frame: NOMEM says how much. */
vs_err vs_footage_read_video(vs_footage *out, const char *path, const vs_footage_limits *limits);
/* USAGE: the ending is neither .mp4 nor .avi, or the quality is not one. */
vs_err vs_footage_check_video(const char *path, const vs_video_format *format);
/* The folder of `path` must be there. lossless keeps every pixel; the others take even sizes: an
 * odd last row or column is left away. *bytes may be NULL. Atomic.
 * path NULL: writes nothing, only counts. */
vs_err vs_footage_write_video(const char *path, const vs_video_format *format, const uint8_t *rgb,
                              int T, int H, int W, double fps, int64_t *bytes);
/* So that clips kept as packets can be read; does nothing without FFmpeg. */
void vs_footage_store(vs_store *store);

#endif /* VSYN_EVAL_FOOTAGE_H */
