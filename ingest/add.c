/* vsyn-ingest add: which list, which options. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "ingest/add.h"
#include "ingest/ingest.h"

const vs_opt vs_add_opts[] = {
    { "list", VS_OPT_TEXT, offsetof(vs_add_settings, list), .arg = "FILE",
      .help = "list of lines \"path label\", \"path frames label\" or \"path\"" },
    { "folder", VS_OPT_TEXT, offsetof(vs_add_settings, folder), .arg = "DIR",
      .help = "one sub-folder per class, of videos or of folders of frames" },
    { "dataset", VS_OPT_TEXT, offsetof(vs_add_settings, dataset), .arg = "NAME",
      .help = "ucf101, hmdb51, kinetics400, kinetics600, kinetics700, ssv2: the official lists" },
    { "root", VS_OPT_TEXT, offsetof(vs_add_settings, root), .arg = "DIR",
      .help = "where the videos are (--list: of relative paths; default: beside the list)" },
    { "annotations", VS_OPT_TEXT, offsetof(vs_add_settings, annotations), .arg = "DIR",
      .help = "folder of the official split files" },
    { "fold", VS_OPT_INT, offsetof(vs_add_settings, fold), .def = "0", .min = 0, .max = 3,
      .arg = "N", .help = "of ucf101, hmdb51: 1, 2 (train2, test2), 3; 0: all that are there" },
    { "split", VS_OPT_TEXT, offsetof(vs_add_settings, split), .arg = "NAME",
      .help = "of a --list (default: train, val or test by the file's name, else all)" },
    { "classes", VS_OPT_TEXT, offsetof(vs_add_settings, classes), .arg = "FILE",
      .help = "class names of a --list, one per line, line 1 for label 0" },
    { "test-share", VS_OPT_REAL, offsetof(vs_add_settings, test_share), .def = "0", .min = 0,
      .max = 0.9, .arg = "F", .help = "share of each class of a --folder that becomes \"test\"" },
    { "format", VS_OPT_CHOICE, offsetof(vs_add_settings, format), .def = "auto",
      .choices = "auto|path-label|path-frames-label|path|comma",
      .help = "of the lines of a --list; auto tells the first three apart" },
    { "unlabelled", VS_OPT_FLAG, offsetof(vs_add_settings, unlabelled),
      .help = "every video below --folder, without labels (for pre-training)" },
    { "name", VS_OPT_TEXT, offsetof(vs_add_settings, name), .arg = "NAME",
      .help = "of the data set (default: --dataset, or the folder of the list or classes)" },
    { "encoding", VS_OPT_CHOICE, offsetof(vs_add_settings, encoding), .def = "jpeg",
      .choices = "jpeg|raw|copy", .help = "jpeg; raw 4:2:0 planes (ten times larger, no decoding); "
      "copy: the video's own packets (no loss, needs FFmpeg to read)" },
    { "quality", VS_OPT_INT, offsetof(vs_add_settings, quality), .def = "90", .min = 1,
      .max = 100, .arg = "Q", .help = "of jpeg" },
    { "short-side", VS_OPT_INT, offsetof(vs_add_settings, short_side), .def = "256", .min = 0,
      .max = 16384, .arg = "N", .help = "larger videos are reduced to it; 0 keeps every size, as "
      "does copy where it is not given" },
    { "fps", VS_OPT_REAL, offsetof(vs_add_settings, fps), .def = "0", .min = 0, .max = 1000,
      .arg = "N", .help = "resample to N frames per second; 0 keeps every frame" },
    { "frame-rate", VS_OPT_REAL, offsetof(vs_add_settings, frame_rate), .def = "0", .min = 0,
      .max = 1000, .arg = "N", .help = "of folders of frames; 0: as their times.txt tells, or 25" },
    { "max-seconds", VS_OPT_REAL, offsetof(vs_add_settings, max_seconds), .def = "0", .min = 0,
      .max = 1e6, .arg = "S", .help = "only the first S seconds of each file; 0 = all" },
    { "timeout", VS_OPT_REAL, offsetof(vs_add_settings, timeout), .def = "120", .min = 0,
      .max = 1e6, .arg = "S", .help = "give a file up after S seconds without a frame; 0: never" },
    { "retry", VS_OPT_FLAG, offsetof(vs_add_settings, retry),
      .help = "try files again that failed in an earlier run" },
    VS_OPTS_COMMON(vs_add_settings),
    { 0 }
};

static vs_err check_dataset(const char *name)
{
    static const char *const known[] = { "ucf101", "hmdb51", "kinetics400", "kinetics600",
                                         "kinetics700", "ssv2" };
    for (int i = 0; i < 6; i++)
        if (strcmp(name, known[i]) == 0)
            return VS_OK;
    const char *near = vs_nearest(name, known, 6);
    return VS_FAIL(VS_ERR_USAGE, "--dataset %s: expected ucf101, hmdb51, kinetics400, kinetics600, "
                   "kinetics700 or ssv2%s%s", name, near ? "; did you mean " : "",
                   near ? near : "");
}

/* Options that mean nothing beside the chosen kind of list. */
vs_err vs_add_check(const vs_call *call, const vs_add_settings *s)
{
    const int kinds = (s->list != NULL) + (s->folder != NULL) + (s->dataset != NULL);
    if (kinds != 1)
        return VS_FAIL(VS_ERR_USAGE, "%s of --list, --folder and --dataset; expected exactly one",
                       kinds ? "several" : "none");
    static const struct {
        const char *option;
        bool list, folder, dataset;
    } fits[] = {
        { "root", true, false, true },     { "annotations", false, false, true },
        { "fold", false, false, true },    { "split", true, false, false },
        { "classes", true, false, false }, { "test-share", false, true, false },
        { "format", true, false, false },  { "unlabelled", false, true, false },
    };
    for (size_t i = 0; i < sizeof(fits) / sizeof(*fits); i++)
        if (vs_call_given(call, fits[i].option) &&
            !(s->list ? fits[i].list : s->folder ? fits[i].folder : fits[i].dataset))
            return VS_FAIL(VS_ERR_USAGE, "--%s does not go with --%s", fits[i].option,
                           s->list ? "list" : s->folder ? "folder" : "dataset");
    static const char *const decoded[] = { "fps", "max-seconds", "quality" };
    for (int i = 0; i < 3 && s->encoding == VS_ENCODING_COPY; i++)
        if (vs_call_given(call, decoded[i]))
            return VS_FAIL(VS_ERR_USAGE, "--%s does not go with --encoding copy, which keeps the "
                           "video as it is", decoded[i]);
    if (!s->dataset)
        return VS_OK;
    VS_TRY(check_dataset(s->dataset));
    if (!s->root || !s->annotations)
        return VS_FAIL(VS_ERR_USAGE, "--dataset %s needs --root DIR and --annotations DIR",
                       s->dataset);
    return VS_OK;
}

vs_err vs_add_listing(vs_listing *out, const vs_add_settings *s)
{
    if (s->list)
        return vs_list_file_as(out, s->list, (vs_list_format)s->format, s->root, s->split,
                               s->classes);
    if (s->folder && s->unlabelled)
        return vs_list_tree(out, s->folder);
    if (s->folder)
        return vs_list_folder(out, s->folder, s->test_share, (uint64_t)s->common.seed);
    if (strcmp(s->dataset, "ucf101") == 0)
        return vs_list_ucf101(out, s->root, s->annotations, s->fold);
    if (strcmp(s->dataset, "hmdb51") == 0)
        return vs_list_hmdb51(out, s->root, s->annotations, s->fold);
    if (strcmp(s->dataset, "ssv2") == 0)
        return vs_list_ssv2(out, s->root, s->annotations);
    return vs_list_kinetics(out, s->dataset, s->root, s->annotations);
}

/* --name, or the folder that holds the list or the classes: train.csv and val.csv of one
 * folder are one data set. The caller frees it. */
char *vs_add_name(const vs_add_settings *s)
{
    if (s->name)
        return vs_strdup(s->name);
    if (s->dataset)
        return vs_strdup(s->dataset);
    char *full = realpath(s->list ? s->list : s->folder, NULL);
    if (!full)
        return vs_strdup("videos");
    if (s->list) {
        char *slash = strrchr(full, '/');
        *slash = 0;
    }
    char *name = vs_strdup(vs_path_base(full));
    free(full);
    for (char *p = name; *p; p++)
        if (*p == ':' || *p == '\n')
            *p = '_';
    if (*name)
        return name;
    free(name);
    return vs_strdup("videos");
}

vs_err vs_command_add(vs_call *call)
{
    const vs_add_settings *s = call->settings;
    VS_TRY(vs_add_check(call, s));
    vs_listing listing;
    VS_TRY(vs_add_listing(&listing, s));
    char *name = vs_add_name(s);
    const bool whole = s->encoding == VS_ENCODING_COPY && !vs_call_given(call, "short-side");
    const vs_run_options run = {
        .store = call->args[0], .dataset = name, .jobs = s->common.jobs, .retry = s->retry,
        .json = s->common.json,
        .writer = { .encoding = (vs_encoding)s->encoding,
                    .quality = s->quality },
        .decode = { whole ? 0 : s->short_side, s->fps, s->max_seconds, NULL, s->frame_rate },
        .timeout = s->timeout
    };
    const vs_err err = vs_ingest_run(&listing, &run);
    free(name);
    vs_listing_free(&listing);
    return err;
}
