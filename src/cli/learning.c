/* learning.c - what pretrain and train say alike. */
// SPDX-License-Identifier: Apache-2.0
#include "cli/learning.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "model/bundle.h"
#include "nn/team.h"
#include "token/token.h"

static void tell(const char *sentence) { fprintf(stderr, "%s\n", sentence); }

static enum error_code check_names(const struct options *options, struct learning *learning,
                                   struct error *err)
{
    learning->size = recipe_size_of(options->size);
    if (learning->size == NULL)
        return error_set(err, ERR_USAGE, 0, "--size: no size '%s'; there are: small, medium, full",
                         options->size);
    if (!recipe_kind_of(options->recipe, &learning->recipe))
        return error_set(err, ERR_USAGE, 0, "--recipe: '%s' is neither own nor fastai",
                         options->recipe);
    learning->language = options->language;
    learning->tokenizer = options->tokenizer;
    if (options->init != NULL && !options->given[OPTION_AT_size]) learning->size = NULL;
    if (options->init != NULL && !options->given[OPTION_AT_language]) learning->language = NULL;
    if (options->init != NULL && !options->given[OPTION_AT_tokenizer]) learning->tokenizer = NULL;
    learning->way.arithmetic = gemm_best();
    if (options->arithmetic != NULL && !gemm_named(options->arithmetic, &learning->way.arithmetic))
        return error_set(err, ERR_USAGE, 0, "--arithmetic: '%s' is neither f32 nor bf16",
                         options->arithmetic);
    return ERR_NONE;
}

enum error_code learning_none(const struct options *options, const char *why, struct error *err)
{
    static const int of_network[] = {
        OPTION_AT_size,   OPTION_AT_epochs,     OPTION_AT_batch,      OPTION_AT_words,
        OPTION_AT_recipe, OPTION_AT_rate,       OPTION_AT_clip,       OPTION_AT_smoothing,
        OPTION_AT_init,   OPTION_AT_resume,     OPTION_AT_checkpoint, OPTION_AT_history,
        OPTION_AT_memory, OPTION_AT_arithmetic, OPTION_AT_language,   OPTION_AT_tokenizer};
    const char *typed = options_typed(options, of_network, sizeof of_network / sizeof *of_network);
    if (typed == NULL) return ERR_NONE;
    return error_set(err, ERR_USAGE, 0, "--%s is for learning ULMFiT, %s", typed, why);
}

enum error_code learning_words(const struct options *options, struct error *err)
{
    enum token_profile profile;
    if (!token_profile_of(slice_of(options->tokenizer), &profile))
        return error_set(err, ERR_USAGE, 0,
                         "--tokenizer: no tokenizer '%s'; there are: spacy3, spacy2",
                         options->tokenizer);
    if (options->language[0] == '\0' || strlen(options->language) > 32)
        return error_set(err, ERR_USAGE, 0, "--language: '%s' is no language", options->language);
    return ERR_NONE;
}

static bool same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* "-o *.csv" names the first file of cases as the output, whose rename would take it away. */
static enum error_code spare(const char *option, const char *path, const char *const *inputs,
                             size_t count, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (inputs[i] != NULL && same_file(path, inputs[i]))
            return error_set(err, ERR_USAGE, 0,
                             "%s %s: this is a file to be read; writing would replace it", option,
                             path);
    return ERR_NONE;
}

/* A history is begun anew at once, whatever becomes of the training. */
static enum error_code spare_from_history(const struct options *options, struct error *err)
{
    TRY(spare("--history", options->history, options->operand, options->operands, err));
    TRY(spare("--history", options->history, &options->init, 1, err));
    bool same = strcmp(options->history, options->output) == 0; /* neither may be there yet */
    if (!same && !same_file(options->history, options->output)) return ERR_NONE;
    return error_set(err, ERR_USAGE, 0, "--history %s: this is the file of -o", options->history);
}

enum error_code learning_output(const struct options *options, struct error *err)
{
    const char *lists[] = {options->vocab, options->labels};
    TRY(spare("-o", options->output, options->operand, options->operands, err));
    TRY(spare("-o", options->output, lists, 2, err));
    char date[BUNDLE_DATE_SIZE]; /* of the model: told before anything is learnt */
    TRY(bundle_date(date, err));
    struct file_write probe;
    TRY(file_write_open(&probe, options->output, err));
    file_write_abandon(&probe);
    return ERR_NONE;
}

static bool learns_network(const struct options *options)
{
    return options->with == NULL &&
           (options->member == NULL || strcmp(options->member, "linear") != 0);
}

/* The first step would replace what an interrupted run has learnt. */
static enum error_code check_begun(const struct options *options, bool begun, struct error *err)
{
    if (begun && !options->resume)
        return error_set(err, ERR_USAGE, 0,
                         "%s.%s.resume is there, of a run that was interrupted: --resume goes on "
                         "from it; to begin anew, remove it",
                         options->output, COURSE_LANGUAGE);
    if (!begun && options->resume)
        fprintf(stderr, "resume: there is no %s.%s.resume to go on from; this begins anew\n",
                options->output, COURSE_LANGUAGE);
    return ERR_NONE;
}

enum error_code learning_open(struct learning *out_learning, const struct options *options,
                              struct error *err)
{
    unsigned threads = options_threads(options);
    *out_learning = (struct learning){.history = {.fd = -1}};
    TRY(check_names(options, out_learning, err));
    TRY(learning_output(options, err));
    bool begun = learns_network(options) && course_begun(options->output);
    TRY(check_begun(options, begun, err));
    if (options->history != NULL) {
        TRY(spare_from_history(options, err));
        TRY(history_open(&out_learning->history, options->history, begun, err));
    }
    out_learning->way =
        (struct course_way){.seed = (uint64_t)options->seed,
                            .threads = threads < TEAM_THREADS_MAX ? threads : TEAM_THREADS_MAX,
                            .arithmetic = out_learning->way.arithmetic,
                            .output = options->output,
                            .resume = options->resume,
                            .pause_seconds = options->checkpoint,
                            .rate = options->rate,
                            .clip = options->clip,
                            .smoothing = options->smoothing,
                            .memory_max = (uint64_t)options->memory,
                            .history = options->history != NULL ? &out_learning->history : NULL,
                            .tell = tell};
    return ERR_NONE;
}

void learning_close(struct learning *learning) { history_close(&learning->history); }
