/* token.c - one function for one text, the same for a request and for a file.
 *
 * The two buffers that the text rules need are used again: the splitter marks
 * suffixes in the one that does not hold the clean text, and the few tokens of
 * mixed white space, in which fastai's post rule shows blanks as U+2581, are
 * rewritten behind the clean text in the other. Of the bound of four bytes for
 * one, white space takes at most three: itself, and three for each blank of it.
 */
// SPDX-License-Identifier: Apache-2.0
#include "token/token.h"

#include <string.h>

#include "base/check.h"
#include "text/clean.h"
#include "token/tables.h"

bool token_profile_of(struct slice name, enum token_profile *out_profile)
{
    if (slice_equal(name, SLICE("spacy3")))
        *out_profile = TOKEN_SPACY3;
    else if (slice_equal(name, SLICE("spacy2")))
        *out_profile = TOKEN_SPACY2;
    else
        return false;
    return true;
}

const char *token_profile_name(enum token_profile profile)
{
    return profile == TOKEN_SPACY2 ? "spacy2" : "spacy3";
}

/* Languages known to be other than English: German has rules of its own, some
 * write no blanks, and the rest take what fits every language. */
static const struct language {
    const char *codes;
    unsigned rule_set;
    bool words;
} LANGUAGES[] = {
    {"de ", RULES_GERMAN_3, false},
    {"zh ja th lo km my bo yue ", RULES_NEUTRAL_3, true},
    {"af am ar az be bg bn bs ca cs cy da dsb el eo es et eu fa fi fo fr fy ga gd gl grc gu ha he "
     "hi hr hsb ht hu hy id is it ka kk kn ko ku ky la lb lg lij lt lv mk ml mn mr ms mt nb ne nl "
     "nn no pa pl ps pt ro ru sa sk sl so sq sr sv sw ta te ti tl tn tr tt uk ur uz vi yo zu xx ",
     RULES_NEUTRAL_3, false},
};

/* Whether code stands in a list of codes, each with a blank behind it. */
static bool listed(const char *codes, struct slice code)
{
    for (const char *at = codes; *at != '\0'; at = strchr(at, ' ') + 1) {
        struct slice one = {at, (size_t)(strchr(at, ' ') - at)};
        if (slice_equal_nocase(one, code)) return true;
    }
    return false;
}

struct token_way token_way_of(struct slice language, enum token_profile profile)
{
    struct token_way way = {.rule_set = RULES_ENGLISH_3};
    struct slice code = slice_trim(language);
    for (size_t i = 0; i < code.size; i++)
        if (code.data[i] == '-' || code.data[i] == '_') code.size = i; /* pt-BR */
    for (size_t i = 0; code.size > 0 && i < sizeof LANGUAGES / sizeof *LANGUAGES; i++) {
        if (!listed(LANGUAGES[i].codes, code)) continue;
        way.rule_set = LANGUAGES[i].rule_set;
        way.words = LANGUAGES[i].words;
    }
    if (profile == TOKEN_SPACY2) way.rule_set += RULES_ENGLISH_2 - RULES_ENGLISH_3;
    return way;
}

void token_lay(struct token_scratch *scratch, size_t text_max, size_t tokens_max,
               struct arena *arena)
{
    *scratch = (struct token_scratch){.text_max = text_max, .buffer_size = CLEAN_BOUND(text_max)};
    scratch->tokens_max = tokens_max + TOKEN_MARGIN;
    for (int i = 0; i < 2; i++) scratch->buffers[i] = arena_take(arena, scratch->buffer_size, 1);
    scratch->tokens = arena_take(arena, scratch->tokens_max, sizeof *scratch->tokens);
    scratch->marks = arena_take(arena, scratch->tokens_max, sizeof *scratch->marks);
}

size_t token_count_bound(size_t text_bytes)
{
    /* The most is four for three bytes: `/A!` becomes `/`, `xxup`, `a`, `!`. */
    return 2 * text_bytes + 16;
}

/* Shows the blanks inside tokens, which only tokens of white space have. */
static void show_blanks(struct split *split, struct slice text, size_t room)
{
    static const char SHOWN[] = "\xE2\x96\x81";
    char *start = (char *)(size_t)text.data; /* the buffer is ours */
    char *out = start + text.size, *end = out + room;
    for (size_t i = 0; i < split->count; i++) {
        struct token *token = &split->tokens[i];
        const char *at = start + token->at, *behind = at + token->size;
        if (chars_space(at, behind) == 0 || memchr(at, ' ', token->size) == NULL) continue;
        char *first = out;
        for (; at < behind; at++) {
            size_t size = *at == ' ' ? sizeof SHOWN - 1 : 1;
            check((size_t)(end - out) >= size);
            memcpy(out, *at == ' ' ? SHOWN : at, size);
            out += size;
        }
        *token = (struct token){(uint32_t)(first - start), (uint32_t)(out - first)};
    }
}

void token_one(const struct token_way *way, struct slice text, struct token_scratch *scratch,
               struct token_list *out)
{
    check(text.size <= scratch->text_max);
    struct split split = {
        .rule_set = way->rule_set,
        .words = way->words,
        .tokens = scratch->tokens,
        .marks = scratch->marks,
        .tokens_max = scratch->tokens_max,
        .starts = scratch->buffers[0],
    };
    if (!way->no_rules) {
        struct clean clean = {
            .buffers = {scratch->buffers[0], scratch->buffers[1]},
            .size = scratch->buffer_size,
        };
        unsigned buffer;
        text = clean_text(&clean, text, &buffer);
        check(!clean.cut);
        split.starts = scratch->buffers[buffer ^ 1];
    }
    split_text(&split, text);
    if (!way->no_rules && !way->no_post && split.blanks)
        show_blanks(&split, text, scratch->buffer_size - text.size);
    *out = (struct token_list){text.data, split.tokens, split.count, split.cut};
}
