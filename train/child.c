/* See child.h. */
#include "train/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* `theirs` becomes the child's standard input or output. */
static int spawn(vs_child *c, const char *const *argv, bool write, int theirs)
{
    posix_spawn_file_actions_t act;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawn_file_actions_init(&act);
    if (!write)
        posix_spawn_file_actions_addopen(&act, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&act, theirs, write ? 0 : 1);
    posix_spawn_file_actions_adddup2(&act, c->said, 2);
    const int bad = posix_spawnp(&c->pid, argv[0], &act, &attr, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&act);
    posix_spawnattr_destroy(&attr);
    return bad;
}

vs_err vs_child_start(vs_child *child, const char *const *argv, const char *mode,
                      const char *what)
{
    const bool write = *mode == 'w';
    int ends[2];
    *child = (vs_child){ .name = argv[0], .said = memfd_create("said", MFD_CLOEXEC) };
    if (child->said < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        const vs_err err = VS_FAIL(VS_ERR_IO, "cannot open a pipe: %s", strerror(errno));
        if (child->said >= 0)
            close(child->said);
        return err;
    }
    const int bad = spawn(child, argv, write, ends[!write]);
    close(ends[!write]);
    child->pipe = bad ? NULL : fdopen(ends[write], mode);
    if (!child->pipe) {
        close(ends[write]);
        close(child->said);
        return VS_FAIL(VS_ERR_UNSUPPORTED, "%s needs the program %s: %s", what, argv[0],
                       strerror(bad ? bad : errno));
    }
    /* A program that ends early is told by its status, not by a signal. */
    child->on_pipe = signal(SIGPIPE, SIG_IGN);
    return VS_OK;
}

static int finish(vs_child *c)
{
    int status = 0;
    fclose(c->pipe);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    signal(SIGPIPE, c->on_pipe);
    return status;
}

vs_err vs_child_end(vs_child *child, const char *what)
{
    char line[256];
    const int status = finish(child);
    const ssize_t n = pread(child->said, line, sizeof(line) - 1, 0);
    close(child->said);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return VS_OK;
    line[n > 0 ? n : 0] = 0;
    line[strcspn(line, "\n")] = 0;
    return VS_FAIL(VS_ERR_CODEC, "%s: %s says: %s", what, child->name, *line ? line : "nothing");
}

void vs_child_kill(vs_child *child)
{
    kill(child->pid, SIGKILL);
    finish(child);
    close(child->said);
}
