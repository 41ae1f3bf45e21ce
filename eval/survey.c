/* Properties of sets, correlations, tables. See survey.h. */
#include "eval/survey.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/stop.h"

const char *vs_property_name(vs_property p)
{
    static const char *const names[] = {
#define X(name, file, page, relative) file,
        VS_PROPERTY_MAP(X)
#undef X
    };
    return names[p];
}

const char *vs_property_title(vs_property p)
{
    static const char *const titles[] = {
#define X(name, file, page, relative) page,
        VS_PROPERTY_MAP(X)
#undef X
    };
    return titles[p];
}

bool vs_property_is_relative(vs_property p)
{
    static const bool is[] = {
#define X(name, file, page, relative) relative,
        VS_PROPERTY_MAP(X)
#undef X
    };
    return is[p];
}

int vs_survey_columns(const vs_survey *s)
{
    return s->accuracies ? s->accuracies->columns : 0;
}

const vs_correlation *vs_survey_correlation(const vs_survey *s, vs_property p, int column)
{
    return &s->correlation[(int)p * vs_survey_columns(s) + column];
}

/* ---- Properties --------------------------------------------------------------------------- */

/* The three Gaussians of a set; a video feature of one video has no covariance. */
struct fitted {
    vs_gaussian colour, frame, video;
};

static void fitted_free(struct fitted *f)
{
    vs_gaussian_free(&f->colour);
    vs_gaussian_free(&f->frame);
    vs_gaussian_free(&f->video);
}

static vs_err fit(struct fitted *f, const vs_survey_row *row)
{
    const vs_measured *m = row->measured;
    *f = (struct fitted){ 0 };
    vs_err err = vs_gaussian_fit(&f->colour, &m->colour);
    if (err == VS_OK && m->frame.n > 1)
        err = vs_gaussian_fit(&f->frame, &m->frame);
    if (err == VS_OK && m->video.n > 1)
        err = vs_gaussian_fit(&f->video, &m->video);
    if (err == VS_OK)
        return VS_OK;
    fitted_free(f);
    return err == VS_ERR_NUMERIC ? VS_FAIL(err, "%s: features are not finite", row->name) : err;
}

static vs_err compute_own(vs_survey_row *row, const struct fitted *f, double ridge)
{
    for (int p = 0; p < VS_PROPERTIES; p++)
        row->value[p] = NAN;
    row->value[VS_PROPERTY_SPECTRUM] = vs_measured_alpha(row->measured, &row->half);
    for (int i = 0; i < 3; i++)
        row->lab[i] = f->colour.mean[i];
    for (int i = 0; i < 9; i++)
        row->lab_cov[i] = f->colour.cov[i];
    return f->frame.D ? vs_gaussian_logdet(&row->value[VS_PROPERTY_DIVERSITY], &f->frame, ridge)
                      : VS_OK;
}

static vs_err compute_distances(vs_survey_row *row, const struct fitted *f,
                                const struct fitted *reference, double alpha)
{
    row->value[VS_PROPERTY_GAP] = fabs(row->value[VS_PROPERTY_SPECTRUM] - alpha);
    VS_TRY(vs_gaussian_symmetric_kl(&row->value[VS_PROPERTY_COLOUR], &f->colour,
                                    &reference->colour, VS_COLOUR_RIDGE));
    if (f->frame.D && reference->frame.D)
        VS_TRY(vs_gaussian_frechet(&row->value[VS_PROPERTY_FRAMES], &f->frame, &reference->frame));
    if (f->video.D && reference->video.D)
        VS_TRY(vs_gaussian_frechet(&row->value[VS_PROPERTY_VIDEOS], &f->video, &reference->video));
    return VS_OK;
}

static vs_err compute_row(vs_survey *s, int i, const struct fitted *reference, double alpha)
{
    vs_survey_row *row = &s->row[i];
    struct fitted f;
    if (vs_stop_requested())
        return VS_FAIL(VS_ERR_STOPPED, "stopped while comparing; the same command goes on");
    VS_TRY(fit(&f, row));
    vs_err err = compute_own(row, &f, s->ridge);
    if (err == VS_OK && s->reference >= 0 && i != s->reference)
        err = compute_distances(row, &f, reference, alpha);
    fitted_free(&f);
    return err;
}

static vs_err compute_correlations(vs_survey *s)
{
    const int columns = vs_survey_columns(s);
    double *x = vs_new(sizeof(*x) * (size_t)s->rows), *y = vs_new(sizeof(*y) * (size_t)s->rows);
    vs_err err = VS_OK;
    s->correlation = vs_new(sizeof(*s->correlation) * (size_t)(VS_PROPERTIES * columns + 1));
    for (int k = 0; k < VS_PROPERTIES * columns && err == VS_OK; k++) {
        for (int i = 0; i < s->rows; i++) {
            x[i] = s->row[i].value[k / columns];
            y[i] = s->row[i].accuracy ? s->row[i].accuracy[k % columns] : NAN;
        }
        err = vs_correlate(&s->correlation[k], x, y, s->rows);
    }
    free(x);
    free(y);
    return err;
}

vs_err vs_survey_compute(vs_survey *s, vs_progress *progress)
{
    struct fitted reference = { 0 };
    double alpha = NAN;
    if (s->reference >= 0) {
        VS_TRY(fit(&reference, &s->row[s->reference]));
        alpha = vs_measured_alpha(s->row[s->reference].measured, NULL);
    }
    vs_err err = VS_OK;
    for (int i = 0; i < s->rows && err == VS_OK; i++) {
        err = compute_row(s, i, &reference, alpha);
        vs_progress_add(progress, 1);
    }
    fitted_free(&reference);
    return err == VS_OK ? compute_correlations(s) : err;
}

void vs_survey_free(vs_survey *s)
{
    free(s->row);
    free(s->correlation);
    *s = (vs_survey){ .reference = -1 };
}

/* ---- Tables ------------------------------------------------------------------------------- */

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *row_json(const vs_survey *s, int i)
{
    const vs_survey_row *row = &s->row[i];
    const vs_measured *m = row->measured;
    json_t *accuracies = json_object();
    json_t *o = json_pack("{ss ss ss* sb sI sI sI sI so so so so so so}", "name", row->name, "path",
                          row->path, "split", row->split, "reference", i == s->reference, "videos",
                          (json_int_t)m->videos, "skipped", (json_int_t)m->skipped, "frames",
                          (json_int_t)m->frames, "flat_frames", (json_int_t)m->flat,
                          "spectrum_lo", number(row->value[0] - row->half), "spectrum_hi",
                          number(row->value[0] + row->half), "spectrum_q25",
                          number(vs_measured_quantile(m, 0.25)), "spectrum_median",
                          number(vs_measured_quantile(m, 0.5)), "spectrum_q75",
                          number(vs_measured_quantile(m, 0.75)), "mean_lab",
                          json_pack("[fff]", row->lab[0], row->lab[1], row->lab[2]));
    for (int p = 0; p < VS_PROPERTIES; p++)
        json_object_set_new(o, vs_property_name((vs_property)p), number(row->value[p]));
    for (int c = 0; c < vs_survey_columns(s); c++)
        json_object_set_new(accuracies, s->accuracies->column[c],
                            number(row->accuracy ? row->accuracy[c] : NAN));
    json_object_set_new(o, "accuracies", accuracies);
    if (m->why)
        json_object_set_new(o, "first_skipped", json_string(m->why));
    return o;
}

static json_t *correlation_json(const vs_survey *s, vs_property p, int column)
{
    const vs_correlation *c = vs_survey_correlation(s, p, column);
    return json_pack("{ss ss si so so so so so so}", "property", vs_property_name(p), "accuracy",
                     s->accuracies->column[column], "sets", c->n, "pearson", number(c->pearson),
                     "pearson_lo", number(c->pearson_lo), "pearson_hi", number(c->pearson_hi),
                     "spearman", number(c->spearman), "spearman_lo", number(c->spearman_lo),
                     "spearman_hi", number(c->spearman_hi));
}

json_t *vs_survey_json(const vs_survey *s)
{
    json_t *sets = json_array(), *correlations = json_array();
    for (int i = 0; i < s->rows; i++)
        json_array_append_new(sets, row_json(s, i));
    for (int p = 0; p < VS_PROPERTIES; p++)
        for (int c = 0; c < vs_survey_columns(s); c++)
            json_array_append_new(correlations, correlation_json(s, (vs_property)p, c));
    return json_pack("{sO so so}", "settings", s->settings, "sets", sets, "correlations",
                     correlations);
}

static void csv_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++)
        fputs(*text == '"' ? "\"\"" : (const char[]){ *text, 0 }, f);
    fputc('"', f);
}

static void csv_number(FILE *f, double v)
{
    if (isfinite(v))
        fprintf(f, ",%.9g", v);
    else
        fputc(',', f);
}

static vs_err write_csv(const vs_survey *s, const char *path)
{
    vs_atomic a;
    VS_TRY(vs_atomic_open(&a, path));
    fprintf(a.f, "set,videos,skipped,frames,flat_frames");
    for (int p = 0; p < VS_PROPERTIES; p++)
        fprintf(a.f, ",%s", vs_property_name((vs_property)p));
    fprintf(a.f, ",spectrum_lo,spectrum_hi,mean_L,mean_a,mean_b");
    for (int c = 0; c < vs_survey_columns(s); c++) {
        fputc(',', a.f);
        csv_text(a.f, s->accuracies->column[c]);
    }
    fputc('\n', a.f);
    for (int i = 0; i < s->rows; i++) {
        const vs_survey_row *row = &s->row[i];
        const vs_measured *m = row->measured;
        csv_text(a.f, row->name);
        fprintf(a.f, ",%lld,%lld,%lld,%lld", (long long)m->videos, (long long)m->skipped,
                (long long)m->frames, (long long)m->flat);
        for (int p = 0; p < VS_PROPERTIES; p++)
            csv_number(a.f, row->value[p]);
        csv_number(a.f, row->value[0] - row->half);
        csv_number(a.f, row->value[0] + row->half);
        for (int k = 0; k < 3; k++)
            csv_number(a.f, row->lab[k]);
        for (int c = 0; c < vs_survey_columns(s); c++)
            csv_number(a.f, row->accuracy ? row->accuracy[c] : NAN);
        fputc('\n', a.f);
    }
    return vs_atomic_commit(&a);
}

static vs_err write_correlations(const vs_survey *s, const char *path)
{
    vs_atomic a;
    VS_TRY(vs_atomic_open(&a, path));
    fprintf(a.f, "property,accuracy,sets,pearson,pearson_lo,pearson_hi,spearman,spearman_lo,"
                 "spearman_hi\n");
    for (int p = 0; p < VS_PROPERTIES; p++)
        for (int k = 0; k < vs_survey_columns(s); k++) {
            const vs_correlation *c = vs_survey_correlation(s, (vs_property)p, k);
            fprintf(a.f, "%s,", vs_property_name((vs_property)p));
            csv_text(a.f, s->accuracies->column[k]);
            fprintf(a.f, ",%d", c->n);
            csv_number(a.f, c->pearson);
            csv_number(a.f, c->pearson_lo);
            csv_number(a.f, c->pearson_hi);
            csv_number(a.f, c->spearman);
            csv_number(a.f, c->spearman_lo);
            csv_number(a.f, c->spearman_hi);
            fputc('\n', a.f);
        }
    return vs_atomic_commit(&a);
}

static vs_err write_one(const vs_survey *s, const char *dir, const char *name,
                        vs_err (*write)(const vs_survey *s, const char *path))
{
    char *path = vs_path_join(dir, name);
    const vs_err err = write(s, path);
    free(path);
    return err;
}

static vs_err write_json(const vs_survey *s, const char *path)
{
    return vs_json_save(path, vs_survey_json(s));
}

vs_err vs_survey_write(const vs_survey *s, const char *dir)
{
    VS_TRY(vs_dir_make(dir));
    VS_TRY(write_one(s, dir, "stats.json", write_json));
    VS_TRY(write_one(s, dir, "stats.csv", write_csv));
    if (vs_survey_columns(s))
        VS_TRY(write_one(s, dir, "correlations.csv", write_correlations));
    return write_one(s, dir, "stats.html", vs_survey_page);
}
