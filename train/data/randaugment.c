/* Choice and arithmetic of RandAugment: see randaugment.h for the table of operations. */
#include "train/data/randaugment.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST 10.0                  /* magnitude at the end of every scale */

static const char *const name[VS_RAND_OPS] = {
    "autocontrast", "equalize", "invert", "rotate", "posterize", "solarize", "solarize-add",
    "color", "contrast", "brightness", "sharpness", "shear-x", "shear-y", "translate-x",
    "translate-y"
};

const char *vs_rand_name(vs_rand_op op)
{
    return name[op];
}

/* ---- Settings ---------------------------------------------------------------------- */

/* One part between dashes; false when it is none of those known. */
static bool take_part(vs_randaugment *out, const char *part)
{
    int end = 0, inc;
    if (sscanf(part, "mstd%lf%n", &out->std, &end) == 1 && !part[end])
        return out->std >= 0 && out->std <= 100;
    if (sscanf(part, "m%lf%n", &out->magnitude, &end) == 1 && !part[end])
        return out->magnitude >= 0 && out->magnitude <= MOST;
    if (sscanf(part, "n%d%n", &out->n, &end) == 1 && !part[end])
        return out->n >= 1 && out->n <= VS_RAND_MOST;
    return sscanf(part, "inc%d%n", &inc, &end) == 1 && !part[end] && inc == 1;
}

vs_err vs_randaugment_parse(vs_randaugment *out, const char *text)
{
    *out = (vs_randaugment){ 0 };
    if (strcmp(text, "none") == 0)
        return VS_OK;
    out->n = 2;
    out->magnitude = MOST;
    const char *at = text + 4;
    bool good = strncmp(text, "rand", 4) == 0 && (*at == '-' || !*at);
    while (good && *at == '-') {
        char part[16] = "";
        const size_t length = strcspn(++at, "-");
        if (length < sizeof(part))
            memcpy(part, at, length);
        good = take_part(out, part);
        at += good ? length : 0;
    }
    if (good)
        return VS_OK;
    const char *bad = strncmp(text, "rand", 4) == 0 ? at : text;
    return VS_FAIL(VS_ERR_USAGE, "--randaugment: \"%s\" at \"%s\": expected none or "
                   "rand-m7-n4-mstd0.5-inc1 with m 0..10, n 1..%d, inc1", text, bad, VS_RAND_MOST);
}

/* ---- Choice ------------------------------------------------------------------------ */

static bool both_ways(vs_rand_op op)
{
    return op == VS_RAND_ROTATE || op >= VS_RAND_COLOR;
}

double vs_rand_argument(vs_rand_op op, double magnitude, bool negative)
{
    const double l = magnitude / MOST, sign = negative ? -1 : 1;
    switch (op) {
    case VS_RAND_ROTATE:
        return sign * 30 * l;
    case VS_RAND_POSTERIZE:
        return 4 - floor(4 * l);
    case VS_RAND_SOLARIZE:
        return 256 - floor(256 * l);
    case VS_RAND_SOLARIZE_ADD:
        return floor(110 * l);
    case VS_RAND_COLOR:
    case VS_RAND_CONTRAST:
    case VS_RAND_BRIGHTNESS:
    case VS_RAND_SHARPNESS:
        return 1 + sign * 0.9 * l;
    case VS_RAND_SHEAR_X:
    case VS_RAND_SHEAR_Y:
        return sign * 0.3 * l;
    case VS_RAND_TRANSLATE_X:
    case VS_RAND_TRANSLATE_Y:
        return sign * 0.45 * l;
    default:
        return 0;
    }
}

int vs_randaugment_draw(vs_rand_step *step, const vs_randaugment *settings, vs_rng *rng)
{
    int n = 0;
    for (int i = 0; i < settings->n; i++) {
        const vs_rand_op op = (vs_rand_op)vs_rng_below(rng, VS_RAND_OPS);
        if (vs_rng_f32(rng) >= 0.5f)
            continue;
        double m = settings->magnitude;
        if (settings->std > 0)
            m += settings->std * vs_rng_normal(rng);
        m = fmin(MOST, fmax(0, m));
        const bool negative = both_ways(op) && vs_rng_f32(rng) < 0.5f;
        step[n++] = (vs_rand_step){ op, vs_rand_argument(op, m, negative) };
    }
    return n;
}

/* ---- Operations on values: a table of 256 per channel ------------------------------- */

static uint8_t clip8(double v)
{
    return v <= 0 ? 0 : v >= 255 ? 255 : (uint8_t)v;
}

static void look_up(uint8_t *rgb, int n, uint8_t lut[3][256])
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            rgb[3 * i + c] = lut[c][rgb[3 * i + c]];
}

static void histogram(int count[3][256], const uint8_t *rgb, int n)
{
    memset(count, 0, sizeof(int) * 3 * 256);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++)
            count[c][rgb[3 * i + c]]++;
}

static void identity(uint8_t lut[256])
{
    for (int v = 0; v < 256; v++)
        lut[v] = (uint8_t)v;
}

static void stretch(uint8_t lut[256], const int count[256])
{
    int lo = 0, hi = 255;
    while (lo < 255 && count[lo] == 0)
        lo++;
    while (hi > 0 && count[hi] == 0)
        hi--;
    identity(lut);
    if (hi <= lo)
        return;
    const double scale = 255.0 / (hi - lo), offset = -lo * scale;
    for (int v = 0; v < 256; v++)
        lut[v] = clip8(v * scale + offset);
}

static void level(uint8_t lut[256], const int count[256])
{
    int total = 0, last = 0, kinds = 0;
    for (int v = 0; v < 256; v++)
        if (count[v]) {
            last = count[v];
            total += last;
            kinds++;
        }
    const int step = (total - last) / 255;
    identity(lut);
    if (kinds <= 1 || step == 0)
        return;
    int64_t sum = step / 2;
    for (int v = 0; v < 256; v++) {
        lut[v] = clip8((double)(sum / step));
        sum += count[v];
    }
}

static int of_value(vs_rand_op op, int v, int a)
{
    switch (op) {
    case VS_RAND_POSTERIZE:
        return a >= 8 ? v : v & ~((1 << (8 - a)) - 1);
    case VS_RAND_SOLARIZE:
        return v < a ? v : 255 - v;
    case VS_RAND_SOLARIZE_ADD:
        return v < 128 ? v + a : v;
    default:
        return 255 - v;
    }
}

static void by_table(uint8_t *rgb, int n, vs_rand_step s)
{
    uint8_t lut[3][256];
    int count[3][256];
    if (s.op == VS_RAND_AUTOCONTRAST || s.op == VS_RAND_EQUALIZE)
        histogram(count, rgb, n);
    for (int c = 0; c < 3; c++) {
        if (s.op == VS_RAND_AUTOCONTRAST)
            stretch(lut[c], count[c]);
        else if (s.op == VS_RAND_EQUALIZE)
            level(lut[c], count[c]);
        else
            for (int v = 0; v < 256; v++)
                lut[c][v] = clip8(of_value(s.op, v, (int)s.arg));
    }
    look_up(rgb, n, lut);
}

/* ---- Blends ------------------------------------------------------------------------ */

static int grey(const uint8_t *p)
{
    return (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16;
}

static uint8_t blend(int other, int v, float a)
{
    const float mixed = (float)other + a * (float)(v - other);
    return mixed <= 0 ? 0 : mixed >= 255 ? 255 : (uint8_t)mixed;
}

static int mean_grey(const uint8_t *rgb, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += grey(rgb + 3 * i);
    return (int)((double)sum / n + 0.5);
}

/* 3 x 3 with weight 5 in the middle, 13 in all, to the nearest; the border stays. */
static void smooth(uint8_t *out, const uint8_t *rgb, int W, int H)
{
    const int pitch = 3 * W;
    memcpy(out, rgb, (size_t)pitch * (size_t)H);
    for (int y = 1; y < H - 1; y++)
        for (int i = 3; i < pitch - 3; i++) {
            const uint8_t *p = rgb + (size_t)y * (size_t)pitch + i;
            int sum = 4 * p[0];
            for (int dy = -1; dy <= 1; dy++)
                sum += p[dy * pitch - 3] + p[dy * pitch] + p[dy * pitch + 3];
            out[(size_t)y * (size_t)pitch + (size_t)i] = (uint8_t)((2 * sum + 13) / 26);
        }
}

static void blend_all(uint8_t *rgb, uint8_t *tmp, int W, int H, vs_rand_step s)
{
    const int n = W * H, mean = s.op == VS_RAND_CONTRAST ? mean_grey(rgb, n) : 0;
    const float a = (float)s.arg;
    if (s.op == VS_RAND_SHARPNESS)
        smooth(tmp, rgb, W, H);
    for (int i = 0; i < n; i++) {
        uint8_t *const p = rgb + 3 * i;
        const int l = s.op == VS_RAND_COLOR ? grey(p) : mean;
        for (int c = 0; c < 3; c++)
            p[c] = blend(s.op == VS_RAND_SHARPNESS ? tmp[3 * i + c] : l, p[c], a);
    }
}

/* ---- Geometry ---------------------------------------------------------------------- */

static const uint8_t outside[3] = { 124, 116, 104 };

static int within(int v, int n)
{
    return v < 0 ? 0 : v >= n ? n - 1 : v;
}

static double cubic(double v1, double v2, double v3, double v4, double d)
{
    const double p2 = -v1 + v3, p3 = 2 * (v1 - v2) + v3 - v4, p4 = -v1 + v2 - v3 + v4;
    return v2 + d * (p2 + d * (p3 + d * p4));
}

/* The frame at the real place (x, y), pixel centres at halves. */
static void sample(uint8_t *out, const uint8_t *rgb, int W, int H, double x, double y)
{
    if (x < 0 || x >= W || y < 0 || y >= H) {
        memcpy(out, outside, 3);
        return;
    }
    x -= 0.5;
    y -= 0.5;
    const int x0 = (int)floor(x), y0 = (int)floor(y);
    const double dx = x - x0, dy = y - y0;
    size_t column[4];
    const uint8_t *row[4];
    for (int k = 0; k < 4; k++) {
        column[k] = 3 * (size_t)within(x0 - 1 + k, W);
        row[k] = rgb + 3 * (size_t)W * (size_t)within(y0 - 1 + k, H);
    }
    for (int c = 0; c < 3; c++) {
        double v[4];
        for (int k = 0; k < 4; k++)
            v[k] = cubic(row[k][column[0] + (size_t)c], row[k][column[1] + (size_t)c],
                         row[k][column[2] + (size_t)c], row[k][column[3] + (size_t)c], dx);
        out[c] = clip8(cubic(v[0], v[1], v[2], v[3], dy));
    }
}

/* Where the pixel of the result comes from: x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5. */
static void inverse_map(double m[6], int W, int H, vs_rand_step s)
{
    const double identity_map[6] = { 1, 0, 0, 0, 1, 0 };
    memcpy(m, identity_map, sizeof(identity_map));
    if (s.op == VS_RAND_SHEAR_X)
        m[1] = s.arg;
    else if (s.op == VS_RAND_SHEAR_Y)
        m[3] = s.arg;
    else if (s.op == VS_RAND_TRANSLATE_X)
        m[2] = s.arg * W;
    else if (s.op == VS_RAND_TRANSLATE_Y)
        m[5] = s.arg * H;
    if (s.op != VS_RAND_ROTATE)
        return;
    const double angle = -s.arg * 3.14159265358979323846 / 180, cx = W / 2.0, cy = H / 2.0;
    m[0] = m[4] = cos(angle);
    m[1] = sin(angle);
    m[3] = -m[1];
    m[2] = m[0] * -cx + m[1] * -cy + cx;
    m[5] = m[3] * -cx + m[4] * -cy + cy;
}

static void move(uint8_t *rgb, uint8_t *tmp, int W, int H, vs_rand_step s)
{
    double m[6];
    inverse_map(m, W, H, s);
    memcpy(tmp, rgb, 3 * (size_t)W * (size_t)H);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++, rgb += 3)
            sample(rgb, tmp, W, H, m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2],
                   m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5]);
}

void vs_rand_apply(uint8_t *rgb, uint8_t *tmp, int W, int H, vs_rand_step step)
{
    switch (step.op) {
    case VS_RAND_ROTATE:
    case VS_RAND_SHEAR_X:
    case VS_RAND_SHEAR_Y:
    case VS_RAND_TRANSLATE_X:
    case VS_RAND_TRANSLATE_Y:
        move(rgb, tmp, W, H, step);
        break;
    case VS_RAND_COLOR:
    case VS_RAND_CONTRAST:
    case VS_RAND_BRIGHTNESS:
    case VS_RAND_SHARPNESS:
        blend_all(rgb, tmp, W, H, step);
        break;
    default:
        by_table(rgb, W * H, step);
    }
}
