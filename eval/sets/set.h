/* A set of videos to be measured: a clip store, or a folder of videos or pictures.
 *
 *     store      every clip, or one split
 *     folder     every video file below it, where the program can decode them; and every folder
 *                below it that holds pictures (PNG, JPEG, WebP) is a video, its pictures the frames
 *                in order of their names; pictures in the folder itself are videos of one frame
 *                each. Names that begin with a dot are left alone, and what lies deeper than eight
 *                folders
 *
 * Of a video, T frames at the stride from its middle are read (as `vsyn-train test --views 1x1`
 * takes them), or all F' = ceil(F / stride) when there are fewer; of each frame the largest square
 * in the middle with an even side, without resampling unless it is larger than 1024.
 *
 * Thread-safety: one vs_set_reader per thread. Errors: IO, CORRUPT, NOMEM as the store and
 * pictures give them; USAGE for what cannot be a set.
 */
#ifndef VSYN_EVAL_SETS_SET_H
#define VSYN_EVAL_SETS_SET_H

#include <stddef.h>
#include <stdint.h>

#include "ingest/store/store.h"

typedef struct vs_set vs_set;
typedef struct vs_set_reader vs_set_reader;

typedef struct vs_set_clip {
    int n, side;                   /* frames read, 1..T; pixels */
    uint8_t *rgb;                  /* (n, side, side, 3) */
    size_t room;                   /* bytes at rgb */
} vs_set_clip;

/* Decoding, from a room above that has FFmpeg. */
typedef struct vs_set_videos {
    /* The frames of a video file, as vs_set_read() gives them. Any thread. */
    vs_err (*read)(vs_set_clip *clip, const char *path, int T, int stride);
    /* Lets a store read clips that are kept as packets. */
    void (*store)(vs_store *store);
} vs_set_videos;

/* spec: "[NAME=]PATH", "[NAME=]STORE:SPLIT". The name is else the last part of the path.
 * split: for stores whose spec has none; may be NULL. videos: must outlive the set; NULL: stores
 * and pictures only. */
vs_err vs_set_open(vs_set **out, const char *spec, const char *split, const vs_set_videos *videos);
void vs_set_close(vs_set **set);
const char *vs_set_name(const vs_set *set);
const char *vs_set_path(const vs_set *set);
const char *vs_set_split(const vs_set *set);       /* NULL = all of it */
int vs_set_count(const vs_set *set);               /* videos */
int64_t vs_set_frames(const vs_set *set);          /* of all videos; video files count as one */
/* Of video i, for messages; lives as long as the set. */
const char *vs_set_video(const vs_set *set, int i);

/* The name that a spec gives; the caller frees it. */
char *vs_set_spec_name(const char *spec);

vs_err vs_set_reader_open(vs_set_reader **out, vs_set *set);
void vs_set_reader_close(vs_set_reader **reader);
/* Grows clip->rgb as needed; the caller frees it at the end. */
vs_err vs_set_read(vs_set_clip *clip, vs_set_reader *reader, int i, int T, int stride);
/* For vs_set_videos: which square of W x H it is, its side, and room for n of it. CORRUPT, with
 * `name`, when it is too small. */
vs_err vs_set_clip_fit(vs_set_clip *clip, vs_rect *square, int n, int W, int H, const char *name);

#endif /* VSYN_EVAL_SETS_SET_H */
