/* reader.c - join, tokens, ids; what the incident did with worker processes for a single case. */
// SPDX-License-Identifier: Apache-2.0
#include "answer/reader.h"

#include <string.h>

#include "base/writer.h"
#include "text/clean.h"

enum error_code reader_fields(enum case_field out_fields[CASE_FIELDS], size_t *out_count,
                              struct slice list, struct error *err)
{
    bool seen[CASE_FIELDS] = {false};
    size_t count = 0;
    for (struct slice rest = list;;) {
        const char *comma = rest.size == 0 ? NULL : memchr(rest.data, ',', rest.size);
        struct slice name = {rest.data, comma == NULL ? rest.size : (size_t)(comma - rest.data)};
        enum case_field field = case_find(name);
        if (field == CASE_FIELDS)
            return error_set(err, ERR_USAGE, 0, "there is no field '%.*s'", (int)name.size,
                             name.data);
        if (seen[field])
            return error_set(err, ERR_USAGE, 0, "the field '%.*s' is named twice", (int)name.size,
                             name.data);
        seen[field] = true;
        out_fields[count++] = field;
        if (comma == NULL) break;
        rest = slice_from(rest, name.size + 1);
    }
    *out_count = count;
    return ERR_NONE;
}

enum error_code reader_open(struct reader *out_reader, const struct bundle *bundle,
                            struct error *err)
{
    struct reader reader = {0};
    enum token_profile profile;
    struct error detail;
    if (reader_fields(reader.field, &reader.fields, slice_of(bundle_meta(bundle, "fields")),
                      &detail) != ERR_NONE)
        return error_set(err, ERR_MODEL, 0, "the model's metadata: %.200s", detail.detail);
    const char *tokenizer = bundle_meta(bundle, "tokenizer");
    if (!token_profile_of(slice_of(tokenizer), &profile))
        return error_set(err, ERR_MODEL, 0, "the model's tokenizer '%.40s' is not known",
                         tokenizer);
    reader.way = token_way_of(slice_of(bundle_meta(bundle, "language")), profile);
    reader.way.no_post = strcmp(bundle_meta(bundle, "post_rule"), "no") == 0;
    size_t bytes;
    const char *image;
    TRY(bundle_extent(bundle, "vocab.image", 0, &bytes, err));
    TRY(bundle_tensor(bundle, "vocab.image", SAFETENSORS_U8, bytes, 0, &image, err));
    TRY(vocab_open(&reader.vocab, (struct slice){image, bytes}, err));
    *out_reader = reader;
    return ERR_NONE;
}

void reader_lay(struct reader_scratch *scratch, struct arena *arena)
{
    scratch->text = arena_take(arena, READER_TEXT_MAX, 1);
    token_lay(&scratch->tokens, READER_TEXT_MAX, READER_TOKENS_MAX, arena);
}

/* A cut may have left the first bytes of a character at the end. */
static struct slice whole_characters(struct slice text)
{
    size_t size = text.size;
    while (size > 0 && text.size - size < 4 && (text.data[size - 1] & 0xC0) == 0x80) size--;
    return (struct slice){text.data, size > 0 && (text.data[size - 1] & 0x80) ? size - 1 : size};
}

struct slice reader_join(const struct reader *reader, const struct case_text *text, char *buffer,
                         bool *out_cut)
{
    struct slice fields[CASE_FIELDS];
    for (size_t i = 0; i < reader->fields; i++) fields[i] = text->field[reader->field[i]];
    struct writer joined = writer_of(buffer, READER_TEXT_MAX);
    clean_join(&joined, fields, reader->fields);
    *out_cut = joined.cut;
    return joined.cut ? whole_characters(writer_slice(&joined)) : writer_slice(&joined);
}

void reader_read(const struct reader *reader, struct reader_scratch *scratch,
                 const struct case_text *text, uint32_t *out_ids, struct reader_ids *out)
{
    bool cut, cut_ids;
    struct slice whole = reader_join(reader, text, scratch->text, &cut);
    struct token_list tokens;
    token_one(&reader->way, whole, &scratch->tokens, &tokens);
    size_t count = vocab_ids(&reader->vocab, &tokens, out_ids, READER_TOKENS_MAX, &cut_ids);
    *out = (struct reader_ids){.count = count, .truncated = cut || tokens.cut || cut_ids};
    for (size_t i = 0; i < out->count; i++) out->unknown += out_ids[i] == 0;
}
