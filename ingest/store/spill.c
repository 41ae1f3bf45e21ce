/* Gathered bytes. Rules: spill.h */
#include "ingest/store/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "ingest/store/pack.h"

void vs_spill_begin(vs_spill *s, const char *dir, int64_t limit)
{
    *s = (vs_spill){ .dir = vs_strdup(dir), .limit = limit, .fd = -1 };
}

void vs_spill_end(vs_spill *s)
{
    if (s->dir && s->fd >= 0)
        close(s->fd);
    free(s->data);
    free(s->dir);
    *s = (vs_spill){ .fd = -1 };
}

int64_t vs_spill_bytes(const vs_spill *s)
{
    return s->spilled + (int64_t)s->used;
}

static vs_err open_file(vs_spill *s)
{
    s->fd = open(s->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        char *name = vs_strf("%s/clip-XXXXXX", s->dir);
        s->fd = mkstemp(name);
        if (s->fd >= 0)
            unlink(name);
        free(name);
    }
    return s->fd >= 0 ? VS_OK : VS_FAIL(VS_ERR_IO, "%s: cannot make a file: %s", s->dir,
                                        strerror(errno));
}

static vs_err to_file(vs_spill *s)
{
    if (s->fd < 0)
        VS_TRY(open_file(s));
    VS_TRY(vs_pack_write(s->fd, s->dir, s->data, s->used, s->spilled));
    s->spilled += (int64_t)s->used;
    s->used = 0;
    return VS_OK;
}

vs_err vs_spill_reserve(uint8_t **at, vs_spill *s, size_t n)
{
    if ((int64_t)s->used >= s->limit && s->used > 0)
        VS_TRY(to_file(s));
    const size_t need = s->used + n;
    if (need > s->room) {
        const size_t room = need + s->used / 2;
        uint8_t *bigger = realloc(s->data, room);
        if (!bigger)
            return VS_FAIL(VS_ERR_NOMEM, "%zu bytes do not fit in memory", room);
        s->data = bigger;
        s->room = room;
    }
    *at = s->data + s->used;
    return VS_OK;
}

void vs_spill_take(vs_spill *s, size_t n)
{
    VS_ASSERT(n <= s->room - s->used);
    s->used += n;
}

vs_err vs_spill_read(const vs_spill *s, void *out, size_t n, int64_t offset)
{
    VS_ASSERT(offset >= 0 && offset + (int64_t)n <= vs_spill_bytes(s));
    size_t old = 0;
    if (offset < s->spilled)
        old = (int64_t)n < s->spilled - offset ? n : (size_t)(s->spilled - offset);
    if (old > 0)
        VS_TRY(vs_pack_read(s->fd, out, old, offset));
    if (n > old)
        memcpy((uint8_t *)out + old, s->data + (offset + (int64_t)old - s->spilled), n - old);
    return VS_OK;
}
