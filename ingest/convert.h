/* vsyn-ingest convert: a store in another encoding, or smaller, without the videos. */
#ifndef VSYN_INGEST_CONVERT_H
#define VSYN_INGEST_CONVERT_H

#include "base/cli.h"

typedef struct vs_convert_settings {
    vs_common common;
    const char *out;
    int encoding, quality, short_side;
} vs_convert_settings;

extern const vs_opt vs_convert_opts[];

#endif /* VSYN_INGEST_CONVERT_H */
