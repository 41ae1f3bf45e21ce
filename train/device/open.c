/* Which device: names, and the CUDA backend, which is loaded when it is asked for.
 *
 * The backend is a plugin, vsyn-cuda.so, so that a machine without a GPU needs none of its
 * libraries. It is looked for, in this order,
 *
 *     $VSYN_CUDA_PLUGIN          this file and no other, where the variable is set
 *     beside the program         a build folder, a copied folder
 *     PREFIX/lib/vsyn            where it was installed
 *
 * and stays loaded until the program ends: a driver cannot be started twice.
 */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/device/plugin.h"

/* "cuda", which leaves *index, or "cuda:N"; false when it is neither. */
static bool cuda_index(int *index, const char *name)
{
    char *end;
    if (strcmp(name, "cuda") == 0)
        return true;
    if (strncmp(name, "cuda:", 5) != 0 || name[5] < '0' || name[5] > '9')
        return false;
    const long n = strtol(name + 5, &end, 10);
    *index = (int)n;
    return *end == 0 && n < 1024;
}

vs_err vs_device_open(vs_device **out, const char *name, int n_threads)
{
    return vs_device_open_local(out, name, 0, n_threads);
}

vs_err vs_device_open_local(vs_device **out, const char *name, int local, int n_threads)
{
    int index = -1 - local;
    if (strcmp(name, "cpu") == 0)
        return vs_device_open_cpu(out, n_threads);
    if (strcmp(name, "auto") == 0)
        return vs_device_open_cuda(out, index) == VS_OK ? VS_OK
                                                        : vs_device_open_cpu(out, n_threads);
    if (cuda_index(&index, name))
        return vs_device_open_cuda(out, index);
    return VS_FAIL(VS_ERR_USAGE, "device: expected auto, cpu, cuda or cuda:N, got \"%s\"", name);
}

void vs_device_set_precision(vs_device *dev, vs_precision precision)
{
    if (precision == VS_PRECISION_AUTO)
        precision = dev->cuda || dev->roof || vs_cpu_has_bf16() ? VS_BF16 : VS_FP32;
    dev->precision = precision;
}

/* ---- The plugin -------------------------------------------------------------------- */

static char *beside_program(void)
{
    char path[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (n <= 0)
        return NULL;
    path[n] = 0;
    char *const slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    *slash = 0;
    return vs_path_join(path, VS_CUDA_PLUGIN);
}

/* Where the plugin is; NULL where it is not. The caller frees it. */
static char *find_plugin(void)
{
    const char *const told = getenv("VSYN_CUDA_PLUGIN");
    if (told && *told)
        return vs_strdup(told);
    char *path = beside_program();
    if (path && vs_path_exists(path))
        return path;
    free(path);
    path = vs_path_join(VS_PLUGIN_DIR, VS_CUDA_PLUGIN);
    if (vs_path_exists(path))
        return path;
    free(path);
    return NULL;
}

/* Is it made for this program? A struct that the two see differently would end in memory. */
static vs_err check_plugin(const vs_cuda_plugin *plugin, const char *path)
{
    if (plugin->abi != VS_CUDA_ABI || plugin->device_bytes != sizeof(vs_device))
        return VS_FAIL(VS_ERR_UNSUPPORTED,
                       "%s: belongs to another vsyn (interface %u, %u), this one has (%u, %u)",
                       path, plugin->abi, plugin->device_bytes, VS_CUDA_ABI,
                       (unsigned)sizeof(vs_device));
    return VS_OK;
}

static vs_err load_plugin(const vs_cuda_plugin **out, const char *path)
{
    void *const library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "the CUDA backend does not load: %s", dlerror());
    const vs_cuda_plugin *(*get)(void);
    *(void **)&get = dlsym(library, VS_CUDA_PLUGIN_ENTRY);
    if (!get)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "%s: is not vsyn's CUDA backend", path);
    *out = get();
    return check_plugin(*out, path);
}

vs_err vs_device_open_cuda(vs_device **out, int index)
{
    const vs_cuda_plugin *plugin = NULL;
    char why[256] = "", name[32] = "cuda";
    if (index >= 0)
        snprintf(name, sizeof(name), "cuda:%d", index);
    *out = NULL;
    char *const path = find_plugin();
    if (!path)
        return VS_FAIL(VS_ERR_UNSUPPORTED, "device %s: no CUDA backend (%s) beside the "
                       "program or in %s; use --device cpu", name, VS_CUDA_PLUGIN, VS_PLUGIN_DIR);
    vs_err err = load_plugin(&plugin, path);
    free(path);
    VS_TRY(err);
    err = plugin->open(out, index, why, sizeof(why));
    if (err != VS_OK)
        return VS_FAIL(err, "device %s: %s; use --device cpu", name, why);
    for (int i = 0; i < 2; i++)
        (*out)->cuda_ops[i] = plugin->ops[i];
    return VS_OK;
}
