/* `vsyn-train bench`: how fast a model trains or tests on this machine. */
#ifndef VSYN_TRAIN_BENCH_H
#define VSYN_TRAIN_BENCH_H

#include "base/cli.h"

extern const vs_command vs_command_bench;

#endif /* VSYN_TRAIN_BENCH_H */
