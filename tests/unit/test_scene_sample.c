/* Scenes: the distributions they are drawn from, and object tables as JSON. */
#include "gen/scene/scene.h"
#include "tests/check.h"

static vs_scene sampled(const char *stage, uint64_t seed, uint64_t index)
{
    vs_scene scene;
    CHECK_OK(vs_scene_sample(&scene, &vs_stage_find(stage)->params, seed, index));
    return scene;
}

static bool same_objects(const vs_scene *a, const vs_scene *b)
{
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++) {
        const vs_object *p = &a->object[i], *q = &b->object[i];
        same = p->shape == q->shape && memcmp(p->color, q->color, 3) == 0 &&
               p->radius == q->radius && p->cx == q->cx && p->cy == q->cy &&
               p->direction == q->direction && p->speed == q->speed &&
               p->acceleration == q->acceleration && p->angle_speed == q->angle_speed &&
               p->scale_x == q->scale_x && p->scale_y == q->scale_y &&
               p->shear_x == q->shear_x && p->shear_y == q->shear_y &&
               memcmp(p->angle, q->angle, sizeof(p->angle)) == 0 && p->texture == q->texture;
    }
    return same;
}

Test(scene_sample, depends_on_seed_and_index_only)
{
    vs_scene a = sampled("accelerating-shapes", 5, 7);
    vs_scene other = sampled("accelerating-shapes", 5, 8);
    vs_scene seed = sampled("accelerating-shapes", 6, 7);
    vs_scene again = sampled("accelerating-shapes", 5, 7);
    cr_expect(same_objects(&a, &again));
    cr_expect_eq(a.frames, again.frames);
    cr_expect_not(same_objects(&a, &other));
    cr_expect_not(same_objects(&a, &seed));
    vs_scene_free(&a);
    vs_scene_free(&other);
    vs_scene_free(&seed);
    vs_scene_free(&again);
}

Test(scene_sample, one_seed_shows_the_same_objects_in_every_stage)
{
    vs_scene a = sampled("moving-shapes", 5, 7), b = sampled("accelerating-shapes", 5, 7);
    vs_scene c = sampled("static-circles", 5, 7);
    cr_expect(same_objects(&a, &b));
    for (int i = 0; i < c.n; i++)
        cr_expect(c.object[i].cx == a.object[i].cx && c.object[i].radius == a.object[i].radius &&
                  c.object[i].shape == VS_SHAPE_CIRCLE);
    vs_scene_free(&a);
    vs_scene_free(&b);
    vs_scene_free(&c);
}

/* |mean - expected| within five standard errors; the standard deviation of a uniform
 * distribution of this width (0: not asked) within 2 %. */
static void check_moments(const char *what, double sum, double square, long n, double expected,
                          double width)
{
    const double mean = sum / (double)n;
    const double sd = sqrt((square - sum * mean) / (double)(n - 1));
    cr_expect(fabs(mean - expected) <= 5 * sd / sqrt((double)n), "%s: mean %g, expected %g", what,
              mean, expected);
    if (width > 0)
        cr_expect(fabs(sd / (width / sqrt(12)) - 1) <= 0.02, "%s: sd %g, expected %g", what, sd,
                  width / sqrt(12));
}

static void check_share(const char *what, long hits, long n, double expected)
{
    check_moments(what, (double)hits, (double)hits, n, expected, 0);
}

Test(scene_sample, distributions_are_the_reference)
{
    enum { VIDEOS = 60, MEANS = 12 };
    static const struct {
        const char *name;
        double mean, width;
    } want[MEANS] = {
        { "radius", 42.88, 0 }, { "cx", 255.5, 512 }, { "cy", 255.5, 512 },
        { "direction", 3.14159265, 6.2831853 }, { "speed", 2.1, 1.8 }, { "acceleration", 0, 0.06 },
        { "color", 127, 255 }, { "angle speed", 0, 0.062831853 }, { "scale x", 0, 0.01 },
        { "scale y", 0, 0.01 }, { "shear x", 0, 0.01 }, { "shear y", 0, 0.01 },
    };
    double sum[MEANS] = { 0 }, square[MEANS] = { 0 };
    long n = 0, smallest = 0, shape[6] = { 0 }, inside = 0;
    for (uint64_t v = 0; v < VIDEOS; v++) {
        vs_scene s = sampled("accelerating-shapes", 1, v);
        cr_assert(s.frames >= 100 && s.frames <= 199);
        for (int i = 0; i < s.n; i++, n++) {
            const vs_object *o = &s.object[i];
            const double x[MEANS] = { o->radius, o->cx, o->cy, o->direction, o->speed,
                                      o->acceleration, o->color[i % 3], o->angle_speed,
                                      o->scale_x, o->scale_y, o->shear_x, o->shear_y };
            for (int k = 0; k < MEANS; k++) {
                sum[k] += x[k];
                square[k] += x[k] * x[k];
            }
            cr_assert(o->radius >= 25 && o->radius <= 255);
            cr_assert(o->cx >= 0 && o->cx < 512 && o->cy >= 0 && o->cy < 512);
            cr_assert(o->color[0] < 255 && o->color[1] < 255 && o->color[2] < 255);
            cr_assert(o->speed >= 1.2 && o->speed < 3.0 && fabs(o->acceleration) <= 0.03);
            cr_assert(fabs(o->angle_speed) <= 0.0314160 && fabs(o->shear_x) <= 0.005);
            smallest += o->radius == 25;
            inside += o->cx < 256 && o->cy < 256;
            shape[o->shape]++;
        }
        vs_scene_free(&s);
    }
    for (int k = 0; k < MEANS; k++)
        check_moments(want[k].name, sum[k], square[k], n, want[k].mean, want[k].width);
    check_share("share of the smallest radius", smallest, n, 0.1276);
    check_share("share of centres inside", inside, n, 0.25);
    for (int k = 0; k < 6; k++)
        check_share("share of a shape", shape[k], n, 1 / 6.0);
}

Test(scene_sample, angles_are_sorted_and_in_range)
{
    vs_scene s = sampled("accelerating-shapes", 2, 0);
    for (int i = 0; i < s.n; i++) {
        const vs_object *o = &s.object[i];
        const int n = o->shape == VS_SHAPE_QUADRILATERAL ? 4
                      : o->shape == VS_SHAPE_TRIANGLE    ? 3
                                                         : 1;
        for (int k = 0; k < n; k++) {
            cr_expect(o->angle[k] >= 0 && o->angle[k] < 6.2831854);
            cr_expect(k == 0 || o->angle[k] >= o->angle[k - 1]);
        }
        cr_expect(o->shape != VS_SHAPE_RECTANGLE || o->angle[0] < 1.5707964);
    }
    vs_scene_free(&s);
}

Test(scene_sample, eight_stages_by_name)
{
    cr_expect_null(vs_stage_find("accelerating"));
    cr_expect_eq(vs_stage_count(), 8);
}

/* ---- JSON ------------------------------------------------------------------------------ */

Test(scene_json, round_trip_keeps_every_digit)
{
    vs_scene a = sampled("transforming-shapes", 4, 4), b;
    json_t *table = vs_scene_to_json(&a), *back;
    char *text = json_dumps(table, 0);
    CHECK_OK(vs_json_parse(&back, text, strlen(text), "test"));
    CHECK_OK(vs_scene_from_json(&b, back, &a.params, "test"));
    cr_expect(same_objects(&a, &b));
    json_decref(table);
    json_decref(back);
    free(text);
    vs_scene_free(&a);
    vs_scene_free(&b);
}

Test(scene_json, damaged_tables_are_refused)
{
#define REST "\"radius\": 9, \"cx\": 1, \"cy\": 2, \"dir\": 0, \"speed\": 1, \"acc\": 0"
    static const char *const bad[][2] = {
        { "{}", "array" },
        { "[3]", "object 0: expected a JSON object" },
        { "[{}]", "shape" },
        { "[{\"shape\": \"blob\"}]", "unknown shape \"blob\"" },
        { "[{\"shape\": \"circle\", \"color\": [1, 2], " REST "}]", "color" },
        { "[{\"shape\": \"circle\", \"color\": [1, 2, 256], " REST "}]", "color" },
        { "[{\"shape\": \"circle\", \"color\": [1, 2, 3], \"radius\": -1}]", "radius is -1" },
        { "[{\"shape\": \"circle\", \"color\": [1, 2, 3], \"radius\": 1.5}]", "radius" },
        { "[{\"shape\": \"rectangle\", \"color\": [1, 2, 3], " REST "}]", "a" },
        { "[{\"shape\": \"triangle\", \"color\": [1, 2, 3], " REST ", \"angles\": [1, 2]}]",
          "angles: expected 3 numbers" },
        { "[{\"shape\": \"circle\", \"color\": [1, 2, 3], " REST ", \"scale_x\": \"1\"}]",
          "scale_x" },
        { "[{\"shape\": \"circle\", \"color\": [1, 2, 3], " REST ", \"texture\": -3}]", "texture" },
    };
    const vs_scene_params params = { .size = 64 };
    for (size_t k = 0; k < sizeof(bad) / sizeof(*bad); k++) {
        json_t *table;
        vs_scene s;
        CHECK_OK(vs_json_parse(&table, bad[k][0], strlen(bad[k][0]), "table.json"));
        CHECK_FAILS(vs_scene_from_json(&s, table, &params, "table.json"), VS_ERR_CORRUPT,
                    bad[k][1]);
        CHECK_FAILS(vs_scene_from_json(&s, table, &params, "table.json"), VS_ERR_CORRUPT,
                    "table.json");
        json_decref(table);
    }
}
