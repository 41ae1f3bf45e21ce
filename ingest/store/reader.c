/* Reading frames: one small read for the clip's table, then per frame a read, its checksum, the
 * rows that the crop needs, and the view (view.h). Nothing is allocated, and nothing is locked,
 * once the buffers have grown to the largest frame.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checksum.h"
#include "base/mem.h"
#include "ingest/store/frame.h"
#include "ingest/store/private.h"

struct vs_reader {
    vs_store *store;
    vs_codec codec;
    uint8_t *data, *rgb;           /* encoded frame; a view on its way to numbers */
    vs_frame_entry *table;
    size_t data_room, rgb_room, table_room;
    vs_view view;
    void *copy;                    /* state of store->copy */
};

vs_err vs_reader_open(vs_reader **out, vs_store *store)
{
    vs_reader *r = vs_new(sizeof(*r));
    r->store = store;
    const vs_err err = vs_codec_open_decoder(&r->codec);
    if (err != VS_OK)
        vs_reader_close(&r);
    *out = r;
    return err;
}

void vs_reader_close(vs_reader **reader)
{
    vs_reader *r = *reader;
    if (!r)
        return;
    vs_codec_close(&r->codec);
    if (r->copy)
        r->store->copy->close(&r->copy);
    vs_view_free(&r->view);
    free(r->data);
    free(r->rgb);
    free(r->table);
    free(r);
    *reader = NULL;
}

static void *room_for(void *old, size_t *room, size_t need)
{
    if (need <= *room)
        return old;
    void *bigger = realloc(old, need);
    if (bigger)
        *room = need;
    return bigger;
}

/* Grow one buffer of the reader; what is there may be lost only by success. */
#define ROOM(field, need)                                                             \
    do {                                                                              \
        void *room_ = room_for((field), &(field##_room), (need));                     \
        if (!room_)                                                                   \
            return VS_FAIL(VS_ERR_NOMEM, "%zu bytes for a frame do not fit in memory", \
                           (size_t)(need));                                           \
        (field) = room_;                                                              \
    } while (0)

/* The reason recorded last, with the place in front of it. */
static vs_err at_frame(vs_err err, const vs_reader *r, const vs_clip *clip, int frame)
{
    char *reason = vs_strdup(vs_err_detail());
    if (frame < 0)
        err = VS_FAIL(err, "%s: clip %lld (%s), its table of frames: %s", r->store->path,
                      (long long)clip->id, clip->name ? clip->name : "?", reason);
    else
        err = VS_FAIL(err, "%s: clip %lld (%s), frame %d: %s", r->store->path,
                      (long long)clip->id, clip->name ? clip->name : "?", frame, reason);
    free(reason);
    return err;
}

/* No more memory than the pack has bytes, whatever index and table say. Asked before a buffer
 * grows, which is seldom. */
static vs_err check_inside(int fd, int64_t offset, size_t bytes, size_t room)
{
    struct stat st;
    if (bytes < room)
        return VS_OK;
    if (fstat(fd, &st) != 0)
        return VS_FAIL(VS_ERR_IO, "cannot read the size of the pack: %s", strerror(errno));
    if (offset > st.st_size || bytes > (uint64_t)(st.st_size - offset))
        return VS_FAIL(VS_ERR_CORRUPT, "the pack ends before its bytes");
    return VS_OK;
}

static vs_err read_table(vs_reader *r, const vs_entry *e, int fd)
{
    const size_t bytes = sizeof(*r->table) * (size_t)e->frames;
    VS_TRY(check_inside(fd, e->offset, bytes, r->table_room));
    ROOM(r->table, bytes);
    VS_TRY(vs_pack_read(fd, r->table, bytes, e->offset));
    if (vs_checksum(r->table, bytes) != e->table_sum)
        return VS_FAIL(VS_ERR_CORRUPT, "checksum differs");
    return VS_OK;
}

/* The encoded bytes of one frame into r->data, checked. */
static vs_err read_frame(size_t *bytes, vs_reader *r, const vs_entry *e, int fd, int frame)
{
    const uint64_t start = r->table[frame].start, record = (uint64_t)e->bytes;
    const uint64_t end = frame + 1 < e->frames ? r->table[frame + 1].start : record;
    if (start > end || end > record)
        return VS_FAIL(VS_ERR_CORRUPT, "outside of its clip");
    *bytes = (size_t)(end - start);
    VS_TRY(check_inside(fd, e->offset + (int64_t)start, *bytes, r->data_room));
    ROOM(r->data, *bytes + 1);     /* an empty frame is an error of the decoder, not of malloc */
    VS_TRY(vs_pack_read(fd, r->data, *bytes, e->offset + (int64_t)start));
    if (vs_checksum(r->data, *bytes) != r->table[frame].sum)
        return VS_FAIL(VS_ERR_CORRUPT, "checksum differs");
    return VS_OK;
}

static vs_err find_table(const vs_entry **entry, int *fd, vs_reader *r, const vs_clip *clip)
{
    *entry = vs_store_entry(r->store, clip->id);
    if (!*entry)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no clip %lld", r->store->path, (long long)clip->id);
    VS_TRY(vs_store_pack(fd, r->store, (*entry)->pack));
    const vs_err err = read_table(r, *entry, *fd);
    return err == VS_OK ? VS_OK : at_frame(err, r, clip, -1);
}

/* One view, decoded at `size` eighths; rows y0 .. y1 - 1 of the picture are what it needs. */
struct shot {
    const vs_entry *e;
    int fd, size, y0, y1;
};

static vs_err plan_shot(struct shot *s, vs_reader *r, vs_rect crop, int w, int h, bool flip)
{
    const vs_entry *e = s->e;
    s->size = vs_frame_scale(e->encoding, crop, w, h);
    const vs_view_planes planes = vs_frame_planes(e->W, e->H, s->size);
    VS_TRY(vs_view_fill(&r->view, &planes, crop, w, h, flip));
    s->y0 = e->H;
    s->y1 = 0;
    for (int k = 0; k < 2; k++) {
        const int from = r->view.y[k].from * 16 / planes.share[k];
        const int end = (r->view.y[k].end * 16 + planes.share[k] - 1) / planes.share[k];
        s->y0 = from < s->y0 ? from : s->y0;
        s->y1 = end > s->y1 ? end : s->y1;
    }
    s->y1 = s->y1 > e->H ? e->H : s->y1;
    return VS_OK;
}

struct pieces {
    vs_reader *reader;
    const struct shot *shot;
};

static vs_err give_piece(void *ctx, const uint8_t **data, size_t *bytes, int i)
{
    const struct pieces *p = ctx;
    VS_TRY(read_frame(bytes, p->reader, p->shot->e, p->shot->fd, i));
    *data = p->reader->data;
    return VS_OK;
}

static vs_err decode_copy(vs_reader *r, vs_jpeg_planes *out, const struct shot *s, int frame)
{
    const vs_entry *e = s->e;
    struct pieces pieces = { r, s };
    const vs_copy_source source = { e->id, e->frames, e->W, e->H, &pieces, give_piece };
    const uint8_t *plane[3];
    VS_TRY(r->store->copy->frame(&r->copy, &source, frame, plane, out->stride));
    for (int p = 0; p < 3; p++) {
        out->plane[p] = plane[p];
        out->row0[p] = 0;
    }
    return VS_OK;
}

static vs_err decode(vs_reader *r, vs_jpeg_planes *out, const struct shot *s, int frame)
{
    const vs_entry *e = s->e;
    size_t bytes = 0;
    if (e->encoding == VS_ENCODING_COPY)
        return decode_copy(r, out, s, frame);
    VS_TRY(read_frame(&bytes, r, e, s->fd, frame));
    return vs_frame_decode(&r->codec, out, e->encoding, r->data, bytes, e->W, e->H, s->size,
                           s->y0, s->y1);
}

static vs_err take_shot(vs_reader *r, uint8_t *rgb, const struct shot *s, int frame)
{
    vs_jpeg_planes p;
    VS_TRY(decode(r, &p, s, frame));
    vs_view_run(&r->view, rgb, p.plane, p.stride, p.row0);
    return VS_OK;
}

static vs_err find_clip(struct shot *s, vs_reader *r, const vs_clip *clip)
{
    VS_TRY(find_table(&s->e, &s->fd, r, clip));
    if (s->e->encoding == VS_ENCODING_COPY && !r->store->copy)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "%s: clip %lld (%s) is stored as the packets of its "
                       "video, which only vsyn-ingest decodes; make a store for this program "
                       "with: vsyn-ingest convert %s --out NEW", r->store->path,
                       (long long)clip->id, clip->name ? clip->name : "?", r->store->path);
    return VS_OK;
}

static vs_err begin(struct shot *s, vs_reader *r, const vs_clip *clip, vs_rect crop, int w, int h,
                    bool flip)
{
    VS_TRY(find_clip(s, r, clip));
    if (crop.rw <= 0 || crop.rh <= 0)
        crop = (vs_rect){ 0, 0, s->e->W, s->e->H };
    VS_ASSERT(w > 0 && h > 0 && crop.x0 >= 0 && crop.y0 >= 0 &&
              crop.x0 + crop.rw <= s->e->W + 1e-6 && crop.y0 + crop.rh <= s->e->H + 1e-6);
    return plan_shot(s, r, crop, w, h, flip);
}

vs_err vs_reader_frames(vs_reader *reader, const vs_clip *clip, const int *index, int n,
                        vs_rect crop, int w, int h, bool flip, uint8_t *rgb)
{
    struct shot shot;
    const size_t size = (size_t)w * (size_t)h * 3;
    VS_TRY(begin(&shot, reader, clip, crop, w, h, flip));
    for (int i = 0; i < n; i++) {
        VS_ASSERT(index[i] >= 0 && index[i] < shot.e->frames);
        uint8_t *to = rgb + size * (size_t)i;
        if (i > 0 && index[i] == index[i - 1]) {   /* padding of short clips repeats frames */
            memcpy(to, to - size, size);
            continue;
        }
        const vs_err err = take_shot(reader, to, &shot, index[i]);
        if (err != VS_OK)
            return at_frame(err, reader, clip, index[i]);
    }
    return VS_OK;
}

vs_err vs_reader_normalised(vs_reader *reader, const vs_clip *clip, const int *index, int n,
                            vs_rect crop, int w, int h, bool flip, const float mean[3],
                            const float std[3], float *out)
{
    struct shot shot;
    const size_t size = (size_t)w * (size_t)h * 3;
    VS_TRY(begin(&shot, reader, clip, crop, w, h, flip));
    ROOM(reader->rgb, size);
    for (int i = 0; i < n; i++) {
        VS_ASSERT(index[i] >= 0 && index[i] < shot.e->frames);
        float *to = out + size * (size_t)i;
        if (i > 0 && index[i] == index[i - 1]) {
            memcpy(to, to - size, size * sizeof(*to));
            continue;
        }
        const vs_err err = take_shot(reader, reader->rgb, &shot, index[i]);
        if (err != VS_OK)
            return at_frame(err, reader, clip, index[i]);
        vs_view_normalise(to, reader->rgb, size / 3, mean, std);
    }
    return VS_OK;
}

vs_err vs_reader_planes(vs_reader *reader, const vs_clip *clip, int frame,
                        const uint8_t *plane[3], int stride[3])
{
    struct shot shot;
    vs_jpeg_planes p;
    VS_TRY(find_clip(&shot, reader, clip));
    VS_ASSERT(frame >= 0 && frame < shot.e->frames);
    shot.size = 8;
    shot.y0 = 0;
    shot.y1 = shot.e->H;
    const vs_err err = decode(reader, &p, &shot, frame);
    if (err != VS_OK)
        return at_frame(err, reader, clip, frame);
    for (int k = 0; k < 3; k++) {
        plane[k] = p.plane[k];
        stride[k] = p.stride[k];
    }
    return VS_OK;
}

vs_err vs_reader_bytes(vs_reader *reader, const vs_clip *clip, int frame, const uint8_t **data,
                       size_t *bytes)
{
    const vs_entry *e;
    int fd;
    VS_TRY(find_table(&e, &fd, reader, clip));
    VS_ASSERT(frame >= 0 && frame < e->frames);
    const vs_err err = read_frame(bytes, reader, e, fd, frame);
    *data = reader->data;
    return err == VS_OK ? VS_OK : at_frame(err, reader, clip, frame);
}

vs_err vs_reader_verify(vs_reader *reader, const vs_clip *clip)
{
    const vs_entry *e;
    int fd;
    VS_TRY(find_table(&e, &fd, reader, clip));
    for (int i = 0; i < e->frames; i++) {
        size_t bytes = 0;
        const vs_err err = read_frame(&bytes, reader, e, fd, i);
        if (err != VS_OK)
            return at_frame(err, reader, clip, i);
    }
    return e->variable ? vs_store_times(NULL, reader->store, clip) : VS_OK;
}
