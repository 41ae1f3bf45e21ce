/* The contact sheet: the kind of the set, then a row per video with its name above, a column
 * per time, on a dark ground. Written so that a set can be judged at a glance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/mem.h"
#include "gen/set.h"

enum {
    COLUMNS = 8, ROWS = 6, SMALL = 96, TILE = 144,
    GAP = 6, MARGIN = 24, TITLE = 36, CAPTION = 26, SCALE = 2
};

static const uint8_t ground[3] = { 22, 24, 29 }, ink[3] = { 222, 224, 228 },
                     faint[3] = { 138, 143, 152 };

/* 5 x 7 letters, one byte per row, bit 4 leftmost. */
static const struct {
    char c;
    uint8_t row[7];
} letters[] = {
    { 'a', { 0x00, 0x00, 0x0E, 0x01, 0x0F, 0x11, 0x0F } },
    { 'b', { 0x10, 0x10, 0x1E, 0x11, 0x11, 0x11, 0x1E } },
    { 'c', { 0x00, 0x00, 0x0E, 0x10, 0x10, 0x11, 0x0E } },
    { 'd', { 0x01, 0x01, 0x0F, 0x11, 0x11, 0x11, 0x0F } },
    { 'e', { 0x00, 0x00, 0x0E, 0x11, 0x1F, 0x10, 0x0E } },
    { 'f', { 0x06, 0x08, 0x1C, 0x08, 0x08, 0x08, 0x08 } },
    { 'g', { 0x00, 0x00, 0x0F, 0x11, 0x0F, 0x01, 0x0E } },
    { 'h', { 0x10, 0x10, 0x1E, 0x11, 0x11, 0x11, 0x11 } },
    { 'i', { 0x04, 0x00, 0x0C, 0x04, 0x04, 0x04, 0x0E } },
    { 'j', { 0x02, 0x00, 0x06, 0x02, 0x02, 0x12, 0x0C } },
    { 'k', { 0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12 } },
    { 'l', { 0x0C, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E } },
    { 'm', { 0x00, 0x00, 0x1A, 0x15, 0x15, 0x15, 0x15 } },
    { 'n', { 0x00, 0x00, 0x1E, 0x11, 0x11, 0x11, 0x11 } },
    { 'o', { 0x00, 0x00, 0x0E, 0x11, 0x11, 0x11, 0x0E } },
    { 'p', { 0x00, 0x00, 0x1E, 0x11, 0x1E, 0x10, 0x10 } },
    { 'q', { 0x00, 0x00, 0x0F, 0x11, 0x0F, 0x01, 0x01 } },
    { 'r', { 0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10 } },
    { 's', { 0x00, 0x00, 0x0F, 0x10, 0x0E, 0x01, 0x1E } },
    { 't', { 0x08, 0x08, 0x1C, 0x08, 0x08, 0x09, 0x06 } },
    { 'u', { 0x00, 0x00, 0x11, 0x11, 0x11, 0x13, 0x0D } },
    { 'v', { 0x00, 0x00, 0x11, 0x11, 0x11, 0x0A, 0x04 } },
    { 'w', { 0x00, 0x00, 0x11, 0x15, 0x15, 0x15, 0x0A } },
    { 'x', { 0x00, 0x00, 0x11, 0x0A, 0x04, 0x0A, 0x11 } },
    { 'y', { 0x00, 0x00, 0x11, 0x11, 0x0F, 0x01, 0x0E } },
    { 'z', { 0x00, 0x00, 0x1F, 0x02, 0x04, 0x08, 0x1F } },
    { '0', { 0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E } },
    { '1', { 0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E } },
    { '2', { 0x0E, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1F } },
    { '3', { 0x0E, 0x11, 0x01, 0x06, 0x01, 0x11, 0x0E } },
    { '4', { 0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02 } },
    { '5', { 0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E } },
    { '6', { 0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E } },
    { '7', { 0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08 } },
    { '8', { 0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E } },
    { '9', { 0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C } },
    { '.', { 0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C } },
    { '-', { 0x00, 0x00, 0x00, 0x0E, 0x00, 0x00, 0x00 } },
};

typedef struct sheet {
    int W, H, tile;
    uint8_t *rgb;
} sheet;

static void fill(const sheet *s, int x, int y, int w, int h, const uint8_t color[3])
{
    for (int j = y; j < y + h && j < s->H; j++)
        for (int i = x; i < x + w && i < s->W; i++)
            memcpy(s->rgb + 3 * ((size_t)j * (size_t)s->W + (size_t)i), color, 3);
}

static void write_letter(const sheet *s, int x, int y, const uint8_t row[7],
                         const uint8_t color[3])
{
    for (int j = 0; j < 7; j++)
        for (int i = 0; i < 5; i++)
            if (row[j] >> (4 - i) & 1)
                fill(s, x + SCALE * i, y + SCALE * j, SCALE, SCALE, color);
}

static void write_text(const sheet *s, int x, int y, const char *text, const uint8_t color[3])
{
    for (; *text; text++, x += 6 * SCALE)
        for (size_t k = 0; k < sizeof(letters) / sizeof(*letters); k++)
            if (letters[k].c == *text)
                write_letter(s, x, y, letters[k].row, color);
}

static void place(const sheet *s, int x, int y, const uint8_t *tile)
{
    for (int j = 0; j < s->tile; j++)
        memcpy(s->rgb + 3 * ((size_t)(y + j) * (size_t)s->W + (size_t)x),
               tile + 3 * (size_t)j * (size_t)s->tile, 3 * (size_t)s->tile);
}

/* Frames of one video, spread over its length, and the caption above them. */
static vs_err draw_row(const sheet *s, int y, const vs_drawer *drawer, int size, double fps,
                       int64_t index)
{
    void *video, *scratch;
    int frames;
    char text[64];
    VS_TRY(drawer->open(drawer->ctx, (uint64_t)index, &video, &frames));
    const size_t picture = 3 * (size_t)size * (size_t)size;
    const vs_rect all = { 0, 0, size, size };
    vs_resize *plan = vs_resize_new(size, size, all, s->tile, s->tile, false);
    uint8_t *frame = vs_new(picture), *tile = vs_new(3 * (size_t)s->tile * (size_t)s->tile);
    void *tmp = vs_new(vs_resize_scratch(plan));
    scratch = vs_new(drawer->scratch);
    const char *name = drawer->label && drawer->class_name
                           ? drawer->class_name[drawer->label(drawer->ctx, (uint64_t)index)]
                           : "video";
    snprintf(text, sizeof(text), "%s %lld", name, (long long)index);
    write_text(s, MARGIN, y, text, ink);
    const int caption_end = MARGIN + 6 * SCALE * (int)(strlen(text) + 2);
    for (int k = 0; k < COLUMNS; k++) {
        const int f = k * (frames - 1) / (COLUMNS - 1), x = MARGIN + k * (s->tile + GAP);
        drawer->draw(video, f, frame, scratch);
        vs_resize_run(plan, tile, frame, tmp);
        place(s, x, y + CAPTION, tile);
        snprintf(text, sizeof(text), "%.1f s", f / fps);
        const int left = x + s->tile - 6 * SCALE * (int)strlen(text) + SCALE;
        if (left > caption_end)
            write_text(s, left, y, text, faint);
    }
    vs_resize_free(&plan);
    free(frame);
    free(tile);
    free(tmp);
    free(scratch);
    drawer->close(video);
    return VS_OK;
}

static void write_title(const sheet *s, const vs_set *set)
{
    char text[96];
    write_text(s, MARGIN, MARGIN, set->kind, ink);
    snprintf(text, sizeof(text), "%d x %d  %g fps", set->encode.W, set->encode.H,
             set->encode.fps);
    write_text(s, s->W - MARGIN - 6 * SCALE * (int)strlen(text) + SCALE, MARGIN, text, faint);
}

static vs_err write_sheet(const char *path, const vs_set *set)
{
    const vs_drawer *drawer = &set->drawer;
    const int size = set->encode.W;
    const int most = drawer->classes > 0 ? drawer->classes : ROWS;
    const int rows = set->videos < most ? (int)set->videos : most;
    sheet s = { .tile = size < SMALL ? SMALL : size < TILE ? size : TILE };
    s.W = 2 * MARGIN + COLUMNS * s.tile + (COLUMNS - 1) * GAP;
    s.H = 2 * MARGIN + TITLE + rows * (CAPTION + s.tile) + (rows - 1) * 3 * GAP;
    s.rgb = malloc(3 * (size_t)s.W * (size_t)s.H);
    if (!s.rgb)
        return VS_FAIL(VS_ERR_NOMEM, "%s: no memory for %d x %d pixels", path, s.W, s.H);
    fill(&s, 0, 0, s.W, s.H, ground);
    write_title(&s, set);
    vs_err err = VS_OK;
    for (int k = 0; k < rows && err == VS_OK; k++)
        err = draw_row(&s, MARGIN + TITLE + k * (CAPTION + s.tile + 3 * GAP), drawer, size,
                       set->encode.fps, set->first + k);
    if (err == VS_OK)
        err = vs_png_write(path, s.W, s.H, s.rgb);
    free(s.rgb);
    return err;
}

vs_err vs_set_preview(const vs_set *set)
{
    char *path = vs_path_join(set->out, "preview.png");
    const vs_err err = write_sheet(path, set);
    free(path);
    return err;
}
