#include "train/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/events.h"

struct vs_metrics {
    FILE *f;
    char *path;
    vs_events *events;
};

/* A line without its newline, or NULL when it is not a whole object with a step. */
static json_t *parse_line(const char *text, size_t length)
{
    json_t *line = json_loadb(text, length, 0, NULL);
    if (json_is_object(line) && json_is_integer(json_object_get(line, "step")))
        return line;
    json_decref(line);
    return NULL;
}

static json_t *parse_log(const char *text)
{
    json_t *lines = json_array();
    for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
        json_t *line = parse_line(text, (size_t)(end - text));
        if (line)
            json_array_append_new(lines, line);
    }
    return lines;
}

static vs_err load(json_t **out, const char *path)
{
    void *text = NULL;
    size_t size;
    if (!vs_path_exists(path)) {
        *out = json_array();
        return VS_OK;
    }
    VS_TRY(vs_file_read(path, &text, &size));
    *out = parse_log(text);
    free(text);
    return VS_OK;
}

vs_err vs_metrics_load(json_t **out, const char *run)
{
    char *path = vs_path_join(run, "log.jsonl");
    const vs_err err = load(out, path);
    free(path);
    return err;
}

/* Without the lines after a step. */
static void keep_until(json_t *lines, int64_t step)
{
    for (size_t i = json_array_size(lines); i-- > 0;)
        if (json_integer_value(json_object_get(json_array_get(lines, i), "step")) > step)
            json_array_remove(lines, i);
}

static vs_err rewrite(const char *path, const json_t *lines)
{
    vs_atomic a;
    size_t i;
    json_t *line;
    VS_TRY(vs_atomic_open(&a, path));
    json_array_foreach((json_t *)lines, i, line) {
        json_dumpf(line, a.f, JSON_COMPACT | JSON_PRESERVE_ORDER);
        fputc('\n', a.f);
    }
    return vs_atomic_commit(&a);
}

vs_err vs_metrics_open(vs_metrics **out, const char *run, int64_t step)
{
    vs_metrics *m = vs_new(sizeof(*m));
    json_t *lines = NULL;
    m->path = vs_path_join(run, "log.jsonl");
    vs_err err = load(&lines, m->path);
    if (err == VS_OK) {
        keep_until(lines, step);
        err = rewrite(m->path, lines);
    }
    if (err == VS_OK)
        err = vs_events_open(&m->events, run, lines);
    if (err == VS_OK && !(m->f = fopen(m->path, "ae")))
        err = VS_FAIL(VS_ERR_IO, "%s: cannot open: %s", m->path, strerror(errno));
    json_decref(lines);
    if (err != VS_OK) {
        vs_metrics_close(&m);
        return err;
    }
    *out = m;
    return VS_OK;
}

/* Milliseconds are enough. */
static double unix_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)(now.tv_nsec / 1000000) / 1000;
}

vs_err vs_metrics_write(vs_metrics *m, json_t *line)
{
    json_object_set_new(line, "time", json_real(unix_time()));
    char *text = json_dumps(line, JSON_COMPACT | JSON_PRESERVE_ORDER);
    VS_ASSERT(text);
    const int bad = fprintf(m->f, "%s\n", text) < 0 || fflush(m->f) != 0;
    const vs_err err = bad ? VS_FAIL(VS_ERR_IO, "%s: cannot write: %s", m->path, strerror(errno))
                           : vs_events_write(m->events, line);
    free(text);
    json_decref(line);
    return err;
}

void vs_metrics_close(vs_metrics **metrics)
{
    vs_metrics *m = *metrics;
    if (!m)
        return;
    if (m->f)
        fclose(m->f);
    vs_events_close(&m->events);
    free(m->path);
    free(m);
    *metrics = NULL;
}
