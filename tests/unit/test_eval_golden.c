/* Corruptions against the reference: every fixed one must agree in every byte (PNG files and
 * CRC-32 of deterministic.json), the noises in their response to constant pictures. */
#include "base/image.h"
#include "base/json.h"
#include "eval/kinds.h"
#include "eval/robust.h"
#include "tests/check.h"

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

static json_t *load_json(const char *name)
{
    char *path = check_golden(name);
    json_t *value;
    CHECK_OK(vs_json_load(&value, path));
    free(path);
    return value;
}

static vs_image load_png(const char *name)
{
    char *path = check_golden(name);
    vs_image image;
    CHECK_OK(vs_png_read(&image, path));
    free(path);
    return image;
}

static long differing(const uint8_t *a, const uint8_t *b, size_t n)
{
    long count = 0;
    for (size_t i = 0; i < n; i++)
        count += a[i] != b[i];
    return count;
}

/* One line of deterministic.json: CRC-32, and values that differ from its PNG when that is here. */
static int check_case(const json_t *row, const vs_image clean[2], int *pictures)
{
    const char *kind = json_string_value(json_object_get(row, "kind"));
    const char *clip = json_string_value(json_object_get(row, "clip"));
    const char *png = json_string_value(json_object_get(row, "png"));
    const int severity = (int)json_integer_value(json_object_get(row, "sev"));
    const uint32_t crc = (uint32_t)json_integer_value(json_object_get(row, "crc32"));
    const json_t *angle = json_object_get(row, "angle");
    const vs_corrupt_options options = { .fixed_angle = json_is_number(angle),
                                         .angle = json_number_value(angle) };
    const vs_image *in = &clean[strcmp(clip, "drift") == 0];
    const size_t n = (size_t)in->W * in->H * 3;
    const vs_corruption *corruption;
    uint8_t *out = vs_new(n);
    CHECK_OK(vs_corruption_find(&corruption, strcmp(kind, "compression") ? kind : "jpeg"));
    CHECK_OK(vs_corrupt_apply(out, NULL, in->rgb, 1, in->H, in->W, corruption, severity, 0,
                              &options, NULL));
    const int good = crc32_of(out, n) == crc;
    if (!good)
        fprintf(stderr, "%s severity %d %s angle %g: CRC-32 differs\n", kind, severity, clip,
                options.angle);
    if (png && strcmp(clip, "plasma") == 0) {
        char *name = vs_strf("corrupt/%s", png);
        vs_image want = load_png(name);
        const long wrong = differing(out, want.rgb, n);
        cr_expect_eq(wrong, 0, "%s: %ld of %zu values differ", name, wrong, n);
        vs_image_free(&want);
        free(name);
        ++*pictures;
    }
    free(out);
    return good;
}

Test(eval_golden, fixed_corruptions_equal_the_reference)
{
    vs_image clean[2] = { load_png("corrupt/clean/plasma_00.png"),
                          load_png("corrupt/clean/drift_08.png") };
    json_t *rows = load_json("corrupt/deterministic.json"), *row;
    size_t i;
    int good = 0, pictures = 0;
    json_array_foreach(rows, i, row)
        good += check_case(row, clean, &pictures);
    cr_expect_eq(good, (int)json_array_size(rows), "%d of %zu agree", good, json_array_size(rows));
    cr_expect_eq(pictures, 25);
    cr_expect_eq(json_array_size(rows), 90);
    json_decref(rows);
    vs_image_free(&clean[0]);
    vs_image_free(&clean[1]);
}

/* tests/golden/corrupt/imagenet_c/README.md tells how these were made. */
static long imagenet_c_differing(const char *kind, int severity, const vs_image *clean)
{
    char *name = vs_strf("corrupt/imagenet_c/%s_s%d.png", kind, severity);
    const size_t n = (size_t)clean->W * clean->H * 3;
    uint8_t *out = vs_new(n);
    vs_image want = load_png(name);
    const vs_corruption *corruption;
    CHECK_OK(vs_corruption_find(&corruption, kind));
    CHECK_OK(vs_corrupt_apply(out, NULL, clean->rgb, 1, clean->H, clean->W, corruption, severity,
                              0, NULL, NULL));
    const long wrong = differing(out, want.rgb, n);
    vs_image_free(&want);
    free(out);
    free(name);
    return wrong;
}

Test(eval_golden, colour_and_detail_equal_the_reference)
{
    static const char *const kind[] = { "brightness", "contrast", "saturate", "gaussian_blur",
                                        "pixelate" };
    vs_image clean = load_png("corrupt/imagenet_c/clean.png");
    for (size_t i = 0; i < sizeof(kind) / sizeof(*kind); i++)
        for (int severity = 1; severity <= VS_SEVERITIES; severity++) {
            const long wrong = imagenet_c_differing(kind[i], severity, &clean);
            cr_expect_eq(wrong, 0, "%s severity %d: %ld values differ", kind[i], severity, wrong);
        }
    vs_image_free(&clean);
}

/* ---- Weather ------------------------------------------------------------------------------ */

/* tests/golden/corrupt/weather/README.md tells how these were made. */
static void check_weather(const json_t *row)
{
    const char *kind = json_string_value(json_object_get(row, "kind"));
    const int severity = (int)json_integer_value(json_object_get(row, "sev"));
    const uint64_t seed = (uint64_t)json_integer_value(json_object_get(row, "seed"));
    const uint32_t crc = (uint32_t)json_integer_value(json_object_get(row, "crc32"));
    char *name = vs_strf("corrupt/%s", json_string_value(json_object_get(row, "clean")));
    vs_image clean = load_png(name);
    const size_t n = (size_t)clean.W * (size_t)clean.H;
    const vs_corruption *corruption;
    uint8_t *out = vs_new(3 * n);
    CHECK_OK(vs_corruption_find(&corruption, kind));
    CHECK_OK(vs_corrupt_apply(out, NULL, clean.rgb, 1, clean.H, clean.W, corruption, severity, seed,
                              NULL, NULL));
    cr_expect_eq(crc32_of(out, 3 * n), crc, "%s severity %d seed %d of %s: CRC-32 differs", kind,
                 severity, (int)seed, name);
    for (size_t c = 0; c < 3; c++) {
        const double want =
            json_number_value(json_array_get(json_object_get(row, "mean"), c));
        double mean = 0;
        for (size_t i = 0; i < n; i++)
            mean += out[3 * i + c] / (double)n;
        cr_expect(fabs(mean - want) < 1e-3, "%s severity %d channel %zu: mean %g, reference %g",
                  kind, severity, c, mean, want);
    }
    free(out);
    free(name);
    vs_image_free(&clean);
}

Test(eval_golden, weather_equals_the_published_formulas)
{
    json_t *rows = load_json("corrupt/weather/crc.json"), *row;
    size_t i;
    int kinds = 0;
    json_array_foreach(rows, i, row) {
        static const char *const name[] = { "rain", "fog", "snow", "spatter", "elastic" };
        check_weather(row);
        for (int k = 0; k < 5; k++)
            if (strcmp(json_string_value(json_object_get(row, "kind")), name[k]) == 0)
                kinds |= 1 << (5 * k + (int)json_integer_value(json_object_get(row, "sev")) - 1);
    }
    cr_expect_eq(kinds, (1 << 25) - 1, "every kind at every severity: %x", (unsigned)kinds);
    json_decref(rows);
}

/* ---- Noise -------------------------------------------------------------------------------- */

#define SIDE 317                   /* 317 x 317 x 3 = 301,467 samples, about the reference's */

struct response {
    double mean, std, std_error, share0, share255, unchanged;
};

static struct response measure(const uint8_t *out, int n, int level)
{
    struct response r = { 0 };
    double m2 = 0, m4 = 0;
    for (int i = 0; i < n; i++) {
        r.mean += out[i] / (double)n;
        r.share0 += out[i] == 0;
        r.share255 += out[i] == 255;
        r.unchanged += out[i] == level;
    }
    for (int i = 0; i < n; i++) {
        const double d = (out[i] - r.mean) * (out[i] - r.mean);
        m2 += d / n;
        m4 += d * d / n;
    }
    r.std = sqrt(m2);
    r.std_error = m2 > 0 ? sqrt(fmax(m4 - m2 * m2, 0) / n) / (2 * r.std) : 0;
    r.share0 /= n;
    r.share255 /= n;
    r.unchanged /= n;
    return r;
}

/* Both sides are samples of n values: the difference of two shares p has deviation
 * sqrt(2 p (1 - p) / n), of two means s sqrt(2 / n), of two deviations s (from the fourth
 * moment m4) sqrt((m4 - s^4) 2 / n) / 2s. Bound: 5 of these (one false alarm in two million)
 * and the last printed digit of the table. */
static void check_share(double got, double want, double n, const char *what, const char *where)
{
    const double p = fmax(got, want), bound = 5 * sqrt(2 * p * (1 - p) / n) + 0.5e-5;
    cr_expect(fabs(got - want) <= bound, "%s %s: %g, reference %g, bound %g", where, what, got,
              want, bound);
}

static void check_level(const vs_corruption *corruption, int severity, const json_t *row)
{
    enum { N = SIDE * SIDE * 3 };
    double want[6];
    for (int i = 0; i < 6; i++)
        want[i] = json_number_value(json_array_get(row, (size_t)i));
    uint8_t *in = vs_new(N), *out = vs_new(N);
    memset(in, (int)want[0], N);
    CHECK_OK(vs_corrupt_apply(out, NULL, in, 1, SIDE, SIDE, corruption, severity,
                              1000 + (uint64_t)want[0], NULL, NULL));
    const struct response r = measure(out, N, (int)want[0]);
    const double deviation = fmax(r.std, want[2]);
    char *where = vs_strf("%s severity %d level %g", corruption->name, severity, want[0]);
    cr_expect(fabs(r.mean - want[1]) <= 5 * deviation * sqrt(2.0 / N) + 1e-4,
              "%s mean: %g, reference %g", where, r.mean, want[1]);
    cr_expect(fabs(r.std - want[2]) <= 5 * sqrt(2) * r.std_error + 1e-4,
              "%s deviation: %g, reference %g", where, r.std, want[2]);
    check_share(r.share0, want[3], N, "share of 0", where);
    check_share(r.share255, want[4], N, "share of 255", where);
    check_share(r.unchanged, want[5], N, "share unchanged", where);
    free(where);
    free(in);
    free(out);
}

Test(eval_golden, noises_respond_as_the_reference)
{
    json_t *table = load_json("corrupt/noise_levels.json"), *severities, *rows, *row;
    const char *name, *severity;
    size_t i;
    int levels = 0;
    json_object_foreach(json_object_get(table, "data"), name, severities) {
        const vs_corruption *corruption;
        CHECK_OK(vs_corruption_find(&corruption, name));
        json_object_foreach(severities, severity, rows)
            json_array_foreach(rows, i, row) {
                check_level(corruption, (int)strtol(severity, NULL, 10), row);
                levels++;
            }
    }
    cr_expect_eq(levels, 4 * 5 * 18);
    json_decref(table);
}

/* A relative error of 2e-7 in z changes the probability beyond it by about 2e-7 z^2. */
Test(eval_golden, normal_quantile_inverts_the_distribution)
{
    for (int u = 0; u < 65536; u++) {
        const double p = (u + 0.5) / 65536, z = vs_normal_quantile(p);
        const double beyond = fmin(p, 1 - p), back = 0.5 * erfc(fabs(z) / sqrt(2));
        cr_assert(fabs(back - beyond) < 2e-7 * (1 + z * z) * beyond, "%.9g came back as %.9g",
                  beyond, back);
        cr_assert((z > 0) == (p > 0.5));
    }
}
