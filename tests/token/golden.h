/* golden.h - golden lines of tokens: {"text", "pre", "spacy", "fastai"} a line. */
// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_TOKEN_GOLDEN_H
#define TESTS_TOKEN_GOLDEN_H

#include <jansson.h>

#include "help.h"
#include "token/token.h"

static inline struct slice golden_string(const json_t *line, const char *key)
{
    const json_t *value = json_object_get(line, key);
    assert_non_null(value);
    return (struct slice){json_string_value(value), json_string_length(value)};
}

/* A scratch for texts of size bytes. */
static inline void golden_scratch(struct token_scratch *scratch, struct arena *arena, size_t size)
{
    struct error err;
    struct arena count = arena_measure();
    size_t tokens = token_count_bound(size);
    token_lay(scratch, size, tokens, &count);
    assert_fine(arena_open(arena, count.used, &err), &err);
    token_lay(scratch, size, tokens, arena);
}

/* Whether a list equals a JSON array of strings; the first difference is told. */
static inline int golden_differs(const struct token_list *list, const json_t *tokens,
                                 const char *what)
{
    size_t wanted = json_array_size(tokens);
    for (size_t i = 0; i < list->count || i < wanted; i++) {
        struct slice got = i < list->count ? token_slice(list, i) : SLICE("(end)");
        const json_t *value = json_array_get(tokens, i);
        struct slice want = SLICE("(end)");
        if (value != NULL)
            want = (struct slice){json_string_value(value), json_string_length(value)};
        if (i < list->count && i < wanted && slice_equal(got, want)) continue;
        printf("%s: token %zu is '%.*s', not '%.*s'\n", what, i, (int)got.size, got.data,
               (int)want.size, want.data);
        return 1;
    }
    return 0;
}

#endif
