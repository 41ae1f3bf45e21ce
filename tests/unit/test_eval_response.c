/* Random corruptions in numbers: against the reference's statistics of 16-frame clips, and against
 * what their definitions say. Every bound is 5 standard deviations (one false alarm in two million)
 * unless it says otherwise. */
#include "base/image.h"
#include "base/json.h"
#include "eval/robust.h"
#include "tests/check.h"

enum { T = 16, S = 224, FRAME = S * S * 3, N = T * FRAME };

static const vs_corruption *kind(const char *name)
{
    const vs_corruption *c;
    CHECK_OK(vs_corruption_find(&c, name));
    return c;
}

static void corrupt(uint8_t *out, const uint8_t *in, int frames, const char *name, int severity,
                    uint64_t seed)
{
    CHECK_OK(vs_corrupt_apply(out, NULL, in, frames, S, S, kind(name), severity, seed, NULL, NULL));
}

/* ---- The reference's clips ---------------------------------------------------------------- */

static uint8_t *load_clip(const char *name)
{
    uint8_t *clip = vs_new(N);
    for (int t = 0; t < T; t++) {
        char *file = vs_strf("golden/corrupt/clean/%s_%02d.png", name, t);
        char *path = check_shared(file);
        vs_image image;
        CHECK_OK(vs_png_read(&image, path));
        memcpy(clip + t * FRAME, image.rgb, FRAME);
        vs_image_free(&image);
        free(path);
        free(file);
    }
    return clip;
}

static double number(const json_t *row, const char *key, int c)
{
    const json_t *v = json_object_get(row, key);
    return json_number_value(json_is_array(v) ? json_array_get(v, (size_t)c) : v);
}

/* The difference of two samples of n values each. */
static void check_noise(const json_t *row, const uint8_t *in, const uint8_t *out, int c)
{
    const char *name = json_string_value(json_object_get(row, "kind"));
    const int severity = (int)number(row, "sev", 0);
    const double n = N / 3.0;
    double mean = 0, m2 = 0, m4 = 0;
    for (int i = c; i < N; i += 3)
        mean += (out[i] - in[i]) / n;
    for (int i = c; i < N; i += 3) {
        const double d = (out[i] - in[i] - mean) * (out[i] - in[i] - mean);
        m2 += d / n;
        m4 += d * d / n;
    }
    const double std = sqrt(m2), error = sqrt((m4 - m2 * m2) / n) / (2 * std);
    cr_expect(fabs(mean - number(row, "mean_diff", c)) < 5 * std * sqrt(2 / n) + 1e-4,
              "%s severity %d channel %d: mean %g, reference %g", name, severity, c, mean,
              number(row, "mean_diff", c));
    cr_expect(fabs(std - number(row, "std_diff", c)) < 5 * error * sqrt(2) + 1e-4,
              "%s severity %d channel %d: deviation %g, reference %g", name, severity, c, std,
              number(row, "std_diff", c));
}

/* The reference drew one clip: it must lie where many of ours do. */
static void check_draw(const json_t *row, const uint8_t *in, uint8_t *out)
{
    enum { SEEDS = 24 };
    const char *name = json_string_value(json_object_get(row, "kind"));
    const int severity = (int)number(row, "sev", 0);
    double mean = 0, squares = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        int64_t sum = 0;
        corrupt(out, in, T, name, severity, seed);
        for (int i = 0; i < N; i++)
            sum += out[i] - in[i];
        mean += (double)sum / N / SEEDS;
        squares += pow((double)sum / N, 2) / SEEDS;
    }
    const double want = (number(row, "mean_diff", 0) + number(row, "mean_diff", 1) +
                         number(row, "mean_diff", 2)) / 3;
    const double deviation = sqrt((squares - mean * mean) * (1 + 1.0 / SEEDS));
    cr_expect(fabs(want - mean) < 5 * deviation, "%s severity %d: reference %g, here %g +- %g",
              name, severity, want, mean, deviation);
}

Test(eval_response, clips_as_the_reference)
{
    char *path = check_shared("golden/corrupt/random_stats.json");
    uint8_t *clip[2] = { load_clip("plasma"), load_clip("drift") }, *out = vs_new(N);
    json_t *rows, *row;
    size_t i;
    int noises = 0, draws = 0;
    CHECK_OK(vs_json_load(&rows, path));
    json_array_foreach(rows, i, row) {
        const char *name = json_string_value(json_object_get(row, "kind"));
        const uint8_t *in = clip[strcmp(json_string_value(json_object_get(row, "clip")),
                                        "plasma") != 0];
        if (strstr(name, "_noise")) {
            corrupt(out, in, T, name, (int)number(row, "sev", 0), 21);
            for (int c = 0; c < 3; c++)
                check_noise(row, in, out, c);
            noises++;
        } else if (strcmp(name, "rotate") == 0 || strcmp(name, "translate") == 0) {
            check_draw(row, in, out);
            draws++;
        }
    }
    cr_expect_eq(noises, 4 * 5 * 2);
    cr_expect_eq(draws, 2 * 5 * 2);
    json_decref(rows);
    free(clip[0]);
    free(clip[1]);
    free(out);
    free(path);
}

/* ---- shot_noise_c: mean and variance of floor(255 min(k / c, 1)), k ~ Poisson(c v / 255) --- */

Test(eval_response, shot_noise_c_counts_photons)
{
    static const int photons[] = { 60, 25, 12, 5, 3 }, level[] = { 0, 1, 20, 128, 200, 255 };
    uint8_t *in = vs_new(FRAME), *out = vs_new(FRAME);
    for (int s = 0; s < VS_SEVERITIES; s++)
        for (int l = 0; l < 6; l++) {
            const double c = photons[s], mean = c * level[l] / 255;
            double want[3] = { 0 }, got[3] = { 0 }, p = exp(-mean);
            for (int k = 0; k < 400; p *= mean / ++k) {
                const double v = (int)(fmin(k / c, 1) * 255);
                for (int m = 0; m < 3; m++)
                    want[m] += p * pow(v, m == 2 ? 4 : m + 1);
            }
            memset(in, level[l], FRAME);
            corrupt(out, in, 1, "shot_noise_c", s + 1, 5);
            for (int i = 0; i < FRAME; i++)
                for (int m = 0; m < 2; m++)
                    got[m] += pow(out[i], m + 1) / FRAME;
            cr_expect(fabs(got[0] - want[0]) <=
                          5 * sqrt((want[1] - want[0] * want[0]) / FRAME) + 1e-9,
                      "%g photons, level %d: mean %g, expected %g", c, level[l], got[0], want[0]);
            cr_expect(fabs(got[1] - want[1]) <=
                          5 * sqrt(fmax(want[2] - want[1] * want[1], 0) / FRAME) + 1e-6,
                      "%g photons, level %d: square %g, expected %g", c, level[l], got[1], want[1]);
        }
    free(in);
    free(out);
}

/* ---- Frost: a v + b ice ------------------------------------------------------------------- */

static void measure_pane(const uint8_t *black, double b, double mean[3], double *deviation)
{
    double sum = 0, squares = 0;
    mean[0] = mean[1] = mean[2] = 0;
    for (int i = 0; i < FRAME; i += 3) {
        const double grey = (black[i] + black[i + 1] + black[i + 2]) / (3 * b);
        sum += grey / (FRAME / 3);
        squares += grey * grey / (FRAME / 3);
        for (int c = 0; c < 3; c++)
            mean[c] += black[i + c] / b / (FRAME / 3);
    }
    *deviation = sqrt(squares - sum * sum);
}

/* Whatever the seed: as bright and uneven as the photographs of the reference, and bluish. Values
 * are cut at 0 and 255, so the deviation may be a little less than what was drawn. */
Test(eval_response, frost_is_a_pane_of_ice_before_the_picture)
{
    static const double a[] = { 1, .8, .7, .65, .6 }, b[] = { .4, .6, .7, .7, .75 };
    uint8_t *in = vs_new(FRAME), *black = vs_new(FRAME), *out = vs_new(FRAME);
    for (int s = 0; s < VS_SEVERITIES; s++)
        for (uint64_t seed = 0; seed < 6; seed++) {
            double mean[3], deviation;
            memset(in, 0, FRAME);
            corrupt(black, in, 1, "frost", s + 1, seed);
            measure_pane(black, b[s], mean, &deviation);
            cr_expect(mean[0] < mean[1] && mean[1] < mean[2]);
            cr_expect(mean[1] > 115 && mean[1] < 215 && deviation > 17 && deviation < 43,
                      "severity %d seed %d: mean %g, deviation %g", s + 1, (int)seed, mean[1],
                      deviation);
            memset(in, 100, FRAME);
            corrupt(out, in, 1, "frost", s + 1, seed);
            for (int i = 0; i < FRAME; i++) {
                const double want = fmin(black[i] + 100 * a[s], 255);
                cr_assert(fabs(out[i] - want) <= 1, "severity %d: %d on %d", s + 1, out[i],
                          black[i]);
            }
        }
    free(in);
    free(black);
    free(out);
}

/* ---- Snow falls --------------------------------------------------------------------------- */

/* Correlation of frame b moved back by (down, right) with frame a, on a torus. */
static double correlation(const uint8_t *a, const uint8_t *b, int down, int right)
{
    double ab = 0, aa = 0, bb = 0, sa = 0, sb = 0;
    const double n = S * S;
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++) {
            const double p = a[3 * (y * S + x)];
            const double q = b[3 * ((y + down + S) % S * S + (x + right + S) % S)];
            ab += p * q;
            aa += p * p;
            bb += q * q;
            sa += p;
            sb += q;
        }
    return (ab - sa * sb / n) / sqrt((aa - sa * sa / n) * (bb - sb * sb / n));
}

/* From frame to frame the picture agrees best when moved down, by one of the two layers' steps:
 * 2 or 1.4 sigma. Half of it is that layer: a correlation of about 1/2. */
Test(eval_response, snow_falls)
{
    static const double sigma[] = { 4, 4, 8, 8, 12 };
    uint8_t *in = vs_new(2 * FRAME), *out = vs_new(2 * FRAME);
    for (int s = 0; s < VS_SEVERITIES; s += 2) {
        const int reach = (int)(2 * sigma[s]) + 2;
        double best = -1;
        int down = 0, right = 0;
        corrupt(out, in, 2, "snow", s + 1, 8);
        for (int dy = -reach; dy <= reach; dy++)
            for (int dx = -reach; dx <= reach; dx++) {
                const double r = correlation(out, out + FRAME, dy, dx);
                if (r > best) {
                    best = r;
                    down = dy;
                    right = dx;
                }
            }
        const double moved = hypot(down, right) / sigma[s];
        cr_expect(best > 0.4, "severity %d: correlation %g", s + 1, best);
        cr_expect(down > 0 && (fabs(moved - 2) < .3 || fabs(moved - 1.4) < .3),
                  "severity %d: moved by %d, %d", s + 1, down, right);
    }
    free(in);
    free(out);
}
