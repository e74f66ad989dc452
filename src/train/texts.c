/* texts.c - many_run's three steps: take texts, cut them, count and write down. */
// SPDX-License-Identifier: Apache-2.0
#include "train/texts.h"

#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/mem.h"
#include "token/many.h"

enum {
    BLOCK_TEXTS = 128,
    BLOCK_BYTES = 64 * 1024,
    WORD_LEAST = 3, /* times a word must stand to be one, as fastai's */
};

struct block {
    char *text; /* texts, one behind the other */
    size_t text_used, text_room, end[BLOCK_TEXTS];
    size_t texts;
    char *bytes;    /* the tokens' */
    uint32_t *size; /* of each token */
    size_t bytes_used, bytes_room, tokens, token_room, last[BLOCK_TEXTS];
    struct many_scratch scratch;
};

struct gathering {
    struct texts *texts;
    const struct texts_options *options;
    const struct texts_source *source;
    struct vocab_counter counter;
    struct progress *progress;
};

static enum error_code take_texts(void *context, void *block_, bool *out_end, struct error *err)
{
    struct gathering *gathering = context;
    struct block *block = block_;
    bool end = false;
    block->texts = block->text_used = 0;
    while (block->texts < BLOCK_TEXTS && block->text_used < BLOCK_BYTES) {
        struct slice text;
        TRY(gathering->source->next(gathering->source->context, &text, &end, err));
        if (end) break;
        TRY(mem_grow(&block->text, &block->text_room, block->text_used + text.size + 1, 1, err));
        memcpy(block->text + block->text_used, text.data, text.size);
        block->text_used += text.size;
        block->end[block->texts++] = block->text_used;
    }
    *out_end = block->texts == 0;
    return ERR_NONE;
}

static enum error_code keep_tokens(struct block *block, const struct token_list *list,
                                   struct error *err)
{
    TRY(mem_grow(&block->size, &block->token_room, block->tokens + list->count + 1,
                 sizeof *block->size, err));
    for (size_t i = 0; i < list->count; i++) {
        struct slice token = token_slice(list, i);
        TRY(mem_grow(&block->bytes, &block->bytes_room, block->bytes_used + token.size + 1, 1,
                     err));
        memcpy(block->bytes + block->bytes_used, token.data, token.size);
        block->bytes_used += token.size;
        block->size[block->tokens++] = (uint32_t)token.size;
    }
    return ERR_NONE;
}

static enum error_code cut_texts(void *context, void *block_, struct error *err)
{
    const struct gathering *gathering = context;
    struct block *block = block_;
    block->bytes_used = block->tokens = 0;
    for (size_t i = 0, at = 0; i < block->texts; at = block->end[i++]) {
        struct slice text = {block->text + at, block->end[i] - at};
        struct token_list list;
        TRY(many_tokens(&block->scratch, &gathering->options->way, text, &list, err));
        TRY(keep_tokens(block, &list, err));
        block->last[i] = block->tokens;
    }
    return ERR_NONE;
}

static enum error_code count_texts(void *context, void *block_, struct error *err)
{
    struct gathering *gathering = context;
    struct texts *texts = gathering->texts;
    const struct block *block = block_;
    size_t token = 0, at = 0;
    TRY(mem_grow(&texts->start, &texts->start_room, texts->count + block->texts + 1,
                 sizeof *texts->start, err));
    for (size_t i = 0; i < block->texts; i++) {
        texts->start[texts->count] = texts->spill.size / sizeof(uint32_t);
        for (; token < block->last[i]; token++) {
            uint32_t place;
            struct slice word = {block->bytes + at, block->size[token]};
            TRY(vocab_count(&gathering->counter, word, 1, &place, err));
            TRY(spill_add(&texts->spill, &place, sizeof place, err));
            at += word.size;
        }
        texts->count++;
    }
    texts->start[texts->count] = texts->spill.size / sizeof(uint32_t);
    progress_report(gathering->progress, "cutting texts into tokens", texts->count, 0, "texts");
    return ERR_NONE;
}

static enum error_code walk(struct gathering *gathering, struct crew *crew, struct error *err)
{
    struct block *blocks;
    void *pointers[CREW_THREADS_MAX];
    unsigned threads = crew_size(crew);
    TRY(mem_take(&blocks, threads, sizeof *blocks, err));
    for (unsigned i = 0; i < threads; i++) pointers[i] = &blocks[i];
    struct many_work work = {.context = gathering,
                             .read = take_texts,
                             .work = cut_texts,
                             .write = count_texts,
                             .blocks = pointers};
    enum error_code code = many_run(crew, &work, err);
    for (unsigned i = 0; i < threads; i++) {
        many_scratch_close(&blocks[i].scratch);
        mem_free(blocks[i].text);
        mem_free(blocks[i].bytes);
        mem_free(blocks[i].size);
    }
    mem_free(blocks);
    return code;
}

static enum error_code choose_words(struct gathering *gathering, struct error *err)
{
    struct texts *texts = gathering->texts;
    struct slice *words;
    size_t count;
    TRY(vocab_make(&words, &count, &gathering->counter, &gathering->options->vocab, err));
    struct vocab_layout layout = {VOCAB_FILLER_UNKNOWN, gathering->options->pieces};
    enum error_code code = vocab_lay(&texts->image, &texts->image_bytes, words, count, layout, err);
    mem_free(words);
    if (code != ERR_NONE) return code;
    return vocab_open(&texts->vocab, (struct slice){texts->image, texts->image_bytes}, err);
}

/* What each word seen is read as: ids[first[i]] .. ids[first[i + 1]]. */
struct readings {
    uint32_t *ids;
    size_t *first, count, room;
};

static enum error_code read_words(const struct gathering *gathering, struct readings *readings,
                                  struct error *err)
{
    size_t words = gathering->counter.count;
    TRY(mem_take(&readings->first, words + 1, sizeof *readings->first, err));
    for (size_t i = 0; i < words; i++) {
        TRY(mem_grow(&readings->ids, &readings->room, readings->count + PIECES_MAX,
                     sizeof *readings->ids, err));
        readings->first[i] = readings->count;
        readings->count +=
            vocab_read(&gathering->texts->vocab, vocab_counted(&gathering->counter, i),
                       readings->ids + readings->count);
    }
    readings->first[words] = readings->count;
    return ERR_NONE;
}

/* One text after another, from its places into a file of ids. */
static enum error_code write_ids(struct texts *texts, const struct readings *readings,
                                 const uint32_t *places, size_t words, struct spill *ids,
                                 struct error *err)
{
    uint64_t from = 0;
    for (size_t t = 0; t < texts->count; t++) {
        uint64_t to = texts->start[t + 1];
        for (; from < to; from++) {
            check(places[from] < words);
            const size_t *first = &readings->first[places[from]];
            TRY(spill_add(ids, readings->ids + first[0], (first[1] - first[0]) * sizeof(uint32_t),
                          err));
        }
        texts->start[t + 1] = ids->size / sizeof(uint32_t);
    }
    return spill_map(ids, &texts->ids, err);
}

/* Places among the words seen become ids. */
static enum error_code number_texts(struct gathering *gathering, struct error *err)
{
    struct texts *texts = gathering->texts;
    struct readings readings = {0};
    struct spill ids;
    const uint32_t *places = NULL;
    TRY(spill_map(&texts->spill, &places, err));
    TRY(spill_open(&ids, gathering->options->beside, err));
    enum error_code code = read_words(gathering, &readings, err);
    if (code == ERR_NONE)
        code = write_ids(texts, &readings, places, gathering->counter.count, &ids, err);
    mem_free(readings.ids);
    mem_free(readings.first);
    spill_close(&texts->spill);
    texts->spill = ids; /* texts_close closes it, whole or not */
    return code;
}

struct texts_options texts_options_of(enum recipe_kind recipe, const char *language,
                                      const char *tokenizer, size_t words_max, const char *beside)
{
    enum token_profile profile = TOKEN_SPACY3;
    check(token_profile_of(slice_of(tokenizer), &profile));
    return (struct texts_options){.beside = beside,
                                  .way = token_way_of(slice_of(language), profile),
                                  .vocab = {.min_freq = WORD_LEAST, .words_max = words_max},
                                  .pieces = recipe == RECIPE_OWN};
}

enum error_code texts_open(struct texts *out_texts, const struct texts_options *options,
                           const struct texts_source *source, struct crew *crew,
                           struct progress *progress, struct error *err)
{
    struct texts texts = {0};
    struct gathering gathering = {
        .texts = &texts, .options = options, .source = source, .progress = progress};
    TRY(spill_open(&texts.spill, options->beside, err));
    enum error_code code = mem_grow(&texts.start, &texts.start_room, 1, sizeof *texts.start, err);
    if (code == ERR_NONE) texts.start[0] = 0;
    if (code == ERR_NONE) code = walk(&gathering, crew, err);
    if (code == ERR_NONE && texts.count == 0)
        code = error_set(err, ERR_DATA, 0, "there is no text to learn from");
    if (code == ERR_NONE) code = choose_words(&gathering, err);
    if (code == ERR_NONE) code = number_texts(&gathering, err);
    vocab_counter_close(&gathering.counter);
    if (code != ERR_NONE) {
        texts_close(&texts);
        return code;
    }
    *out_texts = texts;
    return ERR_NONE;
}

void texts_close(struct texts *texts)
{
    spill_close(&texts->spill);
    mem_free(texts->start);
    mem_free(texts->image);
    *texts = (struct texts){0};
}
