/* The contact sheet: the kind of the set, then a row per video with its name above, a column
 * per time, on a dark ground. Written so that a set can be judged at a glance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/label.h"
#include "base/mem.h"
#include "gen/set.h"

enum {
    COLUMNS = 8, ROWS = 6, SMALL = 96, TILE = 144,
    GAP = 6, MARGIN = 24, TITLE = 36, CAPTION = 26, SCALE = 2
};

static const uint8_t ground[3] = { 22, 24, 29 }, ink[3] = { 222, 224, 228 },
                     faint[3] = { 138, 143, 152 };

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

static void write_text(const sheet *s, int x, int y, const char *text, const uint8_t color[3])
{
    vs_label_draw(s->rgb, s->W, s->H, x, y, SCALE, text, color);
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
    const int caption_end = MARGIN + vs_label_width(text, SCALE) + 13 * SCALE;
    for (int k = 0; k < COLUMNS; k++) {
        const int f = k * (frames - 1) / (COLUMNS - 1), x = MARGIN + k * (s->tile + GAP);
        drawer->draw(video, f, frame, scratch);
        vs_resize_run(plan, tile, frame, tmp);
        place(s, x, y + CAPTION, tile);
        snprintf(text, sizeof(text), "%.1f s", f / fps);
        const int left = x + s->tile - vs_label_width(text, SCALE);
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
    write_text(s, s->W - MARGIN - vs_label_width(text, SCALE), MARGIN, text, faint);
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
