/* Runs a command; its peak of resident memory in KiB goes to a file. Exits as the command does.
 * Usage: peak FILE COMMAND [ARG ...] */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int status;
    struct rusage used;
    if (argc < 3)
        return 2;
    const pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child ||
        getrusage(RUSAGE_CHILDREN, &used) != 0)
        return 126;
    FILE *f = fopen(argv[1], "w");
    if (!f || fprintf(f, "%ld\n", used.ru_maxrss) < 0 || fclose(f) != 0)
        return 126;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 125;
}
