/* One clip on its way into the store: frames are encoded in the caller's thread and kept
 * until commit, which writes them behind the others (order of a commit: writer.c). They
 * are kept in memory up to `spill_bytes`, beyond in a nameless file beside the packs, so
 * that long videos, and many at once, need no more memory than that each.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/mem.h"
#include "ingest/store/frame.h"
#include "ingest/store/private.h"
#include "ingest/store/writer.h"

struct vs_clip_writer {
    vs_writer *writer;
    vs_clip_info info;             /* its texts are copies */
    vs_codec codec;
    vs_frame_entry *table;         /* (frames); start counts from the first frame until commit */
    uint8_t *data;                 /* the newest frames */
    size_t used, room;
    int spill_fd;                  /* the frames before them; -1 = none */
    int64_t spilled;
    int frames;
};

static char *copy_or_null(const char *text)
{
    return text ? vs_strdup(text) : NULL;
}

vs_err vs_clip_begin(vs_clip_writer **out, vs_writer *writer, const vs_clip_info *info)
{
    *out = NULL;
    if (info->W < 1 || info->W > VS_FRAME_SIDE || info->H < 1 || info->H > VS_FRAME_SIDE)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "frames of %dx%d: the store takes 1 to %d on a side",
                       info->W, info->H, VS_FRAME_SIDE);
    vs_clip_writer *c = vs_new(sizeof(*c));
    c->writer = writer;
    c->spill_fd = -1;
    c->info = *info;
    c->info.name = vs_strdup(info->name);
    c->info.codec = copy_or_null(info->codec);
    c->info.note = copy_or_null(info->note);
    const vs_err err = vs_codec_open_encoder(&c->codec);
    if (err != VS_OK)
        vs_clip_drop(&c);
    *out = c;
    return err;
}

/* Bytes of all frames. */
static int64_t frame_bytes(const vs_clip_writer *c)
{
    return c->spilled + (int64_t)c->used;
}

size_t vs_clip_bytes(const vs_clip_writer *c)
{
    return (size_t)frame_bytes(c);
}

/* A file without a name: it goes with the process. */
static vs_err open_spill(vs_clip_writer *c)
{
    char *packs = vs_path_join(c->writer->path, "packs");
    c->spill_fd = open(packs, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (c->spill_fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        char *name = vs_strf("%s/clip-XXXXXX", packs);
        c->spill_fd = mkstemp(name);
        if (c->spill_fd >= 0)
            unlink(name);
        free(name);
    }
    const vs_err err = c->spill_fd >= 0 ? VS_OK
                                        : VS_FAIL(VS_ERR_IO, "%s: cannot make a file: %s", packs,
                                                  strerror(errno));
    free(packs);
    return err;
}

static vs_err spill(vs_clip_writer *c)
{
    if (c->spill_fd < 0)
        VS_TRY(open_spill(c));
    VS_TRY(vs_pack_write(c->spill_fd, c->writer->path, c->data, c->used, c->spilled));
    c->spilled += (int64_t)c->used;
    c->used = 0;
    return VS_OK;
}

/* Room for n bytes more. */
static vs_err reserve(vs_clip_writer *c, size_t n)
{
    if ((int64_t)c->used >= c->writer->options.spill_bytes)
        VS_TRY(spill(c));
    const size_t need = c->used + n;
    if (need <= c->room)
        return VS_OK;
    const size_t room = need + c->used / 2;
    uint8_t *bigger = realloc(c->data, room);
    if (!bigger)
        return VS_FAIL(VS_ERR_NOMEM, "%s: %zu bytes of encoded frames do not fit in memory",
                       c->info.name, room);
    c->data = bigger;
    c->room = room;
    return VS_OK;
}

/* Room for one more frame of any content. */
static vs_err reserve_frame(vs_clip_writer *c)
{
    const vs_encoding encoding = c->writer->options.encoding;
    VS_ASSERT(encoding != VS_ENCODING_COPY);
    return reserve(c, vs_frame_bound(encoding, c->info.W, c->info.H));
}

static vs_err accept(vs_clip_writer *c, size_t bytes)
{
    const vs_frame_entry entry = { (uint64_t)c->spilled + c->used,
                                   vs_checksum(c->data + c->used, bytes) };
    VS_PUSH(c->table, c->frames, entry);
    c->used += bytes;
    return VS_OK;
}

vs_err vs_clip_frame(vs_clip_writer *c, const uint8_t *rgb)
{
    const vs_writer_options *o = &c->writer->options;
    size_t bytes;
    VS_TRY(reserve_frame(c));
    VS_TRY(vs_frame_encode_rgb(&c->codec, c->data + c->used, &bytes, o->encoding, o->quality, rgb,
                               c->info.W, c->info.H));
    return accept(c, bytes);
}

vs_err vs_clip_frame_yuv420(vs_clip_writer *c, const uint8_t *const plane[3], const int stride[3])
{
    const vs_writer_options *o = &c->writer->options;
    size_t bytes;
    VS_TRY(reserve_frame(c));
    VS_TRY(vs_frame_encode_yuv(&c->codec, c->data + c->used, &bytes, o->encoding, o->quality,
                               plane, stride, c->info.W, c->info.H));
    return accept(c, bytes);
}

vs_err vs_clip_piece(vs_clip_writer *c, const void *data, size_t bytes)
{
    VS_ASSERT(c->writer->options.encoding == VS_ENCODING_COPY);
    VS_TRY(reserve(c, bytes + 1));
    if (bytes > 0)
        memcpy(c->data + c->used, data, bytes);
    return accept(c, bytes);
}

void vs_clip_rate(vs_clip_writer *c, double fps)
{
    c->info.fps = fps;
}

/* Records begin at multiples of 8 bytes. */
static int64_t record_start(const vs_writer *w)
{
    return (w->end + 7) / 8 * 8;
}

static vs_err copy_spilled(const vs_clip_writer *c, vs_writer *w, const char *path, int64_t at)
{
    enum { CHUNK = 1 << 20 };
    uint8_t *chunk = c->spilled > 0 ? vs_new(CHUNK) : NULL;
    vs_err err = VS_OK;
    for (int64_t done = 0; done < c->spilled && err == VS_OK; done += CHUNK) {
        const int64_t left = c->spilled - done;
        const size_t n = left < CHUNK ? (size_t)left : CHUNK;
        err = vs_pack_read(c->spill_fd, chunk, n, done);
        if (err == VS_OK)
            err = vs_pack_write(w->pack_fd, path, chunk, n, at + done);
    }
    free(chunk);
    return err;
}

static vs_err write_record(const vs_clip_writer *c, vs_writer *w, size_t table)
{
    char *path = vs_pack_path(w->path, w->pack);
    const int64_t at = record_start(w);
    vs_err err = vs_pack_write(w->pack_fd, path, c->table, table, at);
    if (err == VS_OK)
        err = copy_spilled(c, w, path, at + (int64_t)table);
    if (err == VS_OK)
        err = vs_pack_write(w->pack_fd, path, c->data, c->used,
                            at + (int64_t)table + c->spilled);
    if (err == VS_OK && fdatasync(w->pack_fd) != 0)
        err = VS_FAIL(VS_ERR_IO, "%s: cannot flush: %s", path, strerror(errno));
    /* A disk that is full gets its bytes back at once; else the next writer cuts them. */
    if (err != VS_OK && ftruncate(w->pack_fd, w->end) != 0)
        err = VS_FAIL(err, "%s: cannot write nor cut: %s", path, strerror(errno));
    free(path);
    return err;
}

static vs_err insert_row(const vs_clip_writer *c, vs_writer *w, size_t table, const char *note)
{
    sqlite3_stmt *stmt;
    VS_TRY(vs_db_prepare(&stmt, &w->db,
                         "INSERT INTO clip (dataset, name, pack, offset, bytes, table_sum, frames, "
                         "width, height, fps, encoding, codec, note) "
                         "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    const vs_clip_info *i = &c->info;
    const vs_err err = vs_db_run(&w->db, stmt, "itiiiiiiidttt", i->dataset, i->name, w->pack,
                                 record_start(w), (int64_t)table + frame_bytes(c),
                                 (int64_t)vs_checksum(c->table, table), (int64_t)c->frames,
                                 (int64_t)i->W, (int64_t)i->H, i->fps,
                                 vs_encoding_name(w->options.encoding), i->codec, note);
    sqlite3_finalize(stmt);
    return err;
}

static vs_err forget_failure(const vs_clip_writer *c, vs_writer *w)
{
    sqlite3_stmt *stmt;
    VS_TRY(vs_db_prepare(&stmt, &w->db, "DELETE FROM failure WHERE dataset = ? AND name = ?"));
    const vs_err err = vs_db_run(&w->db, stmt, "it", c->info.dataset, c->info.name);
    sqlite3_finalize(stmt);
    return err;
}

static vs_err commit_row(const vs_clip_writer *c, vs_writer *w, size_t table, const char *note)
{
    VS_TRY(vs_db_exec(&w->db, "BEGIN IMMEDIATE"));
    vs_err err = insert_row(c, w, table, note);
    if (err == VS_OK)
        err = forget_failure(c, w);
    if (err == VS_OK)
        err = vs_db_exec(&w->db, "COMMIT");
    if (err != VS_OK)
        sqlite3_exec(w->db.handle, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

static vs_err commit_locked(vs_clip_writer *c, vs_writer *w, const char *note)
{
    const size_t table = sizeof(*c->table) * (size_t)c->frames;
    VS_TRY(vs_writer_flush(w));
    VS_TRY(vs_writer_room(w, (int64_t)table + frame_bytes(c) + 8));
    for (int i = 0; i < c->frames; i++)
        c->table[i].start += table;
    VS_TRY(write_record(c, w, table));
    VS_TRY(commit_row(c, w, table, note));
    w->end = record_start(w) + (int64_t)table + frame_bytes(c);
    return VS_OK;
}

vs_err vs_clip_commit(vs_clip_writer **clip, const char *note)
{
    vs_clip_writer *c = *clip;
    vs_err err;
    if (c->frames == 0) {
        err = VS_FAIL(VS_ERR_CODEC, "%s: no frames", c->info.name);
    } else {
        pthread_mutex_lock(&c->writer->lock);
        err = commit_locked(c, c->writer, note ? note : c->info.note);
        pthread_mutex_unlock(&c->writer->lock);
    }
    vs_clip_drop(clip);
    return err;
}

void vs_clip_drop(vs_clip_writer **clip)
{
    vs_clip_writer *c = *clip;
    if (!c)
        return;
    vs_codec_close(&c->codec);
    if (c->spill_fd >= 0)
        close(c->spill_fd);
    free((char *)c->info.name);
    free((char *)c->info.codec);
    free((char *)c->info.note);
    free(c->table);
    free(c->data);
    free(c);
    *clip = NULL;
}
