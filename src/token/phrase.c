/* phrase.c - spans are weighed in groups that touch, longest first.
 *
 * spaCy sorts all spans of a text by length, then by place, accepts one whose
 * first and last token are free, and marks its tokens even when it does not.
 * Spans that share no token do not influence each other, so the same order
 * within each group of overlapping ones gives the same result without a list:
 * the lengths found at a token, whether it is marked, and the length accepted
 * there are bits of one 16-bit mark.
 *
 * The tokens of a span are compared without what stands between them, but the
 * span is replaced only if its text with the blanks is an exception: `: )` can
 * block another span and stays as it is.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/phrase.h"

#include <string.h>

#include "token/split.h"
#include "token/tables.h"

enum {
    MARKED = 1,          /* bits 2 to 11: a span of so many tokens begins here */
    ACCEPTED_SHIFT = 12, /* above: how many tokens the accepted one has */
    LENGTHS = ((1 << (TABLES_PHRASE_TOKENS_MAX + 1)) - 1) & ~3,
};

_Static_assert((int)TABLES_PHRASE_TOKENS_MAX < (int)ACCEPTED_SHIFT,
               "a length is a bit below the shift");

/* The lengths of the spans that begin at token i, as bits. */
static inline uint16_t spans_at(const struct split *split, const char *base, size_t i)
{
    const struct token *token = &split->tokens[i];
    if (i + 1 == split->count || !tables_phrase_begins(base[token->at], base[token[1].at]))
        return 0; /* by far the most */
    char text[TABLES_EXCEPTION_BYTES_MAX + 1];
    size_t size = 0, size_max = tables_exception_longest(base[token->at]);
    uint32_t starts = 0;
    uint16_t lengths = 0;
    for (size_t n = 1; n <= TABLES_PHRASE_TOKENS_MAX && i + n <= split->count; n++, token++) {
        if (token->size > size_max - size) break;
        memcpy(text + size, base + token->at, token->size);
        starts |= 1u << size;
        size += token->size;
        if (n == 1) continue;
        const struct exception *row = tables_exception(split->rule_set, text, size);
        if (row != NULL && row->phrase == starts) lengths |= (uint16_t)(1u << n);
    }
    return lengths;
}

/* Decides the spans of the tokens [begin, end), which no span crosses. */
static void weigh(uint16_t *marks, size_t begin, size_t end)
{
    unsigned lengths = 0;
    for (size_t i = begin; i < end; i++) lengths |= marks[i];
    for (unsigned n = TABLES_PHRASE_TOKENS_MAX; n >= 2; n--) {
        if ((lengths >> n & 1) == 0) continue;
        for (size_t i = begin; i + n <= end; i++) {
            if ((marks[i] >> n & 1) == 0) continue;
            if (((marks[i] | marks[i + n - 1]) & MARKED) == 0)
                marks[i] |= (uint16_t)(n << ACCEPTED_SHIFT);
            for (size_t k = i; k < i + n; k++) marks[k] |= MARKED;
        }
    }
}

/* The exception that replaces the tokens from i on, NULL if none does. */
static const struct exception *replacement(const struct split *split, const char *base, size_t i)
{
    unsigned n = split->marks[i] >> ACCEPTED_SHIFT;
    if (n == 0) return NULL;
    const struct token *first = &split->tokens[i], *last = first + n - 1;
    return tables_exception(split->rule_set, base + first->at, last->at + last->size - first->at);
}

static void replace(struct split *split, const char *base, size_t growth)
{
    size_t read = 0, write = 0;
    if (growth > 0) { /* room in front, so that writing never passes reading */
        if (split->count + growth > split->tokens_max) {
            split->count = split->tokens_max - growth;
            split->cut = true;
        }
        memmove(split->tokens + growth, split->tokens, split->count * sizeof *split->tokens);
        memmove(split->marks + growth, split->marks, split->count * sizeof *split->marks);
        read = growth;
        split->count += growth;
    }
    while (read < split->count) {
        unsigned n = split->marks[read] >> ACCEPTED_SHIFT;
        const struct exception *row = NULL;
        if (n > 0 && read + n <= split->count) row = replacement(split, base, read);
        if (row == NULL) {
            split->tokens[write++] = split->tokens[read++];
            continue;
        }
        uint32_t at = split->tokens[read].at;
        read += n;
        for (uint32_t starts = row->starts; starts != 0;) {
            uint32_t begin = (uint32_t)__builtin_ctz(starts);
            starts &= starts - 1;
            uint32_t end = starts != 0 ? (uint32_t)__builtin_ctz(starts) : row->size;
            split->tokens[write++] = (struct token){at + begin, end - begin};
        }
    }
    split->count = write;
}

void phrase_pass(struct split *split, const char *base)
{
    size_t growth = 0;
    bool changes = false;
    uint16_t *marks = split->marks;
    for (size_t i = 0; i < split->count;) {
        marks[i] = spans_at(split, base, i);
        if ((marks[i] & LENGTHS) == 0) {
            i++;
            continue;
        }
        size_t begin = i, end = i + 1; /* the group grows while spans reach on */
        for (; i < end; i++) {
            if (i > begin) marks[i] = spans_at(split, base, i);
            if (marks[i] == 0) continue;
            size_t reach = i + (31u - (unsigned)__builtin_clz(marks[i]));
            if (reach > end) end = reach;
        }
        weigh(marks, begin, end);
        for (size_t k = begin; k < end; k++) {
            const struct exception *row = replacement(split, base, k);
            if (row == NULL) continue;
            changes = true;
            size_t tokens = (size_t)__builtin_popcount(row->starts), n = marks[k] >> ACCEPTED_SHIFT;
            if (tokens > n) growth += tokens - n;
        }
    }
    if (changes) replace(split, base, growth);
}
