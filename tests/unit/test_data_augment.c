/* RandAugment against Pillow; mixup, cutmix, erasing and repeated views by their properties. */
#include "base/safetensors.h"
#include "tests/store.h"
#include "train/data/augment.h"
#include "train/data/mix.h"

static vs_rng draw(uint64_t i)
{
    return vs_rng_at(11, VS_RNG_TEST, i);
}

/* ---- RandAugment ---------------------------------------------------------------------- */

static vs_rand_step step_of(const char *text)
{
    vs_rand_step step = { VS_RAND_OPS, 0 };
    const char *colon = strchr(text, ':');
    cr_assert(colon);
    for (int op = 0; op < VS_RAND_OPS; op++)
        if (strncmp(text, vs_rand_name((vs_rand_op)op), (size_t)(colon - text)) == 0 &&
            strlen(vs_rand_name((vs_rand_op)op)) == (size_t)(colon - text))
            step = (vs_rand_step){ (vs_rand_op)op, strtod(colon + 1, NULL) };
    cr_assert_neq(step.op, VS_RAND_OPS, "%s is no operation", text);
    return step;
}

Test(data_augment, operations_equal_pillow_byte_for_byte)
{
    char *path = check_golden("augment/randaugment.safetensors");
    vs_safetensors *file;
    CHECK_OK(vs_safetensors_open(&file, path));
    const vs_tensor *frame = vs_safetensors_find(file, "frame");
    cr_assert(frame);
    const int H = (int)frame->shape[0], W = (int)frame->shape[1], n = 3 * W * H;
    uint8_t *got = vs_new((size_t)n), *tmp = vs_new((size_t)n);
    int seen[VS_RAND_OPS] = { 0 };
    for (int i = 0; i < vs_safetensors_count(file); i++) {
        const vs_tensor *want = vs_safetensors_at(file, i);
        if (want == frame)
            continue;
        const vs_rand_step step = step_of(want->name);
        seen[step.op]++;
        memcpy(got, frame->data, (size_t)n);
        vs_rand_apply(got, tmp, W, H, step);
        int differ = 0;
        for (int k = 0; k < n; k++)
            differ += got[k] != ((const uint8_t *)want->data)[k];
        cr_expect_eq(differ, 0, "%s: %d of %d values differ", want->name, differ, n);
    }
    for (int op = 0; op < VS_RAND_OPS; op++)
        cr_expect_gt(seen[op], 0, "no golden frame of %s", vs_rand_name((vs_rand_op)op));
    free(got);
    free(tmp);
    free(path);
    vs_safetensors_close(&file);
}

Test(data_augment, arguments_at_magnitude_seven)
{
    static const double want[VS_RAND_OPS] = { 0, 0, 0, 21, 2, 77, 77, 1.63, 1.63, 1.63, 1.63,
                                              0.21, 0.21, 0.315, 0.315 };
    for (int op = 0; op < VS_RAND_OPS; op++)
        cr_expect(fabs(vs_rand_argument((vs_rand_op)op, 7, false) - want[op]) < 1e-12, "%s: %g",
                  vs_rand_name((vs_rand_op)op), vs_rand_argument((vs_rand_op)op, 7, false));
    cr_expect_float_eq(vs_rand_argument(VS_RAND_ROTATE, 7, true), -21, 1e-12);
    cr_expect_float_eq(vs_rand_argument(VS_RAND_COLOR, 7, true), 0.37, 1e-12);
}

Test(data_augment, settings_are_parsed_and_refused)
{
    vs_randaugment r;
    CHECK_OK(vs_randaugment_parse(&r, "rand-m7-n4-mstd0.5-inc1"));
    cr_expect(r.n == 4 && r.magnitude == 7 && r.std == 0.5);
    CHECK_OK(vs_randaugment_parse(&r, "none"));
    cr_expect_eq(r.n, 0);
    CHECK_FAILS(vs_randaugment_parse(&r, "rand-m11-n4"), VS_ERR_USAGE, "at \"m11-n4\"");
    CHECK_FAILS(vs_randaugment_parse(&r, "rand-m7-inc0"), VS_ERR_USAGE, "at \"inc0\"");
    CHECK_FAILS(vs_randaugment_parse(&r, "rand-m7-n0"), VS_ERR_USAGE, "at \"n0\"");
    CHECK_FAILS(vs_randaugment_parse(&r, "augmix"), VS_ERR_USAGE, "augmix");
    CHECK_FAILS(vs_randaugment_parse(&r, ""), VS_ERR_USAGE, "expected none or");
}

Test(data_augment, draws_have_the_stated_chances)
{
    enum { DRAWS = 20000 };
    const vs_randaugment settings = { 4, 7, 0.5 };
    int count[VS_RAND_OPS] = { 0 }, negative = 0, turned = 0;
    double sum = 0, squares = 0;
    for (int d = 0; d < DRAWS; d++) {
        vs_rand_step step[VS_RAND_MOST];
        vs_rng rng = draw((uint64_t)d);
        const int n = vs_randaugment_draw(step, &settings, &rng);
        cr_assert(n >= 0 && n <= 4);
        for (int i = 0; i < n; i++) {
            count[step[i].op]++;
            if (step[i].op == VS_RAND_ROTATE) {
                const double m = fabs(step[i].arg) / 3;
                negative += step[i].arg < 0;
                turned++;
                sum += m;
                squares += m * m;
            }
        }
    }
    const double p = 0.5 / VS_RAND_OPS, mean = 4 * DRAWS * p;
    for (int op = 0; op < VS_RAND_OPS; op++)
        cr_expect(fabs(count[op] - mean) < 5 * sqrt(mean * (1 - p)), "%s: %d times",
                  vs_rand_name((vs_rand_op)op), count[op]);
    cr_expect(fabs(negative - 0.5 * turned) < 5 * sqrt(0.25 * turned), "%d of %d", negative,
              turned);
    const double m = sum / turned;
    cr_expect(fabs(m - 7) < 5 * 0.5 / sqrt(turned), "mean magnitude %g", m);
    cr_expect(fabs(sqrt(squares / turned - m * m) - 0.5) < 0.03);
}

/* ---- Mixup and cutmix ------------------------------------------------------------------- */

enum { B = 6, T = 2, H = 20, W = 24, CLIP = T * H * W * 3, CLASSES = 5 };

/* Clip b is 40 * b + 10 everywhere, so that a value tells what it was made of. */
static void fill_clips(uint8_t *frames)
{
    for (int b = 0; b < B; b++)
        memset(frames + b * CLIP, 40 * b + 10, CLIP);
}

static void expect_targets(const vs_mix_part *part)
{
    static const int label[B] = { 0, 1, 2, 3, 4, 0 };
    float target[B * CLASSES];
    vs_mix_targets(target, part, label, B, CLASSES, 0.1f);
    for (int b = 0; b < B; b++) {
        double want[CLASSES], sum = 0;
        for (int c = 0; c < CLASSES; c++)
            want[c] = 0.1 / CLASSES;
        want[label[b]] += 0.9 * part[b].keep;
        want[label[B - 1 - b]] += 0.9 * (1 - part[b].keep);
        for (int c = 0; c < CLASSES; c++) {
            cr_assert(fabs((double)target[b * CLASSES + c] - want[c]) < 1e-6);
            sum += (double)target[b * CLASSES + c];
        }
        cr_assert(fabs(sum - 1) < 1e-6);
    }
}

/* Every value is what its clip and the mirrored one give with the part's share or box. */
static void expect_frames(const uint8_t *frames, const vs_mix_part *part)
{
    for (int b = 0; b < B; b++) {
        const int own = 40 * b + 10, other = 40 * (B - 1 - b) + 10;
        int replaced = 0;
        for (int i = 0; i < CLIP; i += 3) {
            const int x = i / 3 % W, y = i / 3 / W % H, v = frames[b * CLIP + i];
            const vs_mix_part *p = &part[b];
            const bool in = x >= p->x && x < p->x + p->w && y >= p->y && y < p->y + p->h;
            if (p->w == 0)
                cr_assert(fabs(v - (p->keep * own + (1 - p->keep) * other)) <= 0.51, "clip %d", b);
            else
                cr_assert_eq(v, in ? other : own, "clip %d at %d,%d", b, x, y);
            replaced += in;
        }
        if (part[b].w > 0)
            cr_assert(fabs(1 - (double)replaced / (T * H * W) - part[b].keep) < 1e-12);
    }
}

Test(data_augment, every_mode_mixes_frames_and_targets_alike)
{
    static uint8_t frames[B * CLIP];
    vs_blend blend[B];
    vs_device *dev;
    CHECK_OK(vs_device_open_cpu(&dev, 2));
    for (int mode = VS_MIX_BATCH; mode <= VS_MIX_ELEM; mode++) {
        const vs_mix mix = { 0.8, 1.0, 0.9, 0.5, mode };
        int cut = 0, blended = 0, alone = 0, same = 0;
        for (uint64_t d = 0; d < 300; d++) {
            vs_mix_part part[B];
            vs_rng rng = draw(d);
            vs_mix_draw(part, &mix, B, W, H, &rng);
            fill_clips(frames);
            vs_mix_blend(blend, part, B);
            vs_ops_cpu.mix_clips(dev, frames, blend, B, T, H, W);
            expect_frames(frames, part);
            expect_targets(part);
            same += memcmp(&part[0], &part[B - 1], sizeof(*part)) == 0;
            for (int b = 0; b < B; b++) {
                cut += part[b].w > 0;
                blended += part[b].w == 0 && part[b].keep < 1;
                alone += part[b].keep >= 1;
                cr_assert(mode != VS_MIX_BATCH || memcmp(part, &part[b], sizeof(*part)) == 0);
            }
        }
        cr_expect(cut > 600 && cut < 1000, "mode %d: %d cut", mode, cut);
        cr_expect(blended > 600 && blended < 1000, "mode %d: %d blended", mode, blended);
        cr_expect(alone > 90 && alone < 360, "mode %d: %d alone", mode, alone);
        cr_expect(mode == VS_MIX_ELEM ? same < 20 : same == 300, "mode %d: %d same", mode, same);
    }
    vs_device_close(&dev);
}

Test(data_augment, mixing_can_be_off)
{
    const vs_mix none = { 0, 0, 1, 0.5, VS_MIX_BATCH }, only_cut = { 0, 1, 1, 0, VS_MIX_ELEM };
    for (uint64_t d = 0; d < 200; d++) {
        vs_mix_part part[B];
        vs_rng rng = draw(d);
        vs_mix_draw(part, &none, B, W, H, &rng);
        cr_assert(part[0].keep == 1 && part[0].w == 0);
        vs_mix_draw(part, &only_cut, B, W, H, &rng);
        for (int b = 0; b < B; b++)
            cr_assert(part[b].w > 0 || part[b].keep == 1);
    }
}

Test(data_augment, beta_has_its_moments)
{
    static const double alphas[] = { 0.2, 0.8, 1, 3 };
    enum { DRAWS = 40000 };
    for (int k = 0; k < 4; k++) {
        const double a = alphas[k], variance = 1 / (4 * (2 * a + 1));
        double sum = 0, squares = 0;
        for (int d = 0; d < DRAWS; d++) {
            vs_rng rng = draw((uint64_t)d);
            const double x = vs_draw_beta(&rng, a);
            cr_assert(x >= 0 && x <= 1);
            sum += x - 0.5;
            squares += (x - 0.5) * (x - 0.5);
        }
        cr_expect(fabs(sum / DRAWS) < 5 * sqrt(variance / DRAWS), "Beta(%g): mean off", a);
        cr_expect(fabs(squares / DRAWS / variance - 1) < 0.03, "Beta(%g): variance off", a);
    }
}

/* ---- Erasing ------------------------------------------------------------------------------ */

Test(data_augment, erasing_keeps_its_limits)
{
    enum { DRAWS = 4000, S = 112 };
    int erased = 0;
    for (uint64_t d = 0; d < DRAWS; d++) {
        vs_rng rng = draw(d);
        const vs_box box = vs_erase_draw(0.25, S, S, &rng);
        if (box.w == 0)
            continue;
        erased++;
        const double area = (double)box.w * box.h / (S * S), aspect = (double)box.h / box.w;
        cr_assert(box.x >= 0 && box.y >= 0 && box.x + box.w <= S && box.y + box.h <= S);
        cr_assert(area > 0.018 && area < 0.345, "area %g", area);
        cr_assert(aspect > 0.27 && aspect < 3.7, "aspect %g", aspect);
    }
    cr_expect(fabs(erased - 0.25 * DRAWS) < 5 * sqrt(DRAWS * 0.25 * 0.75), "%d erased", erased);
}

Test(data_augment, erasing_fills_one_box_of_all_frames_with_fresh_noise)
{
    enum { F = 8, S = 64 };
    static uint8_t frames[F * S * S * 3];
    const vs_box box = { 10, 20, 30, 25 };
    double sum[3] = { 0 };
    int same = 0;
    vs_rng rng = draw(1);
    memset(frames, 7, sizeof(frames));
    vs_erase_fill(frames, box, F, S, S, &rng);
    for (int i = 0; i < F * S * S; i++) {
        const int x = i % S, y = i / S % S;
        if (x < 10 || x >= 40 || y < 20 || y >= 45) {
            cr_assert(frames[3 * i] == 7 && frames[3 * i + 1] == 7 && frames[3 * i + 2] == 7);
            continue;
        }
        for (int c = 0; c < 3; c++)
            sum[c] += frames[3 * i + c];
        same += i >= S * S && frames[3 * i] == frames[3 * (i - S * S)];
    }
    static const double mean[3] = { 0.485, 0.456, 0.406 };
    for (int c = 0; c < 3; c++)      /* cutting to 0..255 moves the mean by about 1 */
        cr_expect(fabs(sum[c] / (F * 30 * 25) - 255 * mean[c]) < 4);
    cr_expect_lt(same, F * 30 * 25 / 20);
}

/* ---- Views of a store's clips --------------------------------------------------------------- */

enum { SIDE = 32, FRAMES = 4, VIEW = FRAMES * SIDE * SIDE * 3 };

static vs_sample_shape full_recipe(int views)
{
    return (vs_sample_shape){ .T = FRAMES, .H = SIDE, .W = SIDE, .stride = 1,
                              .augment = VS_AUGMENT_FINETUNE, .flip = true, .views = views,
                              .randaugment = { 4, 7, 0.5 }, .erase = 0.25 };
}

static uint64_t digest(uint64_t so_far, const void *data, size_t n)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < n; i++)
        so_far = (so_far ^ p[i]) * 0x100000001B3u;
    return so_far;
}

static uint64_t batches_digest(vs_source *source, int threads)
{
    const vs_loader_options o = { .batch = 3, .threads = threads, .seed = 4, .shuffle = true,
                                  .drop_last = true };
    vs_loader *loader;
    uint64_t sum = 0xcbf29ce484222325u;
    CHECK_OK(vs_loader_open(&loader, source, &o, 0, 0));
    for (int i = 0; i < 5; i++) {
        const vs_loaded *b;
        CHECK_OK(vs_loader_next(loader, &b));
        cr_assert_eq(b->B, 6);
        for (int k = 0; k < 6; k += 2) {
            cr_assert(b->item[k] == b->item[k + 1] && b->label[k] == b->label[k + 1]);
            cr_assert(memcmp(b->frames + k * VIEW, b->frames + (k + 1) * VIEW, VIEW) != 0,
                      "both views are the same");
        }
        sum = digest(sum, b->frames, (size_t)b->B * VIEW);
        sum = digest(sum, b->label, sizeof(int) * (size_t)b->B);
    }
    vs_loader_close(&loader);
    return sum;
}

Test(data_augment, repeated_views_are_the_same_bytes_on_any_number_of_threads)
{
    const vs_writer_options raw = { .encoding = VS_ENCODING_RAW };
    char *dir = check_tmp();
    vs_store *store;
    vs_source *source;
    put_clips(dir, &raw, 7);
    CHECK_OK(vs_store_open(&store, dir));
    const vs_sample_shape shape = full_recipe(2);
    CHECK_OK(vs_source_store(&source, store, "train", &shape));
    const uint64_t one = batches_digest(source, 1);
    cr_expect_eq(batches_digest(source, 2), one);
    cr_expect_eq(batches_digest(source, 5), one);
    vs_source_close(&source);
    vs_store_close(&store);
    check_rm(dir);
}

/* With nothing but the crop, decoding whole frames gives the frames of the direct way, but for
 * rounding: that one resamples before it makes colours of planes. */
Test(data_augment, views_of_whole_frames_equal_the_direct_way)
{
    const vs_writer_options raw = { .encoding = VS_ENCODING_RAW };
    char *dir = check_tmp();
    vs_store *store;
    static uint8_t one[VIEW], two[2 * VIEW];
    put_clips(dir, &raw, 3);
    CHECK_OK(vs_store_open(&store, dir));
    for (int views = 1; views <= 2; views++) {
        vs_sample_shape shape = full_recipe(views);
        shape.randaugment.n = 0;
        vs_source *source;
        vs_sampler *sampler;
        CHECK_OK(vs_source_store(&source, store, "train", &shape));
        CHECK_OK(vs_sampler_open(&sampler, source));
        CHECK_OK(vs_sampler_get(sampler, 3, 1, 2, views == 1 ? one : two, NULL));
        vs_sampler_close(&sampler);
        vs_source_close(&source);
    }
    cr_expect_gt(psnr(one, two, VIEW), 48);
    vs_store_close(&store);
    check_rm(dir);
}

Test(data_augment, still_clips_repeat_one_frame)
{
    vs_sample_shape shape = full_recipe(1);
    int index[FRAMES], seen[30] = { 0 };
    shape.still = true;
    shape.augment = VS_AUGMENT_PRETRAIN;
    for (uint64_t d = 0; d < 1000; d++) {
        vs_rng rng = draw(d);
        vs_sample_window(index, 30, &shape, &rng);
        for (int k = 1; k < FRAMES; k++)
            cr_assert_eq(index[k], index[0]);
        cr_assert(index[0] >= 0 && index[0] < 30);
        seen[index[0]]++;
    }
    for (int f = 0; f < 30; f++)
        cr_expect_gt(seen[f], 0, "frame %d never drawn", f);
}

/* ---- Mixtures ------------------------------------------------------------------------------- */

/* 7 raw clips (labels k % 3) and scenes (label -1): shares of an epoch, and every clip in turn. */
Test(data_augment, mixtures_keep_their_shares_and_show_every_clip)
{
    const vs_writer_options raw = { .encoding = VS_ENCODING_RAW };
    const vs_sample_shape shape = { .T = FRAMES, .H = SIDE, .W = SIDE, .stride = 1 };
    const int64_t clips[2] = { 5, 3 };
    char *dir = check_tmp();
    vs_store *store;
    vs_source *part[2], *mix;
    vs_sampler *sampler;
    static uint8_t frames[VIEW];
    int of_store = 0, of_class[3] = { 0 };
    put_clips(dir, &raw, 7);
    CHECK_OK(vs_store_open(&store, dir));
    vs_scene_params params = vs_stage_find("moving-shapes")->params;
    params.size = 64;
    CHECK_OK(vs_source_scene(&part[0], &params, NULL, 5, false, &shape));
    CHECK_OK(vs_source_store(&part[1], store, "train", &shape));
    CHECK_OK(vs_source_mix(&mix, part, clips, 2, &shape));
    cr_assert_eq(vs_source_count(mix), 8);
    CHECK_OK(vs_sampler_open(&sampler, mix));
    for (int epoch = 0; epoch < 7; epoch++)
        for (int item = 0; item < 8; item++) {
            int label = 7;
            CHECK_OK(vs_sampler_get(sampler, 1, epoch, item, frames, &label));
            cr_assert_eq(label >= 0, item >= 5, "item %d has label %d", item, label);
            of_store += label >= 0;
            if (label >= 0)
                of_class[label]++;
        }
    cr_expect_eq(of_store, 21);
    /* 21 draws of 7 clips: each three times; the classes have 3, 2 and 2 clips. */
    cr_expect(of_class[0] == 9 && of_class[1] == 6 && of_class[2] == 6, "%d %d %d", of_class[0],
              of_class[1], of_class[2]);
    vs_sampler_close(&sampler);
    vs_source_close(&mix);
    vs_store_close(&store);
    check_rm(dir);
}
