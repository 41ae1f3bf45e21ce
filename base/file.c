#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"

#define FAIL_IO(path, what) \
    VS_FAIL(VS_ERR_IO, "%s: cannot %s: %s", (path), (what), strerror(errno))

/* ---- Reading -------------------------------------------------------------------- */

vs_err vs_file_read(const char *path, void **data, size_t *size)
{
    vs_err err = VS_OK;
    char *buf = NULL;
    size_t n = 0, room = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FAIL_IO(path, "open");
    struct stat st;
    if (fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : errno;
        err = FAIL_IO(path, "read");
        goto out;
    }
    for (;;) {
        if (n == room) {   /* sizes of pipes and /proc files are not known before */
            room = n == 0 ? (size_t)st.st_size + 1 : 2 * n;
            char *more = realloc(buf, room + 1);
            if (!more) {
                err = VS_FAIL(VS_ERR_NOMEM, "%s: %zu bytes do not fit in memory", path, room);
                goto out;
            }
            buf = more;
        }
        const ssize_t got = read(fd, buf + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            err = FAIL_IO(path, "read");
            goto out;
        }
        if (got == 0)
            break;
        n += (size_t)got;
    }
    buf[n] = 0;
    *data = buf;
    *size = n;
    buf = NULL;
out:
    free(buf);
    close(fd);
    return err;
}

vs_err vs_map_open(vs_map *map, const char *path)
{
    *map = (vs_map){ 0 };
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FAIL_IO(path, "open");
    struct stat st;
    vs_err err = VS_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        err = VS_FAIL(VS_ERR_IO, "%s: is not a regular file", path);
    } else if (st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
            err = FAIL_IO(path, "map");
        else
            *map = (vs_map){ p, (size_t)st.st_size };
    }
    close(fd);
    return err;
}

void vs_map_close(vs_map *map)
{
    if (map->data)
        munmap((void *)map->data, map->size);
    *map = (vs_map){ 0 };
}

/* ---- Writing -------------------------------------------------------------------- */

char *vs_tmp_name(const char *path)
{
    return vs_strf("%s.tmp-%ld", path, (long)getpid());
}

static vs_err sync_path(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FAIL_IO(path, "open");
    const int bad = fsync(fd);
    const int reason = errno;
    close(fd);
    errno = reason;
    /* Some file systems cannot flush a folder (EINVAL): not a lost file. */
    return bad && reason != EINVAL && reason != EROFS ? FAIL_IO(path, "flush") : VS_OK;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return vs_strdup(".");
    return slash == path ? vs_strdup("/") : vs_strf("%.*s", (int)(slash - path), path);
}

vs_err vs_file_publish(const char *tmp, const char *path)
{
    VS_TRY(sync_path(tmp));
    if (rename(tmp, path) != 0)
        return FAIL_IO(path, "rename to its final name");
    char *dir = folder_of(path);
    const vs_err err = sync_path(dir);
    free(dir);
    return err;
}

vs_err vs_atomic_open(vs_atomic *a, const char *path)
{
    *a = (vs_atomic){ .path = vs_strdup(path), .tmp = vs_tmp_name(path) };
    a->f = fopen(a->tmp, "wbe");
    if (!a->f) {
        const vs_err err = FAIL_IO(path, "create");
        vs_atomic_abort(a);
        return err;
    }
    return VS_OK;
}

vs_err vs_atomic_commit(vs_atomic *a)
{
    VS_ASSERT(a->f);
    errno = 0;
    const bool bad = ferror(a->f) || fflush(a->f) != 0;
    const bool closed_badly = fclose(a->f) != 0;
    a->f = NULL;
    vs_err err = VS_OK;
    if (bad || closed_badly) {
        errno = errno ? errno : ENOSPC;
        err = FAIL_IO(a->path, "write");
    } else {
        err = vs_file_publish(a->tmp, a->path);
    }
    if (err == VS_OK) {
        free(a->tmp);
        a->tmp = NULL;
    }
    vs_atomic_abort(a);
    return err;
}

void vs_atomic_abort(vs_atomic *a)
{
    if (a->f)
        fclose(a->f);
    if (a->tmp)
        unlink(a->tmp);
    free(a->tmp);
    free(a->path);
    *a = (vs_atomic){ 0 };
}

vs_err vs_file_write(const char *path, const void *data, size_t size)
{
    vs_atomic a;
    VS_TRY(vs_atomic_open(&a, path));
    fwrite(data, 1, size, a.f);
    return vs_atomic_commit(&a);
}

void vs_tmp_clean(const char *dir)
{
    char **names = NULL;
    int n = 0;
    if (vs_dir_list(dir, &names, &n) != VS_OK)
        return;
    for (int i = 0; i < n; i++) {
        const char *mark = strstr(names[i], ".tmp-");
        if (!mark)
            continue;
        const long pid = strtol(mark + 5, NULL, 10);
        if (pid > 0 && (kill((pid_t)pid, 0) == 0 || errno != ESRCH))
            continue;
        char *path = vs_path_join(dir, names[i]);
        unlink(path);
        free(path);
    }
    vs_names_free(names, n);
}

/* ---- Paths and folders ---------------------------------------------------------- */

bool vs_path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool vs_path_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int64_t vs_file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

char *vs_path_join(const char *dir, const char *name)
{
    const size_t n = strlen(dir);
    if (n == 0 || name[0] == '/')
        return vs_strdup(name);
    return vs_strf("%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

const char *vs_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *vs_path_ext(const char *path)
{
    const char *base = vs_path_base(path), *dot = strrchr(base, '.');
    return dot && dot != base ? dot + 1 : "";
}

vs_err vs_dir_make(const char *path)
{
    char *p = vs_strdup(path);
    vs_err err = VS_OK;
    for (char *at = p + 1; err == VS_OK; at++) {
        const char keep = *at;
        if (keep != '/' && keep != 0)
            continue;
        *at = 0;
        if (mkdir(p, 0777) != 0 && !(errno == EEXIST && vs_path_is_dir(p)))
            err = FAIL_IO(p, "make folder");
        *at = keep;
        if (keep == 0)
            break;
    }
    free(p);
    return err;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

vs_err vs_dir_list(const char *path, char ***names, int *n)
{
    DIR *dir = opendir(path);
    if (!dir)
        return FAIL_IO(path, "list folder");
    char **list = NULL;
    int count = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        VS_PUSH(list, count, vs_strdup(entry->d_name));
    }
    closedir(dir);
    if (count > 1)
        qsort(list, (size_t)count, sizeof(*list), by_bytes);
    *names = list;
    *n = count;
    return VS_OK;
}

void vs_names_free(char **names, int n)
{
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

vs_err vs_disk_free(const char *path, uint64_t *bytes)
{
    struct statvfs st;
    if (statvfs(path, &st) != 0)
        return FAIL_IO(path, "ask for free space");
    *bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return VS_OK;
}

/* ---- Locks ------------------------------------------------------------------------ */

vs_err vs_lock_take(int *fd, const char *path)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        return FAIL_IO(path, "open lock");
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return VS_OK;
    const int reason = errno;
    vs_lock_release(fd);
    if (reason == EWOULDBLOCK)
        return VS_FAIL(VS_ERR_IO, "%s: is in use by another process", path);
    errno = reason;
    return FAIL_IO(path, "lock");
}

void vs_lock_release(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
