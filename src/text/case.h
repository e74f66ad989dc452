/* case.h - a support case: eight strings, from the rows of case.def.
 *
 * In      slices that somebody else owns (a CSV row, a JSON object, a request)
 * Bound   all fields together at most TEXT_CODE_POINTS_MAX code points
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_CASE_H
#define TEXT_CASE_H

#include "base/error.h"
#include "base/slice.h"

enum case_field {
#define FIELD(constant, name, linear, rank, description, example) CASE_##constant,
#include "text/case.def"
#undef FIELD
    CASE_FIELDS
};

enum case_linear { CASE_LINEAR_NONE, CASE_LINEAR_TEXT, CASE_LINEAR_VALUE };

struct case_row {
    const char *name;
    enum case_linear linear;
    int rank;
    const char *description;
    const char *example;
};

extern const struct case_row case_rows[CASE_FIELDS];

/* The column, and the JSON key, of the label. */
#define CASE_LABEL "sbr"

struct case_text {
    struct slice field[CASE_FIELDS];
};

/* Bytes of all fields together. */
size_t case_bytes(const struct case_text *text);
/* Copies them to bytes, one field behind the other; *out_text, which may be text itself, is the
 * copy. */
void case_copy(struct case_text *out_text, const struct case_text *text, char *bytes);

/* The field of this name, or CASE_FIELDS. */
enum case_field case_find(struct slice name);

/* Refuses a case without a subject and a description, one that is too long, and
 * one that is not UTF-8; names the field. U+0000 is a character like others. */
MUST_CHECK enum error_code case_check(const struct case_text *text, size_t line, struct error *err);

/* The same for one string, which may hold U+0000. */
MUST_CHECK enum error_code case_check_utf8(struct slice text, const char *what, size_t line,
                                           struct error *err);

#endif
