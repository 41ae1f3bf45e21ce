/* The files of a set beside its videos; for gen/set.c. Layout and rules: gen/set.h */
#ifndef VSYN_GEN_SET_FILES_H
#define VSYN_GEN_SET_FILES_H

#include "gen/set.h"

char *vs_set_video_path(const char *out, int64_t i);     /* the caller frees these */
char *vs_set_scene_path(const char *out, int64_t i);
char *vs_set_truth_stem(const char *out, int64_t i);

/* Makes the folders and clears what killed runs left. */
vs_err vs_set_folders(const vs_set *set);
/* Writes the manifest, or checks that the one that is there agrees. */
vs_err vs_set_manifest(const vs_set *set);
vs_err vs_set_annotations(const vs_set *set);

#endif /* VSYN_GEN_SET_FILES_H */
