/* Motion clips: the class is the motion, and single frames do not tell it. */
#include "gen/motion.h"
#include "tests/check.h"

enum { ROUNDS = 1500, CLASSES = VS_MOTION_CLASSES };

static double turn_of(double from, double to)
{
    const double d = to - from;
    return d - floor(d + 0.5);     /* the shorter way round the torus */
}

/* At frame 0, 40 and 79: what can be seen of one frame, on a scale of 0..1. */
static void seen(double out[4], const vs_motion *m, int frame)
{
    const vs_figure o = vs_motion_at(m, m->figures - 1, frame);
    out[0] = o.x;
    out[1] = o.y;
    out[2] = log(o.radius / 0.08) / log(0.22 / 0.08);
    out[3] = o.angle / 6.283185307179586 - floor(o.angle / 6.283185307179586);
}

/* Kolmogorov-Smirnov against uniform, per class and frame: the 0.1 % point of one test is
 * 1.95 / sqrt(n); 3 * 16 * 4 tests and a fixed seed, so the bound is 2.3 / sqrt(n). */
static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double distance_from_uniform(double *x, int n)
{
    double worst = 0;
    qsort(x, (size_t)n, sizeof(*x), ascending);
    for (int i = 0; i < n; i++) {
        worst = fmax(worst, fabs(x[i] - (double)i / n));
        worst = fmax(worst, fabs(x[i] - (double)(i + 1) / n));
    }
    return worst;
}

Test(gen_motion, every_frame_looks_alike_in_every_class)
{
    static const char *const what[] = { "x", "y", "size", "angle" };
    static double x[4][ROUNDS];
    for (int c = 0; c < CLASSES; c++)
        for (int f = 0; f < 80; f += 39) {
            for (int k = 0; k < ROUNDS; k++) {
                vs_motion m;
                double v[4];
                vs_motion_sample(&m, 64, true, 1, (uint64_t)(k * CLASSES + c));
                cr_assert_eq(m.label, c);
                seen(v, &m, f);
                for (int j = 0; j < 4; j++)
                    x[j][k] = v[j];
            }
            for (int j = 0; j < 4; j++) {
                const double d = distance_from_uniform(x[j], ROUNDS);
                cr_expect(d <= 2.3 / sqrt(ROUNDS), "%s frame %d: %s is %.3f from uniform",
                          vs_motion_class[c], f, what[j], d);
            }
        }
}

/* Appearance is drawn before the class matters: the same mean in every class. */
Test(gen_motion, appearance_does_not_depend_on_the_class)
{
    for (int c = 0; c < CLASSES; c++) {
        double color = 0, back = 0, blobs = 0, shape = 0;
        for (int k = 0; k < ROUNDS; k++) {
            vs_motion m;
            vs_motion_sample(&m, 64, true, 2, (uint64_t)(k * CLASSES + c));
            color += m.figure[1].color[k % 3];
            back += m.background[k % 3];
            blobs += m.blobs + m.figures;
            shape += m.figure[1].shape;
        }
        /* five standard errors: 87 / sqrt(1500), 1.41, 2.3 */
        cr_expect_float_eq(color / ROUNDS, 127.5, 5 * 87 / sqrt(ROUNDS));
        cr_expect_float_eq(back / ROUNDS, 127.5, 5 * 74 / sqrt(ROUNDS));
        cr_expect_float_eq(blobs / ROUNDS, 1 + 4.5, 5 * 1.4 / sqrt(ROUNDS));
        cr_expect_float_eq(shape / ROUNDS, 3.5, 5 * 2.3 / sqrt(ROUNDS));
    }
}

/* A label read off the motion alone, sampled as a model sees it: 16 frames, stride 4. */
static int classify(const vs_motion *m)
{
    double dx[15], dy[15], da[15], dr[15];
    double sx = 0, sy = 0, ax = 0, ay = 0, sa = 0, aa = 0;
    int grows = 0, shrinks = 0, right = 0, left = 0;
    for (int k = 0; k < 15; k++) {
        const vs_figure a = vs_motion_at(m, 0, 4 * k), b = vs_motion_at(m, 0, 4 * k + 4);
        dx[k] = turn_of(a.x, b.x);
        dy[k] = turn_of(a.y, b.y);
        da[k] = b.angle - a.angle;
        dr[k] = b.radius - a.radius;
        sx += dx[k];
        sy += dy[k];
        ax += fabs(dx[k]);
        ay += fabs(dy[k]);
        sa += da[k];
        aa += fabs(da[k]);
        grows += dr[k] > 1e-9;
        shrinks += dr[k] < -1e-9;
        const double curl = k > 0 ? dx[k - 1] * dy[k] - dy[k - 1] * dx[k] : 0;
        right += curl > 1e-9;
        left += curl < -1e-9;
    }
    const char *name = "still";
    if (grows + shrinks > 0)
        name = grows >= 12 ? "grow" : shrinks >= 12 ? "shrink" : "pulse";
    else if (aa > 1e-6)
        name = fabs(sa) < 0.95 * aa ? "swing" : sa > 0 ? "spin-right" : "spin-left";
    else if (ax > 1e-6 && ay < 1e-6)
        name = fabs(sx) < 0.95 * ax ? "sway" : sx > 0 ? "right" : "left";
    else if (ay > 1e-6 && ax < 1e-6)
        name = fabs(sy) < 0.95 * ay ? "hop" : sy > 0 ? "down" : "up";
    else if (ax > 1e-6)
        name = right == 14 ? "clockwise" : left == 14 ? "anticlockwise" : "zigzag";
    for (int c = 0; c < CLASSES; c++)
        if (strcmp(name, vs_motion_class[c]) == 0)
            return c;
    return -1;
}

Test(gen_motion, the_motion_tells_the_class)
{
    int wrong = 0;
    for (uint64_t i = 0; i < 3200; i++) {
        vs_motion m;
        vs_motion_sample(&m, 64, i % 32 < 16, 3, i);
        wrong += classify(&m) != (int)(i % CLASSES);
    }
    cr_expect_eq(wrong, 0, "%d of 3200 clips cannot be told", wrong);
}

/* The plain kind: the same figures in every class, and frames without their time alike. */
Test(gen_motion, plain_appearance_does_not_depend_on_the_class)
{
    for (int c = 0; c < CLASSES; c++) {
        double color = 0, back = 0, shape = 0, size = 0, x = 0, y = 0;
        for (int k = 0; k < ROUNDS; k++) {
            vs_motion m;
            vs_motion_sample(&m, 64, false, 5, (uint64_t)(k * CLASSES + c));
            cr_assert(m.figures == 1 && m.blobs == 0);
            color += m.figure[0].color[k % 3];
            back += m.background[k % 3];
            shape += m.figure[0].shape;
            for (int f = 0; f <= 80; f += 4) {
                const vs_figure o = vs_motion_at(&m, 0, f);
                size += log(o.radius / 0.12) / log(0.30 / 0.12) / 21;
                x += (turn_of(0.5, o.x) + 0.5) / 21;
                y += (turn_of(0.5, o.y) + 0.5) / 21;
            }
        }
        cr_expect_float_eq(color / ROUNDS, 140 + 127.5 * 115 / 255, 5 * 40 / sqrt(ROUNDS));
        cr_expect_float_eq(back / ROUNDS, 31.5, 5 * 19 / sqrt(ROUNDS));
        cr_expect_float_eq(shape / ROUNDS, 3.5, 5 * 2.3 / sqrt(ROUNDS));
        /* Averages over the clip: nobody is larger, or on one side. */
        cr_expect_float_eq(size / ROUNDS, 0.5, 0.05, "%s: size %.3f", vs_motion_class[c],
                           size / ROUNDS);
        cr_expect_float_eq(x / ROUNDS, 0.5, 0.02, "%s: x %.3f", vs_motion_class[c], x / ROUNDS);
        cr_expect_float_eq(y / ROUNDS, 0.5, 0.02, "%s: y %.3f", vs_motion_class[c], y / ROUNDS);
    }
}

/* What is drawn is where vs_motion_at says: the centre of the square's pixels. */
Test(gen_motion, pictures_show_the_figure)
{
    enum { S = 96 };
    uint8_t *rgb = malloc(3 * S * S), *again = malloc(3 * S * S);
    void *scratch = malloc(vs_motion_scratch(S));
    int seen_some = 0;
    for (uint64_t i = 0; i < 300; i++) {
        vs_motion m;
        vs_motion_sample(&m, S, true, 4, i);
        m.blobs = 0;
        m.figures = 1;
        const vs_figure o = vs_motion_at(&m, 0, 30);
        if (o.shape != 1 || fabs(o.x - 0.5) > 0.2 || fabs(o.y - 0.5) > 0.2)
            continue;
        vs_motion_draw(&m, 30, rgb, scratch);
        vs_motion_draw(&m, 30, again, scratch);
        cr_expect_arr_eq(rgb, again, 3 * S * S);
        double x = 0, y = 0, n = 0;
        for (int p = 0; p < S * S; p++)
            if (memcmp(rgb + 3 * p, m.background, 3) != 0) {
                x += p % S + 0.5;
                y += p / S + 0.5;
                n++;
            }
        const double side = 2 * 0.7 * o.radius * S;
        cr_expect(fabs(x / n - S * o.x) < 0.5 && fabs(y / n - S * o.y) < 0.5, "clip %d", (int)i);
        cr_expect(n > side * side && n < (side + 3) * (side + 3), "clip %d: %g pixels of %g",
                  (int)i, n, side * side);
        seen_some++;
    }
    cr_expect_geq(seen_some, 3);
    free(rgb);
    free(again);
    free(scratch);
}
