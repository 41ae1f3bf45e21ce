/* The class names of the known data sets, numbered as the field numbers them (annotations/). */
#ifndef VSYN_INGEST_CLASSES_H
#define VSYN_INGEST_CLASSES_H

#include "ingest/ingest.h"

typedef struct vs_class_key {
    char *key;                     /* letters and digits alone, small */
    int label;
} vs_class_key;

typedef struct vs_class_index {
    char **name;                   /* (n) by label */
    vs_class_key *key;             /* (n) sorted */
    int n;
} vs_class_index;

/* set: kinetics400, kinetics600, kinetics700, ssv2. */
void vs_class_index_known(vs_class_index *out, const char *set);
/* Takes over the names; name i has label i. */
void vs_class_index_make(vs_class_index *out, char **name, int n);
void vs_class_index_free(vs_class_index *index);
/* The label of a name, -1 when there is none like it. */
int vs_class_find(const vs_class_index *index, const char *name);
/* A name that may have been meant, or NULL. */
const char *vs_class_near(const vs_class_index *index, const char *name);
/* Gives a listing the names. */
void vs_class_names(vs_listing *out, const vs_class_index *index);

#endif /* VSYN_INGEST_CLASSES_H */
