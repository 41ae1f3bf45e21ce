/* Named recipes for the rows of the papers' tables. */
#ifndef VSYN_TRAIN_PRESETS_H
#define VSYN_TRAIN_PRESETS_H

#include "base/cli.h"

/* One recipe on top of the settings of `command`; its words live as long as the program. USAGE:
 * unknown, or of another command. */
vs_err vs_preset_set(const vs_opt *opts, void *settings, const char *command, const char *name);

#endif /* VSYN_TRAIN_PRESETS_H */
