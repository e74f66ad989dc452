/* json.h - a case from a JSON object.
 *
 * In      one JSON object; a field that is absent or null is the empty string,
 *         any other type is an error that names the field; unknown members are
 *         ignored, repeated keys refused; at most JSON_DEPTH_MAX levels
 * Out     slices into memory of the object, which lives until json_case_close
 * Errors  with line and column
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_JSON_H
#define TEXT_JSON_H

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/writer.h"
#include "text/names.h"

/* From now on JSON that this thread reads is laid out here, and its heap is left alone: what
 * does not fit is ERR_BODY_LONG. All of it must be given back before the next call; NULL, 0
 * ends it. The memory is aligned as malloc's. */
void json_room(void *memory, size_t size);

/* JSON's white space, which is less than C's. */
static inline bool json_is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

struct json_case {
    json_t *root;
    struct case_text text;
};

/* Any JSON value under our bounds. *out_unfinished, if not NULL, tells on failure
 * whether the text merely stops too early. */
MUST_CHECK enum error_code json_parse(json_t **out_root, struct slice bytes, bool *out_unfinished,
                                      struct error *err);

/* The case in a value that somebody else owns; names of its members, NULL: their own. */
MUST_CHECK enum error_code json_case_of(struct case_text *out_text, struct slice *out_label,
                                        const json_t *value, const struct names *names,
                                        struct error *err);

MUST_CHECK enum error_code json_case_open(struct json_case *out_case, struct slice bytes,
                                          struct error *err);
void json_case_close(struct json_case *json);

/* Writes text as a JSON string, quotes included; text is UTF-8. It is never longer than in the
 * JSON that it was read from. */
void json_put(struct writer *writer, struct slice text);

#endif
