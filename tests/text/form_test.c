/* form_test.c - what is no text is told as what it is; text never is. */
// SPDX-License-Identifier: Apache-2.0
#include "text/form.h"

#include "help.h"

static void what_is_no_text_is_named(void **state)
{
    (void)state;
    static const struct {
        struct slice begin;
        const char *why;
    } rows[] = {
        {{"\xFF\xFEs\0u\0", 6}, "f: this is UTF-16; iconv -f UTF-16 -t UTF-8"},
        {{"\xFE\xFF\0s\0u", 6}, "f: this is UTF-16"},
        {{"PK\3\4\24\0", 6}, "save the sheet as CSV in UTF-8"},
        {{"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8}, "f: this is a spreadsheet"},
        {{"\x1F\x8B\x08", 3}, "gunzip -c"},
        {{"\x28\xB5\x2F\xFD", 4}, "zstd -dc"},
        {{"\xFD\x37zXZ\0", 6}, "xz -dc"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err;
        assert_fails(form_check(rows[i].begin, "f", &err), ERR_FORM, rows[i].why, &err);
    }
}

static void text_is_let_through(void **state)
{
    (void)state;
    static const struct slice rows[] = {
        {"", 0},
        {"\xFF", 1},
        {"\x1F", 1},
        {"PK\3", 3},
        {"PK,subject\n", 11},
        {"\xEF\xBB\xBFsubject", 10},
        {"\"a\"", 3},
        {"{\"subject\":1}", 13},
        {"\xD0\x9F\xD1\x80", 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err;
        assert_fine(form_check(rows[i], "f", &err), &err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_text_is_named),
        cmocka_unit_test(text_is_let_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
