#include "eval/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

/* ---- Rows -------------------------------------------------------------------------------- */

static void add_row(vs_stats *s, vs_row_kind kind, const char *name, const char *group,
                    int severity)
{
    VS_PUSH(s->row, s->rows,
            ((vs_row){ .kind = kind, .name = name, .group = group, .severity = severity }));
}

static int find_row(const vs_stats *s, vs_row_kind kind, const char *name, int severity)
{
    for (int i = 0; i < s->rows; i++)
        if (s->row[i].kind == kind && s->row[i].severity == severity &&
            strcmp(s->row[i].name, name) == 0)
            return i;
    return -1;
}

static void lay_rows(vs_stats *s, const vs_cell *cell, int cells)
{
    add_row(s, VS_ROW_CLEAN, cell[0].name, cell[0].group, 0);
    for (int i = 1; i < cells; i++)
        add_row(s, VS_ROW_CELL, cell[i].name, cell[i].group, cell[i].severity);
    for (int i = 1; i < cells; i++)
        if (find_row(s, VS_ROW_CORRUPTION, cell[i].name, 0) < 0)
            add_row(s, VS_ROW_CORRUPTION, cell[i].name, cell[i].group, 0);
    for (int severity = 1; severity <= 5; severity++)
        for (int i = 1; i < cells; i++)
            if (cell[i].severity == severity && find_row(s, VS_ROW_SEVERITY, "", severity) < 0)
                add_row(s, VS_ROW_SEVERITY, "", "", severity);
    for (int i = 1; i < cells; i++)
        if (find_row(s, VS_ROW_GROUP, cell[i].group, 0) < 0)
            add_row(s, VS_ROW_GROUP, cell[i].group, cell[i].group, 0);
    if (cells > 1) {
        add_row(s, VS_ROW_OVERALL, "", "", 0);
        add_row(s, VS_ROW_ALL, "", "", 0);
    }
}

/* ---- One set of accuracies -> every row --------------------------------------------------- */

/* Which rows a row is the mean of. */
static int is_part(const vs_row *whole, const vs_row *part)
{
    switch (whole->kind) {
    case VS_ROW_CORRUPTION:
        return part->kind == VS_ROW_CELL && strcmp(part->name, whole->name) == 0;
    case VS_ROW_SEVERITY: return part->kind == VS_ROW_CELL && part->severity == whole->severity;
    case VS_ROW_GROUP:
        return part->kind == VS_ROW_CORRUPTION && strcmp(part->group, whole->name) == 0;
    case VS_ROW_OVERALL: return part->kind == VS_ROW_GROUP;
    case VS_ROW_ALL: return part->kind == VS_ROW_CELL;
    case VS_ROW_CLEAN:
    case VS_ROW_CELL: break;
    }
    return 0;
}

/* The parts of all rows, found once: part[first[i]..first[i + 1] - 1]. */
struct parts {
    int *first, *part, n;
};

static struct parts find_parts(const vs_stats *s)
{
    struct parts p = { .first = vs_new(sizeof(int) * (size_t)(s->rows + 1)) };
    for (int i = 0; i < s->rows; i++) {
        p.first[i] = p.n;
        for (int k = 0; k < s->rows; k++)
            if (is_part(&s->row[i], &s->row[k]))
                VS_PUSH(p.part, p.n, k);
    }
    p.first[s->rows] = p.n;
    return p;
}

/* value (rows, VS_QUANTITIES) from the accuracies top1, top5 (cells). */
static void derive(float *value, const vs_stats *s, const struct parts *p, const double *top1,
                   const double *top5)
{
    for (int i = 0; i < s->rows; i++) {
        float *v = value + i * VS_QUANTITIES;
        const int n = p->first[i + 1] - p->first[i];
        if (s->row[i].kind == VS_ROW_CLEAN || s->row[i].kind == VS_ROW_CELL) {
            v[VS_TOP1] = (float)top1[i];
            v[VS_TOP5] = (float)top5[i];
            v[VS_GAMMA_A] = (float)(1 - (top1[0] - top1[i]));
            v[VS_GAMMA_R] = top1[0] > 0 ? (float)(1 - (top1[0] - top1[i]) / top1[0]) : NAN;
            continue;
        }
        for (int q = 0; q < VS_QUANTITIES; q++) {
            double sum = 0;
            for (int k = p->first[i]; k < p->first[i + 1]; k++)
                sum += value[p->part[k] * VS_QUANTITIES + q];
            v[q] = (float)(sum / n);
        }
    }
}

/* ---- Bootstrap --------------------------------------------------------------------------- */

static double accuracy(const uint8_t *hit, const uint16_t *times, int videos)
{
    uint64_t sum = 0;
    for (int i = 0; i < videos; i++)
        sum += (uint32_t)hit[i] * times[i];
    return (double)sum / videos;
}

static void draw_videos(uint16_t *times, int videos, int replicate)
{
    vs_rng rng = vs_rng_at(0, VS_RNG_BOOTSTRAP, (uint64_t)replicate);
    memset(times, 0, sizeof(*times) * (size_t)videos);
    for (int i = 0; i < videos; i++)
        times[vs_rng_below(&rng, (uint32_t)videos)]++;
}

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Quantile of sorted values, interpolated. */
static double quantile(const float *sorted, int n, double p)
{
    const double at = p * (n - 1);
    const int i = (int)at, j = i + 1 < n ? i + 1 : i;
    return sorted[i] + (at - i) * ((double)sorted[j] - sorted[i]);
}

/* Sorts and drops what is undefined. */
static vs_estimate interval(double value, float *x, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(x[i]))
            x[kept++] = x[i];
    if (isnan(value) || kept == 0)
        return (vs_estimate){ NAN, NAN, NAN };
    qsort(x, (size_t)kept, sizeof(*x), by_value);
    return (vs_estimate){ value, quantile(x, kept, 0.025), quantile(x, kept, 0.975) };
}

static void measure(double *top1, double *top5, const vs_cell *cell, int cells,
                    const uint16_t *times, int videos)
{
    for (int i = 0; i < cells; i++) {
        top1[i] = accuracy(cell[i].hit1, times, videos);
        top5[i] = accuracy(cell[i].hit5, times, videos);
    }
}

static void estimate(vs_stats *s, const vs_cell *cell, int cells, double *top1, double *top5,
                     uint16_t *times)
{
    const struct parts parts = find_parts(s);
    const size_t width = (size_t)s->rows * VS_QUANTITIES;
    float *value = vs_new(sizeof(float) * width), column[VS_REPLICATES];
    for (int i = 0; i < s->videos; i++)
        times[i] = 1;
    measure(top1, top5, cell, cells, times, s->videos);
    derive(value, s, &parts, top1, top5);
    for (int r = 0; r < VS_REPLICATES; r++) {
        draw_videos(times, s->videos, r);
        measure(top1, top5, cell, cells, times, s->videos);
        derive(s->replicate + width * (size_t)r, s, &parts, top1, top5);
    }
    for (size_t k = 0; k < width; k++) {
        for (int r = 0; r < VS_REPLICATES; r++)
            column[r] = s->replicate[width * (size_t)r + k];
        s->row[k / VS_QUANTITIES].q[k % VS_QUANTITIES] = interval((double)value[k], column,
                                                                  VS_REPLICATES);
    }
    free(value);
    free(parts.first);
    free(parts.part);
}

vs_err vs_stats_new(vs_stats **out, const vs_cell *cell, int cells, int videos)
{
    VS_ASSERT(cells >= 1 && videos >= 1 && cell[0].severity == 0);
    vs_err err = VS_OK;
    vs_stats *s = vs_new(sizeof(*s));
    double *top1 = calloc((size_t)cells, sizeof(*top1)),
           *top5 = calloc((size_t)cells, sizeof(*top5));
    uint16_t *times = calloc((size_t)videos, sizeof(*times));
    s->videos = videos;
    lay_rows(s, cell, cells);
    s->replicate = calloc((size_t)VS_REPLICATES * (size_t)s->rows, sizeof(float) * VS_QUANTITIES);
    if (!top1 || !top5 || !times || !s->replicate)
        err = VS_FAIL(VS_ERR_NOMEM, "no memory for the statistics of %d x %d results", cells,
                      videos);
    else
        estimate(s, cell, cells, top1, top5, times);
    free(top1);
    free(top5);
    free(times);
    if (err != VS_OK)
        vs_stats_free(&s);
    *out = s;
    return err;
}

void vs_stats_free(vs_stats **stats)
{
    if (*stats) {
        free((*stats)->row);
        free((*stats)->replicate);
        free(*stats);
        *stats = NULL;
    }
}

const vs_row *vs_stats_find(const vs_stats *stats, vs_row_kind kind, const char *name, int severity)
{
    const int i = find_row(stats, kind, name, severity);
    return i < 0 ? NULL : &stats->row[i];
}

vs_estimate vs_stats_difference(const vs_stats *a, const vs_stats *b, const vs_row *row,
                                vs_quantity quantity)
{
    const int i = find_row(a, row->kind, row->name, row->severity);
    const int j = find_row(b, row->kind, row->name, row->severity);
    float d[VS_REPLICATES];
    if (i < 0 || j < 0 || a->videos != b->videos)
        return (vs_estimate){ NAN, NAN, NAN };
    for (int r = 0; r < VS_REPLICATES; r++)
        d[r] = a->replicate[((size_t)r * (size_t)a->rows + (size_t)i) * VS_QUANTITIES + quantity] -
               b->replicate[((size_t)r * (size_t)b->rows + (size_t)j) * VS_QUANTITIES + quantity];
    return interval(a->row[i].q[quantity].value - b->row[j].q[quantity].value, d, VS_REPLICATES);
}
