/* Scoring videos with a trained classifier: what `vsyn-train test` and vsyn-robust share.
 *
 * Thread-safety: one thread at a time (the model inside uses all its threads).
 */
#ifndef VSYN_TRAIN_SCORE_H
#define VSYN_TRAIN_SCORE_H

#include "base/err.h"
#include "train/data/data.h"
#include "train/model/model.h"

typedef struct vs_scorer vs_scorer;

/* path: a RUN folder (its best checkpoint, else its last) or a MODEL (folder or file).
 * device: as vs_device_open_local() for process vs_shard_local(). CORRUPT when it is not a
 * classifier. */
vs_err vs_scorer_open(vs_scorer **out, const char *path, const char *device,
                      vs_precision precision, int threads, int batch);
void vs_scorer_close(vs_scorer **scorer);
const vs_model_config *vs_scorer_config(const vs_scorer *scorer);
/* Class names of the checkpoint; NULL and 0 when it has none. */
const char *const *vs_scorer_class_names(const vs_scorer *scorer, int *n);
/* The checkpoint folder that was opened. */
const char *vs_scorer_path(const vs_scorer *scorer);

/* Views that the model takes at once; FP32 or BF16. */
int vs_scorer_batch(const vs_scorer *scorer);
vs_precision vs_scorer_precision(const vs_scorer *scorer);
bool vs_scorer_on_cpu(const vs_scorer *scorer);

/* Softmax averaged over the K views of each of n videos (n, K, T, H, W, 3): probability
 * (n, classes). Batches go across the borders of videos. */
vs_err vs_scorer_videos(vs_scorer *scorer, const uint8_t *views, int n, int K,
                        float *probability);

/* The split's labels must be the classes of the model: CORRUPT names the first difference. */
vs_err vs_scorer_check_split(const vs_scorer *scorer, const vs_split *split);

/* "STORE:17" -> the path (the caller frees it) and the clip's number. USAGE otherwise. */
vs_err vs_clip_parse(char **store, int64_t *id, const char *text);
/* "5x3" -> 5 segments, 3 crops. USAGE otherwise. */
vs_err vs_views_parse(int *segments, int *crops, const char *text);
/* Rank of `label` in the probabilities, from 0 (best); ties go to the smaller index. */
int vs_rank_of(const float *probability, int classes, int label);

#endif /* VSYN_TRAIN_SCORE_H */
