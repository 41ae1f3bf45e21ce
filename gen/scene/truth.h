/* Ground truth of a scene: what is at each pixel, where it goes, how every object moves.
 *
 * Files of video V, NumPy's .npy format 1.0, little-endian, C order (numpy.load(...,
 * mmap_mode="r") reads parts of them). F frames of H x W pixels, N objects:
 *
 *     V.masks.npy   uint16  (F, H, W)          0: ground; k + 1: object k of the scene's table
 *     V.flow.npy    float16 (F - 1, H, W, 2)   dx, dy in pixels, from frame f to frame f + 1,
 *                                              of the point of the object that is seen in f
 *     V.state.npy   uint8   (F - 1, H, W)      what becomes of that point, see vs_truth_state
 *     V.tracks.npy  float32 (F, N, 7)          a b tx c d ty n: the object's affine map, and
 *                                              on how many pixels it is seen
 *
 * "flow" means the flow and its states. The ground does not move: flow 0, state 0.
 *
 * Coordinates: x to the right, y down, (0, 0) the centre of the first pixel. A point (u, v)
 * of an object is at x = a u + b v + tx, y = c u + d v + ty; (u, v) are its local coordinates
 * (gen/scene/pose.h), those that its texture is fixed to. With M the map, flow at P is
 *
 *     M(f + 1) M(f)^-1 P - P
 *
 * Positions are whole pixels in every frame, so flow is whole too where nothing turns, scales
 * or shears. Corners are truncated to whole pixels after M, and lines clipped at the border: an
 * edge in the picture lies within one pixel of where M says. A scaled
 * circle (circles_scale) is the ellipse drawn; its texture, if any, scales but is not turned.
 *
 * A pure function of the scene: the same bytes on every machine. Any thread.
 */
#ifndef VSYN_GEN_SCENE_TRUTH_H
#define VSYN_GEN_SCENE_TRUTH_H

#include "gen/scene/scene.h"

/* Kinds, to be added up: one file each. */
enum {
    VS_TRUTH_MASKS = 1, VS_TRUTH_FLOW = 2, VS_TRUTH_STATE = 4, VS_TRUTH_TRACKS = 8,
    VS_TRUTH_ALL = 15
};

typedef enum vs_truth_state {
    VS_TRUTH_GROUND = 0,
    VS_TRUTH_SEEN = 1,             /* its nearest pixel in f + 1 shows the object */
    VS_TRUTH_HIDDEN = 2,           /* that pixel shows an object above it */
    VS_TRUTH_LEFT = 3,             /* that pixel is outside the picture */
    VS_TRUTH_EDGE = 4,             /* that pixel shows what is below: edges are whole
                                    * pixels. Of what only moves: at the border alone */
    VS_TRUTH_GONE = 5              /* the object is not drawn in f + 1, or its map in f has no
                                    * inverse (flow 0) */
} vs_truth_state;

enum { VS_TRUTH_OBJECTS = 65535 }; /* at most, of a scene */

/* "masks,flow,tracks", any of them. USAGE names the word that is none. */
vs_err vs_truth_parse(unsigned *kinds, const char *text);
/* "masks,flow,tracks" of kinds, in this order; `text` holds 32 bytes. */
const char *vs_truth_text(char text[32], unsigned kinds);

/* The file of one kind, STEM.masks.npy; the caller frees it. */
char *vs_truth_path(const char *stem, unsigned kind);
/* Those of `kinds` whose file is not there. */
unsigned vs_truth_missing(const char *stem, unsigned kinds);
/* Writes the first `frames` frames, a frame at a time, every file atomically. *bytes grows by
 * their sizes. stem NULL: computes and counts, writes nothing. Scenes without antialias and of
 * at most VS_TRUTH_OBJECTS objects. */
vs_err vs_truth_write(int64_t *bytes, const char *stem, const vs_scene *scene, int frames,
                      unsigned kinds);

#endif /* VSYN_GEN_SCENE_TRUTH_H */
