/* explain.c - n-grams told of their words, and words left out.
 *
 * N-grams come in the order of the text, so that one word at a time is summed up, and one
 * behind it, which still gets its half of the pair with the next; the heaviest are kept.
 *
 * ULMFiT reads everything together, so what a word does shows only where it is missing.
 * A text of a hundred words would take a hundred passes: instead the parts that mattered
 * most are split, four at a time, in at most four each, until they are words. */
// SPDX-License-Identifier: Apache-2.0
#include "answer/explain.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/tick.h"
#include "text/json.h"
#include "text/utf8.h"
#include "vocab/ngram.h"

enum {
    SPLITS = EXPLAIN_ROUND / EXPLAIN_FAN,
    SHOWN_BYTES = EXPLAIN_WORD_BYTES, /* of a part of many words its beginning is shown */
    ESCAPED = 6,                      /* bytes that a byte of a string may take in JSON */
    AROUND_BYTES = 128,               /* keys and numbers of a reason */
};

/* A member's share of the pooled score. */
static double share_of(const struct answer_model *model, enum answer_member member)
{
    bool both = model->has[ANSWER_LINEAR] && model->has[ANSWER_ULMFIT];
    return both ? (double)model->blend.weight[member] : 1;
}

static double lead_of(const struct explain *explain, const float *scores)
{
    return (double)scores[explain->best] - (double)scores[explain->runner_up];
}

/* The span of a field whose value is learnt as a whole. */
static void value_span(struct slice value, size_t *out_start, size_t *out_end)
{
    struct slice trimmed = slice_trim(value);
    *out_start = trimmed.size > 0 ? (size_t)(trimmed.data - value.data) : 0;
    *out_end = *out_start + utf8_cut(trimmed, EXPLAIN_WORD_BYTES).size;
}

/* The linear member */

struct telling {
    struct explain *explain;
    double share;
    struct explain_reason open, earlier; /* the word being read, and the last one before it */
    size_t said;                         /* words, in the sense of n-grams, of the open one */
    size_t lightest;                     /* of the kept ones, once all places are taken */
};

static size_t find_lightest(const struct explain *explain)
{
    size_t lightest = 0;
    for (size_t i = 1; i < explain->words; i++)
        if (fabs(explain->word[i].weight) < fabs(explain->word[lightest].weight)) lightest = i;
    return lightest;
}

static void keep(struct telling *telling, const struct explain_reason *word)
{
    struct explain *explain = telling->explain;
    if (word->end == word->start || !(fabs(word->weight) > 0)) return;
    if (explain->words < EXPLAIN_WORDS) {
        explain->word[explain->words++] = *word;
    } else if (fabs(word->weight) > fabs(explain->word[telling->lightest].weight)) {
        explain->word[telling->lightest] = *word;
    } else {
        return;
    }
    if (explain->words == EXPLAIN_WORDS) telling->lightest = find_lightest(explain);
}

static void close_word(struct telling *telling)
{
    if (telling->said == 0) {
        keep(telling, &telling->open);
        return;
    }
    keep(telling, &telling->earlier);
    telling->earlier = telling->open;
}

/* Opens the word of this field that the byte at `at` is in. */
static void open_word(struct telling *telling, enum case_field field, size_t at)
{
    struct slice text = telling->explain->text.field[field];
    size_t start = telling->open.field == field ? telling->open.end : 0, end;
    if (telling->open.end > 0) close_word(telling);
    if (case_rows[field].linear == CASE_LINEAR_VALUE) {
        value_span(text, &start, &end);
    } else {
        end = ngram_word(text, EXPLAIN_WORD_BYTES, &start);
        while (end <= at) {
            check(end > start);
            start = end;
            end = ngram_word(text, EXPLAIN_WORD_BYTES, &start);
        }
    }
    telling->open = (struct explain_reason){field, start, end, 0};
    telling->said = 0;
}

static void hear(void *context, const struct ngram_place *place, enum ngram_kind kind, double adds)
{
    struct telling *telling = context;
    struct explain_reason *open = &telling->open;
    if (open->end == 0 || open->field != place->field ||
        (place->at >= open->end && kind != NGRAM_VALUE))
        open_word(telling, place->field, place->at);
    adds *= telling->share;
    if (kind == NGRAM_WORDS && !place->pair) telling->said++;
    if (place->pair && telling->said < 2) {
        adds /= 2;
        telling->earlier.weight += adds;
    }
    open->weight += adds;
}

static void tell_linear(struct explain *explain, struct answer_context *context)
{
    struct telling telling = {.explain = explain, .share = share_of(explain->model, ANSWER_LINEAR)};
    bow_explain(&explain->model->bow, &context->bow, &explain->text, explain->best,
                explain->runner_up, hear, &telling);
    close_word(&telling);
    keep(&telling, &telling.earlier);
}

/* ULMFiT's parts */

/* Moves *at behind the next `count` words of the text that end in front of `end`; how many there
 * were. */
static size_t skip_words(struct slice text, size_t count, size_t *at)
{
    size_t found = 0;
    while (found < count) {
        size_t start = *at, end = ngram_word(text, EXPLAIN_WORD_BYTES, &start);
        if (end == start) break;
        *at = end;
        found++;
    }
    return found;
}

/* Whole fields, as far as ULMFiT reads. */
static void begin_parts(struct explain *explain)
{
    const struct reader *reader = &explain->model->reader;
    size_t left = READER_TOKENS_MAX;
    for (size_t i = 0; i < reader->fields && left > 0; i++) {
        struct explain_part part = {.field = reader->field[i], .words = 1};
        struct slice text = explain->text.field[part.field];
        if (case_rows[part.field].linear == CASE_LINEAR_TEXT) {
            text.size = utf8_cut(text, READER_TEXT_MAX).size;
            part.words = skip_words(text, left, &part.end);
            ngram_word(text, EXPLAIN_WORD_BYTES, &part.start);
        } else {
            value_span(text, &part.start, &part.end);
        }
        if (part.end == part.start || part.words == 0) continue;
        left -= part.words;
        explain->part[explain->parts++] = part;
    }
}

/* The heaviest part of several words, among those whose answers are there; parts where there
 * is none. */
static size_t heaviest(const struct explain *explain, size_t among)
{
    size_t best = explain->parts;
    for (size_t i = 0; i < among; i++) {
        const struct explain_part *part = &explain->part[i];
        if (!part->known || part->words < 2) continue;
        if (best == explain->parts || fabs(part->weight) > fabs(explain->part[best].weight))
            best = i;
    }
    return best;
}

/* The first of its own parts takes its place, the others come behind all. */
static void split(struct explain *explain, size_t number)
{
    struct explain_part whole = explain->part[number];
    explain->whole[explain->wholes] = whole;
    explain->whole_at[explain->wholes++] = number;
    struct slice text = {explain->text.field[whole.field].data, whole.end};
    size_t fan = whole.words < EXPLAIN_FAN ? whole.words : EXPLAIN_FAN, at = whole.start;
    for (size_t i = 0; i < fan; i++) {
        struct explain_part part = {.field = whole.field, .start = at};
        part.words = whole.words * (i + 1) / fan - whole.words * i / fan;
        size_t found = skip_words(text, part.words, &at);
        check(found == part.words);
        part.end = at;
        ngram_word(text, EXPLAIN_WORD_BYTES, &part.start);
        check(explain->parts < EXPLAIN_PARTS);
        explain->part[i == 0 ? number : explain->parts++] = part;
    }
}

static bool any_unknown(const struct explain *explain)
{
    for (size_t i = 0; i < explain->parts; i++)
        if (!explain->part[i].known) return true;
    return false;
}

static struct slice leave_out(const struct explain *explain, const struct explain_part *part,
                              char *room)
{
    struct slice text = explain->text.field[part->field];
    size_t size = utf8_cut(text, READER_TEXT_MAX).size, left = size - part->end;
    memcpy(room, text.data, part->start);
    memcpy(room + part->start, text.data + part->end, left);
    return (struct slice){room, part->start + left};
}

static size_t longest_field(const struct answer_model *model, const struct case_text *text)
{
    size_t longest = 0;
    for (size_t i = 0; i < model->reader.fields; i++) {
        size_t size = text->field[model->reader.field[i]].size;
        if (size > longest) longest = size;
    }
    return longest < READER_TEXT_MAX ? longest : READER_TEXT_MAX;
}

size_t explain_room(const struct answer_model *model, const struct case_text *text)
{
    if (!model->has[ANSWER_ULMFIT]) return 0;
    size_t all = EXPLAIN_ROUND * longest_field(model, text);
    return all < READER_TEXT_MAX ? all : READER_TEXT_MAX;
}

size_t explain_room_max(const struct answer_model *model)
{
    return model->has[ANSWER_ULMFIT] ? READER_TEXT_MAX : 0;
}

size_t explain_ask(struct explain *explain, struct case_text out_texts[EXPLAIN_ROUND])
{
    size_t used = 0, all = explain_room(explain->model, &explain->text), among = explain->parts;
    explain->asked_count = explain->wholes = 0;
    if (explain->rounds == EXPLAIN_ROUNDS_MAX) return 0;
    explain->rounds++;
    for (int i = 0; i < SPLITS && (i > 0 || !any_unknown(explain)); i++) {
        size_t number = heaviest(explain, among);
        if (number == explain->parts) break;
        split(explain, number);
    }
    for (size_t i = 0; i < explain->parts && explain->asked_count < EXPLAIN_ROUND; i++) {
        const struct explain_part *part = &explain->part[i];
        size_t size = utf8_cut(explain->text.field[part->field], READER_TEXT_MAX).size;
        if (part->known || size - (part->end - part->start) > all - used) continue;
        struct case_text *text = &out_texts[explain->asked_count];
        *text = explain->text;
        text->field[part->field] = leave_out(explain, part, explain->room + used);
        used += text->field[part->field].size;
        explain->asked[explain->asked_count++] = i;
    }
    return explain->asked_count;
}

void explain_withdraw(struct explain *explain)
{
    explain->asked_count = 0;
    while (explain->wholes > 0) {
        const struct explain_part *whole = &explain->whole[--explain->wholes];
        size_t fan = whole->words < EXPLAIN_FAN ? whole->words : EXPLAIN_FAN;
        explain->part[explain->whole_at[explain->wholes]] = *whole;
        explain->parts -= fan - 1;
    }
}

void explain_take(struct explain *explain, size_t number, const struct answer *answer)
{
    check(number < explain->asked_count);
    struct explain_part *part = &explain->part[explain->asked[number]];
    part->known = true;
    if (answer == NULL || answer->model != explain->model) {
        part->words = 1; /* nor is it asked again */
        return;
    }
    double lost = explain->read - lead_of(explain, answer->scores[ANSWER_ULMFIT]);
    part->weight = share_of(explain->model, ANSWER_ULMFIT) * lost;
}

/* Both */

void explain_open(struct explain *out_explain, struct answer_context *context,
                  const struct case_text *text, const struct answer *answer, char *room)
{
    struct explain *explain = out_explain;
    uint32_t ranked[2];
    const struct answer_model *model = answer->model;
    check(context->model == model);
    answer_rank(answer, model->label_count, ranked, 2);
    *explain = (struct explain){
        .model = model, .text = *text, .best = ranked[0], .runner_up = ranked[1], .room = room};
    for (int m = 0; m < ANSWER_MEMBERS; m++)
        if (model->has[m])
            explain->difference +=
                share_of(model, (enum answer_member)m) * lead_of(explain, answer->scores[m]);
    if (model->has[ANSWER_ULMFIT]) {
        explain->read = lead_of(explain, answer->scores[ANSWER_ULMFIT]);
        begin_parts(explain);
    }
    if (model->has[ANSWER_LINEAR]) tell_linear(explain, context);
}

void explain_run(struct explain *explain, struct answer_context *context, double seconds)
{
    struct case_text texts[EXPLAIN_ROUND];
    uint64_t begun = tick_now(), round = begun;
    size_t asked;
    while ((asked = explain_ask(explain, texts)) > 0) {
        for (size_t i = 0; i < asked;) {
            const struct case_text *some[EXPLAIN_ROUND];
            struct answer answers[EXPLAIN_ROUND];
            size_t count = 0;
            for (; i + count < asked && count < context->room.slots; count++)
                some[count] = &texts[i + count];
            answer_batch(context, some, count, answers);
            for (size_t k = 0; k < count; k++) explain_take(explain, i + k, &answers[k]);
            i += count;
        }
        if (tick_seconds_since(begun) + tick_seconds_since(round) > seconds) return;
        round = tick_now();
    }
}

/* The heaviest first; else in the order of the case. */
static bool before(const struct explain_reason *a, const struct explain_reason *b)
{
    double heavier = fabs(a->weight) - fabs(b->weight);
    if (heavier > 0 || heavier < 0) return heavier > 0;
    if (a->field != b->field) return a->field < b->field;
    return a->start != b->start ? a->start < b->start : a->end < b->end;
}

/* By insertion: there are few, and the C library's sorting takes memory. */
static void sort(struct explain_reason *reasons, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct explain_reason reason = reasons[i];
        size_t at = i;
        for (; at > 0 && before(&reason, &reasons[at - 1]); at--) reasons[at] = reasons[at - 1];
        reasons[at] = reason;
    }
}

/* What both members say of the same span is one reason. */
static void merge(const struct explain_part *part, struct explain_reason *reasons, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        struct explain_reason *reason = &reasons[i];
        if (reason->field != part->field || reason->start != part->start ||
            reason->end != part->end)
            continue;
        reason->weight += part->weight;
        return;
    }
    reasons[(*count)++] =
        (struct explain_reason){part->field, part->start, part->end, part->weight};
}

static void put_reason(const struct explain *explain, const struct explain_reason *reason,
                       struct writer *writer)
{
    struct slice text = explain->text.field[reason->field];
    struct slice shown = {text.data + reason->start, reason->end - reason->start};
    shown = utf8_cut(shown, SHOWN_BYTES);
    writer_format(writer, "{\"field\":\"%s\",\"start\":%zu,\"end\":%zu,\"text\":",
                  case_rows[reason->field].name, reason->start, reason->end);
    json_put(writer, shown);
    writer_format(writer, ",\"weight\":%.9g}", reason->weight);
}

void explain_write(const struct explain *explain, struct writer *writer)
{
    struct explain_reason reasons[EXPLAIN_WORDS + EXPLAIN_PARTS];
    size_t count = explain->words;
    double rest = explain->difference;
    memcpy(reasons, explain->word, count * sizeof *reasons);
    for (size_t i = 0; i < explain->parts; i++) {
        const struct explain_part *part = &explain->part[i];
        if (part->known && fabs(part->weight) > 0) merge(part, reasons, &count);
    }
    sort(reasons, count);
    if (count > EXPLAIN_REASONS) count = EXPLAIN_REASONS;
    writer_text(writer, "\"runner_up\":{\"sbr\":");
    json_put(writer, answer_label(explain->model, explain->runner_up));
    writer_format(writer, ",\"difference\":%.9g},\"reasons\":[", explain->difference);
    for (size_t i = 0; i < count; i++) {
        rest -= reasons[i].weight;
        put_reason(explain, &reasons[i], writer);
        writer_char(writer, ',');
    }
    enum case_field field =
        explain->text.field[CASE_SUBJECT].size > 0 ? CASE_SUBJECT : CASE_DESCRIPTION;
    put_reason(explain, &(struct explain_reason){.field = field, .weight = rest}, writer);
    writer_char(writer, ']');
}

size_t explain_bound(void)
{
    return (EXPLAIN_REASONS + 2) * (ESCAPED * SHOWN_BYTES + AROUND_BYTES) +
           ESCAPED * LABEL_BYTES_MAX;
}
