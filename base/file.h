/* Files: whole reads, atomic writes, folders, free space, locks.
 *
 * Nothing appears under its final name before it is complete: an atomic file is
 * written as NAME.tmp-PID, flushed to disk and renamed. What a killed run leaves
 * behind are .tmp- files, which nobody reads and the next run may delete.
 *
 * Errors: IO, with the path and the system's reason in the message.
 */
#ifndef VSYN_BASE_FILE_H
#define VSYN_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* The whole file, with a zero byte after it; the caller frees *data. */
vs_err vs_file_read(const char *path, void **data, size_t *size);

/* Read-only map of a whole file; *data is NULL for an empty one. */
typedef struct vs_map {
    const uint8_t *data;
    size_t size;
} vs_map;
vs_err vs_map_open(vs_map *map, const char *path);
void vs_map_close(vs_map *map);

/* Write all of it or nothing. */
vs_err vs_file_write(const char *path, const void *data, size_t size);

/* The same for a stream: open, fprintf/fwrite on `f`, then commit or abort.
 * Commit reports any write error that happened on the way (full disk). */
typedef struct vs_atomic {
    FILE *f;
    char *path, *tmp;
} vs_atomic;
vs_err vs_atomic_open(vs_atomic *a, const char *path);
vs_err vs_atomic_commit(vs_atomic *a);
void vs_atomic_abort(vs_atomic *a);      /* after commit or a failed open: no effect */

/* The name that an unfinished `path` is written under; the caller frees it. */
char *vs_tmp_name(const char *path);
/* Flush `tmp` to disk and give it its final name. */
vs_err vs_file_publish(const char *tmp, const char *path);
/* Delete what killed runs left in `dir` (names with .tmp- in them whose process is gone). */
void vs_tmp_clean(const char *dir);

bool vs_path_exists(const char *path);
bool vs_path_is_dir(const char *path);
int64_t vs_file_size(const char *path);              /* -1 when there is none */
char *vs_path_join(const char *dir, const char *name);   /* caller frees */
const char *vs_path_base(const char *path);              /* after the last slash */
const char *vs_path_ext(const char *path);               /* "mp4"; "" when none */

vs_err vs_dir_make(const char *path);                /* with its parents */
/* Entries without "." and "..", sorted by bytes; free with vs_names_free(). */
vs_err vs_dir_list(const char *path, char ***names, int *n);
void vs_names_free(char **names, int n);
vs_err vs_disk_free(const char *path, uint64_t *bytes);

/* An exclusive lock on a file that is created when missing. Busy: IO, "... is in
 * use by another process". The lock goes with the process. */
vs_err vs_lock_take(int *fd, const char *path);
void vs_lock_release(int *fd);

#endif /* VSYN_BASE_FILE_H */
