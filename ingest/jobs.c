/* The run: a pool decodes and encodes, this thread commits in the order of the list.
 *
 *     submit i+window ... | decode + encode (pool) | commit i (here)
 *
 * At most `window` clips are under way, so memory is bounded by that many encoded clips;
 * a file is decoded frame by frame. A failed file becomes a row of `failure`; a failed
 * store (full disk) ends the run, and the next one goes on where this one ended.
 *
 * A file without frames for too long is given up (watch.h). Where its decoder does not even come
 * back, no further files are begun, those under way are finished and committed, the lost one
 * becomes a failure, and the run ends. Its thread may still touch its work, and the pool cannot
 * be joined: these are left to the end of the process.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/stop.h"
#include "ingest/copy.h"
#include "ingest/ingest.h"

/* One file on its way. */
struct work {
    struct run *run;
    const vs_item *item;
    vs_clip_writer *clip;          /* when it went well */
    char *note, *reason;           /* of a partial, of a failed file */
    vs_err err;
    bool store_failed;             /* err is not about this file: full disk, no memory */
    int64_t frames;
    double bytes;                  /* expected: of a look before the run */
    bool begun, done, lost;        /* under the run's lock */
};

/* Failures, or partial files, that say the same. */
struct group {
    char *reason;
    int64_t count;
    const char *name[3];
};

struct groups {
    struct group *group;
    int n;
};

struct run {
    const vs_run_options *options;
    vs_watch *watch;
    vs_pool *pool;
    vs_writer *writer;
    int64_t dataset;
    pthread_mutex_t lock;
    pthread_cond_t finished;       /* some work is done or lost */
    const vs_item *lost;           /* the first one; then nothing is begun any more */
    const vs_item **todo;
    int n_todo;
    int64_t known, known_failed, accepted, partial, failed, frames;
    struct groups partials, failures;
    double started;
};

/* ---- One file (in the pool) -------------------------------------------------------------- */

static vs_err begin_clip(struct work *w, const vs_decoder *d)
{
    const vs_clip_info info = { .dataset = w->run->dataset, .name = w->item->name,
                                .W = vs_decoder_width(d), .H = vs_decoder_height(d),
                                .codec = vs_decoder_codec(d) };
    return vs_clip_begin(&w->clip, w->run->writer, &info);
}

static vs_err bring_in(struct work *w, vs_decoder *d)
{
    const uint8_t *plane[3];
    int stride[3];
    vs_err err;
    while ((err = vs_decoder_next(d, plane, stride)) == VS_OK) {
        if (!w->clip)
            VS_TRY(begin_clip(w, d));
        err = vs_clip_frame_yuv420(w->clip, plane, stride);
        w->store_failed = err == VS_ERR_IO || err == VS_ERR_NOMEM;
        VS_TRY(err);
        vs_clip_time(w->clip, vs_decoder_time(d));
        w->frames++;
    }
    if (err != VS_ERR_END)
        return err;
    vs_clip_rate(w->clip, vs_decoder_fps(d));
    const char *note = vs_decoder_note(d);
    w->note = note ? vs_strdup(note) : NULL;
    return VS_OK;
}

static vs_err copy_in(struct work *w, vs_decoder *d, vs_copy *copy)
{
    const uint8_t *plane[3];
    int stride[3];
    vs_err err;
    while ((err = vs_decoder_next(d, plane, stride)) == VS_OK) {
        if (!w->clip)
            VS_TRY(begin_clip(w, d));
        err = vs_copy_frame(copy);
        w->store_failed = err == VS_ERR_IO || err == VS_ERR_NOMEM;
        VS_TRY(err);
        vs_clip_time(w->clip, vs_decoder_time(d));
        w->frames++;
    }
    if (err != VS_ERR_END)
        return err;
    err = vs_copy_finish(copy, w->clip);
    w->store_failed = err == VS_ERR_IO || err == VS_ERR_NOMEM;
    VS_TRY(err);
    vs_clip_rate(w->clip, vs_decoder_fps(d));
    const char *note = vs_decoder_note(d);
    w->note = note ? vs_strdup(note) : NULL;
    return VS_OK;
}

static vs_err bring_in_copy(struct work *w, vs_decoder *d)
{
    vs_copy *copy = vs_copy_new(d, w->run->writer);
    const vs_err err = copy_in(w, d, copy);
    vs_copy_free(&copy);
    return err;
}

/* Bytes that the file will take, from its first frame. JPEG of video at quality 90 takes about
 * 0.17 bytes a pixel. */
static vs_err look(struct work *w, vs_decoder *d)
{
    const uint8_t *plane[3];
    int stride[3];
    const double per_pixel = w->run->options->writer.encoding == VS_ENCODING_RAW ? 1.5 : 0.17;
    VS_TRY(vs_decoder_next(d, plane, stride));
    w->bytes = per_pixel * vs_decoder_width(d) * vs_decoder_height(d) * vs_decoder_expected(d);
    return VS_OK;
}

static void decode_for(struct work *w, vs_err (*fn)(struct work *w, vs_decoder *d))
{
    vs_decoder *d = NULL;
    vs_decode_options options = w->run->options->decode;
    char *path = vs_strdup(w->item->path);         /* the list may go before a lost thread does */
    options.watched = vs_watch_begin(w->run->watch, path, w);
    w->err = vs_decoder_open(&d, path, &options);
    if (w->err == VS_OK)
        w->err = fn(w, d);
    if (w->err != VS_OK)
        w->reason = vs_strdup(vs_err_detail());
    vs_decoder_close(&d);
    vs_watch_end(&options.watched);
    free(path);
    if (w->err != VS_OK)
        vs_clip_drop(&w->clip);
}

static void do_work(struct work *w, vs_err (*fn)(struct work *w, vs_decoder *d))
{
    struct run *run = w->run;
    pthread_mutex_lock(&run->lock);
    w->begun = !run->lost;
    pthread_mutex_unlock(&run->lock);
    if (!w->begun)
        return;
    decode_for(w, fn);
    pthread_mutex_lock(&run->lock);
    w->done = true;
    pthread_cond_signal(&run->finished);
    pthread_mutex_unlock(&run->lock);
}

static void work_on(void *arg, int worker)
{
    const struct work *w = arg;
    const bool copy = w->run->options->writer.encoding == VS_ENCODING_COPY;
    do_work(arg, copy ? bring_in_copy : bring_in);
}

static void look_at(void *arg, int worker)
{
    do_work(arg, look);
}

/* In the watch's thread. */
static void on_lost(void *arg)
{
    struct work *w = arg;
    pthread_mutex_lock(&w->run->lock);
    w->lost = true;
    if (!w->run->lost)
        w->run->lost = w->item;
    pthread_cond_signal(&w->run->finished);
    pthread_mutex_unlock(&w->run->lock);
}

/* In the caller's thread. False: it was not begun and will not be, another file is lost. */
static bool wait_for(struct run *run, const struct work *w)
{
    pthread_mutex_lock(&run->lock);
    while (!w->done && !w->lost && (w->begun || !run->lost))
        pthread_cond_wait(&run->finished, &run->lock);
    const bool begun = w->begun;
    pthread_mutex_unlock(&run->lock);
    return begun;
}

static bool any_lost(struct run *run)
{
    pthread_mutex_lock(&run->lock);
    const bool lost = run->lost != NULL;
    pthread_mutex_unlock(&run->lock);
    return lost;
}

/* Files under way at a time. The pool's queue holds them all: a lost thread blocks nobody. */
static int window_of(int threads)
{
    return threads * 2 + 2;
}

/* ---- Outcomes (in the caller's thread) ---------------------------------------------------- */

static void note_group(struct groups *g, const char *reason, const char *name)
{
    int i = 0;
    while (i < g->n && strcmp(g->group[i].reason, reason) != 0)
        i++;
    if (i == g->n) {
        const struct group one = { .reason = vs_strdup(reason) };
        VS_PUSH(g->group, g->n, one);
    }
    struct group *to = &g->group[i];
    if (to->count < 3)
        to->name[to->count] = name;
    to->count++;
}

static void free_groups(struct groups *g)
{
    for (int i = 0; i < g->n; i++)
        free(g->group[i].reason);
    free(g->group);
}

/* Notes have figures in them: two kinds are enough for the table, `list` has each note. */
static const char *kind_of_damage(const char *note)
{
    const char *of = strstr(note, " of "), *comma = strchr(note, ',');
    return of && (!comma || of < comma) ? "fewer frames than the file announces"
                                        : "decoder errors; the frames that decode are kept";
}

static vs_err settle_failure(struct run *run, const struct work *w, const char *reason)
{
    run->failed++;
    note_group(&run->failures, reason, w->item->name);
    return vs_writer_failure(run->writer, run->dataset, w->item->name, reason);
}

static vs_err settle_lost(struct run *run, const struct work *w)
{
    char *reason = vs_strf("timed out after %g s: its decoder did not come back",
                           run->options->timeout);
    const vs_err err = settle_failure(run, w, reason);
    free(reason);
    return err;
}

/* The lists' own order, one clip or failure at a time. */
static vs_err settle(struct run *run, struct work *w)
{
    vs_err err;
    if (w->lost)
        return settle_lost(run, w);
    if (w->err == VS_OK) {
        err = vs_clip_commit(&w->clip, w->note);
        run->accepted += err == VS_OK;
        run->partial += err == VS_OK && w->note;
        run->frames += w->frames;
        if (err == VS_OK && w->note)
            note_group(&run->partials, kind_of_damage(w->note), w->item->name);
    } else if (w->store_failed) {
        err = VS_FAIL(w->err, "%s", w->reason);
    } else {
        err = settle_failure(run, w, w->reason);
    }
    free(w->note);
    free(w->reason);
    return err;
}

static void abandon(struct run *run, struct work *w)
{
    if (!wait_for(run, w) || w->lost)
        return;
    vs_clip_drop(&w->clip);
    free(w->note);
    free(w->reason);
}

static vs_err fail_lost(const struct run *run)
{
    return VS_FAIL(VS_ERR_CODEC, "%s: its decoder did not come back within %g s; the file counts "
                   "as failed, the same command goes on past it", run->lost->path,
                   run->options->timeout);
}

static vs_err decode_all(struct run *run)
{
    const int window = window_of(vs_pool_threads(run->pool));
    struct work *ring = vs_new(sizeof(*ring) * (size_t)window);
    vs_progress *progress = vs_progress_start("ingest", "files", run->n_todo);
    vs_err err = VS_OK;
    int submitted = 0, settled = 0;
    while (settled < run->n_todo && err == VS_OK) {
        while (submitted < run->n_todo && submitted - settled < window && !vs_stop_requested() &&
               !any_lost(run)) {
            struct work *w = &ring[submitted % window];
            *w = (struct work){ .run = run, .item = run->todo[submitted++] };
            vs_pool_submit(run->pool, work_on, w);
        }
        if (settled == submitted || !wait_for(run, &ring[settled % window]))
            break;                 /* stopped, or ending: what was begun is finished */
        err = settle(run, &ring[settled++ % window]);
        vs_progress_add(progress, 1);
        if (run->failed > 0)
            vs_progress_note(progress, "%" PRId64 " failed", run->failed);
    }
    if (err == VS_OK && any_lost(run))
        err = fail_lost(run);
    else if (err == VS_OK && settled < run->n_todo)
        err = VS_FAIL(VS_ERR_STOPPED, "stopped after %d of %d files; the same command goes on",
                      settled, run->n_todo);
    char *reason = vs_strdup(vs_err_detail());
    for (; settled < submitted; settled++)
        abandon(run, &ring[settled % window]);
    if (err != VS_OK)
        err = VS_FAIL(err, "%s", reason);
    free(reason);
    vs_progress_end(&progress);
    if (!any_lost(run))
        free(ring);
    return err;
}

/* ---- Before ------------------------------------------------------------------------------ */

/* Which split each file goes to: the one that the store has it in, where the listing is no official
 * one; the caller frees each of known (n), what split (n) points to. */
static vs_err choose_splits(const char **split, char **known, struct run *run, const vs_listing *l)
{
    for (int i = 0; i < l->n; i++) {
        if (l->keep_split)
            VS_TRY(vs_writer_member_of(&known[i], run->writer, run->dataset, l->item[i].name));
        split[i] = l->keep_split ? known[i] : l->item[i].split;
    }
    if (l->keep_split)
        vs_list_shares(split, l);
    return VS_OK;
}

static vs_err register_splits(struct run *run, const vs_listing *l)
{
    const char **split = vs_new(sizeof(*split) * ((size_t)l->n + 1));
    char **known = vs_new(sizeof(*known) * ((size_t)l->n + 1));
    vs_err err = choose_splits(split, known, run, l);
    for (int i = 0; i < l->n && err == VS_OK; i++)
        err = vs_writer_member(run->writer, run->dataset, split[i], l->item[i].name,
                               l->item[i].label);
    for (int i = 0; i < l->n; i++)
        free(known[i]);
    free(known);
    free(split);
    return err;
}

/* Lists of several runs may name a file twice; one list that does is refused (lists.c). */
static vs_err warn_of_leaks(struct run *run)
{
    int64_t files;
    char *first;
    VS_TRY(vs_writer_leaks(&files, &first, run->writer, run->dataset));
    if (files > 0)
        vs_warn("%s: %" PRId64 " files of data set %s are in train and in test or val too, e.g. %s",
                run->options->store, files, run->options->dataset, first);
    free(first);
    return VS_OK;
}

/* Every file's split is written first, so that a killed run leaves the whole list behind. */
static vs_err register_items(struct run *run, const vs_listing *l)
{
    VS_TRY(register_splits(run, l));
    VS_TRY(warn_of_leaks(run));
    for (int i = 0; i < l->n; i++) {
        const vs_item *item = &l->item[i];
        vs_clip_state state;
        if (item->again)
            continue;
        VS_TRY(vs_writer_state(&state, run->writer, run->dataset, item->name));
        if (state == VS_CLIP_ABSENT || (state == VS_CLIP_FAILED && run->options->retry))
            run->todo[run->n_todo++] = item;
        else if (state == VS_CLIP_STORED)
            run->known++;
        else
            run->known_failed++;
    }
    return VS_OK;
}

/* Bytes that the files will take, from a few of them spread over the list; 0 when none of
 * these opens. */
static vs_err estimate_bytes(double *bytes, struct run *run)
{
    enum { LOOKS = 5 };
    struct work *at = vs_new(sizeof(*at) * LOOKS);
    double sum = 0;
    int opened = 0;
    const int looks = run->n_todo < LOOKS ? run->n_todo : LOOKS;
    for (int i = 0; i < looks; i++) {
        at[i] = (struct work){ .run = run,
                               .item = run->todo[(int64_t)i * run->n_todo / looks] };
        vs_pool_submit(run->pool, look_at, &at[i]);
    }
    vs_err err = VS_OK;
    for (int i = 0; i < looks; i++) {
        if (!wait_for(run, &at[i]))
            continue;
        if (at[i].lost && err == VS_OK)
            err = settle_lost(run, &at[i]);
        else if (!at[i].lost)
            free(at[i].reason);
        sum += at[i].bytes;
        opened += at[i].bytes > 0;
    }
    *bytes = opened > 0 ? sum / opened * run->n_todo : 0;
    if (err == VS_OK && any_lost(run))
        return fail_lost(run);
    if (!any_lost(run))
        free(at);
    return err;
}

/* A wrong --root is not 13,320 failures. */
static vs_err check_some_exist(struct run *run)
{
    int64_t bytes = 0;
    int there = 0;
    for (int i = 0; i < run->n_todo; i++) {
        const int64_t size = vs_file_size(run->todo[i]->path);
        there += size >= 0;
        bytes += size > 0 ? size : 0;
    }
    if (run->n_todo > 0 && there == 0)
        return VS_FAIL(VS_ERR_IO, "none of the %d listed files is there, e.g. %s; is --root right?",
                       run->n_todo, run->todo[0]->path);
    uint64_t room = 0;
    char have[32], need[32], source[32];
    if (run->n_todo == 0)
        return VS_OK;
    VS_TRY(vs_disk_free(run->options->store, &room));
    double estimate = (double)bytes;               /* packets take what the files take */
    if (run->options->writer.encoding != VS_ENCODING_COPY)
        VS_TRY(estimate_bytes(&estimate, run));
    vs_say("%d files to decode (%s), %d missing, %" PRId64 " known already; about %s for the "
           "store, %s free", run->n_todo, vs_human_bytes(source, (double)bytes),
           run->n_todo - there, run->known + run->known_failed, vs_human_bytes(need, estimate),
           vs_human_bytes(have, (double)room));
    if (estimate > (double)room)
        vs_warn("%s: the disk may fill up; what is stored until then stays, and the same command "
                "goes on", run->options->store);
    return VS_OK;
}

/* ---- After ------------------------------------------------------------------------------- */

static json_t *groups_json(const struct groups *g)
{
    json_t *list = json_array();
    for (int i = 0; i < g->n; i++) {
        json_t *names = json_array();
        for (int k = 0; k < 3 && k < g->group[i].count; k++)
            json_array_append_new(names, vs_name_json(g->group[i].name[k]));
        json_array_append_new(list, json_pack("{s:o, s:I, s:o}", "reason",
                                              vs_name_json(g->group[i].reason),
                                              "files", (json_int_t)g->group[i].count, "first",
                                              names));
    }
    return list;
}

static void print_groups(const char *what, const struct groups *g)
{
    enum { SHOWN = 12 };
    for (int i = 0; i < g->n && i < SHOWN; i++) {
        const struct group *one = &g->group[i];
        printf("%s %6" PRId64 "  %s\n", what, one->count, one->reason);
        for (int k = 0; k < 3 && k < one->count; k++)
            printf("                  %s\n", one->name[k]);
        if (one->count > 3)
            printf("                  ...\n");
    }
    if (g->n > SHOWN)
        printf("%s         ... and %d other reasons: see list --failures\n", what, g->n - SHOWN);
}

static void print_table(const struct run *run)
{
    const double seconds = vs_now() - run->started;
    if (run->options->json) {
        vs_json_print(json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o}", "dataset",
                                run->options->dataset, "accepted", (json_int_t)run->accepted,
                                "partial", (json_int_t)run->partial, "failed",
                                (json_int_t)run->failed, "known", (json_int_t)run->known,
                                "known_failed", (json_int_t)run->known_failed, "frames",
                                (json_int_t)run->frames, "seconds", seconds, "partial_files",
                                groups_json(&run->partials), "failures",
                                groups_json(&run->failures)));
        return;
    }
    printf("data set %s: %" PRId64 " accepted (%" PRId64 " of them partial), %" PRId64
           " failed, %" PRId64 " known already", run->options->dataset, run->accepted,
           run->partial, run->failed, run->known);
    if (run->known_failed > 0)
        printf(", %" PRId64 " failed earlier (--retry tries them again)", run->known_failed);
    printf("; %" PRId64 " frames, %.0f frames/s\n", run->frames,
           seconds > 0 ? (double)run->frames / seconds : 0);
    print_groups("partial", &run->partials);
    print_groups("failed ", &run->failures);
}

static vs_err run_all(struct run *run, const vs_listing *l)
{
    const vs_run_options *o = run->options;
    VS_TRY(vs_writer_dataset(&run->dataset, run->writer, o->dataset,
                             (const char *const *)l->class_name, l->classes));
    VS_TRY(register_items(run, l));
    const int threads = o->jobs > 0 ? o->jobs : vs_cpu_count();
    VS_TRY(vs_watch_open(&run->watch, o->timeout, on_lost));
    VS_TRY(vs_pool_open(&run->pool, threads, window_of(threads)));
    vs_err err = check_some_exist(run);
    if (err == VS_OK)
        err = decode_all(run);
    if (err == VS_OK || err == VS_ERR_STOPPED || any_lost(run))
        print_table(run);
    if (err == VS_OK && run->accepted + run->known == 0)
        err = VS_FAIL(VS_ERR_CODEC, "nothing could be added: all %d files failed", l->n);
    return err;
}

/* With a lost thread only the store is closed. */
static vs_err end_run(struct run **run)
{
    struct run *r = *run;
    const bool lost = any_lost(r);
    if (!lost) {
        vs_pool_close(&r->pool);
        vs_watch_close(&r->watch);
    }
    const vs_err err = vs_writer_close(&r->writer);
    if (lost)
        return err;
    pthread_cond_destroy(&r->finished);
    pthread_mutex_destroy(&r->lock);
    free_groups(&r->partials);
    free_groups(&r->failures);
    free(r->todo);
    free(r);
    *run = NULL;
    return err;
}

vs_err vs_ingest_run(const vs_listing *listing, const vs_run_options *options)
{
    vs_writer *writer;
    VS_TRY(vs_writer_open(&writer, options->store, &options->writer));
    struct run *run = vs_new(sizeof(*run));
    *run = (struct run){ .options = options, .writer = writer, .started = vs_now() };
    run->todo = vs_new(sizeof(*run->todo) * ((size_t)listing->n + 1));
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->finished, NULL);
    vs_err err = run_all(run, listing);
    char *reason = vs_strdup(vs_err_detail());
    const vs_err closed = end_run(&run);
    if (err != VS_OK)
        err = VS_FAIL(err, "%s", reason);
    free(reason);
    return err != VS_OK ? err : closed;
}
