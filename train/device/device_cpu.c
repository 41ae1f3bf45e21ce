/* The CPU as a device: plain aligned memory; work is done when a call returns.
 *
 * Threads are OpenMP's: the operations pass the device's count to every parallel region, so
 * two devices with different counts can live side by side.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#endif

#include "base/pool.h"
#include "train/device/device_priv.h"

bool vs_cpu_has_bf16(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

#if defined(__x86_64__) && defined(__GNUC__) && defined(SYS_arch_prctl)
/* The unit's registers are 8 KB that the kernel saves for threads that use them: so it wants to
 * be asked, once for the process. */
static bool ask_for_amx(void)
{
    enum { ASK = 0x1023, TILE_DATA = 18 };             /* ARCH_REQ_XCOMP_PERM, its feature */
    const unsigned tiles = 3u << 17, osxsave = 1u << 27, amx = 1u << 22 | 1u << 24;
    unsigned a, b, c, d, low, high;
    const char *const told = getenv("VSYN_CPU");
    if ((told && strcmp(told, "avx512") == 0) || !vs_cpu_has_bf16())
        return false;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & osxsave))
        return false;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & amx) != amx)
        return false;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & tiles) == tiles && syscall(SYS_arch_prctl, ASK, TILE_DATA) == 0;
}

static bool amx_granted;
static void find_amx(void)
{
    amx_granted = ask_for_amx();
}

bool vs_cpu_has_amx(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_amx);
    return amx_granted;
}
#else
bool vs_cpu_has_amx(void)
{
    return false;
}
#endif

#define HUGE_PAGE ((size_t)2 << 20)

/* Large blocks ask for large pages: a product walks over rows that lie kilobytes apart. */
static void *cpu_take(vs_device *dev, size_t bytes)
{
    const bool large = bytes >= 4 * HUGE_PAGE;
    void *at = NULL;
    if (posix_memalign(&at, large ? HUGE_PAGE : VS_DEVICE_ALIGN, bytes) != 0)
        return NULL;
    if (large)
        (void)madvise(at, bytes, MADV_HUGEPAGE);       /* a wish: without it only slower */
    return memset(at, 0, bytes);
}

static void cpu_give(vs_device *dev, void *block)
{
    free(block);
}

static void cpu_copy_in(vs_device *dev, void *dst, const void *host, size_t bytes)
{
    memcpy(dst, host, bytes);
}

static void cpu_zero(vs_device *dev, void *dst, size_t bytes)
{
    memset(dst, 0, bytes);
}

static void cpu_copy_out(vs_device *dev, void *host, const void *src, size_t bytes)
{
    memcpy(host, src, bytes);
}

static void cpu_wait(vs_device *dev)
{
}

/* Threads that wait for each other must sleep. By default they spin, and as soon as there are
 * more busy threads than CPUs (workers that make batches, another program) a step takes ten
 * times as long and more. The OpenMP runtime reads its settings once, while it is loaded and
 * before any code of ours runs: so the program sets the variable and starts itself again, in
 * the same process. Whoever sets one of the two variables chooses otherwise. */
__attribute__((constructor)) static void let_waiting_threads_sleep(int argc, char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || getenv("GOMP_SPINCOUNT"))
        return;
    /* By its own path, so that ps shows its name. Should it fail, it is merely slower. */
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n <= 0 || setenv("OMP_WAIT_POLICY", "passive", 1) != 0)
        return;
    path[n] = 0;
    execv(path, argv);
}

static const vs_device_kind cpu_kind = {
    .take = cpu_take,
    .give = cpu_give,
    .upload = cpu_copy_in,
    .zero = cpu_zero,
    .download = cpu_copy_out,
    .wait = cpu_wait,
};

vs_err vs_device_open_cpu(vs_device **out, int n_threads)
{
    char name[64];
    const int threads = n_threads > 0 ? n_threads : vs_cpu_count();
    snprintf(name, sizeof(name), "cpu, %d thread%s", threads, threads == 1 ? "" : "s");
    *out = vs_device_new(&cpu_kind, false, threads, name);
    return VS_OK;
}
