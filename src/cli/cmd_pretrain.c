/* cmd_pretrain.c - learns a language, writes it, and says how well it is known. */
// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/tick.h"
#include "cli/bar.h"
#include "cli/cmd.h"
#include "cli/learning.h"
#include "cli/version.h"
#include "train/pretrain.h"

static enum error_code check_options(const struct options *options, struct error *err)
{
    if (options->output == NULL)
        return error_set(err, ERR_USAGE, 0, "pretrain needs -o LM, the file to write");
    return learning_words(options, err);
}

static void print_report(const struct pretrain *pretrain, double seconds)
{
    const struct tune *tune = pretrain->tune;
    const struct weights_shape *shape = &tune->net.options.shape;
    printf("%s: %u words, embedding %u, %u LSTM layers of %u; learnt from %zu texts of %" PRIu64
           " words in %.1f s\n",
           pretrain->options->way.output, shape->vocab, shape->width, shape->layers, shape->hidden,
           pretrain->texts.count, pretrain->texts.start[pretrain->texts.count], seconds);
    printf("perplexity %.1f in training", exp(tune->loss));
    if (tune->valid_count > 0) printf(", %.1f of the texts held out", exp(tune->valid));
    if (tune->options->prior != NULL)
        printf("; %zu words were known from %s", tune->known, pretrain->options->init);
    putchar('\n');
    double loss = tune->valid_count > 0 ? tune->valid : tune->loss;
    if (loss > log(shape->vocab))
        fprintf(stderr,
                "warning: guessing any of the %u words would do better: nothing was learnt; a "
                "lower --rate or more --epochs may help\n",
                shape->vocab);
}

static enum error_code learn(const struct options *options, const struct learning *learning,
                             struct crew *crew, struct bar *bar, struct error *err)
{
    uint64_t begun = tick_now();
    struct pretrain pretrain;
    struct pretrain_options pretrain_options = {.paths = options->operand,
                                                .path_count = options->operands,
                                                .size = learning->size,
                                                .recipe = learning->recipe,
                                                .epochs = (unsigned)options->epochs,
                                                .rows = (size_t)options->batch,
                                                .words_max = (size_t)options->words,
                                                .held_out = options->held_out,
                                                .init = options->init,
                                                .language = learning->language,
                                                .tokenizer = learning->tokenizer,
                                                .way = learning->way};
    TRY(pretrain_open(&pretrain, &pretrain_options, crew, &bar->progress, err));
    bar_close(bar);
    enum error_code code = pretrain_write(&pretrain, version_text, err);
    if (code == ERR_NONE) print_report(&pretrain, tick_seconds_since(begun));
    pretrain_close(&pretrain);
    return code;
}

static enum error_code run(const struct options *options, struct bar *bar, struct error *err)
{
    static struct learning learning;
    struct crew *crew = NULL;
    TRY(check_options(options, err));
    TRY(learning_open(&learning, options, err));
    enum error_code code = crew_open(&crew, options_threads(options), err);
    if (code == ERR_NONE) code = learn(options, &learning, crew, bar, err);
    crew_close(crew);
    learning_close(&learning);
    return code;
}

int cmd_pretrain(const struct options *options)
{
    struct error err;
    struct bar bar = bar_open();
    enum error_code code = run(options, &bar, &err);
    bar_close(&bar);
    return code == ERR_NONE ? 0 : cmd_failed(&err);
}
