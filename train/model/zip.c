/* Records of a zip archive, little-endian (sizes in bytes):
 *
 *     end of the directory  "PK\5\6"  8: entries of this disk (2), 10: entries (2),
 *                           12: bytes (4), 16: offset of the directory (4), 20: comment (2)
 *     its 64-bit locator    "PK\6\7"  20 bytes before it: 8: offset of the 64-bit record (8)
 *     its 64-bit record     "PK\6\6"  32: entries (8), 40: bytes (8), 48: offset (8)
 *     entry of a member     "PK\1\2"  8: flags (2), 10: method (2), 16: CRC-32 (4), 20: packed
 *                           size (4), 24: size (4), 28: name, extra, comment (2 each),
 *                           42: offset of the local header (4), 46: name, extra, comment
 *     64-bit field in extra id 1: those of size, packed size, offset that are 0xffffffff
 *     local header          "PK\3\4"  26: name, extra (2 each), 30: name, extra, content
 */
#include "train/model/zip.h"

#include <stdlib.h>
#include <string.h>

#include "base/crc.h"

enum { END = 22, LOCATOR = 20, RECORD = 56, ENTRY = 46, LOCAL = 30 };

static uint64_t get(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static bool is(const uint8_t *p, const char *mark)
{
    return memcmp(p, mark, 4) == 0;
}

static vs_err broken(const vs_zip *zip, const char *what)
{
    return VS_FAIL(VS_ERR_CORRUPT, "%s: the zip archive is damaged or cut off: %s", zip->path,
                   what);
}

struct directory {
    uint64_t entries, bytes, offset;
};

static vs_err find_directory(struct directory *out, const vs_zip *zip)
{
    if (zip->size < END)
        return broken(zip, "no directory at its end");
    const size_t last = zip->size - END, first = last > 65535 ? last - 65535 : 0;
    size_t at = last;
    while (!is(zip->data + at, "PK\5\6")) {
        if (at == first)
            return broken(zip, "no directory at its end");
        at--;
    }
    const uint8_t *p = zip->data + at;
    *out = (struct directory){ get(p + 10, 2), get(p + 12, 4), get(p + 16, 4) };
    if (at >= LOCATOR && is(p - LOCATOR, "PK\6\7")) {
        const uint64_t record = get(p - LOCATOR + 8, 8);
        if (zip->size < RECORD || record > zip->size - RECORD ||
            !is(zip->data + record, "PK\6\6"))
            return broken(zip, "its 64-bit directory is not where it should be");
        p = zip->data + record;
        *out = (struct directory){ get(p + 32, 8), get(p + 40, 8), get(p + 48, 8) };
    }
    if (out->offset > zip->size || out->bytes > zip->size - out->offset ||
        out->entries > out->bytes / ENTRY)
        return broken(zip, "its directory reaches beyond its end");
    return VS_OK;
}

/* The values of an entry that do not fit into 32 bits. */
static vs_err read_extra(uint64_t *size, uint64_t *packed, uint64_t *offset, const uint8_t *p,
                         size_t left, const vs_zip *zip)
{
    uint64_t *const wide[3] = { size, packed, offset };
    while (left >= 4) {
        const size_t id = get(p, 2), length = get(p + 2, 2);
        if (length > left - 4)
            return broken(zip, "an extra field is longer than its entry");
        const uint8_t *v = p + 4, *const end = v + length;
        for (int i = 0; i < 3 && id == 1; i++)
            if (*wide[i] == 0xffffffff) {
                if (end - v < 8)
                    return broken(zip, "a 64-bit size is missing");
                *wide[i] = get(v, 8);
                v += 8;
            }
        p = end;
        left -= 4 + length;
    }
    return VS_OK;
}

static vs_err locate(vs_zip_member *m, const vs_zip *zip, uint64_t offset, uint64_t size)
{
    if (zip->size < LOCAL || offset > zip->size - LOCAL || !is(zip->data + offset, "PK\3\4"))
        return broken(zip, "a member is not where the directory says");
    const uint8_t *p = zip->data + offset;
    const size_t head = LOCAL + get(p + 26, 2) + get(p + 28, 2), room = zip->size - offset;
    if (head > room || size > room - head)
        return broken(zip, "a member reaches beyond its end");
    m->data = p + head;
    m->size = size;
    return VS_OK;
}

/* One entry at *at, which is moved behind it; `left` bytes of the directory remain. */
static vs_err read_entry(vs_zip_member *m, const vs_zip *zip, const uint8_t **at, size_t *left)
{
    const uint8_t *p = *at;
    if (*left < ENTRY || !is(p, "PK\1\2"))
        return broken(zip, "its directory ends early");
    const size_t name = get(p + 28, 2), extra = get(p + 30, 2), comment = get(p + 32, 2);
    if (name + extra + comment > *left - ENTRY)
        return broken(zip, "its directory ends early");
    uint64_t packed = get(p + 20, 4), size = get(p + 24, 4), offset = get(p + 42, 4);
    m->name = (const char *)p + ENTRY;
    m->length = name;
    m->crc = (uint32_t)get(p + 16, 4);
    VS_TRY(read_extra(&size, &packed, &offset, p + ENTRY + name, extra, zip));
    if (get(p + 10, 2) != 0 || get(p + 8, 2) & 1 || packed != size)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: member %.*s is compressed or encrypted; torch.save "
                       "stores members as they are", zip->path, (int)name, m->name);
    *at += ENTRY + name + extra + comment;
    *left -= ENTRY + name + extra + comment;
    return locate(m, zip, offset, size);
}

static int by_name(const void *a, const void *b)
{
    const vs_zip_member *x = a, *y = b;
    const size_t n = x->length < y->length ? x->length : y->length;
    const int order = memcmp(x->name, y->name, n);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

static vs_err read_members(vs_zip *zip)
{
    struct directory dir = { 0 };
    VS_TRY(find_directory(&dir, zip));
    zip->member = calloc(dir.entries + 1, sizeof(*zip->member));
    if (!zip->member || dir.entries > 1 << 24)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no room for %llu members", zip->path,
                       (unsigned long long)dir.entries);
    const uint8_t *at = zip->data + dir.offset;
    size_t left = dir.bytes;
    for (; zip->n < (int)dir.entries; zip->n++)
        VS_TRY(read_entry(&zip->member[zip->n], zip, &at, &left));
    qsort(zip->member, (size_t)zip->n, sizeof(*zip->member), by_name);
    for (int i = 1; i < zip->n; i++)
        if (by_name(&zip->member[i - 1], &zip->member[i]) == 0)
            return broken(zip, "two members have one name");
    return VS_OK;
}

vs_err vs_zip_open(vs_zip *out, const uint8_t *data, size_t size, const char *path)
{
    *out = (vs_zip){ .path = path, .data = data, .size = size };
    const vs_err err = read_members(out);
    if (err != VS_OK)
        vs_zip_close(out);
    return err;
}

void vs_zip_close(vs_zip *zip)
{
    free(zip->member);
    *zip = (vs_zip){ 0 };
}

vs_zip_member *vs_zip_find(const vs_zip *zip, const char *name)
{
    const vs_zip_member key = { .name = name, .length = strlen(name) };
    return zip->n ? bsearch(&key, zip->member, (size_t)zip->n, sizeof(key), by_name) : NULL;
}

vs_err vs_zip_check(const vs_zip *zip, vs_zip_member *member)
{
    if (!member->checked && vs_crc32(member->data, member->size) != member->crc)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: member %.*s is damaged: its checksum differs",
                       zip->path, (int)member->length, member->name);
    member->checked = true;
    return VS_OK;
}
