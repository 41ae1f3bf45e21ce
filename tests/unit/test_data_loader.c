/* Batches made ahead: the same bytes whatever the threads, from any start; errors arrive. */
#include "tests/check.h"
#include "train/data/source.h"

enum { T = 2, S = 4, BYTES = T * S * S * 3 };

/* A source whose frames are random bytes of the sample's stream; item `poison` fails. */
struct fake {
    vs_source base;
    int64_t poison;
};

static vs_err fake_open(vs_sampler **out, vs_source *source)
{
    *out = vs_new(sizeof(vs_sampler));
    return VS_OK;
}

static void fake_close(vs_sampler *sampler)
{
    free(sampler);
}

static vs_err fake_get(vs_sampler *sampler, const struct sample_key *key, vs_rng *rng,
                       uint8_t *frames, int *label)
{
    if (key->item == ((const struct fake *)sampler->source)->poison)
        return VS_FAIL(VS_ERR_CORRUPT, "clip %d is damaged", (int)key->item);
    usleep(vs_rng_u32(rng) % 300);          /* workers finish in any order */
    for (int i = 0; i < BYTES; i++)
        frames[i] = (uint8_t)vs_rng_u32(rng);
    *label = (int)key->item;
    return VS_OK;
}

static void fake_source_close(vs_source *source)
{
    (void)source;
}

static const struct source_kind kind = { fake_open, fake_close, fake_get, fake_source_close };

static struct fake make_fake(int64_t n, int64_t poison)
{
    return (struct fake){ .base = { &kind, { T, S, S, 1, VS_AUGMENT_NONE, false }, n, 0, NULL },
                          .poison = poison };
}

static vs_loader_options options_of(int threads)
{
    return (vs_loader_options){ .batch = 4, .threads = threads, .seed = 9, .shuffle = true,
                                .drop_last = true, .mask_slots = 2, .mask_cells = 8,
                                .mask_masked = 6 };
}

struct taken {
    int64_t epoch, step, item[4];
    uint8_t frames[4 * BYTES], mask[4 * 16];
};

static void take(struct taken *out, int n, int threads, int64_t epoch, int64_t step)
{
    struct fake f = make_fake(22, -1);
    const vs_loader_options o = options_of(threads);
    vs_loader *loader;
    CHECK_OK(vs_loader_open(&loader, &f.base, &o, epoch, step));
    cr_assert_eq(vs_loader_steps(loader), 5);
    for (int i = 0; i < n; i++) {
        const vs_loaded *b;
        CHECK_OK(vs_loader_next(loader, &b));
        cr_assert_eq(b->B, 4);
        memset(&out[i], 0, sizeof(out[i]));
        out[i].epoch = b->epoch;
        out[i].step = b->step;
        memcpy(out[i].item, b->item, sizeof(out[i].item));
        memcpy(out[i].frames, b->frames, sizeof(out[i].frames));
        memcpy(out[i].mask, b->mask, sizeof(out[i].mask));
        for (int k = 0; k < 4; k++)
            cr_assert_eq(b->label[k], b->item[k]);
    }
    cr_expect_geq(vs_loader_waited(loader), 0);
    vs_loader_close(&loader);
}

Test(data_loader, batches_do_not_depend_on_threads)
{
    enum { N = 17 };
    static struct taken one[N], four[N];
    take(one, N, 1, 0, 0);
    take(four, N, 4, 0, 0);
    cr_expect_arr_eq(one, four, sizeof(one));
    for (int i = 0; i < N; i++)
        cr_assert(one[i].epoch == i / 5 && one[i].step == i % 5);
}

Test(data_loader, starting_late_gives_the_same_batches)
{
    enum { N = 12, SKIP = 7 };
    static struct taken whole[N], rest[N - SKIP];
    take(whole, N, 3, 0, 0);
    take(rest, N - SKIP, 2, 1, 2);
    cr_expect_arr_eq(whole + SKIP, rest, sizeof(rest));
}

Test(data_loader, an_epoch_shows_each_item_at_most_once)
{
    static struct taken all[5];
    int seen[22] = { 0 };
    take(all, 5, 2, 0, 0);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(seen[all[i / 4].item[i % 4]]++, 0);
}

Test(data_loader, in_order_with_a_short_last_batch)
{
    struct fake f = make_fake(10, -1);
    vs_loader_options o = options_of(2);
    o.shuffle = o.drop_last = false;
    o.mask_slots = 0;
    vs_loader *loader;
    CHECK_OK(vs_loader_open(&loader, &f.base, &o, 0, 0));
    cr_assert_eq(vs_loader_steps(loader), 3);
    for (int i = 0; i < 6; i++) {
        const vs_loaded *b;
        CHECK_OK(vs_loader_next(loader, &b));
        cr_expect(b->B == (i % 3 < 2 ? 4 : 2) && b->item[0] == i % 3 * 4 && !b->mask);
    }
    vs_loader_close(&loader);
}

Test(data_loader, whole_steps_of_an_accumulating_run)
{
    struct fake f = make_fake(22, -1);
    vs_loader_options o = options_of(2);
    o.group = 2;
    vs_loader *loader;
    CHECK_OK(vs_loader_open(&loader, &f.base, &o, 0, 0));
    cr_expect_eq(vs_loader_steps(loader), 4);
    vs_loader_close(&loader);
    o.group = 6;
    CHECK_FAILS(vs_loader_open(&loader, &f.base, &o, 0, 0), VS_ERR_USAGE, "22 clips");
}

/* Two processes with two passes each: together the batches of one, over the end of an epoch. */
Test(data_loader, parts_share_the_batches)
{
    enum { N = 10 };
    struct fake f = make_fake(22, -1);
    vs_loader_options o = options_of(2);
    vs_loader *whole, *part[2];
    const vs_loaded *a, *b;
    o.group = 4;
    CHECK_OK(vs_loader_open(&whole, &f.base, &o, 1, 2));
    o.parts = 2;
    for (o.part = 0; o.part < 2; o.part++)
        CHECK_OK(vs_loader_open(&part[o.part], &f.base, &o, 1, 2));
    for (int i = 0; i < N; i++) {
        CHECK_OK(vs_loader_next(whole, &a));
        CHECK_OK(vs_loader_next(part[i % 2], &b));
        cr_assert(a->epoch == b->epoch && a->step == b->step);
        cr_assert_arr_eq(a->item, b->item, sizeof(*a->item) * 4);
        cr_assert_arr_eq(a->frames, b->frames, (size_t)4 * BYTES);
        cr_assert_arr_eq(a->mask, b->mask, 4 * 16);
    }
    for (int i = 0; i < 2; i++)
        vs_loader_close(&part[i]);
    vs_loader_close(&whole);
}

Test(data_loader, a_failing_worker_is_heard)
{
    struct fake f = make_fake(22, 13);
    vs_loader_options o = options_of(3);
    o.shuffle = false;
    vs_loader *loader;
    const vs_loaded *b;
    CHECK_OK(vs_loader_open(&loader, &f.base, &o, 0, 0));
    for (int i = 0; i < 3; i++)
        CHECK_OK(vs_loader_next(loader, &b));
    CHECK_FAILS(vs_loader_next(loader, &b), VS_ERR_CORRUPT, "clip 13 is damaged");
    vs_loader_close(&loader);
}
