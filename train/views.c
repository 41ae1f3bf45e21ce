/* vsyn-train views: what each operation of RandAugment does to a clip, as one picture.
 *
 * Rows: the clip, the operations at --magnitude in the order they are printed, random erasing.
 * Columns: six frames, evenly spread over the clip.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/commands.h"
#include "train/data/augment.h"

struct settings {
    vs_common common;
    const char *out;
    double magnitude;
    int side;
};

#define AT(field) .at = offsetof(struct settings, field)
const vs_opt vs_views_opts[] = {
    { .name = "out", .kind = VS_OPT_TEXT, AT(out), .arg = "FILE.png", .required = true,
      .help = "picture to write" },
    { .name = "magnitude", .kind = VS_OPT_REAL, AT(magnitude), .def = "7", .min = 0, .max = 10,
      .help = "of every operation" },
    { .name = "side", .kind = VS_OPT_INT, AT(side), .def = "64", .min = 16, .max = 1024,
      .arg = "PIXELS", .help = "of one frame" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const size_t vs_views_settings_size = sizeof(struct settings);

enum { COLUMNS = 6, ROWS = VS_RAND_OPS + 2 };

/* frames (COLUMNS, side, side, 3) become row number `row` of the sheet. */
static void put_row(uint8_t *sheet, const uint8_t *frames, int row, int side)
{
    const size_t line = 3 * (size_t)side;
    for (int k = 0; k < COLUMNS; k++)
        for (int y = 0; y < side; y++, frames += line)
            memcpy(sheet + (((size_t)row * (size_t)side + (size_t)y) * COLUMNS + (size_t)k) * line,
                   frames, line);
}

static void fill_sheet(uint8_t *sheet, const uint8_t *clip, const struct settings *s)
{
    const int side = s->side;
    const size_t frame = 3 * (size_t)side * (size_t)side;
    uint8_t *copy = vs_new(COLUMNS * frame), *tmp = vs_new(frame);
    vs_rng rng = vs_rng_at((uint64_t)s->common.seed, VS_RNG_AUGMENT, 0);
    put_row(sheet, clip, 0, side);
    for (int op = 0; op < VS_RAND_OPS; op++) {
        const double arg = vs_rand_argument((vs_rand_op)op, s->magnitude, false);
        memcpy(copy, clip, COLUMNS * frame);
        for (int k = 0; k < COLUMNS; k++)
            vs_rand_apply(copy + (size_t)k * frame, tmp, side, side,
                          (vs_rand_step){ (vs_rand_op)op, arg });
        put_row(sheet, copy, op + 1, side);
    }
    memcpy(copy, clip, COLUMNS * frame);
    vs_erase_fill(copy, vs_erase_draw(1, side, side, &rng), COLUMNS, side, side, &rng);
    put_row(sheet, copy, ROWS - 1, side);
    free(tmp);
    free(copy);
}

static vs_err read_clip(uint8_t *clip, const char *text, int side)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    const int64_t id = colon ? strtoll(colon + 1, &end, 10) : 0;
    if (!colon || end == colon + 1 || *end)
        return VS_FAIL(VS_ERR_USAGE, "expected STORE:ID (vsyn-ingest list STORE names the ids), "
                       "got \"%s\"", text);
    char *path = vs_strf("%.*s", (int)(colon - text), text);
    vs_store *store = NULL;
    vs_reader *reader = NULL;
    vs_clip info;
    vs_err err = vs_store_open(&store, path);
    if (err == VS_OK)
        err = vs_store_clip(&info, store, id);
    if (err == VS_OK)
        err = vs_reader_open(&reader, store);
    if (err == VS_OK) {
        int index[COLUMNS];
        for (int k = 0; k < COLUMNS; k++)
            index[k] = (int)((int64_t)k * (info.frames - 1) / (COLUMNS - 1));
        err = vs_reader_frames(reader, &info, index, COLUMNS, (vs_rect){ 0 }, side, side, false,
                               clip);
    }
    vs_reader_close(&reader);
    vs_store_close(&store);
    free(path);
    return err;
}

vs_err vs_train_views(vs_call *call)
{
    const struct settings *s = call->settings;
    const size_t row = COLUMNS * 3 * (size_t)s->side * (size_t)s->side;
    uint8_t *sheet = malloc(ROWS * row), *clip = malloc(row);
    vs_err err = sheet && clip ? read_clip(clip, call->args[0], s->side)
                               : VS_FAIL(VS_ERR_NOMEM, "--side %d does not fit", s->side);
    if (err == VS_OK) {
        fill_sheet(sheet, clip, s);
        err = vs_png_write(s->out, COLUMNS * s->side, ROWS * s->side, sheet);
    }
    if (err == VS_OK) {
        printf("row 1: the clip\n");
        for (int op = 0; op < VS_RAND_OPS; op++)
            printf("row %d: %s %g\n", op + 2, vs_rand_name((vs_rand_op)op),
                   vs_rand_argument((vs_rand_op)op, s->magnitude, false));
        printf("row %d: erasing\n", ROWS);
    }
    free(clip);
    free(sheet);
    return err;
}
