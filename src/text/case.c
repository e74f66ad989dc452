/* case.c - one table of fields, and what makes a case one that can be answered. */
// SPDX-License-Identifier: Apache-2.0
#include "text/case.h"

#include <string.h>

#include "base/limits.h"
#include "text/utf8.h"

const struct case_row case_rows[CASE_FIELDS] = {
#define FIELD(constant, name, linear, rank, description, example)                                  \
    [CASE_##constant] = {#name, CASE_LINEAR_##linear, rank, description, example},
#include "text/case.def"
#undef FIELD
};

size_t case_bytes(const struct case_text *text)
{
    size_t bytes = 0;
    for (enum case_field f = 0; f < CASE_FIELDS; f++) bytes += text->field[f].size;
    return bytes;
}

void case_copy(struct case_text *out_text, const struct case_text *text, char *bytes)
{
    for (enum case_field f = 0; f < CASE_FIELDS; f++) {
        struct slice field = text->field[f];
        if (field.size > 0) memcpy(bytes, field.data, field.size);
        out_text->field[f] = (struct slice){bytes, field.size};
        bytes += field.size;
    }
}

enum case_field case_find(struct slice name)
{
    for (enum case_field f = 0; f < CASE_FIELDS; f++)
        if (slice_equal(name, slice_of(case_rows[f].name))) return f;
    return CASE_FIELDS;
}

enum error_code case_check_utf8(struct slice text, const char *what, size_t line, struct error *err)
{
    size_t bad;
    if (utf8_valid(text, &bad)) return ERR_NONE;
    return error_set(err, ERR_UTF8, line, "%s: byte %zu (0x%02X) is not UTF-8", what, bad + 1,
                     (unsigned char)text.data[bad]);
}

enum error_code case_check(const struct case_text *text, size_t line, struct error *err)
{
    if (text->field[CASE_SUBJECT].size == 0 && text->field[CASE_DESCRIPTION].size == 0)
        return error_set(err, ERR_EMPTY_CASE, line, "subject and description are both empty");
    size_t code_points = 0;
    for (enum case_field f = 0; f < CASE_FIELDS; f++) {
        TRY(case_check_utf8(text->field[f], case_rows[f].name, line, err));
        code_points += utf8_count(text->field[f]);
        if (code_points > TEXT_CODE_POINTS_MAX)
            return error_set(err, ERR_TEXT_LONG, line,
                             "%s makes the case longer than %d code points", case_rows[f].name,
                             TEXT_CODE_POINTS_MAX);
    }
    return ERR_NONE;
}
