/* Pictures and videos of reconstructions, with labels in a font of 5x7 dots. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/image.h"
#include "base/mem.h"
#include "train/rebuild.h"

extern char **environ;

/* ---- Labels ------------------------------------------------------------------------- */

/* Seven rows from the top, bit 4 the leftmost dot. */
static const struct glyph {
    char letter;
    uint8_t row[7];
} font[] = {
    { 'a', { 0x00, 0x00, 0x0e, 0x01, 0x0f, 0x11, 0x0f } },
    { 'b', { 0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x1e } },
    { 'c', { 0x00, 0x00, 0x0e, 0x10, 0x10, 0x11, 0x0e } },
    { 'd', { 0x01, 0x01, 0x0f, 0x11, 0x11, 0x11, 0x0f } },
    { 'e', { 0x00, 0x00, 0x0e, 0x11, 0x1f, 0x10, 0x0e } },
    { 'f', { 0x06, 0x09, 0x08, 0x1c, 0x08, 0x08, 0x08 } },
    { 'g', { 0x00, 0x00, 0x0f, 0x11, 0x0f, 0x01, 0x0e } },
    { 'h', { 0x10, 0x10, 0x16, 0x19, 0x11, 0x11, 0x11 } },
    { 'i', { 0x04, 0x00, 0x0c, 0x04, 0x04, 0x04, 0x0e } },
    { 'k', { 0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12 } },
    { 'l', { 0x0c, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0e } },
    { 'm', { 0x00, 0x00, 0x1a, 0x15, 0x15, 0x15, 0x15 } },
    { 'n', { 0x00, 0x00, 0x16, 0x19, 0x11, 0x11, 0x11 } },
    { 'o', { 0x00, 0x00, 0x0e, 0x11, 0x11, 0x11, 0x0e } },
    { 'p', { 0x00, 0x00, 0x1e, 0x11, 0x1e, 0x10, 0x10 } },
    { 'r', { 0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10 } },
    { 's', { 0x00, 0x00, 0x0e, 0x10, 0x0e, 0x01, 0x1e } },
    { 't', { 0x08, 0x08, 0x1c, 0x08, 0x08, 0x09, 0x06 } },
    { 'u', { 0x00, 0x00, 0x11, 0x11, 0x11, 0x13, 0x0d } },
    { 'v', { 0x00, 0x00, 0x11, 0x11, 0x11, 0x0a, 0x04 } },
    { 'w', { 0x00, 0x00, 0x11, 0x11, 0x15, 0x15, 0x0a } },
    { 'y', { 0x00, 0x00, 0x11, 0x11, 0x0f, 0x01, 0x0e } },
    { ',', { 0x00, 0x00, 0x00, 0x00, 0x04, 0x04, 0x08 } },
};

struct canvas {
    int W, H;
    uint8_t *rgb;
};

static void dot(struct canvas *c, int x, int y, int side)
{
    for (int i = 0; i < side * side; i++) {
        const int px = x + i % side, py = y + i / side;
        if (px < c->W && py < c->H)
            memset(c->rgb + 3 * ((size_t)py * (size_t)c->W + (size_t)px), 60, 3);
    }
}

static void write_text(struct canvas *c, int x, int y, int scale, const char *text)
{
    for (; *text; text++, x += 6 * scale)
        for (size_t g = 0; g < sizeof(font) / sizeof(*font); g++)
            for (int i = 0; font[g].letter == *text && i < 35; i++)
                if (font[g].row[i / 5] >> (4 - i % 5) & 1)
                    dot(c, x + i % 5 * scale, y + i / 5 * scale, scale);
}

/* ---- Layout ------------------------------------------------------------------------- */

static const char *const way[2] = {
    "reconstruction, colours from visible patches",
    "reconstruction, true colours of each patch as in the paper",
};

/* Small inputs are enlarged. */
static int zoom_of(const vs_model_config *c)
{
    const int side = c->H < c->W ? c->H : c->W;
    return side >= 112 ? 1 : side >= 56 ? 2 : (111 + side) / side;
}

static void paste(struct canvas *to, int x, int y, const uint8_t *frame, const vs_model_config *c)
{
    const int zoom = zoom_of(c);
    for (int r = 0; r < c->H * zoom; r++) {
        uint8_t *out = to->rgb + 3 * ((size_t)(y + r) * (size_t)to->W + (size_t)x);
        const uint8_t *row = frame + 3 * (size_t)(r / zoom) * (size_t)c->W;
        for (int i = 0; i < c->W * zoom; i++)
            memcpy(out + 3 * i, row + 3 * (i / zoom), 3);
    }
}

static vs_err blank(struct canvas *out, int W, int H)
{
    *out = (struct canvas){ W, H, malloc(3 * (size_t)W * (size_t)H) };
    if (!out->rgb)
        return VS_FAIL(VS_ERR_NOMEM, "no room for a picture of %d x %d", W, H);
    memset(out->rgb, 250, 3 * (size_t)W * (size_t)H);
    return VS_OK;
}

enum { GAP = 6, LABEL = 26 };

vs_err vs_rebuilt_png(const char *path, const vs_model_config *config, const uint8_t *frames,
                      const vs_rebuilt *rebuilt, bool paper)
{
    const uint8_t *const row[3] = { frames, rebuilt->masked, rebuilt->frames };
    const char *const label[3] = { "original", "masked", way[paper] };
    const int shown = config->T < 8 ? config->T : 8, zoom = zoom_of(config);
    const int w = config->W * zoom + GAP, h = config->H * zoom + LABEL;
    const size_t frame = 3 * (size_t)config->H * (size_t)config->W;
    struct canvas sheet;
    VS_TRY(blank(&sheet, shown * w + GAP, 3 * h + GAP));
    for (int i = 0; i < 3; i++) {
        write_text(&sheet, GAP, i * h + GAP, 2, label[i]);
        for (int k = 0; k < shown; k++)
            paste(&sheet, GAP + k * w, i * h + LABEL,
                  row[i] + frame * (size_t)((int64_t)k * config->T / shown), config);
    }
    const vs_err err = vs_png_write(path, sheet.W, sheet.H, sheet.rgb);
    free(sheet.rgb);
    return err;
}

/* ---- Video -------------------------------------------------------------------------- */

/* ffmpeg reads raw frames of this size from the pipe that *to is the other end of. */
static vs_err start_ffmpeg(pid_t *pid, int *to, const struct canvas *c, double fps,
                           const char *tmp)
{
    char size[32], rate[32];
    int ends[2];
    snprintf(size, sizeof(size), "%dx%d", c->W, c->H);
    snprintf(rate, sizeof(rate), "%.4f", fps);
    const char *const argv[] = { "ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt",
                                 "rgb24", "-s", size, "-r", rate, "-i", "-", "-c:v", "mpeg4",
                                 "-q:v", "2", "-pix_fmt", "yuv420p", "-f", "mp4", tmp, NULL };
    posix_spawn_file_actions_t act;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return VS_FAIL(VS_ERR_IO, "cannot open a pipe: %s", strerror(errno));
    posix_spawn_file_actions_init(&act);
    posix_spawn_file_actions_adddup2(&act, ends[0], 0);
    const int bad = posix_spawnp(pid, argv[0], &act, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&act);
    close(ends[0]);
    *to = ends[1];
    if (bad) {
        close(ends[1]);
        return VS_FAIL(VS_ERR_UNSUPPORTED, "MP4 needs the program ffmpeg (%s); choose a name that "
                       "ends in .png", strerror(bad));
    }
    return VS_OK;
}

static bool send_all(int to, const uint8_t *data, size_t size)
{
    while (size > 0) {
        const ssize_t n = write(to, data, size);
        if (n < 0 && errno != EINTR)
            return false;
        data += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static void draw_moment(struct canvas *c, const vs_model_config *m, const uint8_t *const panel[3],
                        int t, bool paper)
{
    const char *const label[3] = { "original", "masked", paper ? "true colours" : "reconstructed" };
    const size_t frame = 3 * (size_t)m->H * (size_t)m->W;
    const int w = m->W * zoom_of(m) + GAP;
    for (int i = 0; i < 3; i++) {
        write_text(c, GAP + i * w, GAP, 1, label[i]);
        paste(c, GAP + i * w, LABEL, panel[i] + frame * (size_t)t, m);
    }
}

static vs_err encode(const char *tmp, const vs_model_config *m, const uint8_t *const panel[3],
                     bool paper)
{
    const int w = m->W * zoom_of(m) + GAP, h = m->H * zoom_of(m) + LABEL + GAP;
    struct canvas c;
    pid_t pid;
    int to, status = 0;
    VS_TRY(blank(&c, (3 * w + GAP + 1) / 2 * 2, (h + 1) / 2 * 2));
    vs_err err = start_ffmpeg(&pid, &to, &c, 25.0 / m->stride, tmp);
    if (err != VS_OK) {
        free(c.rgb);
        return err;
    }
    /* A program that ends early is told by its status, not by a signal. */
    void (*const before)(int) = signal(SIGPIPE, SIG_IGN);
    bool sent = true;
    for (int t = 0; sent && t < m->T; t++) {
        draw_moment(&c, m, panel, t, paper);
        sent = send_all(to, c.rgb, 3 * (size_t)c.W * (size_t)c.H);
    }
    close(to);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    signal(SIGPIPE, before);
    free(c.rgb);
    return sent && WIFEXITED(status) && WEXITSTATUS(status) == 0
               ? VS_OK : VS_FAIL(VS_ERR_CODEC, "ffmpeg could not write %s", tmp);
}

vs_err vs_rebuilt_mp4(const char *path, const vs_model_config *config, const uint8_t *frames,
                      const vs_rebuilt *rebuilt, bool paper)
{
    const uint8_t *const panel[3] = { frames, rebuilt->masked, rebuilt->frames };
    char *const tmp = vs_tmp_name(path);
    vs_err err = encode(tmp, config, panel, paper);
    if (err == VS_OK)
        err = vs_file_publish(tmp, path);
    else
        unlink(tmp);
    free(tmp);
    return err;
}
