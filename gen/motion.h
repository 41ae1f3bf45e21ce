/* Labelled motion clips: the class is the motion, and appearance does not tell it.
 *
 * Shapes, colours and sizes come from the same distribution in every class. Two kinds:
 *
 *   - plain: one bright figure on a dark ground, in the middle of the picture half way
 *     through the clip. Every motion runs in step with the clip: a frame may show the
 *     axis of a motion, and its direction to whoever knows its time. A small model learns
 *     it in minutes (micro from scratch: 56 % of 16 classes after 10,800 clips).
 *   - strict: 3 to 6 figures of any colours in the same motion, anywhere on a torus (what
 *     leaves on one side enters on the other). Positions, angles and log sizes are
 *     uniform, with a uniform phase wherever something repeats; uniform stays uniform
 *     under each of these motions, at every frame. So no frame alone tells anything,
 *     even to whoever knows its time, and no linear function of the frames does: only
 *     motion is left, and much more training is needed.
 *
 * Video i belongs to class i mod 16 and is a pure function of (seed, i, size, kind); random
 * numbers: (seed, VS_RNG_MOTION, i). Speeds are in widths of the picture, so that a clip
 * looks the same at every size.
 */
#ifndef VSYN_GEN_MOTION_H
#define VSYN_GEN_MOTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VS_MOTION_CLASSES = 16 };
extern const char *const vs_motion_class[VS_MOTION_CLASSES];

enum { VS_MOTION_BLOBS = 2, VS_MOTION_FIGURES = 6, VS_MOTION_CORNERS = 12 };

/* A polygon in the unit circle, turned, scaled and placed; lengths in pictures. */
typedef struct vs_figure {
    int shape;
    uint8_t color[3];
    double x, y, radius, angle;
    double size_phase;             /* 0..1: where the radius lies in its range */
    double phase;                  /* 0..1, of a pulse */
} vs_figure;

typedef struct vs_motion {
    int label, size;
    bool strict;
    uint8_t background[3];
    int blobs;
    vs_figure blob[VS_MOTION_BLOBS];
    int figures;
    vs_figure figure[VS_MOTION_FIGURES];     /* at frame 0, before their motion */
    double speed;                  /* widths per frame */
    double turn;                   /* rad per frame */
    double middle;                 /* frame at which a straight way passes its start */
    double heading, reach, period, phase, swing, growth;
} vs_motion;

void vs_motion_sample(vs_motion *out, int size, bool strict, uint64_t seed, uint64_t index);
/* Its length, lo..hi, drawn apart from everything else: it tells nothing either. */
int vs_motion_frames(int lo, int hi, uint64_t seed, uint64_t index);
/* Figure k at a frame: a pure function. x, y in [0, 1). */
vs_figure vs_motion_at(const vs_motion *m, int k, int frame);

size_t vs_motion_scratch(int size);
/* rgb: (size, size, 3), edges smooth (16 samples a pixel). */
void vs_motion_draw(const vs_motion *m, int frame, uint8_t *rgb, void *scratch);

#endif /* VSYN_GEN_MOTION_H */
