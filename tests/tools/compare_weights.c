/* Two checkpoints: the relative L2 distance of all weights, as one vector, must be at most BOUND.
 * (Of a single tensor that began at zero it says little: AdamW makes steps of the same length
 * of gradients of any length, round-off included.)
 * Prints it and the tensor that is furthest off; exit 1 when it is more, or tensors are missing.
 * Usage: compare_weights BOUND DIR DIR */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/safetensors.h"

static void try_or_exit(vs_err err)
{
    if (err == VS_OK)
        return;
    fprintf(stderr, "compare_weights: %s\n", vs_err_detail());
    exit(2);
}

static vs_safetensors *open_in(const char *dir)
{
    vs_safetensors *file;
    char *path = vs_path_join(dir, "model.safetensors");
    try_or_exit(vs_safetensors_open(&file, path));
    free(path);
    return file;
}

static float value(const vs_tensor *t, int64_t i)
{
    float v;
    memcpy(&v, (const char *)t->data + sizeof(v) * (size_t)i, sizeof(v));
    return v;
}

struct sums {
    double off, norm;              /* of the squares of differences, of values */
};

static void add(struct sums *s, const vs_tensor *a, const vs_tensor *b)
{
    for (int64_t i = 0; i < vs_tensor_count(a); i++) {
        const double d = (double)value(a, i) - (double)value(b, i);
        s->off += d * d;
        s->norm += (double)value(a, i) * (double)value(a, i);
    }
}

static double distance(struct sums s)
{
    return s.off == 0 ? 0 : sqrt(s.off / s.norm);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: compare_weights BOUND DIR DIR\n");
        return 2;
    }
    vs_safetensors *a = open_in(argv[2]), *b = open_in(argv[3]);
    const double bound = atof(argv[1]);
    struct sums all = { 0 };
    double most = 0;
    const char *where = "-";
    for (int i = 0; i < vs_safetensors_count(a); i++) {
        const vs_tensor *t = vs_safetensors_at(a, i), *u;
        struct sums one = { 0 };
        try_or_exit(vs_safetensors_need(&u, b, t->name, VS_DTYPE_F32, t->rank, t->shape));
        add(&one, t, u);
        all.off += one.off;
        all.norm += one.norm;
        if (distance(one) > most) {
            most = distance(one);
            where = t->name;
        }
    }
    const int n = vs_safetensors_count(a);
    const bool same = n > 0 && n == vs_safetensors_count(b) && distance(all) <= bound;
    fprintf(same ? stdout : stderr, "%d tensors, %.3g apart; %s %.3g\n", n, distance(all), where,
            most);
    vs_safetensors_close(&a);
    vs_safetensors_close(&b);
    return !same;
}
