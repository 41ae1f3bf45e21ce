/* config.json of a checkpoint, as Hugging Face's VideoMAEConfig reads and writes it.
 *
 * What that format has no place for lies in an object "vsyn" of its own: stride (frames
 * between two sampled frames), size (row of the table of sizes), layer_norm_eps_head. A file
 * without "vsyn" comes from elsewhere: then the LayerNorms before the heads have PyTorch's
 * default epsilon 1e-5, as in that implementation.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "train/model/checkpoint.h"

/* ---- Writing ----------------------------------------------------------------------- */

static void put(json_t *o, const char *key, json_t *value)
{
    json_object_set_new(o, key, value);
}

/* A float as its shortest decimal: 1e-6, not 9.9999999747524271e-07. */
static json_t *short_real(float v)
{
    char text[32];
    for (int digits = 1; digits < 10; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    return json_real(strtod(text, NULL));
}

static void put_labels(json_t *o, int classes, const char *const *class_name)
{
    json_t *const names = json_object(), *const ids = json_object();
    for (int i = 0; i < classes; i++) {
        char number[16], label[32];
        snprintf(number, sizeof(number), "%d", i);
        snprintf(label, sizeof(label), "LABEL_%d", i);
        const char *const name = class_name ? class_name[i] : label;
        put(names, number, json_string(name));
        put(ids, name, json_integer(i));
    }
    put(o, "id2label", names);
    put(o, "label2id", ids);
}

static json_t *config_json(const vs_model_config *c, const char *const *class_name)
{
    const bool mae = c->task == VS_TASK_PRETRAIN;
    const int dd = mae ? c->dec_dim : c->dim / 2;
    json_t *const o = json_object();
    put(o, "architectures", json_pack("[s]", mae ? "VideoMAEForPreTraining"
                                                 : "VideoMAEForVideoClassification"));
    put(o, "attention_probs_dropout_prob", json_real(0.0));
    put(o, "decoder_hidden_size", json_integer(dd));
    put(o, "decoder_intermediate_size", json_integer(4 * dd));
    put(o, "decoder_num_attention_heads", json_integer(c->dec_heads));
    put(o, "decoder_num_hidden_layers", json_integer(c->dec_depth));
    put(o, "hidden_act", json_string("gelu"));
    put(o, "hidden_dropout_prob", json_real(0.0));
    put(o, "hidden_size", json_integer(c->dim));
    put(o, "image_size", c->H == c->W ? json_integer(c->H) : json_pack("[i,i]", c->H, c->W));
    put(o, "initializer_range", json_real(0.02));
    put(o, "intermediate_size", json_integer(4 * c->dim));
    put(o, "layer_norm_eps", short_real(c->ln_eps));
    put(o, "model_type", json_string("videomae"));
    put(o, "norm_pix_loss", json_true());
    put(o, "num_attention_heads", json_integer(c->heads));
    put(o, "num_channels", json_integer(3));
    put(o, "num_frames", json_integer(c->T));
    put(o, "num_hidden_layers", json_integer(c->depth));
    put(o, "patch_size", json_integer(c->patch));
    put(o, "qkv_bias", json_true());
    put(o, "torch_dtype", json_string("float32"));
    put(o, "tubelet_size", json_integer(c->tubelet));
    put(o, "use_mean_pooling", json_boolean(!mae));
    if (!mae)
        put_labels(o, c->classes, class_name);
    put(o, "vsyn", json_pack("{s:s, s:i, s:o}", "size", c->size, "stride", c->stride,
                             "layer_norm_eps_head", short_real(c->ln_eps_head)));
    return o;
}

vs_err vs_hf_config_write(const char *dir, const vs_model_config *config,
                          const char *const *class_name)
{
    char *const path = vs_path_join(dir, "config.json");
    const vs_err err = vs_json_save(path, config_json(config, class_name));
    free(path);
    return err;
}

/* Frames of any size: short side to the model's, centre crop, 0..1, ImageNet's mean and
 * deviation, as train/ops does it. resample 2 is bilinear. */
vs_err vs_hf_preprocessor_write(const char *dir, const vs_model_config *c)
{
    char *const path = vs_path_join(dir, "preprocessor_config.json");
    const int side = c->H < c->W ? c->H : c->W;
    json_t *const o = json_object();
    put(o, "crop_size", json_pack("{s:i, s:i}", "height", c->H, "width", c->W));
    put(o, "do_center_crop", json_true());
    put(o, "do_normalize", json_true());
    put(o, "do_rescale", json_true());
    put(o, "do_resize", json_true());
    put(o, "feature_extractor_type", json_string("VideoMAEFeatureExtractor"));
    put(o, "image_mean", json_pack("[f,f,f]", 0.485, 0.456, 0.406));
    put(o, "image_processor_type", json_string("VideoMAEImageProcessor"));
    put(o, "image_std", json_pack("[f,f,f]", 0.229, 0.224, 0.225));
    put(o, "resample", json_integer(2));
    put(o, "rescale_factor", json_real(1.0 / 255));
    put(o, "size", json_pack("{s:i}", "shortest_edge", side));
    const vs_err err = vs_json_save(path, o);
    free(path);
    return err;
}

/* ---- Reading ----------------------------------------------------------------------- */

static vs_err get_int(int *out, const json_t *o, const char *key, const char *path)
{
    int64_t v;
    VS_TRY(vs_json_int(&v, o, key, path));
    if (v < 0 || v > INT_MAX)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: \"%s\" is %lld, expected 0..%d", path, key,
                       (long long)v, INT_MAX);
    *out = (int)v;
    return VS_OK;
}

static vs_err get_image_size(vs_model_config *c, const json_t *o, const char *path)
{
    const json_t *v = json_object_get(o, "image_size");
    if (!json_is_array(v)) {
        VS_TRY(get_int(&c->H, o, "image_size", path));
        c->W = c->H;
        return VS_OK;
    }
    const json_t *h = json_array_get(v, 0), *w = json_array_get(v, 1);
    if (json_array_size(v) != 2 || !json_is_integer(h) || !json_is_integer(w) ||
        json_integer_value(h) < 0 || json_integer_value(h) > INT_MAX ||
        json_integer_value(w) < 0 || json_integer_value(w) > INT_MAX)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: \"image_size\" must be a number or two", path);
    c->H = (int)json_integer_value(h);
    c->W = (int)json_integer_value(w);
    return VS_OK;
}

static vs_err must_be(const json_t *o, const char *key, json_t *expected, const char *path)
{
    const json_t *v = json_object_get(o, key);
    const bool same = !v || json_equal((json_t *)v, expected);
    char *const text = same ? NULL : json_dumps(expected, JSON_ENCODE_ANY);
    json_decref(expected);
    if (same)
        return VS_OK;
    const vs_err err = VS_FAIL(VS_ERR_CORRUPT, "%s: \"%s\" must be %s for this program", path, key,
                               text);
    free(text);
    return err;
}

/* Settings that VideoMAEConfig allows and VideoMAE does not use. */
static vs_err check_fixed(const json_t *o, const vs_model_config *c, const char *path)
{
    VS_TRY(must_be(o, "model_type", json_string("videomae"), path));
    VS_TRY(must_be(o, "hidden_act", json_string("gelu"), path));
    VS_TRY(must_be(o, "qkv_bias", json_true(), path));
    VS_TRY(must_be(o, "qv_bias", json_true(), path));          /* its newer name */
    VS_TRY(must_be(o, "num_channels", json_integer(3), path));
    VS_TRY(must_be(o, "intermediate_size", json_integer(4 * (json_int_t)c->dim), path));
    if (c->task == VS_TASK_CLASSIFY)
        return must_be(o, "use_mean_pooling", json_true(), path);
    return must_be(o, "decoder_intermediate_size", json_integer(4 * (json_int_t)c->dec_dim), path);
}

static vs_err get_task(vs_task *out, const json_t *o, const char *path)
{
    const char *a = json_string_value(json_array_get(json_object_get(o, "architectures"), 0));
    if (a && strcmp(a, "VideoMAEForPreTraining") == 0)
        *out = VS_TASK_PRETRAIN;
    else if (a && strcmp(a, "VideoMAEForVideoClassification") == 0)
        *out = VS_TASK_CLASSIFY;
    else
        return VS_FAIL(VS_ERR_CORRUPT, "%s: \"architectures\" is %s, expected "
                       "VideoMAEForPreTraining or VideoMAEForVideoClassification", path,
                       a ? a : "missing");
    return VS_OK;
}

static vs_err get_extras(vs_model_config *c, const json_t *o, const char *path)
{
    const json_t *const own = json_object_get(o, "vsyn");
    double eps;
    VS_TRY(vs_json_number(&eps, o, "layer_norm_eps", path));
    c->ln_eps = (float)eps;
    c->ln_eps_head = 1e-5f;
    c->stride = 4;
    snprintf(c->size, sizeof(c->size), "custom");
    if (!own)
        return VS_OK;
    const char *size;
    VS_TRY(get_int(&c->stride, own, "stride", path));
    VS_TRY(vs_json_number(&eps, own, "layer_norm_eps_head", path));
    VS_TRY(vs_json_text(&size, own, "size", path));
    c->ln_eps_head = (float)eps;
    snprintf(c->size, sizeof(c->size), "%s", size);
    return VS_OK;
}

static vs_err read_config(vs_model_config *c, const json_t *o, const char *path)
{
    *c = (vs_model_config){ 0 };
    VS_TRY(get_task(&c->task, o, path));
    VS_TRY(get_image_size(c, o, path));
    VS_TRY(get_int(&c->T, o, "num_frames", path));
    VS_TRY(get_int(&c->tubelet, o, "tubelet_size", path));
    VS_TRY(get_int(&c->patch, o, "patch_size", path));
    VS_TRY(get_int(&c->dim, o, "hidden_size", path));
    VS_TRY(get_int(&c->depth, o, "num_hidden_layers", path));
    VS_TRY(get_int(&c->heads, o, "num_attention_heads", path));
    VS_TRY(get_int(&c->dec_dim, o, "decoder_hidden_size", path));
    VS_TRY(get_int(&c->dec_depth, o, "decoder_num_hidden_layers", path));
    VS_TRY(get_int(&c->dec_heads, o, "decoder_num_attention_heads", path));
    VS_TRY(get_extras(c, o, path));
    VS_TRY(check_fixed(o, c, path));
    if (c->task == VS_TASK_CLASSIFY) {
        c->classes = (int)json_object_size(json_object_get(o, "id2label"));
        if (c->classes == 0)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: a classifier needs \"id2label\"", path);
    }
    if (vs_model_config_check(c) != VS_OK)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: %s", path, vs_err_detail());
    return VS_OK;
}

/* Names in the order of their numbers; none when they only repeat the numbers. */
static vs_err read_names(char ***out, int *n, const json_t *o, int classes, const char *path)
{
    const json_t *const labels = json_object_get(o, "id2label");
    char **const names = vs_new(sizeof(char *) * (size_t)(classes + 1));
    bool real = false;
    for (int i = 0; i < classes; i++) {
        char number[16], label[32];
        snprintf(number, sizeof(number), "%d", i);
        snprintf(label, sizeof(label), "LABEL_%d", i);
        const char *const name = json_string_value(json_object_get(labels, number));
        if (!name) {
            vs_names_free(names, i);
            return VS_FAIL(VS_ERR_CORRUPT, "%s: \"id2label\" has no name for class %d", path, i);
        }
        names[i] = vs_strdup(name);
        real = real || strcmp(name, label) != 0;
    }
    *out = real ? names : NULL;
    *n = real ? classes : 0;
    if (!real)
        vs_names_free(names, classes);
    return VS_OK;
}

vs_err vs_model_config_file(vs_model_config *out, char ***class_name, int *n, const char *path)
{
    json_t *o = NULL;
    *class_name = NULL;
    *n = 0;
    vs_err err = vs_json_load(&o, path);
    if (err == VS_OK)
        err = read_config(out, o, path);
    if (err == VS_OK && out->task == VS_TASK_CLASSIFY)
        err = read_names(class_name, n, o, out->classes, path);
    json_decref(o);
    return err;
}

/* As the tensors tell, for a file that nothing lies beside. */
static vs_err read_guess(vs_model_config *c, const char *path)
{
    VS_TRY(vs_model_config_guess(c, path));
    if (c->heads == 0)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no config.json beside it, and no known size has width "
                       "%d and depth %d (vsyn-train import --heads can tell)", path, c->dim,
                       c->depth);
    if (vs_model_config_check(c) != VS_OK)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: %s", path, vs_err_detail());
    return VS_OK;
}

vs_err vs_model_config_read(vs_model_config *out, char ***class_name, int *n, const char *path)
{
    vs_model_config c;
    char *const config = vs_checkpoint_config(path), **names = NULL;
    int count = 0;
    const vs_err err = !vs_path_is_dir(path) && !vs_path_exists(config)
                           ? read_guess(&c, path)
                           : vs_model_config_file(&c, &names, &count, config);
    free(config);
    if (class_name) {
        *class_name = names;
        *n = count;
    } else {
        vs_names_free(names, count);
    }
    if (err == VS_OK && out)
        *out = c;
    return err;
}
