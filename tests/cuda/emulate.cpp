/* Blocks of threads on the CPU: the device half of tests/cuda/include/cuda_runtime.h.
 *
 * The threads of a block are fibers of one host thread, each run until it waits. A fiber whose
 * thread came to its end takes the next thread that has not begun, so a kernel without barriers
 * runs in one fiber, as a loop. Lanes that meet (shuffle, ballot, __syncwarp) leave what they
 * bring; the last to come works the answers out for all. */
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include <sys/mman.h>

#include "emulate.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define STACK ((size_t)256 << 10)
#else
#define STACK ((size_t)64 << 10)
#endif

vs_emulated_thread vs_emulated;

/* ---- Fibers -------------------------------------------------------------------------- */

/* vs_emulated_switch(&here, there): store the registers that a call keeps on this stack and its
 * pointer in `here`, take the others from `there`. */
#if defined(__x86_64__)
extern "C" void vs_emulated_switch(void **here, void *there);
__asm__(".text\n"
        ".type vs_emulated_switch, @function\n"
        "vs_emulated_switch:\n"
        "    pushq %rbp\n    pushq %rbx\n    pushq %r12\n"
        "    pushq %r13\n    pushq %r14\n    pushq %r15\n"
        "    movq %rsp, (%rdi)\n    movq %rsi, %rsp\n"
        "    popq %r15\n    popq %r14\n    popq %r13\n"
        "    popq %r12\n    popq %rbx\n    popq %rbp\n"
        "    ret\n"
        ".size vs_emulated_switch, .-vs_emulated_switch\n");
#else
#include <ucontext.h>
#endif

enum state { READY, MEETING, BARRIER, ENDED };

struct meeting {
    vs_emulated_meeting what;
    unsigned mask;
    int from;
    uint64_t value;
    const char *file;
    int line;
};

/* A thread of the block that runs. */
struct thread {
    state is;
    meeting at;                    /* where it waits, and what it was given there */
};

struct fiber {
    char *stack;
#if defined(__x86_64__)
    void *sp;
#else
    ucontext_t context;
#endif
    int thread;                    /* -1: idle */
    void *fake;                    /* AddressSanitizer's */

    ~fiber() { if (stack) munmap(stack - 4096, STACK + 4096); }
};

/* The block that runs, and the fibers of all. */
static struct {
    const char *kernel;
    const std::function<void()> *body;
    uint3 block;
    dim3 threads, blocks;
    void *shared;
    bool reverse;
    std::vector<thread> list;
    int begun, ended;
    int now;                       /* thread */
    std::vector<std::unique_ptr<fiber>> fibers;
    fiber *running, scheduler;
    const void *scheduler_stack;
    size_t scheduler_bytes;
} run;

[[noreturn]] static void stop(const char *what, const meeting *a, const meeting *b)
{
    fprintf(stderr, "kernel %s, block (%u, %u, %u): %s", run.kernel, run.block.x, run.block.y,
            run.block.z, what);
    if (a)
        fprintf(stderr, ": %s:%d", a->file, a->line);
    if (b)
        fprintf(stderr, " and %s:%d", b->file, b->line);
    fprintf(stderr, "\n");
    abort();
}

static void switch_to(fiber *to)
{
    fiber *const from = run.running;
    run.running = to;
#if defined(__SANITIZE_ADDRESS__)
    const bool home = to == &run.scheduler;
    __sanitizer_start_switch_fiber(&from->fake, home ? run.scheduler_stack : to->stack,
                                   home ? run.scheduler_bytes : STACK);
#endif
#if defined(__x86_64__)
    vs_emulated_switch(&from->sp, to->sp);
#else
    swapcontext(&from->context, &to->context);
#endif
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(from->fake, nullptr, nullptr);
#endif
}

/* The order in which threads and blocks are taken. */
static int ordered(int i, int n)
{
    return run.reverse ? n - 1 - i : i;
}

static void become(int thread)
{
    const unsigned t = (unsigned)thread, x = run.threads.x, y = run.threads.y;
    run.now = thread;
    vs_emulated.thread = { t % x, t / x % y, t / (x * y) };
}

/* What a fiber does for ever: one thread after the other. */
static void fiber_main()
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &run.scheduler_stack, &run.scheduler_bytes);
#endif
    for (;;) {
        fiber *const me = run.running;
        const int n = (int)run.list.size();
        while (run.begun < n) {
            me->thread = ordered(run.begun++, n);
            become(me->thread);
            (*run.body)();
            run.list[(size_t)me->thread].is = ENDED;
            run.ended++;
        }
        me->thread = -1;
        switch_to(&run.scheduler);
    }
}

static fiber *fiber_new()
{
    fiber *const f = new fiber();
    void *const at = mmap(nullptr, STACK + 4096, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED || mprotect(at, 4096, PROT_NONE) != 0)
        stop("no memory for its threads", nullptr, nullptr);
    f->stack = (char *)at + 4096;
    f->thread = -1;
#if defined(__x86_64__)
    /* As if vs_emulated_switch had been called by fiber_main: six registers, where to return. */
    void **const top = (void **)(f->stack + STACK) - 2;
    top[0] = (void *)fiber_main;
    top[1] = nullptr;
    f->sp = top - 6;
#else
    getcontext(&f->context);
    f->context.uc_stack.ss_sp = f->stack;
    f->context.uc_stack.ss_size = STACK;
    makecontext(&f->context, fiber_main, 0);
#endif
    return f;
}

static void resume(fiber *f)
{
    if (f->thread >= 0)
        become(f->thread);
    switch_to(f);
}

/* ---- Waiting ------------------------------------------------------------------------- */

static uint64_t wait(state is, const meeting &at)
{
    const int me = run.now;
    run.list[(size_t)me].is = is;
    run.list[(size_t)me].at = at;
    switch_to(&run.scheduler);
    return run.list[(size_t)me].at.value;
}

int vs_emulated_lane()
{
    return run.now % 32;
}

/* Gives every lane of the meeting its answer; `warp` is the first thread's number. */
static void answer(int warp, unsigned mask, meeting *const at[32])
{
    uint64_t value[32] = { 0 }, bits = 0;
    for (int l = 0; l < 32; l++)
        if (mask >> l & 1) {
            value[l] = at[l]->value;
            bits |= (value[l] & 1) << l;
        }
    for (int l = 0; l < 32; l++) {
        if (!(mask >> l & 1))
            continue;
        if (at[l]->what == VS_BALLOT)
            at[l]->value = bits;
        else if (at[l]->what == VS_SHUFFLE) {
            if (!(mask >> at[l]->from & 1))
                stop("a shuffle reads a lane that its mask does not name", at[l], nullptr);
            at[l]->value = value[at[l]->from];
        }
        run.list[(size_t)(warp + l)].is = READY;
    }
}

uint64_t vs_emulated_meet(vs_emulated_meeting what, unsigned mask, int from, uint64_t value,
                          const char *file, int line)
{
    const int me = run.now, warp = me / 32 * 32, n = (int)run.list.size();
    meeting mine = { what, mask, from, value, file, line };
    meeting *at[32] = { nullptr };
    /* Lanes that a block of fewer than 32 threads has not do not count. */
    if (n - warp < 32)
        mask &= (1u << (n - warp)) - 1;
    if (!(mask >> (me - warp) & 1))
        stop("a lane is not in the mask of its own call", &mine, nullptr);
    for (int l = 0; l < 32; l++) {
        if (!(mask >> l & 1) || warp + l == me)
            continue;
        thread *const other = &run.list[(size_t)(warp + l)];
        if (other->is == ENDED)
            stop("a lane has ended that others wait for", &mine, nullptr);
        if (other->is == BARRIER)
            stop("lanes of a warp wait in different places", &mine, &other->at);
        if (other->is != MEETING)
            return wait(MEETING, mine);        /* the last to come answers */
        if (other->at.line != line || strcmp(other->at.file, file) != 0 ||
            other->at.mask != mine.mask || other->at.what != what)
            stop("lanes of a warp wait in different places", &mine, &other->at);
        at[l] = &other->at;
    }
    at[me - warp] = &mine;
    answer(warp, mask, at);
    return mine.value;
}

void vs_emulated_barrier(const char *file, int line)
{
    (void)wait(BARRIER, { VS_MEET, 0, 0, 0, file, line });
}

/* All threads that have not ended stand at a barrier: the same one? Then on. */
static void open_barrier()
{
    const meeting *first = nullptr;
    for (thread &t : run.list) {
        if (t.is == ENDED)
            continue;
        if (t.is != BARRIER)
            stop("threads wait for ever", &t.at, first);
        if (first && (first->line != t.at.line || strcmp(first->file, t.at.file) != 0))
            stop("threads of the block wait at different barriers", &t.at, first);
        first = &t.at;
    }
    for (thread &t : run.list)
        if (t.is == BARRIER)
            t.is = READY;
}

/* ---- A launch ------------------------------------------------------------------------ */

/* The linker's names for all that is __shared__ in this library. */
extern "C" {
extern char __start_vs_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_vs_shared[] __attribute__((weak, visibility("hidden")));
}

__attribute__((no_sanitize("address", "undefined"))) static void forget_shared(size_t bytes)
{
    for (volatile char *p = __start_vs_shared; p && p < __stop_vs_shared; p++)
        *p = -1;
    if (bytes)
        memset(run.shared, -1, bytes);
}

static void run_block()
{
    const int n = (int)run.list.size();
    run.begun = run.ended = 0;
    for (thread &t : run.list)
        t = thread();
    while (run.ended < n) {
        bool moved = false;
        for (size_t i = 0; i < run.fibers.size(); i++) {
            fiber *const f = run.fibers[i].get();
            if (f->thread < 0 ? run.begun < n : run.list[(size_t)f->thread].is == READY) {
                resume(f);
                moved = true;
            }
        }
        if (!moved && run.begun < n)
            run.fibers.emplace_back(fiber_new());
        else if (!moved && run.ended < n)
            open_barrier();
    }
}

void vs_emulated_run(const vs_emulated_kernel *k)
{
    const int n = (int)(k->threads.x * k->threads.y * k->threads.z);
    const int64_t blocks = (int64_t)k->blocks.x * k->blocks.y * k->blocks.z;
    const char *const order = getenv("VSYN_EMULATED_ORDER");
    run.kernel = k->name;
    run.body = &k->body;
    run.threads = k->threads;
    run.blocks = k->blocks;
    run.reverse = order && strcmp(order, "reverse") == 0;
    run.list.assign((size_t)n, thread());
    run.shared = k->shared ? aligned_alloc(16, (k->shared + 15) / 16 * 16) : nullptr;
    run.running = &run.scheduler;
    vs_emulated.threads = k->threads;
    vs_emulated.blocks = k->blocks;
    vs_emulated.shared = run.shared;
    for (int64_t i = 0; i < blocks; i++) {
        const unsigned b = (unsigned)(run.reverse ? blocks - 1 - i : i);
        run.block = { b % k->blocks.x, b / k->blocks.x % k->blocks.y,
                      b / (k->blocks.x * k->blocks.y) };
        vs_emulated.block = run.block;
        forget_shared(k->shared);
        run_block();
    }
    free(run.shared);
}
