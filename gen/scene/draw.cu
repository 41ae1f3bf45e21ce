/* Drawing scenes on CUDA. Contract: gen/scene/draw_cuda.h; CPU twin: gen/scene/draw.c */
#include "gen/scene/draw_cuda.h"

#include <cuda_runtime.h>
#include <stdlib.h>

#include "gen/scene/pose.h"
#include "gen/scene/raster_core.h"
#include "gen/scene/texture_core.h"
#include "gen/scene/yuv.h"

/* What every thread knows. Pointers are the device's. */
struct picture {
    vs_scene_params params;
    const vs_object *object;       /* (n) */
    const int *frame;              /* (T) */
    uint64_t *mask;                /* (T, n, size, words), zero before */
    int2 *rows;                    /* (T, n): top and bottom of each mask */
    uint8_t *plane;                /* (T, 3, size, size) */
    int n, T, size, words, yuv;
    const uint8_t *texel;          /* of the bank; NULL: every object is flat */
    int side;
    int *column;                   /* (2 size + 4), as in vs_texture_columns */
    double (*warp)[6];             /* (T, n): the m of each textured object's vs_warp */
};

static __device__ bool textured(const struct picture *p, const vs_object *o)
{
    return p->texel && o->texture >= 0;
}

/* (0) textured: one thread per column of an enlarged texture and its border */
static __global__ void columns_kernel(struct picture p)
{
    const int64_t id = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (id < (int64_t)vs_texture_columns_count(p.size))
        p.column[id] = vs_texture_column((int)id - 2, p.size, p.side);
}

/* (1) one thread per frame and object: its mask, and how its texture lies */
static __global__ void raster_kernel(struct picture p)
{
    const int64_t id = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (id >= (int64_t)p.T * p.n)
        return;
    const vs_object *o = &p.object[id % p.n];
    vs_pose pose;
    vs_mask m;
    m.size = p.size;
    m.words = p.words;
    m.top = p.size;
    m.bottom = 0;
    m.row = p.mask + id * p.size * p.words;
    vs_pose_at(&pose, o, &p.params, p.frame[id / p.n]);
    if (!pose.away) {
        if (pose.corners)
            vs_raster_polygon_core(&m, pose.px, pose.py, pose.corners);
        else
            vs_raster_ellipse_core(&m, pose.x, pose.y, pose.ax, pose.ay, pose.degrees);
        if (textured(&p, o))
            vs_warp_matrix(p.warp[id], o, &pose, &p.params, p.frame[id / p.n]);
    }
    p.rows[id] = make_int2(m.top, m.bottom);
}

static __device__ void paint_word(uint8_t *row, size_t area, uint64_t bits, const uint8_t value[3])
{
    for (; bits; bits &= bits - 1) {
        const int x = __ffsll((long long)bits) - 1;
        for (int k = 0; k < 3; k++)
            row[k * area + x] = value[k];
    }
}

/* The same with object o's texture; bit 0 is pixel x of picture row y. */
static __device__ void texture_word(uint8_t *row, uint64_t bits, const struct picture *p,
                                    const vs_object *o, const double m[6], int x, int y)
{
    const size_t area = (size_t)p->size * p->size;
    vs_warp warp;
    int32_t start[2];
    warp.texel = p->texel + (size_t)o->texture * vs_texture_bytes(p->side);
    warp.stride = p->side + 2;
    warp.column = p->column + 2;
    warp.last = 2 * p->size;
    for (int k = 0; k < 6; k++)
        warp.m[k] = m[k];
    vs_warp_row(start, &warp, y);
    for (; bits; bits &= bits - 1) {
        const int at = __ffsll((long long)bits) - 1;
        uint8_t rgbg[4], value[3];
        vs_warp_pixel(rgbg, &warp, start, x + at);
        vs_yuv_values(value, rgbg, p->yuv);
        for (int k = 0; k < 3; k++)
            row[k * area + at] = value[k];
    }
}

/* (2) one thread per frame, row and word: from the topmost object down, then black */
static __global__ void compose_kernel(struct picture p)
{
    const int64_t id = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int64_t per_frame = (int64_t)p.size * p.words;
    if (id >= p.T * per_frame)
        return;
    const int64_t t = id / per_frame, at = id % per_frame;
    const int y = (int)(at / p.words), w = (int)(at % p.words), width = p.size - 64 * w;
    const size_t area = (size_t)p.size * p.size;
    uint8_t *const row = p.plane + (3 * t * area + (size_t)y * p.size + 64 * w);
    uint64_t left = width < 64 ? ~(uint64_t)0 >> (64 - width) : ~(uint64_t)0;
    uint8_t value[3];
    for (int i = p.n - 1; i >= 0 && left; i--) {
        const int64_t k = t * p.n + i;
        const int2 rows = p.rows[k];
        if (y < rows.x || y >= rows.y)
            continue;
        const uint64_t bits = p.mask[k * per_frame + at] & left;
        if (!bits)
            continue;
        left ^= bits;
        if (textured(&p, &p.object[i])) {
            texture_word(row, bits, &p, &p.object[i], p.warp[k], 64 * w, y);
            continue;
        }
        vs_yuv_values(value, p.object[i].color, p.yuv);
        paint_word(row, area, bits, value);
    }
    const uint8_t black[3] = { 0, 0, 0 };
    vs_yuv_values(value, black, p.yuv);
    paint_word(row, area, left, value);
}

/* (3) YUV 4:2:0 out of full-size planes: out (T, 3/2 size, size) */
static __global__ void halve_kernel(uint8_t *out, struct picture p)
{
    const int64_t id = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    const int half = p.size / 2;
    const size_t area = (size_t)p.size * p.size, quarter = area / 4;
    if (id >= (int64_t)(p.T * quarter))
        return;
    const size_t t = id / quarter, y = id % quarter / half, x = id % quarter % half;
    const uint8_t *const from = p.plane + 3 * t * area + 2 * y * p.size + 2 * x;
    uint8_t *const to = out + t * (area + 2 * quarter);
    for (int k = 0; k < 4; k++)
        to[(2 * y + k / 2) * p.size + 2 * x + k % 2] = from[k / 2 * p.size + k % 2];
    for (int k = 1; k < 3; k++) {
        const uint8_t *const c = from + k * area;
        to[area + (k - 1) * quarter + y * half + x] =
            vs_yuv_mean(c[0], c[1], c[p.size], c[p.size + 1]);
    }
}

static int blocks_of(int64_t threads)
{
    return (int)((threads + 127) / 128);
}

static cudaError_t draw_batch(uint8_t *out, uint8_t *halved, struct picture p)
{
    const size_t pixels = (size_t)p.size * p.size;
    const size_t mask = (size_t)p.T * p.n * p.size * p.words * sizeof(uint64_t);
    cudaError_t bad = cudaMemset(p.mask, 0, mask);
    if (bad != cudaSuccess)
        return bad;
    if (p.texel)
        VS_LAUNCH(columns_kernel, blocks_of((int64_t)vs_texture_columns_count(p.size)), 128, 0,
                  0, p);
    VS_LAUNCH(raster_kernel, blocks_of((int64_t)p.T * p.n), 128, 0, 0, p);
    VS_LAUNCH(compose_kernel, blocks_of((int64_t)p.T * p.size * p.words), 128, 0, 0, p);
    if (p.yuv)
        VS_LAUNCH(halve_kernel, blocks_of((int64_t)(p.T * pixels / 4)), 128, 0, 0, halved, p);
    bad = cudaGetLastError();
    if (bad != cudaSuccess)
        return bad;
    return cudaMemcpy(out, p.yuv ? halved : p.plane, p.T * pixels * 3 / (p.yuv ? 2 : 1),
                      cudaMemcpyDeviceToHost);
}

/* Device memory of all pictures, in one piece: objects, frames, rows, masks, planes, halves,
 * columns, warps. */
static size_t carve(struct picture *p, uint8_t **halved, uint8_t *base, int batch)
{
    size_t used = 0;
    const size_t area = (size_t)p->size * p->size, frames = (size_t)batch;
    const size_t columns = p->texel ? vs_texture_columns_count(p->size) : 0;
    const size_t warps = p->texel ? frames * p->n : 0;
    const size_t bytes[8] = { sizeof(vs_object) * p->n, sizeof(int) * frames,
                              sizeof(int2) * frames * p->n,
                              sizeof(uint64_t) * frames * p->n * p->size * p->words,
                              3 * area * frames, p->yuv ? 3 * area * frames / 2 : 0,
                              sizeof(int) * columns, sizeof(*p->warp) * warps };
    uint8_t *part[8];
    for (int k = 0; k < 8; k++) {
        part[k] = base + used;
        used += (bytes[k] + 255) / 256 * 256;
    }
    p->object = (const vs_object *)part[0];
    p->frame = (const int *)part[1];
    p->rows = (int2 *)part[2];
    p->mask = (uint64_t *)part[3];
    p->plane = part[4];
    *halved = part[5];
    p->column = (int *)part[6];
    p->warp = (double (*)[6])part[7];
    return used;
}

static cudaError_t draw_all(uint8_t *out, struct picture p, const vs_scene *scene,
                            const int *frames, int T, int batch)
{
    uint8_t *base = NULL, *halved = NULL;
    const size_t bytes = (size_t)p.size * p.size * 3 / (p.yuv ? 2 : 1);
    cudaError_t bad = cudaMalloc((void **)&base, carve(&p, &halved, NULL, batch));
    if (bad != cudaSuccess)
        return bad;
    carve(&p, &halved, base, batch);
    bad = cudaMemcpy((void *)p.object, scene->object, sizeof(vs_object) * p.n,
                     cudaMemcpyHostToDevice);
    for (int t = 0; t < T && bad == cudaSuccess; t += batch) {
        p.T = T - t < batch ? T - t : batch;
        bad = cudaMemcpy((void *)p.frame, frames + t, sizeof(int) * p.T, cudaMemcpyHostToDevice);
        if (bad == cudaSuccess)
            bad = draw_batch(out + (size_t)t * bytes, halved, p);
    }
    cudaFree(base);
    return bad;
}

extern "C" const char *vs_scene_cuda_missing(void)
{
    int devices = 0;
    const cudaError_t bad = cudaGetDeviceCount(&devices);
    return bad != cudaSuccess ? cudaGetErrorString(bad) : devices > 0 ? NULL : "no CUDA device";
}

/* ---- Textures ------------------------------------------------------------------------------ */

struct vs_textures_cuda {
    const vs_textures *bank;       /* of which this is a copy */
    uint8_t *texel;                /* the device's */
};

extern "C" const char *vs_textures_upload_cuda(vs_textures_cuda **out, const vs_textures *bank)
{
    const size_t bytes = (size_t)bank->n * vs_texture_bytes(bank->side);
    vs_textures_cuda *to = (vs_textures_cuda *)calloc(1, sizeof(*to));
    *out = NULL;
    if (!to)
        return "no memory";
    to->bank = bank;
    cudaError_t bad = cudaMalloc((void **)&to->texel, bytes);
    if (bad == cudaSuccess)
        bad = cudaMemcpy(to->texel, bank->texel, bytes, cudaMemcpyHostToDevice);
    if (bad == cudaSuccess)
        *out = to;
    else
        vs_textures_free_cuda(&to);
    return bad == cudaSuccess ? NULL : cudaGetErrorString(bad);
}

extern "C" void vs_textures_free_cuda(vs_textures_cuda **textures)
{
    if (*textures)
        cudaFree((*textures)->texel);
    free(*textures);
    *textures = NULL;
}

/* NULL: the scene has no textures, or all are in these. */
static const char *misfit(const vs_scene *scene, const vs_textures_cuda *textures)
{
    const vs_textures *bank = scene->params.textures;
    if (!bank)
        return NULL;
    if (!textures || textures->bank != bank)
        return "the scene's textures are not those on the device";
    for (int i = 0; i < scene->n; i++)
        if (scene->object[i].texture >= bank->n)
            return "an object has a texture beyond the bank";
    return NULL;
}

/* ---- Frames -------------------------------------------------------------------------------- */

extern "C" const char *vs_scene_draw_cuda(uint8_t *out, vs_layout layout, const vs_scene *scene,
                                          const vs_textures_cuda *textures, const int *frames,
                                          int T)
{
    struct picture p = {};
    p.params = scene->params;
    p.n = scene->n;
    p.size = scene->params.size;
    p.words = vs_mask_words(p.size);
    p.yuv = layout == VS_LAYOUT_YUV420;
    if (layout == VS_LAYOUT_RGB || (p.yuv && p.size % 2) || p.n < 1)
        return "planes of red, green and blue, or YUV 4:2:0 of an even size, of 1 object or more";
    const char *wrong = misfit(scene, textures);
    if (wrong)
        return wrong;
    if (scene->params.textures) {
        p.texel = textures->texel;
        p.side = textures->bank->side;
    }
    const size_t mask = (size_t)p.n * p.size * p.words * sizeof(uint64_t);
    const size_t most = ((size_t)256 << 20) / mask;
    const int batch = most < 1 ? 1 : most < (size_t)T ? (int)most : T;
    const cudaError_t bad = draw_all(out, p, scene, frames, T, batch);
    return bad == cudaSuccess ? NULL : cudaGetErrorString(bad);
}
