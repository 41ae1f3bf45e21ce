/* The table of corruptions, and the lists of them that may be asked for by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/mem.h"
#include "eval/kinds.h"

/* ---- The table -------------------------------------------------------------------------- */

#define SCHIAPPA "Schiappa et al., CVPR 2023 (UCF101-P, HMDB51-P, Kinetics400-P, SSv2-P)"
#define YI "Yi et al., NeurIPS 2021 (Mini Kinetics-C, SSv2-C)"
#define HENDRYCKS "Hendrycks & Dietterich, ICLR 2019 (ImageNet-C)"
#define FORK "the evaluation code of arXiv 2410.24213"

/* Five severities, of one number. */
#define L1(a, b, c, d, e) { { a }, { b }, { c }, { d }, { e } }
#define BOTH(...) { __VA_ARGS__, __VA_ARGS__ }
#define PICTURE .through_image = true
#define STREAM .stream = true

static const vs_corruption table[] = {
    { "gaussian_noise", "noise", "x + N(0, s), every value on its own", "sigma, of 0..1", 1,
      BOTH(L1(.08, .12, .18, .26, .38)), .random = true, PICTURE, .source = SCHIAPPA,
      .kind = &vs_kind_gaussian },
    { "shot_noise", "noise", "Poisson(c x) / c", "photons at white", 1,
      BOTH(L1(250, 100, 50, 30, 15)), .random = true, PICTURE, .source = SCHIAPPA,
      .kind = &vs_kind_shot },
    { "impulse_noise", "noise", "black or white, half each, for a fraction of the values",
      "fraction", 1, BOTH(L1(.03, .06, .09, .17, .27)), .random = true, PICTURE,
      .source = SCHIAPPA, .kind = &vs_kind_impulse },
    { "shot_noise_c", "noise", "Poisson(c x) / c, stronger", "photons at white", 1,
      BOTH(L1(60, 25, 12, 5, 3)), .random = true, PICTURE, .source = YI, .kind = &vs_kind_shot },
    { "speckle_noise", "noise", "x + x N(0, s)", "sigma, of x", 1,
      { L1(.15, .20, .25, .30, .35), L1(.15, .2, .35, .45, .6) }, .variants = true,
      .other = VS_VARIANT_IMAGENET, .random = true, PICTURE, .source = SCHIAPPA,
      .kind = &vs_kind_speckle },
    { "defocus_blur", "blur", "disk kernel, smoothed", "radius, sigma of smoothing", 2,
      BOTH({ { 3, .1 }, { 4, .5 }, { 6, .5 }, { 8, .5 }, { 10, .5 } }), PICTURE,
      .source = SCHIAPPA, .kind = &vs_kind_defocus },
    { "motion_blur", "blur", "one-sided trail at an angle drawn from -45..45 degrees per frame",
      "radius, sigma in pixels", 2,
      BOTH({ { 10, 3 }, { 15, 5 }, { 15, 8 }, { 15, 12 }, { 20, 15 } }), .random = true, PICTURE,
      .source = SCHIAPPA, .kind = &vs_kind_motion },
    { "zoom_blur", "blur", "mean of the frame and its central zooms", "largest zoom, step", 2,
      BOTH({ { 1.11, .01 }, { 1.16, .01 }, { 1.21, .02 }, { 1.26, .02 }, { 1.31, .03 } }),
      PICTURE, .source = SCHIAPPA, .kind = &vs_kind_zoom },
    { "glass_blur", "blur", "blurred, pixels moved about, blurred again",
      "sigma, pixels moved, passes", 3,
      BOTH({ { .7, 1, 2 }, { .9, 2, 1 }, { 1, 2, 3 }, { 1.1, 3, 2 }, { 1.5, 4, 2 } }),
      .random = true, PICTURE, .source = FORK, .kind = &vs_kind_glass },
    { "gaussian_blur", "blur", "Gaussian, cut at 4 sigma", "sigma in pixels", 1,
      BOTH(L1(1, 2, 3, 4, 6)), PICTURE, .source = HENDRYCKS, .kind = &vs_kind_gaussian_blur },
    { "temporal_motion_blur", "blur",
      "mean of frames t - n to t + n - 1, those that exist, at the video's own rate", "n", 1,
      { L1(3, 5, 7, 9, 11), L1(1, 2, 3, 4, 6) }, .variants = true, .other = VS_VARIANT_SSV2,
      .stream = true, .source = YI, .kind = &vs_kind_exposure },
    { "jpeg", "digital", "JPEG, baseline, 4:2:0", "quality", 1, BOTH(L1(25, 18, 15, 10, 7)),
      PICTURE, .source = SCHIAPPA, .kind = &vs_kind_jpeg },
    { "pixelate", "digital", "to a part of the size and back", "part", 1,
      BOTH(L1(.6, .5, .4, .3, .25)), PICTURE, .source = HENDRYCKS, .kind = &vs_kind_pixelate },
    { "elastic", "digital",
      "bent by a random affine map and a smooth field, one for the clip; times 244 pixels of 224",
      "shift, its smoothness, move of corners", 3,
      BOTH({ { 2, .7, .1 }, { 2, .08, .2 }, { .05, .01, .02 }, { .07, .01, .02 },
             { .12, .01, .02 } }),
      .random = true, PICTURE, .source = HENDRYCKS, .kind = &vs_kind_elastic },
    { "mpeg1", "digital", "through mpeg2video -q:v; the encoder takes no quantiser above 31",
      "q", 1, BOTH(L1(20, 40, 60, 80, 100)), STREAM, .source = SCHIAPPA, .kind = &vs_kind_mpeg1 },
    { "mpeg2", "digital", "through mpeg4 -q:v; the encoder takes no quantiser above 31", "q", 1,
      BOTH(L1(15, 30, 45, 60, 75)), STREAM, .source = SCHIAPPA, .kind = &vs_kind_mpeg2 },
    { "h264_crf", "codec", "through libx264", "crf", 1, BOTH(L1(23, 30, 37, 44, 51)), STREAM,
      .source = YI, .kind = &vs_kind_h264_crf },
    { "h264_abr", "codec", "through libx264 at a part of the bit rate of crf 23", "divisor", 1,
      BOTH(L1(2, 4, 8, 16, 32)), STREAM, .source = YI, .kind = &vs_kind_h264_abr },
    { "h265_crf", "codec", "through libx265", "crf", 1, BOTH(L1(27, 33, 39, 45, 51)), STREAM,
      .source = YI, .kind = &vs_kind_h265_crf },
    { "bit_error", "codec", "a byte of n changed in H.264 of crf 23, decoded with concealment", "n",
      1, BOTH(L1(100000, 50000, 30000, 20000, 10000)), .random = true, STREAM, .source = YI,
      .kind = &vs_kind_bit_error },
    { "packet_loss", "codec", "packets of 1400 bytes of H.264 lost, decoded with concealment",
      "percent", 1, BOTH(L1(1, 2, 3, 4, 6)), .random = true, STREAM, .source = YI,
      .kind = &vs_kind_packet_loss },
    { "contrast", "colour", "(x - mean) c + mean, channel by channel", "c", 1,
      { L1(.5, .4, .3, .2, .1), L1(.4, .3, .2, .1, .05) }, .variants = true,
      .other = VS_VARIANT_IMAGENET, PICTURE, .source = YI, .kind = &vs_kind_contrast },
    { "brightness", "colour", "value of HSV + c", "c", 1, BOTH(L1(.1, .2, .3, .4, .5)), PICTURE,
      .source = YI, .kind = &vs_kind_brightness },
    { "saturate", "colour", "saturation of HSV * a + b", "a, b", 2,
      BOTH({ { .3, 0 }, { .1, 0 }, { 2, 0 }, { 5, .1 }, { 20, .2 } }), PICTURE, .source = YI,
      .kind = &vs_kind_saturate },
    { "rain", "weather",
      "streaks of grey 220, anew for every frame or (--falling-rain) falling; contrast * d",
      "length, d, area per streak", 3,
      BOTH({ { 10, .8, 770 }, { 30, .8, 770 }, { 60, .7, 770 }, { 60, .6, 500 }, { 80, .5, 400 } }),
      .random = true, PICTURE, .source = YI, .kind = &vs_kind_rain },
    { "fog", "weather", "(x + c plasma) m / (m + c), m the brightest; one fractal for the clip",
      "c, decay of the fractal", 2,
      BOTH({ { 1.5, 2 }, { 2, 2 }, { 2.5, 1.7 }, { 2.5, 1.5 }, { 3, 1.4 } }), .random = true,
      PICTURE, .source = YI, .kind = &vs_kind_fog },
    { "snow", "weather", "flakes that fall along their streaks; the picture whitened",
      "mean, deviation, zoom, threshold, streak radius, streak sigma, picture kept", 7,
      BOTH({ { .1, .3, 3, .5, 10, 4, .8 }, { .2, .3, 2, .5, 12, 4, .7 },
             { .55, .3, 4, .9, 12, 8, .7 }, { .55, .3, 4.5, .85, 12, 8, .65 },
             { .55, .3, 2.5, .85, 12, 12, .55 } }), .random = true, PICTURE, .source = HENDRYCKS,
      .kind = &vs_kind_snow },
    { "frost", "weather", "a v + b ice; ferns of ice grown here, one pane for the clip", "a, b", 2,
      BOTH({ { 1, .4 }, { .8, .6 }, { .7, .7 }, { .65, .7 }, { .6, .75 } }), .random = true,
      PICTURE, .source = HENDRYCKS, .kind = &vs_kind_frost },
    { "spatter", "weather", "drops of water, then of mud, that stay on the lens",
      "mean, deviation, sigma, threshold, strength, mud", 6,
      BOTH({ { .65, .3, 4, .69, .6, 0 }, { .65, .3, 3, .68, .6, 0 }, { .65, .3, 2, .68, .5, 0 },
             { .65, .3, 1, .65, 1.5, 1 }, { .67, .4, 1, .65, 1.5, 1 } }), .random = true, PICTURE,
      .source = HENDRYCKS, .kind = &vs_kind_spatter },
    { "static_rotate", "camera", "the clip turned counter-clockwise, nearest pixel, black corners",
      "degrees", 1, BOTH(L1(7.5, 15, 30, 45, 90)), PICTURE, .source = SCHIAPPA,
      .kind = &vs_kind_static_rotate },
    { "rotate", "camera", "a new whole angle from -n..n degrees for every frame", "degrees", 1,
      { L1(7, 13, 19, 25, 31), L1(6, 12, 18, 24, 30) }, .variants = true, .random = true, PICTURE,
      .source = SCHIAPPA, .kind = &vs_kind_rotate },
    { "translate", "camera",
      "moved up and left by 0..n-1 pixels, the rest black; once per clip, vlmr: per frame",
      "pixels", 1, BOTH(L1(8, 16, 24, 32, 40)), .variants = true, .random = true,
      .source = SCHIAPPA, .kind = &vs_kind_translate },
    { "sampling", "temporal",
      "every n-th frame, shorter; vlmr: each kept frame n times", "n", 1,
      BOTH(L1(2, 4, 8, 16, 32)), .variants = true, .temporal = true, .source = SCHIAPPA,
      .kind = &vs_kind_sampling },
    { "reverse_sampling", "temporal",
      "every n-th frame, backwards; vlmr: each kept frame n times", "n", 1,
      BOTH(L1(2, 4, 8, 16, 32)), .variants = true, .temporal = true, .source = SCHIAPPA,
      .kind = &vs_kind_reverse_sampling },
    { "jumble", "temporal", "shuffled inside blocks of n frames", "n", 1,
      { L1(32, 16, 8, 4, 2), L1(4, 8, 16, 32, 64) }, .variants = true, .temporal = true,
      .random = true, .source = SCHIAPPA, .kind = &vs_kind_jumble },
    { "box_jumble", "temporal", "blocks of n frames in shuffled order", "n", 1,
      { L1(4, 9, 16, 25, 36), L1(2, 4, 8, 16, 32) }, .variants = true, .temporal = true,
      .random = true, .source = SCHIAPPA, .kind = &vs_kind_box_jumble },
    { "freeze", "temporal", "random frames kept, each held until the next",
      "fraction kept, at least", 2, { { { .4, 1 }, { .2, 1 }, { .1, 1 }, { .05, 2 }, { 0, 1 } },
           { { .4, 1 }, { .2, 1 }, { .1, 1 }, { .05, 2 }, { .1, 1 } } }, .variants = true,
      .temporal = true, .random = true, .source = SCHIAPPA, .kind = &vs_kind_freeze },
    { "frame_rate", "temporal", "shown at n frames per second, each held until the next",
      "frames per second", 1, { L1(20, 16, 12, 9, 6), L1(10, 8, 6, 4, 2) }, .variants = true,
      .other = VS_VARIANT_SSV2, .temporal = true, .stream = true, .source = YI,
      .kind = &vs_kind_frame_rate },
};
#define TABLE_SIZE ((int)(sizeof(table) / sizeof(*table)))

/* Comma-separated; NULL stands for the whole table. */
static const struct preset {
    const char *name, *list;
} presets[] = {
    { "ucf101-p14", "translate,static_rotate,rotate,shot_noise,speckle_noise,gaussian_noise,"
                    "impulse_noise,defocus_blur,zoom_blur,jpeg,freeze,box_jumble,jumble,"
                    "reverse_sampling" },
    { "ucf101-p", "gaussian_noise,shot_noise,impulse_noise,speckle_noise,defocus_blur,motion_blur,"
                  "zoom_blur,jpeg,mpeg1,mpeg2,static_rotate,rotate,translate,sampling,"
                  "reverse_sampling,jumble,box_jumble,freeze" },
    { "kinetics-c", "shot_noise_c,temporal_motion_blur,rain,contrast,brightness,saturate,fog,"
                    "bit_error,packet_loss,h264_crf,h265_crf,frame_rate" },
    { "imagenet-c", "gaussian_noise,shot_noise_c,impulse_noise,speckle_noise,defocus_blur,"
                    "motion_blur,zoom_blur,glass_blur,gaussian_blur,jpeg,pixelate,elastic,contrast,"
                    "brightness,saturate,fog,snow,frost,spatter" },
    { "all", NULL },
};
#define PRESETS ((int)(sizeof(presets) / sizeof(*presets)))

int vs_corruption_count(void)
{
    return TABLE_SIZE;
}

const vs_corruption *vs_corruption_at(int i)
{
    VS_ASSERT(i >= 0 && i < TABLE_SIZE);
    return &table[i];
}

static int find(const char *name)
{
    for (int i = 0; i < TABLE_SIZE; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

static vs_err unknown(const char *name, bool with_presets)
{
    const char *names[TABLE_SIZE + PRESETS];
    char list[2048] = "";
    int n = 0;
    for (int i = 0; i < TABLE_SIZE; i++)
        names[n++] = table[i].name;
    for (int i = 0; with_presets && i < PRESETS; i++)
        names[n++] = presets[i].name;
    const char *near = vs_nearest(name, names, n);
    if (near)
        return VS_FAIL(VS_ERR_USAGE, "unknown corruption \"%s\", did you mean %s?", name, near);
    for (int i = 0; i < n; i++) {
        const size_t at = strlen(list);
        snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "", names[i]);
    }
    return VS_FAIL(VS_ERR_USAGE, "unknown corruption \"%s\", expected one of %s", name, list);
}

vs_err vs_corruption_find(const vs_corruption **out, const char *name)
{
    const int i = find(name);
    if (i < 0)
        return unknown(name, false);
    *out = &table[i];
    return VS_OK;
}

const char *vs_corruption_variant(const vs_corruption *c, int variant)
{
    static const char *const other[] = { "vlmr", "vlmr", "ssv2", "imagenet" };
    return variant ? other[c->other] : strcmp(c->source, YI) == 0 ? "kinetics" : "arre";
}

int vs_corruption_slot(const vs_corruption *c, vs_variant variant)
{
    return c->variants && variant == (c->other ? c->other : VS_VARIANT_VLMR);
}

const char *vs_corruption_missing(const vs_corruption *c)
{
    return c->kind->missing ? c->kind->missing() : NULL;
}

vs_err vs_corruption_check(const vs_corruption *c)
{
    const char *why = vs_corruption_missing(c);
    return why ? VS_FAIL(VS_ERR_UNSUPPORTED, "%s: %s", c->name, why) : VS_OK;
}

/* Marks the corruptions of a list of names and presets. */
static vs_err mark(bool *wanted, const char *list)
{
    char name[64];
    while (*list) {
        const size_t n = strcspn(list, ",");
        snprintf(name, sizeof(name), "%.*s", (int)n, list);
        list += n + (list[n] == ',');
        const int i = find(name);
        int p = 0;
        while (i < 0 && p < PRESETS && strcmp(presets[p].name, name) != 0)
            p++;
        if (i >= 0)
            wanted[i] = true;
        else if (p == PRESETS)
            return unknown(name, true);
        else if (presets[p].list)
            VS_TRY(mark(wanted, presets[p].list));
        else
            for (int k = 0; k < TABLE_SIZE; k++)
                wanted[k] = wanted[k] || !vs_corruption_missing(&table[k]);
    }
    return VS_OK;
}

vs_err vs_corruption_pick(const vs_corruption **picked, int *n, const char *list)
{
    bool wanted[TABLE_SIZE] = { false };
    *n = 0;
    VS_TRY(mark(wanted, list));
    for (int i = 0; i < TABLE_SIZE; i++)
        if (wanted[i]) {
            VS_TRY(vs_corruption_check(&table[i]));
            picked[(*n)++] = &table[i];
        }
    return *n ? VS_OK : VS_FAIL(VS_ERR_USAGE, "--corruptions: the list is empty");
}

static vs_err parse_severities(bool wanted[VS_SEVERITIES + 1], const char *list)
{
    const char *at = list;
    while (*at >= '1' && *at <= '5' && (at[1] == ',' || !at[1])) {
        wanted[*at - '0'] = true;
        if (!at[1])
            return VS_OK;
        at += 2;
    }
    return VS_FAIL(VS_ERR_USAGE, "--severities: expected numbers of 1..5 such as 1,3,5, got \"%s\"",
                   list);
}

vs_err vs_cells_pick(vs_cell_plan **cell, int *cells, int *picked, const char *corruptions,
                     const char *severities)
{
    const vs_corruption *list[TABLE_SIZE];
    bool wanted[VS_SEVERITIES + 1] = { false };
    int n;
    VS_TRY(vs_corruption_pick(list, &n, corruptions));
    VS_TRY(parse_severities(wanted, severities));
    for (int i = 0; i < n; i++)
        for (int severity = 1; severity <= VS_SEVERITIES; severity++)
            if (wanted[severity])
                VS_PUSH(*cell, *cells, ((vs_cell_plan){ list[i], severity }));
    if (picked)
        *picked = n;
    return VS_OK;
}
