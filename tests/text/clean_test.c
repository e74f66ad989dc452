/* clean_test.c - each rule alone, lower case, character references, buffers too small. */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include "text/capital.h"
#include "text/chars.h"
#include "text/clean.h"
#include "text/lower.h"
#include "text/repeat.h"
#include "text/unescape.h"
#include "text/utf8.h"

enum { SIZE = 1024 };

static char buffers[2][SIZE];

struct pair {
    const char *in, *out;
};

static void check_rule(void (*rule)(struct clean *), const struct pair *pairs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct clean clean = {.buffers = {buffers[0], buffers[1]}, .size = SIZE};
        clean.text = slice_of(pairs[i].in);
        rule(&clean);
        assert_false(clean.cut);
        if (!slice_equal(clean.text, slice_of(pairs[i].out)))
            fail_msg("'%s' became '%.*s', not '%s'", pairs[i].in, (int)clean.text.size,
                     clean.text.data, pairs[i].out);
    }
}

#define CHECK_RULE(rule, ...)                                                                      \
    do {                                                                                           \
        static const struct pair PAIRS[] = {__VA_ARGS__};                                          \
        check_rule(rule, PAIRS, sizeof PAIRS / sizeof *PAIRS);                                     \
    } while (0)

static void html_is_replaced_in_order(void **state)
{
    (void)state;
    CHECK_RULE(clean_html, {"", ""}, {"plain", "plain"}, {"&amp;", "&&"}, {"&quot;", "&'"},
               {"#39;s", "'s"}, {"a<br />b<br/>", "a\nb<br/>"}, {"<unk>", "xxunk"},
               {"1 @.@ 5 @-@ x", "1.5-x"}, {"....", " \u2026."}, {"C:\\new", "C:\new"},
               {"\\\"", "\""}, {"a@.@ ", "a@.@ "}, {"&lt;p&gt", "<p>"}, {"&notit;", "\u00acit;"},
               {"&ampx", "&x"}, {"&x &; &# &#x;", "&x &; &# &#x;"}, {"&#65;&#x42&#X43;", "ABC"},
               {"&#0;&#xD800;&#x110000;&#99999999999;", "\uFFFD\uFFFD\uFFFD\uFFFD"},
               {"&#128;&#13;&#1;", "\u20ac\r"}, {"&nGt;", "\u226b\u20d2"}, {"&#39", "'"});
}

static void repeats_are_counted(void **state)
{
    (void)state;
    CHECK_RULE(repeat_chars, {"aa", "aa"}, {"aaa", " xxrep 3 a "},
               {"AAAaaab", " xxrep 3 A  xxrep 3 a b"}, {"\u6f22\u6f22\u6f22x", " xxrep 3 \u6f22 x"},
               {"a    b\n\n\n\n", "a    b\n\n\n\n"}, {"\u00a0\u00a0\u00a0", "\u00a0\u00a0\u00a0"},
               {"0123456789....", "0123456789 xxrep 4 . "});
    CHECK_RULE(repeat_words, {"no no", "no no"}, {"no no no", " xxwrep 3 no "},
               {"no no no nope", " xxwrep 3 no  nope"}, {"a a a b b b", " xxwrep 3 a  b b b"},
               {"x no  no\nno.", "x xxwrep 3 no ."}, {"No no no no", "No xxwrep 3 no "},
               {"ha, ha, ha", "ha, ha, ha"}, {" \n\ta a a", " \n xxwrep 3 a "}, {" ", " "},
               {"", ""}, {"\u00e9 \u00e9 \u00e9!", " xxwrep 3 \u00e9 !"},
               {"no no no\u00e9", "no no no\u00e9"});
}

static void blanks_and_capitals(void **state)
{
    (void)state;
    CHECK_RULE(clean_spaces, {"a/b#c\\d", "a / b # c \\ d"}, {"a  b   c", "a b c"}, {"//", " / / "},
               {"long words without any of them", "long words without any of them"},
               {"a \t  b\u00a0 c", "a \t b\u00a0 c"}, {"ends in blanks   ", "ends in blanks "});
    CHECK_RULE(capital_mark, {"", "xxbos "}, {" \n ", "xxbos "}, {"X", "xxbos x"},
               {"Hello WORLD (ABC) aBC", "xxbos xxmaj hello xxup world (abc) abc"},
               {"U.S. A1 iPhone McX", "xxbos xxup u.s. xxup a1 iphone mcx"},
               {"\u00c9cole A\u00c9\u00e9", "xxbos \u00e9cole xxup a\u00e9\u00e9"},
               {"A\u03a3 \u03a3 \u03a3\u03a3\u03a3 \u03a3'b",
                "xxbos xxup a\u03c2 \u03c3 \u03c3\u03c3\u03c2 \u03c3'b"},
               {"\u0130x\u00a0Ab\u3000", "xxbos i\u0307x\u00a0xxmaj ab"},
               {"\t a\u2003", "xxbos a"});
}

static void markers_are_texts(void **state)
{
    (void)state;
    assert_true(slice_equal(clean_special(SPECIAL_UNKNOWN), SLICE("xxunk")));
    assert_true(slice_equal(clean_special(SPECIAL_CAPITAL), SLICE("xxmaj")));
    assert_int_equal(SPECIAL_COUNT, 9);
}

/* Every size of buffer: the result fits, is UTF-8, and says that it was cut. */
static void small_buffers_cut(void **state)
{
    (void)state;
    struct slice text = SLICE("\u0130\u0130\u0130 aaa no no no /AB\u6f22 Ab... &nGt; "
                              "\u6f22\u6f22\u6f22 END of the very long text, really");
    char *left = malloc(CLEAN_BOUND(200)), *right = malloc(CLEAN_BOUND(200));
    assert_true(left != NULL && right != NULL);
    bool whole = false;
    for (size_t size = 64; size <= CLEAN_BOUND(text.size); size++) {
        struct clean clean = {.buffers = {left, right}, .size = size};
        unsigned buffer;
        struct slice out = clean_text(&clean, text, &buffer);
        assert_true(out.size <= size && utf8_valid(out, NULL));
        assert_true(clean.cut || out.size > 100);
        whole = !clean.cut;
    }
    assert_true(whole);
    free(left);
    free(right);
}

static void lower_case_of_one(void **state)
{
    (void)state;
    uint32_t out[2];
    assert_int_equal(chars_lower('A', out), 1);
    assert_int_equal(out[0], 'a');
    assert_int_equal(chars_lower(0x130, out), 2);
    assert_int_equal(out[1], 0x307);
    assert_int_equal(chars_lower(0x1E9E, out), 1);
    assert_int_equal(out[0], 0xDF);
    assert_int_equal(chars_lower(0x10400, out), 1);
    assert_int_equal(out[0], 0x10428);
    assert_int_equal(chars_lower(0x10FFFF, out), 1);
    assert_int_equal(out[0], 0x10FFFF);
    char text[LOWER_CHAR_MAX];
    const char *at = "\u03a3", *end = at + 2;
    assert_int_equal(lower_char(at, &at, end, text), 2);
    assert_memory_equal(text, "\u03c3", 2);
    assert_ptr_equal(at, end);
}

/* Against the table itself: every row, and every code point beside a row. */
static void lower_case_is_the_table(void **state)
{
    (void)state;
    FILE *file = fopen("src/text/tables/lower.tsv", "re");
    assert_non_null(file);
    char line[256];
    static bool listed[0x110000];
    size_t rows = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned from, to, second, out[2];
        int fields = sscanf(line, "%x\t%x %x", &from, &to, &second);
        if (line[0] == '#' || fields < 2) continue;
        listed[from] = true;
        assert_int_equal(chars_lower(from, out), fields - 1);
        assert_int_equal(out[0], to);
        if (fields == 3) assert_int_equal(out[1], second);
        rows++;
    }
    fclose(file);
    assert_true(rows > 1400);
    for (uint32_t c = 0; c < 0x110000; c++) {
        uint32_t out[2];
        if (listed[c]) continue;
        assert_int_equal(chars_lower(c, out), 1);
        assert_int_equal(out[0], c);
    }
}

static void references_are_bounded(void **state)
{
    (void)state;
    const char *text = "&CounterClockwiseContourIntegral;x";
    struct unescape_hit hit = unescape_at(text, text + strlen(text));
    assert_int_equal(hit.taken, strlen(text) - 1);
    assert_memory_equal(hit.value, "\u2233", hit.size);
    assert_int_equal(unescape_at("&", "&" + 1).taken, 0);
    text = "&#";
    assert_int_equal(unescape_at(text, text + 2).taken, 0);
    text = "&am";
    assert_int_equal(unescape_at(text, text + 3).taken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(html_is_replaced_in_order), cmocka_unit_test(repeats_are_counted),
        cmocka_unit_test(blanks_and_capitals),       cmocka_unit_test(markers_are_texts),
        cmocka_unit_test(small_buffers_cut),         cmocka_unit_test(lower_case_of_one),
        cmocka_unit_test(lower_case_is_the_table),   cmocka_unit_test(references_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
