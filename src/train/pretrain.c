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
        texts_options_of(options->recipe, options->language, options->tokenizer, options->words_max,
                         options->way.output);
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

static enum error_code run(struct pretrain *pretrain, struct crew *crew, struct progress *progress,
                           struct error *err)
{
    const struct pretrain_options *options = pretrain->options;
    if (options->init != NULL) TRY(prior_open(&pretrain->prior, options->init, err));
    TRY(read_texts(pretrain, crew, progress, err));
    pretrain->tune_options =
        (struct tune_options){.size = options->size,
                              .prior = options->init != NULL ? &pretrain->prior : NULL,
                              .recipe = options->recipe,
                              .epochs = options->epochs,
                              .rows = options->rows,
                              .held_out = options->held_out,
                              .way = &options->way};
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
    char number[64];
    bundle_draft_meta(draft, "program", program_version);
    bundle_draft_meta(draft, "language", options->language);
    bundle_draft_meta(draft, "tokenizer", options->tokenizer);
    const struct {
        const char *key;
        double value;
    } numbers[] = {
        {"texts", (double)pretrain->texts.count},
        {"tokens", (double)pretrain->texts.start[pretrain->texts.count]},
        {"seed", (double)options->way.seed},
        {"threads", (double)options->way.threads},
        {"perplexity", exp(pretrain->tune->loss)},
        {"held_out_perplexity", pretrain->tune->valid_count > 0 ? exp(pretrain->tune->valid) : 0},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        snprintf(number, sizeof number, "%.6g", numbers[i].value);
        bundle_draft_meta(draft, numbers[i].key, number);
    }
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
