/* pretrain.c - paragraphs, words, the language model, the file. */
// SPDX-License-Identifier: Apache-2.0
#include "train/pretrain.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "train/paragraphs.h"

static enum error_code read_texts(struct pretrain *pretrain, struct crew *crew,
                                  struct progress *progress, struct error *err)
{
    const struct pretrain_options *options = pretrain->options;
    struct texts_options texts_options =
        texts_options_of(options->recipe, pretrain->language, pretrain->tokenizer,
                         options->words_max, options->way.output);
    struct paragraphs paragraphs;
    paragraphs_begin(&paragraphs, options->paths, options->path_count);
    struct texts_source source = {.context = &paragraphs, .next = paragraphs_next};
    enum error_code code =
        texts_open(&pretrain->texts, &texts_options, &source, crew, progress, err);
    paragraphs_close(&paragraphs);
    if (code != ERR_DATA || paragraphs.given > 0) return code;
    char others[32] = "";
    if (options->path_count > 1)
        snprintf(others, sizeof others, " and %zu more", options->path_count - 1);
    return error_set(err, ERR_DATA, 0, "%s%s: there is no text to learn from", options->paths[0],
                     others);
}

static enum error_code open_prior(struct pretrain *pretrain, struct error *err)
{
    const struct pretrain_options *options = pretrain->options;
    struct prior_wish wish = {options->size, options->language, options->tokenizer};
    TRY(prior_begin(&pretrain->prior, options->init, &wish, err));
    pretrain->language = wish.language;
    pretrain->tokenizer = wish.tokenizer;
    return ERR_NONE;
}

static enum error_code run(struct pretrain *pretrain, struct crew *crew, struct progress *progress,
                           struct error *err)
{
    const struct pretrain_options *options = pretrain->options;
    TRY(open_prior(pretrain, err));
    TRY(read_texts(pretrain, crew, progress, err));
    bool serves = false;
    if (options->init != NULL)
        TRY(prior_serves(&pretrain->prior, &pretrain->texts, options->way.tell, &serves, err));
    pretrain->tune_options =
        (struct tune_options){.size = options->size,
                              .prior = options->init != NULL ? &pretrain->prior : NULL,
                              .pretrained = serves,
                              .recipe = options->recipe,
                              .epochs = options->epochs,
                              .rows = options->rows,
                              .held_out = options->held_out,
                              .way = &options->way};
    TRY(tune_budget(&pretrain->texts, &pretrain->tune_options, options->way.tell, err));
    return tune_open(&pretrain->tune, &pretrain->texts, &pretrain->tune_options, progress, err);
}

enum error_code pretrain_open(struct pretrain *out_pretrain, const struct pretrain_options *options,
                              struct crew *crew, struct progress *progress, struct error *err)
{
    *out_pretrain = (struct pretrain){.options = options};
    enum error_code code = run(out_pretrain, crew, progress, err);
    if (code != ERR_NONE) pretrain_close(out_pretrain);
    return code;
}

static void describe(const struct pretrain *pretrain, const char *program_version,
                     struct bundle_draft *draft)
{
    const struct pretrain_options *options = pretrain->options;
    const struct tune *tune = pretrain->tune;
    bundle_draft_meta(draft, "program", program_version);
    bundle_draft_meta(draft, "language", pretrain->language);
    bundle_draft_meta(draft, "tokenizer", pretrain->tokenizer);
    bundle_draft_count(draft, "texts", pretrain->texts.count);
    bundle_draft_count(draft, "tokens", pretrain->texts.start[pretrain->texts.count]);
    bundle_draft_count(draft, "seed", options->way.seed);
    bundle_draft_count(draft, "threads", options->way.threads);
    bundle_draft_number(draft, "perplexity", exp(tune->loss));
    if (tune->valid_count > 0) bundle_draft_number(draft, "held_out_perplexity", exp(tune->valid));
}

enum error_code pretrain_write(struct pretrain *pretrain, const char *program_version,
                               struct error *err)
{
    struct bundle_draft draft;
    const char *output = pretrain->options->way.output;
    TRY(bundle_draft_open(&draft, err));
    describe(pretrain, program_version, &draft);
    bundle_draft_tensor(&draft, "vocab.image", SAFETENSORS_U8, pretrain->texts.image_bytes, 0,
                        pretrain->texts.image);
    language_draft(&pretrain->tune->net.weights, &pretrain->names, &draft);
    enum error_code code = bundle_draft_write(&draft, output, err);
    bundle_draft_close(&draft);
    if (code == ERR_NONE) course_forget(output, pretrain->tune->lesson.training);
    return code;
}

void pretrain_close(struct pretrain *pretrain)
{
    tune_close(pretrain->tune);
    texts_close(&pretrain->texts);
    prior_close(&pretrain->prior);
    *pretrain = (struct pretrain){0};
}
