/* vsyn-robust stats: properties of data sets side by side (survey.h), from stores and folders.
 *
 * With --out DIR each set that is measured is kept in DIR/sets/NAME.safetensors; the same command
 * measures only what is missing there, and more sets, another reference or accuracies may be
 * given later. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "eval/commands.h"
#include "eval/embed_frames.h"
#include "eval/films.h"
#include "eval/survey.h"

struct stats_settings {
    vs_common common;
    const char *a, *b, *reference, *split, *model, *accuracies, *out, *device;
    int videos, frames, stride, stills, batch;
    double ridge;
};

#define AT(field) offsetof(struct stats_settings, field)
static const vs_opt stats_opts[] = {
    { "a", VS_OPT_TEXT, AT(a), .arg = "SET", .help = "a data set, as an argument is" },
    { "b", VS_OPT_TEXT, AT(b), .arg = "SET", .help = "the reference: short for --reference" },
    { "reference", VS_OPT_TEXT, AT(reference), .arg = "SET|NAME",
      .help = "distances are to this one: one of the sets, or one more" },
    { "split", VS_OPT_TEXT, AT(split), .arg = "S",
      .help = "of stores given without one (default: every clip)" },
    { "model", VS_OPT_TEXT, AT(model), .arg = "RUN|MODEL",
      .help = "features of this encoder (default: of brightness, colour, edges, change)" },
    { "accuracies", VS_OPT_TEXT, AT(accuracies), .arg = "FILE.csv",
      .help = "lines of set,accuracy,...: correlations with them" },
    { "out", VS_OPT_TEXT, AT(out), .arg = "DIR",
      .help = "stats.html, stats.csv, stats.json, correlations.csv, sets/" },
    { "videos", VS_OPT_INT, AT(videos), .def = "1000", .min = 0, .max = 1e9, .arg = "N",
      .help = "of each set, drawn by the seed; 0 = all" },
    { "frames", VS_OPT_INT, AT(frames), .def = "16", .min = 1, .max = 64, .arg = "N",
      .help = "of each video, from its middle (with --model: as many as it sees)" },
    { "stride", VS_OPT_INT, AT(stride), .def = "4", .min = 1, .max = 1000, .arg = "N",
      .help = "from one of them to the next (with --model: the model's)" },
    { "stills", VS_OPT_INT, AT(stills), .def = "16", .min = 1, .max = 64, .arg = "N",
      .help = "with --model: frames of a video that it sees as still clips" },
    { "ridge", VS_OPT_REAL, AT(ridge), .def = "1e-3", .min = 1e-12, .max = 1e6, .arg = "R",
      .help = "added to the variances of features before the determinant" },
    { "device", VS_OPT_TEXT, AT(device), .def = "auto", .arg = "auto|cpu|cuda[:N]",
      .help = "where the model runs" },
    { "batch", VS_OPT_INT, AT(batch), .def = "8", .min = 1, .max = 4096, .arg = "N",
      .help = "clips that the model sees at once" },
    VS_OPTS_COMMON(struct stats_settings),
    { 0 }
};

#define MAX_SETS 64

struct work {
    const struct stats_settings *s;
    vs_set *set[MAX_SETS + 2];
    vs_measured measured[MAX_SETS + 2];
    bool kept[MAX_SETS + 2];           /* measured by an earlier run */
    int n;
    vs_accuracies accuracies;
    vs_frame_model *model;
    vs_pool *pool;
    vs_measure_options options;
    vs_survey survey;
};

/* ---- Which sets --------------------------------------------------------------------------- */

static int find_set(const struct work *w, const char *name)
{
    for (int i = 0; i < w->n; i++)
        if (strcmp(vs_set_name(w->set[i]), name) == 0)
            return i;
    return -1;
}

/* Names go into JSON. */
static vs_err check_utf8(const char *text)
{
    json_t *json = json_string(text);
    const bool good = json != NULL;
    json_decref(json);
    return good ? VS_OK : VS_FAIL(VS_ERR_USAGE, "%s: is not UTF-8, which the results need", text);
}

static vs_err add_set(struct work *w, const char *spec)
{
    VS_TRY(check_utf8(spec));
    char *name = vs_set_spec_name(spec);
    const int same = find_set(w, name);
    vs_err err = same < 0 ? vs_set_open(&w->set[w->n], spec, w->s->split, vs_films())
                          : VS_FAIL(VS_ERR_USAGE, "two sets are named %s (%s); give one as NAME=%s",
                                    name, vs_set_path(w->set[same]), spec);
    w->n += err == VS_OK;
    free(name);
    return err;
}

static vs_err open_sets(struct work *w, const vs_call *call)
{
    const char *reference = w->s->reference ? w->s->reference : w->s->b;
    if (w->s->reference && w->s->b)
        return VS_FAIL(VS_ERR_USAGE, "--b and --reference mean the same: give one of them");
    if (w->s->a)
        VS_TRY(add_set(w, w->s->a));
    for (int i = 0; i < call->n_args; i++)
        VS_TRY(add_set(w, call->args[i]));
    if (!w->n)
        return VS_FAIL(VS_ERR_USAGE, "expected data sets: [NAME=]STORE[:SPLIT] or [NAME=]DIR");
    w->survey.reference = reference ? find_set(w, reference) : -1;
    if (!reference || w->survey.reference >= 0)
        return VS_OK;
    VS_TRY(add_set(w, reference));
    w->survey.reference = w->n - 1;
    return VS_OK;
}

static vs_err read_accuracies(struct work *w)
{
    int known = 0;
    VS_TRY(vs_accuracies_read(&w->accuracies, w->s->accuracies));
    for (int i = 0; i < w->n; i++)
        known += vs_accuracies_of(&w->accuracies, vs_set_name(w->set[i])) != NULL;
    for (int i = 0; i < w->accuracies.rows && known; i++)
        if (find_set(w, w->accuracies.name[i]) < 0)
            vs_say("%s: %s is none of the sets here, left out", w->s->accuracies,
                   w->accuracies.name[i]);
    return known ? VS_OK
                 : VS_FAIL(VS_ERR_CORRUPT, "%s: names none of the sets; it begins with \"%s\", the "
                           "first set is \"%s\"", w->s->accuracies, w->accuracies.name[0],
                           vs_set_name(w->set[0]));
}

static vs_err open_model(struct work *w, const vs_call *call)
{
    const struct stats_settings *s = w->s;
    VS_TRY(check_utf8(s->split ? s->split : ""));
    w->options = (vs_measure_options){ .videos = s->videos, .T = s->frames, .stride = s->stride,
                                       .seed = (uint64_t)s->common.seed };
    if (!s->model)
        return VS_OK;
    VS_TRY(check_utf8(s->model));
    if (vs_call_given(call, "frames"))
        return VS_FAIL(VS_ERR_USAGE, "--frames: with --model it is what the model sees");
    VS_TRY(vs_frame_model_open(&w->model, s->model, s->device, s->common.jobs, s->batch,
                               s->stills));
    w->options.model = vs_frame_model_features(w->model);
    w->options.T = vs_frame_model_frames(w->model);
    if (!vs_call_given(call, "stride"))
        w->options.stride = vs_frame_model_stride(w->model);
    return VS_OK;
}

/* ---- Measuring ---------------------------------------------------------------------------- */

static const char *features_key(const struct work *w)
{
    return w->model ? vs_frame_model_key(w->model) : "low-level";
}

/* What was measured and how: the caller frees it. */
static char *measured_key(const struct work *w, const vs_set *set)
{
    const vs_measure_options *o = &w->options;
    json_t *key = json_pack("{si ss ss* si sI si si si sI si ss}", "version", 1, "path",
                            vs_set_path(set), "split", vs_set_split(set), "videos_in_it",
                            vs_set_count(set), "frames_in_it", (json_int_t)vs_set_frames(set),
                            "videos", o->videos, "frames", o->T, "stride", o->stride, "seed",
                            (json_int_t)o->seed, "stills", o->model ? o->model->stills : 0,
                            "features", features_key(w));
    char *text = key ? json_dumps(key, JSON_COMPACT) : NULL;
    json_decref(key);
    return text;
}

static char *kept_path(const struct work *w, const vs_set *set)
{
    return vs_strf("%s/sets/%s.safetensors", w->s->out, vs_set_name(set));
}

static void load_kept(struct work *w)
{
    for (int i = 0; w->s->out && i < w->n; i++) {
        char *path = kept_path(w, w->set[i]), *key = measured_key(w, w->set[i]);
        w->kept[i] = vs_measured_load(&w->measured[i], path, key) == VS_OK;
        free(path);
        free(key);
    }
}

static vs_err keep(const struct work *w, int i)
{
    if (!w->s->out)
        return VS_OK;
    char *dir = vs_path_join(w->s->out, "sets"), *path = kept_path(w, w->set[i]);
    char *key = measured_key(w, w->set[i]);
    vs_err err = vs_dir_make(dir);
    if (err == VS_OK)
        err = vs_measured_save(&w->measured[i], path, key);
    free(dir);
    free(path);
    free(key);
    return err;
}

/* A group of videos of the first set that is to be measured says how long all will take. */
static vs_err say_estimate(const struct work *w, int first, int64_t total)
{
    const int group = vs_pool_threads(w->pool);
    vs_measure_options few = w->options;
    vs_measured trial;
    char time[32], memory[32], disk[32];
    few.videos = group;
    const double begin = vs_now(), D = w->model ? w->options.model->D : 128;
    const vs_err err = vs_measure(&trial, w->set[first], &few, w->pool, NULL);
    if (err == VS_ERR_CORRUPT)          /* the whole set may still be good */
        return VS_OK;
    VS_TRY(err);
    vs_measured_free(&trial);
    const double seconds = (vs_now() - begin) / group;
    vs_say("%d sets, %lld videos of %d frames to measure", w->n, (long long)total, w->options.T);
    vs_say("estimate: %s (%.2g s a video), %s of memory beside the model, %s on disk",
           vs_human_time(time, seconds * (double)total), seconds,
           vs_human_bytes(memory, group * (w->options.T * 256.0 * 256 * 4 * 3) +
                                      w->n * 2 * 8 * D * D),
           vs_human_bytes(disk, w->s->out ? w->n * (2 * 8 * D * D + 2e5) : 0));
    return VS_OK;
}

static vs_err measure_all(struct work *w)
{
    int64_t total = 0;
    int first = -1;
    vs_err err = VS_OK;
    load_kept(w);
    for (int i = 0; i < w->n; i++)
        if (!w->kept[i]) {
            total += vs_measure_videos(&w->options, vs_set_count(w->set[i]));
            first = first < 0 ? i : first;
        }
    if (err == VS_OK && total > 8 * vs_pool_threads(w->pool))
        err = say_estimate(w, first, total);
    vs_progress *progress = vs_progress_start("stats", "videos", total);
    for (int i = 0; i < w->n && err == VS_OK; i++) {
        if (w->kept[i])
            continue;
        vs_progress_note(progress, "%s", vs_set_name(w->set[i]));
        err = vs_measure(&w->measured[i], w->set[i], &w->options, w->pool, progress);
        if (err == VS_OK)
            err = keep(w, i);
    }
    vs_progress_end(&progress);
    for (int i = 0; i < w->n && err == VS_OK; i++)
        if (w->measured[i].skipped)
            vs_warn("%s: %lld of %lld videos skipped; the first: %s", vs_set_name(w->set[i]),
                    (long long)w->measured[i].skipped,
                    (long long)(w->measured[i].skipped + w->measured[i].videos),
                    w->measured[i].why);
    return err;
}

/* ---- Results ------------------------------------------------------------------------------ */

static json_t *settings_json(const struct work *w)
{
    const struct stats_settings *s = w->s;
    const int reference = w->survey.reference;
    return json_pack("{ss ss* ss* si si si si sI sf sf si si}", "features", features_key(w),
                     "model", s->model, "reference",
                     reference < 0 ? NULL : vs_set_name(w->set[reference]), "videos",
                     w->options.videos, "frames", w->options.T, "stride", w->options.stride,
                     "stills", w->options.model ? w->options.model->stills : 0, "seed",
                     (json_int_t)s->common.seed, "diversity_ridge", s->ridge, "colour_ridge",
                     VS_COLOUR_RIDGE, "frame_features", w->measured[0].frame.D, "video_features",
                     w->measured[0].video.D);
}

static vs_err survey(struct work *w)
{
    vs_survey *v = &w->survey;
    v->rows = w->n;
    v->row = vs_new(sizeof(*v->row) * (size_t)w->n);
    v->features = w->s->model ? w->s->model : "low-level";
    v->ridge = w->s->ridge;
    v->accuracies = w->s->accuracies ? &w->accuracies : NULL;
    for (int i = 0; i < w->n; i++) {
        const char *name = vs_set_name(w->set[i]);
        v->row[i] = (vs_survey_row){ .name = name, .path = vs_set_path(w->set[i]),
                                     .split = vs_set_split(w->set[i]),
                                     .measured = &w->measured[i],
                                     .accuracy = w->s->accuracies
                                                     ? vs_accuracies_of(&w->accuracies, name)
                                                     : NULL };
    }
    vs_progress *progress = vs_progress_start("compare", "sets", w->n);
    const vs_err err = vs_survey_compute(v, progress);
    vs_progress_end(&progress);
    return err;
}

static vs_err write_results(struct work *w)
{
    vs_err err = VS_OK;
    w->survey.settings = settings_json(w);
    if (w->s->out)
        err = vs_survey_write(&w->survey, w->s->out);
    if (err == VS_OK && w->s->common.json)
        vs_json_print(vs_survey_json(&w->survey));
    else if (err == VS_OK)
        vs_survey_print(&w->survey);
    if (err == VS_OK && w->s->out)
        vs_say("page: %s/stats.html", w->s->out);
    json_decref(w->survey.settings);
    return err;
}

static vs_err stopped(const struct work *w)
{
    return w->s->out ? VS_FAIL(VS_ERR_STOPPED, "stopped; sets that are finished are kept in %s, "
                               "the same command goes on", w->s->out)
                     : VS_FAIL(VS_ERR_STOPPED, "stopped; with --out DIR the same command goes on");
}

static vs_err run_stats(vs_call *call)
{
    struct work *w = vs_new(sizeof(*w));
    w->s = call->settings;
    vs_err err = open_sets(w, call);
    if (err == VS_OK && w->s->accuracies)
        err = read_accuracies(w);
    if (err == VS_OK)
        err = open_model(w, call);
    if (err == VS_OK)
        err = vs_pool_open(&w->pool, w->s->common.jobs, 0);
    if (err == VS_OK)
        err = measure_all(w);
    if (err == VS_OK)
        err = survey(w);
    if (err == VS_OK)
        err = write_results(w);
    if (err == VS_ERR_STOPPED)
        err = stopped(w);
    vs_pool_close(&w->pool);
    vs_frame_model_close(&w->model);
    vs_survey_free(&w->survey);
    vs_accuracies_free(&w->accuracies);
    for (int i = 0; i < w->n; i++) {
        vs_measured_free(&w->measured[i]);
        vs_set_close(&w->set[i]);
    }
    free(w);
    return err;
}

const vs_command vs_command_stats = {
    .name = "stats", .args = "[SET...]", .max_args = MAX_SETS,
    .help = "properties of data sets: spectra, colours, diversity, distances",
    .opts = stats_opts, .settings_size = sizeof(struct stats_settings), .run = run_stats
};
