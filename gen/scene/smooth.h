/* Scenes with smooth edges and motion between pixels (--antialias).
 *
 * The same objects as vs_scene_draw() shows, in the same order, but their true outlines: no
 * position and no corner is cut to whole pixels, and a pixel has the mean colour of 64 samples.
 * Each sample belongs to the topmost object that covers it, so that shapes which share an edge
 * leave no seam. Pixel (x, y) reaches from x - 1/2 to x + 1/2; sample k of its row s lies at
 *
 *     x - 1/2 + (k + e(s)) / 8,  y - 1/2 + (s + 1/2) / 8        e(s): 1/16 .. 15/16
 *
 * with another e in each of the 8 rows: an upright edge, too, has 64 places in a pixel. Outlines
 * are those of the shapes themselves; without smoothing a shape is half a pixel larger on each
 * side. Flat colours only. The same bytes on any thread.
 */
#ifndef VSYN_GEN_SCENE_SMOOTH_H
#define VSYN_GEN_SCENE_SMOOTH_H

#include <stddef.h>
#include <stdint.h>

#include "gen/scene/scene.h"

/* Bytes of scratch for one thread: 14 per pixel and a little. */
size_t vs_smooth_scratch(int size);
/* rgb: (size, size, 3). frame: any number >= 0. */
void vs_smooth_draw(const vs_scene *scene, int frame, uint8_t *rgb, void *scratch);

#endif /* VSYN_GEN_SCENE_SMOOTH_H */
