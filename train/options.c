/* The options of the tasks that train: what all have, then each with the recipe of its paper. */
#include "train/config.h"

#define AT(field) .at = offsetof(vs_train_settings, field)

#define OPTS_RUN                                                                         \
    { .name = "out", .kind = VS_OPT_TEXT, AT(out), .arg = "RUN", .required = true,       \
      .help = "folder of the run; an unfinished run there goes on" },                    \
    { .name = "preset", .kind = VS_OPT_TEXT, AT(preset), .arg = "NAME",                  \
      .help = "a recipe, such as synthetic-pretrain, ucf101-finetune or quick-pretrain, " \
              "as vsyn-train presets lists them" },                                     \
    { .name = "config", .kind = VS_OPT_TEXT, AT(config), .arg = "FILE",                  \
      .help = "settings as JSON, e.g. the config.json of another run" },                 \
    { .name = "resume", .kind = VS_OPT_FLAG, AT(resume), .def = "true",                  \
      .help = "go on when RUN exists (--no-resume: refuse)" },                           \
    { .name = "device", .kind = VS_OPT_TEXT, AT(device), .def = "auto",                  \
      .arg = "auto|cpu|cuda[:N]", .help = "where to compute" },                          \
    { .name = "precision", .kind = VS_OPT_CHOICE, AT(precision), .def = "auto",          \
      .choices = VS_PRECISION_CHOICES,                                                   \
      .help = "of matrix products; auto: bf16 where it is faster" },                     \
    { .name = "loaders", .kind = VS_OPT_INT, AT(loaders), .min = 0, .max = 1024,         \
      .arg = "N", .help = "threads that make batches ahead (default: as --jobs)" },      \
    { .name = "log-every", .kind = VS_OPT_INT, AT(log_every), .def = "10", .min = 1,     \
      .max = 1e9, .arg = "STEPS", .help = "steps per line of log.jsonl" },               \
    { .name = "save-every", .kind = VS_OPT_LONG, AT(save_every), .def = "0", .min = 0,   \
      .max = 1e15, .arg = "STEPS",                                                       \
      .help = "steps between checkpoints (0: at the end of an epoch, at most one a minute)" }, \
    { .name = "keep-every", .kind = VS_OPT_INT, AT(keep_every), .def = "0", .min = 0,    \
      .max = 1e9, .arg = "EPOCHS", .help = "also keep checkpoints/epoch-N (0: never)" }, \
    { .name = "stop-at", .kind = VS_OPT_LONG, AT(stop_at), .def = "0", .min = 0,         \
      .max = 1e15, .arg = "STEP",                                                        \
      .help = "save and stop there, as a signal would; resume goes on (0: no)" },        \
    VS_OPTS_COMMON(vs_train_settings)

#define OPTS_MODEL(model_default)                                                        \
    { .name = "model", .kind = VS_OPT_TEXT, AT(model), .def = model_default,             \
      .arg = "micro|...|huge", .help = "size of the model" },                            \
    { .name = "size", .kind = VS_OPT_INT, AT(size), .min = 0, .max = 4096, .def = "0",   \
      .arg = "PIXELS", .help = "side of the input (0: 224, micro 64)" },                 \
    { .name = "frames", .kind = VS_OPT_INT, AT(frames), .min = 0, .max = 1024,           \
      .def = "0", .arg = "N", .help = "frames of a clip (0: 16)" },                      \
    { .name = "stride", .kind = VS_OPT_INT, AT(stride), .min = 0, .max = 1024,           \
      .def = "0", .arg = "N", .help = "step between two frames of a clip (0: 4)" },      \
    { .name = "patch", .kind = VS_OPT_INT, AT(patch), .min = 0, .max = 1024, .def = "0", \
      .arg = "PIXELS", .help = "side of a token (0: 16)" },                              \
    { .name = "tubelet", .kind = VS_OPT_INT, AT(tubelet), .min = 0, .max = 1024,         \
      .def = "0", .arg = "N", .help = "frames of a token (0: 2)" }

#define OPTS_OPTIMISER(batch_, epochs_, lr_, min_lr_, warmup_, beta2_)                   \
    { .name = "batch", .kind = VS_OPT_INT, AT(batch), .def = batch_, .min = 1,           \
      .max = 65536, .arg = "CLIPS", .help = "clips of one pass" },                       \
    { .name = "accumulate", .kind = VS_OPT_INT, AT(accumulate), .def = "1", .min = 1,    \
      .max = 65536, .arg = "N",                                                          \
      .help = "passes of one step; the effective batch is batch x N" },                  \
    { .name = "epochs", .kind = VS_OPT_INT, AT(epochs), .def = epochs_, .min = 1,        \
      .max = 1e6, .arg = "N", .help = "times through the data" },                        \
    { .name = "steps", .kind = VS_OPT_LONG, AT(steps), .def = "0", .min = 0,             \
      .max = 1e12, .arg = "N", .help = "steps of the whole run, instead of --epochs" },  \
    { .name = "lr", .kind = VS_OPT_REAL, AT(lr), .def = lr_, .min = 0, .max = 1e3,       \
      .help = "learning rate per 256 clips of effective batch" },                        \
    { .name = "min-lr", .kind = VS_OPT_REAL, AT(min_lr), .def = min_lr_, .min = 0,       \
      .max = 1e3, .help = "where the cosine ends (scaled as lr)" },                      \
    { .name = "warmup-lr", .kind = VS_OPT_REAL, AT(warmup_lr), .def = "1e-6", .min = 0,  \
      .max = 1e3, .help = "where the warm-up starts (scaled as lr)" },                   \
    { .name = "warmup-epochs", .kind = VS_OPT_REAL, AT(warmup_epochs), .def = warmup_,   \
      .min = 0, .max = 1e6, .arg = "N",                                                  \
      .help = "length of the linear warm-up, at most half of the run" },                 \
    { .name = "weight-decay", .kind = VS_OPT_REAL, AT(weight_decay), .def = "0.05",      \
      .min = 0, .max = 10, .help = "AdamW; none on vectors, biases, mask token" },       \
    { .name = "beta1", .kind = VS_OPT_REAL, AT(beta1), .def = "0.9", .min = 0,           \
      .max = 0.999999, .help = "AdamW" },                                                \
    { .name = "beta2", .kind = VS_OPT_REAL, AT(beta2), .def = beta2_, .min = 0,          \
      .max = 0.9999999, .help = "AdamW" },                                               \
    { .name = "clip-norm", .kind = VS_OPT_REAL, AT(clip_norm), .def = "0", .min = 0,     \
      .max = 1e9, .help = "limit of the gradient's norm (0: none)" },                \
    { .name = "ema", .kind = VS_OPT_REAL, AT(ema), .def = "0", .min = 0,                 \
      .max = 0.9999999, .arg = "DECAY",                                                  \
      .help = "also average the weights; judged and kept in their place (0: no; 0.9999)" }

const vs_opt vs_pretrain_opts[] = {
    { .name = "store", .kind = VS_OPT_TEXT, AT(store), .arg = "STORE",
      .help = "clips to learn from" },
    { .name = "split", .kind = VS_OPT_TEXT, AT(split), .arg = "NAME",
      .help = "split of the store (default: all clips)" },
    { .name = "scene", .kind = VS_OPT_TEXT, AT(scene), .arg = "STAGE",
      .help = "instead of a store: synthetic scenes drawn on the fly" },
    { .name = "source", .kind = VS_OPT_TEXT, AT(source), .arg = "PART=RATIO,...",
      .help = "a mixture; PART: [still:]scene:STAGE, [still:]store:PATH[@SPLIT], "
              "still:images:DIR" },
    { .name = "still", .kind = VS_OPT_FLAG, AT(still),
      .help = "static images: one frame of each clip, repeated" },
    { .name = "virtual-size", .kind = VS_OPT_LONG, AT(virtual_size), .def = "9537", .min = 1,
      .max = 4e9, .arg = "VIDEOS", .help = "with --scene, --source: clips of one epoch" },
    { .name = "scene-size", .kind = VS_OPT_INT, AT(scene_size), .def = "256", .min = 16,
      .max = 4096, .arg = "PIXELS", .help = "with --scene: side of a drawn frame" },
    { .name = "scene-fixed", .kind = VS_OPT_FLAG, AT(scene_fixed),
      .help = "with --scene: the same videos in every epoch" },
    { .name = "circles-scale", .kind = VS_OPT_FLAG, AT(circles_scale),
      .help = "with --scene: circles become ellipses where shapes transform" },
    { .name = "textures", .kind = VS_OPT_TEXT, AT(textures), .arg = "statistical|stylegan|DIR",
      .help = "with a textured --scene: what fills the shapes (default: the stage's)" },
    { .name = "texture-count", .kind = VS_OPT_INT, AT(texture_count), .def = "256", .min = 1,
      .max = 1000000, .arg = "N", .help = "with a textured --scene: textures of the run" },
    { .name = "draw", .kind = VS_OPT_CHOICE, AT(draw), .def = "auto",
      .choices = "auto|loader|device",
      .help = "with --scene: who draws, the loader's threads or the device that computes; the "
              "same clips; auto: a GPU does" },
    OPTS_MODEL("base"),
    { .name = "mask", .kind = VS_OPT_CHOICE, AT(mask), .def = "tube", .choices = "tube|random",
      .help = "the same cells in every time slot, or any tokens" },
    { .name = "mask-ratio", .kind = VS_OPT_REAL, AT(mask_ratio), .def = "0.75", .min = 0.01,
      .max = 0.99, .help = "share of masked cells" },
    OPTS_OPTIMISER("192", "3200", "3e-4", "1e-5", "40", "0.95"),
    OPTS_RUN,
    { 0 }
};

const vs_opt vs_finetune_opts[] = {
    { .name = "store", .kind = VS_OPT_TEXT, AT(store), .arg = "STORE",
      .help = "labelled clips (required)" },
    { .name = "split", .kind = VS_OPT_TEXT, AT(split), .def = "train", .arg = "NAME",
      .help = "split to learn from" },
    { .name = "val-split", .kind = VS_OPT_TEXT, AT(val_split), .arg = "NAME|none",
      .help = "split to watch; the best is kept (default: test where it exists)" },
    { .name = "init", .kind = VS_OPT_TEXT, AT(init), .arg = "MODEL|RUN|none",
      .help = "where the weights start (required)" },
    OPTS_MODEL(NULL),
    { .name = "drop-path", .kind = VS_OPT_REAL, AT(drop_path), .def = "0.2", .min = 0,
      .max = 0.9, .help = "of the last block, rising linearly" },
    { .name = "head-drop", .kind = VS_OPT_REAL, AT(head_drop), .def = "0.5", .min = 0,
      .max = 0.95, .help = "dropout before the head" },
    { .name = "smoothing", .kind = VS_OPT_REAL, AT(smoothing), .def = "0.1", .min = 0,
      .max = 0.9, .help = "of labels" },
    { .name = "head-scale", .kind = VS_OPT_REAL, AT(head_scale), .def = "0.001", .min = 0,
      .max = 1000, .help = "initial scale of the head" },
    { .name = "layer-decay", .kind = VS_OPT_REAL, AT(layer_decay), .def = "0.7", .min = 0.01,
      .max = 1, .help = "factor of the learning rate per layer below the head" },
    { .name = "flip", .kind = VS_OPT_FLAG, AT(flip), .def = "true",
      .help = "mirror half of the clips (--no-flip where left and right matter)" },
    { .name = "crop-area", .kind = VS_OPT_REAL, AT(crop_area), .def = "0.08", .min = 0.01,
      .max = 1, .help = "least share of the frame that a training crop keeps" },
    { .name = "randaugment", .kind = VS_OPT_TEXT, AT(randaugment),
      .def = "rand-m7-n4-mstd0.5-inc1", .arg = "rand-mM-nN-mstdS-inc1|none",
      .help = "N random operations of magnitude M (0..10, +-S) on the frames of a clip" },
    { .name = "erase", .kind = VS_OPT_REAL, AT(erase), .def = "0.25", .min = 0, .max = 1,
      .help = "probability of erasing a box, the same in all frames" },
    { .name = "mixup", .kind = VS_OPT_REAL, AT(mixup), .def = "0.8", .min = 0, .max = 100,
      .arg = "ALPHA", .help = "blend clips, share from Beta(ALPHA, ALPHA) (0: no)" },
    { .name = "cutmix", .kind = VS_OPT_REAL, AT(cutmix), .def = "1", .min = 0, .max = 100,
      .arg = "ALPHA", .help = "put a box of one clip into another (0: no)" },
    { .name = "mix-prob", .kind = VS_OPT_REAL, AT(mix_prob), .def = "1", .min = 0, .max = 1,
      .help = "probability of mixup or cutmix" },
    { .name = "mix-switch", .kind = VS_OPT_REAL, AT(mix_switch), .def = "0.5", .min = 0, .max = 1,
      .help = "probability of cutmix when both are on" },
    { .name = "mix-mode", .kind = VS_OPT_CHOICE, AT(mix_mode), .def = "batch",
      .choices = "batch|pair|elem", .help = "draw once for a batch, for a pair, for a clip" },
    { .name = "repeat", .kind = VS_OPT_INT, AT(repeat), .def = "2", .min = 1, .max = 64,
      .arg = "VIEWS", .help = "repeated augmentation: views of each clip in a batch" },
    { .name = "eval-every", .kind = VS_OPT_INT, AT(eval_every), .def = "1", .min = 1,
      .max = 1e6, .arg = "EPOCHS", .help = "epochs between two looks at --val-split" },
    OPTS_OPTIMISER("64", "100", "5e-4", "1e-6", "5", "0.999"),
    OPTS_RUN,
    { 0 }
};
