/* Every file of ../shared/golden/corrupt against what is made, as a table on stdout. What draws
 * nothing at random agrees in every byte. Of two samples, a statistic differs by less than 5
 * standard deviations of that difference (one false alarm in two million). Of a draw from few
 * possible ones, the reference's must be among ours, or within the range of 4,000 of ours.
 * noise_levels.json: test_eval_golden.c; mean and deviation of the noises: test_eval_response.c. */
#include <turbojpeg.h>

#include "base/file.h"
#include "base/image.h"
#include "base/json.h"
#include "eval/robust.h"
#include "tests/check.h"

enum { T = 16, S = 224, PIXELS = S * S, FRAME = PIXELS * 3, N = T * FRAME, DRAWS = 4000 };

struct count {
    int good, all;
};

static void row(const char *golden, const char *what, struct count c, const char *how)
{
    printf("| %s | %s | %d of %d | %s |\n", golden, what, c.good, c.all, how);
    cr_expect_eq(c.good, c.all, "%s, %s: %d of %d", golden, what, c.good, c.all);
}

static void tally(struct count *c, bool good, const char *where)
{
    c->good += good;
    c->all++;
    if (!good)
        fprintf(stderr, "%s differs\n", where);
}

static char *shared(const char *name)
{
    char *inside = vs_strf("golden/corrupt/%s", name), *path = check_shared(inside);
    free(inside);
    return path;
}

static json_t *load_json(const char *name)
{
    char *path = shared(name);
    json_t *value;
    CHECK_OK(vs_json_load(&value, path));
    free(path);
    return value;
}

static vs_image load_png(const char *name)
{
    char *path = shared(name);
    vs_image image;
    CHECK_OK(vs_png_read(&image, path));
    free(path);
    return image;
}

static uint8_t *load_clip(const char *name)
{
    uint8_t *clip = vs_new(N);
    for (int t = 0; t < T; t++) {
        char *file = vs_strf("clean/%s_%02d.png", name, t);
        vs_image image = load_png(file);
        memcpy(clip + t * FRAME, image.rgb, FRAME);
        vs_image_free(&image);
        free(file);
    }
    return clip;
}

static const vs_corruption *kind(const char *name)
{
    const vs_corruption *c;
    CHECK_OK(vs_corruption_find(&c, strcmp(name, "compression") ? name : "jpeg"));
    return c;
}

static const char *text(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static double number(const json_t *row, const char *key, int c)
{
    const json_t *v = json_object_get(row, key);
    return json_number_value(json_is_array(v) ? json_array_get(v, (size_t)c) : v);
}

/* ---- What draws nothing ------------------------------------------------------------------- */

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

static bool stream_equals(const char *name, const uint8_t *rgb)
{
    char *path = shared(name);
    void *bytes;
    size_t size;
    uint8_t *out = vs_new(FRAME);
    CHECK_OK(vs_file_read(path, &bytes, &size));
    tjhandle jpeg = tjInitDecompress();
    cr_assert_eq(tjDecompress2(jpeg, bytes, size, out, S, 0, S, TJPF_RGB, TJFLAG_ACCURATEDCT), 0);
    tjDestroy(jpeg);
    const bool same = memcmp(out, rgb, FRAME) == 0;
    free(bytes);
    free(path);
    free(out);
    return same;
}

Test(eval_parity, pictures_and_streams_byte_for_byte)
{
    static const int quality[] = { 25, 18, 15, 10, 7 };
    uint8_t *clip[2] = { load_clip("plasma"), load_clip("drift") }, *out = vs_new(FRAME);
    json_t *rows = load_json("deterministic.json"), *r;
    struct count crc = { 0 }, png = { 0 }, jpg = { 0 };
    size_t i;
    json_array_foreach(rows, i, r) {
        const char *name = text(r, "kind"), *of = text(r, "clip"), *file = text(r, "png");
        const int severity = (int)number(r, "sev", 0);
        const vs_corrupt_options options = { .fixed_angle = json_object_get(r, "angle") != NULL,
                                             .angle = number(r, "angle", 0) };
        const int frame = strcmp(of, "drift") ? 0 : 8;
        CHECK_OK(vs_corrupt_apply(out, NULL, clip[frame > 0] + frame * FRAME, 1, S, S, kind(name),
                                  severity, 0, &options, NULL));
        tally(&crc, crc32_of(out, FRAME) == (uint32_t)json_integer_value(
                                                json_object_get(r, "crc32")), name);
        if (file) {
            vs_image want = load_png(file);
            tally(&png, memcmp(want.rgb, out, FRAME) == 0, file);
            vs_image_free(&want);
        }
        if (strcmp(name, "compression") == 0) {
            char *stream = vs_strf("compression/q%d_%s_f%02d.jpg", quality[severity - 1], of,
                                   frame);
            tally(&jpg, stream_equals(stream, out), stream);
            free(stream);
        }
    }
    row("deterministic.json", "CRC-32 of five kinds, motion at four angles", crc, "equal");
    row("defocus, zoom, motion, jpeg, static_rotate", "PNG pictures", png, "every byte");
    row("compression/*.jpg", "decoded streams", jpg, "every byte");
    cr_expect_eq(crc.all, 90);
    cr_expect_eq(png.all, 50);
    cr_expect_eq(jpg.all, 10);
    json_decref(rows);
    free(clip[0]);
    free(clip[1]);
    free(out);
}

/* ---- Noises on clips ---------------------------------------------------------------------- */

struct sample {
    double mean[3], psnr, psnr_error, changed, histogram[256];
};

static void measure(struct sample *m, const uint8_t *in, const uint8_t *out)
{
    *m = (struct sample){ 0 };
    for (int t = 0; t < T; t++) {
        double m2 = 0, m4 = 0;
        for (int i = t * FRAME; i < (t + 1) * FRAME; i++) {
            const double d = out[i] - in[i];
            m2 += d * d / FRAME;
            m4 += d * d * d * d / FRAME;
            m->histogram[out[i]]++;
            m->mean[i % 3] += out[i] / (double)(N / 3);
        }
        m->psnr += 10 * log10(255.0 * 255 / m2) / T;
        m->psnr_error += pow(10 / log(10) / T, 2) * (m4 / (m2 * m2) - 1) / FRAME;
        for (int i = t * PIXELS; i < (t + 1) * PIXELS; i++)
            m->changed += memcmp(in + 3 * i, out + 3 * i, 3) != 0;
    }
    m->psnr_error = sqrt(m->psnr_error);
    m->changed /= T * PIXELS;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* The largest number of standard deviations by which the row differs from ours; the table's last
 * printed digit is taken off. */
static double worst_of(const json_t *r, const uint8_t *in, const uint8_t *out)
{
    struct sample m;
    double worst = 0;
    measure(&m, in, out);
    for (int c = 0; c < 3; c++)
        worst = larger(worst, (fabs(m.mean[c] - number(r, "mean", c)) - 5e-5) /
                                  (number(r, "std_diff", c) * sqrt(2.0 / (N / 3))));
    worst = larger(worst, (fabs(m.psnr - number(r, "psnr", 0)) - 5e-5) /
                              (m.psnr_error * sqrt(2)));
    const double p = m.changed, share = sqrt(2 * p * (1 - p) / (T * PIXELS));
    worst = larger(worst, (fabs(p - number(r, "changed", 0)) - 5e-7) / (share + 1e-9));
    for (int v = 0; v < 256; v++) {
        const double a = m.histogram[v], b = T * number(r, "hist", v);
        worst = larger(worst, (fabs(a - b) - T * .005) / sqrt(a + b + 1));
    }
    return worst;
}

Test(eval_parity, noises_on_clips)
{
    uint8_t *clip[2] = { load_clip("plasma"), load_clip("drift") }, *out = vs_new(N);
    json_t *rows = load_json("random_stats.json"), *r;
    struct count c = { 0 };
    double worst = 0;
    size_t i;
    json_array_foreach(rows, i, r) {
        const char *name = text(r, "kind");
        if (!strstr(name, "_noise"))
            continue;
        const uint8_t *in = clip[strcmp(text(r, "clip"), "drift") == 0];
        CHECK_OK(vs_corrupt_apply(out, NULL, in, T, S, S, kind(name), (int)number(r, "sev", 0), 21,
                                  NULL, NULL));
        const double z = worst_of(r, in, out);
        worst = larger(worst, z);
        tally(&c, z < 5, name);
    }
    char *how = vs_strf("260 statistics a row, worst %.1f of 5 deviations", worst);
    row("random_stats.json", "noises: mean, PSNR, share changed, histogram", c, how);
    cr_expect_eq(c.all, 40);
    free(how);
    json_decref(rows);
    free(clip[0]);
    free(clip[1]);
    free(out);
}

/* ---- Orders of frames --------------------------------------------------------------------- */

/* Frame j in place of frame i: mean difference and mean square of a channel, share changed. */
struct pair {
    double diff[3], square[3], changed;
};

static struct pair *measure_pairs(const uint8_t *clip)
{
    struct pair *table = vs_new(sizeof(*table) * T * T);
    for (int k = 0; k < T * T; k++) {
        const uint8_t *a = clip + k / T * FRAME, *b = clip + k % T * FRAME;
        for (int i = 0; i < PIXELS; i++, a += 3, b += 3) {
            table[k].changed += (a[0] != b[0] || a[1] != b[1] || a[2] != b[2]) / (double)PIXELS;
            for (int c = 0; c < 3; c++) {
                table[k].diff[c] += (b[c] - a[c]) / (double)PIXELS;
                table[k].square[c] += (b[c] - a[c]) * (b[c] - a[c]) / (double)PIXELS;
            }
        }
    }
    return table;
}

/* value[0..6]: mean_diff, std_diff of each channel, changed */
static void order_values(double value[7], const struct pair *table, const int *order)
{
    double square[3] = { 0 };
    memset(value, 0, 7 * sizeof(double));
    for (int t = 0; t < T; t++) {
        const struct pair *p = &table[t * T + order[t]];
        value[6] += p->changed / T;
        for (int c = 0; c < 3; c++) {
            value[c] += p->diff[c] / T;
            square[c] += p->square[c] / T;
        }
    }
    for (int c = 0; c < 3; c++)
        value[3 + c] = sqrt(fmax(square[c] - value[c] * value[c], 0));
}

static void draw(int order[T], const vs_corrupter *c, uint64_t seed)
{
    const int n = vs_corrupter_order(c, order, T, seed);
    for (int i = n; i < T; i++)
        order[i] = T - 1;
}

static bool among_draws(const json_t *r, const struct pair *table)
{
    double low[7], high[7], value[7];
    vs_corrupter *c;
    int order[T];
    CHECK_OK(vs_corrupter_open(&c, kind(text(r, "kind")), (int)number(r, "sev", 0), NULL));
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        draw(order, c, seed);
        order_values(value, table, order);
        for (int i = 0; i < 7; i++) {
            low[i] = seed ? fmin(low[i], value[i]) : value[i];
            high[i] = seed ? fmax(high[i], value[i]) : value[i];
        }
    }
    vs_corrupter_close(&c);
    for (int i = 0; i < 7; i++) {
        const char *key = i < 3 ? "mean_diff" : i < 6 ? "std_diff" : "changed";
        const double want = number(r, key, i % 3);
        if (want < low[i] - 1e-4 || want > high[i] + 1e-4)
            return false;
    }
    return true;
}

Test(eval_parity, orders_of_frames_on_clips)
{
    uint8_t *clip[2] = { load_clip("plasma"), load_clip("drift") };
    struct pair *table[2] = { measure_pairs(clip[0]), measure_pairs(clip[1]) };
    json_t *rows = load_json("random_stats.json"), *r;
    struct count c = { 0 };
    size_t i;
    json_array_foreach(rows, i, r)
        if (kind(text(r, "kind"))->temporal)
            tally(&c, among_draws(r, table[strcmp(text(r, "clip"), "drift") == 0]),
                  text(r, "kind"));
    row("random_stats.json", "jumble, box_jumble, freeze: 7 statistics a row", c,
        "within the range of 4,000 draws");
    cr_expect_eq(c.all, 30);
    json_decref(rows);
    for (int k = 0; k < 2; k++) {
        free(clip[k]);
        free(table[k]);
    }
}

/* Blocks of n keep their frames: for orders too many to be met by chance. */
static bool in_blocks(const int *order, int n)
{
    int seen[T] = { 0 };
    for (int t = 0; t < T; t++) {
        if (order[t] / n != t / n || seen[order[t]]++)
            return false;
    }
    return true;
}

static bool drawn_here(const vs_corrupter *c, const int *want)
{
    int order[T];
    for (uint64_t seed = 0; seed < 100000; seed++) {
        draw(order, c, seed);
        if (memcmp(order, want, sizeof(order)) == 0)
            return true;
    }
    return false;
}

static void check_examples(struct count *met, const char *name, int severity, const json_t *list)
{
    vs_corrupter *c;
    CHECK_OK(vs_corrupter_open(&c, kind(name), severity, NULL));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const int block = strcmp(name, "jumble") ? 0 : (int)kind(name)->level[0][severity - 1][0];
        int want[T];
        for (size_t t = 0; t < T; t++)
            want[t] = (int)json_integer_value(json_array_get(json_array_get(list, i), t));
        tally(met, block > 2 ? in_blocks(want, block) : drawn_here(c, want), name);
    }
    vs_corrupter_close(&c);
}

/* Black pixels of a white picture moved by (x, y): both sides are samples of them. */
static double translate_deviations(const json_t *list, int severity)
{
    enum { SEEDS = 400 };
    const double n = (double)json_array_size(list);
    double want = 0, mean = 0, square = 0;
    uint8_t *in = vs_new(FRAME), *out = vs_new(FRAME);
    memset(in, 255, FRAME);
    for (size_t i = 0; i < json_array_size(list); i++)
        want += json_number_value(json_array_get(json_array_get(list, i), 2)) / n;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        int black = 0;
        CHECK_OK(vs_corrupt_apply(out, NULL, in, 1, S, S, kind("translate"), severity, seed, NULL,
                                  NULL));
        for (int i = 0; i < FRAME; i += 3)
            black += out[i] == 0;
        mean += (double)black / SEEDS;
        square += (double)black * black / SEEDS;
    }
    free(in);
    free(out);
    return fabs(want - mean) / sqrt((square - mean * mean) * (1 / n + 1.0 / SEEDS));
}

Test(eval_parity, examples_of_draws)
{
    json_t *all = load_json("temporal_examples.json"), *severities, *list;
    const char *name, *severity;
    struct count met = { 0 }, moved = { 0 };
    double worst = 0;
    json_object_foreach(all, name, severities)
        json_object_foreach(severities, severity, list) {
            const int s = (int)strtol(severity, NULL, 10);
            if (strncmp(name, "translate", 9) != 0) {
                check_examples(&met, name, s, list);
            } else {
                const double z = translate_deviations(list, s);
                worst = larger(worst, z);
                tally(&moved, z < 5, name);
            }
        }
    char *how = vs_strf("worst %.1f of 5 deviations", worst);
    row("temporal_examples.json", "orders of jumble, box_jumble, freeze", met,
        "drawn here too; jumble of 4 and more: by its blocks");
    row("temporal_examples.json", "translate, 40 offsets each", moved, how);
    cr_expect_eq(met.all, 90);
    cr_expect_eq(moved.all, 5);
    free(how);
    json_decref(all);
}

Test(eval_parity, frames_that_are_sampled)
{
    static const char *const name[] = { "sampling", "reverse_sampling" };
    json_t *tables = load_json("tables.json"), *list;
    struct count c = { 0 };
    for (int k = 0; k < 2; k++) {
        char *key = vs_strf("%s16", name[k]);
        const char *severity;
        json_object_foreach(json_object_get(tables, key), severity, list) {
            vs_corrupter *sampler;
            int order[T];
            CHECK_OK(vs_corrupter_open(&sampler, kind(name[k]), (int)strtol(severity, NULL, 10),
                                       NULL));
            const int n = vs_corrupter_order(sampler, order, T, 0);
            bool good = n == (int)json_array_size(list);
            for (int i = 0; good && i < n; i++)
                good = order[i] == json_integer_value(json_array_get(list, (size_t)i));
            tally(&c, good, name[k]);
            vs_corrupter_close(&sampler);
        }
        free(key);
    }
    row("tables.json", "sampling, reverse_sampling of 16 frames", c, "equal");
    cr_expect_eq(c.all, 10);
    json_decref(tables);
}
