/* Splits: the members of a list that have a clip, in the order of the list. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/store/private.h"

enum { MOST_CLASSES = 1000000 };   /* as labels of lists: an index that says more is damaged */

/* What vs_split.owned holds: all texts in one block. Pointers are set at the end, when
 * the block no longer moves; until then `at` keeps each clip's offset. */
struct texts {
    char *text;
    size_t used, room;
    size_t *at;                    /* (n) of the clips, then the classes */
    const char **class_name;
};

static size_t text_add(struct texts *t, const char *text)
{
    const size_t n = strlen(text) + 1, at = t->used;
    if (t->used + n > t->room) {
        t->room = 2 * (t->used + n);
        t->text = vs_grow(t->text, t->room);
    }
    memcpy(t->text + t->used, text, n);
    t->used += n;
    return at;
}

void vs_split_free(vs_split *split)
{
    struct texts *t = split->owned;
    if (t) {
        free(t->text);
        free(t->at);
        free(t->class_name);
        free(t);
    }
    free(split->clip);
    *split = (vs_split){ 0 };
}

/* "ucf101:train (9537 clips), ucf101:test (3783 clips)": the caller frees it. */
static char *known_splits(vs_db *db)
{
    char *list = vs_strdup("");
    sqlite3_stmt *rows;
    if (vs_db_prepare(&rows, db,
                      "SELECT d.name, m.split, count(*) FROM member m "
                      "JOIN dataset d ON d.id = m.dataset JOIN clip c "
                      "ON c.dataset = m.dataset AND c.name = m.name "
                      "GROUP BY m.dataset, m.split ORDER BY min(m.id)") != VS_OK)
        return list;
    while (sqlite3_step(rows) == SQLITE_ROW) {
        char *more = vs_strf("%s%s%s:%s (%lld clips)", list, *list ? ", " : "", vs_db_text(rows, 0),
                             vs_db_text(rows, 1), (long long)sqlite3_column_int64(rows, 2));
        free(list);
        list = more;
    }
    sqlite3_finalize(rows);
    return list;
}

static vs_err fail_with_names(vs_store *store, const char *name, const char *problem)
{
    char *list = known_splits(&store->db);
    const vs_err err = VS_FAIL(VS_ERR_CORRUPT, "%s: split \"%s\" %s; the store holds %s",
                               store->path, name, problem, *list ? list : "no splits");
    free(list);
    return err;
}

/* The one data set that is meant, and where its split's own name starts in `name`. */
static vs_err find_dataset(int64_t *dataset, const char **split, vs_store *store, const char *name)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_query(&rows, &store->db,
                       "SELECT DISTINCT m.dataset, d.name FROM member m "
                       "JOIN dataset d ON d.id = m.dataset "
                       "WHERE m.split = ?1 OR d.name || ':' || m.split = ?1", "t", name));
    int found = 0;
    bool row;
    vs_err err;
    while ((err = vs_db_step(&row, &store->db, rows)) == VS_OK && row) {
        const char *set = vs_db_text(rows, 1);
        const size_t n = strlen(set);
        const bool full = strncmp(name, set, n) == 0 && name[n] == ':';
        *dataset = sqlite3_column_int64(rows, 0);
        *split = full ? name + n + 1 : name;
        found++;
    }
    sqlite3_finalize(rows);
    if (err != VS_OK)
        return err;
    if (found == 0)
        return fail_with_names(store, name, "is not there");
    return found == 1 ? VS_OK
                      : fail_with_names(store, name, "is in several data sets: say DATASET:SPLIT");
}

static vs_err read_clips(vs_split *out, struct texts *t, vs_store *store, sqlite3_stmt *rows)
{
    vs_err err;
    bool row;
    while ((err = vs_db_step(&row, &store->db, rows)) == VS_OK && row) {
        const vs_entry *e = vs_store_entry(store, sqlite3_column_int64(rows, 0));
        if (!e)                    /* committed after this store was opened */
            continue;
        const int label = (int)sqlite3_column_int64(rows, 1);
        const size_t at = text_add(t, vs_db_text(rows, 2));
        int n = out->n;
        VS_PUSH(t->at, n, at);
        VS_PUSH(out->clip, out->n, vs_entry_clip(e, label, NULL));
    }
    return err;
}

static vs_err read_class_names(vs_split *out, struct texts *t, vs_store *store, int64_t dataset)
{
    sqlite3_stmt *rows;
    VS_TRY(vs_db_query(&rows, &store->db, "SELECT classes FROM dataset WHERE id = ?", "i",
                       dataset));
    bool row;
    vs_err err = vs_db_step(&row, &store->db, rows);
    const int64_t classes = err == VS_OK && row ? sqlite3_column_int64(rows, 0) : 0;
    sqlite3_finalize(rows);
    VS_TRY(err);
    if (classes < 0 || classes > MOST_CLASSES)
        return VS_FAIL(VS_ERR_CORRUPT, "%s: a data set of %lld classes in the index, expected 0 to "
                       "%d", store->path, (long long)classes, MOST_CLASSES);
    out->classes = (int)classes;
    VS_TRY(vs_db_query(&rows, &store->db,
                       "SELECT name FROM class WHERE dataset = ? ORDER BY label", "i", dataset));
    int n = out->n;
    for (int i = 0; i < out->classes && err == VS_OK; i++) {
        char number[16];
        snprintf(number, sizeof(number), "%d", i);     /* classes without names: their labels */
        err = vs_db_step(&row, &store->db, rows);
        const size_t at = text_add(t, row ? vs_db_text(rows, 0) : number);
        VS_PUSH(t->at, n, at);
    }
    sqlite3_finalize(rows);
    return err;
}

static bool labelled(const vs_split *split)
{
    for (int i = 0; i < split->n; i++)
        if (split->clip[i].label >= 0)
            return true;
    return false;
}

static vs_err check_labels(const vs_split *split, const vs_store *store)
{
    for (int i = 0; i < split->n; i++)
        if (split->clip[i].label < -1 || split->clip[i].label >= split->classes)
            return VS_FAIL(VS_ERR_CORRUPT, "%s: clip %lld has the label %d, its data set has %d "
                           "classes", store->path, (long long)split->clip[i].id,
                           split->clip[i].label, split->classes);
    return VS_OK;
}

static void set_pointers(vs_split *out, struct texts *t)
{
    for (int i = 0; i < out->n; i++)
        out->clip[i].name = t->text + t->at[i];
    t->class_name = vs_new(sizeof(*t->class_name) * (size_t)(out->classes ? out->classes : 1));
    for (int i = 0; i < out->classes; i++)
        t->class_name[i] = t->text + t->at[out->n + i];
    out->class_name = t->class_name;
}

static vs_err read_split(vs_split *out, vs_store *store, const char *name)
{
    struct texts *t = out->owned = vs_new(sizeof(*t));
    sqlite3_stmt *rows;
    int64_t dataset = 0;
    if (name) {
        const char *split = NULL;
        VS_TRY(find_dataset(&dataset, &split, store, name));
        VS_TRY(vs_db_query(&rows, &store->db,
                           "SELECT c.id, m.label, m.name FROM member m CROSS JOIN clip c "
                           "ON c.dataset = m.dataset AND c.name = m.name "
                           "WHERE m.dataset = ? AND m.split = ? ORDER BY m.id", "it", dataset,
                           split));
    } else {
        VS_TRY(vs_db_prepare(&rows, &store->db, "SELECT id, -1, name FROM clip ORDER BY id"));
    }
    const vs_err err = read_clips(out, t, store, rows);
    sqlite3_finalize(rows);
    VS_TRY(err);
    if (out->n == 0)
        return name ? fail_with_names(store, name, "has no clips yet")
                    : VS_FAIL(VS_ERR_CORRUPT, "%s: the store has no clips yet", store->path);
    if (labelled(out))
        VS_TRY(read_class_names(out, t, store, dataset));
    VS_TRY(check_labels(out, store));
    set_pointers(out, t);
    return VS_OK;
}

vs_err vs_store_split(vs_split *out, vs_store *store, const char *name)
{
    *out = (vs_split){ 0 };
    pthread_mutex_lock(&store->lock);
    const vs_err err = read_split(out, store, name);
    pthread_mutex_unlock(&store->lock);
    if (err != VS_OK)
        vs_split_free(out);
    return err;
}
