/* Fuzz target: object tables of scenes, which are then drawn, and configurations of models. A
 * first byte "o" is a table, "c" a config.json; the rest is the text. */
#include "gen/scene/scene.h"
#include "tests/fuzz/fuzz.h"
#include "train/model/checkpoint.h"

enum { SIDE = 24 };

static void read_table(const uint8_t *data, size_t size)
{
    json_t *table = NULL;
    vs_err err = vs_json_parse(&table, (const char *)data, size, "objects.json");
    fuzz_verdict(err);
    if (err != VS_OK)
        return;
    const vs_scene_params params = { .moving = true, .affine = true, .accelerated = true,
                                     .mixed = true, .size = SIDE, .frames_hi = 4 };
    vs_scene scene;
    err = vs_scene_from_json(&scene, table, &params, "objects.json");
    fuzz_verdict(err);
    json_decref(table);
    if (err != VS_OK)
        return;
    uint8_t rgb[SIDE * SIDE * 3];
    void *scratch = vs_new(vs_draw_scratch(SIDE));
    static const int frames[] = { 0, 1, 149 };
    for (size_t i = 0; i < sizeof(frames) / sizeof(*frames); i++)
        vs_scene_draw(&scene, frames[i], rgb, scratch);
    free(scratch);
    json_decref(vs_scene_to_json(&scene));
    vs_scene_free(&scene);
}

static char *dir;                  /* of the process */

static void clean(void)
{
    fuzz_rm(dir);
    free(dir);
}

static void read_config(const uint8_t *data, size_t size)
{
    if (!dir) {
        dir = fuzz_dir();
        atexit(clean);
    }
    fuzz_put(dir, "config.json", data, size);
    char *path = vs_path_join(dir, "config.json"), **names = NULL;
    vs_model_config config;
    int n = 0;
    const vs_err err = vs_model_config_file(&config, &names, &n, path);
    fuzz_verdict(err);
    if (err == VS_OK) {
        VS_ASSERT(vs_model_config_check(&config) == VS_OK);
        VS_ASSERT(vs_model_parameters(&config) > 0);
        vs_names_free(names, n);
    }
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'o')
        read_table(data + 1, size - 1);
    else if (size > 0 && data[0] == 'c')
        read_config(data + 1, size - 1);
    return 0;
}
