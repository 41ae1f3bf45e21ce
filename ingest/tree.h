/* What lies in a folder, and which of its files a list means: copies of one data set differ in
 * folders, endings and names of folders, hardly in the stems of the files. */
#ifndef VSYN_INGEST_TREE_H
#define VSYN_INGEST_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

typedef struct vs_tree_file {
    char *path;                    /* below root: "val/run/x.mp4" */
    const char *stem;              /* inside path: "x.mp4"; its ending does not count */
    int stem_length;
} vs_tree_file;

typedef struct vs_tree {
    char *root;
    vs_tree_file *file;            /* (n) videos, by stem, then by path */
    int n;
    bool *used;                    /* (n) set by vs_tree_find() */
    bool scanned;
} vs_tree;

/* Is this the name of a video, by its ending? */
bool vs_is_video(const char *name);

/* root is remembered; it is read when a file is not where its list says. */
void vs_tree_init(vs_tree *disk, const char *root);
void vs_tree_free(vs_tree *disk);
/* Every video below root, folders of frames too, four folders deep at most, none hidden. */
vs_err vs_tree_scan(vs_tree *disk);
/* The first file of this stem (n bytes), *count of them; -1 when there is none. */
int vs_tree_stem(const vs_tree *disk, const char *stem, int n, int *count);

/* Where a listed file is: as listed; in root itself; else anywhere below by its stem. Of several
 * the one that is a "replacement" (of a broken file, as copies of Kinetics have them), then one in
 * a folder of its class, then of its split. other_stem: a second name, or NULL.
 * Not there: root/name. The caller frees it. */
char *vs_tree_find(vs_tree *disk, const char *name, const char *split, const char *other_stem);

#endif /* VSYN_INGEST_TREE_H */
