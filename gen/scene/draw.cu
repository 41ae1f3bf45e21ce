/* Drawing scenes on CUDA. Contract: gen/scene/draw_cuda.h; CPU twin: gen/scene/draw.c */
#include "gen/scene/draw.cuh"
#include "gen/scene/draw_cuda.h"

#include <stdlib.h>

#include "gen/scene/pose.h"
#include "gen/scene/raster_core.h"
#include "gen/scene/texture_core.h"
#include "gen/scene/yuv.h"

typedef struct vs_cuda_picture picture;

/* Object i of frame t. */
static __device__ const vs_object *object_of(const picture *p, int64_t t, int i)
{
    return &p->object[(p->first + t) / p->per_clip * p->n + i];
}

static __device__ bool textured(const picture *p, const vs_object *o)
{
    return p->texel && o->texture >= 0;
}

/* (0) textured: one thread per column of an enlarged texture and its border */
static __global__ void columns_kernel(picture p)
{
    const int64_t id = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (id < (int64_t)vs_texture_columns_count(p.size))
        p.column[id] = vs_texture_column((int)id - 2, p.size, p.side);
}

/* (1) one thread per frame and object: its mask, and how its texture lies */
static __global__ void raster_kernel(picture p)
{
    const int64_t id = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
    if (id >= (int64_t)p.T * p.n)
        return;
    const int64_t t = id / p.n;
    const vs_object *o = object_of(&p, t, (int)(id % p.n));
    const int frame = p.frame[p.first + t];
    vs_pose pose;
    vs_mask m;
    m.size = p.size;
    m.words = p.words;
    m.top = p.size;
    m.bottom = 0;
    m.row = p.mask + id * p.size * p.words;
    vs_pose_at(&pose, o, &p.params, frame);
    if (!pose.away) {
        if (pose.corners)
            vs_raster_polygon_core(&m, pose.px, pose.py, pose.corners);
        else
            vs_raster_ellipse_core(&m, pose.x, pose.y, pose.ax, pose.ay, pose.degrees);
        if (textured(&p, o))
            vs_warp_matrix(p.warp[id], o, &pose, &p.params, frame);
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
static __device__ void texture_word(uint8_t *row, uint64_t bits, const picture *p,
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
static __global__ void compose_kernel(picture p)
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
        const vs_object *const o = object_of(&p, t, i);
        if (textured(&p, o)) {
            texture_word(row, bits, &p, o, p.warp[k], 64 * w, y);
            continue;
        }
        vs_yuv_values(value, o->color, p.yuv);
        paint_word(row, area, bits, value);
    }
    const uint8_t black[3] = { 0, 0, 0 };
    vs_yuv_values(value, black, p.yuv);
    paint_word(row, area, left, value);
}

/* (3) YUV 4:2:0 out of full-size planes: out (T, 3/2 size, size) */
static __global__ void halve_kernel(uint8_t *out, picture p)
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

cudaError_t vs_cuda_picture_draw(const vs_cuda_picture *p, cudaStream_t stream)
{
    const int64_t objects = (int64_t)p->T * p->n;
    const cudaError_t bad = cudaMemsetAsync(
        p->mask, 0, (size_t)objects * p->size * p->words * sizeof(*p->mask), stream);
    if (bad != cudaSuccess)
        return bad;
    if (p->texel)
        VS_LAUNCH(columns_kernel, vs_cuda_blocks((int64_t)vs_texture_columns_count(p->size)), 128,
                  0, stream, *p);
    VS_LAUNCH(raster_kernel, vs_cuda_blocks(objects), 128, 0, stream, *p);
    VS_LAUNCH(compose_kernel, vs_cuda_blocks((int64_t)p->T * p->size * p->words), 128, 0, stream,
              *p);
    return cudaGetLastError();
}

size_t vs_cuda_picture_place(vs_cuda_picture *p, uint8_t *base, int frames)
{
    enum { PARTS = 5 };
    const size_t objects = (size_t)frames * p->n, area = (size_t)p->size * p->size;
    const size_t bytes[PARTS] = { sizeof(*p->mask) * objects * p->size * p->words,
                                  sizeof(*p->rows) * objects, 3 * area * frames,
                                  p->side ? sizeof(int) * vs_texture_columns_count(p->size) : 0,
                                  p->side ? sizeof(*p->warp) * objects : 0 };
    size_t at[PARTS], used = 0;
    for (int k = 0; k < PARTS; k++) {
        at[k] = used;
        used += vs_cuda_rounded(bytes[k]);
    }
    if (!base)
        return used;
    p->mask = (uint64_t *)(base + at[0]);
    p->rows = (int2 *)(base + at[1]);
    p->plane = base + at[2];
    p->column = (int *)(base + at[3]);
    p->warp = (double (*)[6])(base + at[4]);
    return used;
}

int vs_cuda_picture_most(const vs_cuda_picture *p, int64_t frames)
{
    const int64_t mask = (int64_t)p->n * p->size * p->words * (int64_t)sizeof(*p->mask);
    const int64_t most = ((int64_t)256 << 20) / mask;
    return (int)(most < 1 ? 1 : most < frames ? most : frames);
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

/* Memory of the device for objects, numbers of frames, pictures and halved planes. */
static cudaError_t draw_all(uint8_t *out, picture p, const vs_scene *scene, const int *frames,
                            int T)
{
    const size_t pixels = (size_t)p.size * p.size, bytes = pixels * 3 / (p.yuv ? 2 : 1);
    const size_t objects = vs_cuda_rounded(sizeof(vs_object) * p.n);
    const size_t numbers = vs_cuda_rounded(sizeof(int) * (size_t)T);
    const int most = vs_cuda_picture_most(&p, T);
    const size_t parts = vs_cuda_picture_place(&p, NULL, most);
    uint8_t *base = NULL;
    cudaError_t bad = cudaMalloc((void **)&base, objects + numbers + parts + bytes * most);
    if (bad != cudaSuccess)
        return bad;
    uint8_t *const halved = base + objects + numbers + parts;
    p.object = (const vs_object *)base;
    p.frame = (const int32_t *)(base + objects);
    vs_cuda_picture_place(&p, base + objects + numbers, most);
    bad = cudaMemcpy((void *)p.object, scene->object, sizeof(vs_object) * p.n,
                     cudaMemcpyHostToDevice);
    if (bad == cudaSuccess)
        bad = cudaMemcpy((void *)p.frame, frames, sizeof(int) * T, cudaMemcpyHostToDevice);
    for (p.first = 0; p.first < T && bad == cudaSuccess; p.first += most) {
        p.T = T - p.first < most ? T - p.first : most;
        bad = vs_cuda_picture_draw(&p, 0);
        if (bad == cudaSuccess && p.yuv)
            VS_LAUNCH(halve_kernel, vs_cuda_blocks((int64_t)(p.T * pixels / 4)), 128, 0, 0, halved,
                      p);
        if (bad == cudaSuccess)
            bad = cudaMemcpy(out + (size_t)p.first * bytes, p.yuv ? halved : p.plane, p.T * bytes,
                             cudaMemcpyDeviceToHost);
    }
    cudaFree(base);
    return bad;
}

extern "C" const char *vs_scene_draw_cuda(uint8_t *out, vs_layout layout, const vs_scene *scene,
                                          const vs_textures_cuda *textures, const int *frames,
                                          int T)
{
    picture p = {};
    p.params = scene->params;
    p.n = scene->n;
    p.size = scene->params.size;
    p.words = vs_mask_words(p.size);
    p.yuv = layout == VS_LAYOUT_YUV420;
    p.per_clip = T;
    if (layout == VS_LAYOUT_RGB || (p.yuv && p.size % 2) || p.n < 1)
        return "planes of red, green and blue, or YUV 4:2:0 of an even size, of 1 object or more";
    const char *wrong = misfit(scene, textures);
    if (wrong)
        return wrong;
    if (scene->params.textures) {
        p.texel = textures->texel;
        p.side = textures->bank->side;
    }
    const cudaError_t bad = draw_all(out, p, scene, frames, T);
    return bad == cudaSuccess ? NULL : cudaGetErrorString(bad);
}
