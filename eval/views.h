/* The views of one video in one cell: what a model scores. */
#ifndef VSYN_EVAL_VIEWS_H
#define VSYN_EVAL_VIEWS_H

#include "eval/evaluate.h"

/* views: (segments * crops, T, H, W, 3) as the model of `e` wants them. plain: room for one view.
 * corrupter: of the cell, NULL when it is the clean one. strided, all: as vs_decoded_get() gives
 * them. Thread-safe. Errors: NOMEM, and those of the corruption. */
vs_err vs_make_views(uint8_t *views, uint8_t *plain, const vs_evaluation *e,
                     const vs_cell_plan *plan, const vs_corrupter *corrupter, const vs_clip *clip,
                     const vs_video *strided, const vs_video *all);

#endif /* VSYN_EVAL_VIEWS_H */
