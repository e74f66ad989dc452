/* prior.c - rows by word, the rest by name. */
// SPDX-License-Identifier: Apache-2.0
#include "train/prior.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "train/match.h"

/* Of the words of texts, markers counted. English of system administration knows 79 to 99 % of
 * other English, 81 of five languages mixed, and half of German. */
static const double share_least = 2.0 / 3;

static enum error_code open_words(struct prior *prior, struct error *err)
{
    const char *image;
    size_t bytes;
    TRY(bundle_extent(&prior->bundle, "vocab.image", 0, &bytes, err));
    TRY(bundle_tensor(&prior->bundle, "vocab.image", SAFETENSORS_U8, bytes, 0, &image, err));
    TRY(vocab_open(&prior->vocab, (struct slice){image, bytes}, err));
    if (prior->vocab.count == prior->weights.shape.vocab) return ERR_NONE;
    return error_set(err, ERR_MODEL, 0, "the vocabulary has %u words, the embedding %u rows",
                     prior->vocab.count, prior->weights.shape.vocab);
}

static const char *meta_of(const struct prior *prior, const char *key, const char *otherwise)
{
    const char *value = bundle_meta(&prior->bundle, key);
    return value[0] != '\0' ? value : otherwise;
}

enum error_code prior_open(struct prior *out_prior, const char *path, struct error *err)
{
    struct prior prior = {0};
    struct error detail;
    TRY(bundle_open(&prior.bundle, path, err));
    enum error_code code = ERR_MODEL;
    if (!language_is(&prior.bundle))
        error_fill(&detail, code, 0, "it holds no language model; pretrain makes one");
    else
        code = language_bind(&prior.weights, &prior.bundle, &detail);
    if (code == ERR_NONE) code = open_words(&prior, &detail);
    if (code != ERR_NONE) {
        prior_close(&prior);
        return error_set(err, code, 0, "%s: %.400s", path, detail.detail);
    }
    prior.language = meta_of(&prior, "language", "en");
    prior.tokenizer = meta_of(&prior, "tokenizer", "spacy3");
    *out_prior = prior;
    return ERR_NONE;
}

static enum error_code agree(const struct prior *prior, const struct prior_wish *wish,
                             const char *path, struct error *err)
{
    const struct weights_shape *shape = &prior->weights.shape;
    const struct recipe_size *size = wish->size;
    if (size != NULL && (size->width != shape->width || size->hidden != shape->hidden ||
                         size->layers != shape->layers))
        return error_set(err, ERR_USAGE, 0,
                         "%s has %u of embedding and %u hidden units in %u layers, which is not "
                         "--size %s; leave that out",
                         path, shape->width, shape->hidden, shape->layers, size->name);
    const struct {
        const char *option, *asked, *has;
    } words[] = {{"language", wish->language, prior->language},
                 {"tokenizer", wish->tokenizer, prior->tokenizer}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].asked != NULL && strcmp(words[i].asked, words[i].has) != 0)
            return error_set(
                err, ERR_USAGE, 0,
                "%s learnt words cut by --%s %s, and '%s' is asked for; leave that out", path,
                words[i].option, words[i].has, words[i].asked);
    return ERR_NONE;
}

enum error_code prior_begin(struct prior *out_prior, const char *path, struct prior_wish *wish,
                            struct error *err)
{
    if (path == NULL) return ERR_NONE;
    TRY(prior_open(out_prior, path, err));
    TRY(agree(out_prior, wish, path, err));
    wish->language = out_prior->language;
    wish->tokenizer = out_prior->tokenizer;
    return ERR_NONE;
}

void prior_close(struct prior *prior)
{
    bundle_close(&prior->bundle);
    *prior = (struct prior){0};
}

enum error_code prior_serves(const struct prior *prior, const struct texts *texts,
                             void (*tell)(const char *sentence), bool *out_serves,
                             struct error *err)
{
    bool *known;
    uint64_t count = texts->start[texts->count], knows = 0;
    TRY(mem_take(&known, texts->vocab.count, sizeof *known, err));
    for (uint32_t id = 0; id < texts->vocab.count; id++)
        known[id] = vocab_id(&prior->vocab, vocab_word(&texts->vocab, id)) != 0;
    for (uint64_t i = 0; i < count; i++) knows += known[texts->ids[i]];
    mem_free(known);
    double share = count > 0 ? (double)knows / (double)count : 0;
    *out_serves = share >= share_least;
    if (*out_serves || tell == NULL) return ERR_NONE;
    char sentence[128];
    snprintf(sentence, sizeof sentence,
             "--init: it knows %.0f %% of the words of these texts; they are learnt as if from the "
             "start",
             100 * share);
    tell(sentence);
    return ERR_NONE;
}

size_t prior_fill(const struct prior *prior, const struct vocab *vocab, struct net *net)
{
    const struct weights_shape *from = &prior->weights.shape, *to = &net->options.shape;
    size_t known = 0;
    check(from->width == to->width && from->hidden == to->hidden && from->layers == to->layers);
    for (size_t r = 0; r < net->row_count; r++) {
        const struct net_row *row = &net->rows[r];
        const float *data = weights_data(&prior->weights, &row->row);
        float *out = net->parameters + row->offset;
        if (row->row.id == WEIGHTS_EMBEDDING)
            known = match_rows(&prior->vocab, data, to->width, vocab, out);
        else if (row->row.id != WEIGHTS_DECODER_BIAS)
            memcpy(out, data, row->count * sizeof *out);
        else if (data != NULL) /* an encoder alone has none */
            match_rows(&prior->vocab, data, 1, vocab, out);
    }
    return known;
}
