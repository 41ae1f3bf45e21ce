/* Checkpoints: Hugging Face and original names, refusals by name, resume bit for bit. */
#include "base/json.h"
#include "base/safetensors.h"
#include "tests/model.h"

static vs_device *cpu(void)
{
    vs_device *dev = NULL;
    CHECK_OK(vs_device_open_cpu(&dev, 2));
    return dev;
}

/* The weights of a model as one file in original names, `skip` left out, `extra` added. */
static void write_original(vs_model *m, const char *path, const char *skip, const char *extra)
{
    float *w = small_slab(m, VS_SLAB_WEIGHT);
    vs_tensor list[128];
    int n = 0;
    for (int i = 0; i < vs_model_param_count(m); i++) {
        const vs_param *p = vs_model_param(m, i);
        if (skip && strcmp(p->name, skip) == 0)
            continue;
        list[n] = (vs_tensor){ p->name, VS_DTYPE_F32, p->rank, { 0 }, w + p->offset };
        memcpy(list[n++].shape, p->shape, sizeof(p->shape));
    }
    if (extra)
        list[n++] = (vs_tensor){ extra, VS_DTYPE_F32, 1, { 3 }, w };
    CHECK_OK(vs_safetensors_write(path, list, n, NULL));
    free(w);
}

static void expect_same_logits(vs_model *a, vs_model *b)
{
    small_batch *s = malloc(sizeof(*s));
    float x[SMALL_B * 5], y[SMALL_B * 5];
    small_fill(s, VS_TASK_CLASSIFY, 9);
    CHECK_OK(vs_model_forward(a, &s->batch));
    CHECK_OK(vs_model_logits(a, x));
    CHECK_OK(vs_model_forward(b, &s->batch));
    CHECK_OK(vs_model_logits(b, y));
    cr_expect(memcmp(x, y, sizeof(x)) == 0);
    free(s);
}

Test(checkpoint, what_is_saved_comes_back_in_both_names)
{
    vs_device *dev = cpu();
    char *dir = check_tmp(), *file = vs_strf("%s/original.safetensors", dir);
    for (int task = 0; task < 2; task++) {
        vs_model *a = small_model(dev, (vs_task)task, 1), *b = small_model(dev, (vs_task)task, 2);
        small_train(a, (vs_task)task, 1, 2);
        CHECK_OK(vs_model_save(a, dir, NULL));
        CHECK_OK(vs_model_load(b, dir, false));
        cr_expect(small_same(a, b, VS_SLAB_WEIGHT), "Hugging Face names, task %d", task);
        if (task == VS_TASK_CLASSIFY)
            expect_same_logits(a, b);
        CHECK_OK(vs_model_init(b, 2, 1.0f));
        write_original(a, file, NULL, NULL);
        CHECK_OK(vs_model_load(b, file, false));
        cr_expect(small_same(a, b, VS_SLAB_WEIGHT), "original names, task %d", task);
        vs_model_close(&a);
        vs_model_close(&b);
    }
    free(file);
    check_rm(dir);
    vs_device_close(&dev);
}

Test(checkpoint, hugging_face_names_and_shapes)
{
    vs_device *dev = cpu();
    char *dir = check_tmp(), *path = vs_strf("%s/model.safetensors", dir);
    vs_model *m = small_model(dev, VS_TASK_PRETRAIN, 1);
    CHECK_OK(vs_model_save(m, dir, NULL));
    vs_safetensors *f = NULL;
    CHECK_OK(vs_safetensors_open(&f, path));
    cr_expect_str_eq(vs_safetensors_meta(f, "format"), "pt");
    static const struct {
        const char *name;
        int rank;
        int64_t shape[5];
    } expected[] = {
        { "videomae.embeddings.patch_embeddings.projection.weight", 5, { 24, 3, 2, 8, 8 } },
        { "videomae.encoder.layer.2.layernorm_before.weight", 1, { 24 } },
        { "videomae.encoder.layer.0.attention.attention.q_bias", 1, { 24 } },
        { "videomae.encoder.layer.0.attention.attention.query.weight", 2, { 24, 24 } },
        { "videomae.encoder.layer.0.attention.attention.value.weight", 2, { 24, 24 } },
        { "videomae.encoder.layer.1.attention.output.dense.bias", 1, { 24 } },
        { "videomae.encoder.layer.1.intermediate.dense.weight", 2, { 96, 24 } },
        { "videomae.encoder.layer.1.output.dense.weight", 2, { 24, 96 } },
        { "videomae.layernorm.bias", 1, { 24 } },
        { "encoder_to_decoder.weight", 2, { 12, 24 } },
        { "mask_token", 3, { 1, 1, 12 } },
        { "decoder.decoder_layers.0.layernorm_after.bias", 1, { 12 } },
        { "decoder.norm.weight", 1, { 12 } },
        { "decoder.head.weight", 2, { 384, 12 } },
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        const vs_tensor *t;
        CHECK_OK(vs_safetensors_need(&t, f, expected[i].name, VS_DTYPE_F32, expected[i].rank,
                                     expected[i].shape));
    }
    /* Key rows of qkv become their own tensor. */
    const vs_tensor *key;
    CHECK_OK(vs_safetensors_need(&key, f,
                                 "videomae.encoder.layer.0.attention.attention.key.weight",
                                 VS_DTYPE_F32, 2, (const int64_t[]){ 24, 24 }));
    float *w = small_slab(m, VS_SLAB_WEIGHT);
    for (int i = 0; i < vs_model_param_count(m); i++)
        if (strcmp(vs_model_param(m, i)->name, "encoder.blocks.0.attn.qkv.weight") == 0)
            cr_expect(memcmp(key->data, w + vs_model_param(m, i)->offset + 24 * 24,
                             sizeof(float) * 24 * 24) == 0);
    free(w);
    vs_safetensors_close(&f);
    free(path);
    vs_model_close(&m);
    check_rm(dir);
    vs_device_close(&dev);
}

/* Newer releases: query.bias, value.bias, and a key.bias of zeros. */
Test(checkpoint, newer_bias_names_are_read)
{
    vs_device *dev = cpu();
    char *dir = check_tmp(), *path = vs_strf("%s/model.safetensors", dir);
    vs_model *a = small_model(dev, VS_TASK_CLASSIFY, 1), *b = small_model(dev, VS_TASK_CLASSIFY, 2);
    small_train(a, VS_TASK_CLASSIFY, 1, 2);
    CHECK_OK(vs_model_save(a, dir, NULL));
    for (int bad = 0; bad < 2; bad++) {
        vs_safetensors *f = NULL;
        vs_tensor list[128];
        char *names[128];
        float zero[24] = { 0 };
        zero[5] = bad ? 0.5f : 0.0f;
        CHECK_OK(vs_safetensors_open(&f, path));
        int n = vs_safetensors_count(f);
        for (int i = 0; i < n; i++) {
            list[i] = *vs_safetensors_at(f, i);
            char *at = strstr(list[i].name, ".q_bias"), *v = strstr(list[i].name, ".v_bias");
            const char *stop = at ? at : v;
            names[i] = stop ? vs_strf("%.*s.%s.bias", (int)(stop - list[i].name), list[i].name,
                                      at ? "query" : "value")
                            : vs_strdup(list[i].name);
            list[i].name = names[i];
        }
        list[n] = (vs_tensor){ "videomae.encoder.layer.0.attention.attention.key.bias",
                               VS_DTYPE_F32, 1, { 24 }, zero };
        char *newer = vs_strf("%s/newer%d.safetensors", dir, bad);
        CHECK_OK(vs_safetensors_write(newer, list, n + 1, NULL));
        if (bad)
            CHECK_FAILS(vs_model_load(b, newer, false), VS_ERR_CORRUPT, "key.bias is not zero");
        else
            CHECK_OK(vs_model_load(b, newer, false));
        cr_expect(small_same(a, b, VS_SLAB_WEIGHT));
        for (int i = 0; i < n; i++)
            free(names[i]);
        free(newer);
        vs_safetensors_close(&f);
    }
    free(path);
    vs_model_close(&a);
    vs_model_close(&b);
    check_rm(dir);
    vs_device_close(&dev);
}

Test(checkpoint, refusals_name_the_tensor_and_change_nothing)
{
    vs_device *dev = cpu();
    char *dir = check_tmp(), *path = vs_strf("%s/a.safetensors", dir);
    vs_model *a = small_model(dev, VS_TASK_PRETRAIN, 1), *b = small_model(dev, VS_TASK_PRETRAIN, 2);
    vs_model *untouched = small_model(dev, VS_TASK_PRETRAIN, 2), *wide = NULL;
    write_original(a, path, "decoder.head.bias", NULL);
    CHECK_FAILS(vs_model_load(b, path, false), VS_ERR_CORRUPT, "decoder.head.bias is missing");
    write_original(a, path, NULL, "encoder.cls_token");
    CHECK_FAILS(vs_model_load(b, path, false), VS_ERR_CORRUPT, "encoder.cls_token [3]");
    cr_expect(small_same(b, untouched, VS_SLAB_WEIGHT));
    write_original(a, path, NULL, NULL);
    vs_model_config c = small_config(VS_TASK_PRETRAIN);
    c.dec_dim = 24;
    CHECK_OK(vs_model_open(&wide, dev, &c, 1, SMALL_V, false));
    CHECK_FAILS(vs_model_load(wide, path, false), VS_ERR_CORRUPT, "encoder_to_decoder.weight");
    CHECK_FAILS(vs_model_load(b, "/nowhere", false), VS_ERR_IO, "/nowhere");

    /* Cut off in the middle. */
    CHECK_OK(vs_file_write(path, "\1\0\0\0\0\0\0\0{", 9));
    CHECK_FAILS(vs_model_load(b, path, false), VS_ERR_CORRUPT, path);
    free(path);
    vs_model_close(&a);
    vs_model_close(&b);
    vs_model_close(&untouched);
    vs_model_close(&wide);
    check_rm(dir);
    vs_device_close(&dev);
}

/* Cut anywhere, or with any byte of the header changed, a file is refused or read; it never
 * takes the program down, and a refusal leaves the model as it was. */
Test(checkpoint, damaged_files_do_no_harm)
{
    vs_device *dev = cpu();
    char *dir = check_tmp(), *path = vs_strf("%s/model.safetensors", dir);
    char *config = vs_strf("%s/config.json", dir);
    vs_model *m = small_model(dev, VS_TASK_PRETRAIN, 1), *b = small_model(dev, VS_TASK_PRETRAIN, 2);
    vs_model *untouched = small_model(dev, VS_TASK_PRETRAIN, 2);
    uint8_t *data = NULL, *text = NULL;
    size_t size, length;
    CHECK_OK(vs_model_save(m, dir, NULL));
    CHECK_OK(vs_file_read(path, (void **)&data, &size));
    CHECK_OK(vs_file_read(config, (void **)&text, &length));
    for (size_t cut = 0; cut < size; cut += cut < 64 ? 7 : size / 23) {
        CHECK_OK(vs_file_write(path, data, cut));
        CHECK_FAILS(vs_model_load(b, path, false), VS_ERR_CORRUPT, path);
    }
    cr_expect(small_same(b, untouched, VS_SLAB_WEIGHT));
    vs_rng r = vs_rng_at(1, VS_RNG_TEST, 2);
    int refused = 0;
    for (int i = 0; i < 60; i++) {
        const uint32_t at = vs_rng_below(&r, 4000), in = vs_rng_below(&r, (uint32_t)length);
        const uint8_t keep = data[at], keep_text = text[in];
        vs_model_config c;
        data[at] ^= (uint8_t)(1 + vs_rng_below(&r, 255));
        text[in] ^= (uint8_t)(1 + vs_rng_below(&r, 127));
        CHECK_OK(vs_file_write(path, data, size));
        CHECK_OK(vs_file_write(config, text, length));
        refused += vs_model_load(b, path, false) != VS_OK;
        refused += vs_model_config_read(&c, NULL, NULL, dir) != VS_OK;
        data[at] = keep;
        text[in] = keep_text;
    }
    cr_expect(refused > 60, "%d of 120 damaged files were refused", refused);
    free(data); free(text); free(path); free(config);
    vs_model_close(&m);
    vs_model_close(&b);
    vs_model_close(&untouched);
    check_rm(dir);
    vs_device_close(&dev);
}

Test(checkpoint, a_classifier_starts_from_a_pretrained_encoder)
{
    vs_device *dev = cpu();
    char *dir = check_tmp(), *file = vs_strf("%s/original.safetensors", dir);
    vs_model *mae = small_model(dev, VS_TASK_PRETRAIN, 1);
    small_train(mae, VS_TASK_PRETRAIN, 1, 2);
    CHECK_OK(vs_model_save(mae, dir, NULL));
    write_original(mae, file, NULL, NULL);
    float *from = small_slab(mae, VS_SLAB_WEIGHT);
    for (int original = 0; original < 2; original++) {
        const char *path = original ? file : dir;
        vs_model *m = small_model(dev, VS_TASK_CLASSIFY, 7), *fresh = small_model(dev,
                                                                  VS_TASK_CLASSIFY, 7);
        cr_expect(vs_model_load(m, path, false) == VS_ERR_CORRUPT, "only when asked for");
        CHECK_OK(vs_model_load(m, path, true));
        float *w = small_slab(m, VS_SLAB_WEIGHT), *kept = small_slab(fresh, VS_SLAB_WEIGHT);
        for (int i = 0; i < vs_model_param_count(m); i++) {
            const vs_param *p = vs_model_param(m, i);
            const float *expected = kept + p->offset;      /* fc_norm, head */
            for (int k = 0; k < vs_model_param_count(mae); k++) {
                const char *name = vs_model_param(mae, k)->name;
                if (strncmp(name, "encoder.", 8) == 0 && strcmp(name + 8, p->name) == 0)
                    expected = from + vs_model_param(mae, k)->offset;
            }
            cr_expect(memcmp(w + p->offset, expected, sizeof(float) * (size_t)p->count) == 0, "%s",
                      p->name);
        }
        free(w);
        free(kept);
        vs_model_close(&m);
        vs_model_close(&fresh);
    }
    free(from);
    free(file);
    vs_model_close(&mae);
    check_rm(dir);
    vs_device_close(&dev);
}

Test(checkpoint, a_head_of_other_classes_is_kept_only_when_allowed)
{
    vs_device *dev = cpu();
    char *dir = check_tmp();
    vs_model *a = small_model(dev, VS_TASK_CLASSIFY, 1), *b = NULL;
    vs_model_config c = small_config(VS_TASK_CLASSIFY);
    c.classes = 7;
    CHECK_OK(vs_model_save(a, dir, NULL));
    CHECK_OK(vs_model_open(&b, dev, &c, 1, 0, false));
    CHECK_FAILS(vs_model_load(b, dir, false), VS_ERR_CORRUPT, "classifier.weight");
    CHECK_OK(vs_model_load(b, dir, true));
    vs_model_close(&a);
    vs_model_close(&b);
    check_rm(dir);
    vs_device_close(&dev);
}

/* ---- config.json ------------------------------------------------------------------------ */

Test(checkpoint, configuration_and_class_names_come_back)
{
    static const char *const names[] = { "run", "jump \"high\"", "fall", "sit", "walk" };
    vs_device *dev = cpu();
    char *dir = check_tmp(), **read = NULL;
    int n = -1;
    vs_model_config c = small_config(VS_TASK_CLASSIFY), back;
    c.stride = 3;
    c.dec_dim = 12;
    vs_model *m = NULL;
    CHECK_OK(vs_model_open(&m, dev, &c, 1, 0, false));
    CHECK_OK(vs_model_save(m, dir, names));
    CHECK_OK(vs_model_config_read(&back, &read, &n, dir));
    cr_expect(back.T == 4 && back.H == 24 && back.W == 16 && back.patch == 8 && back.tubelet == 2);
    cr_expect(back.dim == 24 && back.depth == 3 && back.heads == 3 && back.classes == 5);
    cr_expect(back.stride == 3 && back.task == VS_TASK_CLASSIFY);
    cr_expect(back.ln_eps == 1e-6f && back.ln_eps_head == 1e-6f);
    cr_expect_str_eq(back.size, "custom");
    cr_assert(n == 5);
    for (int i = 0; i < 5; i++)
        cr_expect_str_eq(read[i], names[i]);
    vs_names_free(read, n);
    CHECK_OK(vs_model_save(m, dir, NULL));
    CHECK_OK(vs_model_config_read(NULL, &read, &n, dir));
    cr_expect(n == 0 && read == NULL, "LABEL_0 is no name");
    vs_model_close(&m);
    check_rm(dir);
    vs_device_close(&dev);
}

/* As Hugging Face publishes it: no object of ours, its own epsilons. */
Test(checkpoint, a_foreign_configuration_is_honoured)
{
    static const char text[] =
        "{\"architectures\": [\"VideoMAEForPreTraining\"], \"decoder_hidden_size\": 384,"
        "\"decoder_intermediate_size\": 1536, \"decoder_num_attention_heads\": 6,"
        "\"decoder_num_hidden_layers\": 4, \"hidden_act\": \"gelu\", \"hidden_size\": 768,"
        "\"image_size\": 224, \"intermediate_size\": 3072, \"layer_norm_eps\": %s,"
        "\"model_type\": \"videomae\", \"num_attention_heads\": 12, \"num_channels\": 3,"
        "\"num_frames\": 16, \"num_hidden_layers\": 12, \"patch_size\": %s, \"qkv_bias\": true,"
        "\"tubelet_size\": 2, \"use_mean_pooling\": false}";
    char *dir = check_tmp(), *path = vs_strf("%s/config.json", dir);
    vs_model_config c;
    char *good = vs_strf(text, "1e-12", "16"), *bad = vs_strf(text, "1e-12", "15");
    char *worse = vs_strf(text, "\"small\"", "16");
    CHECK_OK(vs_file_write(path, good, strlen(good)));
    CHECK_OK(vs_model_config_read(&c, NULL, NULL, dir));
    cr_expect(c.ln_eps == 1e-12f && c.ln_eps_head == 1e-5f && c.dim == 768 && c.stride == 4);
    CHECK_OK(vs_file_write(path, bad, strlen(bad)));
    CHECK_FAILS(vs_model_config_read(&c, NULL, NULL, dir), VS_ERR_CORRUPT, "patch size 15");
    CHECK_OK(vs_file_write(path, worse, strlen(worse)));
    CHECK_FAILS(vs_model_config_read(&c, NULL, NULL, dir), VS_ERR_CORRUPT, "layer_norm_eps");
    CHECK_OK(vs_file_write(path, "{}", 2));
    CHECK_FAILS(vs_model_config_read(&c, NULL, NULL, dir), VS_ERR_CORRUPT, "architectures");
    free(good); free(bad); free(worse); free(path);
    check_rm(dir);
}

/* A lone file of a known size needs no config.json. */
Test(checkpoint, a_file_alone_tells_its_size)
{
    char *path = check_golden("model/tiny_pretrain_weights.safetensors");
    vs_model_config c;
    CHECK_OK(vs_model_config_read(&c, NULL, NULL, path));
    cr_expect_str_eq(c.size, "micro");
    cr_expect(c.task == VS_TASK_PRETRAIN && c.dec_depth == 2);
    free(path);
    path = check_golden("model/tiny_finetune_weights_after1.safetensors");
    CHECK_OK(vs_model_config_read(&c, NULL, NULL, path));
    cr_expect(c.task == VS_TASK_CLASSIFY && c.classes == 5);
    free(path);
}

/* ---- Training state ------------------------------------------------------------------------ */

Test(state, a_resumed_run_ends_with_the_same_bits)
{
    for (int task = 0; task < 2; task++) {
        vs_device *dev = cpu();
        char *dir = check_tmp();
        vs_model *straight = small_model(dev, (vs_task)task, 1);
        vs_model *first = small_model(dev, (vs_task)task, 1);
        vs_model *second = small_model(dev, (vs_task)task, 99);
        small_train(straight, (vs_task)task, 1, 6);
        small_train(first, (vs_task)task, 1, 3);
        json_t *record = json_pack("{s:i, s:f}", "step", 3, "best", 0.1), *back = NULL;
        CHECK_OK(vs_model_save(first, dir, NULL));
        CHECK_OK(vs_model_state_save(first, dir, record));
        CHECK_OK(vs_model_load(second, dir, false));
        CHECK_OK(vs_model_state_load(second, dir, &back));
        cr_expect(json_equal(record, back));
        small_train(second, (vs_task)task, 4, 3);
        cr_expect(small_same(straight, second, VS_SLAB_WEIGHT));
        cr_expect(small_same(straight, second, VS_SLAB_M));
        cr_expect(small_same(straight, second, VS_SLAB_V));
        json_decref(record);
        json_decref(back);
        vs_model_close(&straight);
        vs_model_close(&first);
        vs_model_close(&second);
        check_rm(dir);
        vs_device_close(&dev);
    }
}

Test(state, of_another_model_is_refused_by_name)
{
    vs_device *dev = cpu();
    char *dir = check_tmp(), *path = vs_strf("%s/train_state.safetensors", dir);
    vs_model *mae = small_model(dev, VS_TASK_PRETRAIN, 1);
    vs_model *classifier = small_model(dev, VS_TASK_CLASSIFY, 1);
    json_t *record = json_object(), *back = NULL;
    CHECK_OK(vs_model_state_save(mae, dir, record));
    CHECK_FAILS(vs_model_state_load(classifier, dir, &back), VS_ERR_CORRUPT,
                "m.patch_embed.proj.weight is missing");
    cr_expect_null(back);
    write_original(mae, path, NULL, NULL);
    CHECK_FAILS(vs_model_state_load(mae, dir, &back), VS_ERR_CORRUPT, "no record");
    json_decref(record);
    free(path);
    vs_model_close(&mae);
    vs_model_close(&classifier);
    check_rm(dir);
    vs_device_close(&dev);
}
