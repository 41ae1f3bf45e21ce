/* Random numbers: known answers of Philox4x32-10, independence of streams, ranges. */
#include "tests/check.h"

/* From the known-answer file of the Random123 distribution (philox4x32, 10 rounds). */
Test(rng, philox_known_answers)
{
    static const struct {
        uint32_t counter[4];
        uint64_t key;
        uint32_t out[4];
    } known[] = {
        { { 0, 0, 0, 0 }, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
        { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff }, 0xffffffffffffffffu,
          { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
        { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 }, 0x299f31d0a4093822u,
          { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
    };
    for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++) {
        uint32_t out[4];
        vs_philox(out, known[k].key, known[k].counter);
        for (int i = 0; i < 4; i++)
            cr_expect_eq(out[i], known[k].out[i], "case %zu word %d: %08x", k, i, out[i]);
    }
}

Test(rng, streams_are_repeatable_and_differ)
{
    vs_rng a = vs_rng_at(1, VS_RNG_TEST, 5), b = vs_rng_at(1, VS_RNG_TEST, 5);
    vs_rng other[] = { vs_rng_at(2, VS_RNG_TEST, 5), vs_rng_at(1, VS_RNG_SCENE, 5),
                       vs_rng_at(1, VS_RNG_TEST, 6), vs_rng_at(1, VS_RNG_TEST, 5 + (1ull << 32)) };
    int same[4] = { 0 };
    for (int i = 0; i < 1000; i++) {
        const uint32_t u = vs_rng_u32(&a);
        cr_assert_eq(u, vs_rng_u32(&b));
        for (int k = 0; k < 4; k++)
            same[k] += u == vs_rng_u32(&other[k]);
    }
    for (int k = 0; k < 4; k++)
        cr_expect_leq(same[k], 1, "stream %d repeats %d of 1000", k, same[k]);
}

Test(rng, ranges_and_moments)
{
    enum { N = 200000 };
    vs_rng r = vs_rng_at(3, VS_RNG_TEST, 0);
    double sum = 0, normal = 0, square = 0;
    int hits[7] = { 0 };
    for (int i = 0; i < N; i++) {
        const double u = vs_rng_f64(&r);
        cr_assert(u >= 0 && u < 1);
        sum += u;
        hits[vs_rng_below(&r, 7)]++;
        const double z = vs_rng_normal(&r);
        normal += z;
        square += z * z;
    }
    /* five standard errors */
    cr_expect_float_eq(sum / N, 0.5, 5 * 0.2887 / sqrt(N));
    cr_expect_float_eq(normal / N, 0, 5 / sqrt(N));
    cr_expect_float_eq(square / N, 1, 5 * sqrt(2.0 / N));
    for (int k = 0; k < 7; k++)
        cr_expect_float_eq(hits[k] / (double)N, 1 / 7.0, 5 * sqrt(6 / 49.0 / N));
}

Test(rng, shuffle_is_a_permutation)
{
    int item[100], seen[100] = { 0 }, moved = 0;
    for (int i = 0; i < 100; i++)
        item[i] = i;
    vs_rng r = vs_rng_at(0, VS_RNG_TEST, 0);
    vs_rng_shuffle(&r, item, 100);
    for (int i = 0; i < 100; i++) {
        seen[item[i]]++;
        moved += item[i] != i;
    }
    for (int i = 0; i < 100; i++)
        cr_expect_eq(seen[i], 1);
    cr_expect_gt(moved, 80);
}
