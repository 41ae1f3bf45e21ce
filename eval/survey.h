/* Several data sets side by side: the properties of Yu, Chen and Gandelsman ("Learning Video
 * Representations without Natural Videos", arXiv 2410.24213), their distance from a
 * reference, and how they correlate with accuracies.
 *
 *     spectrum_exponent   mean alpha of its frames                        (sets/falloff.h)
 *     spectrum_gap        |its exponent - the reference's|
 *     colour_kl           symmetric KL of the Gaussians of L*a*b*, ridge 0.01 (a tenth of the
 *                         step that an eye sees, squared: for sets of one colour or of greys)
 *     frame_diversity     ln det of the covariance of frame features, with a ridge
 *     frame_frechet       squared Frechet distance of the Gaussians of frame features
 *     video_frechet       the same of video features                      (sets/gaussian.h)
 *
 * Gap, KL and distances are to the reference and undefined for itself, or without one.
 *
 *     DIR/stats.json            everything, with settings and correlations
 *     DIR/stats.csv             one line a set
 *     DIR/correlations.csv      one line for each property and column of accuracies
 *     DIR/stats.html            the page (survey_page.c)
 */
#ifndef VSYN_EVAL_SURVEY_H
#define VSYN_EVAL_SURVEY_H

#include "base/json.h"
#include "eval/accuracies.h"
#include "eval/sets/correlate.h"
#include "eval/sets/measure.h"

#define VS_COLOUR_RIDGE 0.01

/* name in files, name on the page, is a distance from the reference */
#define VS_PROPERTY_MAP(X)                                             \
    X(SPECTRUM, "spectrum_exponent", "Spectrum exponent", false)       \
    X(GAP, "spectrum_gap", "Exponent from reference", true)            \
    X(COLOUR, "colour_kl", "Colour distance (KL)", true)               \
    X(DIVERSITY, "frame_diversity", "Frame diversity", false)          \
    X(FRAMES, "frame_frechet", "Frechet distance of frames", true)     \
    X(VIDEOS, "video_frechet", "Frechet distance of videos", true)

typedef enum vs_property {
#define X(name, file, page, relative) VS_PROPERTY_##name,
    VS_PROPERTY_MAP(X)
#undef X
    VS_PROPERTIES
} vs_property;

const char *vs_property_name(vs_property p);
const char *vs_property_title(vs_property p);
bool vs_property_is_relative(vs_property p);

typedef struct vs_survey_row {
    const char *name, *path, *split;       /* borrowed; split may be NULL */
    const vs_measured *measured;           /* borrowed */
    double value[VS_PROPERTIES];           /* NaN = undefined */
    double half;                           /* of the interval of the exponent */
    double lab[3], lab_cov[9];
    const double *accuracy;                /* (columns), or NULL */
} vs_survey_row;

typedef struct vs_survey {
    int rows, reference;                   /* reference: -1 = none */
    vs_survey_row *row;
    const char *features;                  /* "low-level" or the model, borrowed */
    double ridge;                          /* of the diversity */
    const vs_accuracies *accuracies;       /* borrowed; NULL = none */
    vs_correlation *correlation;           /* (VS_PROPERTIES, columns) */
    json_t *settings;                      /* borrowed */
} vs_survey;

/* Fills values and correlations of rows whose names and measurements are set. `progress` counts
 * sets. NOMEM, NUMERIC, STOPPED. */
vs_err vs_survey_compute(vs_survey *s, vs_progress *progress);
void vs_survey_free(vs_survey *s);
/* Columns of accuracies. */
int vs_survey_columns(const vs_survey *s);
const vs_correlation *vs_survey_correlation(const vs_survey *s, vs_property p, int column);

/* Tables for people, on stdout. */
void vs_survey_print(const vs_survey *s);
json_t *vs_survey_json(const vs_survey *s);
/* The files of DIR, the page too. */
vs_err vs_survey_write(const vs_survey *s, const char *dir);
vs_err vs_survey_page(const vs_survey *s, const char *path);

#endif /* VSYN_EVAL_SURVEY_H */
