/* Scenes: statistics of many videos of each stage against the reference generator's
 * (tests/golden/gen/stats.json: 24 videos a mode, frames 0, 60 and 140).
 *
 * For every statistic z = (ours - theirs) / sqrt(sd^2 / videos + sd'^2 / 24), with the
 * standard deviations between videos. Under equal distributions z is about normal; the
 * bound is 4 for each of 180 numbers (seed fixed; expected extreme about 3), and the
 * mean of z^2 must be near 1. Pictures must differ between videos, too: sd within 2.5 times.
 */
#include "gen/scene/scene.h"
#include "tests/check.h"

enum { SIZE = 256, PIXELS = SIZE * SIZE, VIDEOS = 72, REFERENCE = 24, STATS = 12, FRAMES = 3 };
static const int frame_at[FRAMES] = { 0, 60, 140 };
static const char *const name_of[STATS] = {
    "black_fraction", "distinct_colours", "channel_mean", "channel_mean", "channel_mean",
    "channel_std", "channel_std", "channel_std", "absdiff_stride1", "absdiff_stride4",
    "changed_pixels_stride1", "changed_pixels_stride4"
};
static const int part_of[STATS] = { -1, -1, 0, 1, 2, 0, 1, 2, -1, -1, -1, -1 };

struct pictures {
    uint8_t now[3 * PIXELS], next[3 * PIXELS], seen[1 << 21];
};

static int distinct(struct pictures *p)
{
    int n = 0;
    memset(p->seen, 0, sizeof(p->seen));
    for (int i = 0; i < PIXELS; i++) {
        const uint8_t *c = p->now + 3 * i;
        const uint32_t key = (uint32_t)c[0] << 16 | (uint32_t)c[1] << 8 | c[2];
        n += !(p->seen[key >> 3] >> (key & 7) & 1);
        p->seen[key >> 3] |= (uint8_t)(1 << (key & 7));
    }
    return n;
}

static void channels(const uint8_t *rgb, double mean[3], double sd[3])
{
    for (int c = 0; c < 3; c++) {
        double sum = 0, square = 0;
        for (int i = 0; i < PIXELS; i++) {
            sum += rgb[3 * i + c];
            square += (double)rgb[3 * i + c] * rgb[3 * i + c];
        }
        mean[c] = sum / PIXELS;
        sd[c] = sqrt(square / PIXELS - mean[c] * mean[c]);
    }
}

static void change(const struct pictures *p, double *absdiff, double *changed)
{
    long sum = 0, n = 0;
    for (int i = 0; i < PIXELS; i++) {
        long d = 0;
        for (int c = 0; c < 3; c++)
            d += labs((long)p->now[3 * i + c] - p->next[3 * i + c]);
        sum += d;
        n += d != 0;
    }
    *absdiff = (double)sum / (3.0 * PIXELS);
    *changed = (double)n / PIXELS;
}

static void measure(double out[STATS], const vs_scene *scene, int frame, struct pictures *p,
                    void *scratch)
{
    long black = 0;
    vs_scene_draw(scene, frame, p->now, scratch);
    for (int i = 0; i < PIXELS; i++)
        black += !p->now[3 * i] && !p->now[3 * i + 1] && !p->now[3 * i + 2];
    out[0] = (double)black / PIXELS;
    out[1] = distinct(p);
    channels(p->now, out + 2, out + 5);
    for (int k = 0; k < 2; k++) {
        vs_scene_draw(scene, frame + (k ? 4 : 1), p->next, scratch);
        change(p, &out[8 + k], &out[10 + k]);
    }
}

static double golden(const json_t *frame, int k, const char *what)
{
    const json_t *v = json_object_get(json_object_get(frame, name_of[k]), what);
    if (part_of[k] >= 0)
        v = json_array_get(v, (size_t)part_of[k]);
    cr_assert(json_is_number(v), "%s %s", name_of[k], what);
    return json_number_value(v);
}

/* x: (VIDEOS). Adds z^2 to *sum. */
static void compare(const char *where, const double *x, const json_t *frame, int k, double *sum)
{
    double mean = 0, square = 0;
    for (int v = 0; v < VIDEOS; v++)
        mean += x[v] / VIDEOS;
    for (int v = 0; v < VIDEOS; v++)
        square += (x[v] - mean) * (x[v] - mean) / (VIDEOS - 1);
    const double theirs = golden(frame, k, "mean"), sd = golden(frame, k, "sd_between_videos");
    /* The file has four decimals. */
    const double error = sqrt(square / VIDEOS + sd * sd / REFERENCE) + 5e-5;
    const double z = (mean - theirs) / error;
    cr_expect(fabs(z) <= 4, "%s %s: %.4f, reference %.4f, z = %.1f", where, name_of[k], mean,
              theirs, z);
    if (sd > 0.01 && k != 0)
        cr_expect(sqrt(square) > sd / 2.5 && sqrt(square) < sd * 2.5,
                  "%s %s: sd between videos %.4f, reference %.4f", where, name_of[k],
                  sqrt(square), sd);
    *sum += z * z;
}

static void check_stage(const char *stage, const char *mode, const json_t *stats)
{
    static double x[FRAMES][STATS][VIDEOS];
    static struct pictures p;
    void *scratch = malloc(vs_draw_scratch(SIZE));
    double sum = 0;
    for (int v = 0; v < VIDEOS; v++) {
        vs_scene scene;
        CHECK_OK(vs_scene_sample(&scene, &vs_stage_find(stage)->params, 2024, (uint64_t)v));
        for (int f = 0; f < FRAMES; f++) {
            double out[STATS];
            measure(out, &scene, frame_at[f], &p, scratch);
            for (int k = 0; k < STATS; k++)
                x[f][k][v] = out[k];
        }
        vs_scene_free(&scene);
    }
    for (int f = 0; f < FRAMES; f++) {
        char frame[16], where[64];
        snprintf(frame, sizeof(frame), "frame%d", frame_at[f]);
        snprintf(where, sizeof(where), "%s %s", stage, frame);
        for (int k = 0; k < STATS; k++)
            compare(where, x[f][k], json_object_get(json_object_get(stats, mode), frame), k, &sum);
    }
    cr_expect(sum / (FRAMES * STATS) < 2.5, "%s: mean z^2 is %.2f", stage,
              sum / (FRAMES * STATS));
    free(scratch);
}

static json_t *load_stats(void)
{
    char *path = check_golden("gen/stats.json");
    json_t *stats;
    CHECK_OK(vs_json_load(&stats, path));
    free(path);
    return stats;
}

Test(scene_stats, circles)
{
    json_t *stats = load_stats();
    check_stage("static-circles", "static_circle", stats);
    check_stage("moving-circles", "moving_circle", stats);
    json_decref(stats);
}

Test(scene_stats, shapes)
{
    json_t *stats = load_stats();
    check_stage("moving-shapes", "mixed", stats);
    check_stage("transforming-shapes", "mixed_affine", stats);
    check_stage("accelerating-shapes", "mixed_affine_acc", stats);
    json_decref(stats);
}

/* Share of every bin of the reference's histogram of radii, z bound 4. */
Test(scene_stats, radii)
{
    enum { SCENES = 100, BINS = 24 };
    json_t *stats = load_stats();
    const json_t *radius = json_object_get(json_object_get(stats, "static_circle"), "radius");
    const json_t *bins = json_object_get(radius, "hist_bins10");
    const double n = json_number_value(json_object_get(radius, "n")), m = SCENES * 500;
    double ours[BINS] = { 0 };
    cr_assert_eq(json_array_size(bins), BINS);
    for (uint64_t v = 0; v < SCENES; v++) {
        vs_scene scene;
        CHECK_OK(vs_scene_sample(&scene, &vs_stage_find("static-circles")->params, 9, v));
        for (int i = 0; i < scene.n; i++)
            ours[(scene.object[i].radius - 20) / 10]++;
        vs_scene_free(&scene);
    }
    for (size_t k = 0; k < BINS; k++) {
        const double a = ours[k] / m, b = json_number_value(json_array_get(bins, k)) / n;
        const double p = (ours[k] + b * n) / (m + n);
        const double z = (a - b) / (sqrt(p * (1 - p) * (1 / m + 1 / n)) + 1e-12);
        cr_expect(fabs(z) <= 4, "radius %zu..: %.5f, reference %.5f, z = %.1f", 20 + 10 * k, a, b,
                  z);
    }
    json_decref(stats);
}
