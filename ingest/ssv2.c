/* Something-Something v2: the official JSON lists.
 *
 *     train.json, validation.json   [{"id": "78687", "label": "holding potato next to vicks vaporub
 *                                   bottle", "template": "Holding [something] next to [something]",
 *                                   "placeholders": [...]}, ...]
 *     test.json                     [{"id": "1420"}, ...]; unlabelled, unless there is
 *     test-answers.csv              1420;Pushing something so that it slightly moves
 *     labels.json                   {"Holding something next to something": "43", ...}
 *
 * with or without "something-something-v2-" before the names. The class is the template without
 * its brackets, its label what labels.json says, or else annotations/ssv2.txt. Files are ID.webm,
 * or of any other ending, anywhere below --root. Elements are read one at a time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "ingest/classes.h"
#include "ingest/tree.h"

struct ssv2 {
    vs_listing *l;
    vs_tree disk;
    vs_class_index index;
    const char *annotations;
    int before;                    /* items of the splits before */
};

/* The one file of this name, with or without a prefix; NULL when it is not there. */
static char *find_list(const char *annotations, const char *name)
{
    char *path = vs_path_join(annotations, name);
    if (vs_path_exists(path))
        return path;
    free(path);
    char *long_name = vs_strf("something-something-v2-%s", name);
    path = vs_path_join(annotations, long_name);
    free(long_name);
    if (vs_path_exists(path))
        return path;
    free(path);
    return NULL;
}

static vs_err put_label(char **name, int n, const char *class, const json_t *value,
                        const char *path)
{
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    char *end;
    const long label = json_is_integer(value) ? (long)json_integer_value(value)
                                              : strtol(text, &end, 10);
    if ((!json_is_integer(value) && (end == text || *end)) || label < 0 || label >= n)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: the label of \"%.80s\" must be a number from 0 to %d",
                       path, class, n - 1);
    if (name[label])
        return VS_FAIL(VS_ERR_CORRUPT, "%s: \"%.60s\" and \"%.60s\" have the same label %ld", path,
                       name[label], class, label);
    name[label] = vs_strdup(class);
    return VS_OK;
}

static vs_err read_labels(struct ssv2 *s)
{
    char *path = find_list(s->annotations, "labels.json");
    if (!path) {
        vs_class_index_known(&s->index, "ssv2");
        return VS_OK;
    }
    json_t *map = NULL, *value;
    const char *class;
    vs_err err = vs_json_load(&map, path);
    if (err == VS_OK && (!json_is_object(map) || json_object_size(map) == 0))
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: expected {\"template\": \"label\", ...}", path);
    const int n = err == VS_OK ? (int)json_object_size(map) : 0;
    char **name = vs_new(sizeof(*name) * ((size_t)n + 1));
    if (err == VS_OK)
        json_object_foreach(map, class, value) {
            err = put_label(name, n, class, value, path);
            if (err != VS_OK)
                break;
        }
    if (err == VS_OK)
        vs_class_index_make(&s->index, name, n);
    else
        vs_names_free(name, n);
    json_decref(map);
    free(path);
    return err;
}

/* "Holding [something]" -> "Holding something", in place. */
static void strip_brackets(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++)
        if (*at != '[' && *at != ']')
            *to++ = *at;
    *to = 0;
}

static vs_err add_element(struct ssv2 *s, const json_t *item, const char *where, const char *split)
{
    char number[32];
    const json_t *id = json_object_get(item, "id");
    const json_t *template = json_object_get(item, "template");
    if (json_is_integer(id))
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(id));
    const char *name = json_is_integer(id) ? number : json_string_value(id);
    if (!name || !*name || strpbrk(name, "/ \n"))
        return VS_FAIL(VS_ERR_CORRUPT, "%s: expected an object with an \"id\"", where);
    int label = -1;
    if (json_is_string(template)) {
        char *class = vs_strdup(json_string_value(template));
        strip_brackets(class);
        label = vs_class_find(&s->index, class);
        const vs_err err = label >= 0 ? VS_OK
                                      : VS_FAIL(VS_ERR_CORRUPT, "%s: the template \"%.80s\" is not "
                                                "in labels.json", where, class);
        free(class);
        VS_TRY(err);
    }
    char *file = vs_strf("%s.webm", name);
    vs_listing_add(s->l, vs_tree_find(&s->disk, file, NULL, NULL), file, split, label);
    return VS_OK;
}

/* The line that *at is in; `line` was that of `from`. */
static int line_at(int line, const char *from, const char *at)
{
    for (; from < at; from++)
        line += *from == '\n';
    return line;
}

static const char *skip(const char *at, const char *what)
{
    return at + strspn(at, what);
}

static vs_err read_array(struct ssv2 *s, const char *text, size_t size, const char *path,
                         const char *split)
{
    const char *at = skip(text, " \t\r\n"), *counted = text;
    int line = 1;
    if (*at != '[')
        return VS_FAIL(VS_ERR_CORRUPT, "%s:1: expected a list [{\"id\": ...}, ...]", path);
    for (at = skip(at + 1, " \t\r\n"); *at != ']'; at = skip(at, " \t\r\n")) {
        json_error_t problem;
        line = line_at(line, counted, at);
        counted = at;
        json_t *item = json_loadb(at, size - (size_t)(at - text), JSON_DISABLE_EOF_CHECK, &problem);
        char *where = vs_strf("%s:%d", path, line);
        vs_err err = json_is_object(item)
                         ? add_element(s, item, where, split)
                         : VS_FAIL(VS_ERR_CORRUPT, "%s: not an element of a list: %s", where,
                                   item ? "expected an object" : problem.text);
        json_decref(item);
        free(where);
        VS_TRY(err);
        at = skip(at + problem.position, " \t\r\n");
        if (*at == ',')
            at++;
        else if (*at != ']')
            return VS_FAIL(VS_ERR_CORRUPT, "%s:%d: expected , or ] after this element", path, line);
    }
    return VS_OK;
}

static vs_err read_list(struct ssv2 *s, const char *name, const char *split)
{
    char *path = find_list(s->annotations, name);
    void *text = NULL;
    size_t size = 0;
    s->before = s->l->n;
    if (!path)
        return VS_OK;
    vs_err err = vs_file_read(path, &text, &size);
    if (err == VS_OK && memchr(text, 0, size))
        err = VS_FAIL(VS_ERR_CORRUPT, "%s: not a text file", path);
    const size_t mark = err == VS_OK && strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    if (err == VS_OK)
        err = read_array(s, (const char *)text + mark, size - mark, path, split);
    free(text);
    free(path);
    return err;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(vs_item *const *)a)->name, (*(vs_item *const *)b)->name);
}

/* "id;class" lines give labels to the test items. */
static void answer(struct ssv2 *s, vs_lines *lines, vs_item **order, int n, int i)
{
    char *semicolon = strchr(lines->line[i], ';');
    const int label = semicolon ? vs_class_find(&s->index, semicolon + 1) : -1;
    if (label < 0) {
        vs_lines_problem(lines, i, "\"%.80s\", expected \"id;class\"", lines->line[i]);
        return;
    }
    char *name = vs_strf("%.*s.webm", (int)(semicolon - lines->line[i]), lines->line[i]);
    const vs_item key = { .name = name }, *key_at = &key;
    vs_item **found = n > 0 ? bsearch(&key_at, order, (size_t)n, sizeof(*order), by_name) : NULL;
    if (found)
        (*found)->label = label;
    free(name);
}

static vs_err read_answers(struct ssv2 *s)
{
    char *path = find_list(s->annotations, "test-answers.csv");
    if (!path)
        return VS_OK;
    vs_lines lines;
    vs_err err = vs_lines_read(&lines, path);
    if (err == VS_OK) {
        const int n = s->l->n - s->before;
        vs_item **order = vs_new(sizeof(*order) * ((size_t)n + 1));
        for (int i = 0; i < n; i++)
            order[i] = &s->l->item[s->before + i];
        qsort(order, (size_t)n, sizeof(*order), by_name);
        for (int i = 0; i < lines.n; i++)
            if (*lines.line[i])
                answer(s, &lines, order, n, i);
        err = vs_lines_verdict(&lines);
        free(order);
        vs_lines_free(&lines);
    }
    free(path);
    return err;
}

vs_err vs_list_ssv2(vs_listing *out, const char *root, const char *annotations)
{
    VS_TRY(vs_listing_begin(out, root, annotations));
    struct ssv2 s = { .l = out, .annotations = annotations };
    static const char *const splits[] = { "train", "val", "test" };
    for (int i = 0; i < 3; i++)
        out->split[i] = vs_strdup(splits[i]);
    vs_tree_init(&s.disk, root);
    vs_err err = read_labels(&s);
    if (err == VS_OK)
        err = read_list(&s, "train.json", out->split[0]);
    if (err == VS_OK)
        err = read_list(&s, "validation.json", out->split[1]);
    if (err == VS_OK)
        err = read_list(&s, "test.json", out->split[2]);
    if (err == VS_OK)
        err = read_answers(&s);
    vs_class_names(out, &s.index);
    if (err == VS_OK)
        err = vs_listing_settle(out, annotations, "train.json or validation.json");
    vs_tree_free(&s.disk);
    vs_class_index_free(&s.index);
    if (err != VS_OK)
        vs_listing_free(out);
    return err;
}
