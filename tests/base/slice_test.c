/* slice_test.c - comparing and cutting, with NULs and nothing at all. */
// SPDX-License-Identifier: Apache-2.0
#include "base/slice.h"

#include "fail.h"

static const struct slice nothing = {NULL, 0};

static void compares(void **state)
{
    (void)state;
    assert_true(slice_equal(SLICE("abc"), slice_of("abc")));
    assert_false(slice_equal(SLICE("abc"), SLICE("abd")));
    assert_false(slice_equal(SLICE("abc"), SLICE("ab")));
    assert_true(slice_equal(SLICE(""), nothing));
    assert_true(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
    assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
}

static void ignores_the_case_of_ascii(void **state)
{
    (void)state;
    assert_true(slice_equal_nocase(SLICE("Content-TYPE"), SLICE("content-type")));
    assert_false(slice_equal_nocase(SLICE("abc"), SLICE("abcd")));
    assert_false(slice_equal_nocase(SLICE("@"), SLICE("`"))); /* they differ by the same bit */
    assert_false(slice_equal_nocase(SLICE("["), SLICE("{")));
    assert_true(slice_equal_nocase(nothing, SLICE("")));
}

static void a_nul_does_not_end_the_comparison(void **state)
{
    (void)state;
    assert_false(slice_equal_nocase(SLICE("a\0b"), SLICE("a\0c")));
    assert_true(slice_equal_nocase(SLICE("a\0b"), SLICE("A\0B")));
}

static void orders_by_bytes(void **state)
{
    (void)state;
    assert_int_equal(slice_compare(SLICE("a"), SLICE("a")), 0);
    assert_int_equal(slice_compare(nothing, SLICE("")), 0);
    assert_true(slice_compare(SLICE("a"), SLICE("b")) < 0);
    assert_true(slice_compare(SLICE("b"), SLICE("a")) > 0);
    assert_true(slice_compare(SLICE("a"), SLICE("aa")) < 0);
    assert_true(slice_compare(SLICE("aa"), SLICE("a")) > 0);
    assert_true(slice_compare(nothing, SLICE("\0")) < 0);
    assert_true(slice_compare(SLICE("z"), SLICE("\xC3\xA4")) < 0); /* unsigned */
}

static void finds_a_prefix(void **state)
{
    (void)state;
    assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
    assert_true(slice_starts(SLICE("abc"), SLICE("")));
    assert_true(slice_starts(nothing, nothing));
    assert_false(slice_starts(SLICE("ab"), SLICE("abc")));
    assert_false(slice_starts(SLICE("abc"), SLICE("b")));
}

static void cuts_from_a_start(void **state)
{
    (void)state;
    assert_true(slice_equal(slice_from(SLICE("abc"), 1), SLICE("bc")));
    assert_int_equal(slice_from(SLICE("abc"), 3).size, 0);
    assert_aborts(slice_from(SLICE("abc"), 4));
}

static void trims_both_ends(void **state)
{
    (void)state;
    static const char *texts[][2] = {
        {"", ""},          {" ", ""},      {" \t\r\n\v\f", ""},        {"a", "a"},
        {"  a b ", "a b"}, {"\na\n", "a"}, {"\xC2\xA0x", "\xC2\xA0x"}, /* NBSP is no ASCII */
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_true(slice_equal(slice_trim(slice_of(texts[i][0])), slice_of(texts[i][1])));
    assert_true(slice_equal(slice_trim(SLICE(" \0 ")), SLICE("\0")));
    assert_int_equal(slice_trim(nothing).size, 0);
}

static void a_port_is_digits(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int port; /* -1: none */
    } rows[] = {{"0", 0},      {"8080", 8080}, {"00080", 80},  {"65535", 65535},
                {"65536", -1}, {"99999", -1},  {"", -1},       {"8a", -1},
                {" 8", -1},    {"+8", -1},     {"000080", -1}, {"-1", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint16_t port = 7;
        assert_int_equal(slice_port(slice_of(rows[i].text), &port), rows[i].port >= 0);
        assert_int_equal(port, rows[i].port >= 0 ? rows[i].port : 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(ignores_the_case_of_ascii),
        cmocka_unit_test(a_nul_does_not_end_the_comparison),
        cmocka_unit_test(orders_by_bytes),
        cmocka_unit_test(finds_a_prefix),
        cmocka_unit_test(cuts_from_a_start),
        cmocka_unit_test(trims_both_ends),
        cmocka_unit_test(a_port_is_digits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
