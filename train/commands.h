/* The commands of vsyn-train: what each file hands to main.c. */
#ifndef VSYN_TRAIN_COMMANDS_H
#define VSYN_TRAIN_COMMANDS_H

#include "base/cli.h"

vs_err vs_train_pretrain(vs_call *call);       /* pretrain.c; options in config.c */
vs_err vs_train_finetune(vs_call *call);       /* finetune.c */

extern const vs_opt vs_test_opts[], vs_predict_opts[];
extern const size_t vs_test_settings_size, vs_predict_settings_size;
vs_err vs_train_test(vs_call *call);           /* test.c */
vs_err vs_train_predict(vs_call *call);        /* predict.c */

#endif /* VSYN_TRAIN_COMMANDS_H */
