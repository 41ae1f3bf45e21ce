/* remove and compact: what goes, what stays, and what is refused. */
#include "tests/store.h"

static vs_err remove_files(vs_removed *out, const char *dir, vs_removal what)
{
    return vs_store_remove(out, dir, &what);
}

static int clips(const char *dir, const char *split)
{
    vs_store *store;
    vs_split s;
    CHECK_OK(vs_store_open(&store, dir));
    const vs_err err = vs_store_split(&s, store, split);
    const int n = err == VS_OK ? s.n : 0;
    if (err == VS_OK)
        vs_split_free(&s);
    vs_store_close(&store);
    return n;
}

static int64_t pack_bytes(const char *dir)
{
    int64_t sum = 0;
    for (int i = 1; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof(name), "packs/%d.pack", i);
        char *path = vs_path_join(dir, name);
        const int64_t size = vs_file_size(path);
        sum += size > 0 ? size : 0;
        free(path);
    }
    return sum;
}

static void sound(const char *dir)
{
    vs_store *store;
    vs_split s;
    vs_reader *reader;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_split(&s, store, NULL));
    CHECK_OK(vs_reader_open(&reader, store));
    for (int i = 0; i < s.n; i++)
        CHECK_OK(vs_reader_verify(reader, &s.clip[i]));
    vs_reader_close(&reader);
    vs_split_free(&s);
    vs_store_close(&store);
}

Test(store_tidy, by_clip_name_class_split_and_set)
{
    char *dir = check_tmp();
    vs_removed r;
    put_clips(dir, NULL, 9);       /* labels 0 1 2 0 1 2 0 1 2 */
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .clip = (int64_t[]){ 2, 5 }, .clips = 2 }));
    cr_expect(r.clips == 2 && r.listed == 2 && r.bytes > 1000);
    cr_expect_eq(clips(dir, NULL), 7);
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .dataset = "set", .name = "clip 0.avi" }));
    cr_expect_eq(r.clips, 1);
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .class_name = "jump", .dry_run = true }));
    cr_expect_eq(r.clips, 1);
    cr_expect_eq(clips(dir, NULL), 6, "a dry run removes nothing");
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .class_name = "2" }));
    cr_expect_eq(r.clips, 3);
    cr_expect_eq(clips(dir, "train"), 3);
    CHECK_FAILS(remove_files(&r, dir, (vs_removal){ .split = "tset" }), VS_ERR_CORRUPT,
                "nothing there is meant");
    CHECK_FAILS(remove_files(&r, dir, (vs_removal){ .clip = (int64_t[]){ 1, 4 }, .clips = 2 }),
                VS_ERR_CORRUPT, "no clip 1");
    cr_expect_eq(clips(dir, "train"), 3);
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .dataset = "set" }));
    cr_expect_eq(r.clips, 3);
    cr_expect_eq(clips(dir, NULL), 0);
    CHECK_FAILS(vs_store_remove(&r, "/nowhere", &(vs_removal){ .failed = true }), VS_ERR_IO,
                "no clip store here");
    put_clips(dir, NULL, 2);       /* the name is free again, for other classes too */
    cr_expect_eq(clips(dir, "train"), 2);
    sound(dir);
    check_rm(dir);
}

/* A file of two splits loses one place; one of a single split goes. */
Test(store_tidy, a_split_takes_only_its_own_files)
{
    char *dir = check_tmp();
    vs_writer *w;
    int64_t set;
    vs_removed r;
    put_clips(dir, NULL, 3);
    CHECK_OK(vs_writer_open(&w, dir, NULL));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, 3));
    CHECK_OK(vs_writer_member(w, set, "train2", "clip 0.avi", 0));
    CHECK_OK(vs_writer_failure(w, set, "gone.avi", "no such file"));
    CHECK_OK(vs_writer_member(w, set, "train2", "gone.avi", 0));
    CHECK_OK(vs_writer_close(&w));
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .failed = true }));
    cr_expect(r.failures == 1 && r.listed == 1 && r.clips == 0);
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .split = "train" }));
    cr_expect(r.clips == 2 && r.listed == 3);
    cr_expect_eq(clips(dir, "train2"), 1);
    cr_expect_eq(clips(dir, NULL), 1);
    check_rm(dir);
}

/* Bytes under a reader never change: what comes after a removal goes into another pack. */
Test(store_tidy, an_open_reader_keeps_what_was_removed)
{
    char *dir = check_tmp();
    vs_store *store;
    vs_reader *reader;
    vs_clip last;
    vs_removed r;
    put_clips(dir, NULL, 3);
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_clip(&last, store, 3));
    CHECK_OK(vs_reader_open(&reader, store));
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .clip = (int64_t[]){ 3 }, .clips = 1 }));
    put_clips(dir, NULL, 5);
    CHECK_OK(vs_reader_verify(reader, &last));
    vs_compacted c;
    CHECK_OK(vs_store_compact(&c, dir));
    CHECK_OK(vs_reader_verify(reader, &last));      /* its pack is open */
    vs_reader_close(&reader);
    vs_store_close(&store);
    cr_expect_eq(clips(dir, NULL), 5);
    sound(dir);
    check_rm(dir);
}

Test(store_tidy, compact_gives_the_bytes_back)
{
    char *dir = check_tmp();
    const vs_writer_options small = { .pack_bytes = 30000 };
    vs_removed r;
    vs_compacted c;
    put_clips(dir, &small, 8);
    const int64_t before = pack_bytes(dir);
    CHECK_OK(vs_store_compact(&c, dir));
    cr_expect(c.packs == 0 && pack_bytes(dir) == before, "nothing to do");
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .class_name = "run" }));
    CHECK_OK(vs_store_compact(&c, dir));
    cr_expect_gt(c.packs, 0);
    const int64_t after = pack_bytes(dir);
    cr_expect(before - after > r.bytes - 200 && before - after < r.bytes + 200,
              "%lld bytes before, %lld after, %lld removed", (long long)before, (long long)after,
              (long long)r.bytes);
    sound(dir);
    put_clips(dir, NULL, 9);       /* and the store goes on */
    cr_expect_eq(clips(dir, "train"), 9);
    sound(dir);
    CHECK_OK(vs_store_compact(&c, dir));
    cr_expect_eq(c.packs, 0);
    check_rm(dir);
}

/* Damage is not copied under a fresh name: the clip is told, the store stays as it was. */
Test(store_tidy, compact_refuses_damage)
{
    char *dir = check_tmp(), *pack = vs_path_join(dir, "packs/1.pack");
    vs_removed r;
    vs_compacted c;
    put_clips(dir, NULL, 4);
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .clip = (int64_t[]){ 1 }, .clips = 1 }));
    flip_byte(pack, -1, 1);
    CHECK_FAILS(vs_store_compact(&c, dir), VS_ERR_CORRUPT, "clip 4: frame 12: checksum differs");
    cr_expect_eq(clips(dir, NULL), 3);
    CHECK_OK(remove_files(&r, dir, (vs_removal){ .clip = (int64_t[]){ 4 }, .clips = 1 }));
    CHECK_OK(vs_store_compact(&c, dir));
    cr_expect_eq(clips(dir, NULL), 2);
    sound(dir);
    free(pack);
    check_rm(dir);
}
