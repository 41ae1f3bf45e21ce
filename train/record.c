/* See record.h. */
#include "train/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/image.h"
#include "base/mem.h"
#include "train/metrics.h"

static char *name_of(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    char *trimmed = vs_strf("%.*s", (int)n, path), *name = vs_strdup(vs_path_base(trimmed));
    free(trimmed);
    return name;
}

/* A picture that cannot be read is left out. */
static char *read_picture(const char *run)
{
    char *path = vs_path_join(run, "reconstruction.png"), *uri = NULL;
    vs_image image = { 0 };
    if (vs_path_exists(path) && vs_png_read(&image, path) == VS_OK)
        uri = vs_png_data_uri(image.W, image.H, image.rgb);
    vs_image_free(&image);
    free(path);
    return uri;
}

static vs_err read_config(vs_record *r, const char *run)
{
    char *path = vs_path_join(run, "config.json");
    vs_err err = VS_OK;
    if (!vs_path_exists(path))
        err = VS_FAIL(VS_ERR_IO, "%s: not a run (it has no config.json)", run);
    if (err == VS_OK)
        err = vs_json_load(&r->config, path);
    if (err == VS_OK && !json_is_object(json_object_get(r->config, "settings")))
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: not the settings of a run", path);
    free(path);
    return err;
}

static vs_err read_probe(vs_record *r, const char *run)
{
    char *path = vs_path_join(run, "probe.json");
    const vs_err err = vs_path_exists(path) ? vs_json_load(&r->probe, path) : VS_OK;
    free(path);
    return err;
}

vs_err vs_record_open(vs_record *record, const char *run)
{
    *record = (vs_record){ .name = name_of(run), .command = "run" };
    VS_TRY(read_config(record, run));
    VS_TRY(read_probe(record, run));
    VS_TRY(vs_metrics_load(&record->lines, run));
    const char *command = json_string_value(json_object_get(record->config, "command"));
    record->command = command ? command : "run";
    record->picture = read_picture(run);
    return VS_OK;
}

void vs_record_close(vs_record *record)
{
    json_decref(record->lines);
    json_decref(record->config);
    json_decref(record->probe);
    free(record->name);
    free(record->picture);
    *record = (vs_record){ 0 };
}

static void take(double *to, const json_t *line, const char *key)
{
    const json_t *v = json_object_get(line, key);
    if (json_is_number(v))
        *to = json_number_value(v);
}

vs_figures vs_record_figures(const vs_record *record)
{
    vs_figures a = { 0, 0, NAN, NAN, 0, NAN, NAN, NAN };
    double waited = 0, speed = 0;
    size_t i;
    json_t *line;
    int n = 0;
    take(&a.best_top1, record->probe, "top1");
    json_array_foreach(record->lines, i, line) {
        double top1 = NAN;
        take(&a.step, line, "step");
        take(&a.epoch, line, "epoch");
        take(&a.loss, line, "loss");
        take(&a.seconds, line, "seconds");
        take(&top1, line, "top1");
        if (top1 == top1 && !(top1 <= a.best_top1)) {
            a.best_top1 = top1;
            a.best_step = a.step;
        }
        if (json_is_number(json_object_get(line, "wait"))) {
            waited += json_number_value(json_object_get(line, "wait"));
            speed += json_number_value(json_object_get(line, "clips_per_s"));
            n++;
        }
    }
    if (n > 0) {
        a.wait = waited / n;
        a.clips_per_s = speed / n;
    }
    return a;
}

json_t *vs_record_setting(const vs_record *record, const char *key)
{
    return json_object_get(json_object_get(record->config, "settings"), key);
}
