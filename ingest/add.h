/* Settings of vsyn-ingest add and their table of options. */
#ifndef VSYN_INGEST_ADD_H
#define VSYN_INGEST_ADD_H

#include "base/cli.h"
#include "ingest/ingest.h"

typedef struct vs_add_settings {
    vs_common common;
    const char *list, *folder, *dataset, *root, *annotations, *split, *classes, *name;
    int fold, encoding, quality, short_side;
    double test_share, fps, max_seconds, timeout, frame_rate;
    int format;
    bool retry, unlabelled;
} vs_add_settings;

extern const vs_opt vs_add_opts[];

/* Shared with doctor: usage, the list that is meant, the name of its data set (caller frees). */
vs_err vs_add_check(const vs_call *call, const vs_add_settings *settings);
vs_err vs_add_listing(vs_listing *out, const vs_add_settings *settings);
char *vs_add_name(const vs_add_settings *settings);

#endif /* VSYN_INGEST_ADD_H */
