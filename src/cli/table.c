/* table.c - the desk's own words: coverage and precision, for each SBR. */
// SPDX-License-Identifier: Apache-2.0
#include "cli/table.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "text/utf8.h"

enum { NAME_COLUMNS = 28 };

void table_text(FILE *to, struct slice text, int columns)
{
    while (text.size > 0) {
        char piece[UTF8_SHOWN_MAX];
        struct writer writer = writer_of(piece, sizeof piece);
        columns -= (int)utf8_show(&text, &writer);
        fwrite(piece, 1, writer.used, to);
    }
    if (columns > 0) fprintf(to, "%*s", columns, "");
}

/* A label, cut and filled to NAME_COLUMNS code points. */
static void print_name(struct slice name)
{
    int columns = 0;
    bool plain;
    for (size_t size; name.size > 0 && columns < NAME_COLUMNS; name = slice_from(name, size)) {
        size = utf8_piece(name, &plain);
        if (plain)
            fwrite(name.data, 1, size, stdout);
        else
            putchar('?'); /* a label must not steer the terminal */
        columns++;
    }
    printf("%*s", NAME_COLUMNS - columns, "");
}

/* A dash where nothing is divided: 0 % would be taken for a figure. */
static void print_share(int columns, double share, bool any)
{
    if (any)
        printf("%*.1f%%", columns - 1, 100 * share);
    else
        printf("%*s", columns, "-");
}

void table_score(const struct score *score, const struct answer_model *model)
{
    struct score_sum sum = score_sum(score);
    printf("cases %" PRIu64 "   accuracy %.2f %%   macro-F1 %.2f %%   calibration error %.3f\n",
           sum.cases, 100 * sum.accuracy, 100 * sum.macro_f1, sum.calibration_error);
    printf("answered %.2f %% of the cases (coverage), ", 100 * sum.coverage);
    if (sum.answered > 0) printf("of these %.2f %% right (precision; ", 100 * sum.precision);
    printf("%starget %.6g %%%s\n", sum.answered > 0 ? "" : "precision ",
           100 * (double)model->target_precision, sum.answered > 0 ? ")" : "");
    if (sum.unknown > 0)
        printf("%" PRIu64 " cases have a label the model does not know; they count as wrong\n",
               sum.unknown);
    printf("\n%-*s %7s %7s %7s %9s %9s %9s\n", NAME_COLUMNS, "SBR", "cases", "recall", "F1",
           "threshold", "coverage", "precision");
    for (uint32_t c = 0; c < score->labels; c++) {
        const struct score_label *label = &score->label[c];
        print_name(answer_label(model, c));
        printf(" %7" PRIu64, label->cases);
        print_share(8, score_ratio(label->right, label->cases), label->cases > 0);
        print_share(8, score_f1(label), label->cases + label->guessed > 0);
        if (model->threshold[c] > 1)
            printf(" %9s", "never");
        else
            printf(" %9.3f", (double)model->threshold[c]);
        print_share(10, score_ratio(label->answered, label->guessed), label->guessed > 0);
        print_share(10, score_ratio(label->answered_right, label->answered), label->answered > 0);
        putchar('\n');
    }
}

void table_members(const struct score member[ANSWER_MEMBERS], const struct answer_model *model)
{
    printf("%-*s %9s %9s\n", NAME_COLUMNS, "member alone", "accuracy", "macro-F1");
    for (int m = 0; m < ANSWER_MEMBERS; m++) {
        if (!model->has[m]) continue;
        struct score_sum sum = score_sum(&member[m]);
        printf("%-*s %7.2f %% %7.2f %%\n", NAME_COLUMNS, answer_members[m], 100 * sum.accuracy,
               100 * sum.macro_f1);
    }
}

/* null where print_share has a dash. */
static json_t *share_json(double share, bool any) { return any ? json_real(share) : json_null(); }

json_t *table_json(const struct score *score, const struct answer_model *model)
{
    struct score_sum sum = score_sum(score);
    json_t *labels = json_array();
    for (uint32_t c = 0; c < score->labels; c++) {
        const struct score_label *label = &score->label[c];
        struct slice name = answer_label(model, c);
        json_array_append_new(
            labels,
            json_pack("{s:s%, s:I, s:I, s:I, s:o, s:o, s:o, s:f}", "sbr", name.data, name.size,
                      "cases", (json_int_t)label->cases, "guessed", (json_int_t)label->guessed,
                      "answered", (json_int_t)label->answered, "recall",
                      share_json(score_ratio(label->right, label->cases), label->cases > 0), "f1",
                      share_json(score_f1(label), label->cases + label->guessed > 0), "precision",
                      share_json(score_ratio(label->answered_right, label->answered),
                                 label->answered > 0),
                      "threshold", (double)model->threshold[c]));
    }
    return json_pack("{s:I, s:f, s:f, s:f, s:I, s:{s:f, s:f, s:o}, s:o}", "cases",
                     (json_int_t)sum.cases, "accuracy", sum.accuracy, "macro_f1", sum.macro_f1,
                     "calibration_error", sum.calibration_error, "unknown_labels",
                     (json_int_t)sum.unknown, "coverage", "target_precision",
                     (double)model->target_precision, "coverage", sum.coverage, "precision",
                     share_json(sum.precision, sum.answered > 0), "labels", labels);
}

enum error_code table_bad_rows(const struct corpus *corpus, bool skip, struct error *err)
{
    if (corpus->bad_rows == 0) return ERR_NONE;
    size_t named = corpus->bad_rows < BAD_ROWS_NAMED ? corpus->bad_rows : BAD_ROWS_NAMED;
    for (size_t i = 0; i < named; i++)
        fprintf(stderr, "%s: %s\n", skip ? "skipped" : "bad row", corpus->bad[i].detail);
    if (corpus->bad_rows > named) fprintf(stderr, "... and %zu more\n", corpus->bad_rows - named);
    if (skip) return ERR_NONE;
    return error_set(err, ERR_ROWS, corpus->bad[0].line, "%zu bad row%s", corpus->bad_rows,
                     corpus->bad_rows == 1 ? "" : "s");
}
