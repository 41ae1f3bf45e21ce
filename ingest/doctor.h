/* Settings of vsyn-ingest doctor and their table of options. */
#ifndef VSYN_INGEST_DOCTOR_H
#define VSYN_INGEST_DOCTOR_H

#include "ingest/add.h"

typedef struct vs_doctor_settings {
    vs_add_settings add;           /* which list; opens with the common settings */
    const char *store;
    int show;
} vs_doctor_settings;

extern const vs_opt vs_doctor_opts[];

#endif /* VSYN_INGEST_DOCTOR_H */
