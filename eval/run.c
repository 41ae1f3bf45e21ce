/* vsyn-robust run: a trained model on a split, clean and under each corruption at each
 * severity. Everything is kept in DIR/results.db (results.h); the same command goes on where
 * it was stopped, and more corruptions or severities may be asked for later.
 *
 * With --shard I/N, in a SLURM job array, or started by mpirun or srun, it makes a part of it below
 * DIR/shards; the same command on its own then gathers the parts and makes what is missing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/shard.h"
#include "eval/commands.h"
#include "eval/evaluate.h"

struct run_settings {
    vs_common common;
    const char *model, *store, *split, *corruptions, *severities, *views, *out, *device, *shard;
    int variant, batch, precision, memory;
    bool negative, falling;
};

#define AT(field) offsetof(struct run_settings, field)
static const vs_opt run_opts[] = {
    { "model", VS_OPT_TEXT, AT(model), .arg = "RUN|MODEL", .required = true,
      .help = "a fine-tuned classifier" },
    { "store", VS_OPT_TEXT, AT(store), .arg = "STORE", .required = true,
      .help = "clip store with the videos" },
    { "split", VS_OPT_TEXT, AT(split), .arg = "S", .required = true, .help = "which videos" },
    { "corruptions", VS_OPT_TEXT, AT(corruptions), .def = "ucf101-p14", .arg = "LIST",
      .help = "NAME,... or ucf101-p14, ucf101-p, kinetics-c, imagenet-c, all; see list" },
    { "severities", VS_OPT_TEXT, AT(severities), .def = "1,2,3,4,5", .arg = "LIST",
      .help = "of 1..5" },
    { "views", VS_OPT_TEXT, AT(views), .def = "5x3", .arg = "SxC",
      .help = "windows in time x crops of each video, averaged" },
    { "out", VS_OPT_TEXT, AT(out), .arg = "DIR", .required = true,
      .help = "results.db, results.json, results.csv, report.html" },
    { "variant", VS_OPT_CHOICE, AT(variant), .def = "arre", .choices = VS_VARIANT_CHOICES,
      .help = "which published definition, where two differ" },
    { "reference-negative", VS_OPT_FLAG, AT(negative),
      .help = "as the published loader: picture corruptions see the negative" },
    { "falling-rain", VS_OPT_FLAG, AT(falling),
      .help = "rain falls from frame to frame; otherwise drawn anew, as the benchmark does" },
    { "device", VS_OPT_TEXT, AT(device), .def = "auto", .arg = "auto|cpu|cuda[:N]",
      .help = "where the model runs" },
    { "precision", VS_OPT_CHOICE, AT(precision), .def = "auto", .choices = VS_PRECISION_CHOICES,
      .help = "of matrix products; auto: bf16 where it is faster" },
    { "shard", VS_OPT_TEXT, AT(shard), .arg = "I/N",
      .help = "score this part of the videos (default in a job array: the task's)" },
    { "memory", VS_OPT_INT, AT(memory), .def = "0", .min = 0, .max = 1 << 30, .arg = "MB",
      .help = "of videos kept while they go through all cells; 0: a quarter of the machine's" },
    { "batch", VS_OPT_INT, AT(batch), .def = "8", .min = 1, .max = 4096, .arg = "N",
      .help = "views scored at once" },
    VS_OPTS_COMMON(struct run_settings),
    { 0 }
};

/* What may differ between two runs into one DIR. */
static const char *const free_keys[] = { "model", "store", "corruptions", "severities", "batch",
                                         NULL };

/* ---- Plan --------------------------------------------------------------------------------- */

struct plan {
    vs_cell_plan *cell;            /* clean first */
    int cells, corruptions;
};

static vs_err make_plan(struct plan *plan, const struct run_settings *s)
{
    VS_PUSH(plan->cell, plan->cells, ((vs_cell_plan){ 0 }));
    return vs_cells_pick(&plan->cell, &plan->cells, &plan->corruptions, s->corruptions,
                         s->severities);
}

/* ---- Settings that go with the results ---------------------------------------------------- */

static vs_err model_checksum(char text[20], const char *path)
{
    char *file = vs_path_is_dir(path) ? vs_path_join(path, "model.safetensors") : vs_strdup(path);
    vs_map map;
    const vs_err err = vs_map_open(&map, file);
    free(file);
    VS_TRY(err);
    snprintf(text, 20, "%016llx", (unsigned long long)vs_checksum(map.data, map.size));
    vs_map_close(&map);
    return VS_OK;
}

static vs_err make_record(json_t **out, const struct run_settings *s, const vs_scorer *scorer)
{
    const vs_model_config *m = vs_scorer_config(scorer);
    char checksum[20], variant[64];
    int name = (int)strlen(s->model);
    VS_TRY(model_checksum(checksum, vs_scorer_path(scorer)));
    vs_opts_choice(variant, vs_opts_find(run_opts, "variant"), s->variant);
    while (name > 1 && s->model[name - 1] == '/')       /* the report is titled by its last part */
        name--;
    *out =
        json_pack("{ss% ss ss ss ss ss ss sI ss sb sb ss si si si si si si}", "model", s->model,
                  name, "model_checksum", checksum, "store", s->store, "split", s->split,
                  "corruptions", s->corruptions, "severities", s->severities, "views", s->views,
                  "seed", (json_int_t)s->common.seed, "variant", variant, "reference_negative",
                  s->negative, "falling_rain", s->falling, "precision",
                  vs_precision_name(vs_scorer_precision(scorer)), "frames", m->T, "height", m->H,
                  "width", m->W, "stride", m->stride, "classes", m->classes, "batch", s->batch);
    return *out ? VS_OK
                : VS_FAIL(VS_ERR_USAGE, "%s, %s, %s: a name here is not UTF-8, which the results "
                          "need", s->model, s->store, s->split);
}

/* ---- Going through the cells -------------------------------------------------------------- */

static vs_err say_estimate(vs_evaluator *ev, const vs_evaluation *e, const struct plan *plan,
                           vs_evaluator_cost *cost, int64_t left, int64_t done)
{
    const vs_model_config *m = vs_scorer_config(e->scorer);
    const int threads = e->threads > 0 ? e->threads : vs_cpu_count();
    char time[32], memory[32], disk[32];
    VS_TRY(vs_evaluator_time(ev, cost));
    const double ahead = cost->corrupt / threads;
    const double each = vs_scorer_on_cpu(e->scorer) || cost->model < ahead ? ahead : 0;
    vs_say("clean + %d corruptions: %d cells of %d videos, %d views of %d x %d x %d each",
           plan->corruptions, plan->cells, e->split->n, e->segments * e->crops, m->T, m->H, m->W);
    if (done)
        vs_say("%lld of %lld videos are already scored", (long long)done, (long long)(left + done));
    vs_say("a video: %.3g s of the model (%s), %.3g s of one thread to corrupt, %.3g s once to "
           "read", cost->model, vs_precision_name(vs_scorer_precision(e->scorer)), cost->corrupt,
           cost->read);
    vs_say("estimate: %s, %s of memory for videos and views, %s on disk",
           vs_human_time(time, (cost->model + each) * (double)left),
           vs_human_bytes(memory, vs_evaluator_memory(ev)),
           vs_human_bytes(disk, 64.0 * (double)(left + done) + 4e4 * plan->cells));
    return VS_OK;
}

static vs_err score_left(vs_evaluator *ev, const vs_evaluation *e, const vs_evaluator_cost *cost,
                         int64_t left)
{
    char time[32], alone[32], computed[64] = "";
    vs_progress *progress = vs_progress_start("robust", "videos", left);
    const double start = vs_now(), before = vs_cpu_seconds();
    const vs_err err = vs_evaluator_run(ev, progress);
    const double took = vs_now() - start, model = cost->model * (double)left;
    const double cpu = vs_cpu_seconds() - before, model_cpu = cost->model_cpu * (double)left;
    if (vs_scorer_on_cpu(e->scorer))
        snprintf(computed, sizeof(computed), ", of CPU time %+.1f %%",
                 100 * (cpu - model_cpu) / model_cpu);
    vs_progress_end(&progress);
    if (err == VS_OK)
        vs_say("%lld results in %s; the model alone would take %s: %+.1f %%%s", (long long)left,
               vs_human_time(time, took), vs_human_time(alone, model),
               100 * (took - model) / model, computed);
    return err;
}

static vs_err score_cells(const vs_evaluation *e, const struct plan *plan)
{
    vs_evaluator *ev = NULL;
    vs_evaluator_cost cost;
    int64_t left, done;
    VS_TRY(vs_evaluator_open(&ev, e, plan->cell, plan->cells));
    vs_evaluator_count(ev, &left, &done);
    vs_err err = VS_OK;
    if (!left)
        vs_say("all %d cells are scored already", plan->cells);
    else
        err = say_estimate(ev, e, plan, &cost, left, done);
    if (left && err == VS_OK)
        err = score_left(ev, e, &cost, left);
    vs_evaluator_close(&ev);
    return err;
}

/* ---- Results ------------------------------------------------------------------------------ */

static void print_row(const char *name, const vs_row *row)
{
    printf("  %-18s", name);
    for (int q = 0; q < VS_QUANTITIES; q++)
        if (row->q[q].value == row->q[q].value)
            printf("  %6.3f [%.3f, %.3f]", row->q[q].value, row->q[q].lo, row->q[q].hi);
        else
            printf("  %6s %16s", "-", "");
    putchar('\n');
}

static void print_table(const vs_results *r)
{
    printf("  %-18s  %-22s  %-22s  %-22s  %-22s\n", "", "top-1 [95%]", "top-5", "gamma_a",
           "gamma_r");
    for (int i = 0; i < r->stats->rows; i++) {
        const vs_row *row = &r->stats->row[i];
        if (row->kind == VS_ROW_CLEAN || row->kind == VS_ROW_CORRUPTION)
            print_row(row->name, row);
        else if (row->kind == VS_ROW_OVERALL)
            print_row("mean of groups", row);
        else if (row->kind == VS_ROW_ALL)
            print_row("mPC, rPC", row);
    }
}

/* Writes everything that results.db can give. */
static vs_err write_results(const struct run_settings *s)
{
    vs_results results;
    VS_TRY(vs_results_load(&results, s->out));
    char *page = vs_path_join(s->out, "report.html");
    vs_err err = vs_results_write(&results);
    if (err == VS_OK)
        err = vs_report_write(page, &results, 1);
    if (err == VS_OK && s->common.json)
        vs_json_print(vs_results_json(&results));
    else if (err == VS_OK)
        print_table(&results);
    if (err == VS_OK)
        vs_say("report: %s", page);
    free(page);
    vs_results_free(&results);
    return err;
}

/* After a signal: write what there is, and say how to go on. */
static vs_err stopped(const struct run_settings *s)
{
    if (write_results(s) != VS_OK)
        vs_say("no results to report yet: the clean videos are not all scored");
    return VS_FAIL(VS_ERR_STOPPED, "stopped; everything scored is saved in %s, the same command "
                   "goes on", s->out);
}

/* DIR, or DIR/shards/I-of-N; the caller frees it. */
static char *own_folder(const struct run_settings *s, const vs_evaluation *e)
{
    return e->shards == 1 ? vs_strdup(s->out)
                          : vs_strf("%s/shards/%d-of-%d", s->out, e->shard + 1, e->shards);
}

static vs_err open_results(const struct run_settings *s, vs_evaluation *e)
{
    char *dir = own_folder(s, e);
    json_t *record = NULL;
    int parts = 0;
    vs_err err = make_record(&record, s, e->scorer);
    if (err == VS_OK)
        err = vs_results_open(&e->db, dir, record, free_keys, e->split);
    if (err == VS_OK && e->shards == 1)
        err = vs_results_gather(e->db, s->out, record, free_keys, &parts);
    if (err == VS_OK && parts)
        vs_say("gathered %d part%s of %s/shards", parts, parts == 1 ? "" : "s", s->out);
    json_decref(record);
    free(dir);
    return err;
}

static vs_err finish_part(const vs_evaluation *e)
{
    vs_say("part %d of %d is done; when all are, the same command on its own gathers them",
           e->shard + 1, e->shards);
    return VS_OK;
}

static vs_err evaluate(const struct run_settings *s, vs_evaluation *e, const struct plan *plan,
                       const vs_split *split)
{
    e->split = split;
    VS_TRY(vs_scorer_check_split(e->scorer, split));
    vs_err err = open_results(s, e);
    if (err == VS_OK)
        err = score_cells(e, plan);
    vs_results_close(&e->db);
    if (e->shards > 1)
        return err == VS_OK ? finish_part(e) : err;
    if (err == VS_OK)
        err = write_results(s);
    return err == VS_ERR_STOPPED ? stopped(s) : err;
}

static vs_err run_run(vs_call *call)
{
    const struct run_settings *s = call->settings;
    vs_evaluation e = { .seed = (uint64_t)s->common.seed, .threads = s->common.jobs,
                        .memory = s->memory ? 1e6 * s->memory : vs_memory_limit() / 4,
                        .options = { .variant = (vs_variant)s->variant,
                                     .negative = s->negative,
                                     .falling = s->falling } };
    struct plan plan = { 0 };
    vs_split split = { 0 };
    bool array;
    vs_err err = make_plan(&plan, s);
    if (err == VS_OK)
        err = vs_shard_find(&e.shard, &e.shards, &array, s->shard);
    if (err == VS_OK)
        err = vs_views_parse(&e.segments, &e.crops, s->views);
    if (err == VS_OK)
        err = vs_store_open(&e.store, s->store);
    if (err == VS_OK)
        err = vs_store_split(&split, e.store, s->split);
    if (err == VS_OK)
        err = vs_scorer_open(&e.scorer, s->model, s->device, (vs_precision)s->precision,
                             s->common.jobs, s->batch);
    if (err == VS_OK)
        err = evaluate(s, &e, &plan, &split);
    vs_scorer_close(&e.scorer);
    vs_split_free(&split);
    vs_store_close(&e.store);
    free(plan.cell);
    return err;
}

const vs_command vs_command_run = {
    .name = "run", .args = "", .help = "score a model on clean and corrupted videos",
    .opts = run_opts, .settings_size = sizeof(struct run_settings), .run = run_run
};
