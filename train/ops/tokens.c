/* From frames to tokens and back, on the CPU. Contract and formulas: train/ops/ops.h */
#include "train/ops/cpu.h"

static const double mean_rgb[3] = { 0.485, 0.456, 0.406 };
static const double std_rgb[3] = { 0.229, 0.224, 0.225 };

/* The first pixel of a token's tubelet in its clip, in pixels; row and frame strides. */
static int64_t corner(const vs_grid *g, int token)
{
    const int across = g->W / g->patch, down = g->H / g->patch;
    const int t = token / (across * down), y = token / across % down, x = token % across;
    return ((int64_t)t * g->tubelet * g->H + (int64_t)y * g->patch) * g->W + (int64_t)x * g->patch;
}

static int tokens_of(const vs_grid *g)
{
    return g->T / g->tubelet * (g->H / g->patch) * (g->W / g->patch);
}

/* The 256 possible values of each colour. */
static void normalise_table(vs_narrow table[3][256])
{
    for (int c = 0; c < 3; c++)
        for (int u = 0; u < 256; u++)
            table[c][u] = vs_narrowed((float)((u / 255.0 - mean_rgb[c]) / std_rgb[c]));
}

static void gather(vs_narrow *x, const uint8_t *clip, vs_narrow table[3][256], int token,
                   const vs_grid *g)
{
    const int p = g->patch;
    const int64_t plane = (int64_t)g->tubelet * p * p;
    const uint8_t *from = clip + 3 * corner(g, token);
    for (int f = 0; f < g->tubelet; f++)
        for (int r = 0; r < p; r++) {
            const uint8_t *row = from + 3 * ((int64_t)f * g->H + r) * g->W;
            vs_narrow *to = x + ((int64_t)f * p + r) * p;
            for (int i = 0; i < p; i++, row += 3) {
                to[i] = table[0][row[0]];
                to[i + plane] = table[1][row[1]];
                to[i + 2 * plane] = table[2][row[2]];
            }
        }
}

void VS_CPU(patch_gather)(vs_device *dev, vs_narrow *x, const uint8_t *frames,
                         const int32_t *index, int B, int S, const vs_grid *grid)
{
    if (vs_device_failed(dev))
        return;
    vs_narrow table[3][256];
    normalise_table(table);
    const int64_t P = 3 * (int64_t)grid->tubelet * grid->patch * grid->patch;
    const int64_t clip = 3 * (int64_t)grid->T * grid->H * grid->W;
    VS_ASSERT(index || S == tokens_of(grid));
    VS_PARALLEL(dev, B * S * P)
    for (int n = 0; n < B * S; n++)
        gather(x + n * P, frames + n / S * clip, table, index ? index[n] : n % S, grid);
}

/* Values of a row of a tubelet, colours together; the configuration allows no more. */
#define ROW_MOST (3 * 256)

VS_KERNEL static void add_up(uint32_t *sum, uint32_t *squares, const uint8_t *row, int n)
{
    VS_SIMD
    for (int i = 0; i < n; i++) {
        sum[i] += row[i];
        squares[i] += (uint32_t)row[i] * row[i];
    }
}

VS_KERNEL static void standardise(float *t, const uint8_t *row, const double *mean,
                                  const double *factor, int n)
{
    VS_SIMD
    for (int i = 0; i < n; i++)
        t[i] = (float)(((double)row[i] - mean[i]) * factor[i]);
}

/* Mean and factor of each colour, repeated along a row. Whole-number sums, so that the
 * variance of a flat patch is exactly 0; its targets are 0, too. */
static void colour_statistics(double *mean, double *factor, const uint32_t *sum,
                              const uint32_t *squares, int64_t n, int row)
{
    for (int c = 0; c < 3; c++) {
        int64_t total = 0, total_squares = 0;
        for (int i = c; i < row; i += 3) {
            total += sum[i];
            total_squares += squares[i];
        }
        const double spread = (double)(n * total_squares - total * total);
        const double var = spread / ((double)n * (double)(n - 1));
        const double f = spread > 0.0 ? 1.0 / 255.0 / (sqrt(var) / 255.0 + 1e-6) : 0.0;
        for (int i = c; i < row; i += 3) {
            mean[i] = (double)total / (double)n;
            factor[i] = f;
        }
    }
}

static void target(float *t, const uint8_t *clip, int token, const vs_grid *g)
{
    const int p = g->patch, row = 3 * p;
    const uint8_t *from = clip + 3 * corner(g, token);
    uint32_t sum[ROW_MOST] = { 0 }, squares[ROW_MOST] = { 0 };
    double mean[ROW_MOST], factor[ROW_MOST];
    VS_ASSERT(row <= ROW_MOST);
    for (int f = 0; f < g->tubelet; f++)
        for (int r = 0; r < p; r++)
            add_up(sum, squares, from + 3 * ((int64_t)f * g->H + r) * g->W, row);
    colour_statistics(mean, factor, sum, squares, (int64_t)g->tubelet * p * p, row);
    for (int f = 0; f < g->tubelet; f++)
        for (int r = 0; r < p; r++, t += row)
            standardise(t, from + 3 * ((int64_t)f * g->H + r) * g->W, mean, factor, row);
}

void VS_CPU(patch_target)(vs_device *dev, float *t, const uint8_t *frames, const int32_t *index,
                         int B, int S, const vs_grid *grid)
{
    if (vs_device_failed(dev))
        return;
    const int64_t P = 3 * (int64_t)grid->tubelet * grid->patch * grid->patch;
    const int64_t clip = 3 * (int64_t)grid->T * grid->H * grid->W;
    VS_ASSERT(index || S == tokens_of(grid));
    VS_PARALLEL(dev, B * S * P)
    for (int n = 0; n < B * S; n++)
        target(t + n * P, frames + n / S * clip, index ? index[n] : n % S, grid);
}

VS_KERNEL static void add_row(float *y, const float *x, const float *a, int C)
{
    VS_SIMD
    for (int c = 0; c < C; c++)
        y[c] = x[c] + a[c];
}

void VS_CPU(position_add)(vs_device *dev, vs_real *x, const float *pos, const int32_t *index,
                         int B, int S, int C)
{
    if (vs_device_failed(dev))
        return;
    VS_PARALLEL(dev, (int64_t)B * S * C)
    for (int n = 0; n < B * S; n++) {
        float *xn = x + (int64_t)n * C;
        add_row(xn, xn, pos + (int64_t)(index ? index[n] : n % S) * C, C);
    }
}

void VS_CPU(join_fwd)(vs_device *dev, vs_real *y, const vs_real *x, const vs_real *token,
                     const float *pos, const int32_t *visible, const int32_t *masked, int B,
                     int V, int M, int C)
{
    if (vs_device_failed(dev))
        return;
    VS_PARALLEL(dev, (int64_t)B * (V + M) * C)
    for (int n = 0; n < B * (V + M); n++) {
        const int b = n / (V + M), s = n % (V + M);
        const bool seen = s < V;
        const int place = seen ? visible[b * V + s] : masked[b * M + s - V];
        add_row(y + (int64_t)n * C, seen ? x + ((int64_t)b * V + s) * C : token,
                pos + (int64_t)place * C, C);
    }
}

/* One mask token takes part in every masked row: rows are added in order. */
VS_KERNEL static void add_rows(float *sum, const float *x, int rows, int C)
{
    for (int n = 0; n < rows; n++)
        for (int c = 0; c < C; c++)
            sum[c] += x[(int64_t)n * C + c];
}

VS_KERNEL static void narrow_row(vs_narrow *y, const float *x, int C)
{
    VS_SIMD
    for (int c = 0; c < C; c++)
        y[c] = vs_narrowed(x[c]);
}

void VS_CPU(join_bwd)(vs_device *dev, vs_narrow *dx, float *dtoken, const vs_real *dy, int B,
                      int V, int M, int C)
{
    const int pieces = (int)vs_ceil_div(M, VS_ROWS);
    float *const part = vs_device_scratch(dev, sizeof(float) * (size_t)(B * pieces) * (size_t)C);
    if (!part)
        return;
    memset(part, 0, sizeof(float) * (size_t)(B * pieces) * (size_t)C);
    VS_PARALLEL(dev, (int64_t)B * V * C)
    for (int n = 0; n < B * V; n++)
        narrow_row(dx + (int64_t)n * C, dy + ((int64_t)n / V * (V + M) + n % V) * C, C);
    VS_PARALLEL(dev, (int64_t)B * M * C)
    for (int i = 0; i < B * pieces; i++) {
        const int64_t from = (int64_t)(i / pieces) * (V + M) + V + i % pieces * VS_ROWS;
        add_rows(part + (int64_t)i * C, dy + from * C,
                 (int)vs_piece(M, i % pieces * VS_ROWS, VS_ROWS), C);
    }
    add_rows(dtoken, part, B * pieces, C);
}

void VS_CPU(tail_fwd)(vs_device *dev, vs_real *y, const vs_real *x, int B, int S, int M, int C)
{
    if (vs_device_failed(dev))
        return;
    VS_PARALLEL(dev, (int64_t)B * M * C)
    for (int b = 0; b < B; b++)
        memcpy(y + (int64_t)b * M * C, x + ((int64_t)b * S + S - M) * C,
               sizeof(float) * (size_t)M * (size_t)C);
}

void VS_CPU(tail_bwd)(vs_device *dev, vs_real *dx, const vs_real *dy, int B, int S, int M, int C)
{
    if (vs_device_failed(dev))
        return;
    VS_PARALLEL(dev, (int64_t)B * S * C)
    for (int b = 0; b < B; b++) {
        float *to = dx + (int64_t)b * S * C;
        memset(to, 0, sizeof(float) * (size_t)(S - M) * (size_t)C);
        memcpy(to + (int64_t)(S - M) * C, dy + (int64_t)b * M * C,
               sizeof(float) * (size_t)M * (size_t)C);
    }
}
