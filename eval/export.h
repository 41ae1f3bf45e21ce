/* A corrupted data set as video files: what `vsyn-robust export` writes.
 *
 *     DIR/CORRUPTION/SEVERITY/NAME      a video, under the name that it has in its data set
 *     DIR/CORRUPTION/SEVERITY/list.csv  "NAME LABEL", the videos that are there
 *     DIR/clean/0/...                   the same without corruption (--clean)
 *     DIR/annotations/                  lists in the form of the data set's authors, classes.txt;
 *                                       they hold for every CORRUPTION/SEVERITY
 *     DIR/manifest.json                 what decides the bytes of the videos
 *
 * A video that has its final name is complete and is never made again. A video depends on its name,
 * its frames, the corruption, the severity and the seed: the same bytes from any shard and any
 * number of threads. Internal to eval.
 */
#ifndef VSYN_EVAL_EXPORT_H
#define VSYN_EVAL_EXPORT_H

#include "base/json.h"
#include "eval/footage.h"
#include "eval/robust.h"

typedef struct vs_export_item {
    char *name;                    /* in the data set */
    char *out;                     /* below CORRUPTION/SEVERITY */
    char *path;                    /* of its file; NULL: clip */
    vs_clip clip;
    int label;                     /* -1 = none */
} vs_export_item;

/* The data set that is exported. */
typedef struct vs_export_set {
    vs_export_item *item;          /* (n) */
    int n;
    char **class_name;             /* (classes) or NULL */
    int classes;
    char *layout;                  /* ucf101, hmdb51, kinetics, ssv2 or none */
    char *part;                    /* train, val or test */
    int fold;                      /* 1..3 */
    vs_store *store;               /* of the clips; NULL: files */
    vs_split split;
} vs_export_set;

/* ending: NULL = .mp4 and .avi stay, everything else becomes .mp4. layout: "auto": by the name of
 * the data set in the store. Errors: those of the store; CORRUPT when two videos would have one
 * name. */
vs_err vs_export_open_store(vs_export_set *out, const char *store, const char *split,
                            const char *ending, const char *layout);
/* One sub-folder per class. */
vs_err vs_export_open_folder(vs_export_set *out, const char *folder, const char *ending,
                             const char *layout);
void vs_export_close(vs_export_set *set);

/* DIR/CORRUPTION/SEVERITY; the caller frees it. */
char *vs_export_folder(const char *out, const vs_cell_plan *cell);
/* list.csv of every cell and the folder of annotations, from what is on the disk; waits for other
 * runs that do the same. */
vs_err vs_export_lists(const char *out, const vs_export_set *set, const vs_cell_plan *cell,
                       int cells);
/* Writes manifest.json or compares with it: CORRUPT when the folder was made with others. Takes
 * over the reference. */
vs_err vs_export_manifest(const char *out, json_t *settings);

/* The videos of a folder of classes: videos.c, or videos_none.c. */
vs_err vs_export_list_folder(vs_export_set *out, const char *folder);

#endif /* VSYN_EVAL_EXPORT_H */
