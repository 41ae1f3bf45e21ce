/* Reading frames: one small read for the clip's table, then per frame a read, its
 * checksum, the JPEG decoder and the resampling. Nothing is allocated once the buffers
 * have grown and the geometry stays; a new crop makes a new plan (a few kilobytes).
 */
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/mem.h"
#include "ingest/store/frame.h"
#include "ingest/store/private.h"

struct plan_key {
    int W, H, w, h;
    vs_rect crop;
    bool flip;
};

struct vs_reader {
    vs_store *store;
    vs_codec codec;
    uint8_t *data, *rgb, *tmp;     /* encoded frame, decoded frame, scratch of the plan */
    vs_frame_entry *table;
    size_t data_room, rgb_room, tmp_room, table_room;
    vs_resize *plan;
    struct plan_key key;
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
    vs_resize_free(&r->plan);
    free(r->data);
    free(r->rgb);
    free(r->tmp);
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

static vs_err read_table(vs_reader *r, const vs_entry *e, int fd)
{
    const size_t bytes = sizeof(*r->table) * (size_t)e->frames;
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

static bool same_key(const struct plan_key *a, const struct plan_key *b)
{
    return a->W == b->W && a->H == b->H && a->w == b->w && a->h == b->h && a->flip == b->flip &&
           a->crop.x0 == b->crop.x0 && a->crop.y0 == b->crop.y0 && a->crop.rw == b->crop.rw &&
           a->crop.rh == b->crop.rh;
}

/* False: the stored frame is the answer as it is. */
static bool needs_plan(const struct plan_key *k)
{
    return k->flip || k->w != k->W || k->h != k->H || k->crop.x0 != 0 || k->crop.y0 != 0 ||
           k->crop.rw != k->W || k->crop.rh != k->H;
}

static vs_err make_plan(vs_reader *r, const struct plan_key *key)
{
    ROOM(r->rgb, (size_t)key->W * (size_t)key->H * 3);
    if (r->plan && same_key(&r->key, key))
        return VS_OK;
    vs_resize_free(&r->plan);
    r->plan = vs_resize_new(key->W, key->H, key->crop, key->w, key->h, key->flip);
    r->key = *key;
    ROOM(r->tmp, vs_resize_scratch(r->plan));
    return VS_OK;
}

vs_err vs_reader_frames(vs_reader *reader, const vs_clip *clip, const int *index, int n,
                        vs_rect crop, int w, int h, bool flip, uint8_t *rgb)
{
    const vs_entry *e;
    int fd;
    VS_TRY(find_table(&e, &fd, reader, clip));
    if (crop.rw <= 0 || crop.rh <= 0)
        crop = (vs_rect){ 0, 0, e->W, e->H };
    VS_ASSERT(crop.x0 >= 0 && crop.y0 >= 0 && crop.x0 + crop.rw <= e->W + 1e-6 &&
              crop.y0 + crop.rh <= e->H + 1e-6);
    const struct plan_key key = { e->W, e->H, w, h, crop, flip };
    const bool direct = !needs_plan(&key);
    if (!direct)
        VS_TRY(make_plan(reader, &key));
    const size_t size = (size_t)w * (size_t)h * 3;
    for (int i = 0; i < n; i++) {
        VS_ASSERT(index[i] >= 0 && index[i] < e->frames);
        uint8_t *to = rgb + size * (size_t)i;
        if (i > 0 && index[i] == index[i - 1]) {   /* padding of short clips repeats frames */
            memcpy(to, to - size, size);
            continue;
        }
        size_t bytes = 0;
        vs_err err = read_frame(&bytes, reader, e, fd, index[i]);
        if (err == VS_OK)
            err = vs_frame_decode(&reader->codec, direct ? to : reader->rgb, e->encoding,
                                  reader->data, bytes, e->W, e->H);
        if (err != VS_OK)
            return at_frame(err, reader, clip, index[i]);
        if (!direct)
            vs_resize_run(reader->plan, to, reader->rgb, reader->tmp);
    }
    return VS_OK;
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
    return VS_OK;
}
