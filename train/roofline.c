/* The result of a counted step. Contract: train/roofline.h */
#include "train/roofline.h"

#include "base/log.h"

static double seconds_of(const vs_op_time *t)
{
    double sum = 0.0;
    for (int i = 0; i < VS_OPS; i++)
        sum += t[i].seconds;
    return sum;
}

/* Zeroing takes time, too; uploads go on beside the step. */
static json_t *total(const vs_op_time *t, const vs_roof *roof, double zeroed, int batch,
                     double flops_per_clip, vs_precision precision)
{
    const double seconds = seconds_of(t) + zeroed / roof->bytes, rate = batch / seconds;
    return json_pack("{s:f, s:f, s:f, s:f}", "step_ms", 1e3 * seconds, "clips_per_s", rate,
                     "flops_per_s", rate * flops_per_clip, "mfu",
                     rate * flops_per_clip / roof->peak[precision]);
}

/* The operations that were called, the slowest first; returns how many. */
static int by_time(int op[VS_OPS], const vs_op_time *t)
{
    int n = 0;
    for (int i = 0; i < VS_OPS; i++) {
        if (!t[i].calls)
            continue;
        int at = n++;
        for (; at > 0 && t[op[at - 1]].seconds < t[i].seconds; at--)
            op[at] = op[at - 1];
        op[at] = i;
    }
    return n;
}

/* What holds an operation back: arithmetic, if memory could do it in less than half the time. */
static const char *limit_of(const vs_op_time *t, const vs_roof *roof)
{
    const double memory = t->bytes / roof->bytes;
    return memory > 0.99 * t->seconds ? "memory" : memory < 0.5 * t->seconds ? "compute" : "both";
}

static json_t *operations(const vs_roofline *r)
{
    const vs_roof expected = vs_roof_expected(r->roof);
    const double all = seconds_of(r->bound) + r->zeroed / r->roof->bytes;
    json_t *const list = json_array();
    int op[VS_OPS];
    const int n = by_time(op, r->bound);
    for (int i = 0; i < n; i++) {
        const vs_op_time *const t = &r->bound[op[i]];
        json_array_append_new(list, json_pack(
            "{s:s, s:I, s:f, s:f, s:s, s:f, s:f, s:f}", "name", vs_op_name((vs_op)op[i]), "calls",
            (json_int_t)t->calls, "flops", t->flops, "bytes", t->bytes, "limit",
            limit_of(t, r->roof), "bound_ms", 1e3 * t->seconds, "expected_ms",
            1e3 * r->expected[op[i]].seconds, "share", t->seconds / all));
    }
    json_array_append_new(list, json_pack(
        "{s:s, s:n, s:f, s:f, s:s, s:f, s:f, s:f}", "name", "zero", "calls", "flops", 0.0, "bytes",
        r->zeroed, "limit", "memory", "bound_ms", 1e3 * r->zeroed / r->roof->bytes, "expected_ms",
        1e3 * r->zeroed / expected.bytes, "share", r->zeroed / r->roof->bytes / all));
    return list;
}

json_t *vs_roofline_result(const vs_roofline *r, int batch, double flops_per_clip,
                           vs_precision precision)
{
    const vs_roof expected = vs_roof_expected(r->roof);
    double flops = 0.0, bytes = r->zeroed;
    for (int i = 0; i < VS_OPS; i++) {
        flops += r->bound[i].flops;
        bytes += r->bound[i].bytes;
    }
    return json_pack(
        "{s:s, s:i, s:s, s:f, s:f, s:f, s:f, s:I, s:f, s:{s:f, s:f, s:f}, s:o, s:o, s:o}",
        "device", r->roof->title, "batch", batch, "precision", vs_precision_name(precision),
        "flops_per_clip", flops_per_clip, "step_flops", flops, "step_bytes", bytes,
        "uploaded_bytes", r->uploaded, "memory_bytes", (json_int_t)r->memory,
        "device_memory_bytes", r->roof->memory, "rates",
        "peak_flops_per_s", r->roof->peak[precision], "product_flops_per_s",
        r->roof->flops[precision], "bytes_per_s", r->roof->bytes, "bound",
        total(r->bound, r->roof, r->zeroed, batch, flops_per_clip, precision), "expected",
        total(r->expected, &expected, r->zeroed, batch, flops_per_clip, precision), "operations",
        operations(r));
}

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

static void print_total(const char *name, const json_t *t)
{
    vs_say("%-9s %8.1f ms a step, %7.0f clips/s, %5.0f TFLOP/s, MFU %.2f", name,
           number(t, "step_ms"), number(t, "clips_per_s"), number(t, "flops_per_s") / 1e12,
           number(t, "mfu"));
}

void vs_roofline_print(const json_t *r)
{
    const json_t *op;
    size_t i;
    vs_say("%s, %s, batch %.0f: %.0f GFLOP and %.2f GB of traffic a clip; needs %.1f of %.0f GB",
           json_string_value(json_object_get(r, "device")),
           json_string_value(json_object_get(r, "precision")), number(r, "batch"),
           number(r, "flops_per_clip") / 1e9, number(r, "step_bytes") / number(r, "batch") / 1e9,
           number(r, "memory_bytes") / 1e9, number(r, "device_memory_bytes") / 1e9);
    print_total("bound", json_object_get(r, "bound"));
    print_total("expected", json_object_get(r, "expected"));
    vs_say("%-16s %6s %9s %9s %-8s %9s %7s %11s", "operation", "calls", "GFLOP", "GB", "limit",
           "bound ms", "share", "expected ms");
    json_array_foreach(json_object_get(r, "operations"), i, op)
        vs_say("%-16s %6.0f %9.0f %9.2f %-8s %9.3f %5.1f %% %11.3f",
               json_string_value(json_object_get(op, "name")), number(op, "calls"),
               number(op, "flops") / 1e9, number(op, "bytes") / 1e9,
               json_string_value(json_object_get(op, "limit")), number(op, "bound_ms"),
               100.0 * number(op, "share"), number(op, "expected_ms"));
}
