/* explain.h - why this SBR and not the next best one: a weight for each word.
 *
 *   difference = score of the answer - score of the runner-up     (pooled: blend.h)
 *              = sum of the weights of all reasons
 *
 * The linear member's share is exact: what each n-gram adds is told of the words it
 * stands in. ULMFiT's is what the difference loses when words are left out, first whole
 * fields, then always smaller parts of what mattered most, for as long as the caller
 * lets it. What no listed reason tells (the bias, lesser words, what words do only
 * together) is the last reason, whose text is empty.
 *
 *   explain_open, then as often as texts are asked for: explain_ask, explain_take for
 *   each of them; at any time explain_write
 *
 * In      an answer whose scores are still there, its case, the context that gave it
 * Out     up to EXPLAIN_REASONS reasons and the rest, in JSON
 * Bound   EXPLAIN_ROUNDS_MAX rounds of EXPLAIN_ROUND texts; explain_bound bytes
 * Memory  the caller's; texts lie in a room of explain_room bytes
 * Threads one at a time
 * Source  occlusion (Zeiler and Fergus 2014), refined from coarse to fine
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef ANSWER_EXPLAIN_H
#define ANSWER_EXPLAIN_H

#include "answer/answer.h"
#include "base/writer.h"

enum {
    EXPLAIN_REASONS = 32,
    EXPLAIN_ROUND = 16,
    EXPLAIN_ROUNDS_MAX = 6,
    EXPLAIN_WORD_BYTES = 64, /* a longer run without a blank is several words */
};

struct explain_reason {
    enum case_field field;
    size_t start, end; /* bytes of the field */
    double weight;     /* positive: for the answer */
};

/* Words that ULMFiT was, or was not yet, asked about as one. */
struct explain_part {
    enum case_field field;
    size_t start, end, words;
    double weight;
    bool known;
};

enum {
    EXPLAIN_WORDS = 2 * EXPLAIN_REASONS, /* of the linear member */
    /* Each round takes up to EXPLAIN_FAN parts for each that it splits. */
    EXPLAIN_FAN = 4,
    EXPLAIN_PARTS = CASE_FIELDS + EXPLAIN_ROUNDS_MAX * EXPLAIN_ROUND,
};

struct explain {
    const struct answer_model *model;
    struct case_text text; /* the caller's */
    uint32_t best, runner_up;
    double difference; /* of pooled scores */
    double read;       /* of ULMFiT's, with all words */
    struct explain_reason word[EXPLAIN_WORDS];
    size_t words;
    struct explain_part part[EXPLAIN_PARTS];
    size_t parts;
    size_t asked[EXPLAIN_ROUND]; /* parts of the round under way */
    size_t asked_count, rounds;
    struct explain_part whole[EXPLAIN_ROUND / EXPLAIN_FAN]; /* what it split, and where they were */
    size_t whole_at[EXPLAIN_ROUND / EXPLAIN_FAN], wholes;
    char *room;
};

/* Bytes of room for this case; 0 where ULMFiT has no say. */
size_t explain_room(const struct answer_model *model, const struct case_text *text);

/* The same for the longest of cases. */
size_t explain_room_max(const struct answer_model *model);

/* The linear member's share. The context is that of the answer, and free for it. */
void explain_open(struct explain *out_explain, struct answer_context *context,
                  const struct case_text *text, const struct answer *answer, char *room);

/* The next cases to be answered; 0: there is no more to ask. They live until the next call. */
size_t explain_ask(struct explain *explain, struct case_text out_texts[EXPLAIN_ROUND]);

/* The answer to the number'th of them; NULL where none came in time. */
void explain_take(struct explain *explain, size_t number, const struct answer *answer);

/* None of them will be answered: what is known stays as it was before they were asked for. */
void explain_withdraw(struct explain *explain);

/* Asks and takes by itself, over this context, for about so many seconds. */
void explain_run(struct explain *explain, struct answer_context *context, double seconds);

/* `"runner_up":{...},"reasons":[...]`: members without the braces around them. */
void explain_write(const struct explain *explain, struct writer *writer);

/* Bytes that explain_write does not exceed. */
size_t explain_bound(void);

#endif
