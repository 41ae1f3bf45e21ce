/* The commands of vsyn-train: what each file hands to main.c. */
#ifndef VSYN_TRAIN_COMMANDS_H
#define VSYN_TRAIN_COMMANDS_H

#include "base/cli.h"

vs_err vs_train_pretrain(vs_call *call);       /* pretrain.c; options in config.c */
vs_err vs_train_finetune(vs_call *call);       /* finetune.c */

/* Of the commands that score views with a classifier: fields views, device, batch. */
#define VS_OPTS_SCORING(type)                                                            \
    { .name = "views", .kind = VS_OPT_TEXT, .at = offsetof(type, views), .def = "5x3",   \
      .arg = "SxC", .help = "windows in time x crops along the longer side" },           \
    { .name = "batch", .kind = VS_OPT_INT, .at = offsetof(type, batch), .def = "8",      \
      .min = 1, .max = 4096, .arg = "VIEWS", .help = "views of one pass" },              \
    { .name = "device", .kind = VS_OPT_TEXT, .at = offsetof(type, device),               \
      .def = "auto", .arg = "auto|cpu|cuda[:N]", .help = "where to compute" },           \
    { .name = "precision", .kind = VS_OPT_CHOICE, .at = offsetof(type, precision),         \
      .def = "auto", .choices = VS_PRECISION_CHOICES,                                     \
      .help = "of matrix products; auto: bf16 where it is faster" }

extern const vs_opt vs_test_opts[], vs_predict_opts[];
extern const size_t vs_test_settings_size, vs_predict_settings_size;
vs_err vs_train_test(vs_call *call);           /* test.c */
vs_err vs_train_predict(vs_call *call);        /* predict.c */

extern const vs_opt vs_reconstruct_opts[];
extern const size_t vs_reconstruct_settings_size;
vs_err vs_train_reconstruct(vs_call *call);    /* reconstruct.c */

extern const vs_opt vs_report_opts[];
extern const size_t vs_report_settings_size;
vs_err vs_train_report(vs_call *call);         /* compare.c */

extern const vs_opt vs_export_opts[], vs_import_opts[];
extern const size_t vs_convert_settings_size;
vs_err vs_train_export(vs_call *call);         /* convert.c */
vs_err vs_train_import(vs_call *call);

extern const vs_opt vs_probe_opts[], vs_features_opts[];
extern const size_t vs_probe_settings_size, vs_features_settings_size;
vs_err vs_train_probe(vs_call *call);          /* probe.c */
vs_err vs_train_features(vs_call *call);       /* features.c */

extern const vs_opt vs_presets_opts[];
extern const size_t vs_presets_settings_size;
vs_err vs_train_presets(vs_call *call);        /* presets.c */

extern const vs_opt vs_views_opts[];
extern const size_t vs_views_settings_size;
vs_err vs_train_views(vs_call *call);          /* views.c */

#endif /* VSYN_TRAIN_COMMANDS_H */
