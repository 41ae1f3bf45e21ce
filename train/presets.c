/* Named recipes: differences from the defaults of the task's table (options.c). */
#include "train/config.h"

#include <string.h>

struct preset {
    const char *name, *command;
    const char *const *set;        /* name, value, ..., NULL */
};

static const char *const no_change[] = { NULL };
static const char *const synthetic[] = { "scene", "accelerating-shapes", "virtual-size",
                                         "9537", NULL };
static const char *const base_model[] = { "model", "base", NULL };
static const char *const k400_pretrain[] = { "mask-ratio", "0.9", NULL };
static const char *const ssv2[] = { "model", "base", "flip", "false", NULL };
static const char *const hmdb51[] = { "model", "base", "lr", "1e-3", NULL };
/* Not published: a few minutes of two CPU cores, small labelled sets. */
static const char *const quick_pretrain[] = { "model", "micro", "batch", "16", "steps", "800",
                                              "lr", "3e-3", "warmup-epochs", "5", NULL };
static const char *const quick_finetune[] = {
    "batch", "16", "steps", "768", "val-split", "none", "lr", "1.6e-2", "warmup-epochs", "1",
    "layer-decay", "1", "drop-path", "0", "head-drop", "0", "smoothing", "0", "head-scale", "1",
    "crop-area", "0.8", "randaugment", "none", "erase", "0", "mixup", "0", "cutmix", "0",
    "repeat", "1", NULL };
static const struct preset presets[] = {
    { "ucf101-pretrain", "pretrain", no_change },
    { "synthetic-pretrain", "pretrain", synthetic },
    { "ucf101-finetune", "finetune", base_model },
    { "hmdb51-finetune", "finetune", hmdb51 },
    { "hmdb51-pretrain", "pretrain", no_change },
    { "k400-pretrain", "pretrain", k400_pretrain },
    { "k400-finetune", "finetune", base_model },
    { "ssv2-finetune", "finetune", ssv2 },
    { "quick-pretrain", "pretrain", quick_pretrain },
    { "quick-finetune", "finetune", quick_finetune },
};
#define N_PRESETS ((int)(sizeof(presets) / sizeof(*presets)))

static vs_err unknown_preset(const char *name)
{
    const char *names[N_PRESETS];
    for (int i = 0; i < N_PRESETS; i++)
        names[i] = presets[i].name;
    const char *near = vs_nearest(name, names, N_PRESETS);
    return VS_FAIL(VS_ERR_USAGE, "--preset: unknown preset \"%s\"%s%s%s", name,
                   near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
}

vs_err vs_preset_apply(vs_config *c, const char *name)
{
    const struct preset *p = NULL;
    for (int i = 0; i < N_PRESETS; i++)
        if (strcmp(presets[i].name, name) == 0)
            p = &presets[i];
    if (!p)
        return unknown_preset(name);
    if (strcmp(p->command, c->command) != 0)
        return VS_FAIL(VS_ERR_USAGE, "--preset: %s is for vsyn-train %s, not %s", name,
                       p->command, c->command);
    for (int i = 0; p->set[i]; i += 2)
        VS_TRY(vs_opts_set(c->opts, c->settings, p->set[i], p->set[i + 1], name));
    return VS_OK;
}
