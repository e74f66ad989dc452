/* cmd_train.c - reads, learns, writes, and says how good it is. */
// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/tick.h"
#include "cli/bar.h"
#include "cli/cmd.h"
#include "cli/learning.h"
#include "cli/table.h"
#include "cli/version.h"
#include "train/fit.h"

/* What of the ensemble is learnt, and how. */
static enum error_code read_options(const struct options *options, const struct learning *learning,
                                    struct fit_options *out, struct error *err)
{
    *out = (struct fit_options){.target_precision = (float)options->target,
                                .seed = (uint64_t)options->seed,
                                .unseen = options->unseen,
                                .network = {.with = options->with,
                                            .learn = {.size = learning->size,
                                                      .recipe = learning->recipe,
                                                      .epochs = (unsigned)options->epochs,
                                                      .rows = (size_t)options->batch,
                                                      .words_max = (size_t)options->words,
                                                      .init = options->init,
                                                      .language = learning->language,
                                                      .tokenizer = learning->tokenizer,
                                                      .way = learning->way}}};
    if (options->member == NULL) return ERR_NONE;
    enum answer_member member = ANSWER_LINEAR;
    while (member < ANSWER_MEMBERS && strcmp(options->member, answer_members[member]) != 0)
        member++;
    if (member == ANSWER_MEMBERS)
        return error_set(err, ERR_USAGE, 0, "--member: no member '%s'; there are: %s, %s",
                         options->member, answer_members[ANSWER_LINEAR],
                         answer_members[ANSWER_ULMFIT]);
    for (int m = 0; m < ANSWER_MEMBERS; m++) out->without[m] = m != (int)member;
    return ERR_NONE;
}

static enum error_code check_options(const struct options *options, struct error *err)
{
    if (options->output == NULL)
        return error_set(err, ERR_USAGE, 0, "train needs -o MODEL, the file to write");
    if (options->with != NULL && options->member != NULL)
        return error_set(err, ERR_USAGE, 0,
                         "--with keeps a ULMFiT and learns the linear member "
                         "around it; --member has nothing to choose");
    if (options->with != NULL && options->init != NULL)
        return error_set(err, ERR_USAGE, 0,
                         "--init: a ULMFiT that is kept by --with begins from nothing");
    if (options->with != NULL) TRY(learning_none(options, "which --with keeps as it is", err));
    if (options->member != NULL && strcmp(options->member, answer_members[ANSWER_LINEAR]) == 0)
        TRY(learning_none(options, "which --member linear leaves out", err));
    if (options->unseen && options->with == NULL)
        return error_set(err, ERR_USAGE, 0, "--unseen tells of the model of --with; there is none");
    return learning_words(options, err);
}

static void warn_lonely(const struct corpus *corpus, const char *const *paths)
{
    size_t lonely = 0;
    for (size_t i = 0; i < corpus->count; i++) {
        const struct corpus_case *item = &corpus->cases[i];
        if (corpus->label_cases[item->label] > 1 || lonely++ >= BAD_ROWS_NAMED) continue;
        fprintf(stderr, "warning: %s: line %zu: '", paths[item->file], item->line);
        table_text(stderr, corpus->labels[item->label], 0);
        fprintf(stderr, "' is seen once; it gets no threshold of its own\n");
    }
    if (lonely > BAD_ROWS_NAMED) fprintf(stderr, "... and %zu more\n", lonely - BAD_ROWS_NAMED);
}

static void print_report(const struct fit *fit, const struct fit_options *options,
                         const struct corpus *corpus, const char *path, double seconds)
{
    struct score_sum sum = score_sum(&fit->held_out);
    bool linear = fit->has[ANSWER_LINEAR], ulmfit = fit->has[ANSWER_ULMFIT];
    bool proved = fit_proved(options);
    printf("%s (%" PRIu64 " of %zu):\n\n",
           proved ? "Held-out cases, each answered by a model that had not seen it"
                  : "Cases that ULMFiT may have learnt from, and the linear member has not seen",
           sum.cases, corpus->count);
    table_score(&fit->held_out, &fit->model);
    if (linear && ulmfit) {
        putchar('\n');
        table_members(fit->member, &fit->model);
        printf("ULMFiT's share of the blend: %.2f%s\n", fit->share,
               !proved ? " (fixed: these cases may be those it has learnt from, and then its "
                         "answers prove nothing; --unseen says that they are not)"
                       : "");
    }
    printf("\n%s: learnt from %zu cases of %" PRIu32 " SBRs", path, corpus->count,
           corpus->label_count);
    if (linear) printf(", %" PRIu32 " features, cost %g", fit->model.bow.features, fit->cost);
    if (ulmfit) {
        const struct weights_shape *shape = &fit->model.ulmfit.shrink.weights.shape;
        printf(", %" PRIu32 " words, %" PRIu32 " LSTM layers of %" PRIu32, shape->vocab,
               shape->layers, shape->hidden);
    }
    printf(", in %.1f s\n", seconds);
}

static enum error_code learn(const char *output, const struct fit_options *options,
                             struct corpus *corpus, struct crew *crew, struct bar *bar,
                             struct error *err)
{
    uint64_t begun = tick_now();
    static struct fit fit; /* large, and never moved */
    TRY(fit_open(&fit, corpus, options, crew, &bar->progress, err));
    bar_close(bar);
    enum error_code code = fit_write(&fit, corpus, options, output, version_text, err);
    if (code == ERR_NONE) print_report(&fit, options, corpus, output, tick_seconds_since(begun));
    fit_close(&fit);
    return code;
}

static enum error_code read_and_learn(const struct options *options,
                                      const struct fit_options *fit_options, struct bar *bar,
                                      struct error *err)
{
    struct names names = {0};
    if (options->columns != NULL) TRY(names_parse(&names, slice_of(options->columns), err));
    struct corpus corpus;
    TRY(corpus_open(&corpus, options->operand, options->operands, &names, &bar->progress, err));
    bar_close(bar);
    enum error_code code = table_bad_rows(&corpus, options->skip_bad, err);
    struct crew *crew = NULL;
    if (code == ERR_NONE) {
        warn_lonely(&corpus, options->operand);
        code = crew_open(&crew, options_threads(options), err);
    }
    if (code == ERR_NONE) code = learn(options->output, fit_options, &corpus, crew, bar, err);
    crew_close(crew);
    corpus_close(&corpus);
    return code;
}

static enum error_code run(const struct options *options, struct bar *bar, struct error *err)
{
    static struct learning learning;
    struct fit_options fit_options;
    TRY(check_options(options, err));
    TRY(learning_open(&learning, options, err));
    enum error_code code = read_options(options, &learning, &fit_options, err);
    if (code == ERR_NONE) code = read_and_learn(options, &fit_options, bar, err);
    learning_close(&learning);
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
