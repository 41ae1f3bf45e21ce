/* Pictures and videos of reconstructions, with labels. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/image.h"
#include "base/label.h"
#include "base/mem.h"
#include "train/child.h"
#include "train/rebuild.h"

struct canvas {
    int W, H;
    uint8_t *rgb;
};

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
static const uint8_t ink[3] = { 60, 60, 60 };

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
        vs_label_draw(sheet.rgb, sheet.W, sheet.H, GAP, i * h + GAP, 2, label[i], ink);
        for (int k = 0; k < shown; k++)
            paste(&sheet, GAP + k * w, i * h + LABEL,
                  row[i] + frame * (size_t)((int64_t)k * config->T / shown), config);
    }
    const vs_err err = vs_png_write(path, sheet.W, sheet.H, sheet.rgb);
    free(sheet.rgb);
    return err;
}

/* ---- Video -------------------------------------------------------------------------- */

static void draw_moment(struct canvas *c, const vs_model_config *m, const uint8_t *const panel[3],
                        int t, bool paper)
{
    const char *const label[3] = { "original", "masked", paper ? "true colours" : "reconstructed" };
    const size_t frame = 3 * (size_t)m->H * (size_t)m->W;
    const int w = m->W * zoom_of(m) + GAP;
    for (int i = 0; i < 3; i++) {
        vs_label_draw(c->rgb, c->W, c->H, GAP + i * w, GAP, 1, label[i], ink);
        paste(c, GAP + i * w, LABEL, panel[i] + frame * (size_t)t, m);
    }
}

/* ffmpeg reads raw frames from its standard input. */
static vs_err encode(const char *tmp, const vs_model_config *m, const uint8_t *const panel[3],
                     bool paper)
{
    const int w = m->W * zoom_of(m) + GAP, h = m->H * zoom_of(m) + LABEL + GAP;
    struct canvas c;
    char size[32], rate[32];
    VS_TRY(blank(&c, (3 * w + GAP + 1) / 2 * 2, (h + 1) / 2 * 2));
    snprintf(size, sizeof(size), "%dx%d", c.W, c.H);
    snprintf(rate, sizeof(rate), "%.4f", 25.0 / m->stride);
    const char *const argv[] = { "ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt",
                                 "rgb24", "-s", size, "-r", rate, "-i", "-", "-c:v", "mpeg4",
                                 "-q:v", "2", "-pix_fmt", "yuv420p", "-f", "mp4", tmp, NULL };
    vs_child child;
    vs_err err = vs_child_start(&child, argv, "w", "MP4 (PNG does not)");
    for (int t = 0; err == VS_OK && t < m->T; t++) {
        draw_moment(&c, m, panel, t, paper);
        if (fwrite(c.rgb, 3 * (size_t)c.W, (size_t)c.H, child.pipe) != (size_t)c.H)
            break;
    }
    free(c.rgb);
    return err == VS_OK ? vs_child_end(&child, tmp) : err;
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
