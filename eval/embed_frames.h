/* A VideoMAE encoder as the eyes of `vsyn-robust stats`: features of a video, and of its frames as
 * clips that stand still. Features are the mean over tokens after fc_norm (train/embed.h).
 * One thread at a time.
 */
#ifndef VSYN_EVAL_EMBED_FRAMES_H
#define VSYN_EVAL_EMBED_FRAMES_H

#include "eval/sets/measure.h"

typedef struct vs_frame_model vs_frame_model;

/* path: a RUN or MODEL, pre-trained or fine-tuned. stills: frames of a video, at most. USAGE for a
 * model of more than 64 frames. */
vs_err vs_frame_model_open(vs_frame_model **out, const char *path, const char *device, int threads,
                           int batch, int stills);
void vs_frame_model_close(vs_frame_model **model);
/* Valid as long as the model. */
const vs_set_model *vs_frame_model_features(const vs_frame_model *model);
/* Frames of a clip, and their stride. */
int vs_frame_model_frames(const vs_frame_model *model);
int vs_frame_model_stride(const vs_frame_model *model);
/* "videomae 0123456789abcdef": a checksum of the weights. */
const char *vs_frame_model_key(const vs_frame_model *model);

#endif /* VSYN_EVAL_EMBED_FRAMES_H */
