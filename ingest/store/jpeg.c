/* Frames through libjpeg-turbo. Format and rules: jpeg.h
 *
 * The library leaves by longjmp() when it gives up; every call into it that may do so lies between
 * setjmp() in a function of its own and the return of that function.
 */
#include "ingest/store/jpeg.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#define BLOCKS 16                  /* pixels of a row of blocks (4:2:0) */
#define ROUND_UP(n, to) (((n) + (to) - 1) / (to) * (to))

/* What the library takes for one picture, from a block that is kept for the next one. */
struct arena {
    uint8_t *data;
    size_t room, used, wanted;
};

struct vs_jpeg {
    struct jpeg_error_mgr errors;  /* first: the library hands back its address */
    jmp_buf jump;
    char reason[JMSG_LENGTH_MAX];
    bool encoder;
    union {
        struct jpeg_common_struct any;
        struct jpeg_compress_struct in;
        struct jpeg_decompress_struct out;
    };
    struct arena arena;
    void (*free_pool)(j_common_ptr, int);
    void *(*alloc_small)(j_common_ptr, int, size_t), *(*alloc_large)(j_common_ptr, int, size_t);
    JSAMPARRAY (*alloc_sarray)(j_common_ptr, int, JDIMENSION, JDIMENSION);
    uint8_t *planes;
    size_t planes_room;
    uint8_t *at;                   /* of the encoder: where it writes, and how much */
    unsigned long size;
};

/* ---- The library's errors and memory --------------------------------------------------------- */

static void on_error(j_common_ptr any)
{
    vs_jpeg *j = any->client_data;
    any->err->format_message(any, j->reason);
    longjmp(j->jump, 1);
}

/* Warnings are damage: the library would go on with grey blocks. */
static void on_message(j_common_ptr any, int level)
{
    if (level < 0)
        on_error(any);
}

static void *take(vs_jpeg *j, size_t bytes)
{
    struct arena *a = &j->arena;
    bytes = ROUND_UP(bytes, 64);
    a->wanted += bytes;
    if (a->used + bytes > a->room)
        return NULL;
    a->used += bytes;
    return a->data + a->used - bytes;
}

static void *small_block(j_common_ptr any, int pool, size_t bytes)
{
    vs_jpeg *j = any->client_data;
    void *block = pool == JPOOL_IMAGE ? take(j, bytes) : NULL;
    return block ? block : j->alloc_small(any, pool, bytes);
}

static void *large_block(j_common_ptr any, int pool, size_t bytes)
{
    vs_jpeg *j = any->client_data;
    void *block = pool == JPOOL_IMAGE ? take(j, bytes) : NULL;
    return block ? block : j->alloc_large(any, pool, bytes);
}

static JSAMPARRAY rows_block(j_common_ptr any, int pool, JDIMENSION width, JDIMENSION rows)
{
    vs_jpeg *j = any->client_data;
    const size_t pitch = ROUND_UP((size_t)width, 64);
    uint8_t *block = pool == JPOOL_IMAGE ? take(j, (pitch + sizeof(JSAMPROW)) * rows) : NULL;
    if (!block)
        return j->alloc_sarray(any, pool, width, rows);
    JSAMPARRAY list = (JSAMPARRAY)(block + pitch * rows);
    for (JDIMENSION i = 0; i < rows; i++)
        list[i] = block + pitch * i;
    return list;
}

static void free_blocks(j_common_ptr any, int pool)
{
    vs_jpeg *j = any->client_data;
    struct arena *a = &j->arena;
    j->free_pool(any, pool);
    if (pool != JPOOL_IMAGE)
        return;
    if (a->wanted > a->room) {
        free(a->data);
        a->data = aligned_alloc(64, a->wanted);
        a->room = a->data ? a->wanted : 0;
    }
    a->used = a->wanted = 0;
}

static void keep_memory(vs_jpeg *j)
{
    struct jpeg_memory_mgr *m = j->any.mem;
    j->alloc_small = m->alloc_small;
    j->alloc_large = m->alloc_large;
    j->alloc_sarray = m->alloc_sarray;
    j->free_pool = m->free_pool;
    m->alloc_small = small_block;
    m->alloc_large = large_block;
    m->alloc_sarray = rows_block;
    m->free_pool = free_blocks;
}

static vs_err create(vs_jpeg *j)
{
    j->any.err = jpeg_std_error(&j->errors);
    j->errors.error_exit = on_error;
    j->errors.emit_message = on_message;
    j->any.client_data = j;
    if (setjmp(j->jump))
        return VS_FAIL(VS_ERR_NOMEM, "cannot start libjpeg: %s", j->reason);
    if (j->encoder)
        jpeg_create_compress(&j->in);
    else
        jpeg_create_decompress(&j->out);
    keep_memory(j);
    return VS_OK;
}

static vs_err open_as(vs_jpeg **out, bool encoder)
{
    vs_jpeg *j = calloc(1, sizeof(*j));
    *out = NULL;
    if (!j)
        return VS_FAIL(VS_ERR_NOMEM, "cannot start libjpeg: out of memory");
    j->encoder = encoder;
    const vs_err err = create(j);
    if (err != VS_OK)
        vs_jpeg_close(&j);
    *out = j;
    return err;
}

vs_err vs_jpeg_open_encoder(vs_jpeg **out)
{
    return open_as(out, true);
}

vs_err vs_jpeg_open_decoder(vs_jpeg **out)
{
    return open_as(out, false);
}

void vs_jpeg_close(vs_jpeg **jpeg)
{
    vs_jpeg *j = *jpeg;
    if (!j)
        return;
    jpeg_destroy(&j->any);
    free(j->arena.data);
    free(j->planes);
    free(j);
    *jpeg = NULL;
}

static vs_err grow_planes(vs_jpeg *j, size_t need)
{
    if (need <= j->planes_room)
        return VS_OK;
    free(j->planes);
    j->planes = aligned_alloc(64, ROUND_UP(need, 64));
    j->planes_room = j->planes ? need : 0;
    return j->planes ? VS_OK : VS_FAIL(VS_ERR_NOMEM, "the planes of a frame do not fit in memory");
}

/* ---- Encoding -------------------------------------------------------------------------------- */

size_t vs_jpeg_bound(int W, int H)
{
    /* At quality 100 a block of noise takes no more than its 64 samples twice over; markers. */
    const size_t pixels = (size_t)ROUND_UP(W, BLOCKS) * (size_t)ROUND_UP(H, BLOCKS);
    return pixels * 3 + 8 * (size_t)(H / BLOCKS + 1) + 2048;
}

static void start(vs_jpeg *j, uint8_t *out, int quality, int W, int H, bool planes)
{
    j->at = out;
    j->size = vs_jpeg_bound(W, H);
    jpeg_mem_dest(&j->in, &j->at, &j->size);
    j->in.image_width = (JDIMENSION)W;
    j->in.image_height = (JDIMENSION)H;
    j->in.input_components = 3;
    j->in.in_color_space = planes ? JCS_YCbCr : JCS_RGB;
    jpeg_set_defaults(&j->in);
    jpeg_set_colorspace(&j->in, JCS_YCbCr);
    jpeg_set_quality(&j->in, quality, TRUE);
    j->in.comp_info[0].h_samp_factor = j->in.comp_info[0].v_samp_factor = 2;
    j->in.raw_data_in = planes;
    j->in.dct_method = JDCT_ISLOW;
    j->in.restart_in_rows = 1;
    jpeg_start_compress(&j->in, TRUE);
}

/* The library moves to a block of its own when `out` is too small, which it never is. */
static vs_err finish(vs_jpeg *j, const uint8_t *out, size_t *bytes)
{
    jpeg_finish_compress(&j->in);
    VS_ASSERT(j->at == out);
    *bytes = j->size;
    return VS_OK;
}

static vs_err give_up(vs_jpeg *j, int W, int H)
{
    jpeg_abort(&j->any);
    return VS_FAIL(VS_ERR_CODEC, "cannot encode a frame of %dx%d: %s", W, H, j->reason);
}

vs_err vs_jpeg_encode_rgb(vs_jpeg *j, uint8_t *out, size_t *bytes, int quality, const uint8_t *rgb,
                          int W, int H)
{
    if (setjmp(j->jump))
        return give_up(j, W, H);
    start(j, out, quality, W, H, false);
    while (j->in.next_scanline < j->in.image_height) {
        JSAMPROW row = (JSAMPROW)rgb + (size_t)j->in.next_scanline * 3 * (size_t)W;
        jpeg_write_scanlines(&j->in, &row, 1);
    }
    return finish(j, out, bytes);
}

/* Rows y .. y + n - 1 of a plane, its last column and row repeated where blocks are larger. */
static void pad_rows(JSAMPROW *row, uint8_t *block, int pitch, const uint8_t *plane, int stride,
                     int w, int h, int y, int n)
{
    for (int i = 0; i < n; i++) {
        const uint8_t *from = plane + (ptrdiff_t)(y + i < h ? y + i : h - 1) * stride;
        row[i] = block + (size_t)i * (size_t)pitch;
        memcpy(row[i], from, (size_t)w);
        memset(row[i] + w, from[w - 1], (size_t)(pitch - w));
    }
}

vs_err vs_jpeg_encode_planes(vs_jpeg *j, uint8_t *out, size_t *bytes, int quality,
                             const uint8_t *const plane[3], const int stride[3], int W, int H)
{
    const int pitch = ROUND_UP(W, BLOCKS), w = (W + 1) / 2, h = (H + 1) / 2;
    VS_TRY(grow_planes(j, (size_t)pitch * BLOCKS * 2));
    if (setjmp(j->jump))
        return give_up(j, W, H);
    start(j, out, quality, W, H, true);
    while (j->in.next_scanline < j->in.image_height) {
        const int y = (int)j->in.next_scanline;
        JSAMPROW luma[BLOCKS], cb[BLOCKS / 2], cr[BLOCKS / 2];
        JSAMPARRAY rows[3] = { luma, cb, cr };
        pad_rows(luma, j->planes, pitch, plane[0], stride[0], W, H, y, BLOCKS);
        for (int p = 1; p < 3; p++)
            pad_rows(rows[p], j->planes + pitch * BLOCKS + (p - 1) * pitch / 2 * (BLOCKS / 2),
                     pitch / 2, plane[p], stride[p], w, h, y / 2, BLOCKS / 2);
        jpeg_write_raw_data(&j->in, rows, BLOCKS);
    }
    return finish(j, out, bytes);
}

/* ---- The rows that are needed ---------------------------------------------------------------- */

/* Where things are in the bytes of a picture as this file writes it. */
struct layout {
    size_t height;                 /* two bytes inside SOF0 */
    size_t entropy;                /* first byte after the header of the scan */
};

/* False: not as this file writes it (no restart marker per row of blocks). */
static bool find_layout(struct layout *l, const uint8_t *data, size_t bytes, int W)
{
    size_t at = 2;
    bool frame = false, restarts = false;
    while (at + 4 <= bytes && data[at] == 0xff) {
        const uint8_t marker = data[at + 1];
        const size_t size = (size_t)data[at + 2] << 8 | data[at + 3];
        if (size < 2 || size > bytes - at - 2)
            return false;
        const uint8_t *body = data + at + 4;
        if (marker == 0xc0 && size >= 17) {        /* three colours, luma 2 x 2 */
            frame = body[5] == 3 && body[7] == 0x22 && body[10] == 0x11 && body[13] == 0x11;
            l->height = at + 5;
        } else if (marker == 0xdd && size == 4) {
            restarts = ((body[0] << 8) | body[1]) == (W + BLOCKS - 1) / BLOCKS;
        }
        at += 2 + size;
        l->entropy = at;
        if (marker == 0xda)
            return frame && restarts;
    }
    return false;
}

/* The byte of the next restart marker at or after `at`; `bytes` when there is none. */
static size_t next_restart(const uint8_t *data, size_t at, size_t bytes)
{
    while (at + 1 < bytes) {
        const uint8_t *found = memchr(data + at, 0xff, bytes - at - 1);
        if (!found)
            break;
        at = (size_t)(found - data);
        if ((found[1] & 0xf8) == 0xd0)
            return at;
        at += found[1] == 0xff ? 1 : 2;
    }
    return bytes;
}

/* Cuts the picture down to rows first .. end - 1 of its blocks, in place: the header moves up to
 * the first of them, markers are counted anew, the height is changed. False when there are fewer
 * markers than rows. */
static bool cut_rows(uint8_t **data, size_t *bytes, const struct layout *l, int first, int end,
                     int H)
{
    uint8_t *const d = *data;
    size_t start = l->entropy;
    for (int row = 0; row < first; row++) {
        start = next_restart(d, start, *bytes);
        if (start == *bytes)
            return false;
        start += 2;
    }
    size_t at = start;
    const bool to_end = end * BLOCKS >= H;
    for (int row = first; row + 1 < end || (row < end && !to_end); row++) {
        at = next_restart(d, at, *bytes);
        if (at == *bytes)
            return false;
        d[at + 1] = (uint8_t)(0xd0 | ((row - first) & 7));
        at += 2;
    }
    if (!to_end) {                 /* the marker behind the last one ends the picture */
        d[at - 1] = 0xd9;
        *bytes = at;
    }
    const int height = (to_end ? H : end * BLOCKS) - first * BLOCKS;
    d[l->height] = (uint8_t)(height >> 8);
    d[l->height + 1] = (uint8_t)height;
    memmove(d + start - l->entropy, d, l->entropy);
    *data = d + start - l->entropy;
    *bytes -= start - l->entropy;
    return true;
}

/* ---- Decoding -------------------------------------------------------------------------------- */

/* Samples per block: chroma of small pictures is decoded at luma's size. */
static int samples_of(int plane, int size)
{
    return plane == 0 || size == 8 ? size : 2 * size;
}

void vs_jpeg_plane_size(int *w, int *h, int *share, int plane, int W, int H, int size)
{
    *share = plane == 0 ? 2 * size : samples_of(1, size);
    *w = (W * *share + 15) / 16;
    *h = (H * *share + 15) / 16;
}

static vs_err take_planes(vs_jpeg *j, vs_jpeg_planes *out, int W, int first, int end, int size)
{
    size_t need = 0, start[3];
    for (int p = 0; p < 3; p++) {
        const int per_row = samples_of(p, size) * (p == 0 ? 2 : 1);
        start[p] = need;
        out->stride[p] = ROUND_UP(ROUND_UP(W, BLOCKS) / BLOCKS * per_row, 64);
        out->row0[p] = first * per_row;
        need += (size_t)out->stride[p] * (size_t)((end - first) * per_row);
    }
    VS_TRY(grow_planes(j, need));
    for (int p = 0; p < 3; p++)
        out->plane[p] = j->planes + start[p];
    return VS_OK;
}

static vs_err read_rows(vs_jpeg *j, const vs_jpeg_planes *out, int size, int rows)
{
    for (int r = 0; r < rows; r++) {
        JSAMPROW luma[BLOCKS], cb[BLOCKS], cr[BLOCKS];
        JSAMPARRAY list[3] = { luma, cb, cr };
        for (int p = 0; p < 3; p++) {
            const int n = samples_of(p, size) * (p == 0 ? 2 : 1);
            for (int i = 0; i < n; i++)
                list[p][i] = (JSAMPROW)out->plane[p] +
                             (ptrdiff_t)(r * n + i) * out->stride[p];
        }
        if (jpeg_read_raw_data(&j->out, list, (JDIMENSION)(2 * size)) == 0)
            return VS_FAIL(VS_ERR_CORRUPT, "damaged JPEG: fewer rows than it states");
    }
    return VS_OK;
}

static vs_err check_picture(const vs_jpeg *j, int W, int H)
{
    const struct jpeg_decompress_struct *d = &j->out;
    if (d->image_width != (JDIMENSION)W || d->image_height != (JDIMENSION)H)
        return VS_FAIL(VS_ERR_CORRUPT, "a picture of %ux%u, the clip is %dx%d", d->image_width,
                       d->image_height, W, H);
    if (d->num_components != 3 || d->comp_info[0].h_samp_factor != 2 ||
        d->comp_info[0].v_samp_factor != 2 || d->comp_info[1].h_samp_factor != 1 ||
        d->comp_info[1].v_samp_factor != 1 || d->comp_info[2].h_samp_factor != 1 ||
        d->comp_info[2].v_samp_factor != 1)
        return VS_FAIL(VS_ERR_CORRUPT, "not a JPEG in 4:2:0");
    return VS_OK;
}

/* The picture may have been cut: it has `H` rows now, and rows first .. end - 1 of blocks are
 * read of it. */
static vs_err decode_cut(vs_jpeg *j, vs_jpeg_planes *out, const uint8_t *data, size_t bytes, int W,
                         int H, int size, int rows)
{
    if (setjmp(j->jump)) {
        jpeg_abort(&j->any);
        return VS_FAIL(VS_ERR_CORRUPT, "damaged JPEG: %s", j->reason);
    }
    jpeg_mem_src(&j->out, data, bytes);
    jpeg_read_header(&j->out, TRUE);
    vs_err err = check_picture(j, W, H);
    if (err == VS_OK) {
        j->out.raw_data_out = TRUE;
        j->out.do_fancy_upsampling = FALSE;
        j->out.dct_method = JDCT_ISLOW;
        j->out.scale_num = (unsigned)size;
        j->out.scale_denom = 8;
        jpeg_start_decompress(&j->out);
        err = read_rows(j, out, size, rows);
    }
    jpeg_abort(&j->any);
    return err;
}

vs_err vs_jpeg_decode(vs_jpeg *j, vs_jpeg_planes *out, uint8_t *data, size_t bytes, int W, int H,
                      int size, int y0, int y1)
{
    struct layout l = { 0 };
    int first = y0 / BLOCKS, height = H;
    const int all = (H + BLOCKS - 1) / BLOCKS, end = (y1 + BLOCKS - 1) / BLOCKS;
    VS_ASSERT(y0 >= 0 && y0 < y1 && y1 <= H);
    if (bytes < 4 || data[0] != 0xff || data[1] != 0xd8)
        return VS_FAIL(VS_ERR_CORRUPT, "not a JPEG");
    if ((first == 0 && end == all) || !find_layout(&l, data, bytes, W) ||
        ((data[l.height] << 8) | data[l.height + 1]) != H)
        first = 0;
    else if (!cut_rows(&data, &bytes, &l, first, end, H))
        return VS_FAIL(VS_ERR_CORRUPT, "damaged JPEG: restart markers are missing");
    else
        height = (end == all ? H : end * BLOCKS) - first * BLOCKS;
    VS_TRY(take_planes(j, out, W, first, end, size));
    return decode_cut(j, out, data, bytes, W, height, size, end - first);
}
