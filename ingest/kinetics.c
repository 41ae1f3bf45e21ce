/* Kinetics-400, 600, 700: the official tables, and every layout that copies have.
 *
 *     label,youtube_id,time_start,time_end,split[,is_cc]
 *     testifying,---QUuC4vJs,84,94,validate
 *
 * Columns go by their names in the first line; test tables without labels are taken without.
 * Files are {youtube_id}_{start:06}_{end:06}.mp4, in any folder and with any ending of a video,
 * or the bare id, wherever they lie below --root. Labels are the places of the class names in
 * alphabetical order (annotations/kinetics400.txt, ...), whatever part of the classes a copy has;
 * blanks, underscores, quotes and capitals of names do not count.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cli.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "ingest/classes.h"
#include "ingest/tree.h"
#include "ingest/ingest.h"

enum { LABEL, ID, START, END, SPLIT, COLUMNS };

struct table {
    vs_listing *l;
    vs_lines *lines;
    vs_tree *disk;
    const vs_class_index *index;
    int column[COLUMNS];           /* -1: not in this table */
    int split;                     /* by the name of the file; -1 = not told */
};

/* Fields of a line with commas and quotes, in place; at most `most`. */
static int cut_fields(char **field, int most, char *line)
{
    int n = 0;
    for (char *at = line; n < most;) {
        char *to = at;
        field[n++] = at;
        bool quoted = false;
        for (; *at && (quoted || *at != ','); at++) {
            if (*at == '"' && quoted && at[1] == '"')
                *to++ = *at++;
            else if (*at == '"')
                quoted = !quoted;
            else
                *to++ = *at;
        }
        const bool more = *at == ',';
        *to = 0;
        if (!more)
            break;
        at++;
    }
    return n;
}

static int split_of(const char *text)
{
    return strstr(text, "train") ? 0 : strstr(text, "val") ? 1 : strstr(text, "test") ? 2 : -1;
}

/* False: this is another kind of table. */
static bool read_header(struct table *t)
{
    static const char *const names[COLUMNS] = { "label", "youtube_id", "time_start", "time_end",
                                                "split" };
    char *field[16], *line = vs_strdup(t->lines->n > 0 ? t->lines->line[0] : "");
    const int n = cut_fields(field, 16, line);
    for (int c = 0; c < COLUMNS; c++) {
        t->column[c] = -1;
        for (int i = 0; i < n; i++)
            if (strcmp(field[i], names[c]) == 0)
                t->column[c] = i;
    }
    free(line);
    return t->column[ID] >= 0 && t->column[START] >= 0 && t->column[END] >= 0;
}

/* Seconds, as whole numbers; older tables say "84.0". */
static bool seconds(long *out, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    const bool good = end != text && !*end && value >= 0 && value < 1e6;
    *out = good ? (long)value : 0;
    return good;
}

static void parse_row(struct table *t, int i)
{
    char *field[16] = { 0 };
    const int n = cut_fields(field, 16, t->lines->line[i]);
    const char *text[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        text[c] = t->column[c] >= 0 && t->column[c] < n ? field[t->column[c]] : NULL;
        if (!text[c] && t->column[c] >= 0) {
            vs_lines_problem(t->lines, i, "%d fields, expected those of line 1", n);
            return;
        }
    }
    long start, end;
    if (!*text[ID] || strpbrk(text[ID], "/ ") || !seconds(&start, text[START]) ||
        !seconds(&end, text[END])) {
        vs_lines_problem(t->lines, i, "\"%.40s\" from \"%.20s\" to \"%.20s\", expected an id and "
                         "seconds", text[ID], text[START], text[END]);
        return;
    }
    const int split = text[SPLIT] && split_of(text[SPLIT]) >= 0 ? split_of(text[SPLIT]) : t->split;
    const int label = text[LABEL] && *text[LABEL] ? vs_class_find(t->index, text[LABEL]) : -1;
    if (split < 0) {
        vs_lines_problem(t->lines, i, "no split: neither the line nor the name of the table says "
                         "train, val or test");
    } else if (label < 0 && text[LABEL] && *text[LABEL]) {
        const char *near = vs_class_near(t->index, text[LABEL]);
        vs_lines_problem(t->lines, i, "\"%.60s\" is none of the %d classes%s%s", text[LABEL],
                         t->index->n, near ? "; did you mean " : "", near ? near : "");
    } else {
        char *name = vs_strf("%s_%06ld_%06ld.mp4", text[ID], start, end);
        const char *of = t->l->split[split];
        vs_listing_add(t->l, vs_tree_find(t->disk, name, of, text[ID]), name, of, label);
    }
}

static vs_err read_table(struct table *t, const char *path)
{
    vs_lines lines;
    VS_TRY(vs_lines_read(&lines, path));
    t->lines = &lines;
    t->split = split_of(vs_path_base(path));
    vs_err err = VS_OK;
    if (read_header(t)) {
        for (int i = 1; i < lines.n; i++)
            if (*lines.line[i])
                parse_row(t, i);
        err = vs_lines_verdict(&lines);
    } else {
        vs_say("%s: left out, it has no columns youtube_id, time_start, time_end", path);
    }
    vs_lines_free(&lines);
    return err;
}

vs_err vs_list_kinetics(vs_listing *out, const char *set, const char *root,
                        const char *annotations)
{
    VS_TRY(vs_listing_begin(out, root, annotations));
    vs_class_index index;
    vs_tree disk;
    vs_class_index_known(&index, set);
    vs_tree_init(&disk, root);
    static const char *const splits[] = { "train", "val", "test" };
    for (int i = 0; i < 3; i++)
        out->split[i] = vs_strdup(splits[i]);
    struct table t = { .l = out, .disk = &disk, .index = &index };
    char **names = NULL;
    int n = 0;
    vs_err err = vs_dir_list(annotations, &names, &n);
    for (int i = 0; i < n && err == VS_OK; i++) {
        char *path = vs_path_join(annotations, names[i]);
        if (strcmp(vs_path_ext(names[i]), "csv") == 0)
            err = read_table(&t, path);
        free(path);
    }
    vs_names_free(names, n);
    vs_class_names(out, &index);
    if (err == VS_OK)
        err = vs_listing_settle(out, annotations, "train.csv, val.csv or test.csv");
    vs_tree_free(&disk);
    vs_class_index_free(&index);
    if (err != VS_OK)
        vs_listing_free(out);
    return err;
}
