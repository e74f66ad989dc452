/* json_fuzz.c - any bytes as a case in JSON; what is taken can be written and taken again, and
 * what is read where it lies is the same case, or at fault in the same words. */
// SPDX-License-Identifier: Apache-2.0
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "text/flat.h"
#include "text/json.h"
#include "text/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take_again(const struct json_case *json, size_t size)
{
    size_t room = 6 * size + 512; /* a byte is at most \u00XX */
    char *text = malloc(room);
    check(text != NULL);
    struct writer writer = writer_of(text, room);
    for (enum case_field f = 0; f < CASE_FIELDS; f++) {
        check(utf8_valid(json->text.field[f], NULL));
        writer_format(&writer, "%c\"%s\":", f == 0 ? '{' : ',', case_rows[f].name);
        json_put(&writer, json->text.field[f]);
    }
    writer_char(&writer, '}');
    check(!writer.cut);
    struct error err;
    struct json_case again;
    check(json_case_open(&again, writer_slice(&writer), &err) == ERR_NONE);
    for (enum case_field f = 0; f < CASE_FIELDS; f++)
        check(slice_equal(json->text.field[f], again.text.field[f]));
    json_case_close(&again);
    free(text);
}

/* json: NULL where it was refused, and told says why. */
static void read_flat(struct slice bytes, const struct json_case *json, const struct error *told)
{
    struct case_text text;
    struct error err = {0};
    if (!flat_case(&text, bytes)) return;
    enum error_code code = case_check(&text, 0, &err);
    check((code == ERR_NONE) == (json != NULL));
    if (json == NULL) {
        check(code == told->code && err.line == told->line);
        check(slice_equal(slice_of(err.detail), slice_of(told->detail)));
    } else {
        for (enum case_field f = 0; f < CASE_FIELDS; f++)
            check(slice_equal(text.field[f], json->text.field[f]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = {(const char *)data, size};
    struct error err = {0};
    struct json_case json;
    enum error_code code = json_case_open(&json, bytes, &err);
    read_flat(bytes, code == ERR_NONE ? &json : NULL, &err);
    if (code == ERR_NONE) {
        take_again(&json, size);
        json_case_close(&json);
    } else {
        check(err.code == code && err.detail[0] != '\0' && code != ERR_MEMORY);
        check(utf8_valid(slice_of(err.detail), NULL)); /* it is sent back in JSON */
    }
    json_t *root;
    bool unfinished = true;
    if (json_parse(&root, bytes, &unfinished, &err) == ERR_NONE) {
        check(!unfinished);
        json_decref(root);
    }
    return 0;
}
