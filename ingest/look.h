/* Settings of vsyn-ingest info, list and verify, and their tables of options. */
#ifndef VSYN_INGEST_LOOK_H
#define VSYN_INGEST_LOOK_H

#include "base/cli.h"

typedef struct vs_look_settings {
    vs_common common;
    const char *split;
    int64_t clip;
    bool failures;
} vs_look_settings;

extern const vs_opt vs_info_opts[], vs_list_opts[], vs_verify_opts[];

#endif /* VSYN_INGEST_LOOK_H */
