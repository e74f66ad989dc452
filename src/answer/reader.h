/* reader.h - a case as ULMFiT reads it: its fields joined, cut into tokens, numbered.
 *
 * In      a checked case
 * Out     ids in the caller's buffer, at most READER_TOKENS_MAX; `truncated` tells
 *         that there was more
 * Bound   the first READER_TEXT_MAX bytes of the joined text
 * Memory  the scratch, laid out once; the vocabulary stays in the mapped model
 * Threads any number, each with its own scratch
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef ANSWER_READER_H
#define ANSWER_READER_H

#include "base/arena.h"
#include "model/bundle.h"
#include "text/case.h"
#include "token/token.h"
#include "vocab/vocab.h"

enum {
    READER_TOKENS_MAX = 4096,
    /* 64 bytes for every token that is read; English has six. */
    READER_TEXT_MAX = 64 * READER_TOKENS_MAX,
};

struct reader {
    enum case_field field[CASE_FIELDS];
    size_t fields;
    struct token_way way;
    struct vocab vocab;
};

struct reader_scratch {
    char *text; /* [READER_TEXT_MAX] */
    struct token_scratch tokens;
};

struct reader_ids {
    size_t count;
    size_t unknown; /* of them, words the vocabulary lacks */
    bool truncated;
};

/* From the tensor "vocab.image" and the metadata fields, language, tokenizer, post_rule. */
MUST_CHECK enum error_code reader_open(struct reader *out_reader, const struct bundle *bundle,
                                       struct error *err);
void reader_lay(struct reader_scratch *scratch, struct arena *arena);

/* out_ids [READER_TOKENS_MAX] */
void reader_read(const struct reader *reader, struct reader_scratch *scratch,
                 const struct case_text *text, uint32_t *out_ids, struct reader_ids *out);

/* The fields of a case as one text, in buffer [READER_TEXT_MAX]. */
struct slice reader_join(const struct reader *reader, const struct case_text *text, char *buffer,
                         bool *out_cut);

/* "subject,description" into fields, each once; ERR_USAGE names the one that is none. */
MUST_CHECK enum error_code reader_fields(enum case_field out_fields[CASE_FIELDS], size_t *out_count,
                                         struct slice list, struct error *err);

#endif
