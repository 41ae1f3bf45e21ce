/* Atomic files, safetensors, JSON, PNG: round trips and refusals. */
#include <fcntl.h>

#include "base/image.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/safetensors.h"
#include "tests/check.h"

Test(files, atomic_write_leaves_no_trace_when_aborted)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "a.txt");
    CHECK_OK(vs_file_write(path, "one", 3));
    vs_atomic a;
    CHECK_OK(vs_atomic_open(&a, path));
    fputs("half", a.f);
    vs_atomic_abort(&a);
    void *data;
    size_t size;
    CHECK_OK(vs_file_read(path, &data, &size));
    cr_expect(size == 3 && memcmp(data, "one", 3) == 0);
    char **names;
    int n;
    CHECK_OK(vs_dir_list(dir, &names, &n));
    cr_expect_eq(n, 1);
    vs_names_free(names, n);
    free(data);
    free(path);
    check_rm(dir);
}

Test(files, full_disk_is_reported_and_nothing_appears)
{
    /* /dev/full refuses every write: point the temporary name there. */
    char *dir = check_tmp(), *path = vs_path_join(dir, "a"), *tmp = vs_tmp_name(path);
    cr_assert_eq(symlink("/dev/full", tmp), 0);
    CHECK_FAILS(vs_file_write(path, "data", 4), VS_ERR_IO, "No space left");
    cr_expect(!vs_path_exists(path));
    free(tmp);
    free(path);
    check_rm(dir);
}

Test(files, missing_file_names_path_and_reason)
{
    void *data;
    size_t size;
    CHECK_FAILS(vs_file_read("/nowhere/x", &data, &size), VS_ERR_IO,
                "/nowhere/x: cannot open: No such file");
}

Test(files, lock_is_exclusive)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "lock");
    int a = -1, b = -1;
    CHECK_OK(vs_lock_take(&a, path));
    CHECK_FAILS(vs_lock_take(&b, path), VS_ERR_IO, "in use by another process");
    vs_lock_release(&a);
    CHECK_OK(vs_lock_take(&b, path));
    vs_lock_release(&b);
    free(path);
    check_rm(dir);
}

Test(files, safetensors_round_trip)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "a.safetensors");
    const float x[6] = { 1, -2, 3.5f, 0, 1e-30f, 7 };
    const uint8_t y[3] = { 1, 2, 255 };
    const vs_tensor t[] = { { "layer.x", VS_DTYPE_F32, 2, { 2, 3 }, x },
                            { "y", VS_DTYPE_U8, 1, { 3 }, y } };
    const char *meta[] = { "format", "pt", NULL };
    CHECK_OK(vs_safetensors_write(path, t, 2, meta));
    vs_safetensors *file;
    CHECK_OK(vs_safetensors_open(&file, path));
    cr_expect_eq(vs_safetensors_count(file), 2);
    cr_expect_str_eq(vs_safetensors_meta(file, "format"), "pt");
    const vs_tensor *got;
    const int64_t shape[] = { 2, -1 }, other[] = { 3, 2 };
    CHECK_OK(vs_safetensors_need(&got, file, "layer.x", VS_DTYPE_F32, 2, shape));
    cr_expect_eq(memcmp(got->data, x, sizeof(x)), 0);
    CHECK_FAILS(vs_safetensors_need(&got, file, "layer.x", VS_DTYPE_F32, 2, other),
                VS_ERR_CORRUPT, "layer.x is F32 [2, 3], expected F32 [3, 2]");
    CHECK_FAILS(vs_safetensors_need(&got, file, "z", VS_DTYPE_F32, 2, other), VS_ERR_CORRUPT,
                "tensor z is missing");
    vs_safetensors_close(&file);
    free(path);
    check_rm(dir);
}

static void refuse(const char *dir, const char *header, size_t data, const char *text)
{
    char *path = vs_path_join(dir, "bad.safetensors"), buf[1024] = { 0 };
    const uint64_t n = strlen(header);
    memcpy(buf, &n, 8);
    memcpy(buf + 8, header, n);
    CHECK_OK(vs_file_write(path, buf, 8 + n + data));
    vs_safetensors *file = NULL;
    CHECK_FAILS(vs_safetensors_open(&file, path), VS_ERR_CORRUPT, text);
    free(path);
}

Test(files, safetensors_refuses_what_does_not_fit)
{
    char *dir = check_tmp();
    refuse(dir, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "tensor a");
    refuse(dir, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "needs 8");
    refuse(dir, "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "size 0");
    refuse(dir, "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,8],"
                "\"data_offsets\":[0,0]}}", 4, "tensor a");
    refuse(dir, "{\"a\":{\"dtype\":\"F9\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype F9");
    refuse(dir, "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}", 3, "overlaps");
    refuse(dir, "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 5,
           "belong to no tensor");
    refuse(dir, "{\"a\":", 4, "not valid JSON");
    check_rm(dir);
}

Test(files, png_round_trip)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "a.png");
    uint8_t rgb[5 * 3 * 3];
    for (int i = 0; i < 45; i++)
        rgb[i] = (uint8_t)(i * 5);
    CHECK_OK(vs_png_write(path, 5, 3, rgb));
    vs_image image;
    CHECK_OK(vs_png_read(&image, path));
    cr_expect(image.W == 5 && image.H == 3 && memcmp(image.rgb, rgb, 45) == 0);
    vs_image_free(&image);
    CHECK_OK(vs_file_write(path, "not a picture", 13));
    CHECK_FAILS(vs_png_read(&image, path), VS_ERR_CORRUPT, "a.png");
    free(path);
    check_rm(dir);
}

Test(files, json_errors_name_file_and_place)
{
    char *dir = check_tmp(), *path = vs_path_join(dir, "a.json");
    json_t *v;
    int64_t i;
    CHECK_OK(vs_file_write(path, "{\n \"a\": }", 9));
    CHECK_FAILS(vs_json_load(&v, path), VS_ERR_CORRUPT, "a.json:2:");
    CHECK_OK(vs_json_save(path, json_pack("{s:s}", "a", "x")));
    CHECK_OK(vs_json_load(&v, path));
    CHECK_FAILS(vs_json_int(&i, v, "a", path), VS_ERR_CORRUPT, "\"a\" has the wrong type");
    CHECK_FAILS(vs_json_int(&i, v, "b", path), VS_ERR_CORRUPT, "\"b\" is missing");
    json_decref(v);
    free(path);
    check_rm(dir);
}

static void square(void *ctx, int64_t i, int worker)
{
    ((int64_t *)ctx)[i] += i * i;
}

Test(pool, each_runs_every_index_once)
{
    enum { N = 10000 };
    int64_t *out = vs_new(sizeof(*out) * N);
    vs_pool *pool;
    CHECK_OK(vs_pool_open(&pool, 3, 0));
    vs_pool_each(pool, N, square, out);
    vs_pool_each(pool, N, square, out);
    for (int64_t i = 0; i < N; i++)
        cr_assert_eq(out[i], 2 * i * i);
    vs_pool_close(&pool);
    free(out);
}

Test(pool, queue_hands_on_in_order_and_ends)
{
    int item[3] = { 1, 2, 3 };
    vs_queue *q = vs_queue_new(3);
    for (int i = 0; i < 3; i++)
        cr_assert(vs_queue_push(q, &item[i]));
    vs_queue_close(q);
    cr_assert(!vs_queue_push(q, &item[0]));
    for (int i = 0; i < 3; i++)
        cr_assert_eq(vs_queue_pop(q), &item[i]);
    cr_assert_null(vs_queue_pop(q));
    vs_queue_free(q);
}
