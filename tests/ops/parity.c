/* The operations on CUDA against those on the CPU, over the whole table: TAP, a line an operation.
 *
 *     parity [fp32|bf16] [OPERATION] [--small] [--tap=FILE instead of stdout]
 *
 * OPERATION: those whose name begins so. --small leaves out sizes of models. Inputs are random
 * and extreme (parity.h); in bf16 they are values that bfloat16 holds, so the CPU computes the
 * exact result in fp32. Per operand written, over all its values,
 *
 *     ||got - want|| <= bound ||want||     bound: 1e-5 steep of floats; of bfloat16 2^-8 a rounding
 *     |got - want|  <= 10 bound (|want| + root mean square of want)
 *
 * so neither a small systematic error nor a single wrong value passes; bytes are equal. Before a
 * run outputs hold not-a-number, so a value that is not written shows; so does what lies behind an
 * operand. Then the operation runs again: the same bits.
 *
 * The device is CUDA's (VSYN_CUDA_PLUGIN: another backend); without one: a loud skip, exit 0. */
#include "tests/ops/parity.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"

enum { BEHIND = 256 };             /* bytes after each operand that nobody may write */

static const char *const fill_name[FILLS] = { "plain", "large", "tiny", "zero", "offset" };

/* ---- Operands ----------------------------------------------------------------------------- */

static size_t host_bytes(width w)
{
    return w == BYTES ? 1 : w == DOUBLE ? 8 : 4;
}

/* On a side: the CPU holds narrow values as floats. */
static size_t side_bytes(const trial *t, const operand *o, int side)
{
    return o->width == NARROW && side == 1 && t->bf16 ? 2 : host_bytes(o->width);
}

static float rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, 4);
    return x;
}

static void fill_host(const trial *t, operand *o, uint64_t index)
{
    static const float times[] = { 1.0f, 6.0f, 1e-6f, 0.0f, 1.0f };
    vs_rng r = vs_rng_at(t->seed, VS_RNG_TEST, index);
    for (int64_t i = 0; i < o->n; i++) {
        const float u = 2.0f * vs_rng_f32(&r) - 1.0f;
        const float x = u * times[t->fill] + (t->fill == OFFSET ? 100.0f : 0.0f);
        switch (o->width) {
        case BYTES: ((uint8_t *)o->host)[i] = (uint8_t)(127.9f * (u + 1.0f)); break;
        case INTS: ((int32_t *)o->host)[i] = 0; break;
        case DOUBLE: ((double *)o->host)[i] = (double)x; break;
        default: ((float *)o->host)[i] = t->bf16 ? rounded(x) : x;
        }
    }
}

static void narrow_to(uint16_t *to, const float *from, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &from[i], 4);
        to[i] = (uint16_t)(bits >> 16);
    }
}

void send(trial *t, operand *o)
{
    const size_t bytes = host_bytes(o->width) * (size_t)o->n;
    for (int64_t i = 0; o->width == NARROW && t->bf16 && i < o->n; i++)
        values(o)[i] = rounded(values(o)[i]);
    if (!t->again)
        vs_device_upload(t->dev[0], o->at[0], o->host, bytes);
    if (side_bytes(t, o, 1) == host_bytes(o->width)) {
        vs_device_upload(t->dev[1], o->at[1], o->host, bytes);
        return;
    }
    uint16_t *const half = vs_new(2 * (size_t)o->n);
    narrow_to(half, o->host, o->n);
    vs_device_upload(t->dev[1], o->at[1], half, 2 * (size_t)o->n);
    free(half);
}

/* Not-a-number everywhere, behind the operand, too. */
static void poison(trial *t, operand *o)
{
    const size_t bytes = side_bytes(t, o, 1) * (size_t)o->n + BEHIND;
    void *const ones = malloc(bytes);
    VS_ASSERT(ones);
    memset(ones, 0xff, bytes);
    vs_device_upload(t->dev[1], o->at[1], ones, bytes);
    free(ones);
}

static operand *declare(trial *t, const char *name, width w, bool is_in, bool is_out, int64_t n)
{
    const int k = t->next++;
    operand *const o = &t->list[k];
    VS_ASSERT(k < OPERANDS);
    if (!t->again) {
        *o = (operand){ .name = name, .width = w, .in = is_in, .out = is_out, .n = n };
        t->count = t->next;
        o->host = vs_new(host_bytes(w) * (size_t)n);
        for (int side = 0; side < 2; side++)
            o->at[side] = vs_device_alloc(t->dev[side],
                                          side_bytes(t, o, side) * (size_t)n + BEHIND);
        if (!o->at[0] || !o->at[1])
            return o;
        fill_host(t, o, (uint64_t)k);
    }
    poison(t, o);
    if (is_in)
        send(t, o);
    return o;
}

#define DECLARE(f, width, is_in, is_out)                            \
    operand *f(trial *t, const char *name, int64_t n)               \
    {                                                               \
        return declare(t, name, width, is_in, is_out, n);           \
    }
DECLARE(in, WIDE, true, false)
DECLARE(in_narrow, NARROW, true, false)
DECLARE(in_bytes, BYTES, true, false)
DECLARE(out_bytes, BYTES, false, true)
DECLARE(in_out_bytes, BYTES, true, true)
DECLARE(in_ints, INTS, true, false)
DECLARE(out, WIDE, false, true)
DECLARE(out_narrow, NARROW, false, true)
DECLARE(in_out, WIDE, true, true)
DECLARE(in_out_narrow, NARROW, true, true)
DECLARE(in_double, DOUBLE, true, false)
DECLARE(in_out_double, DOUBLE, true, true)

float *values(operand *o)
{
    VS_ASSERT(o->width == WIDE || o->width == NARROW);
    return o->host;
}

/* ---- Comparing ------------------------------------------------------------------------------ */

/* Value i of what an operand holds on a side. */
static double value_at(const trial *t, const operand *o, int side, const void *at, int64_t i)
{
    if (o->width == DOUBLE)
        return ((const double *)at)[i];
    if (o->width == BYTES)
        return ((const uint8_t *)at)[i];
    if (side_bytes(t, o, side) == 4)
        return (double)((const float *)at)[i];
    const uint32_t bits = (uint32_t)((const uint16_t *)at)[i] << 16;
    float x;
    memcpy(&x, &bits, 4);
    return (double)x;
}

static void *download(const trial *t, const operand *o, int side)
{
    const size_t bytes = side_bytes(t, o, side) * (size_t)o->n + BEHIND;
    void *const host = vs_new(bytes);
    if (vs_device_download(t->dev[side], host, o->at[side], bytes) != VS_OK)
        fprintf(stderr, "# %s\n", vs_err_detail());
    return host;
}

static double bound_of(const trial *t, const operand *o)
{
    const double wide = 1e-5 * t->steep;
    if (o->width == BYTES)
        return 0.0;
    return o->width == NARROW && t->bf16 ? fmax(0x1p-8 * t->roundings, wide) : wide;
}

static void complain(const trial *t, const char *op, const operand *o, const char *what)
{
    fprintf(stderr, "# %s %s (%d, %d, %d, %d) %s: %s %s\n", op, t->bf16 ? "bf16" : "fp32", t->n[1],
            t->n[2], t->n[3], t->n[4], fill_name[t->fill], o->name, what);
}

static bool check_behind(const trial *t, const char *op, const operand *o, const uint8_t *got)
{
    const size_t bytes = side_bytes(t, o, 1) * (size_t)o->n;
    for (int i = 0; i < BEHIND; i++)
        if (got[bytes + (size_t)i] != 0xff) {
            complain(t, op, o, "is written behind its end");
            return false;
        }
    return true;
}

/* The distance, relative to its bound; more than 1 is too far. */
static double compare(const trial *t, const char *op, const operand *o, const void *got,
                      const void *want)
{
    double far = 0.0, size = 0.0;
    const double bound = bound_of(t, o);
    for (int64_t i = 0; i < o->n; i++) {
        const double w = value_at(t, o, 0, want, i), d = value_at(t, o, 1, got, i) - w;
        far += d * d;
        size += w * w;
    }
    const double rms = sqrt(size / (double)o->n);
    double off = far > 0.0 || far != far ? sqrt(far) / (bound * sqrt(size) + 1e-30) : 0.0;
    for (int64_t i = 0; i < o->n; i++) {
        const double w = value_at(t, o, 0, want, i), g = value_at(t, o, 1, got, i);
        const double here = fabs(g - w) / (10.0 * bound * (fabs(w) + rms) + 1e-30);
        if (!(here <= 1.0)) {
            char text[128];
            snprintf(text, sizeof(text), "[%lld] is %.9g, expected %.9g", (long long)i, g, w);
            complain(t, op, o, text);
            return here == here ? fmax(here, off) : INFINITY;
        }
    }
    if (!(off <= 1.0)) {
        char text[128];
        snprintf(text, sizeof(text), "is %.2e away, more than %.1e", off * bound, bound);
        complain(t, op, o, text);
    }
    return off == off ? off : INFINITY;
}

/* ---- Trials -------------------------------------------------------------------------- */

static bool both_fine(const trial *t, const char *op)
{
    for (int side = 0; side < 2; side++)
        if (vs_device_sync(t->dev[side]) != VS_OK) {
            fprintf(stderr, "# %s: %s\n", op, vs_err_detail());
            return false;
        }
    return true;
}

static void free_operands(trial *t)
{
    for (int i = 0; i < t->count; i++) {
        for (int side = 0; side < 2; side++)
            vs_device_free(t->dev[side], t->list[i].at[side]);
        free(t->list[i].host);
    }
}

/* The distance of the operand that is farthest, relative to its bound. */
static double run_trial(trial *t, const op_case *c)
{
    void *kept[OPERANDS] = { NULL };
    double worst = 0.0;
    c->run(t);
    bool fine = both_fine(t, c->name);
    for (int i = 0; fine && i < t->count; i++) {
        const operand *const o = &t->list[i];
        kept[i] = download(t, o, 1);
        fine &= check_behind(t, c->name, o, kept[i]);
        void *const want = o->out ? download(t, o, 0) : NULL;
        if (o->out)
            worst = fmax(worst, compare(t, c->name, o, kept[i], want));
        free(want);
    }
    if (fine) {
        t->again = true;
        t->first = 1;
        t->next = 0;
        c->run(t);
        fine = both_fine(t, c->name);
    }
    for (int i = 0; fine && i < t->count; i++) {
        void *const now = download(t, &t->list[i], 1);
        if (memcmp(now, kept[i], side_bytes(t, &t->list[i], 1) * (size_t)t->list[i].n) != 0) {
            complain(t, c->name, &t->list[i], "has other bits the second time");
            fine = false;
        }
        free(now);
    }
    for (int i = 0; i < t->count; i++)
        free(kept[i]);
    free_operands(t);
    return fine ? worst : INFINITY;
}

/* All trials of an operation: true when it passes. */
static bool run_case(const trial *like, const op_case *c, bool small, int number)
{
    int n = 0;
    double worst = 0.0;
    for (int s = 0; s < c->count; s++)
        for (int f = 0; f < FILLS; f++) {
            trial t = *like;
            if (!(c->fills & 1 << f) || (small && c->sizes[s][0]) ||
                (c->sizes[s][0] && f != PLAIN && f != LARGE))
                continue;
            memcpy(t.n, c->sizes[s], sizeof(t.n));
            t.fill = (fill)f;
            t.seed = (uint64_t)(100 * s + f);
            worst = fmax(worst, run_trial(&t, c));
            n++;
        }
    const bool passed = worst <= 1.0;
    printf("%sok %d - %s %s: %d trials, at %.0f %% of the bound\n", passed ? "" : "not ", number,
           c->name, like->bf16 ? "bf16" : "fp32", n, 100.0 * fmin(worst, 1e9));
    fflush(stdout);
    return passed;
}

/* A group of one GPU: NCCL is loaded, joined, and leaves the values as they are. */
static bool run_group(vs_device *dev, int number)
{
    enum { N = 1000 };
    char id[VS_GROUP_ID] = "";
    float host[N], back[N];
    float *const x = vs_device_alloc(dev, sizeof(host));
    for (int i = 0; i < N; i++)
        host[i] = (float)i * 0.25f;
    vs_device_upload(dev, x, host, sizeof(host));
    vs_device_group_id(dev, id);
    vs_err err = vs_device_sync(dev);
    if (err == VS_ERR_UNSUPPORTED) {
        printf("ok %d - a group of one GPU # SKIP %s\n", number, vs_err_detail());
        return true;
    }
    if (err == VS_OK) {
        vs_device_group_join(dev, id, 0, 1);
        vs_device_mean_begin(dev, x, N);
        vs_device_mean_end(dev);
        err = vs_device_download(dev, back, x, sizeof(back));
    }
    if (err != VS_OK)
        fprintf(stderr, "# group: %s\n", vs_err_detail());
    const bool passed = err == VS_OK && memcmp(host, back, sizeof(host)) == 0;
    printf("%sok %d - a group of one GPU\n", passed ? "" : "not ", number);
    return passed;
}

/* The words of the command line; false when the file of --tap cannot be written. */
static bool read_words(char **argv, const char **precision, const char **only, bool *small)
{
    for (char **word = argv + 1; *word; word++) {
        if (strcmp(*word, "--small") == 0)
            *small = true;
        else if (strcmp(*word, "fp32") == 0 || strcmp(*word, "bf16") == 0)
            *precision = *word;
        else if (strncmp(*word, "--tap=", 6) != 0)
            *only = *word;
        else if (!freopen(*word + 6, "w", stdout))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    trial t = { .roundings = 1.0, .steep = 1.0 };
    const char *only = "", *precision = "fp32";
    bool small = false;
    int number = 0, failed = 0;
    if (!read_words(argv, &precision, &only, &small)) {
        fprintf(stderr, "parity: the file of --tap cannot be written\n");
        return 2;
    }
    t.bf16 = strcmp(precision, "bf16") == 0;
    if (vs_device_open_cuda(&t.dev[1], 0) != VS_OK) {
        fprintf(stderr, "SKIPPED: operations on CUDA, %s: %s\n", precision, vs_err_detail());
        printf("ok 1 - operations on CUDA, %s # SKIP %s\n1..1\n", precision, vs_err_detail());
        return getenv("VSYN_CUDA_PLUGIN") != NULL;
    }
    if (vs_device_open_cpu(&t.dev[0], 0) != VS_OK)
        return 1;
    vs_device_set_precision(t.dev[0], VS_FP32);
    vs_device_set_precision(t.dev[1], t.bf16 ? VS_BF16 : VS_FP32);
    for (int side = 0; side < 2; side++)
        t.ops[side] = vs_ops_of(t.dev[side]);
    for (int op = 0; op < VS_OPS; op++)
        if (strncmp(vs_parity_case[op].name, only, strlen(only)) == 0)
            failed += !run_case(&t, &vs_parity_case[op], small, ++number);
    if (!*only)
        failed += !run_group(t.dev[1], ++number);
    if (number == 0) {
        fprintf(stderr, "parity: no operation begins with \"%s\"\n", only);
        return 2;
    }
    printf("1..%d\n", number);
    vs_device_close(&t.dev[1]);
    vs_device_close(&t.dev[0]);
    return failed > 0;
}
