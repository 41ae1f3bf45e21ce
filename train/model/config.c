/* The table of sizes, and what follows from a configuration: tokens, parameters, work. */
#include <stdio.h>
#include <string.h>

#include "train/model/layout.h"

static const struct size_row {
    const char *name;
    int pixels, dim, depth, heads, dec_dim, dec_depth, dec_heads;
} sizes[] = {
    { "micro",  64,   96,  3,  3,  48, 2, 3 },
    { "tiny",  224,  192, 12,  3,  96, 4, 3 },
    { "small", 224,  384, 12,  6, 192, 4, 3 },
    { "base",  224,  768, 12, 12, 384, 4, 6 },
    { "large", 224, 1024, 24, 16, 512, 4, 8 },
    { "huge",  224, 1280, 32, 16, 640, 4, 8 },
};
enum { SIZES = sizeof(sizes) / sizeof(*sizes) };

int vs_model_size_count(void)
{
    return SIZES;
}

const char *vs_model_size_name(int i)
{
    VS_ASSERT(i >= 0 && i < SIZES);
    return sizes[i].name;
}

vs_err vs_model_config_named(vs_model_config *out, vs_task task, const char *size)
{
    const struct size_row *r = sizes;
    while (r < sizes + SIZES && strcmp(r->name, size) != 0)
        r++;
    if (r == sizes + SIZES) {
        char known[128] = "";
        for (int i = 0; i < SIZES; i++)
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "",
                     sizes[i].name);
        return VS_FAIL(VS_ERR_USAGE, "unknown model size \"%s\", known are %s", size, known);
    }
    *out = (vs_model_config){
        .task = task, .T = 16, .H = r->pixels, .W = r->pixels, .tubelet = 2, .patch = 16,
        .dim = r->dim, .depth = r->depth, .heads = r->heads, .dec_dim = r->dec_dim,
        .dec_depth = r->dec_depth, .dec_heads = r->dec_heads, .stride = 4,
        .ln_eps = 1e-6f, .ln_eps_head = 1e-6f,
    };
    snprintf(out->size, sizeof(out->size), "%s", size);
    return VS_OK;
}

static vs_err whole_parts(const char *what, int size, const char *part, int by)
{
    if (by < 1 || size < by || size % by)
        return VS_FAIL(VS_ERR_USAGE, "model: %s %d must be a multiple of %s %d", what, size, part,
                       by);
    return VS_OK;
}

static vs_err in_range(const char *what, int value, int low, int high)
{
    if (value < low || value > high)
        return VS_FAIL(VS_ERR_USAGE, "model: %s is %d, expected %d..%d", what, value, low, high);
    return VS_OK;
}

vs_err vs_model_config_check(const vs_model_config *c)
{
    VS_TRY(in_range("tubelet", c->tubelet, 1, 64));
    VS_TRY(in_range("patch size", c->patch, 1, 256));
    VS_TRY(in_range("number of frames", c->T, 1, 1024));
    VS_TRY(in_range("frame height", c->H, 1, 4096));
    VS_TRY(in_range("frame width", c->W, 1, 4096));
    VS_TRY(whole_parts("number of frames", c->T, "tubelet", c->tubelet));
    VS_TRY(whole_parts("frame height", c->H, "patch size", c->patch));
    VS_TRY(whole_parts("frame width", c->W, "patch size", c->patch));
    VS_TRY(in_range("depth", c->depth, 1, 256));
    VS_TRY(in_range("width", c->dim, 1, 16384));
    VS_TRY(whole_parts("width", c->dim, "heads", c->heads));
    VS_TRY(in_range("stride", c->stride, 1, 1024));
    if (!(c->ln_eps > 0.0f) || !(c->ln_eps_head > 0.0f))
        return VS_FAIL(VS_ERR_USAGE, "model: the epsilons of LayerNorm must be above 0");
    if (c->task == VS_TASK_CLASSIFY)
        return in_range("number of classes", c->classes, 1, 1000000);
    VS_TRY(in_range("decoder depth", c->dec_depth, 1, 256));
    VS_TRY(in_range("decoder width", c->dec_dim, 1, 16384));
    return whole_parts("decoder width", c->dec_dim, "decoder heads", c->dec_heads);
}

int vs_model_cells(const vs_model_config *c)
{
    return c->H / c->patch * (c->W / c->patch);
}

int vs_model_tokens(const vs_model_config *c)
{
    return c->T / c->tubelet * vs_model_cells(c);
}

int64_t vs_model_parameters(const vs_model_config *config)
{
    vs_param_layout layout;
    int64_t sum = 0;
    vs_layout_build(&layout, config);
    for (int i = 0; i < layout.n; i++)
        sum += layout.entry[i].param.count;
    vs_layout_free(&layout);
    return sum;
}

/* Forward operations of `depth` blocks over S tokens: 12 D^2 weights, each used once per
 * token (a multiplication and an addition), and the two S x S products of attention. */
static double block_flops(int depth, double S, double D)
{
    return depth * (24.0 * S * D * D + 4.0 * S * S * D);
}

double vs_model_flops(const vs_model_config *c, int visible, bool training)
{
    const double N = vs_model_tokens(c), D = c->dim, Dd = c->dec_dim;
    const double P = 3.0 * c->tubelet * c->patch * c->patch;
    const double S = c->task == VS_TASK_PRETRAIN ? visible : N;
    double forward = 2.0 * S * P * D + block_flops(c->depth, S, D);
    if (c->task == VS_TASK_PRETRAIN)
        forward += 2.0 * S * D * Dd + block_flops(c->dec_depth, N, Dd) + 2.0 * (N - S) * Dd * P;
    else
        forward += 2.0 * D * c->classes;
    return training ? 3.0 * forward : forward;
}
