/* The operations that change files, counted, and a process killed at the n-th of them.
 *
 * Linked into a test it replaces libc's functions for the program and for SQLite alike; as a
 * library for LD_PRELOAD (tests/tools) it takes its number from the environment:
 *     VSYN_KILL_AT=N     SIGKILL in the middle of operation N: half of the bytes are written
 *     VSYN_FULL_AT=N     from operation N on no write succeeds: the disk is full
 *     VSYN_COUNT=FILE    the number of operations goes to FILE at the end
 * Flushing to disk is counted but not done: a kill, unlike a power cut, does not need it.
 */
#undef _FILE_OFFSET_BITS         /* pwrite and pwrite64 are two names here */
#include "tests/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Atomic long count;
static long kill_at, full_at;

void fault_arm(long at_kill, long at_full)
{
    count = 0;
    kill_at = at_kill;
    full_at = at_full;
}

long fault_count(void)
{
    return count;
}

__attribute__((constructor)) static void from_environment(void)
{
    const char *k = getenv("VSYN_KILL_AT"), *f = getenv("VSYN_FULL_AT");
    fault_arm(k ? atol(k) : 0, f ? atol(f) : 0);
}

__attribute__((destructor)) static void tell(void)
{
    const char *path = getenv("VSYN_COUNT");
    FILE *f = path ? fopen(path, "w") : NULL;
    if (!f)
        return;
    fprintf(f, "%ld\n", (long)count);
    fclose(f);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    for (;;)
        pause();
}

/* True: this operation is the last one. */
static int begin(void)
{
    return ++count == kill_at;
}

static int full(void)
{
    return full_at > 0 && count >= full_at;
}

static ssize_t put(int fd, const void *data, size_t n, off_t offset)
{
    if (begin()) {
        syscall(SYS_pwrite64, fd, data, n / 2, offset);
        die();
    }
    if (full()) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, n, offset);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at) { return put(fd, data, n, at); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at) { return put(fd, data, n, at); }

static int cut(int fd, off_t size)
{
    if (begin())
        die();
    return (int)syscall(SYS_ftruncate, fd, size);
}

int ftruncate(int fd, off_t size) { return cut(fd, size); }
int ftruncate64(int fd, off64_t size) { return cut(fd, size); }

int fsync(int fd)
{
    if (begin())
        die();
    return 0;
}

int fdatasync(int fd)
{
    return fsync(fd);
}

int unlink(const char *path)
{
    if (begin())
        die();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
