/* The clip store: random access to the frames of many videos.
 *
 *     STORE/index.db        SQLite, tables documented in schema.sql
 *     STORE/packs/N.pack    encoded frames, appended by one writer at a time
 *     STORE/lock            held by the writer
 *
 * A clip's frames lie one after the other in one pack, behind a table of their places and
 * checksums; the index knows where the clip is. A clip becomes visible when its row is committed,
 * which happens after its bytes are on disk: readers never see half a clip.
 *
 * Reading. Open the store once, read with one vs_reader per thread: no locks and
 * no allocation on that path (buffers grow to the largest frame and stay).
 * Errors: IO, CORRUPT (bad checksum, truncated pack, foreign index; the message
 * names clip and frame), DB, NOMEM.
 */
#ifndef VSYN_INGEST_STORE_H
#define VSYN_INGEST_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/image.h"

typedef enum vs_encoding {
    VS_ENCODING_JPEG, VS_ENCODING_RAW,
    VS_ENCODING_COPY               /* the packets of the video: read with FFmpeg (ingest/copy.h) */
} vs_encoding;

/* ---- Reading ------------------------------------------------------------------------ */

typedef struct vs_store vs_store;
typedef struct vs_reader vs_reader;

typedef struct vs_clip {
    int64_t id;                    /* stable: the id in the index */
    int label;                     /* in the data set of the split; -1 = none */
    int W, H, frames;              /* as stored */
    double fps;                    /* 0 = unknown; a mean when the rate is variable */
    const char *name;              /* path as listed; lives as long as the split */
    bool variable;                 /* frames have times of their own: vs_store_times() */
    vs_encoding encoding;
} vs_clip;

typedef struct vs_split {
    int n;
    vs_clip *clip;                 /* (n), in order of the list that was added */
    int classes;                   /* 0 when the split has no labels */
    const char **class_name;       /* (classes) */
    void *owned;
} vs_split;

/* Read-only; fails when there is no store or it is of another version. What is seen is
 * what was committed at this moment; clips added later are seen by the next open. */
vs_err vs_store_open(vs_store **out, const char *path);
void vs_store_close(vs_store **store);

/* name: "train", "test", ... or "DATASET:train" when the store holds several sets
 * with that split; NULL = every clip of the store once. An unknown or empty split is CORRUPT
 * and lists the names that exist. */
vs_err vs_store_split(vs_split *out, vs_store *store, const char *name);
void vs_split_free(vs_split *split);
/* One clip by id, label -1; `name` lives as long as the store. */
vs_err vs_store_clip(vs_clip *out, vs_store *store, int64_t id);

/* When each frame is shown: seconds (frames) from the first one, which is 0. Of a constant rate
 * i / fps, at most 1 ms from what the file said; UNSUPPORTED when not even the rate is known.
 * seconds: NULL only checks. Any thread; waits for others that ask the index. */
vs_err vs_store_times(double *seconds, vs_store *store, const vs_clip *clip);

/* One per thread; the store must outlive it. */
vs_err vs_reader_open(vs_reader **out, vs_store *store);
void vs_reader_close(vs_reader **reader);

/* Frames index[0..n-1] of a clip (any order, repeats allowed, each 0..frames-1), the
 * rectangle `crop` of each (pixels of the stored frame; rw <= 0: the whole frame), resampled to
 * w x h as base/image.h would do, but each plane before the colours are made (view.h), mirrored
 * when flip: rgb (n, h, w, 3). Of a JPEG only the rows of blocks that the crop needs are decoded,
 * at a half, a quarter or an eighth where the view is that much smaller than the crop. Against
 * decoding all and then resampling RGB: about 55 dB at full size (tests/bench/bench_access.c),
 * above 34 dB reduced (test_store_frames.c). */
vs_err vs_reader_frames(vs_reader *reader, const vs_clip *clip, const int *index, int n,
                        vs_rect crop, int w, int h, bool flip, uint8_t *rgb);
/* The same as numbers: (value / 255 - mean) / std, out (n, h, w, 3). */
vs_err vs_reader_normalised(vs_reader *reader, const vs_clip *clip, const int *index, int n,
                            vs_rect crop, int w, int h, bool flip, const float mean[3],
                            const float std[3], float *out);
/* A whole frame as stored: planes as vs_clip_frame_yuv420() takes them, until the next call. */
vs_err vs_reader_planes(vs_reader *reader, const vs_clip *clip, int frame,
                        const uint8_t *plane[3], int stride[3]);
/* Its stored bytes, checked, until the next call; of jpeg a complete JFIF file, of copy a piece. */
vs_err vs_reader_bytes(vs_reader *reader, const vs_clip *clip, int frame, const uint8_t **data,
                       size_t *bytes);
/* The stored bytes of a whole clip against their checksums, without decoding; the message
 * names the first frame that differs. */
vs_err vs_reader_verify(vs_reader *reader, const vs_clip *clip);

/* Clips of VS_ENCODING_COPY hold packets in as many pieces as they have frames; what they mean is
 * known to a program that links FFmpeg. Others read the rest of the store, and UNSUPPORTED with
 * the command to use instead when they meet such a clip. */
typedef struct vs_copy_source {
    int64_t id;                    /* of the clip */
    int frames, W, H;
    void *ctx;
    /* The bytes of piece i, checked, until the next call. */
    vs_err (*piece)(void *ctx, const uint8_t **data, size_t *bytes, int i);
} vs_copy_source;

typedef struct vs_copy_reader {
    /* Planes of a frame as vs_clip_frame_yuv420() takes them, until the next call. *state: of one
     * vs_reader, NULL at first. The message is the reason alone. */
    vs_err (*frame)(void **state, const vs_copy_source *source, int frame,
                    const uint8_t *plane[3], int stride[3]);
    void (*close)(void **state);
} vs_copy_reader;

/* Before the first vs_reader_open(); `copy` must outlive the store. */
void vs_store_decode_with(vs_store *store, const vs_copy_reader *copy);

/* ---- Looking around: one call per row, in a settled order ------------------------------ */

typedef struct vs_set_info {
    const char *name;
    int classes;
    int64_t clips, partial, frames, bytes, failures;
    double seconds;                /* of the clips whose rate is known */
    int64_t variable;              /* clips of variable rate */
} vs_set_info;

typedef struct vs_split_info {
    const char *set, *name;
    int64_t listed, clips;         /* files in the list, and those that are in the store */
} vs_split_info;

typedef struct vs_row_info {       /* a clip, once per split that it is in */
    int64_t id, bytes;
    const char *set, *name;
    const char *split, *class_name, *codec, *note;     /* NULL when there is none */
    const char *encoding;
    int label, frames, W, H;
    double fps;
    bool variable;
} vs_row_info;

typedef struct vs_failure_info {
    const char *set, *name, *reason;
} vs_failure_info;

typedef void vs_set_fn(void *ctx, const vs_set_info *info);
typedef void vs_split_fn(void *ctx, const vs_split_info *info);
typedef void vs_row_fn(void *ctx, const vs_row_info *info);
typedef void vs_failure_fn(void *ctx, const vs_failure_info *info);

vs_err vs_store_each_set(vs_store *store, vs_set_fn *fn, void *ctx);
vs_err vs_store_each_split(vs_store *store, vs_split_fn *fn, void *ctx);
/* split: as vs_store_split(); NULL = every clip. */
vs_err vs_store_each_row(vs_store *store, const char *split, vs_row_fn *fn, void *ctx);
vs_err vs_store_each_failure(vs_store *store, vs_failure_fn *fn, void *ctx);
/* SQLite's own check of index.db; CORRUPT with its first finding. */
vs_err vs_store_check_index(vs_store *store);

/* ---- Writing ------------------------------------------------------------------------
 * One writer at a time (a lock file; a second one is told so). Used by vsyn-ingest and
 * by vsyn-gen --store. A clip is begun, given frames, then committed or dropped; several
 * clips may be open at once from several threads (their frames are kept encoded until commit,
 * in memory or beyond spill_bytes in a nameless file), so a pool of decoders can feed one writer.
 */
typedef struct vs_writer vs_writer;
typedef struct vs_clip_writer vs_clip_writer;

typedef struct vs_writer_options {
    vs_encoding encoding;
    int quality;                   /* JPEG, 1..100; 0 = 90 */
    int64_t pack_bytes;            /* a pack is closed before it grows beyond; 0 = 4 GiB */
    int64_t spill_bytes;           /* of a clip, kept in memory until commit; 0 = 32 MiB */
} vs_writer_options;

/* Creates the store when missing; finishes or discards what a killed writer left. */
vs_err vs_writer_open(vs_writer **out, const char *path, const vs_writer_options *options);
vs_err vs_writer_close(vs_writer **writer);

/* A place to gather bytes (spill.h) beside the packs, with the writer's limit. */
struct vs_spill;
void vs_writer_spill(struct vs_spill *out, const vs_writer *writer);

/* A data set and its classes; the same name again gives the same id. Class names may be
 * NULL: the classes that are known, or labels without names (their number may grow from list
 * to list). Differing classes under one name are CORRUPT. Names hold no colon (USAGE). */
vs_err vs_writer_dataset(int64_t *id, vs_writer *writer, const char *name,
                         const char *const *class_name, int classes);
/* Membership of a listed path in a split; applied when the clip exists (now or later). The
 * order of the first calls is the order of the split. Another label than before is CORRUPT. */
vs_err vs_writer_member(vs_writer *writer, int64_t dataset, const char *split,
                        const char *name, int label);
/* Data sets, classes, lists and failures of another store; not its clips. Errors as above. */
vs_err vs_writer_carry(vs_writer *writer, vs_store *from);
/* Is this path of this data set already in the store (or recorded as a failure)? */
vs_err vs_writer_has(bool *out, vs_writer *writer, int64_t dataset, const char *name);
typedef enum vs_clip_state { VS_CLIP_ABSENT, VS_CLIP_STORED, VS_CLIP_FAILED } vs_clip_state;
vs_err vs_writer_state(vs_clip_state *out, vs_writer *writer, int64_t dataset, const char *name);
/* The split that the path was first listed in, or NULL; the caller frees it. */
vs_err vs_writer_member_of(char **split, vs_writer *writer, int64_t dataset, const char *name);
/* Files of a data set that are in "train" and in "test" or "val" as well, or in "train2" and
 * "test2", ...: how many, and one of them (NULL when there is none; the caller frees it). */
vs_err vs_writer_leaks(int64_t *files, char **first, vs_writer *writer, int64_t dataset);
/* A file that could not be used, with its reason; forgotten when a clip of that name is
 * committed after all. */
vs_err vs_writer_failure(vs_writer *writer, int64_t dataset, const char *name,
                         const char *reason);

typedef struct vs_clip_info {
    int64_t dataset;
    const char *name;              /* path as listed */
    int W, H;                      /* of every frame */
    double fps;                    /* 0 = unknown */
    const char *codec;             /* of the source, for the record; may be NULL */
    const char *note;              /* "partial: 146 of 240 frames, ..." or NULL */
} vs_clip_info;

/* Encoding happens in vs_clip_frame(), in the caller's thread. */
vs_err vs_clip_begin(vs_clip_writer **out, vs_writer *writer, const vs_clip_info *info);
/* rgb (H, W, 3); or planes Y (H, W), U and V (ceil(H/2), ceil(W/2)) with strides in bytes, in
 * JFIF colours: BT.601, full range (black 0, white 255). Video range must be expanded first. */
vs_err vs_clip_frame(vs_clip_writer *clip, const uint8_t *rgb);
vs_err vs_clip_frame_yuv420(vs_clip_writer *clip, const uint8_t *const plane[3],
                            const int stride[3]);
/* The next frame in bytes of the writer's encoding, as vs_reader_bytes() gives them; the next piece
 * of a clip of VS_ENCODING_COPY, which takes nothing else. */
vs_err vs_clip_piece(vs_clip_writer *clip, const void *data, size_t bytes);
/* Encoded bytes so far: what the clip will take on disk. */
size_t vs_clip_bytes(const vs_clip_writer *clip);
/* The rate, when it is only known at the end. */
void vs_clip_rate(vs_clip_writer *clip, double fps);
/* When the next frame is shown, in microseconds from the first one: 0 for that, then rising. Frames
 * have all a time or none. Kept where they are no constant rate's: somewhere more than 1 ms from
 * i / fps, for the clip's fps and for the mean one, which is then the clip's. */
void vs_clip_time(vs_clip_writer *clip, int64_t microseconds);
/* Clip ids and places in the packs follow the order of the commits. A clip that cannot be
 * written (full disk) is dropped and the store stays as it was.
 * note: replaces info->note when not NULL (the reader learns of damage at the end). */
vs_err vs_clip_commit(vs_clip_writer **clip, const char *note);
void vs_clip_drop(vs_clip_writer **clip);

/* ---- Tidying ------------------------------------------------------------------------
 * Each is a writer: alone, and safe to kill at any point. Readers that opened the store
 * before keep their snapshot; after compact, frames of it may have gone (IO).
 */
typedef struct vs_removal {        /* files that meet every condition given */
    const int64_t *clip;           /* (clips) ids; NULL and 0 = any */
    int clips;
    const char *dataset, *name, *split;    /* NULL = any */
    const char *class_name;        /* or the number of the class, as text */
    bool failed;                   /* only files that could not be used */
    bool dry_run;                  /* count, change nothing */
} vs_removal;

typedef struct vs_removed {
    int64_t clips, bytes;          /* clips, and their bytes in the packs */
    int64_t listed, failures;      /* places in lists; rows of failure */
} vs_removed;

/* Forgets files: clips, failures, places in lists. With a split: the places of that split,
 * and the files that no other split names. A data set named alone goes with its classes.
 * CORRUPT when nothing is meant. */
vs_err vs_store_remove(vs_removed *out, const char *path, const vs_removal *what);

typedef struct vs_compacted {
    int64_t packs, freed;          /* packs written anew; bytes given back */
} vs_compacted;

/* Gives the bytes of removed clips back to the disk; needs room for one pack more at a time.
 * CORRUPT names the first damaged clip of a pack that has to be written anew. */
vs_err vs_store_compact(vs_compacted *out, const char *path);

#endif /* VSYN_INGEST_STORE_H */
