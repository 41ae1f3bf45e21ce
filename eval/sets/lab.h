/* CIE 1976 L*a*b* of sRGB pixels.
 *
 *     linear   c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055)^2.4         (IEC 61966-2-1)
 *     XYZ      the matrix of sRGB's primaries and D65, 2 degrees            (ibid.)
 *     L* a* b* 116 fy - 16, 500 (fx - fy), 200 (fy - fz), f of X/Xn, Y/Yn, Z/Zn
 *     f(t)     t > (6/29)^3 ? t^(1/3) : t / (3 (6/29)^2) + 4/29             (CIE 15)
 *     white    Xn Yn Zn = what (255, 255, 255) gives: 0.95047 1 1.08883, so that it is exactly
 *              100 0 0
 *
 * Thread-safety: a table is read only once it is made.
 */
#ifndef VSYN_EVAL_SETS_LAB_H
#define VSYN_EVAL_SETS_LAB_H

#include <stddef.h>
#include <stdint.h>

typedef struct vs_lab_table {
    float linear[256];
} vs_lab_table;

void vs_lab_prepare(vs_lab_table *table);
/* lab (pixels, 3) of rgb (pixels, 3). */
void vs_lab_convert(float *lab, const uint8_t *rgb, size_t pixels, const vs_lab_table *table);

#endif /* VSYN_EVAL_SETS_LAB_H */
