/* Models of others: the same weights and outputs from every container, refusals, damage.
 * The files come from PyTorch and transformers: tests/golden/interop/README.md. */
#include "base/crc.h"
#include "base/json.h"
#include "base/safetensors.h"
#include "tests/model.h"
#include "train/model/checkpoint.h"
#include "train/model/pickle.h"
#include "train/model/pth.h"
#include "train/model/zip.h"

enum { B = 2, CLASSES = 3, TOKENS = 8, MASKED = 6, P = 96 };

static vs_device *cpu(void)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, 2));
    return dev;
}

static vs_safetensors *open_io(void)
{
    char *path = check_golden("interop/io.safetensors");
    vs_safetensors *io = NULL;
    CHECK_OK(vs_safetensors_open(&io, path));
    free(path);
    return io;
}

static const void *data_of(const vs_safetensors *io, const char *name)
{
    const vs_tensor *t = vs_safetensors_find(io, name);
    cr_assert(t, "%s", name);
    return t->data;
}

/* The model of golden/interop with weights of `name`. */
static vs_model *load(vs_device *dev, const char *name, vs_task task)
{
    char *dir = check_golden(task == VS_TASK_CLASSIFY ? "interop/hf_classifier"
                                                      : "interop/hf_pretrain");
    char *inside = vs_strf("interop/%s", name), *path = check_golden(inside);
    vs_model_config c;
    vs_model *m = NULL;
    CHECK_OK(vs_model_config_read(&c, NULL, NULL, dir));
    CHECK_OK(vs_model_open(&m, dev, &c, B, TOKENS - MASKED, false));
    CHECK_OK(vs_model_load(m, path, false));
    free(dir);
    free(inside);
    free(path);
    return m;
}

/* ---- The same numbers ------------------------------------------------------------------- */

Test(interop, logits_are_those_of_transformers)
{
    vs_device *dev = cpu();
    vs_safetensors *io = open_io();
    vs_model *m = load(dev, "hf_classifier", VS_TASK_CLASSIFY);
    const vs_batch batch = { .B = B, .frames = data_of(io, "frames") };
    float logits[B * CLASSES], expected[B * CLASSES];
    memcpy(expected, data_of(io, "logits"), sizeof(expected));
    CHECK_OK(vs_model_forward(m, &batch));
    CHECK_OK(vs_model_logits(m, logits));
    cr_expect(close_f32(logits, expected, B * CLASSES, 2e-6f, 0, "logits"));
    vs_model_close(&m);
    vs_safetensors_close(&io);
    vs_device_close(&dev);
}

Test(interop, predictions_are_those_of_transformers)
{
    vs_device *dev = cpu();
    vs_safetensors *io = open_io();
    vs_model *m = load(dev, "hf_pretrain", VS_TASK_PRETRAIN);
    const vs_batch batch = { .B = B, .frames = data_of(io, "frames"),
                             .mask = data_of(io, "mask") };
    enum { N = B * MASKED * P };
    float *got = malloc(sizeof(*got) * N), loss, expected_loss;
    CHECK_OK(vs_model_forward(m, &batch));
    CHECK_OK(vs_model_predictions(m, got, NULL));
    CHECK_OK(vs_model_loss(m, &loss));
    float *expected = malloc(sizeof(*expected) * N);
    memcpy(expected, data_of(io, "predictions"), sizeof(*expected) * N);
    memcpy(&expected_loss, data_of(io, "loss"), sizeof(float));
    cr_expect(relative_l2(got, expected, N) < 1e-6);
    cr_expect_float_eq(loss, expected_loss, 1e-5);
    free(got);
    free(expected);
    vs_model_close(&m);
    vs_safetensors_close(&io);
    vs_device_close(&dev);
}

Test(interop, every_container_holds_the_same_bits)
{
    static const struct {
        const char *name;
        vs_task task;
    } other[] = {
        { "original_classifier.pth", VS_TASK_CLASSIFY }, { "strided.pth", VS_TASK_CLASSIFY },
        { "legacy.pth", VS_TASK_CLASSIFY }, { "original_pretrain.pth", VS_TASK_PRETRAIN },
    };
    vs_device *dev = cpu();
    for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++) {
        const bool mae = other[i].task == VS_TASK_PRETRAIN;
        vs_model *a = load(dev, mae ? "hf_pretrain" : "hf_classifier", other[i].task);
        vs_model *b = load(dev, other[i].name, other[i].task);
        cr_expect(small_same(a, b, VS_SLAB_WEIGHT), "%s", other[i].name);
        vs_model_close(&a);
        vs_model_close(&b);
    }
    vs_device_close(&dev);
}

Test(interop, bfloat16_widens_exactly)
{
    vs_device *dev = cpu();
    vs_model *a = load(dev, "hf_classifier", VS_TASK_CLASSIFY);
    vs_model *b = load(dev, "bf16.pth", VS_TASK_CLASSIFY);
    float *x = small_slab(a, VS_SLAB_WEIGHT), *y = small_slab(b, VS_SLAB_WEIGHT);
    int rounded = 0;
    for (int64_t i = 0; i < vs_model_slab_count(a); i++) {
        uint32_t bits;
        memcpy(&bits, &y[i], 4);
        cr_assert((bits & 0xffff) == 0);
        cr_assert(fabsf(x[i] - y[i]) <= fabsf(x[i]) / 256);
        rounded += x[i] != y[i];
    }
    cr_expect(rounded > 100);
    free(x);
    free(y);
    vs_model_close(&a);
    vs_model_close(&b);
    vs_device_close(&dev);
}

Test(interop, half_widens_exactly)
{
    static const uint16_t half[] = { 0x3c00, 0xc000, 0x0001, 0x83ff, 0x0400, 0x7bff, 0x3555,
                                     0x8000 };
    static const float expected[] = { 1, -2, 0x1p-24f, -0x3ffp-24f, 0x1p-14f, 65504, 0x1.554p-2f,
                                      -0.0f };
    const vs_tensor t = { "t", VS_DTYPE_F16, 1, { 8 }, half };
    float got[8];
    vs_tensor_widen(got, &t);
    cr_expect(memcmp(got, expected, sizeof(got)) == 0);
}

/* ---- What a file alone tells --------------------------------------------------------------- */

Test(interop, a_file_alone_tells_what_its_tensors_can)
{
    char *path = check_golden("interop/original_pretrain.pth");
    vs_model_config c;
    CHECK_OK(vs_model_config_guess(&c, path));
    cr_expect(c.task == VS_TASK_PRETRAIN && c.dim == 8 && c.depth == 2 && c.tubelet == 2);
    cr_expect(c.patch == 4 && c.dec_dim == 4 && c.dec_depth == 1 && c.heads == 0);
    CHECK_FAILS(vs_model_config_read(&c, NULL, NULL, path), VS_ERR_CORRUPT, "import --heads");
    free(path);
}

/* ---- Strictness --------------------------------------------------------------------------- */

/* A copy of the original classifier with some tensors changed. */
static char *changed(const char *dir, const char *without, const char *extra, const char *wrong)
{
    char *from = check_golden("interop/original_classifier.pth");
    char *path = vs_strf("%s/changed.safetensors", dir);
    vs_weights *w = NULL;
    CHECK_OK(vs_weights_open(&w, from));
    vs_tensor list[64];
    char names[7][16];
    int n = 0;
    for (int i = 0; i < vs_weights_count(w); i++) {
        list[n] = *vs_weights_at(w, i);
        if (without && strstr(list[n].name, without))
            continue;
        if (wrong && strcmp(list[n].name, wrong) == 0)
            list[n].shape[0] -= 1;
        n++;
    }
    for (int i = 0; extra && i < 7; i++) {
        snprintf(names[i], sizeof(names[i]), "%s%d", extra, i);
        list[n] = list[0];
        list[n++].name = names[i];
    }
    CHECK_OK(vs_safetensors_write(path, list, n, NULL));
    vs_weights_close(&w);
    free(from);
    return path;
}

Test(interop, everything_that_does_not_fit_is_listed)
{
    vs_device *dev = cpu();
    vs_model *m = load(dev, "hf_classifier", VS_TASK_CLASSIFY);
    char *dir = check_tmp();
    char *path = changed(dir, ".norm1.", "extra.", "head.bias");
    CHECK_FAILS(vs_model_load(m, path, false), VS_ERR_CORRUPT,
                "tensors blocks.0.norm1.weight, blocks.0.norm1.bias, blocks.1.norm1.weight, "
                "blocks.1.norm1.bias are missing; ");
    cr_expect(strstr(vs_err_detail(), "extra.4 [8, 3, 2, 4, 4] and 2 more are not part of this "
                                      "model"), "%s", vs_err_detail());
    cr_expect(strstr(vs_err_detail(), "head.bias is F32 [2], expected F32 [3]"), "%s",
              vs_err_detail());
    free(path);
    path = changed(dir, "fc_norm.bias", NULL, NULL);
    CHECK_FAILS(vs_model_load(m, path, false), VS_ERR_CORRUPT,
                "changed.safetensors: tensor fc_norm.bias is missing");
    free(path);
    check_rm(dir);
    vs_model_close(&m);
    vs_device_close(&dev);
}

/* ---- Export: what a strict reader of Hugging Face models asks for --------------------------- */

/* Every tensor of VideoMAEForVideoClassification, %d a block of the encoder. */
static const struct wanted {
    const char *name;
    int rank;
    int64_t shape[5];
} of_block[] = {
    { "videomae.encoder.layer.%d.attention.attention.q_bias", 1, { 8 } },
    { "videomae.encoder.layer.%d.attention.attention.v_bias", 1, { 8 } },
    { "videomae.encoder.layer.%d.attention.attention.query.weight", 2, { 8, 8 } },
    { "videomae.encoder.layer.%d.attention.attention.key.weight", 2, { 8, 8 } },
    { "videomae.encoder.layer.%d.attention.attention.value.weight", 2, { 8, 8 } },
    { "videomae.encoder.layer.%d.attention.output.dense.weight", 2, { 8, 8 } },
    { "videomae.encoder.layer.%d.attention.output.dense.bias", 1, { 8 } },
    { "videomae.encoder.layer.%d.intermediate.dense.weight", 2, { 32, 8 } },
    { "videomae.encoder.layer.%d.intermediate.dense.bias", 1, { 32 } },
    { "videomae.encoder.layer.%d.output.dense.weight", 2, { 8, 32 } },
    { "videomae.encoder.layer.%d.output.dense.bias", 1, { 8 } },
    { "videomae.encoder.layer.%d.layernorm_before.weight", 1, { 8 } },
    { "videomae.encoder.layer.%d.layernorm_before.bias", 1, { 8 } },
    { "videomae.encoder.layer.%d.layernorm_after.weight", 1, { 8 } },
    { "videomae.encoder.layer.%d.layernorm_after.bias", 1, { 8 } },
}, of_classifier[] = {
    { "videomae.embeddings.patch_embeddings.projection.weight", 5, { 8, 3, 2, 4, 4 } },
    { "videomae.embeddings.patch_embeddings.projection.bias", 1, { 8 } },
    { "fc_norm.weight", 1, { 8 } },
    { "fc_norm.bias", 1, { 8 } },
    { "classifier.weight", 2, { 3, 8 } },
    { "classifier.bias", 1, { 3 } },
};
enum { IN_BLOCK = sizeof(of_block) / sizeof(*of_block),
       IN_CLASSIFIER = sizeof(of_classifier) / sizeof(*of_classifier) };

static void need(const vs_safetensors *f, const struct wanted *w, int block)
{
    char name[128];
    const vs_tensor *t;
    const char *at = strstr(w->name, "%d");
    if (at)
        snprintf(name, sizeof(name), "%.*s%d%s", (int)(at - w->name), w->name, block, at + 2);
    else
        snprintf(name, sizeof(name), "%s", w->name);
    CHECK_OK(vs_safetensors_need(&t, f, name, VS_DTYPE_F32, w->rank, w->shape));
}

static json_t *load_json(const char *dir, const char *name)
{
    char *path = vs_path_join(dir, name);
    json_t *o = NULL;
    CHECK_OK(vs_json_load(&o, path));
    free(path);
    return o;
}

Test(interop, an_exported_folder_has_every_tensor_and_field)
{
    static const char *const names[] = { "left", "right", "up" };
    vs_device *dev = cpu();
    vs_model *m = load(dev, "original_classifier.pth", VS_TASK_CLASSIFY);
    char *dir = check_tmp(), *path = vs_path_join(dir, "model.safetensors");
    CHECK_OK(vs_model_export(m, dir, VS_FORMAT_HUGGINGFACE, names));
    vs_safetensors *f = NULL;
    CHECK_OK(vs_safetensors_open(&f, path));
    for (int block = 0; block < 2; block++)
        for (int i = 0; i < IN_BLOCK; i++)
            need(f, &of_block[i], block);
    for (int i = 0; i < IN_CLASSIFIER; i++)
        need(f, &of_classifier[i], 0);
    cr_expect(vs_safetensors_count(f) == 2 * IN_BLOCK + IN_CLASSIFIER, "and no other");
    vs_safetensors_close(&f);

    json_t *config = load_json(dir, "config.json"), *prep;
    json_t *expected = json_pack(
        "{s:[s], s:f, s:i, s:i, s:i, s:i, s:s, s:f, s:i, s:{s:s, s:s, s:s}, s:i, s:f, s:i,"
        " s:{s:i, s:i, s:i}, s:s, s:b, s:i, s:i, s:i, s:i, s:i, s:b, s:s, s:i, s:b}",
        "architectures", "VideoMAEForVideoClassification", "attention_probs_dropout_prob", 0.0,
        "decoder_hidden_size", 4, "decoder_intermediate_size", 16, "decoder_num_attention_heads",
        2, "decoder_num_hidden_layers", 1, "hidden_act", "gelu", "hidden_dropout_prob", 0.0,
        "hidden_size", 8, "id2label", "0", "left", "1", "right", "2", "up", "image_size", 8,
        "initializer_range", 0.02, "intermediate_size", 32, "label2id", "left", 0, "right", 1,
        "up", 2, "model_type", "videomae", "norm_pix_loss", 1, "num_attention_heads", 2,
        "num_channels", 3, "num_frames", 4, "num_hidden_layers", 2, "patch_size", 4,
        "qkv_bias", 1, "torch_dtype", "float32", "tubelet_size", 2, "use_mean_pooling", 1);
    cr_assert(expected);
    const char *key;
    json_t *value;
    json_object_foreach(expected, key, value)
        cr_expect(json_equal(value, json_object_get(config, key)), "config.json: %s", key);
    cr_expect(json_is_real(json_object_get(config, "layer_norm_eps")));
    cr_expect(json_object_size(config) == json_object_size(expected) + 2, "layer_norm_eps, vsyn");
    prep = load_json(dir, "preprocessor_config.json");
    json_decref(expected);
    expected = json_pack(
        "{s:{s:i, s:i}, s:b, s:b, s:b, s:b, s:s, s:[f,f,f], s:s, s:[f,f,f], s:i, s:f, s:{s:i}}",
        "crop_size", "height", 8, "width", 8, "do_center_crop", 1, "do_normalize", 1,
        "do_rescale", 1, "do_resize", 1, "feature_extractor_type", "VideoMAEFeatureExtractor",
        "image_mean", 0.485, 0.456, 0.406, "image_processor_type", "VideoMAEImageProcessor",
        "image_std", 0.229, 0.224, 0.225, "resample", 2, "rescale_factor", 1.0 / 255, "size",
        "shortest_edge", 8);
    cr_expect(json_equal(prep, expected), "preprocessor_config.json");
    json_decref(expected);
    json_decref(config);
    json_decref(prep);
    free(path);
    check_rm(dir);
    vs_model_close(&m);
    vs_device_close(&dev);
}

/* Every tensor of VideoMAEForPreTraining: an encoder, its norm, and what follows. */
static const struct wanted of_decoder_block[] = {
    { "decoder.decoder_layers.%d.attention.attention.q_bias", 1, { 4 } },
    { "decoder.decoder_layers.%d.attention.attention.v_bias", 1, { 4 } },
    { "decoder.decoder_layers.%d.attention.attention.query.weight", 2, { 4, 4 } },
    { "decoder.decoder_layers.%d.attention.attention.key.weight", 2, { 4, 4 } },
    { "decoder.decoder_layers.%d.attention.attention.value.weight", 2, { 4, 4 } },
    { "decoder.decoder_layers.%d.attention.output.dense.weight", 2, { 4, 4 } },
    { "decoder.decoder_layers.%d.attention.output.dense.bias", 1, { 4 } },
    { "decoder.decoder_layers.%d.intermediate.dense.weight", 2, { 16, 4 } },
    { "decoder.decoder_layers.%d.intermediate.dense.bias", 1, { 16 } },
    { "decoder.decoder_layers.%d.output.dense.weight", 2, { 4, 16 } },
    { "decoder.decoder_layers.%d.output.dense.bias", 1, { 4 } },
    { "decoder.decoder_layers.%d.layernorm_before.weight", 1, { 4 } },
    { "decoder.decoder_layers.%d.layernorm_before.bias", 1, { 4 } },
    { "decoder.decoder_layers.%d.layernorm_after.weight", 1, { 4 } },
    { "decoder.decoder_layers.%d.layernorm_after.bias", 1, { 4 } },
}, of_autoencoder[] = {
    { "videomae.embeddings.patch_embeddings.projection.weight", 5, { 8, 3, 2, 4, 4 } },
    { "videomae.embeddings.patch_embeddings.projection.bias", 1, { 8 } },
    { "videomae.layernorm.weight", 1, { 8 } },
    { "videomae.layernorm.bias", 1, { 8 } },
    { "encoder_to_decoder.weight", 2, { 4, 8 } },
    { "mask_token", 3, { 1, 1, 4 } },
    { "decoder.norm.weight", 1, { 4 } },
    { "decoder.norm.bias", 1, { 4 } },
    { "decoder.head.weight", 2, { 96, 4 } },
    { "decoder.head.bias", 1, { 96 } },
};
enum { IN_DECODER_BLOCK = sizeof(of_decoder_block) / sizeof(*of_decoder_block),
       IN_AUTOENCODER = sizeof(of_autoencoder) / sizeof(*of_autoencoder) };

Test(interop, an_exported_autoencoder_has_every_tensor_and_field)
{
    vs_device *dev = cpu();
    vs_model *m = load(dev, "hf_pretrain", VS_TASK_PRETRAIN);
    char *dir = check_tmp(), *path = vs_path_join(dir, "model.safetensors");
    const int decoder = vs_model_configuration(m)->dec_depth;
    CHECK_OK(vs_model_export(m, dir, VS_FORMAT_HUGGINGFACE, NULL));
    vs_safetensors *f = NULL;
    CHECK_OK(vs_safetensors_open(&f, path));
    for (int block = 0; block < 2; block++)
        for (int i = 0; i < IN_BLOCK; i++)
            need(f, &of_block[i], block);
    for (int block = 0; block < decoder; block++)
        for (int i = 0; i < IN_DECODER_BLOCK; i++)
            need(f, &of_decoder_block[i], block);
    for (int i = 0; i < IN_AUTOENCODER; i++)
        need(f, &of_autoencoder[i], 0);
    cr_expect(vs_safetensors_count(f) ==
                  2 * IN_BLOCK + decoder * IN_DECODER_BLOCK + IN_AUTOENCODER, "and no other");
    vs_safetensors_close(&f);
    json_t *config = load_json(dir, "config.json");
    json_t *expected = json_pack(
        "{s:[s], s:f, s:i, s:i, s:i, s:i, s:s, s:f, s:i, s:i, s:f, s:i, s:s, s:b, s:i, s:i, s:i,"
        " s:i, s:i, s:b, s:s, s:i, s:b}",
        "architectures", "VideoMAEForPreTraining", "attention_probs_dropout_prob", 0.0,
        "decoder_hidden_size", 4, "decoder_intermediate_size", 16, "decoder_num_attention_heads",
        2, "decoder_num_hidden_layers", decoder, "hidden_act", "gelu", "hidden_dropout_prob", 0.0,
        "hidden_size", 8, "image_size", 8, "initializer_range", 0.02, "intermediate_size", 32,
        "model_type", "videomae", "norm_pix_loss", 1, "num_attention_heads", 2, "num_channels", 3,
        "num_frames", 4, "num_hidden_layers", 2, "patch_size", 4, "qkv_bias", 1, "torch_dtype",
        "float32", "tubelet_size", 2, "use_mean_pooling", 0);
    cr_assert(expected);
    const char *key;
    json_t *value;
    json_object_foreach(expected, key, value)
        cr_expect(json_equal(value, json_object_get(config, key)), "config.json: %s", key);
    cr_expect(json_is_real(json_object_get(config, "layer_norm_eps")));
    cr_expect(json_object_size(config) == json_object_size(expected) + 2, "layer_norm_eps, vsyn");
    json_decref(expected);
    json_decref(config);
    free(path);
    check_rm(dir);
    vs_model_close(&m);
    vs_device_close(&dev);
}

Test(interop, original_names_come_back)
{
    vs_device *dev = cpu();
    for (int task = 0; task < 2; task++) {
        vs_model *a = small_model(dev, (vs_task)task, 1), *b = small_model(dev, (vs_task)task, 2);
        char *dir = check_tmp(), *file = vs_path_join(dir, "original.safetensors");
        vs_weights *w = NULL;
        CHECK_OK(vs_model_export(a, dir, VS_FORMAT_ORIGINAL, NULL));
        CHECK_OK(vs_weights_open(&w, file));
        cr_expect(vs_weights_count(w) == vs_model_param_count(a));
        for (int i = 0; i < vs_model_param_count(a); i++)
            cr_expect(vs_weights_find(w, vs_model_param(a, i)->name));
        vs_weights_close(&w);
        CHECK_OK(vs_model_load(b, dir, false));
        cr_expect(small_same(a, b, VS_SLAB_WEIGHT));
        free(file);
        check_rm(dir);
        vs_model_close(&a);
        vs_model_close(&b);
    }
    vs_device_close(&dev);
}

/* ---- Pickles that ask for more, and damage --------------------------------------------- */

static uint8_t *read_golden(const char *name, size_t *size)
{
    char *inside = vs_strf("interop/%s", name), *path = check_golden(inside);
    void *data = NULL;
    CHECK_OK(vs_file_read(path, &data, size));
    free(inside);
    free(path);
    return data;
}

static vs_err open_bytes(const uint8_t *data, size_t size)
{
    vs_pth *p = NULL;
    const vs_err err = vs_pth_open(&p, data, size, "x.pth");
    unsigned sum = 0;
    for (int i = 0; err == VS_OK && i < vs_pth_count(p); i++) {
        const vs_tensor *t = vs_pth_at(p, i);
        const size_t n = (size_t)vs_tensor_count(t) * vs_dtype_bytes(t->dtype);
        for (size_t k = 0; k < n; k++)             /* under AddressSanitizer: all in bounds */
            sum += ((const uint8_t *)t->data)[k];
    }
    cr_assert(err == VS_OK || err == VS_ERR_CORRUPT, "%s: %s (%u)", vs_err_name(err),
              vs_err_detail(), sum);
    vs_pth_close(&p);
    return err;
}

Test(pth, a_pickle_that_asks_for_a_function_is_refused)
{
    size_t size;
    uint8_t *data = read_golden("system_call.pth", &size);
    CHECK_FAILS(open_bytes(data, size), VS_ERR_CORRUPT, "asks for posix.system");
    free(data);
}

static vs_err open_pickle(const char *bytes, size_t size)
{
    vs_pickle *p = NULL;
    const vs_err err = vs_pickle_open(&p, (const uint8_t *)bytes, size, NULL, "x.pth");
    vs_pickle_close(&p);
    return err;
}

#define REFUSED(bytes, text) \
    CHECK_FAILS(open_pickle(bytes, sizeof(bytes) - 1), VS_ERR_CORRUPT, text)

Test(pth, odd_pickles_are_refused_where_they_go_wrong)
{
    REFUSED("", "not a pickle");
    REFUSED("\x80\x02", "cut off");
    REFUSED("\x80\x06N.", "protocol");
    REFUSED("\x80\x02NN.", "does not end with one value");
    REFUSED("\x80\x02(.", "does not end with one value");
    REFUSED("\x80\x02X\xff\xff\xff\x7f" "a.", "middle of a value");
    REFUSED("\x80\x02h\x05.", "never remembered");
    REFUSED("\x80\x02Nr\xff\xff\xff\xff.", "more values than it has bytes");
    REFUSED("\x80\x02t.", "no mark");
    REFUSED("\x80\x02R.", "nothing on the stack");
    REFUSED("\x80\x02NNR.", "not a known name");
    REFUSED("\x80\x02}(K\x01u.", "a key without a value");
    REFUSED("\x80\x02N(NNu.", "what holds none");
    REFUSED("\x80\x02NNb.", "state");
    REFUSED("\x80\x02N\x85Q.", "not a storage");
    REFUSED("\x80\x02" "cbuiltins\neval\n.", "asks for builtins.eval");
    REFUSED("\x80\x02" "ctorch._utils\n_rebuild_tensor_v2\n)R.", "in a way that torch.save does "
            "not");
    REFUSED("\x80\x04\x8c\x02os\x8c\x06system\x93.", "asks for os.system");
    REFUSED("\x80\x02I1\n.", "torch.save does not write");
    REFUSED("\x80\x02i", "torch.save does not write");
    /* A list that holds itself is data like any other. */
    cr_expect(open_pickle("\x80\x02]q\x00h\x00" "a.", 9) == VS_OK);
}

Test(pth, other_archives_are_refused)
{
    static const uint8_t empty_zip[22] = "PK\5\6";
    CHECK_FAILS(open_bytes(empty_zip, sizeof(empty_zip)), VS_ERR_CORRUPT, "without data.pkl");
    CHECK_FAILS(open_bytes((const uint8_t *)"PK\3\4", 4), VS_ERR_CORRUPT, "cut off");
    CHECK_FAILS(open_bytes((const uint8_t *)"\x80\x02N.", 4), VS_ERR_CORRUPT,
                "torch.save did not write");
}

/* Every length, and every byte changed: refused or read, never a crash. Inside the contents of
 * a member the checksum finds every change; what is no content (padding) may change freely. */
Test(pth, damaged_archives_never_crash)
{
    size_t size;
    uint8_t *data = read_golden("strided.pth", &size);
    cr_assert(open_bytes(data, size) == VS_OK);
    for (size_t n = 0; n < size; n += 13) {
        uint8_t *cut = malloc(n + 1);
        memcpy(cut, data, n);
        cr_assert(open_bytes(cut, n) == VS_ERR_CORRUPT, "cut to %zu", n);
        free(cut);
    }
    vs_zip zip;
    CHECK_OK(vs_zip_open(&zip, data, size, "x.pth"));
    vs_zip_member *storage = vs_zip_find(&zip, "strided/data/5");
    cr_assert(storage);
    const size_t first = (size_t)(storage->data - data), last = first + storage->size;
    vs_zip_close(&zip);
    for (size_t i = 0; i < size; i += i > first && i < last ? 1 : 3) {
        data[i] ^= (uint8_t)(1u << i % 8);
        const vs_err err = open_bytes(data, size);
        cr_assert(err == VS_ERR_CORRUPT || i < first || i >= last, "byte %zu", i);
        data[i] ^= (uint8_t)(1u << i % 8);
    }
    free(data);
}

/* The pickle changed, and its checksum made to fit: so that the machine reads it. */
static void fit_checksum(uint8_t *data, size_t size, const vs_zip_member *pickle)
{
    const uint32_t crc = vs_crc32(pickle->data, pickle->size);
    for (size_t i = size - 4; i > 0; i--)
        if (memcmp(data + i, "PK\1\2", 4) == 0 &&
            memcmp(data + i + 46, pickle->name, pickle->length) == 0) {
            memcpy(data + i + 16, &crc, 4);
            return;
        }
    cr_assert(false, "no entry of data.pkl");
}

static int change_pickle(const char *file, const char *member)
{
    size_t size;
    uint8_t *data = read_golden(file, &size);
    vs_zip zip;
    CHECK_OK(vs_zip_open(&zip, data, size, "x.pth"));
    const vs_zip_member pickle = *vs_zip_find(&zip, member);
    vs_zip_close(&zip);
    uint8_t *const bytes = data + (pickle.data - data);
    int read = 0;
    for (size_t i = 0; i < pickle.size; i++)
        for (int k = 0; k < 3; k++) {
            const uint8_t was = bytes[i];
            const uint8_t other[3] = { (uint8_t)(was ^ 1u << (i % 8)), 0xff,
                                       bytes[(i * 7 + 3) % pickle.size] };
            bytes[i] = other[k];
            fit_checksum(data, size, &pickle);
            read += open_bytes(data, size) == VS_OK;
            bytes[i] = was;
        }
    free(data);
    return read;
}

Test(pth, changed_pickles_never_crash)
{
    const int a = change_pickle("original_classifier.pth", "original_classifier/data.pkl");
    const int b = change_pickle("strided.pth", "strided/data.pkl");
    cr_expect(a > 100 && b > 100, "some changes do no harm (a name, a number of the optimiser)");
}

Test(pth, damaged_files_of_the_old_format_never_crash)
{
    size_t size;
    uint8_t *data = read_golden("legacy.pth", &size);
    cr_assert(open_bytes(data, size) == VS_OK);
    for (size_t n = 0; n < size; n += 7) {
        uint8_t *cut = malloc(n + 1);
        memcpy(cut, data, n);
        cr_assert(open_bytes(cut, n) == VS_ERR_CORRUPT, "cut to %zu", n);
        free(cut);
    }
    for (size_t i = 0; i < size; i++) {
        data[i] ^= (uint8_t)(1u << i % 8);
        open_bytes(data, size);
        data[i] ^= (uint8_t)(1u << i % 8);
    }
    free(data);
}

Test(pth, checks_of_known_texts)
{
    cr_expect(vs_crc32("123456789", 9) == 0xcbf43926);
    cr_expect(vs_crc32c("123456789", 9) == 0xe3069283);
    cr_expect(vs_crc32("", 0) == 0);
    char zeros[32] = { 0 };
    cr_expect(vs_crc32c(zeros, 32) == 0x8a9136aa, "RFC 3720");
}
