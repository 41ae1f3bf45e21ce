/* Pack files. Format: schema.sql */
#include "ingest/store/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

#define VERSION 1

struct header {
    char magic[8];
    uint32_t version, number;
};
_Static_assert(sizeof(struct header) == VS_PACK_HEADER, "header without holes");

char *vs_pack_path(const char *store, int64_t number)
{
    char *name = vs_strf("packs/%lld.pack", (long long)number);
    char *path = vs_path_join(store, name);
    free(name);
    return path;
}

static struct header header_of(int64_t number)
{
    struct header h = { .version = VERSION, .number = (uint32_t)number };
    memcpy(h.magic, "vsynpack", 8);
    return h;
}

static vs_err check_header(int fd, const char *path, int64_t number)
{
    struct header found = { 0 };
    const struct header expected = header_of(number);
    if (vs_pack_read(fd, &found, sizeof(found), 0) != VS_OK)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: shorter than the header of a pack", path);
    if (memcmp(found.magic, expected.magic, sizeof(found.magic)) != 0)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: not a pack of a clip store", path);
    if (found.version != VERSION)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: pack of version %u, this program reads version %d",
                       path, found.version, VERSION);
    if (found.number != expected.number)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: this is pack %u under the name of pack %u", path,
                       found.number, expected.number);
    return VS_OK;
}

vs_err vs_pack_open(int *fd, const char *store, int64_t number)
{
    char *path = vs_pack_path(store, number);
    vs_err err = VS_OK;
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        err = VS_FAIL(VS_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    else
        err = check_header(*fd, path, number);
    if (err != VS_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    free(path);
    return err;
}

/* A pack without clips is begun again, whatever a killed writer left in it. */
static vs_err prepare(int fd, const char *path, int64_t number, int64_t end)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return VS_FAIL(VS_ERR_IO, "%s: cannot read its size: %s", path, strerror(errno));
    if (end > st.st_size)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: cut: %lld bytes, the index knows of %lld", path,
                       (long long)st.st_size, (long long)end);
    if (end > 0)
        VS_TRY(check_header(fd, path, number));
    if (st.st_size > end && ftruncate(fd, end) != 0)
        return VS_FAIL(VS_ERR_IO, "%s: cannot cut: %s", path, strerror(errno));
    if (end > 0)
        return VS_OK;
    const struct header h = header_of(number);
    return vs_pack_write(fd, path, &h, sizeof(h), 0);
}

vs_err vs_pack_append(int *fd, const char *store, int64_t number, int64_t end)
{
    char *path = vs_pack_path(store, number);
    vs_err err = VS_OK;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0)
        err = VS_FAIL(VS_ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    else
        err = prepare(*fd, path, number, end);
    if (err != VS_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    free(path);
    return err;
}

vs_err vs_pack_read(int fd, void *data, size_t n, int64_t offset)
{
    for (size_t done = 0; done < n;) {
        const ssize_t got = pread(fd, (char *)data + done, n - done, offset + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return VS_FAIL(VS_ERR_IO, "cannot read the pack: %s", strerror(errno));
        if (got == 0)
            return VS_FAIL(VS_ERR_CORRUPT, "the pack ends before its bytes");
        done += (size_t)got;
    }
    return VS_OK;
}

vs_err vs_pack_write(int fd, const char *path, const void *data, size_t n, int64_t offset)
{
    for (size_t done = 0; done < n;) {
        const ssize_t put = pwrite(fd, (const char *)data + done, n - done, offset + (off_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return VS_FAIL(VS_ERR_IO, "%s: cannot write: %s", path,
                           strerror(put < 0 ? errno : ENOSPC));
        done += (size_t)put;
    }
    return VS_OK;
}
