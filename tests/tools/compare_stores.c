/* The same clips in two stores, frame by frame: all in order, then some backwards and across.
 * Prints frames compared, and names each clip with frames that differ; exit 1 when there is one.
 * Usage: compare_stores STORE STORE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/copy.h"
#include "ingest/store/store.h"

static void try_or_exit(vs_err err)
{
    if (err == VS_OK)
        return;
    fprintf(stderr, "compare_stores: %s\n", vs_err_detail());
    exit(2);
}

struct side {
    vs_store *store;
    vs_reader *reader;
    vs_split split;
    uint8_t *rgb;
};

static void open_side(struct side *s, const char *path)
{
    try_or_exit(vs_store_open(&s->store, path));
    vs_store_decode_with(s->store, &vs_copy_ffmpeg);
    try_or_exit(vs_store_split(&s->split, s->store, NULL));
    try_or_exit(vs_reader_open(&s->reader, s->store));
}

static void close_side(struct side *s)
{
    vs_reader_close(&s->reader);
    vs_split_free(&s->split);
    vs_store_close(&s->store);
}

static bool differs(struct side *side, int clip, int frame)
{
    const size_t bytes = (size_t)side[0].split.clip[clip].W * side[0].split.clip[clip].H * 3;
    for (int k = 0; k < 2; k++) {
        const vs_clip *c = &side[k].split.clip[clip];
        side[k].rgb = vs_new(bytes);
        try_or_exit(vs_reader_frames(side[k].reader, c, &frame, 1, (vs_rect){ 0 }, c->W, c->H,
                                     false, side[k].rgb));
    }
    const bool different = memcmp(side[0].rgb, side[1].rgb, bytes) != 0;
    free(side[0].rgb);
    free(side[1].rgb);
    return different;
}

/* Frame k of the visit: all in order, then 24 backwards, every 7th of them across. */
static int frame_at(int k, int frames)
{
    if (k < frames)
        return k;
    const int back = k - frames;
    return (int)(((int64_t)(24 - back) * frames / 25 + (back % 7 == 0 ? frames / 2 : 0)) % frames);
}

int main(int argc, char **argv)
{
    struct side side[2] = { 0 };
    int64_t compared = 0, wrong = 0;
    if (argc != 3)
        return 2;
    for (int k = 0; k < 2; k++)
        open_side(&side[k], argv[1 + k]);
    if (side[0].split.n != side[1].split.n)
        return 2;
    for (int i = 0; i < side[0].split.n; i++) {
        const vs_clip *a = &side[0].split.clip[i], *b = &side[1].split.clip[i];
        int first = -1, bad = 0;
        if (a->frames != b->frames || a->W != b->W || a->H != b->H)
            return 2;
        for (int k = 0; k < a->frames + 24; k++, compared++)
            if (differs(side, i, frame_at(k, a->frames)) && bad++ == 0)
                first = k;
        if (bad > 0)
            printf("%s: %d of %d differ, first at visit %d\n", a->name, bad, a->frames + 24, first);
        wrong += bad;
    }
    printf("%lld compared, %lld differ\n", (long long)compared, (long long)wrong);
    close_side(&side[0]);
    close_side(&side[1]);
    return wrong > 0;
}
