/* learn.c - texts of cases, their language, their labels. */
// SPDX-License-Identifier: Apache-2.0
#include "train/learn.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/writer.h"
#include "train/labels.h"
#include "train/tune.h"

/* Texts */

static bool is_used(const struct corpus *corpus, enum case_field field)
{
    for (size_t i = 0; i < corpus->count; i++)
        if (corpus->cases[i].text.field[field].size > 0) return true;
    return false;
}

/* Those with a rank, in its order; a field that no case fills would only be markers. */
static void choose_fields(struct learn *learn)
{
    struct reader *reader = &learn->reader;
    struct writer names = writer_of(learn->fields, sizeof learn->fields - 1);
    for (int rank = 1; rank <= CASE_FIELDS; rank++)
        for (int f = 0; f < CASE_FIELDS; f++) {
            if (case_rows[f].rank != rank || !is_used(learn->corpus, (enum case_field)f)) continue;
            reader->field[reader->fields++] = (enum case_field)f;
            if (reader->fields > 1) writer_text(&names, ",");
            writer_text(&names, case_rows[f].name);
        }
    check(!names.cut);
}

struct reading {
    const struct learn *learn;
    size_t next;
    char *buffer; /* [READER_TEXT_MAX] */
};

static enum error_code next_text(void *context, struct slice *out_text, bool *out_end,
                                 struct error *err)
{
    struct reading *reading = context;
    const struct corpus *corpus = reading->learn->corpus;
    bool cut;
    (void)err;
    *out_end = reading->next == corpus->count;
    if (*out_end) return ERR_NONE;
    const struct case_text *text = &corpus->cases[reading->next++].text;
    *out_text = reader_join(&reading->learn->reader, text, reading->buffer, &cut);
    return ERR_NONE;
}

static enum error_code read_texts(struct learn *learn, struct crew *crew, struct progress *progress,
                                  struct error *err)
{
    struct texts_options options =
        texts_options_of(learn->options.recipe, learn->language, learn->tokenizer,
                         learn->options.words_max, learn->options.way.output);
    struct reading reading = {.learn = learn};
    struct texts_source source = {.context = &reading, .next = next_text};
    TRY(mem_take(&reading.buffer, READER_TEXT_MAX, 1, err));
    enum error_code code = texts_open(&learn->texts, &options, &source, crew, progress, err);
    mem_free(reading.buffer);
    learn->reader.way = options.way;
    learn->reader.vocab = learn->texts.vocab;
    return code;
}

/* The language */

/* Keeps a net's weights, which go with it, in data of their own. */
static enum error_code keep(const struct net *net, float **out_data, struct weights *out_weights,
                            struct error *err)
{
    float *data;
    TRY(mem_take(&data, net->count, sizeof *data, err));
    memcpy(data, net->parameters, net->count * sizeof *data);
    weights_begin(out_weights, &net->options.shape);
    for (size_t r = 0; r < net->row_count; r++)
        weights_bind(out_weights, &net->rows[r].row, data + net->rows[r].offset);
    mem_free(*out_data);
    *out_data = data;
    return ERR_NONE;
}

static struct weights_shape shape_of(const struct learn *learn)
{
    const struct recipe_size *size = learn->options.size;
    struct weights_shape shape;
    if (learn->options.init != NULL)
        shape = learn->prior.weights.shape;
    else
        shape = (struct weights_shape){
            .width = size->width, .hidden = size->hidden, .layers = size->layers};
    shape.vocab = learn->texts.vocab.count;
    return shape;
}

static struct labels_options labels_of(const struct learn *learn)
{
    return (struct labels_options){.texts = &learn->texts,
                                   .label = learn->label,
                                   .classes = learn->corpus->label_count,
                                   .language = &learn->encoder,
                                   .shape = shape_of(learn),
                                   .recipe = learn->options.recipe,
                                   .pretrained = learn->pretrained,
                                   .smallest = learn->options.init != NULL ||
                                               learn->options.size == recipe_size_of("small"),
                                   .epochs = learn->options.epochs,
                                   .rows = learn->options.rows,
                                   .way = &learn->options.way};
}

static struct tune_options tune_of(const struct learn *learn)
{
    return (struct tune_options){.size = learn->options.size,
                                 .prior = learn->options.init != NULL ? &learn->prior : NULL,
                                 .pretrained = learn->pretrained,
                                 .recipe = learn->options.recipe,
                                 .epochs = learn->options.epochs,
                                 .rows = learn->options.rows,
                                 .copied = true,
                                 .way = &learn->options.way};
}

/* The classifier comes later, but whether it fits is told now. */
static enum error_code ask(const struct learn *learn, void (*tell)(const char *sentence),
                           struct error *err)
{
    struct labels_options labels = labels_of(learn);
    struct tune_options tune = tune_of(learn);
    uint32_t *all;
    TRY(mem_take(&all, learn->corpus->count, sizeof *all, err));
    for (size_t i = 0; i < learn->corpus->count; i++) all[i] = (uint32_t)i;
    enum error_code code = labels_budget(&labels, all, learn->corpus->count, tell, err);
    mem_free(all);
    if (code == ERR_NONE) code = tune_budget(&learn->texts, &tune, tell, err);
    return code;
}

static void forget_labels(const char *output)
{
    for (unsigned turn = 0; turn < LEARN_TURNS_MAX; turn++) labels_forget(output, turn);
}

enum error_code learn_language(struct learn *learn, struct progress *progress, struct error *err)
{
    struct tune *tune;
    struct tune_options options = tune_of(learn);
    TRY(ask(learn, learn->options.way.tell, err));
    /* Of another language: whoever begins anew removes that one's checkpoint alone. */
    if (!course_begun(learn->options.way.output)) forget_labels(learn->options.way.output);
    TRY(tune_open(&tune, &learn->texts, &options, progress, err));
    learn->perplexity = exp(tune->loss);
    learn->known = tune->known;
    enum error_code code = keep(&tune->net, &learn->encoder_data, &learn->encoder, err);
    tune_close(tune);
    return code;
}

/* Opening */

static enum error_code open_prior(struct learn *learn, struct error *err)
{
    const struct learn_options *options = &learn->options;
    struct prior_wish wish = {options->size, options->language, options->tokenizer};
    TRY(prior_begin(&learn->prior, options->init, &wish, err));
    learn->language = wish.language;
    learn->tokenizer = wish.tokenizer;
    return ERR_NONE;
}

static enum error_code run(struct learn *learn, struct crew *crew, struct progress *progress,
                           struct error *err)
{
    const struct corpus *corpus = learn->corpus;
    TRY(open_prior(learn, err));
    TRY(mem_take(&learn->label, corpus->count, sizeof *learn->label, err));
    for (size_t i = 0; i < corpus->count; i++) learn->label[i] = corpus->cases[i].label;
    choose_fields(learn);
    TRY(read_texts(learn, crew, progress, err));
    if (learn->options.init != NULL)
        TRY(prior_serves(&learn->prior, &learn->texts, learn->options.way.tell, &learn->pretrained,
                         err));
    return ask(learn, NULL, err);
}

enum error_code learn_open(struct learn *out_learn, const struct corpus *corpus,
                           const struct learn_options *options, struct crew *crew,
                           struct progress *progress, struct error *err)
{
    *out_learn = (struct learn){.corpus = corpus, .options = *options};
    enum error_code code = run(out_learn, crew, progress, err);
    if (code != ERR_NONE) learn_close(out_learn);
    return code;
}

enum error_code learn_labels(struct learn *learn, unsigned turn, const uint32_t *chosen,
                             size_t count, struct progress *progress, struct error *err)
{
    struct labels_options options = labels_of(learn);
    struct labels *labels;
    check(turn < LEARN_TURNS_MAX);
    mem_free(learn->data);
    learn->data = NULL;
    TRY(labels_open(&labels, &options, turn, chosen, count, progress, err));
    learn->loss = labels->loss;
    enum error_code code = keep(&labels->net, &learn->data, &learn->weights, err);
    labels_close(labels);
    return code;
}

void learn_forget(const struct learn *learn)
{
    course_forget(learn->options.way.output, COURSE_LANGUAGE);
    forget_labels(learn->options.way.output);
}

void learn_close(struct learn *learn)
{
    texts_close(&learn->texts);
    prior_close(&learn->prior);
    mem_free(learn->label);
    mem_free(learn->encoder_data);
    mem_free(learn->data);
    *learn = (struct learn){0};
}
