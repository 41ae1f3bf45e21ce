/* The files below a folder, for banks of pictures. */
#ifndef VSYN_GEN_TEXTURE_FILES_H
#define VSYN_GEN_TEXTURE_FILES_H

#include "base/err.h"

/* Paths of all plain files in `dir` and its sub-folders (at most 8 deep), folder by folder in the
 * order of names; names that begin with a dot are left out. Free with vs_names_free(). */
vs_err vs_files_below(char ***paths, int *n, const char *dir);

#endif /* VSYN_GEN_TEXTURE_FILES_H */
