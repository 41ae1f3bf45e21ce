/* One clip on its way into the store: frames are encoded in the caller's thread and kept
 * until commit, which writes them behind the others (order of a commit: writer.c). They
 * are kept in memory up to `spill_bytes`, beyond in a nameless file beside the packs (spill.h), so
 * that long videos, and many at once, need no more memory than that each.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/mem.h"
#include "ingest/store/frame.h"
#include "ingest/store/private.h"
#include "ingest/store/spill.h"
#include "ingest/store/times.h"
#include "ingest/store/writer.h"

struct vs_clip_writer {
    vs_writer *writer;
    vs_clip_info info;             /* its texts are copies */
    vs_codec codec;
    vs_frame_entry *table;         /* (frames); start counts from the first frame until commit */
    vs_spill data;                 /* the frames */
    int frames;
    int64_t *time;                 /* (times) of the frames, us; none or all have one */
    int times;
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
    vs_writer_spill(&c->data, writer);
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

size_t vs_clip_bytes(const vs_clip_writer *c)
{
    return (size_t)vs_spill_bytes(&c->data);
}

/* Room for n bytes more, at *at. */
static vs_err reserve(uint8_t **at, vs_clip_writer *c, size_t n)
{
    const vs_err err = vs_spill_reserve(at, &c->data, n);
    return err == VS_ERR_NOMEM ? VS_FAIL(err, "%s: %zu bytes more do not fit in memory",
                                         c->info.name, n)
                               : err;
}

/* Room for one more frame of any content. */
static vs_err reserve_frame(uint8_t **at, vs_clip_writer *c)
{
    const vs_encoding encoding = c->writer->options.encoding;
    VS_ASSERT(encoding != VS_ENCODING_COPY);
    return reserve(at, c, vs_frame_bound(encoding, c->info.W, c->info.H));
}

static vs_err accept(vs_clip_writer *c, const uint8_t *at, size_t bytes)
{
    const vs_frame_entry entry = { (uint64_t)vs_spill_bytes(&c->data), vs_checksum(at, bytes) };
    VS_PUSH(c->table, c->frames, entry);
    vs_spill_take(&c->data, bytes);
    return VS_OK;
}

vs_err vs_clip_frame(vs_clip_writer *c, const uint8_t *rgb)
{
    const vs_writer_options *o = &c->writer->options;
    uint8_t *at;
    size_t bytes;
    VS_TRY(reserve_frame(&at, c));
    VS_TRY(vs_frame_encode_rgb(&c->codec, at, &bytes, o->encoding, o->quality, rgb, c->info.W,
                               c->info.H));
    return accept(c, at, bytes);
}

vs_err vs_clip_frame_yuv420(vs_clip_writer *c, const uint8_t *const plane[3], const int stride[3])
{
    const vs_writer_options *o = &c->writer->options;
    uint8_t *at;
    size_t bytes;
    VS_TRY(reserve_frame(&at, c));
    VS_TRY(vs_frame_encode_yuv(&c->codec, at, &bytes, o->encoding, o->quality, plane, stride,
                               c->info.W, c->info.H));
    return accept(c, at, bytes);
}

vs_err vs_clip_piece(vs_clip_writer *c, const void *data, size_t bytes)
{
    uint8_t *at;
    VS_TRY(reserve(&at, c, bytes + 1));
    if (bytes > 0)
        memcpy(at, data, bytes);
    return accept(c, at, bytes);
}

void vs_clip_rate(vs_clip_writer *c, double fps)
{
    c->info.fps = fps;
}

void vs_clip_time(vs_clip_writer *c, int64_t microseconds)
{
    VS_ASSERT(c->times == 0 ? microseconds == 0 : microseconds > c->time[c->times - 1]);
    VS_PUSH(c->time, c->times, microseconds);
}

/* Records begin at multiples of 8 bytes. */
static int64_t record_start(const vs_writer *w)
{
    return (w->end + 7) / 8 * 8;
}

static vs_err write_frames(const vs_clip_writer *c, vs_writer *w, const char *path, int64_t at)
{
    enum { CHUNK = 1 << 20 };
    uint8_t *chunk = vs_new(CHUNK);
    const int64_t bytes = vs_spill_bytes(&c->data);
    vs_err err = VS_OK;
    for (int64_t done = 0; done < bytes && err == VS_OK; done += CHUNK) {
        const size_t n = bytes - done < CHUNK ? (size_t)(bytes - done) : CHUNK;
        err = vs_spill_read(&c->data, chunk, n, done);
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
        err = write_frames(c, w, path, at + (int64_t)table);
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
                                 record_start(w), (int64_t)table + vs_spill_bytes(&c->data),
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
    if (err == VS_OK && c->times > 0)
        err = vs_times_insert(&w->db, sqlite3_last_insert_rowid(w->db.handle), c->time, c->times);
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
    VS_ASSERT(c->times == 0 || c->times == c->frames);
    if (!vs_times_vary(&c->info.fps, c->time, c->times))
        c->times = 0;
    VS_TRY(vs_writer_flush(w));
    VS_TRY(vs_writer_room(w, (int64_t)table + vs_spill_bytes(&c->data) + 8));
    for (int i = 0; i < c->frames; i++)
        c->table[i].start += table;
    VS_TRY(write_record(c, w, table));
    VS_TRY(commit_row(c, w, table, note));
    w->end = record_start(w) + (int64_t)table + vs_spill_bytes(&c->data);
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
    vs_spill_end(&c->data);
    free((char *)c->info.name);
    free((char *)c->info.codec);
    free((char *)c->info.note);
    free(c->table);
    free(c->time);
    free(c);
    *clip = NULL;
}
