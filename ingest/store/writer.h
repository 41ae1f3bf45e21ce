/* What writer.c (index, sets, lists) and clip.c (frames, packs) share. */
#ifndef VSYN_INGEST_STORE_WRITER_H
#define VSYN_INGEST_STORE_WRITER_H

#include <pthread.h>

#include "ingest/store/db.h"
#include "ingest/store/pack.h"
#include "ingest/store/store.h"

struct vs_writer {
    char *path;
    vs_writer_options options;
    int lock_fd;                   /* STORE/lock */
    pthread_mutex_t lock;          /* over everything below */
    vs_db db;
    bool batch;                    /* a transaction of members is open */
    sqlite3_stmt *member, *label, *state;
    int64_t pack, end;             /* the open pack, its committed bytes */
    int pack_fd;
};

/* With the lock held: ends the transaction of members, when there is one. */
vs_err vs_writer_flush(vs_writer *writer);
/* With the lock held: the next pack is begun when `bytes` more would make this one too big. */
vs_err vs_writer_room(vs_writer *writer, int64_t bytes);

/* IO when there is no store at path: for writers that must not make one. */
vs_err vs_store_must_exist(const char *path);

#endif /* VSYN_INGEST_STORE_WRITER_H */
