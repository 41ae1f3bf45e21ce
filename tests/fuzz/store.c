/* Fuzz target: the record of a clip in a pack, behind an index that tells whatever it likes.
 *
 *     0     bit 0: sums are wrong where the input makes them so, else they are made to fit, so that
 *           the table and the decoder are reached; bit 1: raw, else JPEG; bit 2: mirrored
 *     1..4  width, height, width and height of the view; 5..8 crop in 256ths: x, y, w, h
 *     9     frames
 *     10..  the record: 16 bytes a frame, then the frames
 */
#include "base/checksum.h"
#include "ingest/store/private.h"
#include "tests/fuzz/fuzz.h"

static char *dir;                  /* of the process: a store of one clip */
static vs_store *store;

static void clean(void)
{
    vs_store_close(&store);
    fuzz_rm(dir);
    free(dir);
}

static void begin(void)
{
    static uint8_t rgb[16 * 16 * 3];
    vs_writer *w;
    vs_clip_writer *clip;
    int64_t set;
    if (dir)
        return;
    dir = fuzz_dir();
    atexit(clean);
    VS_ASSERT(vs_writer_open(&w, dir, NULL) == VS_OK);
    VS_ASSERT(vs_writer_dataset(&set, w, "set", NULL, 0) == VS_OK);
    const vs_clip_info info = { .dataset = set, .name = "a", .W = 16, .H = 16 };
    VS_ASSERT(vs_clip_begin(&clip, w, &info) == VS_OK && vs_clip_frame(clip, rgb) == VS_OK);
    VS_ASSERT(vs_clip_commit(&clip, NULL) == VS_OK && vs_writer_close(&w) == VS_OK);
    VS_ASSERT(vs_store_open(&store, dir) == VS_OK && store->n == 1);
}

/* Checksums of the table and of every frame that lies inside, as a writer would have put them. */
static void make_sums(vs_entry *e, uint8_t *record, size_t size)
{
    vs_frame_entry frame, next;
    for (int f = 0; f < e->frames; f++) {
        memcpy(&frame, record + 16 * (size_t)f, sizeof(frame));
        memcpy(&next, record + 16 * (size_t)(f + 1 < e->frames ? f + 1 : f), sizeof(next));
        const uint64_t end = f + 1 < e->frames ? next.start : size;
        if (frame.start > end || end > size)
            continue;
        frame.sum = vs_checksum(record + frame.start, end - frame.start);
        memcpy(record + 16 * (size_t)f, &frame, sizeof(frame));
    }
    e->table_sum = vs_checksum(record, 16 * (size_t)e->frames);
}

static void put_record(const vs_entry *e, const uint8_t *record, size_t size)
{
    char *path = vs_pack_path(dir, e->pack);
    VS_ASSERT(truncate(path, e->offset) == 0);
    FILE *f = fopen(path, "r+b");
    VS_ASSERT(f && fseek(f, e->offset, SEEK_SET) == 0);
    VS_ASSERT(fwrite(record, 1, size, f) == size && fclose(f) == 0);
    free(path);
}

static void read_clip(const vs_entry *e, const uint8_t *data)
{
    static const float mean[3] = { 0.5f, 0.5f, 0.5f }, std[3] = { 0.2f, 0.2f, 0.2f };
    static uint8_t rgb[256 * 256 * 3];
    static float numbers[256 * 256 * 3];
    const int w = data[3] + 1, h = data[4] + 1;
    const double x0 = e->W * data[5] / 256.0, y0 = e->H * data[6] / 256.0;
    const vs_rect crop = { x0, y0, (e->W - x0) * data[7] / 256.0, (e->H - y0) * data[8] / 256.0 };
    const vs_clip clip = vs_entry_clip(e, -1, "a");
    vs_reader *r;
    VS_ASSERT(vs_reader_open(&r, store) == VS_OK);
    fuzz_verdict(vs_reader_verify(r, &clip));
    for (int f = 0; f < e->frames && f < 4; f++)
        fuzz_verdict(vs_reader_frames(r, &clip, &f, 1, crop, w, h, data[0] & 4, rgb));
    const int last = e->frames - 1;
    fuzz_verdict(vs_reader_normalised(r, &clip, &last, 1, crop, w, h, false, mean, std, numbers));
    vs_reader_close(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    if (size < 10 || size > 65536)
        return 0;
    vs_entry *e = &store->entry[0];
    const size_t bytes = size - 10;
    uint8_t *record = vs_new(bytes + 1);
    memcpy(record, data + 10, bytes);
    e->encoding = data[0] & 2 ? VS_ENCODING_RAW : VS_ENCODING_JPEG;
    e->W = data[1] + 1;
    e->H = data[2] + 1;
    e->frames = data[9] + 1;
    e->bytes = (int64_t)bytes;
    if (16 * (size_t)e->frames <= bytes) {         /* others are refused with the index */
        if (!(data[0] & 1))
            make_sums(e, record, bytes);
        put_record(e, record, bytes);
        read_clip(e, data);
    }
    free(record);
    return 0;
}
