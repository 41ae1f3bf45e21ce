/* A small labelled store for tests of the tools, made without FFmpeg: the class is the colour
 * and the direction of a moving square. Usage: toy_store STORE PER_CLASS [SIZE] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "ingest/store/store.h"

enum { FRAMES = 24, CLASSES = 3 };

static const char *const class_name[CLASSES] = { "left", "right", "up" };

static void draw(uint8_t *rgb, int size, int label, int t, int x, int y)
{
    const int side = size / 4, step = size / 16;
    x += label == 0 ? -t * step : label == 1 ? t * step : 0;
    y += label == 2 ? -t * step : 0;
    for (int i = 0; i < size * size; i++) {
        const int dx = ((i % size - x) % size + size) % size;
        const int dy = ((i / size - y) % size + size) % size;
        const int inside = dx < side && dy < side;
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = inside ? (c == label ? 250 : 20) : (uint8_t)(60 + i / size % 40);
    }
}

static vs_err add_clip(vs_writer *writer, int64_t dataset, const char *split, int label, int number,
                       int size)
{
    vs_rng rng = vs_rng_at(0, VS_RNG_TEST, vs_rng_index((uint64_t)label, (uint64_t)number));
    const int x = (int)vs_rng_below(&rng, (uint32_t)size),
              y = (int)vs_rng_below(&rng, (uint32_t)size);
    char *name = vs_strf("%s/%s_%d.mp4", class_name[label], split, number);
    const vs_clip_info info = { .dataset = dataset, .name = name, .W = size, .H = size, .fps = 25 };
    uint8_t *rgb = vs_new((size_t)size * (size_t)size * 3);
    vs_clip_writer *clip = NULL;
    vs_err err = vs_clip_begin(&clip, writer, &info);
    for (int t = 0; t < FRAMES && err == VS_OK; t++) {
        draw(rgb, size, label, t, x, y);
        err = vs_clip_frame(clip, rgb);
    }
    if (err == VS_OK)
        err = vs_clip_commit(&clip, NULL);
    if (err == VS_OK)
        err = vs_writer_member(writer, dataset, split, name, label);
    vs_clip_drop(&clip);
    free(rgb);
    free(name);
    return err;
}

static vs_err fill(const char *path, int per_class, int size)
{
    const vs_writer_options options = { .encoding = VS_ENCODING_JPEG, .quality = 90 };
    vs_writer *writer = NULL;
    int64_t dataset;
    VS_TRY(vs_writer_open(&writer, path, &options));
    vs_err err = vs_writer_dataset(&dataset, writer, "toy", class_name, CLASSES);
    for (int i = 0; i < per_class * CLASSES && err == VS_OK; i++) {
        err = add_clip(writer, dataset, "train", i % CLASSES, i / CLASSES, size);
        if (err == VS_OK)
            err = add_clip(writer, dataset, "test", i % CLASSES, 1000 + i / CLASSES, size);
    }
    const vs_err closed = vs_writer_close(&writer);
    return err == VS_OK ? closed : err;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const int size = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 64;
    if (fill(argv[1], (int)strtol(argv[2], NULL, 10), size) == VS_OK)
        return 0;
    fprintf(stderr, "toy_store: %s\n", vs_err_detail());
    return 1;
}
