/* The training loop, the same for both tasks: batches in, steps, log, checkpoints, stop.
 *
 * Step s (from 0) of a run is batches s*A*P .. s*A*P+A*P-1 of the loader, A = --accumulate, P
 * processes: the gradient of a step is the mean over batch * A * P clips, exactly. Pass i of
 * process r takes batch s*A*P + i*P + r, so P processes see what one with --accumulate A*P
 * sees. All processes hold the same weights; process 0 alone writes, evaluates and speaks.
 * All randomness hangs on
 * (seed, epoch, position) and on the number of the clip, so (weights, moments, step) is
 * the whole state of a run; the record beside the weights also keeps the sums that the
 * next line of the log needs:
 *
 *     { "command", "processes", "step", "loss_sum", "loss_steps", "seconds",
 *       "best_top1", "best_step" }
 */
#ifndef VSYN_TRAIN_LOOP_H
#define VSYN_TRAIN_LOOP_H

#include "train/config.h"
#include "train/data/data.h"
#include "train/dist.h"
#include "train/metrics.h"
#include "train/schedule.h"

typedef struct vs_trainer vs_trainer;

/* What an evaluation found. */
typedef struct vs_eval {
    double loss, top1, top5;       /* top1, top5: shares */
    int64_t n;
} vs_eval;

/* What differs between the tasks. */
typedef struct vs_trainer_task {
    /* Completes a batch whose frames, mask, seed and index are set; may change the frames. */
    void (*fill)(vs_trainer *t, vs_batch *batch, const vs_loaded *loaded);
    /* May be NULL: nothing to evaluate. */
    vs_err (*evaluate)(vs_trainer *t, vs_eval *out);
    /* May be NULL: a picture for the report, when the run ends or is stopped. */
    vs_err (*illustrate)(vs_trainer *t);
    void *ctx;
} vs_trainer_task;

struct vs_trainer {
    vs_dist *dist;                 /* NULL: one process */
    vs_config *config;
    vs_train_settings *settings;   /* config->settings */
    vs_trainer_task task;
    vs_device *dev;
    vs_model *model;
    vs_source *source;
    const char *const *class_name;
    const char *data_text;         /* "9537 videos of moving-shapes": for the plan */
    int visible;                   /* tokens per clip that the encoder sees; masked cells: */
    int masked;
    /* From here on the loop's own. */
    vs_loader *loader;
    vs_metrics *metrics;
    vs_schedule schedule;
    vs_adamw adamw;
    int64_t steps_per_epoch;
    int64_t step;                  /* steps done */
    double loss_sum;               /* since the last line of the log */
    int64_t loss_steps;
    double grad_norm;              /* of the last step that was read */
    int unread;                    /* steps whose losses and norms wait on the device (steps.c) */
    double read_at;
    double seconds;                /* of training, over all sessions */
    double best_top1;
    int64_t best_step;             /* 0 = none yet */
    vs_eval last_eval;             /* n = 0: none in this session */
    double began, line_began, line_waited, saved_at;
    bool draws;                    /* the device draws the clips (--draw) */
    double step_seconds, sample_seconds;   /* of the trials before the start */
    float *ema, *ema_spare;        /* --ema: the average, and room to exchange it; else NULL */
    int64_t unsent;                /* values of the gradient that exchange.c has not yet sent */
    int lock;
};

/* The first call: joins the other processes and reads the settings. */
vs_err vs_trainer_begin(vs_trainer *t, vs_call *call);
/* Opens device and model (fails before anything is written when memory cannot do). */
vs_err vs_trainer_open_model(vs_trainer *t, const vs_model_config *model);
/* The whole run, from its first or its saved step to its end, when every process brings an
 * `err` of OK (what it met before). STOPPED after a signal, NUMERIC when the loss is not
 * finite; both with a message that says how to go on. */
vs_err vs_trainer_run(vs_trainer *t, vs_err err);
/* What came of it, on stdout. */
vs_err vs_trainer_result(const vs_trainer *t);
void vs_trainer_close(vs_trainer *t);
/* Clips of the data in one step, of all processes: what the learning rate scales with. */
int64_t vs_trainer_effective_batch(const vs_trainer *t);
/* Passes of one step, of all processes together. */
int vs_trainer_passes(const vs_trainer *t);
/* Clips that the model sees in one pass: batch x views. */
int vs_trainer_pass_clips(const vs_trainer *t);

/* exchange.c: around the passes of a step, so that every process ends with the mean of all
 * gradients, and *loss with the mean of the losses. The error of any process is that of all. */
void vs_exchange_begin(vs_trainer *t);
void vs_exchange_last_pass(vs_trainer *t);     /* its backward pass completes the gradient */
vs_err vs_exchange_end(vs_trainer *t, vs_err err, double *loss);

/* steps.c: one step after the other. On a GPU the host does not wait for a step: losses and norms
 * are kept there and read by vs_steps_settle(), which must come before anyone looks at loss_sum,
 * grad_norm or the weights; it is due (vs_steps_due()) at every line of the log, checkpoint and
 * evaluation, and once a second. Elsewhere, and in several processes, each step is read at once.
 * NUMERIC names the step; those after it have run, but nothing of them is kept. */
vs_err vs_steps_next(vs_trainer *t);
bool vs_steps_due(const vs_trainer *t);
vs_err vs_steps_settle(vs_trainer *t);

/* keep.c: checkpoints/NAME written whole or not at all, and what a resumed run takes up: the
 * weights, moments and counters of checkpoints/last. */
vs_err vs_trainer_save(vs_trainer *t, const char *name);
vs_err vs_trainer_load(vs_trainer *t);
/* NUMERIC: names the step, the tensor and the last good checkpoint; `what` is not finite. */
vs_err vs_trainer_not_finite(vs_trainer *t, const char *what);

/* ema.c: the moving average of the weights; all of them do nothing without --ema. */
vs_err vs_ema_open(vs_trainer *t);                          /* from the weights or the run */
vs_err vs_ema_step(vs_trainer *t);                          /* after a step */
vs_err vs_ema_swap(vs_trainer *t);                          /* model and average change places */
vs_err vs_ema_save(const vs_trainer *t, const char *dir);   /* DIR/ema.safetensors */

/* plan.c: what is about to happen, on stderr. */
void vs_trainer_plan(const vs_trainer *t);
/* Tries a sample and a step out: step_seconds, sample_seconds. The weights do not change. */
vs_err vs_trainer_time(vs_trainer *t);

/* limits.c: what cannot work, before anything is written. USAGE when one machine cannot hold the
 * model and its batch; */
vs_err vs_trainer_check_memory(const vs_trainer *t, const vs_model_config *model);
/* when there are too few clips for a step, rates contradict each other, or the disk cannot hold
 * the checkpoints. */
vs_err vs_trainer_check_start(const vs_trainer *t);
vs_err vs_check_disk(const char *out, double checkpoint, int copies, double room);
/* Bytes: in the host beside the model (the program, batches ahead, averaged weights, the moments
 * that a checkpoint is written from), of one checkpoint, free where `path` is or will be (-1:
 * unknown). */
double vs_trainer_host_bytes(const vs_trainer *t, const vs_model_config *model);
double vs_trainer_checkpoint_bytes(const vs_trainer *t);
double vs_disk_room(const char *path);

#endif /* VSYN_TRAIN_LOOP_H */
