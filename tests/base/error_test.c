/* error_test.c - the table of errors is sound, sentences are cut, never overrun. */
// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <ctype.h>

#include "fail.h"

static void fills_everything(void **state)
{
    (void)state;
    struct error err;
    memset(&err, 0x55, sizeof err);
    assert_int_equal(error_set(&err, ERR_CSV, 7, "%s: line %d", "a.csv", 7), ERR_CSV);
    assert_int_equal(err.code, ERR_CSV);
    assert_int_equal(err.line, 7);
    assert_string_equal(err.detail, "a.csv: line 7");
}

static void cuts_a_long_sentence(void **state)
{
    (void)state;
    char text[2 * ERROR_DETAIL_MAX];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct error err;
    error_set(&err, ERR_READ, 0, "%s", text);
    assert_int_equal(strlen(err.detail), ERROR_DETAIL_MAX - 1);
    text[ERROR_DETAIL_MAX - 1] = '\0'; /* fits exactly */
    error_set(&err, ERR_READ, 0, "%s", text);
    assert_string_equal(err.detail, text);
}

/* Sentences go into JSON: one that is cut must not end inside a character. */
static void cuts_between_characters(void **state)
{
    (void)state;
    static const char *characters[] = {"\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t c = 0; c < 3; c++) {
        size_t bytes = strlen(characters[c]);
        for (size_t shift = 0; shift < bytes; shift++) {
            char text[2 * ERROR_DETAIL_MAX + 8] = "abc";
            size_t used = shift;
            while (used < (size_t)ERROR_DETAIL_MAX + 8) {
                memcpy(text + used, characters[c], bytes);
                used += bytes;
            }
            text[used] = '\0';
            struct error err;
            error_set(&err, ERR_READ, 0, "%s", text);
            size_t size = strlen(err.detail);
            assert_int_equal((size - shift) % bytes, 0);
            assert_true(size + bytes > ERROR_DETAIL_MAX - 1);
            assert_memory_equal(err.detail, text, size);
        }
    }
}

static void rows_are_sound(void **state)
{
    (void)state;
    assert_string_equal(error_row(ERR_NONE)->code, "NONE");
    assert_int_equal(error_row(ERR_NONE)->exit_status, 0);
    for (enum error_code code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        const struct error_row *row = error_row(code);
        assert_in_range(row->exit_status, 64, 78); /* sysexits(3) */
        assert_in_range(row->http_status, 400, 599);
        assert_true(isupper((unsigned char)row->title[0]));
        assert_true(strlen(row->hint) > 0);
        for (const char *c = row->type; *c != '\0'; c++)
            assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '-');
        for (enum error_code other = ERR_NONE; other < code; other++)
            assert_string_not_equal(row->code, error_row(other)->code);
    }
    assert_string_equal(error_row(ERR_CSV)->code, "CSV");
    assert_string_equal(error_row(ERR_CSV)->type, "invalid-csv");
    assert_int_equal(error_row(ERR_QUEUE_FULL)->http_status, 429);
}

static void knows_no_other_code(void **state)
{
    (void)state;
    struct error err;
    assert_aborts(error_row(ERR_COUNT));
    assert_aborts(error_set(&err, ERR_NONE, 0, "fine"));
    assert_aborts(error_set(&err, ERR_COUNT, 0, "beyond"));
    assert_aborts(error_set(NULL, ERR_CSV, 0, "nowhere"));
}

static enum error_code hands_on(enum error_code code, int *reached)
{
    TRY(code);
    *reached = 1;
    return ERR_NONE;
}

static void try_returns_at_once(void **state)
{
    (void)state;
    int reached = 0;
    assert_int_equal(hands_on(ERR_DATA, &reached), ERR_DATA);
    assert_int_equal(reached, 0);
    assert_int_equal(hands_on(ERR_NONE, &reached), ERR_NONE);
    assert_int_equal(reached, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_everything),        cmocka_unit_test(cuts_a_long_sentence),
        cmocka_unit_test(cuts_between_characters), cmocka_unit_test(rows_are_sound),
        cmocka_unit_test(knows_no_other_code),     cmocka_unit_test(try_returns_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
