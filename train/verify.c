/* `vsyn-train verify`: the command, its table, and comparisons. */
#include "train/verify.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "train/verify_priv.h"

/* ---- Rows -------------------------------------------------------------------------- */

void vs_verify_row_add(vs_verify *v, const char *name, double error, double bound)
{
    const vs_verify_row row = { vs_strdup(v->section), vs_strdup(name), error, bound,
                                error <= bound };
    VS_PUSH(v->row, v->n, row);
    v->failed += !row.ok;
}

void vs_verify_section(vs_verify *v, const char *name, vs_verify_kind kind, const vs_model *m)
{
    const vs_model_config *const c = vs_model_configuration(m);
    const int blocks = c->depth + (c->task == VS_TASK_PRETRAIN ? c->dec_depth : 0);
    const int passes = kind == VS_VERIFY_FORWARD ? 1 : 2;
    const double e = sqrt(passes * (11.0 * blocks + 5.0)) * 0x1p-9;
    v->section = name;
    v->bound = VS_VERIFY_BOUND;
    if (vs_device_precision(v->dev) == VS_BF16)
        v->bound = kind == VS_VERIFY_STEPPED ? 2.0 * sqrt(e / 3.14159265358979324) : e;
}

static double distance_of(const float *ours, const float *reference, int64_t n)
{
    double distance = 0.0, size = 0.0;
    for (int64_t i = 0; i < n; i++) {
        const double d = (double)ours[i] - (double)reference[i];
        distance += d * d;
        size += (double)reference[i] * (double)reference[i];
    }
    return sqrt(distance / (size > 0.0 ? size : 1.0));
}

void vs_verify_compare(vs_verify *v, const char *name, const float *ours, const float *reference,
                       int64_t n)
{
    vs_verify_row_add(v, name, distance_of(ours, reference, n), v->bound);
}

void vs_verify_compare_fp32(vs_verify *v, const char *name, const float *ours,
                            const float *reference, int64_t n)
{
    vs_verify_row_add(v, name, distance_of(ours, reference, n), VS_VERIFY_BOUND);
}

void vs_verify_free(vs_verify *v)
{
    for (int i = 0; i < v->n; i++) {
        free(v->row[i].section);
        free(v->row[i].name);
    }
    for (int i = 0; i < v->n_copies; i++)
        free(v->copy[i]);
    free(v->row);
    free(v->copy);
    v->row = NULL;
    v->copy = NULL;
    v->n = v->failed = v->n_copies = 0;
}

/* ---- Reference files --------------------------------------------------------------- */

vs_err vs_verify_open(vs_safetensors **out, const vs_verify *v, const char *name)
{
    char *const path = vs_strf("%s/%s.safetensors", v->dir, name);
    *out = NULL;
    const vs_err err = vs_safetensors_open(out, path);
    free(path);
    return err;
}

vs_err vs_verify_tensor(vs_verify *v, const void **data, const vs_safetensors *file,
                        const char *name, vs_dtype type, int64_t count)
{
    const vs_tensor *t = vs_safetensors_find(file, name);
    if (!t || t->dtype != type || vs_tensor_count(t) != count)
        return VS_FAIL(VS_ERR_CORRUPT,
                       "reference tensor %s: expected %lld values of %s, found %lld", name,
                       (long long)count, vs_dtype_name(type),
                       t ? (long long)vs_tensor_count(t) : 0);
    *data = t->data;
    if ((uintptr_t)t->data % vs_dtype_bytes(type)) {
        const size_t bytes = (size_t)count * vs_dtype_bytes(type);
        void *const copy = vs_new(bytes);
        memcpy(copy, t->data, bytes);
        VS_PUSH(v->copy, v->n_copies, copy);
        *data = copy;
    }
    return VS_OK;
}

vs_err vs_verify_slab(vs_verify *v, vs_model *m, vs_slab slab, const char *file)
{
    vs_safetensors *f = NULL;
    float *const host = vs_new(sizeof(float) * (size_t)vs_model_slab_count(m));
    vs_err err = vs_model_slab_get(m, slab, host);
    if (err == VS_OK)
        err = vs_verify_open(&f, v, file);
    for (int i = 0; err == VS_OK && i < vs_model_param_count(m); i++) {
        const vs_param *const p = vs_model_param(m, i);
        const void *reference;
        err = vs_verify_tensor(v, &reference, f, p->name, VS_DTYPE_F32, p->count);
        if (err == VS_OK)
            vs_verify_compare(v, p->name, host + p->offset, reference, p->count);
    }
    vs_safetensors_close(&f);
    free(host);
    return err;
}

void vs_verify_smooth(float *target, const int64_t *label, int B, int classes)
{
    for (int b = 0; b < B; b++)
        for (int k = 0; k < classes; k++)
            target[b * classes + k] = 0.1f / (float)classes + (k == label[b] ? 0.9f : 0.0f);
}

/* ---- The command ------------------------------------------------------------------- */

struct settings {
    vs_common common;
    const char *device;
    int precision, models;
    bool failed_only;
};

static const vs_opt opts[] = {
    { .name = "device", .kind = VS_OPT_TEXT, .at = offsetof(struct settings, device),
      .def = "auto", .arg = "NAME", .help = "auto, cpu, cuda or cuda:N" },
    { .name = "precision", .kind = VS_OPT_CHOICE, .at = offsetof(struct settings, precision),
      .def = "fp32", .choices = VS_PRECISION_CHOICES, .help = "of the passes" },
    { .name = "models", .kind = VS_OPT_CHOICE, .at = offsetof(struct settings, models),
      .def = "all", .choices = "all|tiny|small|base", .help = "which part of the reference" },
    { .name = "failed-only", .kind = VS_OPT_FLAG, .at = offsetof(struct settings, failed_only),
      .help = "list only rows beyond their bound" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};

/* models: index into the choices of --models. */
static vs_err run_models(vs_verify *v, int models)
{
    static const char *const size[] = { "small", "base" };
    if (models == 0 || models == 1) {
        VS_TRY(vs_verify_tiny_pretrain(v));
        VS_TRY(vs_verify_tiny_finetune(v));
    }
    for (int i = 0; i < 2; i++) {
        if (models != 0 && models != 2 + i)
            continue;
        if (vs_stop_requested())
            return VS_FAIL(VS_ERR_STOPPED, "stopped before %s", size[i]);
        vs_say("verify: %s", size[i]);
        VS_TRY(vs_verify_seeded_pretrain(v, size[i]));
        VS_TRY(vs_verify_seeded_finetune(v, size[i]));
    }
    return VS_OK;
}

static void print_table(const vs_verify *v, bool failed_only)
{
    const char *section = "";
    for (int i = 0; i < v->n; i++) {
        const vs_verify_row *r = &v->row[i];
        if (failed_only && r->ok)
            continue;
        if (strcmp(section, r->section) != 0)
            printf("%s\n", section = r->section);
        printf("  %-52s %9.2e  <= %.1e  %s\n", r->name, r->error, r->bound, r->ok ? "ok" : "FAIL");
    }
}

/* The worst row of each section, and the verdict. */
static void print_summary(const vs_verify *v)
{
    printf("%-32s %5s %9s  %s\n", "section", "rows", "worst", "where");
    for (int i = 0; i < v->n;) {
        int k = i, worst = i;
        for (; k < v->n && strcmp(v->row[k].section, v->row[i].section) == 0; k++)
            if (!(v->row[k].error <= v->row[worst].error))
                worst = k;
        printf("%-32s %5d %9.2e  %s\n", v->row[i].section, k - i, v->row[worst].error,
               v->row[worst].name);
        i = k;
    }
    printf("not covered: linear_probe_head (batch norm and SGD of the linear probe)\n");
    printf("%d of %d within their bounds\n", v->n - v->failed, v->n);
}

static json_t *as_json(const vs_verify *v)
{
    json_t *const rows = json_array();
    for (int i = 0; i < v->n; i++) {
        const vs_verify_row *r = &v->row[i];
        json_t *const error = isfinite(r->error) ? json_real(r->error) : json_null();
        json_array_append_new(rows, json_pack("{s:s, s:s, s:o, s:f, s:b}", "section", r->section,
                                              "name", r->name, "error", error, "bound", r->bound,
                                              "ok", r->ok));
    }
    return json_pack("{s:s, s:i, s:i, s:[s], s:o}", "device", vs_device_name(v->dev), "checked",
                     v->n, "failed", v->failed, "not_covered", "linear_probe_head", "rows", rows);
}

static vs_err verdict(const vs_verify *v)
{
    for (int i = 0; i < v->n; i++)
        if (!v->row[i].ok)
            return VS_FAIL(VS_ERR_NUMERIC,
                           "%d of %d beyond their bounds, first %s: %s (%.2e > %.1e)", v->failed,
                           v->n, v->row[i].section, v->row[i].name, v->row[i].error,
                           v->row[i].bound);
    return VS_OK;
}

static vs_err run(vs_call *call)
{
    const struct settings *const s = call->settings;
    vs_verify v = { .dir = call->args[0], .section = "" };
    if (!vs_path_is_dir(v.dir))
        return VS_FAIL(VS_ERR_IO, "%s: not a folder of reference tensors", v.dir);
    VS_TRY(vs_device_open(&v.dev, s->device, s->common.jobs));
    vs_device_set_precision(v.dev, (vs_precision)s->precision);
    vs_err err = run_models(&v, s->models);
    if (err == VS_OK) {
        if (s->common.json) {
            vs_json_print(as_json(&v));
        } else {
            print_table(&v, s->failed_only);
            print_summary(&v);
        }
        err = verdict(&v);
    }
    vs_verify_free(&v);
    vs_device_close(&v.dev);
    return err;
}

const vs_command vs_command_verify = {
    .name = "verify", .args = "GOLDEN_DIR", .min_args = 1, .max_args = 1,
    .help = "recompute reference outputs and gradients on this machine",
    .opts = opts, .settings_size = sizeof(struct settings), .run = run,
};
