/* Ground truth of a scene. Files, coordinates, formulas: gen/scene/truth.h
 *
 * Masks are the scene itself drawn with numbers for colours, so they are exact. Flow needs the
 * masks of two frames: the number says whose map moves the pixel, the next frame's mask what
 * became of it. */
#include "gen/scene/truth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "gen/scene/pose.h"

enum { KINDS = 4, TRACK = 7 };

static const char *const suffix[KINDS] = { "masks", "flow", "state", "tracks" };

/* ---- Names --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned kinds;
} words[] = {
    { "masks", VS_TRUTH_MASKS },
    { "flow", VS_TRUTH_FLOW | VS_TRUTH_STATE },
    { "tracks", VS_TRUTH_TRACKS },
};
enum { WORDS = sizeof(words) / sizeof(*words) };

vs_err vs_truth_parse(unsigned *kinds, const char *text)
{
    *kinds = 0;
    for (const char *at = text;; at++) {
        const int n = (int)strcspn(at, ",");
        int k = 0;
        while (k < WORDS && (strncmp(words[k].name, at, (size_t)n) || words[k].name[n]))
            k++;
        if (k == WORDS)
            return VS_FAIL(VS_ERR_USAGE,
                           "--truth: expected some of masks,flow,tracks, got \"%.*s\"", n, at);
        *kinds |= words[k].kinds;
        at += n;
        if (!*at)
            return VS_OK;
    }
}

const char *vs_truth_text(char text[32], unsigned kinds)
{
    int n = 0;
    text[0] = '\0';
    for (int k = 0; k < WORDS; k++)
        if (kinds & words[k].kinds)
            n += snprintf(text + n, 32 - (size_t)n, "%s%s", n ? "," : "", words[k].name);
    return text;
}

char *vs_truth_path(const char *stem, unsigned kind)
{
    int k = 0;
    while (k < KINDS && kind != 1U << k)
        k++;
    VS_ASSERT(k < KINDS);
    return vs_strf("%s.%s.npy", stem, suffix[k]);
}

unsigned vs_truth_missing(const char *stem, unsigned kinds)
{
    unsigned missing = 0;
    for (unsigned kind = 1; kind <= VS_TRUTH_ALL; kind <<= 1) {
        char *path = kinds & kind ? vs_truth_path(stem, kind) : NULL;
        if (path && !vs_path_exists(path))
            missing |= kind;
        free(path);
    }
    return missing;
}

/* ---- Files: .npy, the header then frame after frame ------------------------------------------ */

typedef struct npy {
    vs_atomic file;                /* f NULL: nothing is written */
    int64_t bytes;
} npy;

static vs_err npy_put(npy *a, const void *data, size_t size)
{
    a->bytes += (int64_t)size;
    if (a->file.f && size && fwrite(data, size, 1, a->file.f) != 1)
        return vs_atomic_commit(&a->file);     /* which fails, with the reason */
    return VS_OK;
}

/* The header is padded with spaces so that the data begins at a multiple of 64. */
static vs_err npy_open(npy *a, const char *path, const char *type, const char *shape)
{
    *a = (npy){ .bytes = 0 };
    if (path)
        VS_TRY(vs_atomic_open(&a->file, path));
    uint8_t head[192] = "\x93NUMPY\x01";
    char text[160];
    const int n = snprintf(text, sizeof(text),
                           "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, shape);
    const int all = (10 + n + 1 + 63) / 64 * 64;
    VS_ASSERT(n < (int)sizeof(text) && all <= (int)sizeof(head));
    memset(head + 10, ' ', (size_t)(all - 10));
    memcpy(head + 10, text, (size_t)n);
    head[8] = (uint8_t)(all - 10);
    head[all - 1] = '\n';
    return npy_put(a, head, (size_t)all);
}

/* ---- Where objects are --------------------------------------------------------------------- */

/* M: P = L (p - q) + q + t; the centre c is (q, q) + t. */
typedef struct map {
    double l[4];                   /* rows of L */
    double cx, cy;
    double q;
    bool away;
} map;

static void ellipse_map(double l[4], const vs_object *o, const vs_pose *pose)
{
    double s, c;
    vs_sincos(&s, &c, pose->degrees * (3.14159265358979323846 / 180));
    const double r = o->radius > 0 ? o->radius : 1;
    l[0] = c * pose->ax / r;
    l[1] = -s * pose->ay / r;
    l[2] = s * pose->ax / r;
    l[3] = c * pose->ay / r;
}

static void map_at(map *m, const vs_object *o, const vs_scene_params *params, int frame)
{
    vs_pose_base base;
    vs_pose pose;
    vs_pose_base_of(&base, o);
    vs_pose_position(&pose, &base, o, params, frame);
    const double q = base.corners ? o->radius / 2 : 0;
    *m = (map){ { 1, 0, 0, 1 }, q + pose.x, q + pose.y, q, pose.away };
    if (!params->affine)
        return;
    if (base.corners) {
        double p[4][2] = { { q + 1, q }, { q, q + 1 } };
        vs_pose_affine(p, 2, o, frame);
        for (int k = 0; k < 2; k++) {
            m->l[k] = p[k][0] - q;
            m->l[2 + k] = p[k][1] - q;
        }
    } else if (params->circles_scale) {
        vs_pose_outline(&pose, &base, o, params, frame);
        ellipse_map(m->l, o, &pose);
    }
}

/* Flow of the points P seen in frame f: D (P - c) + (dx, dy), D = L(f + 1) L(f)^-1 - 1. */
typedef struct step {
    double d[4];
    double cx, cy, dx, dy;
    bool gone;
} step;

static void step_of(step *s, const map *a, const map *b)
{
    const double *l = a->l, *m = b->l, det = l[0] * l[3] - l[1] * l[2];
    *s = (step){ .cx = a->cx, .cy = a->cy, .dx = b->cx - a->cx, .dy = b->cy - a->cy,
                 .gone = b->away };
    if (memcmp(l, m, sizeof(a->l)) == 0)
        return;
    if (!(fabs(det) > 1e-9)) {
        *s = (step){ .gone = true };
        return;
    }
    s->d[0] = (m[0] * l[3] - m[1] * l[2]) / det - 1;
    s->d[1] = (m[1] * l[0] - m[0] * l[1]) / det;
    s->d[2] = (m[2] * l[3] - m[3] * l[2]) / det;
    s->d[3] = (m[3] * l[0] - m[2] * l[1]) / det - 1;
}

/* ---- One video ----------------------------------------------------------------------------- */

typedef struct job {
    const vs_scene *scene;
    vs_scene numbered;             /* the same, object k coloured k + 1 */
    int size, frames;
    unsigned kinds;
    uint8_t *planes;               /* (3, size, size) */
    void *scratch;
    uint16_t *ids, *next;          /* (size, size), of frames f and f + 1 */
    map *map, *then;               /* (n) likewise */
    step *step;                    /* (n) from f to f + 1 */
    uint16_t *flow;                /* (size, size, 2) */
    uint8_t *state;                /* (size, size) */
    float *track;                  /* (n, TRACK) */
    npy file[KINDS];
} job;

static void job_open(job *j, const vs_scene *scene, int frames, unsigned kinds)
{
    const size_t n = (size_t)scene->n, size = (size_t)scene->params.size, area = size * size;
    VS_ASSERT(n <= VS_TRUTH_OBJECTS);
    *j = (job){ .scene = scene, .numbered = *scene, .size = (int)size, .frames = frames,
                .kinds = kinds };
    j->numbered.params.textures = NULL;
    j->numbered.params.textured = false;
    j->numbered.object = vs_new(sizeof(vs_object) * (n + 1));
    for (size_t k = 0; k < n; k++) {
        vs_object *o = &j->numbered.object[k];
        *o = scene->object[k];
        o->color[0] = (uint8_t)(k + 1);
        o->color[1] = (uint8_t)((k + 1) >> 8);
        o->color[2] = 0;
    }
    j->planes = vs_new(3 * area);
    j->scratch = vs_new(vs_draw_scratch((int)size));
    j->ids = vs_new(sizeof(*j->ids) * area);
    j->next = vs_new(sizeof(*j->next) * area);
    j->map = vs_new(sizeof(*j->map) * (n + 1));
    j->then = vs_new(sizeof(*j->then) * (n + 1));
    j->step = vs_new(sizeof(*j->step) * (n + 1));
    j->flow = vs_new(2 * sizeof(*j->flow) * area);
    j->state = vs_new(area);
    j->track = vs_new(TRACK * sizeof(*j->track) * (n + 1));
}

static void job_close(job *j)
{
    for (int k = 0; k < KINDS; k++)
        if (j->file[k].file.f)
            vs_atomic_abort(&j->file[k].file);
    free(j->numbered.object);
    free(j->planes);
    free(j->scratch);
    free(j->ids);
    free(j->next);
    free(j->map);
    free(j->then);
    free(j->step);
    free(j->flow);
    free(j->state);
    free(j->track);
}

static void look(job *j, uint16_t *ids, map *maps, int frame)
{
    const size_t area = (size_t)j->size * (size_t)j->size;
    vs_scene_draw_planes(&j->numbered, frame, j->planes, j->scratch);
    for (size_t k = 0; k < area; k++)
        ids[k] = (uint16_t)(j->planes[k] | j->planes[area + k] << 8);
    for (int i = 0; i < j->scene->n; i++)
        map_at(&maps[i], &j->scene->object[i], &j->scene->params, frame);
}

static void find_track(job *j)
{
    const size_t area = (size_t)j->size * (size_t)j->size;
    for (int i = 0; i < j->scene->n; i++) {
        const map *m = &j->map[i];
        const double x = m->cx - (m->l[0] + m->l[1]) * m->q,
                     y = m->cy - (m->l[2] + m->l[3]) * m->q;
        const float row[TRACK] = { (float)m->l[0], (float)m->l[1], (float)x, (float)m->l[2],
                                   (float)m->l[3], (float)y, 0 };
        memcpy(j->track + TRACK * i, row, sizeof(row));
    }
    for (size_t k = 0; k < area; k++)
        if (j->ids[k])
            j->track[TRACK * (j->ids[k] - 1) + 6]++;
}

/* To float16, to nearest even; |v| <= 65504. Returns the number that it became. */
static double half_of(uint16_t *half, double v)
{
    float a = fabsf((float)v);
    const uint16_t sign = v < 0 ? 0x8000 : 0;
    uint32_t bits;
    if (a < 0x1p-14F) {
        const float steps = rintf(a * 0x1p24F);
        *half = (uint16_t)(sign | (uint16_t)steps);
        return copysign(steps * 0x1p-24, v);
    }
    memcpy(&bits, &a, sizeof(bits));
    bits = (bits + 0xFFF + (bits >> 13 & 1)) & ~0x1FFFU;
    memcpy(&a, &bits, sizeof(a));
    *half = (uint16_t)(sign | (uint16_t)((bits - (112U << 23)) >> 13));
    return copysign(a, v);
}

static vs_truth_state state_at(const job *j, uint16_t id, bool gone, double x, double y)
{
    const double px = floor(x + 0.5), py = floor(y + 0.5);
    if (px < 0 || py < 0 || px >= j->size || py >= j->size)
        return VS_TRUTH_LEFT;
    if (gone)
        return VS_TRUTH_GONE;
    const uint16_t there = j->next[(size_t)py * (size_t)j->size + (size_t)px];
    return there == id ? VS_TRUTH_SEEN : there > id ? VS_TRUTH_HIDDEN : VS_TRUTH_EDGE;
}

static void flow_at(job *j, size_t k, int x, int y)
{
    const uint16_t id = j->ids[k];
    j->flow[2 * k] = j->flow[2 * k + 1] = 0;
    j->state[k] = VS_TRUTH_GROUND;
    if (!id)
        return;
    const step *s = &j->step[id - 1];
    const double u = x - s->cx, v = y - s->cy;
    double dx = s->d[0] * u + s->d[1] * v + s->dx, dy = s->d[2] * u + s->d[3] * v + s->dy;
    j->state[k] = VS_TRUTH_GONE;
    if (!(fabs(dx) <= 65504 && fabs(dy) <= 65504))
        return;
    dx = half_of(&j->flow[2 * k], dx);
    dy = half_of(&j->flow[2 * k + 1], dy);
    j->state[k] = (uint8_t)state_at(j, id, s->gone, x + dx, y + dy);
}

static void find_flow(job *j)
{
    for (int i = 0; i < j->scene->n; i++)
        step_of(&j->step[i], &j->map[i], &j->then[i]);
    for (int y = 0; y < j->size; y++)
        for (int x = 0; x < j->size; x++)
            flow_at(j, (size_t)y * (size_t)j->size + (size_t)x, x, y);
}

static vs_err open_files(job *j, const char *stem)
{
    static const char *const type[KINDS] = { "<u2", "<f2", "|u1", "<f4" };
    const int F = j->frames, S = j->size;
    char shape[KINDS][64];
    snprintf(shape[0], 64, "%d, %d, %d", F, S, S);
    snprintf(shape[1], 64, "%d, %d, %d, 2", F - 1, S, S);
    snprintf(shape[2], 64, "%d, %d, %d", F - 1, S, S);
    snprintf(shape[3], 64, "%d, %d, %d", F, j->scene->n, TRACK);
    vs_err err = VS_OK;
    for (int k = 0; k < KINDS && err == VS_OK; k++) {
        if (!(j->kinds >> k & 1))
            continue;
        char *path = stem ? vs_truth_path(stem, 1U << k) : NULL;
        err = npy_open(&j->file[k], path, type[k], shape[k]);
        free(path);
    }
    return err;
}

static vs_err put(job *j, unsigned kind, int k, const void *data, size_t size)
{
    return j->kinds & kind ? npy_put(&j->file[k], data, size) : VS_OK;
}

static vs_err put_frame(job *j, int f)
{
    const size_t area = (size_t)j->size * (size_t)j->size;
    const bool last = f == j->frames - 1;
    if (!last)
        look(j, j->next, j->then, f + 1);
    VS_TRY(put(j, VS_TRUTH_MASKS, 0, j->ids, 2 * area));
    if (!last && j->kinds & (VS_TRUTH_FLOW | VS_TRUTH_STATE)) {
        find_flow(j);
        VS_TRY(put(j, VS_TRUTH_FLOW, 1, j->flow, 4 * area));
        VS_TRY(put(j, VS_TRUTH_STATE, 2, j->state, area));
    }
    if (j->kinds & VS_TRUTH_TRACKS)
        find_track(j);
    VS_TRY(put(j, VS_TRUTH_TRACKS, 3, j->track, TRACK * sizeof(float) * (size_t)j->scene->n));
    uint16_t *const ids = j->ids;
    map *const maps = j->map;
    j->ids = j->next;
    j->map = j->then;
    j->next = ids;
    j->then = maps;
    return VS_OK;
}

static vs_err commit_files(job *j, int64_t *bytes)
{
    for (int k = 0; k < KINDS; k++) {
        if (j->file[k].file.f)
            VS_TRY(vs_atomic_commit(&j->file[k].file));
        *bytes += j->file[k].bytes;
    }
    return VS_OK;
}

vs_err vs_truth_write(int64_t *bytes, const char *stem, const vs_scene *scene, int frames,
                      unsigned kinds)
{
    job j;
    VS_ASSERT(frames > 0);
    job_open(&j, scene, frames, kinds);
    look(&j, j.ids, j.map, 0);
    vs_err err = open_files(&j, stem);
    for (int f = 0; f < frames && err == VS_OK; f++)
        err = put_frame(&j, f);
    if (err == VS_OK)
        err = commit_files(&j, bytes);
    job_close(&j);
    return err;
}
