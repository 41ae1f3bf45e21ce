/* Several models on one page: their numbers side by side, and paired differences. */
#include <math.h>

#include "eval/page.h"

void vs_page_models(FILE *f, const vs_results *r, int n)
{
    fprintf(f,
            "<div class=wide><table class=plain><thead><tr><th>model</th><th>clean</th>"
            "<th>mPC</th><th>rPC</th><th>mean &gamma;<sub>a</sub> of groups</th></tr></thead>\n");
    for (int i = 0; i < n; i++) {
        const vs_row *all = vs_stats_find(r[i].stats, VS_ROW_ALL, "", 0);
        const vs_row *overall = vs_stats_find(r[i].stats, VS_ROW_OVERALL, "", 0);
        fprintf(f, "<tr><th class=\"key m%d\">", i);
        vs_page_text(f, vs_results_name(&r[i]));
        fprintf(f, "</th><td>");
        vs_page_estimate(f, &r[i].stats->row[0].q[VS_TOP1]);
        if (all && overall) {
            fprintf(f, "</td><td>");
            vs_page_estimate(f, &all->q[VS_TOP1]);
            fprintf(f, "</td><td>");
            vs_page_estimate(f, &all->q[VS_GAMMA_R]);
            fprintf(f, "</td><td>");
            vs_page_estimate(f, &overall->q[VS_GAMMA_A]);
        }
        fprintf(f, "</td></tr>\n");
    }
    fprintf(f, "</table></div>\n");
}

/* Model i against the first one, corruption by corruption. */
static void write_wins(FILE *f, const vs_results *first, const vs_results *other)
{
    int n = 0, wins = 0, clear = 0, clear_losses = 0;
    for (int i = 0; i < first->stats->rows; i++) {
        const vs_row *row = &first->stats->row[i];
        if (row->kind != VS_ROW_CORRUPTION)
            continue;
        const vs_estimate d = vs_stats_difference(other->stats, first->stats, row, VS_TOP1);
        if (isnan(d.value))
            continue;
        n++;
        wins += d.value > 0;
        clear += d.lo > 0;
        clear_losses += d.hi < 0;
    }
    fprintf(f, "<p><b>");
    vs_page_text(f, vs_results_name(other));
    fprintf(f, "</b> is better than <b>");
    vs_page_text(f, vs_results_name(first));
    fprintf(f,
            "</b> in %d of %d corruptions; the 95%% interval of the paired difference lies above "
            "zero in %d and below zero in %d.</p>\n",
            wins, n, clear, clear_losses);
}

void vs_page_comparison(FILE *f, const vs_results *r, int n)
{
    fprintf(f, "<h2>Model against model</h2><p class=note>Top-1, mean over severities. "
               "Differences are to the first model, from a bootstrap over the same videos.</p>\n");
    for (int m = 1; m < n; m++) {
        if (r[m].same_videos == r[0].same_videos)
            write_wins(f, &r[0], &r[m]);
        else {
            fprintf(f, "<p>");
            vs_page_text(f, vs_results_name(&r[m]));
            fprintf(f, " was scored on other videos: no paired difference.</p>\n");
        }
    }
    fprintf(f, "<div class=wide><table class=plain><thead><tr><th>corruption</th>");
    for (int m = 0; m < n; m++) {
        fprintf(f, "<th class=\"key m%d\">", m);
        vs_page_text(f, vs_results_name(&r[m]));
        fprintf(f, m ? "</th><th>difference</th>" : "</th>");
    }
    fprintf(f, "</tr></thead>\n");
    for (int i = 0; i < r->stats->rows; i++) {
        const vs_row *row = &r->stats->row[i];
        if (row->kind != VS_ROW_CORRUPTION && row->kind != VS_ROW_CLEAN)
            continue;
        fprintf(f, "<tr><th>");
        vs_page_title(f, row->name);
        fprintf(f, "</th>");
        for (int m = 0; m < n; m++) {
            const vs_row *here = vs_stats_find(r[m].stats, row->kind, row->name, 0);
            const bool paired = m && r[m].same_videos == r->same_videos;
            const vs_estimate d = paired ? vs_stats_difference(r[m].stats, r->stats, row, VS_TOP1)
                                         : (vs_estimate){ NAN, NAN, NAN };
            fprintf(f, "<td>");
            vs_page_percent(f, here ? here->q[VS_TOP1].value : NAN);
            fprintf(f, "</td>");
            if (m && isnan(d.value))
                fprintf(f, "<td>&ndash;</td>");
            else if (m)
                fprintf(f, "<td>%+.1f <small>[%+.1f, %+.1f]</small></td>", 100 * d.value,
                        100 * d.lo, 100 * d.hi);
        }
        fprintf(f, "</tr>\n");
    }
    fprintf(f, "</table></div>\n");
}
