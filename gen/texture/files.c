/* The files below a folder. */
#include "gen/texture/files.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"

enum { DEEPEST = 8 };

typedef struct list {
    char **path;
    int n;
} list;

static vs_err gather(list *to, const char *dir, int depth)
{
    char **name;
    int n;
    vs_err err = VS_OK;
    VS_TRY(vs_dir_list(dir, &name, &n));
    for (int i = 0; i < n && err == VS_OK; i++) {
        struct stat about;
        if (name[i][0] == '.')
            continue;
        char *path = vs_path_join(dir, name[i]);
        const bool there = stat(path, &about) == 0;
        if (there && S_ISREG(about.st_mode)) {
            VS_PUSH(to->path, to->n, path);
            continue;
        }
        if (there && S_ISDIR(about.st_mode) && depth < DEEPEST)
            err = gather(to, path, depth + 1);
        free(path);
    }
    vs_names_free(name, n);
    return err;
}

vs_err vs_files_below(char ***paths, int *n, const char *dir)
{
    list all = { 0 };
    const vs_err err = gather(&all, dir, 0);
    if (err != VS_OK) {
        vs_names_free(all.path, all.n);
        all = (list){ 0 };
    }
    *paths = all.path;
    *n = all.n;
    return err;
}
