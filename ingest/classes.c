/* Class names of the known data sets. Contract: ingest/classes.h */
#include "ingest/classes.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/mem.h"

static const char *const kinetics400[] = {
#include "ingest/kinetics400.h"
};
static const char *const kinetics600[] = {
#include "ingest/kinetics600.h"
};
static const char *const kinetics700[] = {
#include "ingest/kinetics700.h"
};
static const char *const ssv2[] = {
#include "ingest/ssv2.h"
};

#define SET(x) { #x, x, (int)(sizeof(x) / sizeof(*x)) }
static const struct {
    const char *set;
    const char *const *name;
    int n;
} known[] = { SET(kinetics400), SET(kinetics600), SET(kinetics700), SET(ssv2) };

/* What is left of a name when copies have rewritten it. */
static char *key_of(const char *name)
{
    char *key = vs_strdup(name), *to = key;
    for (const char *at = name; *at; at++)
        if (isalnum((unsigned char)*at) || (unsigned char)*at >= 128)
            *to++ = (char)tolower((unsigned char)*at);
    *to = 0;
    return key;
}

static int by_key(const void *a, const void *b)
{
    const vs_class_key *x = a, *y = b;
    return strcmp(x->key, y->key);
}

void vs_class_index_make(vs_class_index *out, char **name, int n)
{
    *out = (vs_class_index){ .name = name, .n = n, .key = vs_new(sizeof(vs_class_key) *
                                                                 ((size_t)n + 1)) };
    for (int i = 0; i < n; i++)
        out->key[i] = (vs_class_key){ key_of(name[i]), i };
    qsort(out->key, (size_t)n, sizeof(*out->key), by_key);
}

void vs_class_index_known(vs_class_index *out, const char *set)
{
    char **name = NULL;
    int n = 0;
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
        for (int i = 0; strcmp(known[k].set, set) == 0 && i < known[k].n; i++)
            VS_PUSH(name, n, vs_strdup(known[k].name[i]));
    VS_ASSERT(n > 0);
    vs_class_index_make(out, name, n);
}

void vs_class_index_free(vs_class_index *index)
{
    for (int i = 0; i < index->n; i++) {
        free(index->name[i]);
        free(index->key[i].key);
    }
    free(index->name);
    free(index->key);
    *index = (vs_class_index){ 0 };
}

int vs_class_find(const vs_class_index *index, const char *name)
{
    const vs_class_key wanted = { key_of(name), 0 };
    const vs_class_key *found = index->n > 0 ? bsearch(&wanted, index->key, (size_t)index->n,
                                                       sizeof(wanted), by_key) : NULL;
    free(wanted.key);
    return found ? found->label : -1;
}

const char *vs_class_near(const vs_class_index *index, const char *name)
{
    return vs_nearest(name, (const char *const *)index->name, index->n);
}

void vs_class_names(vs_listing *out, const vs_class_index *index)
{
    for (int i = 0; i < index->n; i++)
        VS_PUSH(out->class_name, out->classes, vs_strdup(index->name[i]));
}
