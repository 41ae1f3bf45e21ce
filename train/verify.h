/* Recomputing a reference: does this build, on this machine, compute what PyTorch computed?
 *
 * The folder holds outputs of the reference VideoMAE implementation (tensor files, with the
 * formulas in its README). Everything is computed again from weights and frames and compared,
 * tensor by tensor: ||ours - reference|| / ||reference|| against a bound.
 */
#ifndef VSYN_TRAIN_VERIFY_H
#define VSYN_TRAIN_VERIFY_H

#include "base/cli.h"
#include "train/device/device.h"

/* `vsyn-train verify GOLDEN_DIR`: the table; exit 1 when anything is beyond its bound. */
extern const vs_command vs_command_verify;

typedef struct vs_verify_row {
    char *section, *name;          /* "tiny pretrain gradient", "encoder.norm.weight" */
    double error, bound;
    bool ok;                       /* error <= bound; false when not a number */
} vs_verify_row;

typedef struct vs_verify {
    vs_device *dev;
    const char *dir;
    const char *section;           /* of the rows that follow */
    double bound;                  /* likewise */
    vs_verify_row *row;
    int n, failed;
    void **copy;                   /* of reference tensors that lie unaligned in their file */
    int n_copies;
} vs_verify;

/* Rows are added to `v`; errors are those of reading the folder and of the device, never a
 * difference. Free the rows with vs_verify_free(). */
vs_err vs_verify_tiny_pretrain(vs_verify *v);
vs_err vs_verify_tiny_finetune(vs_verify *v);
/* size: "small" or "base": weights and frames drawn from a generator. */
vs_err vs_verify_seeded_pretrain(vs_verify *v, const char *size);
vs_err vs_verify_seeded_finetune(vs_verify *v, const char *size);
void vs_verify_free(vs_verify *v);

#endif /* VSYN_TRAIN_VERIFY_H */
