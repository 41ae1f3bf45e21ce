/* Corruptions of video streams: against the ffmpeg program and FFmpeg's noise filter, levels, any
 * size, threads, damage, and what is held when frames are lost. */
#include <libavcodec/avcodec.h>
#include <libavcodec/bsf.h>
#include <libavutil/opt.h>

#include "eval/codec.h"
#include "eval/kinds.h"
#include "eval/planes.h"
#include "gen/scene/yuv.h"
#include "tests/check.h"

static const char *const names[] = { "mpeg1",    "mpeg2",     "h264_crf",   "h264_abr",
                                     "h265_crf", "bit_error", "packet_loss" };
enum { NAMES = sizeof(names) / sizeof(*names), BYTES_A_PIXEL = 3 };

/* A textured ground that moves, and a square that moves over it. (T, H, W, 3) */
static uint8_t *scene(int T, int H, int W)
{
    uint8_t *clip = vs_new((size_t)T * H * W * 3), *p = clip;
    for (int t = 0; t < T; t++)
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++, p += 3) {
                const double a = x + 2 * t, b = y - t;
                const double v = 60 * sin(a * .21) * cos(b * .17) + 25 * sin(a * .9 + b * .7);
                const bool square = abs(x - 3 * t) < 12 && abs(y - H / 2) < 12;
                p[0] = (uint8_t)(square ? 220 - x : 128 + v);
                p[1] = (uint8_t)(square ? 40 : 120 + v * .7);
                p[2] = (uint8_t)(square ? 60 + y : 100 - v * .5);
            }
    return clip;
}

static double psnr(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum ? 10 * log10(255.0 * 255 * (double)n / sum) : 200;
}

static void corrupt(uint8_t *out, const char *name, int severity, const uint8_t *clip, int T, int H,
                    int W, uint64_t seed)
{
    const vs_corruption *c;
    CHECK_OK(vs_corruption_find(&c, name));
    CHECK_OK(vs_corrupt_apply(out, NULL, clip, T, H, W, c, severity, seed, NULL, NULL));
}

/* ---- The ffmpeg program ------------------------------------------------------------------- */

static void read_planes(uint8_t *rgb, const char *path, int T, int H, int W)
{
    const size_t luma = (size_t)H * W, frame = luma * 3 / 2;
    void *data;
    size_t size;
    CHECK_OK(vs_file_read(path, &data, &size));
    cr_assert_eq(size, frame * T, "%s: %zu bytes", path, size);
    for (int t = 0; t < T; t++) {
        const uint8_t *y = (uint8_t *)data + frame * t;
        const uint8_t *const plane[3] = { y, y + luma, y + luma * 5 / 4 };
        CHECK_OK(vs_planes_to_rgb(rgb + luma * 3 * t, plane, (int[]){ W, W / 2, W / 2 }, H, W));
    }
    free(data);
}

static void write_planes(const char *path, const uint8_t *rgb, int T, int H, int W)
{
    const size_t luma = (size_t)H * W, frame = luma * 3 / 2;
    uint8_t *data = vs_new(frame * T);
    for (int t = 0; t < T; t++) {
        uint8_t *y = data + frame * t;
        const size_t w = (size_t)W;
        const vs_yuv420 planes = { { y, y + luma, y + luma * 5 / 4 }, { w, w / 2, w / 2 } };
        vs_yuv_from_rgb(&planes, rgb + luma * 3 * t, W, H);
    }
    CHECK_OK(vs_file_write(path, data, frame * T));
    free(data);
}

Test(eval_codec, equals_the_ffmpeg_program_bit_for_bit)
{
    enum { T = 24, H = 80, W = 112, N = T * H * W * 3 };
    static const struct {
        const char *name;
        int severity;
        const char *options;
    } all[] = {
        { "mpeg1", 1, "-c:v mpeg2video -q:v 20" },
        { "mpeg1", 3, "-c:v mpeg2video -q:v 60" },
        { "mpeg2", 1, "-c:v mpeg4 -q:v 15" },
        { "mpeg2", 5, "-c:v mpeg4 -q:v 75" },
        { "h264_crf", 1, "-c:v libx264 -x264-params cpu-independent=1 -crf 23" },
        { "h264_crf", 5, "-c:v libx264 -x264-params cpu-independent=1 -crf 51" },
        { "h265_crf", 3, "-c:v libx265 -x265-params pools=none:frame-threads=1:wpp=0:"
                         "lookahead-slices=0:log-level=none -crf 39" },
    };
    if (system("ffmpeg -version >/dev/null 2>&1") != 0) {
        fprintf(stderr, "SKIPPED: no ffmpeg program to compare with\n");
        cr_skip_test("no ffmpeg program");
    }
    uint8_t *clip = scene(T, H, W), *ours = vs_new(N), *theirs = vs_new(N);
    char *dir = check_tmp(), *in = vs_path_join(dir, "in.yuv"), *out = vs_path_join(dir, "out.yuv");
    write_planes(in, clip, T, H, W);
    for (size_t k = 0; k < sizeof(all) / sizeof(*all); k++) {
        const char *const raw = "-f rawvideo -pix_fmt yuv420p";
        char *command = vs_strf("ffmpeg -v error -y %s -s %dx%d -r 25 -i %s %s -threads 1 %s/a.mkv "
                                "&& ffmpeg -v error -y -threads 1 -i %s/a.mkv -vsync 0 %s %s", raw,
                                W, H, in, all[k].options, dir, dir, raw, out);
        cr_assert_eq(system(command), 0, "%s", command);
        read_planes(theirs, out, T, H, W);
        corrupt(ours, all[k].name, all[k].severity, clip, T, H, W, 0);
        cr_expect_eq(memcmp(ours, theirs, N), 0, "%s severity %d: %.2f dB", all[k].name,
                     all[k].severity, psnr(ours, theirs, N));
        free(command);
    }
    free(in);
    free(out);
    check_rm(dir);
    free(clip);
    free(ours);
    free(theirs);
}

/* ---- Damage ------------------------------------------------------------------------------- */

/* The bytes of `n` packets after FFmpeg's filter. */
static void filter(uint8_t *data, size_t bytes, int n, const char *amount)
{
    AVBSFContext *ctx;
    AVPacket *packet = av_packet_alloc();
    cr_assert_eq(av_bsf_alloc(av_bsf_get_by_name("noise"), &ctx), 0);
    ctx->par_in->codec_id = AV_CODEC_ID_H264;
    cr_assert_eq(av_opt_set(ctx->priv_data, "amount", amount, 0), 0);
    cr_assert_eq(av_bsf_init(ctx), 0);
    for (int i = 0; i < n; i++) {
        cr_assert_eq(av_new_packet(packet, (int)bytes), 0);
        memcpy(packet->data, data + bytes * i, bytes);
        cr_assert_eq(av_bsf_send_packet(ctx, packet), 0);
        cr_assert_eq(av_bsf_receive_packet(ctx, packet), 0);
        memcpy(data + bytes * i, packet->data, bytes);
        av_packet_unref(packet);
    }
    av_packet_free(&packet);
    av_bsf_free(&ctx);
}

Test(eval_codec, noise_is_that_of_ffmpegs_filter)
{
    enum { BYTES = 20000, PACKETS = 6, ALL = BYTES * PACKETS };
    static uint8_t plain[ALL], ours[ALL], theirs[ALL];
    vs_rng r = vs_rng_at(1, VS_RNG_TEST, 0);
    for (int i = 0; i < ALL; i++)
        plain[i] = (uint8_t)vs_rng_u32(&r);
    static const uint32_t amount[] = { 100000, 10000, 300, 7 };
    for (int k = 0; k < 4; k++) {
        char text[16];
        uint32_t state = 0;
        int changed = 0;
        memcpy(ours, plain, ALL);
        memcpy(theirs, plain, ALL);
        snprintf(text, sizeof(text), "%u", amount[k]);
        filter(theirs, BYTES, PACKETS, text);
        for (int i = 0; i < PACKETS; i++)
            vs_codec_noise(ours + BYTES * i, BYTES, &state, amount[k]);
        for (int i = 0; i < ALL; i++)
            changed += ours[i] != plain[i];
        cr_expect_eq(memcmp(ours, theirs, ALL), 0, "amount %u", amount[k]);
        const double expected = (double)ALL / amount[k];
        cr_expect_leq(fabs(changed - expected), 4 * sqrt(expected) + 1, "amount %u: %d of %d bytes",
                      amount[k], changed, ALL);
    }
}

/* Slices (types 1 and 5) and other units, with start codes of three and four bytes. */
Test(eval_codec, slices_are_lost_at_their_rate_and_nothing_else)
{
    enum { UNITS = 4000, BYTES = 12 };
    static const uint8_t type[] = { 1, 5, 6, 7, 0x41, 0x65, 9, 8 };
    static uint8_t plain[UNITS * BYTES], left[UNITS * BYTES];
    size_t n = 0;
    int slices = 0;
    for (int i = 0; i < UNITS; i++) {
        if (i % 3)
            plain[n++] = 0;
        memcpy(plain + n, (uint8_t[]){ 0, 0, 1, type[i % 8], 0x80, 3, (uint8_t)(i | 1) }, 7);
        n += 7;
        slices += (type[i % 8] & 31) == 1 || (type[i % 8] & 31) == 5;
    }
    vs_rng r = vs_rng_at(1, VS_RNG_TEST, 0);
    memcpy(left, plain, n);
    cr_expect_eq(vs_codec_lose(left, n, 0, &r), n);
    cr_expect_eq(memcmp(left, plain, n), 0);
    const size_t none = vs_codec_lose(left, n, 1, &r);
    int units = 0;
    for (size_t i = 0; i + 3 < none; i++)
        if (left[i] == 0 && left[i + 1] == 0 && left[i + 2] == 1) {
            units++;
            cr_expect((left[i + 3] & 31) != 1 && (left[i + 3] & 31) != 5);
        }
    cr_expect_eq(units, UNITS - slices);
    memcpy(left, plain, n);
    const size_t some = vs_codec_lose(left, n, .06, &r);
    const double lost = (double)(n - some) / (7 + 2 / 3.0), mean = .06 * slices;
    cr_expect_leq(fabs(lost - mean), 4 * sqrt(mean), "%.0f of %d lost", lost, slices);
    cr_expect_eq(vs_codec_lose(left, 0, .5, &r), 0);
}

static vs_coded coded_scene(const uint8_t *clip, int T, int H, int W)
{
    /* No frames but key frames and those that follow each other. */
    const vs_codec_settings s = { "mpeg4", .quantiser = 2 };
    vs_coded coded;
    CHECK_OK(vs_codec_encode(&coded, &s, clip, T, H, W));
    cr_assert_eq(coded.n, T);
    return coded;
}

Test(eval_codec, frames_that_are_lost_are_held)
{
    enum { T = 6, H = 48, W = 64, N = H * W * 3 };
    uint8_t *clip = scene(T, H, W), *whole = vs_new(T * N), *held = vs_new(T * N);
    int decoded;
    vs_coded coded = coded_scene(clip, T, H, W);
    CHECK_OK(vs_codec_decode(whole, &decoded, &coded, T, H, W));
    cr_expect_eq(decoded, T);
    cr_expect_gt(psnr(whole, clip, T * N), 28);        /* colours at half the size */

    av_shrink_packet(coded.packet[5], 0);
    CHECK_OK(vs_codec_decode(held, &decoded, &coded, T, H, W));
    cr_expect_eq(decoded, T - 1);
    cr_expect_eq(memcmp(held, whole, 5 * N), 0, "the frames before");
    cr_expect_eq(memcmp(held + 5 * N, whole + 4 * N, N), 0, "the last is the one before it");

    for (int i = 1; i < T; i++)                /* only the first is left, and is the third */
        av_shrink_packet(coded.packet[i], 0);
    coded.packet[0]->pts = 2;
    CHECK_OK(vs_codec_decode(held, &decoded, &coded, T, H, W));
    cr_expect_eq(decoded, 1);
    for (int t = 0; t < T; t++)
        cr_expect_eq(memcmp(held + t * N, whole, N), 0, "frame %d", t);

    av_shrink_packet(coded.packet[0], 0);
    CHECK_OK(vs_codec_decode(held, &decoded, &coded, T, H, W));
    cr_expect_eq(decoded, 0);
    for (int i = 0; i < T * N; i++)
        cr_assert_eq(held[i], 0, "nothing decodes: black");
    vs_coded_free(&coded);
    free(clip);
    free(whole);
    free(held);
}

/* ---- Levels ------------------------------------------------------------------------------- */

Test(eval_codec, quality_falls_with_severity)
{
    enum { T = 32, H = 112, W = 144, N = T * H * W * 3, SEEDS = 40 };
    uint8_t *clip = scene(T, H, W), *out = vs_new(N);
    for (int k = 0; k < NAMES; k++) {
        const vs_corruption *c;
        CHECK_OK(vs_corruption_find(&c, names[k]));
        const bool damage = c->random;
        double last = 0, first = 0;
        for (int severity = 1; severity <= VS_SEVERITIES; severity++) {
            double quality = 0;
            for (uint64_t seed = 0; seed < (damage ? SEEDS : 1); seed++) {
                corrupt(out, names[k], severity, clip, T, H, W, seed);
                quality += psnr(out, clip, N) / (damage ? SEEDS : 1);
            }
            first = severity == 1 ? quality : first;
            /* Chance may let two neighbours of the damaged ones change places by a little. */
            if (severity > 1)
                cr_expect_lt(quality, last + (damage ? .5 : 0), "%s: %.2f dB at %d, %.2f before",
                             names[k], quality, severity, last);
            last = quality;
        }
        cr_expect_lt(last, first - 1, "%s: %.2f dB, then %.2f", names[k], first, last);
        cr_expect_gt(first, 20, "%s severity 1: %.2f dB", names[k], first);
    }
    free(clip);
    free(out);
}

/* What cannot be had as it is, is the upper left of the continued picture. */
Test(eval_codec, odd_and_small_sizes_are_continued_and_cut)
{
    static const int size[][4] = { { 33, 47, 34, 48 }, { 18, 19, 18, 20 }, { 1, 1, 16, 16 },
                                   { 7, 90, 16, 90 } };
    enum { T = 5 };
    for (int k = 0; k < NAMES; k++)
        for (int i = 0; i < 4; i++) {
            const bool x265 = strcmp(names[k], "h265_crf") == 0;
            const int H = size[i][0], W = size[i][1];
            const int h = x265 && size[i][2] < 66 ? 66 : size[i][2];
            const int w = x265 && size[i][3] < 66 ? 66 : size[i][3];
            uint8_t *clip = scene(T, H, W), *more = vs_new((size_t)T * h * w * 3);
            uint8_t *a = vs_new((size_t)T * H * W * 3), *b = vs_new((size_t)T * h * w * 3);
            for (int t = 0; t < T; t++)
                for (int y = 0; y < h; y++)
                    for (int x = 0; x < w; x++)
                        memcpy(more + ((size_t)(t * h + y) * w + x) * 3,
                               clip + ((size_t)(t * H + (y < H ? y : H - 1)) * W +
                                       (x < W ? x : W - 1)) * 3, 3);
            corrupt(a, names[k], 5, clip, T, H, W, 3);
            corrupt(b, names[k], 5, more, T, h, w, 3);
            /* In the last odd column and row, chroma has no neighbour to lean to. */
            for (int t = 0; t < T; t++)
                for (int y = 0; y < H - 1; y++)
                    cr_expect_eq(memcmp(a + (size_t)(t * H + y) * W * 3,
                                        b + (size_t)(t * h + y) * w * 3, (size_t)(W - 1) * 3), 0,
                                 "%s, %d x %d, frame %d, row %d", names[k], W, H, t, y);
            free(clip);
            free(more);
            free(a);
            free(b);
        }
}

/* ---- The same bytes ------------------------------------------------------------------------ */

struct shared {
    const uint8_t *clip;
    uint8_t *out;
};
enum { ST = 12, SH = 66, SW = 90, SN = ST * SH * SW * BYTES_A_PIXEL, JOBS = NAMES * 6 };

static void one_clip(void *ctx, int64_t i, int worker)
{
    const struct shared *s = ctx;
    corrupt(s->out + (size_t)i * SN, names[i % NAMES], 2 + (int)i % 4, s->clip, ST, SH, SW,
            (uint64_t)i);
}

Test(eval_codec, many_at_once_give_what_one_after_the_other_gives)
{
    uint8_t *clip = scene(ST, SH, SW), *alone = vs_new((size_t)JOBS * SN);
    uint8_t *together = vs_new((size_t)JOBS * SN);
    vs_pool *pool;
    for (int i = 0; i < JOBS; i++)
        one_clip(&(struct shared){ clip, alone }, i, 0);
    CHECK_OK(vs_pool_open(&pool, 5, 0));
    vs_pool_each(pool, JOBS, one_clip, &(struct shared){ clip, together });
    vs_pool_close(&pool);
    for (int i = 0; i < JOBS; i++)
        cr_expect_eq(memcmp(alone + (size_t)i * SN, together + (size_t)i * SN, SN), 0, "%s, job %d",
                     names[i % NAMES], i);
    free(clip);
    free(alone);
    free(together);
}

Test(eval_codec, damage_follows_the_seed)
{
    uint8_t *clip = scene(ST, SH, SW), *first = vs_new(SN), *other = vs_new(SN);
    for (int k = 0; k < NAMES; k++) {
        const vs_corruption *c;
        int differ = 0;
        CHECK_OK(vs_corruption_find(&c, names[k]));
        corrupt(first, names[k], 5, clip, ST, SH, SW, 0);
        for (uint64_t seed = 1; seed < 40; seed++) {
            corrupt(other, names[k], 5, clip, ST, SH, SW, seed);
            differ += memcmp(first, other, SN) != 0;
            if (!c->random && seed == 3)
                break;
        }
        cr_expect_eq(differ > 0, c->random, "%s: %d differ", names[k], differ);
    }
    free(clip);
    free(first);
    free(other);
}

/* ---- Planes -------------------------------------------------------------------------------- */

static double there(double v)
{
    return v < 0 ? 0 : v > 255 ? 255 : v;
}

Test(eval_codec, planes_become_the_colours_of_bt601)
{
    enum { H = 7, W = 11, CH = 4, CW = 6 };
    uint8_t y[H * W], u[CH * CW], v[CH * CW], rgb[H * W * 3];
    vs_rng r = vs_rng_at(5, VS_RNG_TEST, 0);
    double worst = 0;
    for (int i = 0; i < H * W; i++)
        y[i] = (uint8_t)vs_rng_u32(&r);
    for (int i = 0; i < CH * CW; i++) {
        u[i] = (uint8_t)vs_rng_u32(&r);
        v[i] = (uint8_t)vs_rng_u32(&r);
    }
    const uint8_t *const plane[3] = { y, u, v };
    CHECK_OK(vs_planes_to_rgb(rgb, plane, (int[]){ W, CW, CW }, H, W));
    for (int h = 0; h < H; h++)
        for (int w = 0; w < W; w++) {
            /* Linear between the middles of blocks, ends held; in sixteenths, rounded. */
            const int near[2] = { h / 2, w / 2 };
            int far[2] = { h % 2 ? near[0] + 1 : near[0] - 1, w % 2 ? near[1] + 1 : near[1] - 1 };
            far[0] = far[0] < 0 ? 0 : far[0] >= CH ? CH - 1 : far[0];
            far[1] = far[1] < 0 ? 0 : far[1] >= CW ? CW - 1 : far[1];
            double chroma[2];
            for (int k = 0; k < 2; k++) {
                const uint8_t *p = k ? v : u;
                chroma[k] = floor((9 * p[near[0] * CW + near[1]] + 3 * p[far[0] * CW + near[1]] +
                                   3 * p[near[0] * CW + far[1]] + p[far[0] * CW + far[1]] + 8) /
                                  16.0) - 128;
            }
            const double grey = 255 / 219.0 * (y[h * W + w] - 16);
            const double want[3] = { there(grey + 1.596027 * chroma[1]),
                                     there(grey - .391762 * chroma[0] - .812968 * chroma[1]),
                                     there(grey + 2.017232 * chroma[0]) };
            for (int k = 0; k < 3; k++)
                worst = fmax(worst, fabs(rgb[3 * (h * W + w) + k] - want[k]));
        }
    cr_expect_lt(worst, .51, "off by %.3f", worst);
}

Test(eval_codec, an_unknown_encoder_is_missing)
{
    vs_coded coded;
    uint8_t pixel[3] = { 0 };
    const vs_codec_settings s = { "libnothing", .crf = 1 };
    cr_expect_not_null(vs_codec_missing("libnothing"));
    cr_expect_null(vs_codec_missing("mpeg4"));
    CHECK_FAILS(vs_codec_encode(&coded, &s, pixel, 1, 1, 1), VS_ERR_UNSUPPORTED, "its encoder");
    vs_coded_free(&coded);
}
