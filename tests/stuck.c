/* For LD_PRELOAD: files that stand for a dead disk and for a decoder that loops, by their names.
 *
 *     *stall*    reads never have anything yet (EAGAIN): the libraries ask whether to go on
 *     *fades*    the same after 800,000 bytes
 *     *hang*     the first read does not come back
 *     *deaf*     the decoder does not come back from its 20th packet
 *     *trial*    the decoder does not come back from its 90th packet
 *     *dull*     the decoder takes its 90th packet and all behind it slowly, and gives nothing
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local int packets_left = -1;
static _Thread_local int dull;
static _Thread_local size_t bytes_read;

static void sleep_for_ever(void)
{
    for (;;)
        pause();
}

static int named(int fd, const char *word)
{
    char link[64], path[4096];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    const ssize_t n = readlink(link, path, sizeof(path) - 1);
    if (n <= 0)
        return 0;
    path[n] = 0;
    return strstr(path, word) != NULL;
}

ssize_t read(int fd, void *data, size_t n)
{
    if (named(fd, "hang"))
        sleep_for_ever();
    if (lseek(fd, 0, SEEK_CUR) == 0)
        bytes_read = 0;
    bytes_read += n;
    if (named(fd, "stall") || (named(fd, "fades") && bytes_read > 800000)) {
        errno = EAGAIN;
        return -1;
    }
    dull = named(fd, "dull");
    if (!dull && !named(fd, "deaf") && !named(fd, "trial"))
        packets_left = -1;
    else if (packets_left < 0)
        packets_left = named(fd, "deaf") ? 20 : 90;
    return syscall(SYS_read, fd, data, n);
}

/* Of libavcodec, which libavformat asks for frames, too. */
int avcodec_send_packet(void *codec, const void *packet);
int avcodec_send_packet(void *codec, const void *packet)
{
    int (*next)(void *, const void *);
    *(void **)&next = dlsym(RTLD_NEXT, "avcodec_send_packet");
    if (dull && packets_left == 0) {
        usleep(100000);
        return 0;
    }
    if (packets_left >= 0 && packets_left-- == 0)
        sleep_for_ever();
    return next(codec, packet);
}
