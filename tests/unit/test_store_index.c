/* The clip store's index: splits, sets, classes, failures, and what is refused. */
#include <sqlite3.h>

#include "tests/store.h"

Test(store_index, a_split_has_its_clips_in_list_order_with_labels_and_names)
{
    char *dir = check_tmp();
    put_clips(dir, NULL, 4);
    vs_store *store;
    vs_split split;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_split(&split, store, "train"));
    cr_assert_eq(split.n, 4);
    cr_assert_eq(split.classes, 3);
    cr_expect_str_eq(split.class_name[2], "wave hands");
    for (int k = 0; k < 4; k++) {
        const vs_clip *c = &split.clip[k];
        cr_expect(c->label == k % 3 && c->frames == 10 + k && c->W == 48 && c->H == 40);
        char name[32];
        snprintf(name, sizeof(name), "clip %d.avi", k);
        cr_expect_str_eq(c->name, name);
    }
    vs_split_free(&split);
    CHECK_OK(vs_store_split(&split, store, "set:train"));
    cr_expect_eq(split.n, 4);
    vs_split_free(&split);
    CHECK_OK(vs_store_split(&split, store, NULL));
    cr_expect(split.n == 4 && split.classes == 0 && split.clip[3].label == -1);
    vs_split_free(&split);
    CHECK_FAILS(vs_store_split(&split, store, "test"), VS_ERR_CORRUPT, "set:train (4 clips)");
    vs_clip clip;
    CHECK_FAILS(vs_store_clip(&clip, store, 77), VS_ERR_CORRUPT, "no clip 77");
    vs_store_close(&store);
    check_rm(dir);
}

/* The order is that of the list, even where the clips arrive later and out of order. */
Test(store_index, members_wait_for_their_clips)
{
    char *dir = check_tmp();
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_writer_open(&w, dir, NULL));
    CHECK_OK(vs_writer_dataset(&set, w, "late", NULL, 2));
    CHECK_OK(vs_writer_member(w, set, "val", "b", 1));
    CHECK_OK(vs_writer_member(w, set, "val", "a", 0));
    CHECK_OK(vs_writer_member(w, set, "val", "never", 0));
    vs_store *store;
    vs_split split;
    CHECK_OK(vs_store_open(&store, dir));          /* a reader beside the writer */
    CHECK_FAILS(vs_store_split(&split, store, "val"), VS_ERR_CORRUPT, "is not there");
    vs_store_close(&store);
    CHECK_OK(put_clip(w, set, "a", 1, 3, 16, 16));
    CHECK_OK(put_clip(w, set, "b", 2, 3, 16, 16));
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_OK(vs_store_split(&split, store, "val"));
    cr_assert_eq(split.n, 2);
    cr_expect_str_eq(split.clip[0].name, "b");
    cr_expect_str_eq(split.class_name[1], "1");    /* labels without names: their numbers */
    vs_split_free(&split);
    /* Committed after the store was opened: not in this snapshot. */
    CHECK_OK(put_clip(w, set, "never", 3, 3, 16, 16));
    CHECK_OK(vs_store_split(&split, store, "val"));
    cr_expect_eq(split.n, 2);
    vs_split_free(&split);
    vs_store_close(&store);
    CHECK_OK(vs_writer_close(&w));
    check_rm(dir);
}

Test(store_index, one_split_name_in_two_sets_must_be_told_apart)
{
    char *dir = check_tmp();
    put_clips(dir, NULL, 2);
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_writer_open(&w, dir, NULL));
    CHECK_OK(vs_writer_dataset(&set, w, "other", NULL, 0));
    CHECK_OK(vs_writer_member(w, set, "train", "x", -1));
    CHECK_OK(put_clip(w, set, "x", 1, 3, 16, 16));
    CHECK_OK(vs_writer_close(&w));
    vs_store *store;
    vs_split split;
    CHECK_OK(vs_store_open(&store, dir));
    CHECK_FAILS(vs_store_split(&split, store, "train"), VS_ERR_CORRUPT,
                "set:train (2 clips), other:train (1 clips)");
    CHECK_OK(vs_store_split(&split, store, "other:train"));
    cr_expect(split.n == 1 && split.classes == 0 && split.clip[0].label == -1);
    vs_split_free(&split);
    vs_store_close(&store);
    check_rm(dir);
}

Test(store_index, classes_and_labels_must_not_drift)
{
    char *dir = check_tmp();
    put_clips(dir, NULL, 1);
    static const char *const same[] = { "run", "jump", "wave hands" };
    static const char *const other[] = { "run", "jump", "sit" };
    vs_writer *w;
    int64_t a, b;
    CHECK_OK(vs_writer_open(&w, dir, NULL));
    CHECK_OK(vs_writer_dataset(&a, w, "set", same, 3));
    CHECK_OK(vs_writer_dataset(&b, w, "set", NULL, 2));
    cr_expect_eq(a, b);
    CHECK_FAILS(vs_writer_dataset(&a, w, "set", other, 3), VS_ERR_CORRUPT,
                "class 2 of data set set is \"wave hands\" in the store, \"sit\" now");
    CHECK_FAILS(vs_writer_dataset(&a, w, "set", same, 2), VS_ERR_CORRUPT, "has 3 classes");
    CHECK_FAILS(vs_writer_dataset(&a, w, "set", NULL, 9), VS_ERR_CORRUPT, "up to 2 in the store");
    CHECK_FAILS(vs_writer_dataset(&a, w, "a:b", NULL, 9), VS_ERR_USAGE, "colon");
    CHECK_FAILS(vs_writer_member(w, b, "train", "clip 0.avi", 2), VS_ERR_CORRUPT,
                "has the label 0 in split train of the store, 2 now");
    CHECK_OK(vs_writer_dataset(&a, w, "plain", NULL, 3));
    CHECK_OK(vs_writer_dataset(&b, w, "plain", NULL, 5));
    cr_expect_eq(a, b);
    CHECK_OK(vs_writer_close(&w));
    check_rm(dir);
}

Test(store_index, failures_are_kept_until_the_file_succeeds)
{
    char *dir = check_tmp();
    vs_writer *w;
    int64_t set;
    vs_clip_state state;
    CHECK_OK(vs_writer_open(&w, dir, NULL));
    CHECK_OK(vs_writer_dataset(&set, w, "set", NULL, 0));
    CHECK_OK(vs_writer_state(&state, w, set, "a"));
    cr_expect_eq(state, VS_CLIP_ABSENT);
    CHECK_OK(vs_writer_failure(w, set, "a", "no frames"));
    CHECK_OK(vs_writer_state(&state, w, set, "a"));
    cr_expect_eq(state, VS_CLIP_FAILED);
    CHECK_OK(put_clip(w, set, "a", 1, 2, 16, 16));
    CHECK_OK(vs_writer_state(&state, w, set, "a"));
    cr_expect_eq(state, VS_CLIP_STORED);
    cr_expect_eq(put_clip(w, set, "a", 1, 2, 16, 16), VS_ERR_DB, "the same clip twice");
    const vs_clip_info huge = { .dataset = set, .name = "h", .W = 20000, .H = 2 };
    vs_clip_writer *clip;
    CHECK_FAILS(vs_clip_begin(&clip, w, &huge), VS_ERR_UNSUPPORTED, "20000x2");
    const vs_clip_info none = { .dataset = set, .name = "none", .W = 2, .H = 2 };
    CHECK_OK(vs_clip_begin(&clip, w, &none));
    CHECK_FAILS(vs_clip_commit(&clip, NULL), VS_ERR_CODEC, "none: no frames");
    CHECK_OK(vs_writer_close(&w));
    check_rm(dir);
}

static void sql(const char *dir, const char *text)
{
    char *path = vs_path_join(dir, "index.db");
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    char *error = NULL;
    cr_assert_eq(sqlite3_exec(db, text, NULL, NULL, &error), SQLITE_OK, "%s", error);
    sqlite3_close(db);
    free(path);
}

Test(store_index, foreign_and_damaged_indexes_are_refused)
{
    char *dir = check_tmp(), *index = vs_path_join(dir, "index.db");
    vs_store *store = NULL;
    vs_writer *w = NULL;
    CHECK_FAILS(vs_store_open(&store, dir), VS_ERR_IO, "no clip store here");
    CHECK_OK(vs_file_write(index, "this is not a database, but long enough to look at", 50));
    CHECK_FAILS(vs_store_open(&store, dir), VS_ERR_CORRUPT, "not a readable clip store index");
    CHECK_FAILS(vs_writer_open(&w, dir, NULL), VS_ERR_CORRUPT, "not a readable clip store index");
    unlink(index);
    sql(dir, "CREATE TABLE clip (id INTEGER)");
    CHECK_FAILS(vs_store_open(&store, dir), VS_ERR_CORRUPT, "not a clip store index");
    CHECK_FAILS(vs_writer_open(&w, dir, NULL), VS_ERR_CORRUPT, "not a clip store index");
    unlink(index);
    put_clips(dir, NULL, 1);
    sql(dir, "UPDATE meta SET value = '2' WHERE key = 'version'");
    CHECK_FAILS(vs_store_open(&store, dir), VS_ERR_CORRUPT, "store of version 2");
    CHECK_FAILS(vs_writer_open(&w, dir, NULL), VS_ERR_CORRUPT, "store of version 2");
    cr_expect(!store && !w);
    free(index);
    check_rm(dir);
}

Test(store_index, impossible_rows_are_refused)
{
    static const char *const change[] = { "frames = 0", "frames = 4000000000", "width = -1",
                                          "height = 100000", "pack = 0", "pack = 1 << 40",
                                          "offset = -8", "bytes = 3", "encoding = 'x'",
                                          "offset = 9223372036854775807" };
    for (size_t i = 0; i < sizeof(change) / sizeof(*change); i++) {
        char *dir = check_tmp(), *text = vs_strf("UPDATE clip SET %s", change[i]);
        put_clips(dir, NULL, 1);
        sql(dir, text);
        vs_store *store = NULL;
        CHECK_FAILS(vs_store_open(&store, dir), VS_ERR_CORRUPT, "clip 1");
        cr_expect_null(store);
        free(text);
        check_rm(dir);
    }
}

Test(store_index, a_folder_of_other_things_is_left_alone)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "thesis.tex");
    CHECK_OK(vs_file_write(path, "x", 1));
    vs_writer *w = NULL;
    CHECK_FAILS(vs_writer_open(&w, dir, NULL), VS_ERR_IO, "it holds thesis.tex");
    cr_expect_null(w);
    char **names;
    int n;
    CHECK_OK(vs_dir_list(dir, &names, &n));
    cr_expect_eq(n, 1);
    vs_names_free(names, n);
    free(path);
    check_rm(dir);
}
