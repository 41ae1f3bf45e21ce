/* Settings of vsyn-ingest add and their table of options. */
#ifndef VSYN_INGEST_ADD_H
#define VSYN_INGEST_ADD_H

#include "base/cli.h"

typedef struct vs_add_settings {
    vs_common common;
    const char *list, *folder, *dataset, *root, *annotations, *split, *classes, *name;
    int fold, encoding, quality, short_side;
    double test_share, fps, max_seconds;
    int format;
    bool retry, unlabelled;
} vs_add_settings;

extern const vs_opt vs_add_opts[];

#endif /* VSYN_INGEST_ADD_H */
