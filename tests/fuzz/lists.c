/* Fuzz target: readers of lists. The first byte says which, the rest are its files, one after the
 * other with form feeds between them:
 *
 *     a auto  l path label  f path frames label  p path  c comma     the list, class names
 *     k Kinetics        train.csv, test.csv
 *     s SSv2            labels.json, train.json, test.json, test-answers.csv
 *     u UCF101          classInd.txt, trainlist01.txt, testlist01.txt, the same two of fold 2
 *     h HMDB51          run_test_split1.txt, "wave hands_test_split1.txt", the same of split 2
 */
#include "ingest/ingest.h"
#include "tests/fuzz/fuzz.h"

static char *dir;                  /* of the process: videos, and the lists of one input */
enum { FILES = 5 };

static const struct kind {
    char letter;
    const char *file[FILES];
} kinds[] = {
    { 'a', { "list.txt", "classes.txt" } },
    { 'l', { "list.txt", "classes.txt" } },
    { 'f', { "list.txt", "classes.txt" } },
    { 'p', { "list.txt", "classes.txt" } },
    { 'c', { "list.txt", "classes.txt" } },
    { 'k', { "train.csv", "test.csv" } },
    { 's', { "labels.json", "train.json", "test.json", "test-answers.csv" } },
    { 'u', { "classInd.txt", "trainlist01.txt", "testlist01.txt", "trainlist02.txt",
             "testlist02.txt" } },
    { 'h', { "run_test_split1.txt", "wave hands_test_split1.txt", "run_test_split2.txt",
             "wave hands_test_split2.txt" } },
};

static void clean(void)
{
    fuzz_rm(dir);
    free(dir);
}

static void begin(void)
{
    if (dir)
        return;
    dir = fuzz_dir();
    atexit(clean);
    char *root = vs_path_join(dir, "root/run"), *lists = vs_path_join(dir, "lists");
    VS_ASSERT(vs_dir_make(root) == VS_OK && vs_dir_make(lists) == VS_OK);
    fuzz_put(dir, "root/a.mp4", "", 0);
    fuzz_put(dir, "root/run/a clip.avi", "", 0);
    free(root);
    free(lists);
}

/* The files of an input into the folder; the others of its kind are not there. */
static void spread(const struct kind *k, const char *lists, const uint8_t *data, size_t size)
{
    const uint8_t *const end = data + size;
    for (int i = 0; i < FILES && k->file[i]; i++) {
        const uint8_t *stop = data ? memchr(data, '\f', (size_t)(end - data)) : NULL;
        if (data)
            fuzz_put(lists, k->file[i], data, (size_t)((stop ? stop : end) - data));
        data = stop ? stop + 1 : NULL;
    }
}

static void sweep(const struct kind *k, const char *lists)
{
    for (int i = 0; i < FILES && k->file[i]; i++) {
        char *path = vs_path_join(lists, k->file[i]);
        unlink(path);
        free(path);
    }
}

static vs_err read_listing(vs_listing *out, char letter, const char *root, const char *lists)
{
    static const char letters[] = "alfpc";
    static const vs_list_format formats[] = { VS_LIST_AUTO, VS_LIST_PATH_LABEL,
                                              VS_LIST_PATH_FRAMES_LABEL, VS_LIST_PATH,
                                              VS_LIST_COMMA };
    const char *const simple = strchr(letters, letter);
    if (simple) {
        char *list = vs_path_join(lists, "list.txt"), *names = vs_path_join(lists, "classes.txt");
        const vs_err err = vs_list_file_as(out, list, formats[simple - letters], root, NULL,
                                           vs_path_exists(names) ? names : NULL);
        free(list);
        free(names);
        return err;
    }
    switch (letter) {
    case 'k': return vs_list_kinetics(out, "kinetics400", root, lists);
    case 's': return vs_list_ssv2(out, root, lists);
    case 'u': return vs_list_ucf101(out, root, lists, 0);
    default: return vs_list_hmdb51(out, root, lists, 0);
    }
}

/* What the run relies on. */
static void check_listing(const vs_listing *l)
{
    const size_t splits = sizeof(l->split) / sizeof(*l->split);
    VS_ASSERT(l->n > 0 && l->classes >= 0);
    for (int i = 0; i < l->n; i++) {
        const vs_item *item = &l->item[i];
        size_t s = 0;
        while (s < splits && l->split[s] != item->split)
            s++;
        VS_ASSERT(s < splits && item->split);
        VS_ASSERT(item->path && *item->path && item->name && *item->name);
        VS_ASSERT(item->label >= -1 && item->label < l->classes);
    }
    for (int i = 0; l->class_name && i < l->classes; i++)
        VS_ASSERT(l->class_name[i] && *l->class_name[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    size_t which = 0;
    const size_t all = sizeof(kinds) / sizeof(*kinds);
    while (which < all && size > 0 && kinds[which].letter != data[0])
        which++;
    if (size == 0 || which == all)
        return 0;
    char *root = vs_path_join(dir, "root"), *lists = vs_path_join(dir, "lists");
    spread(&kinds[which], lists, data + 1, size - 1);
    vs_listing listing;
    const vs_err err = read_listing(&listing, kinds[which].letter, root, lists);
    fuzz_verdict(err);
    if (err == VS_OK) {
        check_listing(&listing);
        vs_listing_free(&listing);
    }
    sweep(&kinds[which], lists);
    free(root);
    free(lists);
    return 0;
}
