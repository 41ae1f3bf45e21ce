#include "train/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc.h"
#include "base/file.h"
#include "base/mem.h"

struct vs_events {
    FILE *f;
    char *path;
};

/* ---- Bytes -------------------------------------------------------------------------- */

enum { ROOM = 2048 };              /* of one event: about 20 numbers with their tags */

struct bytes {
    uint8_t data[ROOM];
    size_t n;
    bool full;
};

static void add(struct bytes *b, const void *data, size_t n)
{
    b->full = b->full || n > ROOM - b->n;
    if (b->full)
        return;
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

static void add_varint(struct bytes *b, uint64_t v)
{
    for (; v >= 128; v >>= 7)
        add(b, &(uint8_t){ (uint8_t)(v | 128) }, 1);
    add(b, &(uint8_t){ (uint8_t)v }, 1);
}

/* Field numbers with their wire types: field * 8 + (0 varint, 1 f64, 2 bytes, 5 f32). */
static void add_field(struct bytes *b, int field, const void *data, size_t n)
{
    add_varint(b, (uint64_t)field * 8 + 2);
    add_varint(b, n);
    add(b, data, n);
}

static uint32_t check(const void *data, size_t n)
{
    const uint32_t crc = vs_crc32c(data, n);
    return (crc >> 15 | crc << 17) + 0xa282ead8;
}

static void write_record(FILE *f, const struct bytes *b)
{
    const uint64_t length = b->n;
    fwrite(&length, 8, 1, f);
    fwrite(&(uint32_t){ check(&length, 8) }, 4, 1, f);
    fwrite(b->data, 1, b->n, f);
    fwrite(&(uint32_t){ check(b->data, b->n) }, 4, 1, f);
}

/* ---- Events ------------------------------------------------------------------------- */

/* NULL: not a curve. */
static const char *group_of(const char *key)
{
    static const char *const of[][2] = {
        { "step", NULL }, { "seconds", NULL }, { "time", NULL }, { "n", NULL },
        { "val_loss", "val/loss" }, { "top1", "val/top1" }, { "top5", "val/top5" },
        { "clips_per_s", "speed/clips_per_s" }, { "wait", "speed/wait" },
    };
    for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++)
        if (strcmp(of[i][0], key) == 0)
            return of[i][1];
    return "train/";
}

static void add_value(struct bytes *summary, const char *tag, float v)
{
    struct bytes value = { .n = 0 };
    add_field(&value, 1, tag, strlen(tag));
    add_varint(&value, 2 * 8 + 5);
    add(&value, &v, 4);
    add_field(summary, 1, value.data, value.n);
}

static void begin_event(struct bytes *event, double time, int64_t step)
{
    add_varint(event, 1 * 8 + 1);
    add(event, &time, 8);
    add_varint(event, 2 * 8);
    add_varint(event, (uint64_t)step);
}

static void write_line(FILE *f, const json_t *line)
{
    struct bytes event = { .n = 0 }, summary = { .n = 0 };
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)line, key, v) {
        const char *group = group_of(key);
        char tag[96];
        if (!json_is_number(v) || !group)
            continue;
        const bool whole = group[strlen(group) - 1] != '/';
        snprintf(tag, sizeof(tag), "%s%s", group, whole ? "" : key);
        add_value(&summary, tag, (float)json_number_value(v));
    }
    begin_event(&event, json_number_value(json_object_get(line, "time")),
                json_integer_value(json_object_get(line, "step")));
    add_field(&event, 5, summary.data, summary.n);
    if (!event.full && !summary.full)
        write_record(f, &event);
}

static vs_err write_all(const char *path, const json_t *lines)
{
    static const char version[] = "brain.Event:2";
    struct bytes first = { .n = 0 };
    const double began = json_number_value(json_object_get(json_array_get(lines, 0), "time"));
    vs_atomic a;
    size_t i;
    json_t *line;
    VS_TRY(vs_atomic_open(&a, path));
    begin_event(&first, began, 0);
    add_field(&first, 3, version, sizeof(version) - 1);
    write_record(a.f, &first);
    json_array_foreach((json_t *)lines, i, line)
        write_line(a.f, line);
    return vs_atomic_commit(&a);
}

vs_err vs_events_open(vs_events **out, const char *run, const json_t *lines)
{
    vs_events *e = vs_new(sizeof(*e));
    e->path = vs_path_join(run, "events.out.tfevents.vsyn");
    vs_err err = write_all(e->path, lines);
    if (err == VS_OK && !(e->f = fopen(e->path, "ae")))
        err = VS_FAIL(VS_ERR_IO, "%s: cannot open: %s", e->path, strerror(errno));
    if (err != VS_OK)
        vs_events_close(&e);
    *out = e;
    return err;
}

vs_err vs_events_write(vs_events *events, const json_t *line)
{
    write_line(events->f, line);
    return fflush(events->f) == 0 && !ferror(events->f)
               ? VS_OK : VS_FAIL(VS_ERR_IO, "%s: cannot write: %s", events->path, strerror(errno));
}

void vs_events_close(vs_events **events)
{
    vs_events *e = *events;
    if (!e)
        return;
    if (e->f)
        fclose(e->f);
    free(e->path);
    free(e);
    *events = NULL;
}
