/* The reference outputs, through the same code as `vsyn-train verify`. The base model takes
 * some seconds: it is left to that command. */
#include "tests/check.h"
#include "train/verify.h"

static void expect_all(vs_err (*part)(vs_verify *), int rows, int threads)
{
    vs_device *dev = NULL;
    char *dir = check_golden("model");
    CHECK_OK(vs_device_open_cpu(&dev, threads));
    vs_verify v = { .dev = dev, .dir = dir, .section = "" };
    CHECK_OK(part(&v));
    for (int i = 0; i < v.n; i++)
        cr_expect(v.row[i].ok, "%s: %s: %.3g > %.1g", v.row[i].section, v.row[i].name,
                  v.row[i].error, v.row[i].bound);
    cr_expect(v.n == rows, "%d rows, expected %d", v.n, rows);
    vs_verify_free(&v);
    vs_device_close(&dev);
    free(dir);
}

/* 11 activations, 3 outputs, 75 gradients, 6 losses, 75 weights. */
Test(golden, tiny_pretrain)
{
    expect_all(vs_verify_tiny_pretrain, 170, 2);
}

/* 5 outputs, 45 gradients, 45 weights, 2 outputs. */
Test(golden, tiny_finetune)
{
    expect_all(vs_verify_tiny_finetune, 97, 1);
}

static vs_err small_pretrain(vs_verify *v)
{
    return vs_verify_seeded_pretrain(v, "small");
}

static vs_err small_finetune(vs_verify *v)
{
    return vs_verify_seeded_finetune(v, "small");
}

/* 7 outputs, 218 gradients. */
Test(golden, small_pretrain)
{
    expect_all(small_pretrain, 225, 2);
}

/* 2 outputs, 162 gradients. */
Test(golden, small_finetune)
{
    expect_all(small_finetune, 164, 2);
}

/* A reference that is not there is an error, not an empty table. */
Test(golden, a_missing_folder_is_named)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, 1));
    vs_verify v = { .dev = dev, .dir = "/nowhere/model", .section = "" };
    CHECK_FAILS(vs_verify_tiny_pretrain(&v), VS_ERR_IO, "/nowhere/model/tiny_pretrain_io");
    vs_verify_free(&v);
    vs_device_close(&dev);
}
