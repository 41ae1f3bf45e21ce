/* Feeds every file of a corpus to a fuzz target: replay_TARGET TAP-FILE FOLDER. A file that ends
 * badly ends the program; its name is the last one in the output. */
#include "tests/fuzz/fuzz.h"

static void feed(const char *dir, const char *name)
{
    char *path = vs_path_join(dir, name);
    void *data;
    size_t size;
    fprintf(stderr, "%s\n", path);
    VS_ASSERT(vs_file_read(path, &data, &size) == VS_OK);
    /* A block of exactly this size, so that AddressSanitizer sees a read beyond it. */
    uint8_t *exact = vs_new(size ? size : 1);
    memcpy(exact, data, size);
    VS_ASSERT(LLVMFuzzerTestOneInput(exact, size) == 0);
    free(exact);
    free(data);
    free(path);
}

int main(int argc, char **argv)
{
    char **names;
    int n;
    if (argc != 3) {
        fprintf(stderr, "usage: %s TAP-FILE FOLDER\n", argv[0]);
        return 2;
    }
    if (vs_dir_list(argv[2], &names, &n) != VS_OK || n == 0) {
        fprintf(stderr, "%s: no corpus: %s\n", argv[2], vs_err_detail());
        return 1;
    }
    for (int i = 0; i < n; i++)
        feed(argv[2], names[i]);
    vs_names_free(names, n);
    char *folder = vs_strf("%.*s", (int)(vs_path_base(argv[1]) - argv[1]), argv[1]);
    if (*folder && vs_dir_make(folder) != VS_OK)
        return 1;
    free(folder);
    FILE *tap = fopen(argv[1], "w");
    if (!tap)
        return 1;
    fprintf(tap, "ok - fuzz corpus of %s: %d inputs\n1..1\n", vs_path_base(argv[2]), n);
    return fclose(tap) == 0 ? 0 : 1;
}
