/* Sets of videos: into files and into a store, labels and splits, failures on the way. */
#include "base/log.h"
#include "gen/set.h"
#include "base/shard.h"
#include "ingest/store/store.h"
#include "tests/check.h"

enum { SIZE = 32, FRAMES = 7 };

/* Video i is one colour per frame: known when it comes back. */
struct flat {
    uint64_t index;
};

static uint8_t level(uint64_t index, int frame, int c)
{
    return (uint8_t)(40 + 17 * index % 100 + 9 * (uint64_t)frame + 5 * (uint64_t)c);
}

static vs_err open_flat(const void *ctx, uint64_t index, void **video, int *frames)
{
    const uint64_t *broken = ctx;
    if (broken && index == *broken)
        return VS_FAIL(VS_ERR_NOMEM, "video %d cannot be drawn", (int)index);
    struct flat *f = vs_new(sizeof(*f));
    f->index = index;
    *video = f;
    *frames = FRAMES;
    return VS_OK;
}

static void draw_flat(const void *video, int frame, uint8_t *rgb, void *scratch)
{
    const struct flat *f = video;
    for (int i = 0; i < 3 * SIZE * SIZE; i++)
        rgb[i] = level(f->index, frame, i % 3);
}

static int label_flat(const void *ctx, uint64_t index)
{
    return (int)(index % 2);
}

static const char *const class_name[] = { "even", "odd" };

static vs_set flat_set(const char *out, const char *store, json_t *parameters)
{
    return (vs_set){
        .out = out, .store = store, .kind = "flat", .parameters = parameters,
        .encode = { SIZE, SIZE, 25, VS_CODEC_MPEG4, 0 }, .mean_frames = FRAMES, .videos = 20,
        .shards = 1, .jobs = 2,
        .drawer = { .scratch = 1, .open = open_flat, .draw = draw_flat, .close = free,
                    .label = label_flat, .class_name = class_name, .classes = 2 },
    };
}

static void check_clip(vs_reader *reader, const vs_clip *clip, uint64_t index)
{
    static const int all[FRAMES] = { 0, 1, 2, 3, 4, 5, 6 };
    static uint8_t rgb[FRAMES][SIZE * SIZE][3];
    cr_assert_eq(clip->frames, FRAMES);
    cr_expect(clip->W == SIZE && clip->H == SIZE && clip->fps == 25);
    CHECK_OK(vs_reader_frames(reader, clip, all, FRAMES, (vs_rect){ 0 }, SIZE, SIZE, false,
                              &rgb[0][0][0]));
    for (int f = 0; f < FRAMES; f++)
        for (int c = 0; c < 3; c++)
            cr_expect(abs(rgb[f][100][c] - level(index, f, c)) <= 3, "clip %d frame %d: %d, not %d",
                      (int)index, f, rgb[f][100][c], level(index, f, c));
}

Test(gen_set, a_store_holds_what_was_drawn)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "store");
    json_t *parameters = json_pack("{s:i}", "seed", 1);
    vs_set set = flat_set(NULL, path, parameters);
    vs_set_done done;
    vs_log_quiet(true);
    CHECK_OK(vs_set_make(&done, &set));
    cr_expect(done.made == 20 && done.present == 20 && done.frames == 20 * FRAMES);
    CHECK_OK(vs_set_make(&done, &set));
    cr_expect(done.made == 0 && done.present == 20);

    vs_store *store;
    vs_reader *reader;
    vs_split split;
    CHECK_OK(vs_store_open(&store, path));
    CHECK_OK(vs_reader_open(&reader, store));
    CHECK_OK(vs_store_split(&split, store, "test"));
    /* Every fifth round of the two classes, from the second: 2 3, 12 13. */
    static const int expected[] = { 2, 3, 12, 13 };
    cr_assert_eq(split.n, 4);
    cr_expect_eq(split.classes, 2);
    cr_expect_str_eq(split.class_name[1], "odd");
    for (int k = 0; k < 4; k++) {
        cr_expect_eq(atoi(split.clip[k].name), expected[k], "%s", split.clip[k].name);
        cr_expect_eq(split.clip[k].label, expected[k] % 2);
        check_clip(reader, &split.clip[k], (uint64_t)expected[k]);
    }
    vs_split_free(&split);
    CHECK_OK(vs_store_split(&split, store, "train"));
    cr_expect_eq(split.n, 16);
    vs_split_free(&split);
    vs_reader_close(&reader);
    vs_store_close(&store);

    /* Other parameters are another data set, not the same clips. */
    json_object_set_new(parameters, "seed", json_integer(2));
    CHECK_OK(vs_set_make(&done, &set));
    cr_expect_eq(done.made, 20);
    json_decref(parameters);
    free(path);
    check_rm(dir);
}

Test(gen_set, one_failure_stops_the_run_with_its_message)
{
    char *dir = check_tmp();
    json_t *parameters = json_object();
    uint64_t broken = 5;
    vs_set set = flat_set(dir, NULL, parameters);
    vs_set_done done;
    vs_log_quiet(true);
    set.drawer.ctx = &broken;
    CHECK_FAILS(vs_set_make(&done, &set), VS_ERR_NOMEM, "video 5 cannot be drawn");
    set.drawer.ctx = NULL;
    CHECK_OK(vs_set_make(&done, &set));
    cr_expect(done.made >= 15 && done.present == 20, "%d new", (int)done.made);
    json_decref(parameters);
    check_rm(dir);
}

Test(gen_set, shards)
{
    int shard, shards;
    CHECK_OK(vs_shard_parse(&shard, &shards, NULL));
    cr_expect(shard == 0 && shards == 1);
    CHECK_OK(vs_shard_parse(&shard, &shards, "4/4"));
    cr_expect(shard == 3 && shards == 4);
    static const char *const bad[] = { "0/4", "5/4", "1", "1/", "a/2", "1/2/3", "-1/2", "1/0" };
    for (size_t k = 0; k < sizeof(bad) / sizeof(*bad); k++)
        CHECK_FAILS(vs_shard_parse(&shard, &shards, bad[k]), VS_ERR_USAGE, bad[k]);
}

/* Variables of a task of a job array; NULL: not set. */
static void task(const char *id, const char *count, const char *least, const char *most)
{
    static const char *const name[] = { "ID", "COUNT", "MIN", "MAX" };
    const char *const value[] = { id, count, least, most };
    for (int k = 0; k < 4; k++) {
        char variable[64];
        snprintf(variable, sizeof(variable), "SLURM_ARRAY_TASK_%s", name[k]);
        if (value[k])
            setenv(variable, value[k], 1);
        else
            unsetenv(variable);
    }
}

Test(gen_set, shards_of_a_job_array)
{
    static const struct {
        const char *id, *count, *least, *most, *text;
        int shard, shards;         /* 0 of 0: refused */
    } table[] = {
        { NULL, NULL, NULL, NULL, "2/3", 1, 3 }, { "0", "4", "0", "3", NULL, 0, 4 },
        { "4", "4", "1", "4", NULL, 3, 4 },      { "30", "4", "0", "30", NULL, 3, 4 },
        { "7", "1", "7", "7", NULL, 0, 1 },      { "2", "4", "0", "3", "3/4", 2, 4 },
        { "2", "4", NULL, NULL, NULL, 2, 4 },    { "2", NULL, NULL, NULL, NULL, 0, 1 },
        { "2", "4", "0", "3", "2/4", 0, 0 },     { "2", "4", "0", "3", "3/5", 0, 0 },
        { "5", "3", "1", "7", NULL, 0, 0 },      { "4", "4", NULL, NULL, NULL, 0, 0 },
        { "x", "4", "0", "3", NULL, 0, 0 },      { "0", "0", "0", "0", NULL, 0, 0 },
        { "1", "3", "1", "6", NULL, 0, 3 },      { "6", "3", "1", "6", NULL, 0, 0 },
    };
    for (size_t k = 0; k < sizeof(table) / sizeof(*table); k++) {
        int shard, shards;
        bool array;
        task(table[k].id, table[k].count, table[k].least, table[k].most);
        const vs_err err = vs_shard_find(&shard, &shards, &array, table[k].text);
        cr_expect_eq(err, table[k].shards ? VS_OK : VS_ERR_USAGE, "row %d: %s", (int)k,
                     vs_err_detail());
        if (err == VS_OK)
            cr_expect(shard == table[k].shard && shards == table[k].shards &&
                          array == (!table[k].text && table[k].count),
                      "row %d: %d of %d", (int)k, shard, shards);
    }
}
