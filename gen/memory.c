/* Memory of this process. /proc/self/status and not getrusage, whose peak includes that of
 * the program that started this one. */
#include "gen/memory.h"

#include <stdio.h>
#include <string.h>

static double status_line(const char *name)
{
    char line[256];
    unsigned long long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    if (!f)
        return 0;
    while (fgets(line, sizeof(line), f))
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), " %llu kB", &kb);
    fclose(f);
    return 1024.0 * (double)kb;
}

double vs_memory_now(void)
{
    return status_line("VmRSS:");
}

double vs_memory_peak(void)
{
    return status_line("VmHWM:");
}
