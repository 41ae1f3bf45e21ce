/* Small text in pictures: a font of 5x7 dots, a dot being scale x scale pixels. Small letters,
 * digits and . , - _ : / are drawn, others leave a gap. */
#ifndef VSYN_BASE_LABEL_H
#define VSYN_BASE_LABEL_H

#include <stdint.h>

/* rgb (H, W, 3); upper left corner at (x, y); what is outside of the picture is cut. */
void vs_label_draw(uint8_t *rgb, int W, int H, int x, int y, int scale, const char *text,
                   const uint8_t color[3]);
/* Pixels from the first dot to the last. */
int vs_label_width(const char *text, int scale);

#endif /* VSYN_BASE_LABEL_H */
