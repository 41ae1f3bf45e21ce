/* Frames as vsyn-ingest decodes them against those of the ffmpeg program, plane by plane.
 *
 *     compare_ffmpeg VIDEO ...
 *     compare_ffmpeg --fps N VIDEO ...        resampled, against its filter fps=N
 *     compare_ffmpeg --times VIDEO ...        times against those of ffprobe
 *
 * One line per video: our frames, ffmpeg's, PSNR over all of them, PSNR of the worst one, name.
 * With --times: our frames, ffprobe's, the largest difference in microseconds, whether the frames
 * are evenly spaced (0 = yes, to 1 ms), name. Times count from the first frame.
 * ffmpeg turns by the display matrix itself; it is told the size (it does not apply the sample
 * aspect ratio) and the colours of the store (BT.601, full range). Neither repeats nor drops. */
#include <libavformat/avformat.h>
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

/* For the shell; the caller frees it. Single quotes in a name are written '\''. */
static char *quote(const char *path)
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
    return quoted;
}

/* The command's output, or NULL. rate: "" or "fps=10,". */
static FILE *run_ffmpeg(const char *path, const char *rate, int W, int H)
{
    char *quoted = quote(path);
    char *command = vs_strf("ffmpeg -nostdin -v quiet -i 'file:%s' -an -sn -dn -vf "
                            "%sscale=%d:%d:out_color_matrix=bt601:out_range=full:"
                            "flags=bicubic+accurate_rnd -pix_fmt yuvj420p -vsync passthrough "
                            "-f rawvideo -", quoted, rate, W, H);
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

static void compare(struct sums *s, vs_decoder *d, const char *path, const char *rate)
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
            f = run_ffmpeg(path, rate, W, H);
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

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void compare_frames(const char *path, double fps)
{
    const vs_decode_options options = { .fps = fps };
    struct sums s = { 0 };
    vs_decoder *d = NULL;
    char rate[48] = "";
    if (fps > 0)
        snprintf(rate, sizeof(rate), "fps=%g,", fps);
    if (vs_decoder_open(&d, path, &options) == VS_OK)
        compare(&s, d, path, rate);
    vs_decoder_close(&d);
    printf("%d\t%d\t%.1f\t%.1f\t%s\n", s.ours, s.theirs,
           s.samples > 0 ? decibel(s.error / s.samples) : 0,
           s.samples > 0 ? decibel(s.worst) : 0, base_name(path));
}

/* Seconds of the next frame by ffprobe; false at the end. Lines without a number: no time. */
static bool next_stamp(FILE *f, double *seconds)
{
    char line[256], *end;
    do {
        if (!fgets(line, sizeof(line), f))
            return false;
        *seconds = strtod(line, &end);
    } while (*line == '\n');
    if (end == line)
        *seconds = NAN;
    return true;
}

static FILE *run_ffprobe(const char *path, int stream)
{
    char *quoted = quote(path);
    char *command = vs_strf("ffprobe -v quiet -select_streams %d -show_entries "
                            "frame=best_effort_timestamp_time -of csv=p=0 'file:%s'", stream,
                            quoted);
    FILE *f = popen(command, "r");
    free(command);
    free(quoted);
    return f;
}

/* 1 when some time is more than 1 ms off its place between the first and the last. */
static int uneven(const double *time, int n)
{
    for (int i = 1; i < n; i++)
        if (fabs(time[i] - i * time[n - 1] / (n - 1)) > 1000)
            return 1;
    return 0;
}

static void compare_times(const char *path)
{
    const vs_decode_options options = { 0 };
    vs_decoder *d = NULL;
    const uint8_t *plane[3];
    int stride[3], ours = 0, theirs = 0;
    double first = 0, at = 0, largest = 0, *time = NULL;
    FILE *f = NULL;
    if (vs_decoder_open(&d, path, &options) == VS_OK)
        f = run_ffprobe(path, vs_decoder_stream(d)->index);
    while (d && vs_decoder_next(d, plane, stride) == VS_OK) {
        const bool more = f && next_stamp(f, &at);
        first = ours == 0 ? at : first;
        VS_PUSH(time, ours, (double)vs_decoder_time(d));
        theirs += more;
        if (more && !isnan(at))
            largest = fmax(largest, fabs(time[ours - 1] - (at - first) * 1e6));
    }
    while (f && next_stamp(f, &at))
        theirs++;
    printf("%d\t%d\t%.0f\t%d\t%s\n", ours, theirs, largest, uneven(time, ours),
           base_name(path));
    vs_decoder_close(&d);
    if (f)
        pclose(f);
    free(time);
}

int main(int argc, char **argv)
{
    const bool times = argc > 1 && strcmp(argv[1], "--times") == 0;
    const bool rate = argc > 2 && strcmp(argv[1], "--fps") == 0;
    for (int i = rate ? 3 : times ? 2 : 1; i < argc; i++) {
        if (times)
            compare_times(argv[i]);
        else
            compare_frames(argv[i], rate ? strtod(argv[2], NULL) : 0);
    }
    return 0;
}
