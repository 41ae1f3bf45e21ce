/* What the files of the store share: the opened index in memory. */
#ifndef VSYN_INGEST_STORE_PRIVATE_H
#define VSYN_INGEST_STORE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "ingest/store/db.h"
#include "ingest/store/pack.h"
#include "ingest/store/store.h"

/* A row of `clip` without its texts. */
typedef struct vs_entry {
    int64_t id, pack, offset, bytes;
    uint64_t table_sum;
    int frames, W, H;
    double fps;
    vs_encoding encoding;
    bool variable;                 /* the index has its times */
} vs_entry;

struct vs_store {
    char *path;
    vs_db db;                      /* used by one thread at a time: lock */
    pthread_mutex_t lock;
    vs_entry *entry;               /* (n), by id; what was committed when the store was opened */
    int64_t n;
    int64_t packs;                 /* largest pack number in use */
    atomic_int *pack_fd;           /* (packs + 1), -1 until first read */
    char **names;                  /* handed out by vs_store_clip() */
    int n_names;
    const vs_copy_reader *copy;    /* NULL: this program has no FFmpeg */
};

/* NULL when the clip is not in the store. */
const vs_entry *vs_store_entry(const vs_store *store, int64_t id);
/* Descriptor of a pack, opened at first use, by any thread without a lock. */
vs_err vs_store_pack(int *fd, vs_store *store, int64_t pack);
/* The same facts for a caller; name is the caller's business. */
vs_clip vs_entry_clip(const vs_entry *entry, int label, const char *name);

const char *vs_encoding_name(vs_encoding encoding);

#endif /* VSYN_INGEST_STORE_PRIVATE_H */
