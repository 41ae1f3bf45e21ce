#include "train/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/model/checkpoint.h"

/* ---- Folders ----------------------------------------------------------------------- */

/* A checkpoint folder holds files only. */
static void remove_folder(const char *dir)
{
    char **names = NULL;
    int n = 0;
    if (!vs_path_is_dir(dir) || vs_dir_list(dir, &names, &n) != VS_OK)
        return;
    for (int i = 0; i < n; i++) {
        char *path = vs_path_join(dir, names[i]);
        unlink(path);
        free(path);
    }
    vs_names_free(names, n);
    rmdir(dir);
}

static vs_err flush_folder(const char *dir)
{
    const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return VS_FAIL(VS_ERR_IO, "%s: cannot open: %s", dir, strerror(errno));
    const int bad = fsync(fd), reason = errno;
    close(fd);
    return bad && reason != EINVAL && reason != EROFS
               ? VS_FAIL(VS_ERR_IO, "%s: cannot flush: %s", dir, strerror(reason))
               : VS_OK;
}

static vs_err move(const char *from, const char *to)
{
    return rename(from, to) == 0 ? VS_OK
                                 : VS_FAIL(VS_ERR_IO, "%s: cannot rename to %s: %s", from, to,
                                           strerror(errno));
}

vs_err vs_run_open(int *lock, const char *run)
{
    *lock = -1;
    char *checkpoints = vs_path_join(run, "checkpoints");
    char *path = vs_path_join(run, "lock");
    vs_err err = vs_dir_make(checkpoints);
    if (err == VS_OK)
        err = vs_lock_take(lock, path);
    free(path);
    free(checkpoints);
    return err;
}

char *vs_run_checkpoint(const char *run, const char *name)
{
    return vs_strf("%s/checkpoints/%s", run, name);
}

bool vs_run_has(const char *run, const char *name)
{
    char *dir = vs_run_checkpoint(run, name);
    const bool has = vs_path_is_dir(dir);
    free(dir);
    return has;
}

/* ---- Replacing a checkpoint -------------------------------------------------------- */

vs_err vs_run_begin(char **tmp, const char *run, const char *name)
{
    *tmp = vs_strf("%s/checkpoints/%s.tmp", run, name);
    remove_folder(*tmp);
    return vs_dir_make(*tmp);
}

/* Where the file system cannot exchange two names. */
static vs_err replace_by_two_moves(const char *tmp, const char *dir)
{
    char *old = vs_strf("%s.old", dir);
    remove_folder(old);
    vs_err err = move(dir, old);
    if (err == VS_OK)
        err = move(tmp, dir);
    remove_folder(old);
    free(old);
    return err;
}

vs_err vs_run_commit(char **tmp, const char *run, const char *name)
{
    char *dir = vs_run_checkpoint(run, name), *parent = vs_path_join(run, "checkpoints");
    vs_err err = flush_folder(*tmp);
    if (err == VS_OK && !vs_path_exists(dir))
        err = move(*tmp, dir);
    else if (err == VS_OK && renameat2(AT_FDCWD, *tmp, AT_FDCWD, dir, RENAME_EXCHANGE) != 0)
        err = replace_by_two_moves(*tmp, dir);
    if (err == VS_OK)
        err = flush_folder(parent);
    vs_run_abort(tmp);
    free(parent);
    free(dir);
    return err;
}

void vs_run_abort(char **tmp)
{
    if (!*tmp)
        return;
    remove_folder(*tmp);
    free(*tmp);
    *tmp = NULL;
}

/* One entry of RUN/checkpoints: only NAME.old tells of an unfinished exchange. */
static vs_err recover_entry(const char *parent, const char *entry)
{
    const size_t n = strlen(entry);
    if (n < 5 || strcmp(entry + n - 4, ".old") != 0)
        return VS_OK;
    char *old = vs_path_join(parent, entry);
    char *dir = vs_strf("%s/%.*s", parent, (int)n - 4, entry);
    char *tmp = vs_strf("%s.tmp", dir);
    vs_err err = VS_OK;
    if (!vs_path_exists(dir))
        err = move(vs_path_is_dir(tmp) ? tmp : old, dir);
    if (err == VS_OK)
        remove_folder(old);
    free(tmp);
    free(dir);
    free(old);
    return err;
}

vs_err vs_run_recover(const char *run)
{
    char *parent = vs_path_join(run, "checkpoints"), **names = NULL;
    int n = 0;
    vs_err err = VS_OK;
    if (vs_path_is_dir(parent))
        err = vs_dir_list(parent, &names, &n);
    for (int i = 0; err == VS_OK && i < n; i++)
        err = recover_entry(parent, names[i]);
    for (int i = 0; err == VS_OK && i < n; i++) {
        const size_t length = strlen(names[i]);
        char *path = vs_path_join(parent, names[i]);
        if (length > 4 && strcmp(names[i] + length - 4, ".tmp") == 0)
            remove_folder(path);
        free(path);
    }
    vs_names_free(names, n);
    free(parent);
    return err;
}

/* ---- Which checkpoint -------------------------------------------------------------- */

vs_err vs_run_model(char **out, const char *path)
{
    /* The later ones only exist between the two moves of an exchange. */
    static const char *const order[] = { "best", "best.old", "ema", "last", "last.old" };
    *out = NULL;
    if (!vs_path_exists(path))
        return VS_FAIL(VS_ERR_IO, "%s: no such model or run", path);
    char *checkpoints = vs_path_join(path, "checkpoints");
    const bool is_run = vs_path_is_dir(checkpoints);
    free(checkpoints);
    if (!is_run) {
        char *weights = vs_checkpoint_weights(path);
        const bool is_model = !vs_path_is_dir(path) || vs_path_exists(weights);
        free(weights);
        if (!is_model)
            return VS_FAIL(VS_ERR_IO, "%s: neither a run (it has no checkpoints) nor a model "
                           "(it has no model.safetensors)", path);
        *out = vs_strdup(path);
        return VS_OK;
    }
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
        if (vs_run_has(path, order[i])) {
            *out = vs_run_checkpoint(path, order[i]);
            return VS_OK;
        }
    return VS_FAIL(VS_ERR_IO, "%s: the run has no checkpoint yet", path);
}
