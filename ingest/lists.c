/* Lists in files: lines, their traps, and the formats of VideoMAE, mmaction2 and
 * vsyn-gen.
 *
 *     videos/a clip.mp4 3           the label follows the last blank; paths may hold blanks
 *     "videos/a clip.mp4" 3         quotes around the path are taken off
 *     frames/clip 163 3             path, number of frames, label: when every line ends so
 *     videos/clip.mp4 0 -1          the same of VideoMAE v2: -1 is no label
 *     videos/a clip.mp4             no labels: when every line ends as a video does
 *
 * A byte order mark, CR LF, blanks at the ends and empty lines are passed over.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "ingest/ingest.h"
#include "ingest/tree.h"

#define LABEL_MAX 999999

/* ---- Lines ----------------------------------------------------------------------------- */

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *trim(char *text)
{
    while (blank(*text))
        text++;
    size_t n = strlen(text);
    while (n > 0 && blank(text[n - 1]))
        text[--n] = 0;
    return text;
}

vs_err vs_lines_read(vs_lines *out, const char *path)
{
    *out = (vs_lines){ 0 };
    void *data;
    size_t size;
    VS_TRY(vs_file_read(path, &data, &size));
    if (memchr(data, 0, size)) {
        free(data);
        return VS_FAIL(VS_ERR_CORRUPT, "%s: a list is expected, this is not a text file", path);
    }
    out->path = vs_strdup(path);
    out->text = data;
    char *at = out->text;
    if (strncmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    while (*at) {
        char *end = at + strcspn(at, "\n"), *next = end + (*end == '\n');
        *end = 0;
        VS_PUSH(out->line, out->n, trim(at));
        at = next;
    }
    return VS_OK;
}

void vs_lines_free(vs_lines *lines)
{
    free(lines->path);
    free(lines->text);
    free(lines->line);
    *lines = (vs_lines){ 0 };
}

void vs_lines_problem(vs_lines *lines, int i, const char *fmt, ...)
{
    if (lines->problems == 0) {
        const int n = snprintf(lines->first, sizeof(lines->first), "%s:%d: ", lines->path, i + 1);
        const size_t used = n > 0 && (size_t)n < sizeof(lines->first) ? (size_t)n
                                                                      : sizeof(lines->first) - 1;
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(lines->first + used, sizeof(lines->first) - used, fmt, ap);
        va_end(ap);
    } else if (lines->problems <= 5) {
        lines->more[lines->problems - 1] = i + 1;
    }
    lines->problems++;
}

vs_err vs_lines_verdict(const vs_lines *lines)
{
    if (lines->problems == 0)
        return VS_OK;
    if (lines->problems == 1)
        return VS_FAIL(VS_ERR_CORRUPT, "%s", lines->first);
    char numbers[96] = "";
    size_t used = 0;
    const int shown = lines->problems - 1 < 5 ? lines->problems - 1 : 5;
    for (int i = 0; i < shown; i++)
        used += (size_t)snprintf(numbers + used, sizeof(numbers) - used, "%s%d", i ? ", " : "",
                                 lines->more[i]);
    return VS_FAIL(VS_ERR_CORRUPT, "%s; %d bad lines in all, the next: %s%s", lines->first,
                   lines->problems, numbers, shown < lines->problems - 1 ? ", ..." : "");
}

/* ---- Listings -------------------------------------------------------------------------- */

void vs_listing_free(vs_listing *l)
{
    for (int i = 0; i < l->n; i++) {
        free(l->item[i].path);
        free(l->item[i].name);
    }
    for (int i = 0; l->class_name && i < l->classes; i++)
        free(l->class_name[i]);
    free(l->class_name);
    free(l->item);
    for (size_t i = 0; i < sizeof(l->split) / sizeof(*l->split); i++)
        free(l->split[i]);
    *l = (vs_listing){ 0 };
}

void vs_listing_add(vs_listing *l, char *path, char *name, const char *split, int label)
{
    const vs_item item = { path, name, split, label, false };
    VS_PUSH(l->item, l->n, item);
}

struct order {
    const vs_item *item;
    int i;
};

static int by_name(const void *a, const void *b)
{
    const struct order *x = a, *y = b;
    const int c = strcmp(x->item->name, y->item->name);
    return c ? c : x->i - y->i;
}

void vs_listing_unique(vs_listing *l, vs_lines *lines, const int *line_of)
{
    struct order *order = vs_new(sizeof(*order) * ((size_t)l->n + 1));
    bool *drop = vs_new(sizeof(*drop) * ((size_t)l->n + 1));
    for (int i = 0; i < l->n; i++)
        order[i] = (struct order){ &l->item[i], i };
    qsort(order, (size_t)l->n, sizeof(*order), by_name);
    for (int k = 1; k < l->n; k++) {
        const struct order *a = &order[k - 1], *b = &order[k];
        if (strcmp(a->item->name, b->item->name) != 0)
            continue;
        drop[b->i] = true;
        if (a->item->label != b->item->label)
            vs_lines_problem(lines, line_of[b->i], "%s has the label %d here and %d in line %d",
                             b->item->name, b->item->label, a->item->label, line_of[a->i] + 1);
    }
    int kept = 0;
    for (int i = 0; i < l->n; i++) {
        if (drop[i]) {
            free(l->item[i].path);
            free(l->item[i].name);
        } else {
            l->item[kept++] = l->item[i];
        }
    }
    l->repeated += l->n - kept;
    l->n = kept;
    free(order);
    free(drop);
}

/* ---- "path label" ---------------------------------------------------------------------- */

bool vs_line_label(char **path, int *label, char *line)
{
    char *at = line + strlen(line);
    while (at > line && !blank(at[-1]))
        at--;
    char *end;
    const long value = strtol(at, &end, 10);
    if (at == line || *end || end == at || at[0] == '+' || value < 0 || value > LABEL_MAX)
        return false;
    at[-1] = 0;
    *path = trim(line);
    *label = (int)value;
    return **path != 0;
}

static void unquote(char **path)
{
    const size_t n = strlen(*path);
    const char q = **path;
    if (n >= 3 && (q == '"' || q == '\'') && (*path)[n - 1] == q) {
        (*path)[n - 1] = 0;
        (*path)++;
    }
}

static const char *after_last_comma(const char *line)
{
    const char *comma = strrchr(line, ',');
    return comma ? comma + 1 : NULL;
}

static bool whole_number(const char *text)
{
    return text && *text && strspn(text, "0123456789") == strlen(text);
}

/* Says what is wrong with a line that has no label at its end. */
static void explain(vs_lines *lines, int i, const char *line)
{
    const char *last = strrchr(line, ' ');
    if (whole_number(after_last_comma(line)))
        vs_lines_problem(lines, i, "a comma before the label; expected \"path label\"");
    else if (last)
        vs_lines_problem(lines, i, "the label is \"%.40s\", expected a whole number from 0 to %d",
                         last + 1, LABEL_MAX);
    else
        vs_lines_problem(lines, i, "no label; expected \"path label\"");
}

/* One line per class, its number is the label. */
static vs_err read_classes(vs_listing *l, const char *path)
{
    vs_lines lines;
    VS_TRY(vs_lines_read(&lines, path));
    while (lines.n > 0 && !*lines.line[lines.n - 1])
        lines.n--;
    for (int i = 0; i < lines.n; i++) {
        if (!*lines.line[i])
            vs_lines_problem(&lines, i, "empty; expected the name of class %d", i);
        for (int k = 0; k < i; k++)
            if (*lines.line[i] && strcmp(lines.line[i], lines.line[k]) == 0)
                vs_lines_problem(&lines, i, "class \"%s\" is in line %d already", lines.line[i],
                                 k + 1);
        VS_PUSH(l->class_name, l->classes, vs_strdup(lines.line[i]));
    }
    vs_err err = vs_lines_verdict(&lines);
    if (err == VS_OK && l->classes == 0)
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: no class names in it", path);
    vs_lines_free(&lines);
    return err;
}

/* ---- Which format ------------------------------------------------------------------------ */

/* Takes a whole number, -1 or more, off the end of a line. */
static bool cut_number(char *line, char separator, long *value)
{
    char *at = line + strlen(line);
    while (at > line && (separator ? at[-1] != separator : !blank(at[-1])))
        at--;
    char *end;
    *value = strtol(at, &end, 10);
    if (at == line || *end || end == at || *at == '+' || *value < -1 || *value > LABEL_MAX)
        return false;
    at[-1] = 0;
    trim(line);
    return *line != 0;
}

static bool names_video(const char *line)
{
    char *copy = vs_strdup(line), *path = copy;
    unquote(&path);
    const bool yes = vs_is_video(path);
    free(copy);
    return yes;
}

/* "clip 163 3", and there is no file "clip 163". */
static bool has_two_numbers(const char *line, const char *root)
{
    char *copy = vs_strdup(line);
    long label, frames;
    bool yes = cut_number(copy, 0, &label);
    if (yes) {
        char *full = vs_path_join(root, copy);
        yes = !vs_path_exists(full) && cut_number(copy, 0, &frames);
        free(full);
    }
    free(copy);
    return yes;
}

static vs_list_format detect(const vs_lines *lines, const char *root)
{
    bool paths = true, numbers = true;
    for (int i = 0; i < lines->n && (paths || numbers); i++)
        if (*lines->line[i]) {
            paths = paths && names_video(lines->line[i]);
            numbers = numbers && has_two_numbers(lines->line[i], root);
        }
    return paths ? VS_LIST_PATH : numbers ? VS_LIST_PATH_FRAMES_LABEL : VS_LIST_PATH_LABEL;
}

/* The path and the label of a line in place; false when it is not of this format. */
static bool cut_line(char **path, int *label, char *line, vs_list_format format)
{
    long value = -1, frames;
    *path = line;
    if (format == VS_LIST_PATH_LABEL)
        return vs_line_label(path, label, line);
    bool good = true;
    if (format == VS_LIST_COMMA)
        good = cut_number(line, ',', &value);
    else if (format == VS_LIST_PATH_FRAMES_LABEL)
        good = cut_number(line, 0, &value) && cut_number(line, 0, &frames);
    *label = (int)value;
    return good;
}

static void parse_line(vs_listing *l, vs_lines *lines, int i, const char *root,
                       vs_list_format format)
{
    char *path;
    int label;
    if (!cut_line(&path, &label, lines->line[i], format)) {
        explain(lines, i, lines->line[i]);
        return;
    }
    unquote(&path);
    char *full = vs_path_join(root, path);
    if (format == VS_LIST_PATH_LABEL && path[strlen(path) - 1] == ',' && !vs_path_exists(full))
        vs_lines_problem(lines, i, "a comma before the label; expected \"path label\"");
    else if (l->class_name && label >= l->classes)
        vs_lines_problem(lines, i, "the label is %d, with %d class names it is 0 to %d%s", label,
                         l->classes, l->classes - 1,
                         label == l->classes ? " (is this list counted from 1?)" : "");
    vs_listing_add(l, full, vs_strdup(path), l->split[0], label);
}

/* Is there this word in a name, between other things than letters? */
static const char *word_in(const char *name, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = strstr(name, word); at; at = strstr(at + 1, word))
        if ((at == name || !isalpha((unsigned char)at[-1])) && !isalpha((unsigned char)at[n]))
            return at;
    return NULL;
}

/* "kinetics400_train_list_videos.txt": train; "ucf101_val_split_2_videos.txt": val2. */
static char *default_split(const char *path)
{
    static const struct {
        const char *word, *split;
    } usual[] = { { "train", "train" }, { "val", "val" }, { "validation", "val" },
                  { "test", "test" } };
    const char *base = vs_path_base(path), *number = strstr(base, "split_");
    const int fold = number ? number[6] - '0' : 0;
    for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
        if (word_in(base, usual[i].word))
            return fold == 2 || fold == 3 ? vs_strf("%s%d", usual[i].split, fold)
                                          : vs_strdup(usual[i].split);
    return vs_strdup("all");
}

static vs_err count_labels(vs_listing *l, const char *path)
{
    int lowest = LABEL_MAX, highest = -1;
    for (int i = 0; i < l->n; i++) {
        lowest = l->item[i].label < lowest ? l->item[i].label : lowest;
        highest = l->item[i].label > highest ? l->item[i].label : highest;
    }
    if (l->n == 0)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: no files in this list", path);
    if (!l->class_name)
        l->classes = highest + 1;
    if (lowest == 1 && highest > 1)
        vs_warn("%s: labels run from 1 to %d and are kept; if this list counts from 1, class 0 "
                "stays empty", path, highest);
    return VS_OK;
}

static vs_err parse_list(vs_listing *out, vs_lines *lines, const char *root,
                         vs_list_format format)
{
    if (format == VS_LIST_AUTO)
        format = detect(lines, root);
    int *line_of = vs_new(sizeof(*line_of) * ((size_t)lines->n + 1));
    for (int i = 0; i < lines->n; i++) {
        if (!*lines->line[i])
            continue;
        const int before = out->n;
        parse_line(out, lines, i, root, format);
        if (out->n > before)
            line_of[before] = i;
    }
    vs_listing_unique(out, lines, line_of);
    free(line_of);
    VS_TRY(vs_lines_verdict(lines));
    return count_labels(out, lines->path);
}

vs_err vs_list_file_as(vs_listing *out, const char *path, vs_list_format format, const char *root,
                       const char *split, const char *classes)
{
    *out = (vs_listing){ .split = { split ? vs_strdup(split) : default_split(path) } };
    vs_lines lines = { 0 };
    const char *base = vs_path_base(path);
    char *folder = base == path ? vs_strdup(".")
                                : vs_strf("%.*s", (int)(base - path), path);
    vs_err err = VS_OK;
    if (root && !vs_path_is_dir(root))
        err = VS_FAIL(VS_ERR_IO, "%s: no such folder (--root)", root);
    if (err == VS_OK && classes)
        err = read_classes(out, classes);
    if (err == VS_OK)
        err = vs_lines_read(&lines, path);
    if (err == VS_OK)
        err = parse_list(out, &lines, root ? root : folder, format);
    vs_lines_free(&lines);
    free(folder);
    if (err != VS_OK)
        vs_listing_free(out);
    return err;
}

vs_err vs_list_file(vs_listing *out, const char *path, const char *root, const char *split,
                    const char *classes)
{
    return vs_list_file_as(out, path, VS_LIST_AUTO, root, split, classes);
}

vs_err vs_list_read(vs_listing *out, const char *path, vs_list_format format)
{
    return vs_list_file_as(out, path, format, NULL, NULL, NULL);
}
