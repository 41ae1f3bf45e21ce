/* What the tensors of a file tell about its model when no config.json lies beside it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "train/model/checkpoint.h"

/* How many blocks there are under these original or Hugging Face names. */
static int count_blocks(const vs_weights *file, const char *prefix, const char *norm)
{
    for (int i = 0;; i++) {
        char *const name = vs_strf("%s%d.%s.weight", prefix, i, norm);
        const bool there = vs_weights_find(file, name) != NULL;
        free(name);
        if (!there)
            return i;
    }
}

/* Size k of a tensor; 0 when there is none. */
static int size_of(const vs_weights *file, const char *name, int k)
{
    const vs_tensor *t = vs_weights_find(file, name);
    return t && t->rank > k && t->shape[k] <= INT_MAX ? (int)t->shape[k] : 0;
}

/* The row of the table of sizes with this width and depth, else 16 frames of 224x224 and an
 * unknown number of heads. */
static vs_model_config nearest_row(vs_task task, int dim, int depth)
{
    vs_model_config row;
    for (int i = 0; i < vs_model_size_count(); i++) {
        VS_ASSERT(vs_model_config_named(&row, task, vs_model_size_name(i)) == VS_OK);
        if (row.dim == dim && row.depth == depth)
            return row;
    }
    VS_ASSERT(vs_model_config_named(&row, task, "base") == VS_OK);
    snprintf(row.size, sizeof(row.size), "custom");
    row.dim = dim;
    row.depth = depth;
    row.heads = row.dec_heads = 0;
    return row;
}

vs_err vs_model_config_guess(vs_model_config *out, const char *path)
{
    static const char *const blocks[3] = { "encoder.blocks.", "blocks.",
                                           "videomae.encoder.layer." };
    vs_weights *file = NULL;
    vs_naming naming = VS_NAMES_HF;
    vs_err err = vs_weights_open(&file, path);
    if (err == VS_OK)
        err = vs_checkpoint_naming(&naming, file, path);
    if (err != VS_OK)
        goto out;
    const bool hf = naming == VS_NAMES_HF;
    const char *const patch = vs_patch_weight_name[naming];
    const int dim = size_of(file, patch, 0);
    const int depth = count_blocks(file, blocks[naming], hf ? "layernorm_before" : "norm1");
    const int dec_dim = size_of(file, "mask_token", 2);
    *out = nearest_row(dec_dim ? VS_TASK_PRETRAIN : VS_TASK_CLASSIFY, dim, depth);
    out->tubelet = size_of(file, patch, 2);
    out->patch = size_of(file, patch, 3);
    if (dec_dim) {
        out->dec_heads = out->dec_dim == dec_dim ? out->dec_heads : 0;
        out->dec_dim = dec_dim;
        out->dec_depth = count_blocks(file, hf ? "decoder.decoder_layers." : "decoder.blocks.",
                                      hf ? "layernorm_before" : "norm1");
        out->heads = out->dec_heads ? out->heads : 0;
    } else {
        out->classes = size_of(file, hf ? "classifier.bias" : "head.bias", 0);
    }
out:
    vs_weights_close(&file);
    return err;
}
