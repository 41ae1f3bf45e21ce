/* The commands of vsyn-robust; main.c holds the list. Internal to eval. */
#ifndef VSYN_EVAL_COMMANDS_H
#define VSYN_EVAL_COMMANDS_H

#include "base/cli.h"

extern const vs_command vs_command_list;       /* list.c */
extern const vs_command vs_command_apply;      /* apply.c */
extern const vs_command vs_command_export;     /* export.c */
extern const vs_command vs_command_preview;    /* preview.c */
extern const vs_command vs_command_run;        /* run.c */
extern const vs_command vs_command_report;     /* main.c */
extern const vs_command vs_command_stats;      /* stats_command.c */

#endif /* VSYN_EVAL_COMMANDS_H */
