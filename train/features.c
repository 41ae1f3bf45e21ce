/* vsyn-train features: what an encoder sees in each clip of a split, for other programs.
 *
 *     FILE.safetensors   "features" F32 (n, D), "labels" I64 (n)
 *     FILE.npy           float32 (n, D) in NumPy's format 1.0
 *
 * One centred view of each clip, in the order of the split (vsyn-ingest list).
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "train/commands.h"
#include "train/embed.h"

struct settings {
    vs_common common;
    const char *model, *store, *split, *out, *device;
    int batch, precision;
};

#define AT(field) .at = offsetof(struct settings, field)
const vs_opt vs_features_opts[] = {
    { .name = "model", .kind = VS_OPT_TEXT, AT(model), .arg = "RUN|MODEL", .required = true,
      .help = "pre-trained or fine-tuned" },
    { .name = "store", .kind = VS_OPT_TEXT, AT(store), .arg = "STORE", .required = true,
      .help = "clips, labelled or not" },
    { .name = "split", .kind = VS_OPT_TEXT, AT(split), .arg = "NAME",
      .help = "which of them (default: all)" },
    { .name = "out", .kind = VS_OPT_TEXT, AT(out), .arg = "FILE.safetensors|.npy",
      .required = true, .help = "file to write" },
    { .name = "batch", .kind = VS_OPT_INT, AT(batch), .def = "8", .min = 1, .max = 4096,
      .arg = "CLIPS", .help = "clips of one pass" },
    { .name = "device", .kind = VS_OPT_TEXT, AT(device), .def = "auto",
      .arg = "auto|cpu|cuda[:N]", .help = "where to compute" },
    { .name = "precision", .kind = VS_OPT_CHOICE, AT(precision), .def = "auto",
      .choices = VS_PRECISION_CHOICES,
      .help = "of matrix products; auto: bf16 where it is faster" },
    VS_OPTS_COMMON(struct settings),
    { 0 }
};
const size_t vs_features_settings_size = sizeof(struct settings);

/* Magic, version 1.0, length of a header that fills 128 bytes, values. */
static vs_err write_npy(const vs_embedding *e, const char *path)
{
    char text[128];
    vs_atomic file;
    const int used = snprintf(text, sizeof(text), "{'descr': '<f4', 'fortran_order': False, "
                              "'shape': (%lld, %d), }", (long long)e->n, e->D);
    const int header = 128 - 10;
    memset(text + used, ' ', sizeof(text) - (size_t)used);
    text[header - 1] = '\n';
    VS_TRY(vs_atomic_open(&file, path));
    fwrite("\x93NUMPY\x01\x00", 1, 8, file.f);
    fputc(header, file.f);
    fputc(0, file.f);
    fwrite(text, 1, (size_t)header, file.f);
    fwrite(e->x, sizeof(float) * (size_t)e->D, (size_t)e->n, file.f);
    return vs_atomic_commit(&file);
}

static vs_err write_out(const vs_embedding *e, const struct settings *s)
{
    if (strcmp(vs_path_ext(s->out), "npy") == 0)
        return write_npy(e, s->out);
    return vs_embedding_save(e, s->out, s->model);
}

vs_err vs_train_features(vs_call *call)
{
    const struct settings *s = call->settings;
    const char *ext = vs_path_ext(s->out);
    const int threads = s->common.jobs > 0 ? s->common.jobs : vs_cpu_count();
    vs_embedding e = { 0 };
    vs_model_config c = { 0 };
    vs_store *store = NULL;
    vs_device *dev = NULL;
    vs_model *model = NULL;
    vs_source *source = NULL;
    if (strcmp(ext, "npy") != 0 && strcmp(ext, "safetensors") != 0)
        return VS_FAIL(VS_ERR_USAGE, "--out %s: expected a name that ends in .safetensors or .npy",
                       s->out);
    vs_err err = vs_store_open(&store, s->store);
    if (err == VS_OK)
        err = vs_device_open(&dev, s->device, threads);
    if (err == VS_OK) {
        vs_device_set_precision(dev, (vs_precision)s->precision);
        err = vs_embed_open(&model, dev, &c, s->model, 2, s->batch, 0);
    }
    const vs_sample_shape shape = { .T = c.T, .H = c.H, .W = c.W, .stride = c.stride,
                                    .augment = VS_AUGMENT_NONE };
    if (err == VS_OK)
        err = vs_source_store(&source, store, s->split, &shape);
    if (err == VS_OK)
        err = vs_embed_source(&e, model, source, s->batch, threads, 0, 0);
    if (err == VS_OK)
        err = write_out(&e, s);
    if (err == VS_OK && s->common.json)
        vs_json_print(json_pack("{s:s, s:I, s:i}", "out", s->out, "n", (json_int_t)e.n, "dim",
                                e.D));
    else if (err == VS_OK)
        printf("%s: %lld x %d\n", s->out, (long long)e.n, e.D);
    vs_embedding_free(&e);
    vs_source_close(&source);
    vs_model_close(&model);
    vs_device_close(&dev);
    vs_store_close(&store);
    return err;
}
