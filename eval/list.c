/* vsyn-robust list: every corruption, its numbers per severity, its variants, its source. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "eval/commands.h"
#include "eval/robust.h"

struct list_settings {
    vs_common common;
};

static const vs_opt list_opts[] = {
    VS_OPTS_COMMON(struct list_settings),
    { 0 }
};

static json_t *levels_json(const vs_corruption *c, int variant)
{
    json_t *list = json_array();
    for (int s = 0; s < VS_SEVERITIES; s++) {
        json_t *numbers = json_array();
        for (int k = 0; k < c->n_numbers; k++)
            json_array_append_new(numbers, json_real(c->level[variant][s][k]));
        json_array_append_new(list, numbers);
    }
    return list;
}

static const char *acts_on(const vs_corruption *c)
{
    return c->stream ? "every frame" : c->temporal ? "video" : "view";
}

static json_t *corruption_json(const vs_corruption *c)
{
    json_t *severities = json_object();
    for (int v = 0; v < (c->variants ? VS_VARIANTS : 1); v++)
        json_object_set_new(severities, vs_corruption_variant(c, v), levels_json(c, v));
    return json_pack("{ss ss ss ss ss sb sb sb so ss ss*}", "name", c->name, "group", c->group,
                     "definition", c->what, "acts_on", acts_on(c), "numbers",
                     c->numbers, "variants", c->variants, "random", c->random,
                     "reference_negative", c->through_image, "severities", severities, "source",
                     c->source, "missing", vs_corruption_missing(c));
}

static void print_levels(const vs_corruption *c, int variant)
{
    printf("    %-8s", c->variants ? vs_corruption_variant(c, variant) : "");
    for (int s = 0; s < VS_SEVERITIES; s++) {
        char text[64] = "";
        for (int k = 0; k < c->n_numbers; k++) {
            const size_t at = strlen(text);
            snprintf(text + at, sizeof(text) - at, "%s%g", k ? "," : "", c->level[variant][s][k]);
        }
        printf(" %9s", text);
    }
    printf("   %s\n", c->numbers);
}

/* Many numbers: a row for each, named by its part of "mean, deviation, ...". */
static void print_numbers(const vs_corruption *c)
{
    const char *name = c->numbers;
    for (int k = 0; k < c->n_numbers; k++) {
        const size_t n = strcspn(name, ",");
        printf("    %-8s", "");
        for (int s = 0; s < VS_SEVERITIES; s++)
            printf(" %9g", c->level[0][s][k]);
        printf("   %.*s\n", (int)n, name);
        name += n + (name[n] ? 2 : 0);
    }
}

/* Authors and year, without the data sets behind them. */
static int source_length(const char *source)
{
    const char *end = strstr(source, " (");
    return (int)(end ? (size_t)(end - source) : strlen(source));
}

static const char notes[] =
    "\n"
    "Columns are severities 1 to 5. x is the picture in 0..1, v its byte; results are\n"
    "truncated to bytes. Temporal corruptions act on the whole strided video, before views\n"
    "are cut; frame_rate, temporal_motion_blur and all codecs on the video at its own rate,\n"
    "before it is strided; the others on each view.\n"
    "\n"
    "Lists of --corruptions: names, all, and those of the benchmarks: ucf101-p (18), ucf101-p14\n"
    "(arXiv 2410.24213), kinetics-c (12), imagenet-c (19).\n"
    "\n"
    "Where two lines are shown or the text says so, --variant vlmr does as\n"
    "VideoLanguageModelRobustness, the default as ActionRecognitionRobustnessEval (arre);\n"
    "--variant ssv2 takes the numbers of SSv2-C for those of Mini Kinetics-C, --variant imagenet\n"
    "those of ImageNet-C where it has others.\n"
    "\n"
    "What to know of the references:\n"
    "- The published loader of arXiv 2410.24213 feeds 0..255 where 0..1 is expected, so that\n"
    "  picture corruptions (all but translate, temporal and codecs) see the negative image;\n"
    "  --reference-negative reproduces it.\n"
    "- arre: the severities of jumble, box_jumble and freeze are not monotonic on short clips,\n"
    "  and sampling shortens them (the last frame is then repeated).\n"
    "- glass_blur means to swap pixels and overwrites one by the other: here as there.\n"
    "- mpeg1, mpeg2, codec: libavcodec as installed, x264 and x265 (GPL) only through it; the\n"
    "  bytes depend on their versions, not on threads. mpeg2video and mpeg4 take no quantiser\n"
    "  above 31: what is beyond only makes them skip more. Lost frames are held. Short clips are\n"
    "  short streams: few of them meet a bit_error or a packet_loss.\n"
    "- rain: the published program draws a lean, forgets it, and draws the streaks of every frame\n"
    "  anew: here as there. With --falling-rain they lean and fall.\n"
    "- temporal_motion_blur: the reference leaves out the first and last n frames, whose\n"
    "  windows are not whole; here the clip keeps its length.\n"
    "- shot_noise_c is the shot_noise of Mini Kinetics-C.\n"
    "- snow, frost, spatter, elastic: ImageNet-C has pictures only. Here they are drawn once\n"
    "  for a clip: snow falls, ice and drops stay. fog: one layer per clip, as Mini Kinetics-C.\n"
    "- The frost of ImageNet-C are photographs of others: the ice is grown here, as bright and as\n"
    "  uneven as theirs.\n"
    "- elastic: lengths count for 224 pixels, here of the shorter side.\n";

static void print_text(void)
{
    const char *group = "";
    for (int i = 0; i < vs_corruption_count(); i++) {
        const vs_corruption *c = vs_corruption_at(i);
        if (strcmp(c->group, group) != 0)
            printf("%s%s\n", i ? "\n" : "", c->group);
        group = c->group;
        printf("  %s: %s [%.*s]\n", c->name, c->what, source_length(c->source), c->source);
        if (vs_corruption_missing(c))
            printf("    not here: %s\n", vs_corruption_missing(c));
        if (c->n_numbers > 3)
            print_numbers(c);
        else
            for (int v = 0; v < (c->variants ? VS_VARIANTS : 1); v++)
                print_levels(c, v);
    }
    fputs(notes, stdout);
}

static vs_err run_list(vs_call *call)
{
    const struct list_settings *s = call->settings;
    if (!s->common.json) {
        print_text();
        return VS_OK;
    }
    json_t *list = json_array();
    for (int i = 0; i < vs_corruption_count(); i++)
        json_array_append_new(list, corruption_json(vs_corruption_at(i)));
    vs_json_print(json_pack("{so}", "corruptions", list));
    return VS_OK;
}

const vs_command vs_command_list = {
    .name = "list", .args = "", .help = "every corruption, its numbers per severity, its source",
    .opts = list_opts, .settings_size = sizeof(struct list_settings), .run = run_list
};
