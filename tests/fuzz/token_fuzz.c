/* token_fuzz.c - any bytes through the text rules and the splitter, in every way.
 *
 * The first byte chooses the rule set and whether the rules and word boundaries
 * are used; bytes that are no UTF-8 become U+FFFD. What must hold: buffers of
 * the stated bound suffice; clean text is UTF-8; tokens lie in order, and between
 * two of them is nothing or one blank; fewer places give the first of the same
 * tokens.
 */
// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "text/clean.h"
#include "text/utf8.h"
#include "token/tables.h"
#include "token/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4096 };

static char text[3 * INPUT_MAX];

static struct slice to_utf8(const uint8_t *data, size_t size)
{
    size_t used = 0, bad;
    struct slice rest = {(const char *)data, size};
    while (!utf8_valid(rest, &bad)) {
        memcpy(text + used, rest.data, bad);
        memcpy(text + used + bad, "\xEF\xBF\xBD", 3);
        used += bad + 3;
        rest = slice_from(rest, bad + 1);
    }
    memcpy(text + used, rest.data, rest.size);
    return (struct slice){text, used + rest.size};
}

static struct token_scratch scratch_of(struct arena *arena, size_t text_max, size_t tokens)
{
    struct token_scratch scratch;
    struct arena count = arena_measure();
    struct error err;
    token_lay(&scratch, text_max, tokens, &count);
    check(arena_open(arena, count.used, &err) == ERR_NONE);
    token_lay(&scratch, text_max, tokens, arena);
    return scratch;
}

/* Text rules in buffers that are too small: nothing breaks, and what is there is UTF-8. */
static void clean_small(struct slice input, unsigned seed)
{
    struct clean clean = {.size = 64 + (seed * 7) % 256};
    for (int i = 0; i < 2; i++) check((clean.buffers[i] = malloc(clean.size)) != NULL);
    unsigned buffer;
    struct slice out = clean_text(&clean, input, &buffer);
    check(out.size <= clean.size);
    check(utf8_valid(out, NULL));
    check(out.size == 0 || out.data == clean.buffers[buffer]);
    for (int i = 0; i < 2; i++) free(clean.buffers[i]);
}

static void check_tokens(const struct token_list *list, bool raw)
{
    size_t end = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct token token = list->tokens[i];
        check(token.size > 0);
        check(utf8_valid(token_slice(list, i), NULL));
        if (!raw && memmem(list->text + token.at, token.size, "\xE2\x96\x81", 3) != NULL)
            continue; /* may lie behind the text */
        check(token.at >= end);
        if (raw) check(token.at == end || (token.at == end + 1 && list->text[end] == ' '));
        end = token.at + token.size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > INPUT_MAX) return 0;
    unsigned seed = data[0];
    struct slice input = to_utf8(data + 1, size - 1);
    clean_small(input, seed);
    struct token_way way = {
        .rule_set = seed % TABLES_RULE_SETS,
        .words = (seed & 0xC0) == 0x40,
        .no_rules = (seed & 0x20) != 0,
    };
    struct arena arena, small_arena;
    struct token_scratch scratch = scratch_of(&arena, input.size, token_count_bound(input.size));
    struct token_list list, part;
    token_one(&way, input, &scratch, &list);
    check(!list.cut);
    check_tokens(&list, way.no_rules);
    size_t fewer = list.count * (seed % 16) / 16;
    struct token_scratch small = scratch_of(&small_arena, input.size, fewer);
    token_one(&way, input, &small, &part);
    check(part.cut ? part.count <= fewer : part.count == list.count);
    for (size_t i = 0; i < part.count; i++)
        check(slice_equal(token_slice(&list, i), token_slice(&part, i)));
    arena_close(&arena);
    arena_close(&small_arena);
    return 0;
}
