/* Settings of vsyn-ingest extract, and their table of options. */
#ifndef VSYN_INGEST_EXTRACT_H
#define VSYN_INGEST_EXTRACT_H

#include "base/cli.h"

typedef struct vs_extract_settings {
    vs_common common;
    const char *frames, *out, *split;
    int64_t clip;
    int format, quality;
    bool all;
} vs_extract_settings;

extern const vs_opt vs_extract_opts[];

#endif /* VSYN_INGEST_EXTRACT_H */
