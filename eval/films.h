/* Video files for eval/sets, where the build has FFmpeg: the decoder of vsyn-ingest with its usual
 * short side of 256, and packets of stores.
 *
 * A file is read once where it holds as many frames as it announces, else once to count them and
 * once more: only the frames that are asked for are kept, however long it is.
 */
#ifndef VSYN_EVAL_FILMS_H
#define VSYN_EVAL_FILMS_H

#include "eval/sets/set.h"

/* NULL without FFmpeg. */
const vs_set_videos *vs_films(void);

#endif /* VSYN_EVAL_FILMS_H */
