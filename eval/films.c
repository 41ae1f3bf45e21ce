/* Video files to frames of a set. See films.h. */
#include "eval/films.h"

#include <stdlib.h>

#include "base/mem.h"
#include "eval/footage.h"
#include "ingest/store/view.h"
#include "ingest/video.h"

enum { SHORT_SIDE = 256 };

/* Reading the frames of a file that is thought to have F. */
struct reading {
    vs_set_clip *clip;
    const char *path;
    int T, stride, F, seen;
    vs_view view;
};

static vs_err begin(struct reading *r, const vs_decoder *decoder, int n)
{
    const int W = vs_decoder_width(decoder), H = vs_decoder_height(decoder);
    const vs_view_planes planes = { { W, (W + 1) / 2 }, { H, (H + 1) / 2 }, { 16, 8 } };
    vs_rect square;
    VS_TRY(vs_set_clip_fit(r->clip, &square, n, W, H, r->path));
    return vs_view_fill(&r->view, &planes, square, r->clip->side, r->clip->side, false);
}

static vs_err read_frames(struct reading *r, vs_decoder *decoder)
{
    const int strided = (r->F + r->stride - 1) / r->stride;
    const int n = strided < r->T ? strided : r->T, first = (strided - n) / 2;
    const uint8_t *plane[3];
    int stride[3];
    vs_err err;
    for (r->seen = 0; (err = vs_decoder_next(decoder, plane, stride)) == VS_OK; r->seen++) {
        const int k = r->seen / r->stride - first;
        if (r->seen == 0)
            VS_TRY(begin(r, decoder, n));
        if (r->seen % r->stride == 0 && k >= 0 && k < n) {
            const int *row0 = (const int[]){ r->view.y[0].from, r->view.y[1].from,
                                             r->view.y[1].from };
            const uint8_t *from[3];
            for (int p = 0; p < 3; p++)
                from[p] = plane[p] + (ptrdiff_t)row0[p] * stride[p];
            vs_view_run(&r->view, r->clip->rgb + (size_t)k * (size_t)r->clip->side *
                                                     (size_t)r->clip->side * 3, from, stride, row0);
        }
    }
    return err == VS_ERR_END ? VS_OK : err;
}

static vs_err read_once(struct reading *r)
{
    const vs_decode_options options = { .short_side = SHORT_SIDE };
    vs_decoder *decoder = NULL;
    vs_err err = vs_decoder_open(&decoder, r->path, &options);
    if (err == VS_OK && !r->F) {
        const double expected = vs_decoder_expected(decoder);
        r->F = expected < 1e9 ? (int)expected : 1;
    }
    if (err == VS_OK)
        err = read_frames(r, decoder);
    vs_decoder_close(&decoder);
    return err;
}

static vs_err read_film(vs_set_clip *clip, const char *path, int T, int stride)
{
    struct reading r = { .clip = clip, .path = path, .T = T, .stride = stride };
    vs_err err = read_once(&r);
    if (err == VS_OK && r.seen != r.F) {
        r.F = r.seen;
        err = read_once(&r);
    }
    vs_view_free(&r.view);
    if (err == VS_OK && r.seen == r.F)
        return VS_OK;
    char *reason = vs_strdup(err == VS_OK ? "gives another number of frames each time"
                                          : vs_err_detail());
    err = VS_FAIL(err == VS_OK ? VS_ERR_CODEC : err, "%s: %s", path, reason);
    free(reason);
    return err;
}

const vs_set_videos *vs_films(void)
{
    static const vs_set_videos films = { read_film, vs_footage_store };
    return &films;
}
