/* paragraphs_test.c - lines of several files, long ones, bad ones. */
// SPDX-License-Identifier: Apache-2.0
#include "train/paragraphs.h"

#include "../help.h"
#include "base/limits.h"
#include "train/tiny.h"

static const char *put(const char *name, const char *text)
{
    const char *path = tiny_path(name);
    tiny_put(path, text, strlen(text));
    return path;
}

static void test_lines_of_files(void **state)
{
    (void)state;
    struct error err;
    const char *paths[] = {put("a", "one\n\n  \ntwo words \r\n"), put("empty", ""),
                           put("b", "\xC3\xA9nd without a line end")};
    const char *const wanted[] = {"one", "two words", "\xC3\xA9nd without a line end"};
    struct paragraphs paragraphs;
    paragraphs_begin(&paragraphs, paths, 3);
    for (size_t i = 0; i <= 3; i++) {
        struct slice text;
        bool end = false;
        assert_fine(paragraphs_next(&paragraphs, &text, &end, &err), &err);
        assert_int_equal(end, i == 3);
        if (!end) assert_true(slice_equal(text, slice_of(wanted[i])));
    }
    paragraphs_close(&paragraphs);
}

/* Lines around the size of a read, and one far beyond it. */
static void test_long_lines(void **state)
{
    (void)state;
    struct error err;
    const char *path = tiny_path("long");
    const size_t sizes[] = {65535, 1, 65536, 2, 300000, 65537};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < sizes[i]; k++) fputc('a' + (int)i, file);
        fputc('\n', file);
    }
    fclose(file);
    struct paragraphs paragraphs;
    paragraphs_begin(&paragraphs, &path, 1);
    for (size_t i = 0; i < COUNT; i++) {
        struct slice text;
        bool end = false;
        assert_fine(paragraphs_next(&paragraphs, &text, &end, &err), &err);
        assert_false(end);
        assert_int_equal(text.size, sizes[i]);
        assert_int_equal(text.data[text.size - 1], 'a' + (int)i);
    }
    paragraphs_close(&paragraphs);
}

static void refuses(const char *path, enum error_code code, const char *text)
{
    struct error err;
    struct paragraphs paragraphs;
    enum error_code got = ERR_NONE;
    bool end = false;
    paragraphs_begin(&paragraphs, &path, 1);
    while (got == ERR_NONE && !end) {
        struct slice line;
        got = paragraphs_next(&paragraphs, &line, &end, &err);
    }
    assert_fails(got, code, text, &err);
    paragraphs_close(&paragraphs);
}

static void test_bad_lines(void **state)
{
    (void)state;
    refuses(put("latin", "fine\nca\xE9\n"), ERR_UTF8, "line 2: byte 3");
    refuses(put("wide", "\xFF\xFE"
                        "a"),
            ERR_FORM, "wide: this is UTF-16; iconv");
    refuses("/no/such/file", ERR_NO_INPUT, "/no/such/file");
    char *line = malloc(TEXT_BYTES_MAX + 100000);
    assert_non_null(line);
    memset(line, 'x', TEXT_BYTES_MAX + 100000);
    const char *path = tiny_path("endless");
    tiny_put(path, line, TEXT_BYTES_MAX + 100000);
    free(line);
    refuses(path, ERR_TEXT_LONG, "line 1 is longer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_files),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_bad_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
