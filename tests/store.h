/* Helpers of the store's tests: pictures that move, and a store filled with them. */
#ifndef VSYN_TESTS_STORE_H
#define VSYN_TESTS_STORE_H

#include "ingest/store/store.h"
#include "tests/check.h"

/* A smooth picture that differs for every (clip, frame): rgb (H, W, 3). */
static inline void paint(uint8_t *rgb, int W, int H, int clip, int frame)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint8_t *p = rgb + 3 * ((size_t)y * (size_t)W + (size_t)x);
            const double u = (x + 3 * frame) * 6.28 / (W + 8), v = (y + 20 * clip) * 6.28 / (H + 8);
            p[0] = (uint8_t)(128 + 100 * sin(u + clip));
            p[1] = (uint8_t)(128 + 100 * cos(v + 0.3 * frame));
            p[2] = (uint8_t)(128 + 60 * sin(u + v));
        }
}

static inline double psnr(const uint8_t *a, const uint8_t *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum == 0 ? 99 : 10 * log10(255.0 * 255.0 * (double)n / sum);
}

/* Clip number k of a data set, as NAME, painted. */
static inline vs_err put_clip(vs_writer *w, int64_t dataset, const char *name, int k, int frames,
                              int W, int H)
{
    const vs_clip_info info = { .dataset = dataset, .name = name, .W = W, .H = H, .fps = 25,
                                .codec = "painted" };
    vs_clip_writer *clip;
    VS_TRY(vs_clip_begin(&clip, w, &info));
    uint8_t *rgb = vs_new((size_t)W * (size_t)H * 3);
    vs_err err = VS_OK;
    for (int f = 0; f < frames && err == VS_OK; f++) {
        paint(rgb, W, H, k, f);
        err = vs_clip_frame(clip, rgb);
    }
    free(rgb);
    if (err == VS_OK)
        return vs_clip_commit(&clip, NULL);
    vs_clip_drop(&clip);
    return err;
}

/* n clips "clip 0.avi", ... of 10 + k frames, 48x40, in "set:train", labels k % 3. */
static inline void put_clips(const char *path, const vs_writer_options *options, int n)
{
    static const char *const names[] = { "run", "jump", "wave hands" };
    vs_writer *w;
    int64_t set;
    CHECK_OK(vs_writer_open(&w, path, options));
    CHECK_OK(vs_writer_dataset(&set, w, "set", names, 3));
    for (int k = 0; k < n; k++) {
        char name[32];
        snprintf(name, sizeof(name), "clip %d.avi", k);
        bool have;
        CHECK_OK(vs_writer_member(w, set, "train", name, k % 3));
        CHECK_OK(vs_writer_has(&have, w, set, name));
        if (!have)
            CHECK_OK(put_clip(w, set, name, k, 10 + k, 48, 40));
    }
    CHECK_OK(vs_writer_close(&w));
}

static const vs_rect whole_frame = { 0, 0, 0, 0 };

/* Every byte of a file, changed at one place by exclusive or. */
static inline void flip_byte(const char *path, long at, uint8_t bits)
{
    FILE *f = fopen(path, "r+b");
    cr_assert(f);
    cr_assert_eq(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    const int c = fgetc(f);
    cr_assert(c != EOF);
    cr_assert_eq(fseek(f, -1, SEEK_CUR), 0);
    fputc(c ^ bits, f);
    cr_assert_eq(fclose(f), 0);
}

#endif /* VSYN_TESTS_STORE_H */
