/* What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(): it is linked
 * with libFuzzer (tests/fuzz/run) or with replay.c, which feeds it the corpus in ordinary tests.
 * Whatever the bytes are, a target must end: with VS_OK and a sound result, or with an error
 * whose message is one line.
 */
#ifndef VSYN_TESTS_FUZZ_FUZZ_H
#define VSYN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A new empty folder, below $TMPDIR or in memory; the process removes it at its end (fuzz_rm). */
static inline char *fuzz_dir(void)
{
    const char *root = getenv("TMPDIR");
    char *path = vs_strf("%s/vsyn-fuzz-XXXXXX", root && *root ? root : "/dev/shm");
    VS_ASSERT(mkdtemp(path));
    vs_log_quiet(true);
    return path;
}

static inline void fuzz_rm(const char *path)
{
    char *command = vs_strf("rm -rf '%s'", path);
    if (system(command) != 0)
        fprintf(stderr, "%s: not removed\n", path);
    free(command);
}

/* dir/name with these bytes; not flushed, nobody else reads it. */
static inline void fuzz_put(const char *dir, const char *name, const void *data, size_t size)
{
    char *path = vs_path_join(dir, name);
    FILE *f = fopen(path, "wb");
    VS_ASSERT(f && fwrite(data, 1, size, f) == size && fclose(f) == 0);
    free(path);
}

/* A failure says why, in one line. */
static inline void fuzz_verdict(vs_err err)
{
    if (err == VS_OK)
        return;
    VS_ASSERT(strcmp(vs_err_name(err), "?") != 0 && *vs_err_detail());
    VS_ASSERT(!strpbrk(vs_err_detail(), "\n\r\033"));
}

#endif /* VSYN_TESTS_FUZZ_FUZZ_H */
