/* Tensors and operations of attention as cuDNN sees them. Contract: train/ops/sdpa.h */
#include "train/ops/sdpa.h"

#include <stdlib.h>
#include <string.h>

/* Dense: (B, H, rows, columns). */
static vs_sdpa_tensor dense(const vs_sdpa_shape *p, int64_t rows, int64_t columns)
{
    return (vs_sdpa_tensor){ .used = true, .dim = { p->B, p->H, rows, columns },
                             .stride = { p->H * rows * columns, rows * columns, columns, 1 } };
}

/* A step of the graph, in float. */
static vs_sdpa_tensor inside(const vs_sdpa_shape *p, int64_t rows, int64_t columns)
{
    vs_sdpa_tensor t = dense(p, rows, columns);
    t.inside = true;
    return t;
}

/* (B, H, S, D) in memory where a token has `parts` times H * D values. */
static vs_sdpa_tensor heads(const vs_sdpa_shape *p, int parts)
{
    const int64_t token = (int64_t)parts * p->H * p->D;
    return (vs_sdpa_tensor){ .used = true, .half = true, .dim = { p->B, p->H, p->S, p->D },
                             .stride = { p->S * token, p->D, token, 1 } };
}

static vs_sdpa_tensor turned(vs_sdpa_tensor t)
{
    const int64_t dim = t.dim[2], stride = t.stride[2];
    t.dim[2] = t.dim[3];
    t.stride[2] = t.stride[3];
    t.dim[3] = dim;
    t.stride[3] = stride;
    return t;
}

static vs_sdpa_tensor number(void)
{
    return (vs_sdpa_tensor){ .used = true, .by_value = true, .dim = { 1, 1, 1, 1 },
                             .stride = { 1, 1, 1, 1 } };
}

static void backward_tensors(vs_sdpa_tensor *t, const vs_sdpa_shape *p)
{
    const int64_t S = p->S;
    t[VS_SDPA_K_ROWS] = t[VS_SDPA_K];
    t[VS_SDPA_K_ROWS].inside = true;
    t[VS_SDPA_K] = turned(t[VS_SDPA_K]);
    t[VS_SDPA_V] = turned(t[VS_SDPA_V]);
    t[VS_SDPA_DY] = t[VS_SDPA_Y];
    t[VS_SDPA_DQ] = t[VS_SDPA_DK] = t[VS_SDPA_DV] = t[VS_SDPA_Q];
    t[VS_SDPA_R] = t[VS_SDPA_LSE];
    t[VS_SDPA_ONE] = number();
    t[VS_SDPA_DY_Y] = inside(p, S, p->D);
    t[VS_SDPA_DOT] = inside(p, S, 1);
    for (int i = VS_SDPA_S; i <= VS_SDPA_DS_TURNED; i++)
        t[i] = inside(p, S, S);
    t[VS_SDPA_P_TURNED] = turned(t[VS_SDPA_P]);
    t[VS_SDPA_DS_TURNED] = turned(t[VS_SDPA_DS]);
    t[VS_SDPA_P_TURNED].half = t[VS_SDPA_DS_TURNED].half = true;
}

void vs_sdpa_tensors(vs_sdpa_tensor t[VS_SDPA_IDS], const vs_sdpa_shape *shape)
{
    memset(t, 0, sizeof(*t) * VS_SDPA_IDS);
    t[VS_SDPA_Q] = t[VS_SDPA_K] = t[VS_SDPA_V] = heads(shape, 3);
    t[VS_SDPA_Y] = heads(shape, 1);
    t[VS_SDPA_LSE] = dense(shape, shape->S, 1);
    t[VS_SDPA_SCALE] = number();
    if (shape->backward)
        backward_tensors(t, shape);
}

const vs_sdpa_op *vs_sdpa_backward(int *count)
{
    static const vs_sdpa_op list[] = {
        { VS_SDPA_MUL, VS_SDPA_DY_Y, VS_SDPA_DY, VS_SDPA_Y },
        { VS_SDPA_SUM, VS_SDPA_DOT, VS_SDPA_DY_Y, 0 },
        /* Times one, because the pattern that cuDNN knows has a factor of dropout here. */
        { VS_SDPA_MUL, VS_SDPA_R, VS_SDPA_DOT, VS_SDPA_ONE },

        { VS_SDPA_MATMUL, VS_SDPA_S, VS_SDPA_Q, VS_SDPA_K },
        { VS_SDPA_MUL, VS_SDPA_SCALED, VS_SDPA_S, VS_SDPA_SCALE },
        { VS_SDPA_SUB, VS_SDPA_LESS, VS_SDPA_SCALED, VS_SDPA_LSE },
        { VS_SDPA_EXP, VS_SDPA_P, VS_SDPA_LESS, 0 },
        { VS_SDPA_TURN, VS_SDPA_P_TURNED, VS_SDPA_P, 0 },
        { VS_SDPA_MATMUL, VS_SDPA_DV, VS_SDPA_P_TURNED, VS_SDPA_DY },

        { VS_SDPA_MATMUL, VS_SDPA_DP, VS_SDPA_DY, VS_SDPA_V },
        { VS_SDPA_SUB, VS_SDPA_DP_LESS, VS_SDPA_DP, VS_SDPA_R },
        { VS_SDPA_MUL, VS_SDPA_DS, VS_SDPA_DP_LESS, VS_SDPA_P },
        { VS_SDPA_MUL, VS_SDPA_DS_SCALED, VS_SDPA_DS, VS_SDPA_SCALE },
        { VS_SDPA_TURN, VS_SDPA_DS_TURNED, VS_SDPA_DS_SCALED, 0 },
        { VS_SDPA_MATMUL, VS_SDPA_DK, VS_SDPA_DS_TURNED, VS_SDPA_Q },

        { VS_SDPA_TURN, VS_SDPA_K_ROWS, VS_SDPA_K, 0 },
        { VS_SDPA_MATMUL, VS_SDPA_DQ, VS_SDPA_DS_SCALED, VS_SDPA_K_ROWS },
    };
    *count = (int)(sizeof(list) / sizeof(*list));
    return list;
}

int vs_sdpa_clips(const vs_sdpa_shape *shape)
{
    const char *const told = getenv("VSYN_CUDNN_MB");
    const int64_t room = (told && atoi(told) > 0 ? (int64_t)atoi(told) : 1024) << 20;
    const int64_t S = (shape->S + 127) / 128 * 128;
    const int64_t clips = room / (2 * shape->H * S * S);
    return (int)(clips < 1 ? 1 : clips < shape->B ? clips : shape->B);
}
