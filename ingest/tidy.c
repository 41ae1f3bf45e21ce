/* vsyn-ingest remove, compact. */
#include "ingest/tidy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "ingest/ingest.h"

const vs_opt vs_remove_opts[] = {
    { "clip", VS_OPT_TEXT, offsetof(vs_remove_settings, clip), .arg = "ID[,ID...]",
      .help = "these clips, by the numbers that list prints" },
    { "dataset", VS_OPT_TEXT, offsetof(vs_remove_settings, dataset), .arg = "D",
      .help = "of this data set; alone: all of it, with its classes" },
    { "name", VS_OPT_TEXT, offsetof(vs_remove_settings, name), .arg = "NAME",
      .help = "the file of this name, as listed" },
    { "split", VS_OPT_TEXT, offsetof(vs_remove_settings, split), .arg = "S",
      .help = "this split, and files that are in no other" },
    { "class", VS_OPT_TEXT, offsetof(vs_remove_settings, class_name), .arg = "C",
      .help = "files of this class, by name or number" },
    { "failed", VS_OPT_FLAG, offsetof(vs_remove_settings, failed),
      .help = "files that could not be used" },
    { "dry-run", VS_OPT_FLAG, offsetof(vs_remove_settings, dry_run),
      .help = "say what would go, change nothing" },
    VS_OPTS_COMMON(vs_remove_settings),
    { 0 }
};

const vs_opt vs_compact_opts[] = { VS_OPTS_COMMON(vs_remove_settings), { 0 } };

/* "3,5,8"; the caller frees *ids. */
static vs_err parse_ids(int64_t **ids, int *n, const char *text)
{
    for (const char *at = text; at;) {
        char *end;
        const long long id = strtoll(at, &end, 10);
        if (end == at || (*end && *end != ',') || id < 1)
            return VS_FAIL(VS_ERR_USAGE, "--clip %s: expected numbers of clips with commas, as "
                           "3,5,8", text);
        VS_PUSH(*ids, *n, (int64_t)id);
        at = *end ? end + 1 : NULL;
    }
    return VS_OK;
}

static void print_removed(const vs_remove_settings *s, const vs_removed *r)
{
    char bytes[32];
    if (s->common.json) {
        vs_json_print(json_pack("{s:b, s:I, s:I, s:I, s:I}", "dry_run", s->dry_run, "clips",
                                (json_int_t)r->clips, "bytes", (json_int_t)r->bytes, "listed",
                                (json_int_t)r->listed, "failures", (json_int_t)r->failures));
        return;
    }
    printf("%s: %" PRId64 " clips, %" PRId64 " failures, %" PRId64 " places in lists\n",
           s->dry_run ? "would be removed" : "removed", r->clips, r->failures, r->listed);
    if (r->bytes > 0 && !s->dry_run)
        printf("%s stay in the packs until vsyn-ingest compact\n",
               vs_human_bytes(bytes, (double)r->bytes));
}

vs_err vs_command_remove(vs_call *call)
{
    const vs_remove_settings *s = call->settings;
    if (!s->clip && !s->dataset && !s->name && !s->split && !s->class_name && !s->failed)
        return VS_FAIL(VS_ERR_USAGE, "say what: --clip, --dataset, --name, --split, --class or "
                       "--failed; several together must all be met");
    vs_removal what = { .dataset = s->dataset, .name = s->name, .split = s->split,
                        .class_name = s->class_name, .failed = s->failed,
                        .dry_run = s->dry_run };
    int64_t *ids = NULL;
    vs_removed removed;
    vs_err err = parse_ids(&ids, &what.clips, s->clip);
    what.clip = ids;
    if (err == VS_OK)
        err = vs_store_remove(&removed, call->args[0], &what);
    if (err == VS_OK)
        print_removed(s, &removed);
    free(ids);
    return err;
}

vs_err vs_command_compact(vs_call *call)
{
    const vs_remove_settings *s = call->settings;
    vs_compacted c;
    char bytes[32];
    VS_TRY(vs_store_compact(&c, call->args[0]));
    if (s->common.json)
        vs_json_print(json_pack("{s:I, s:I}", "packs", (json_int_t)c.packs, "freed",
                                (json_int_t)c.freed));
    else
        printf("%" PRId64 " packs written anew, %s given back\n", c.packs,
               vs_human_bytes(bytes, c.freed > 0 ? (double)c.freed : 0));
    return VS_OK;
}
