/* Runs a program and kills it, as kill -9 does, at an exact moment of its work on files:
 *
 *     kill_at N PROGRAM ARG...
 *
 * when any of its threads is about to make the N-th system call that changes a file or a folder
 * (write, rename, fsync, unlink, ...), before the call is carried out. Exit 0: killed there; 3: the
 * program ended before, with status 0; 4: it ended with another status; 77: tracing is not allowed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/ptrace.h>

static int changes_files(unsigned long long call)
{
    static const long calls[] = {
        SYS_write, SYS_pwrite64, SYS_writev, SYS_renameat, SYS_renameat2, SYS_unlinkat, SYS_mkdirat,
        SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_fallocate, SYS_linkat,
#ifdef SYS_rename
        SYS_rename, SYS_unlink, SYS_mkdir, SYS_link,
#endif
    };
    for (size_t k = 0; k < sizeof(calls) / sizeof(*calls); k++)
        if (call == (unsigned long long)calls[k])
            return 1;
    return 0;
}

/* Is this stop the entry of such a call? */
static int counts(pid_t thread)
{
    struct ptrace_syscall_info info;
    return ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof(info), &info) > 0 &&
           info.op == PTRACE_SYSCALL_INFO_ENTRY && changes_files(info.entry.nr);
}

static int follow(pid_t program, long moment)
{
    int status;
    for (pid_t thread; (thread = waitpid(-1, &status, __WALL)) > 0;) {
        if (!WIFSTOPPED(status)) {
            if (thread == program)
                return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 3 : 4;
            continue;
        }
        const int sig = WSTOPSIG(status);
        if (sig == (SIGTRAP | 0x80) && counts(thread) && --moment <= 0) {
            kill(program, SIGKILL);
            while (waitpid(-1, &status, __WALL) > 0)
                ;
            return 0;
        }
        const int ours = sig == (SIGTRAP | 0x80) || sig == SIGTRAP || sig == SIGSTOP;
        ptrace(PTRACE_SYSCALL, thread, 0, (long)(ours ? 0 : sig));
    }
    return 4;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: kill_at N PROGRAM ARG...\n");
        return 2;
    }
    int status;
    const pid_t program = fork();
    if (program == 0) {
        if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
            _exit(77);
        raise(SIGSTOP);
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (program < 0 || waitpid(program, &status, 0) != program || !WIFSTOPPED(status))
        return 77;
    if (ptrace(PTRACE_SETOPTIONS, program, 0,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE) != 0)
        return 77;
    ptrace(PTRACE_SYSCALL, program, 0, 0);
    return follow(program, strtol(argv[1], NULL, 10));
}
