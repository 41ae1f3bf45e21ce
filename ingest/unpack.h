/* A store turned back into a data set: files named as the clips, and lists.
 *
 *     DIR/class/name.mp4              a clip; --format png, jpeg: DIR/class/name/img_00001.png, ...
 *                                     and times.txt, the second of each frame
 *     DIR/train.csv, test.csv, ...    a list per split: "class/name.mp4 3", of folders of pictures
 *                                     "class/name 163 3" (mmaction2); without labels the path
 *                                     alone, or -1 for the label
 *     DIR/classes.txt                 names of the classes, line 1 for label 0
 *
 * With several data sets each has a folder of its own. Names lose their ending; what would leave
 * DIR ("..", "/x") stays inside; the second of two equal names gets its clip's number. A clip is
 * written under a name that ends in .part and gets its own when it is complete, so that a run that
 * was stopped or killed goes on. */
#ifndef VSYN_INGEST_UNPACK_H
#define VSYN_INGEST_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/store/store.h"

typedef enum vs_unpack_format {
    VS_UNPACK_MP4, VS_UNPACK_LOSSLESS, VS_UNPACK_JPEG, VS_UNPACK_PNG
} vs_unpack_format;
#define VS_UNPACK_CHOICES "mp4|lossless|jpeg|png"

typedef struct vs_unpack_options {
    const char *out, *split;       /* split: NULL = every clip and list */
    vs_unpack_format format;
    int quality;                   /* of mp4: CRF, 0 = 18; of jpeg not stored as such: 0 = 90 */
    int jobs;
    bool json;
} vs_unpack_options;

/* Prints what was done. Clips that cannot be read are named and left out of the lists: CORRUPT at
 * the end. Errors: IO (full disk: the same command goes on), STOPPED, UNSUPPORTED. */
vs_err vs_unpack(vs_store *store, const vs_unpack_options *options);

/* ---- unpack_plan.c: what is written where ------------------------------------------------ */

typedef struct vs_unpack_clip {
    int64_t id;
    char *path;                    /* below DIR, without ending */
    bool good;                     /* it is there */
    int frames;
} vs_unpack_clip;

typedef struct vs_unpack_plan {
    vs_unpack_clip *clip;          /* (n) by id */
    int n;
    char **set;                    /* (sets) data sets that they are of */
    int sets;
} vs_unpack_plan;

vs_err vs_unpack_plan_make(vs_unpack_plan *out, vs_store *store, const char *split);
void vs_unpack_plan_free(vs_unpack_plan *plan);
/* Lists of the clips that are there, and names of classes. */
vs_err vs_unpack_lists(const vs_unpack_plan *plan, vs_store *store, const vs_unpack_options *o);
/* DIR/path.mp4, or DIR/path; the caller frees it. */
char *vs_unpack_path(const vs_unpack_clip *clip, const vs_unpack_options *o);

#endif /* VSYN_INGEST_UNPACK_H */
