/* cmd_train.c - reads, learns, writes, and says how good it is. */
// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/tick.h"
#include "cli/bar.h"
#include "cli/cmd.h"
#include "cli/table.h"
#include "cli/version.h"
#include "train/fit.h"

static enum error_code check_options(const struct options *options, struct error *err)
{
    if (options->output == NULL)
        return error_set(err, ERR_USAGE, 0, "train needs -o MODEL, the file to write");
    if (strcmp(options->member, answer_members[ANSWER_LINEAR]) != 0)
        return error_set(err, ERR_USAGE, 0, "--member: no member '%s'; there is: %s",
                         options->member, answer_members[ANSWER_LINEAR]);
    /* Learning for an hour and then not being able to write would be rude. */
    struct file_write probe;
    TRY(file_write_open(&probe, options->output, err));
    file_write_abandon(&probe);
    return ERR_NONE;
}

static void warn_lonely(const struct corpus *corpus, const char *const *paths)
{
    for (size_t i = 0; i < corpus->count; i++) {
        const struct corpus_case *item = &corpus->cases[i];
        if (corpus->label_cases[item->label] > 1) continue;
        fprintf(stderr,
                "warning: %s: line %zu: '%.*s' is seen once; it gets no threshold of its own\n",
                paths[item->file], item->line, (int)corpus->labels[item->label].size,
                corpus->labels[item->label].data);
    }
}

static void print_report(const struct fit *fit, const struct corpus *corpus, const char *path,
                         double seconds)
{
    printf("Held-out cases, each answered by a model that had not seen it (%" PRIu32 " parts):\n\n",
           fit->folds);
    table_score(&fit->held_out, &fit->model);
    printf("\n%s: learnt from %zu cases of %" PRIu32 " SBRs, %" PRIu32
           " features, cost %g, in %.1f s\n",
           path, corpus->count, corpus->label_count, fit->model.bow.features, fit->cost, seconds);
}

static enum error_code learn(const struct options *options, struct corpus *corpus,
                             struct crew *crew, struct bar *bar, struct error *err)
{
    uint64_t begun = tick_now();
    struct fit fit;
    struct fit_options fit_options = {.target_precision = (float)options->target,
                                      .seed = (uint64_t)options->seed};
    TRY(fit_open(&fit, corpus, &fit_options, crew, &bar->progress, err));
    bar_close(bar);
    enum error_code code = fit_write(&fit, corpus, options->output, version_text, err);
    if (code == ERR_NONE) print_report(&fit, corpus, options->output, tick_seconds_since(begun));
    fit_close(&fit);
    return code;
}

static enum error_code run(const struct options *options, struct bar *bar, struct error *err)
{
    TRY(check_options(options, err));
    struct csv_columns columns = {0};
    if (options->columns != NULL) TRY(csv_columns_parse(&columns, slice_of(options->columns), err));
    struct corpus corpus;
    TRY(corpus_open(&corpus, options->operand, options->operands, &columns, &bar->progress, err));
    bar_close(bar);
    enum error_code code = table_bad_rows(&corpus, options->skip_bad, err);
    struct crew *crew = NULL;
    if (code == ERR_NONE) {
        warn_lonely(&corpus, options->operand);
        code = crew_open(&crew, options_threads(options), err);
    }
    if (code == ERR_NONE) code = learn(options, &corpus, crew, bar, err);
    crew_close(crew);
    corpus_close(&corpus);
    return code;
}

int cmd_train(const struct options *options)
{
    struct error err;
    struct bar bar = bar_open();
    enum error_code code = run(options, &bar, &err);
    bar_close(&bar);
    return code == ERR_NONE ? 0 : cmd_failed(&err);
}
