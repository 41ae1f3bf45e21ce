/* Named recipes: differences from the defaults of the task's table (options.c, probe.c).
 *
 * Figures: the VideoMAE paper and repository (MCG-NJU/VideoMAE, scripts/) for real videos,
 * arXiv 2410.24213 and its repository for synthetic ones, HMDB51 and the probe. Batches of hundreds
 * of GPUs are left to --batch and --accumulate: rates scale with the effective batch.
 */
#include "train/presets.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "train/commands.h"

struct preset {
    const char *name, *command;
    const char *const *set;        /* name, value, ..., NULL */
};

static const char *const no_change[] = { NULL };
static const char *const synthetic[] = { "scene", "accelerating-shapes", "virtual-size",
                                         "9537", NULL };
#define STAGE(stage) (const char *const[]){ "scene", stage, "virtual-size", "9537", NULL }
static const char *const k400_pretrain[] = { "mask-ratio", "0.9", "lr", "1.5e-4", "epochs",
                                             "1600", NULL };
static const char *const ssv2_pretrain[] = { "mask-ratio", "0.9", "lr", "1.5e-4", "epochs",
                                             "2400", "stride", "2", NULL };
static const char *const k400_finetune[] = { "epochs", "75", "layer-decay",
                                             "0.75", "drop-path", "0.1", "head-drop", "0", NULL };
static const char *const ssv2_finetune[] = {
    "epochs", "30", "layer-decay", "0.75", "drop-path", "0.1", "head-drop", "0",
    "stride", "2", "flip", "false", NULL };
static const char *const hmdb51[] = { "lr", "1e-3", "min-lr", "1e-5", "stride",
                                      "2", NULL };
static const char *const ssv2_probe[] = { "flip", "false", NULL };
static const char *const paper_probe[] = { "lrs", "0.1", "norm", "false", NULL };
/* Not published: a few minutes of two CPU cores, small labelled sets. */
static const char *const quick_pretrain[] = { "model", "micro", "batch", "16", "steps", "800",
                                              "lr", "3e-3", "warmup-epochs", "5", NULL };
static const char *const quick_finetune[] = {
    "batch", "16", "steps", "768", "val-split", "none", "lr", "1.6e-2", "warmup-epochs", "1",
    "layer-decay", "1", "drop-path", "0", "head-drop", "0", "smoothing", "0", "head-scale", "1",
    "crop-area", "0.8", "randaugment", "none", "erase", "0", "mixup", "0", "cutmix", "0",
    "repeat", "1", NULL };
static const char *const quick_probe[] = { "views", "1", "crop-area", "0.8", NULL };

static const struct preset presets[] = {
    { "ucf101-pretrain", "pretrain", no_change },
    { "hmdb51-pretrain", "pretrain", no_change },
    { "k400-pretrain", "pretrain", k400_pretrain },
    { "ssv2-pretrain", "pretrain", ssv2_pretrain },
    { "synthetic-pretrain", "pretrain", synthetic },
    { "static-circles-pretrain", "pretrain", STAGE("static-circles") },
    { "moving-circles-pretrain", "pretrain", STAGE("moving-circles") },
    { "moving-shapes-pretrain", "pretrain", STAGE("moving-shapes") },
    { "transforming-shapes-pretrain", "pretrain", STAGE("transforming-shapes") },
    { "accelerating-shapes-pretrain", "pretrain", STAGE("accelerating-shapes") },
    { "accelerating-textures-pretrain", "pretrain", STAGE("accelerating-textures") },
    { "accelerating-stylegan-pretrain", "pretrain", STAGE("accelerating-stylegan") },
    { "accelerating-images-pretrain", "pretrain", STAGE("accelerating-images") },
    { "ucf101-finetune", "finetune", no_change },
    { "hmdb51-finetune", "finetune", hmdb51 },
    { "k400-finetune", "finetune", k400_finetune },
    { "ssv2-finetune", "finetune", ssv2_finetune },
    { "ucf101-probe", "probe", no_change },
    { "hmdb51-probe", "probe", no_change },
    { "k400-probe", "probe", no_change },
    { "ssv2-probe", "probe", ssv2_probe },
    { "paper-probe", "probe", paper_probe },
    { "quick-pretrain", "pretrain", quick_pretrain },
    { "quick-finetune", "finetune", quick_finetune },
    { "quick-probe", "probe", quick_probe },
};
#define N_PRESETS ((int)(sizeof(presets) / sizeof(*presets)))

static vs_err unknown_preset(const char *name)
{
    const char *names[N_PRESETS];
    for (int i = 0; i < N_PRESETS; i++)
        names[i] = presets[i].name;
    const char *near = vs_nearest(name, names, N_PRESETS);
    return VS_FAIL(VS_ERR_USAGE, "--preset: unknown preset \"%s\"%s%s%s (vsyn-train presets lists "
                   "them)", name, near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

vs_err vs_preset_set(const vs_opt *opts, void *settings, const char *command, const char *name)
{
    const struct preset *p = NULL;
    for (int i = 0; i < N_PRESETS; i++)
        if (strcmp(presets[i].name, name) == 0)
            p = &presets[i];
    if (!p)
        return unknown_preset(name);
    if (strcmp(p->command, command) != 0)
        return VS_FAIL(VS_ERR_USAGE, "--preset: %s is for vsyn-train %s, not %s", name, p->command,
                       command);
    for (int i = 0; p->set[i]; i += 2)
        VS_TRY(vs_opts_set(opts, settings, p->set[i], p->set[i + 1], name));
    return VS_OK;
}

/* ---- vsyn-train presets ---------------------------------------------------------------------- */

struct settings {
    vs_common common;
};

const vs_opt vs_presets_opts[] = { VS_OPTS_COMMON(struct settings), { 0 } };
const size_t vs_presets_settings_size = sizeof(struct settings);

static void print_preset(const struct preset *p)
{
    printf("%-31s%-10s", p->name, p->command);
    for (int i = 0; p->set[i]; i += 2)
        printf("%s%s %s", i ? ", " : "", p->set[i], p->set[i + 1]);
    printf("%s\n", p->set[0] ? "" : "the defaults");
}

vs_err vs_train_presets(vs_call *call)
{
    const struct settings *s = call->settings;
    json_t *out = json_object();
    for (int i = 0; i < N_PRESETS; i++) {
        json_t *set = json_object();
        for (int k = 0; presets[i].set[k]; k += 2)
            json_object_set_new(set, presets[i].set[k], json_string(presets[i].set[k + 1]));
        json_object_set_new(out, presets[i].name,
                            json_pack("{s:s, s:o}", "command", presets[i].command, "set", set));
        if (!s->common.json)
            print_preset(&presets[i]);
    }
    if (s->common.json)
        vs_json_print(out);
    else
        json_decref(out);
    return VS_OK;
}
