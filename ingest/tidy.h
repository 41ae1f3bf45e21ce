/* Settings of vsyn-ingest remove and compact, and their tables of options. */
#ifndef VSYN_INGEST_TIDY_H
#define VSYN_INGEST_TIDY_H

#include "base/cli.h"

typedef struct vs_remove_settings {
    vs_common common;
    const char *clip, *dataset, *name, *split, *class_name;
    bool failed, dry_run;
} vs_remove_settings;

extern const vs_opt vs_remove_opts[], vs_compact_opts[];

#endif /* VSYN_INGEST_TIDY_H */
