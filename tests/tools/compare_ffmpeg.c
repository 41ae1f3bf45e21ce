/* Frames as vsyn-ingest decodes them against those of the ffmpeg program, plane by plane.
 *
 *     compare_ffmpeg VIDEO ...
 *
 * One line per video: our frames, ffmpeg's, PSNR over all of them, PSNR of the worst one, name.
 * ffmpeg turns by the display matrix itself; it is told the size (it does not apply the sample
 * aspect ratio) and the colours of the store (BT.601, full range). Neither repeats nor drops. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/video.h"

struct sums {
    int ours, theirs;
    double error, samples, worst;  /* worst: mean square error of one frame */
};

static double decibel(double mean)
{
    return mean > 0 ? fmin(99, 10 * log10(255.0 * 255.0 / mean)) : 99;
}

/* The command's output, or NULL. Single quotes in a name are written '\''. */
static FILE *run_ffmpeg(const char *path, int W, int H)
{
    char *quoted = vs_new(4 * strlen(path) + 1), *to = quoted;
    for (const char *p = path; *p; p++) {
        if (*p == '\'') {
            memcpy(to, "'\\''", 4);
            to += 4;
        } else {
            *to++ = *p;
        }
    }
    char *command = vs_strf("ffmpeg -nostdin -v quiet -i 'file:%s' -an -sn -dn -vf "
                            "scale=%d:%d:out_color_matrix=bt601:out_range=full:"
                            "flags=bicubic+accurate_rnd -pix_fmt yuvj420p -vsync passthrough "
                            "-f rawvideo -", quoted, W, H);
    FILE *f = popen(command, "r");
    free(command);
    free(quoted);
    return f;
}

static double plane_error(const uint8_t *a, int stride, const uint8_t *b, int w, int h)
{
    double sum = 0;
    for (int y = 0; y < h; y++) {
        uint64_t row = 0;
        for (int x = 0; x < w; x++) {
            const int d = a[(ptrdiff_t)y * stride + x] - b[(ptrdiff_t)y * w + x];
            row += (uint64_t)(d * d);
        }
        sum += (double)row;
    }
    return sum;
}

static void add_frame(struct sums *s, const uint8_t *const plane[3], const int stride[3],
                      const uint8_t *frame, int W, int H)
{
    const int w = (W + 1) / 2, h = (H + 1) / 2;
    const uint8_t *cb = frame + (size_t)W * (size_t)H, *cr = cb + (size_t)w * (size_t)h;
    const double n = (double)W * H + 2.0 * w * h;
    const double error = plane_error(plane[0], stride[0], frame, W, H) +
                         plane_error(plane[1], stride[1], cb, w, h) +
                         plane_error(plane[2], stride[2], cr, w, h);
    s->error += error;
    s->samples += n;
    s->worst = fmax(s->worst, error / n);
}

static void compare(struct sums *s, vs_decoder *d, const char *path)
{
    const uint8_t *plane[3];
    int stride[3], W = 0, H = 0;
    FILE *f = NULL;
    uint8_t *frame = NULL;
    size_t bytes = 0;
    bool more = true;
    while (vs_decoder_next(d, plane, stride) == VS_OK) {
        if (s->ours++ == 0) {
            W = vs_decoder_width(d);
            H = vs_decoder_height(d);
            bytes = (size_t)W * (size_t)H + 2 * (size_t)((W + 1) / 2) * (size_t)((H + 1) / 2);
            frame = vs_new(bytes);
            f = run_ffmpeg(path, W, H);
        }
        more = more && f && fread(frame, 1, bytes, f) == bytes;
        s->theirs += more;
        if (more)
            add_frame(s, plane, stride, frame, W, H);
    }
    while (more && f && fread(frame, 1, bytes, f) == bytes)
        s->theirs++;
    if (f)
        pclose(f);
    free(frame);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const vs_decode_options options = { 0 };
        struct sums s = { 0 };
        vs_decoder *d = NULL;
        if (vs_decoder_open(&d, argv[i], &options) == VS_OK)
            compare(&s, d, argv[i]);
        vs_decoder_close(&d);
        const char *name = strrchr(argv[i], '/');
        printf("%d\t%d\t%.1f\t%.1f\t%s\n", s.ours, s.theirs,
               s.samples > 0 ? decibel(s.error / s.samples) : 0,
               s.samples > 0 ? decibel(s.worst) : 0,
               name ? name + 1 : argv[i]);
    }
    return 0;
}
