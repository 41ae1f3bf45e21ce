/* Ground truth against the pictures, and flow against the masks: what is written about a pixel
 * is looked up where it says the pixel goes. */
#include "gen/scene/pose.h"
#include "gen/scene/truth.h"
#include "tests/check.h"

enum { SIZE = 64, FRAMES = 60, AREA = SIZE * SIZE };

typedef struct truth {
    vs_scene scene;
    void *file[4];
    const uint16_t *masks, *flow;
    const uint8_t *state;
    const float *tracks;
    int64_t bytes;
} truth;

/* The data of a .npy file whose header is as NumPy writes it. */
static const void *npy(void **file, const char *stem, unsigned kind, const char *type,
                       const char *shape, size_t bytes)
{
    char *path = vs_truth_path(stem, kind);
    size_t size;
    CHECK_OK(vs_file_read(path, file, &size));
    const uint8_t *p = *file;
    cr_assert(size > 128 && memcmp(p, "\x93NUMPY\x01", 8) == 0, "%s", path);
    const size_t head = 10 + (size_t)p[8] + 256 * (size_t)p[9];
    char *expected = vs_strf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type,
                             shape);
    cr_expect(strncmp((const char *)p + 10, expected, strlen(expected)) == 0, "%s: %.100s", path,
              p + 10);
    cr_expect(head % 64 == 0 && p[head - 1] == '\n');
    cr_assert_eq(size, head + bytes, "%s: %zu bytes", path, size);
    free(expected);
    free(path);
    return p + head;
}

static void truth_open(truth *t, const char *stage, bool circles_scale)
{
    char *dir = check_tmp(), *stem = vs_path_join(dir, "v");
    vs_scene_params params = vs_stage_find(stage)->params;
    *t = (truth){ 0 };
    params.size = SIZE;
    params.objects = 300;
    params.circles_scale = circles_scale;
    CHECK_OK(vs_scene_sample(&t->scene, &params, 5, 1));
    CHECK_OK(vs_truth_write(&t->bytes, stem, &t->scene, FRAMES, VS_TRUTH_ALL));
    t->masks = npy(&t->file[0], stem, VS_TRUTH_MASKS, "<u2", "60, 64, 64", 2 * FRAMES * AREA);
    t->flow = npy(&t->file[1], stem, VS_TRUTH_FLOW, "<f2", "59, 64, 64, 2",
                  4 * (FRAMES - 1) * AREA);
    t->state = npy(&t->file[2], stem, VS_TRUTH_STATE, "|u1", "59, 64, 64", (FRAMES - 1) * AREA);
    t->tracks = npy(&t->file[3], stem, VS_TRUTH_TRACKS, "<f4", "60, 300, 7", 28 * FRAMES * 300);
    cr_expect_eq(t->bytes, 4 * 128 + 2 * FRAMES * AREA + 5 * (FRAMES - 1) * AREA +
                               28 * FRAMES * 300);
    free(stem);
    check_rm(dir);
}

static void truth_close(truth *t)
{
    for (int k = 0; k < 4; k++)
        free(t->file[k]);
    vs_scene_free(&t->scene);
}

static double half(uint16_t h)
{
    const int e = h >> 10 & 31, m = h & 1023;
    const double v = e ? ldexp(1024 + m, e - 25) : ldexp(m, -24);
    return h & 0x8000 ? -v : v;
}

static void check_masks(const truth *t)
{
    static uint8_t rgb[AREA][3];
    static const uint8_t black[3];
    void *scratch = vs_new(vs_draw_scratch(SIZE));
    for (int f = 0; f < FRAMES; f += 7) {
        int wrong = 0, ground = 0;
        vs_scene_draw(&t->scene, f, &rgb[0][0], scratch);
        for (int k = 0; k < AREA; k++) {
            const int id = t->masks[f * AREA + k];
            wrong += memcmp(rgb[k], id ? t->scene.object[id - 1].color : black, 3) != 0;
            ground += !id;
        }
        cr_expect_eq(wrong, 0, "frame %d: %d pixels of another colour", f, wrong);
        cr_expect(ground < AREA);
    }
    free(scratch);
}

/* May the object be within a pixel of (x, y): seen, under another or outside? */
static bool near(const uint16_t *mask, int x, int y, int id)
{
    for (int j = y - 1; j <= y + 1; j++)
        for (int i = x - 1; i <= x + 1; i++)
            if (i < 0 || j < 0 || i >= SIZE || j >= SIZE || mask[j * SIZE + i] >= id)
                return true;
    return false;
}

/* Does the outline reach the border, where lines are clipped and truncation changes sides? */
static bool crosses(const vs_scene *scene, int id, int frame)
{
    vs_pose pose = { 0 };
    vs_pose_at(&pose, &scene->object[id - 1], &scene->params, frame);
    for (int k = 0; k < pose.corners; k++)
        if (pose.px[k] <= 0 || pose.py[k] <= 0 || pose.px[k] >= SIZE || pose.py[k] >= SIZE)
            return true;
    const int r = pose.corners ? 0 : pose.ax + 1;
    return r > 0 && (pose.x < r || pose.y < r || pose.x >= SIZE - r || pose.y >= SIZE - r);
}

typedef struct tally {
    int of[6];                     /* pixels by state */
    int wrong, off, fractions;
    int inner;                     /* edges of objects that are whole in the picture */
} tally;

/* Every pixel looked up in the next frame's mask at its rounded target. */
static tally follow(const truth *t)
{
    tally n = { 0 };
    for (int k = 0; k < (FRAMES - 1) * AREA; k++) {
        const int f = k / AREA, id = t->masks[k], state = t->state[k];
        const double dx = half(t->flow[2 * k]), dy = half(t->flow[2 * k + 1]);
        const int x = (int)floor(k % SIZE + dx + 0.5), y = (int)floor(k % AREA / SIZE + dy + 0.5);
        const bool inside = x >= 0 && y >= 0 && x < SIZE && y < SIZE;
        const uint16_t *next = t->masks + (f + 1) * AREA;
        const int there = inside ? next[y * SIZE + x] : -1;
        cr_assert_leq(state, 5);
        n.of[state]++;
        n.fractions += dx != rint(dx) || dy != rint(dy);
        switch (state) {
        case VS_TRUTH_GROUND: n.wrong += id != 0 || dx != 0 || dy != 0; break;
        case VS_TRUTH_SEEN: n.wrong += there != id || id == 0; break;
        case VS_TRUTH_HIDDEN: n.wrong += there <= id; break;
        case VS_TRUTH_LEFT: n.wrong += inside; break;
        case VS_TRUTH_EDGE:
            n.wrong += there < 0 || there >= id;
            n.off += !near(next, x, y, id);
            n.inner += !crosses(&t->scene, id, f) && !crosses(&t->scene, id, f + 1);
            break;
        default: n.wrong += there == id;
        }
    }
    return n;
}

/* The corners of every polygon, by its track, where the drawing has them; counts of pixels. */
static void check_tracks(const truth *t)
{
    for (int f = 0; f < FRAMES; f += 13) {
        int seen[300] = { 0 };
        for (int k = 0; k < AREA; k++)
            if (t->masks[f * AREA + k])
                seen[t->masks[f * AREA + k] - 1]++;
        for (int i = 0; i < 300; i++) {
            const float *m = t->tracks + 7 * (f * 300 + i);
            vs_pose pose;
            double p[4][2];
            vs_pose_at(&pose, &t->scene.object[i], &t->scene.params, f);
            const int n = pose.away ? 0 : vs_pose_local(p, &t->scene.object[i]);
            cr_expect_eq((int)m[6], seen[i]);
            for (int k = 0; k < n; k++) {
                const double x = m[0] * p[k][0] + m[1] * p[k][1] + m[2],
                             y = m[3] * p[k][0] + m[4] * p[k][1] + m[5];
                cr_expect(fabs(x - pose.px[k]) < 1.001 && fabs(y - pose.py[k]) < 1.001,
                          "object %d frame %d corner %d: (%g, %g), drawn at (%d, %d)", i, f, k, x,
                          y, pose.px[k], pose.py[k]);
            }
        }
    }
}

static tally check_stage(const char *stage, bool circles_scale)
{
    truth t;
    truth_open(&t, stage, circles_scale);
    check_masks(&t);
    check_tracks(&t);
    const tally n = follow(&t);
    cr_expect_eq(n.wrong, 0, "%s: %d pixels are not where the flow says", stage, n.wrong);
    truth_close(&t);
    return n;
}

Test(scene_truth, what_only_moves_is_followed_exactly)
{
    static const char *const stage[] = { "moving-circles", "moving-shapes" };
    for (int k = 0; k < 2; k++) {
        const tally n = check_stage(stage[k], false);
        cr_expect(n.fractions == 0 && n.inner == 0 && n.off == 0, "%s: %d %d %d", stage[k],
                  n.fractions, n.inner, n.off);
        cr_expect_lt(n.of[VS_TRUTH_EDGE], n.of[VS_TRUTH_SEEN] / 200);
        cr_expect(n.of[VS_TRUTH_SEEN] > 50000 && n.of[VS_TRUTH_HIDDEN] > 1000 &&
                  n.of[VS_TRUTH_LEFT] > 1000);
    }
}

Test(scene_truth, nothing_moves)
{
    const tally n = check_stage("static-circles", false);
    cr_expect_eq(n.of[VS_TRUTH_GROUND] + n.of[VS_TRUTH_SEEN], (FRAMES - 1) * AREA);
}

Test(scene_truth, what_transforms_is_followed_within_a_pixel)
{
    static const char *const stage[] = { "transforming-shapes", "accelerating-shapes",
                                         "transforming-shapes" };
    for (int k = 0; k < 3; k++) {
        const tally n = check_stage(stage[k], k == 2);
        cr_expect(n.fractions > 10000);
        cr_expect_eq(n.off, 0, "%s: %d edges further than a pixel", stage[k], n.off);
        cr_expect_lt(n.of[VS_TRUTH_EDGE], n.of[VS_TRUTH_SEEN] / 20);
    }
}

Test(scene_truth, kinds_have_names)
{
    unsigned kinds;
    char text[32];
    CHECK_OK(vs_truth_parse(&kinds, "tracks,flow"));
    cr_expect_eq(kinds, VS_TRUTH_FLOW | VS_TRUTH_STATE | VS_TRUTH_TRACKS);
    cr_expect_str_eq(vs_truth_text(text, kinds), "flow,tracks");
    CHECK_FAILS(vs_truth_parse(&kinds, "masks,flo"), VS_ERR_USAGE, "got \"flo\"");
    CHECK_FAILS(vs_truth_parse(&kinds, ""), VS_ERR_USAGE, "masks,flow,tracks");
    CHECK_FAILS(vs_truth_parse(&kinds, "masks,"), VS_ERR_USAGE, "got \"\"");
}
