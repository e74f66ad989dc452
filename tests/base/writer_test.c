/* writer_test.c - what fits is written, the byte behind the end never. */
// SPDX-License-Identifier: Apache-2.0
#include "base/writer.h"

#include "fail.h"

static void writes_in_order(void **state)
{
    (void)state;
    char data[64];
    struct writer writer = writer_of(data, sizeof data);
    writer_text(&writer, "one ");
    writer_char(&writer, '2');
    writer_add(&writer, SLICE(" \0three"));
    writer_format(&writer, " %d-%s", 4, "five");
    writer_bytes(&writer, NULL, 0);
    assert_true(slice_equal(writer_slice(&writer), SLICE("one 2 \0three 4-five")));
    assert_false(writer.cut);
}

static void every_size_is_kept(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 12; size++) {
        char data[16];
        memset(data, '#', sizeof data);
        struct writer writer = writer_of(data, size);
        writer_text(&writer, "abcdef");
        writer_text(&writer, "ghij");
        assert_int_equal(writer.used, size < 10 ? size : 10);
        assert_int_equal(writer.cut, size < 10);
        assert_memory_equal(data, "abcdefghij", writer.used);
        assert_int_equal(data[size], '#');
    }
}

static void formatting_stays_inside(void **state)
{
    (void)state;
    for (size_t size = 0; size <= 12; size++) {
        char data[16];
        memset(data, '#', sizeof data);
        struct writer writer = writer_of(data, size);
        writer_format(&writer, "%s", "abcdef");
        /* one byte is vsnprintf's own: six characters need seven */
        assert_int_equal(writer.cut, size < 7);
        assert_int_equal(writer.used, size >= 7 ? 6 : size > 0 ? size - 1 : 0);
        assert_memory_equal(data, "abcdef", writer.used);
        assert_int_equal(data[size], '#');
    }
}

static void cut_stays_said(void **state)
{
    (void)state;
    char data[4];
    struct writer writer = writer_of(data, sizeof data);
    writer_text(&writer, "abcde");
    assert_true(writer.cut);
    writer_text(&writer, "");
    writer_char(&writer, 'x');
    assert_true(writer.cut);
    assert_true(slice_equal(writer_slice(&writer), SLICE("abcd")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_in_order),
        cmocka_unit_test(every_size_is_kept),
        cmocka_unit_test(formatting_stays_inside),
        cmocka_unit_test(cut_stays_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
