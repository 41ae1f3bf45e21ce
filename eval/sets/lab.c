/* sRGB to L*a*b*. See lab.h. */
#include "eval/sets/lab.h"

#include <math.h>

/* Rows are divided by the white point: each sums to one. */
static const double matrix[3][3] = { { 0.4124564, 0.3575761, 0.1804375 },
                                     { 0.2126729, 0.7151522, 0.0721750 },
                                     { 0.0193339, 0.1191920, 0.9503041 } };

void vs_lab_prepare(vs_lab_table *table)
{
    for (int i = 0; i < 256; i++) {
        const double c = i / 255.0;
        table->linear[i] = (float)(c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
}

static float root(float t)
{
    const float edge = 216.0f / 24389.0f;
    return t > edge ? cbrtf(t) : t * (841.0f / 108.0f) + 4.0f / 29.0f;
}

void vs_lab_convert(float *lab, const uint8_t *rgb, size_t pixels, const vs_lab_table *table)
{
    float m[3][3];
    for (int i = 0; i < 3; i++)
        for (int c = 0; c < 3; c++)
            m[i][c] = (float)(matrix[i][c] / (matrix[i][0] + matrix[i][1] + matrix[i][2]));
    for (size_t k = 0; k < pixels; k++, rgb += 3, lab += 3) {
        const float r = table->linear[rgb[0]], g = table->linear[rgb[1]], b = table->linear[rgb[2]];
        const float x = root(m[0][0] * r + m[0][1] * g + m[0][2] * b);
        const float y = root(m[1][0] * r + m[1][1] * g + m[1][2] * b);
        const float z = root(m[2][0] * r + m[2][1] * g + m[2][2] * b);
        lab[0] = 116 * y - 16;
        lab[1] = 500 * (x - y);
        lab[2] = 200 * (y - z);
    }
}
