/* vsyn-ingest inside: lists of files, and the run that brings them into a store. */
#ifndef VSYN_INGEST_INGEST_H
#define VSYN_INGEST_INGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/err.h"
#include "ingest/store/store.h"
#include "ingest/video.h"

/* ---- Lists (lists.c: files of lines; official.c: UCF101, HMDB51; folder.c) --------------
 * Read and checked as a whole before any video is opened. Errors are CORRUPT (or IO for
 * files that are missing), name file and line of the first bad line, and count the others.
 */
typedef struct vs_item {
    char *path;                    /* to open */
    char *name;                    /* in the store: as listed */
    const char *split;             /* lives as long as the listing */
    int label;                     /* -1 = none */
    bool again;                    /* an item before has this name, in another split */
} vs_item;

typedef struct vs_listing {
    vs_item *item;
    int n;
    char **class_name;             /* NULL: labels without names */
    int classes;
    char *split[6];                /* what the items' splits point to */
    int repeated;                  /* lines that said the same again, left out */
    bool keep_split;               /* a file that the store knows stays in its split */
    double test_share;             /* of each class, in split[1] */
    uint64_t seed;                 /* of the choice */
} vs_listing;

void vs_listing_free(vs_listing *listing);

typedef enum vs_list_format {
    VS_LIST_AUTO,                  /* by the whole file: one of the next three */
    VS_LIST_PATH_LABEL,            /* "a clip.mp4 3": VideoMAE, mmaction2, vsyn-gen */
    VS_LIST_PATH_FRAMES_LABEL,     /* "clip 163 3", "clip.mp4 0 -1" (no label) */
    VS_LIST_PATH,                  /* "a clip.mp4": no labels */
    VS_LIST_COMMA                  /* "a clip.mp4,3" */
} vs_list_format;

/* root: of relative paths, NULL = the list's folder; split: NULL = train, val or test when the
 * file's name has that word ("split_2" makes it train2, ...), else "all"; classes: file of one
 * name per line, or NULL. */
vs_err vs_list_file(vs_listing *out, const char *path, const char *root, const char *split,
                    const char *classes);
vs_err vs_list_file_as(vs_listing *out, const char *path, vs_list_format format, const char *root,
                       const char *split, const char *classes);
/* The same with nothing but a format given. */
vs_err vs_list_read(vs_listing *out, const char *path, vs_list_format format);
/* One sub-folder per class, in byte order. test_share of each class (chosen by seed and
 * name, at least one file on either side where there are two) goes to "test". */
vs_err vs_list_folder(vs_listing *out, const char *path, double test_share, uint64_t seed);
/* The split of each item of such a listing (n), where it is NULL: files that were in a split before
 * stay there, and the others bring each class to its share as far as they can. */
void vs_list_shares(const char **split, const vs_listing *listing);
/* Every video below a folder, without labels, in the split "train". */
vs_err vs_list_tree(vs_listing *out, const char *path);
/* Official splits; fold 1..3, 0: every fold whose lists are there. Splits are called "train" and
 * "test", of folds 2 and 3 "train2", "test2", ... */
vs_err vs_list_ucf101(vs_listing *out, const char *root, const char *annotations, int fold);
vs_err vs_list_hmdb51(vs_listing *out, const char *root, const char *annotations, int fold);
/* set: kinetics400, kinetics600 or kinetics700. Splits "train", "val", "test". */
vs_err vs_list_kinetics(vs_listing *out, const char *set, const char *root,
                        const char *annotations);
vs_err vs_list_ssv2(vs_listing *out, const char *root, const char *annotations);
/* Both folders must be there; nothing is in the listing yet. */
vs_err vs_listing_begin(vs_listing *out, const char *root, const char *annotations);
/* Items that say the same again are left out and counted, a second place of a file is marked
 * `again`. A file with two labels, or in two splits of one fold (split[0] and [1], ...), is
 * CORRUPT, and so is an empty listing: `expected` says what was looked for. */
vs_err vs_listing_settle(vs_listing *listing, const char *annotations, const char *expected);

/* Shared by the readers of lists: lines of a text file without BOM, CR, and blanks at the
 * ends. `problem` collects what is wrong, for one message at the end. */
typedef struct vs_lines {
    char *path, *text;
    char **line;                   /* (n); line i is number i + 1; may be empty */
    int n;
    int problems;
    char first[600];               /* "train.csv:3: what is wrong" */
    int more[5];                   /* numbers of the next bad lines */
} vs_lines;
vs_err vs_lines_read(vs_lines *out, const char *path);
void vs_lines_free(vs_lines *lines);
void vs_lines_problem(vs_lines *lines, int i, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* VS_OK, or CORRUPT with all that was collected. */
vs_err vs_lines_verdict(const vs_lines *lines);
/* Splits "some path 12" at its last blank; false when there is no label, a whole number. */
bool vs_line_label(char **path, int *label, char *line);
void vs_listing_add(vs_listing *listing, char *path, char *name, const char *split, int label);
/* The same path twice: the same label is left out and counted, another is a problem. The
 * items must be in the order of `line_of` (n numbers, from 0) in `lines`. */
void vs_listing_unique(vs_listing *listing, vs_lines *lines, const int *line_of);

/* ---- The run (jobs.c) --------------------------------------------------------------------- */
typedef struct vs_run_options {
    const char *store;
    const char *dataset;
    vs_writer_options writer;
    vs_decode_options decode;      /* `watched` is the run's own business */
    double timeout;                /* seconds without a frame; 0 = wait for ever */
    int jobs;
    bool retry, json;
} vs_run_options;

/* Decodes every item that the store does not know, in parallel, and commits in the order of
 * the list, so that the store is the same whatever the number of jobs. Prints the table.
 * Errors: of the store; CODEC when no listed file could be brought in, or when a decoder does not
 * come back: the file is a failure by then, but its thread remains, so end the process; STOPPED. */
vs_err vs_ingest_run(const vs_listing *listing, const vs_run_options *options);

/* A name as JSON: bytes that are not UTF-8 become question marks. NULL gives null. */
json_t *vs_name_json(const char *name);

/* Commands. */
vs_err vs_command_add(vs_call *call);
vs_err vs_command_info(vs_call *call);
vs_err vs_command_list(vs_call *call);
vs_err vs_command_verify(vs_call *call);
vs_err vs_command_extract(vs_call *call);
vs_err vs_command_convert(vs_call *call);
vs_err vs_command_doctor(vs_call *call);
vs_err vs_command_remove(vs_call *call);
vs_err vs_command_compact(vs_call *call);

#endif /* VSYN_INGEST_INGEST_H */
