/* Every setting of a training run: one struct, one table of options per task, presets,
 * files, and what a resumed run may change.
 *
 * Precedence: recipe of the task < preset < --config FILE < command line. A run that
 * exists brings its own settings (RUN/config.json); the command line may only repeat them,
 * except for the harmless ones (how often to log, where to run).
 *
 *     RUN/config.json    { "command", "version", "settings": { every option, as used } }
 */
#ifndef VSYN_TRAIN_CONFIG_H
#define VSYN_TRAIN_CONFIG_H

#include "base/cli.h"
#include "train/model/model.h"

/* In the order of the option's choices. */
enum vs_draw_kind { VS_DRAW_AUTO, VS_DRAW_LOADER, VS_DRAW_DEVICE };
enum vs_mask_kind { VS_MASK_TUBE, VS_MASK_RANDOM };

typedef struct vs_train_settings {
    vs_common common;
    const char *preset, *config;
    const char *out, *store, *split, *val_split, *scene, *source, *init;
    int64_t virtual_size;
    int scene_size;
    bool scene_fixed, circles_scale, still;
    const char *textures;
    int texture_count;
    const char *model;
    int size, frames, stride, patch, tubelet;    /* 0: usual for the model */
    int mask;                      /* enum vs_mask_kind */
    double mask_ratio;
    double drop_path, head_drop, smoothing, head_scale;
    bool flip;
    double crop_area, erase;
    const char *randaugment;
    double mixup, cutmix, mix_prob, mix_switch;
    int mix_mode;                  /* enum vs_mix_mode */
    int repeat;                    /* views of each clip in a batch; 0 (pre-training) = 1 */
    double ema;                    /* 0: off */
    int batch, accumulate, epochs;
    int64_t steps;                 /* 0: epochs decide */
    double lr, min_lr, warmup_lr, warmup_epochs;
    double weight_decay, beta1, beta2, layer_decay, clip_norm;
    bool resume;
    int log_every, keep_every, eval_every;
    int64_t save_every, stop_at;
    int draw;                      /* enum vs_draw_kind */
    int loaders;
    const char *device;
    int precision;
} vs_train_settings;

extern const vs_opt vs_pretrain_opts[], vs_finetune_opts[];

typedef struct vs_config {
    vs_train_settings *settings;   /* the call's */
    const vs_opt *opts;
    const char *command;
    bool resumed;                  /* RUN/config.json was there */
    char **kept;                   /* texts that settings point to, with kept_json */
    int n_kept;
    json_t *record, *file;         /* likewise */
} vs_config;

/* Settings by precedence. Errors: USAGE (unknown preset, a setting that a resumed run may
 * not change), CORRUPT (a file that is not settings). */
vs_err vs_config_read(vs_config *config, vs_call *call);
/* RUN/config.json, as used. */
vs_err vs_config_write(const vs_config *config);
void vs_config_free(vs_config *config);
/* A text that lives as long as the config. */
const char *vs_config_keep(vs_config *config, char *text);

/* The model that the settings describe; fills in what was left to the model (size,
 * frames, stride). `base` is the checkpoint's configuration or NULL. */
vs_err vs_config_model(vs_model_config *out, vs_config *config, vs_task task,
                       const vs_model_config *base);

#endif /* VSYN_TRAIN_CONFIG_H */
