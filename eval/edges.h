/* Edges of a grey picture and the distance to them, with OpenCV's arithmetic. Internal to eval. */
#ifndef VSYN_EVAL_EDGES_H
#define VSYN_EVAL_EDGES_H

#include <stdint.h>

#include "base/err.h"

/* edge (H, W) 1 or 0: Canny (1986) on Sobel gradients of 3 x 3, |dx| + |dy|; what exceeds `low` and
 * is largest across its direction is an edge when it exceeds `high` or touches one that is. */
vs_err vs_edges_canny(uint8_t *edge, const uint8_t *grey, int H, int W, int low, int high);

/* distance (H, W) to the nearest edge, at most `most`: chamfer steps of 5 x 5 (Borgefors, 1986), 1,
 * 1.4 and 2.1969 in 16 binary digits. */
vs_err vs_edges_distance(float *distance, const uint8_t *edge, int H, int W, float most);

#endif /* VSYN_EVAL_EDGES_H */
