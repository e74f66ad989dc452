/* utf8_test.c - RFC 3629 against a check written the other way round: decode, then judge. */
// SPDX-License-Identifier: Apache-2.0
#include "text/utf8.h"

#include "fail.h"

/* The length of the character at data, 0 if there is none: by its value, not by its bytes. */
static size_t judged(const unsigned char *data, size_t size)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (data[0] < 0x80) return 1;
    size_t length = (data[0] & 0xE0) == 0xC0   ? 2
                    : (data[0] & 0xF0) == 0xE0 ? 3
                    : (data[0] & 0xF8) == 0xF0 ? 4
                                               : 0;
    if (length == 0 || length > size) return 0;
    uint32_t value = data[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((data[i] & 0xC0) != 0x80) return 0;
        value = value << 6 | (data[i] & 0x3F);
    }
    bool fine = value >= least[length] && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
    return fine ? length : 0;
}

static bool judged_valid(const char *text, size_t size, size_t *out_bad)
{
    for (size_t at = 0; at < size;) {
        size_t length = judged((const unsigned char *)text + at, size - at);
        if (length == 0) {
            *out_bad = at;
            return false;
        }
        at += length;
    }
    return true;
}

static void assert_alike(const char *text, size_t size)
{
    size_t bad = 99, wanted_bad = 99;
    bool wanted = judged_valid(text, size, &wanted_bad);
    bool valid = utf8_valid((struct slice){text, size}, &bad);
    if (valid != wanted || bad != wanted_bad)
        fail_msg("%02X %02X %02X %02X: %d at %zu", (unsigned char)text[0], (unsigned char)text[1],
                 (unsigned char)text[2], (unsigned char)text[3], valid, bad);
}

/* All texts of two bytes, a third of those of three, and four bytes with every lead and the
 * edges of ranges behind it. */
static void short_texts_are_judged_alike(void **state)
{
    (void)state;
    static const unsigned char edges[] = {0x00, 0x41, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F,
                                          0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xFF};
    for (unsigned all = 0; all < 1u << 24; all += 3) {
        char text[4] = {(char)(all >> 16), (char)(all >> 8), (char)all, 'x'};
        assert_alike(text, 3);
    }
    for (unsigned all = 0; all < 1u << 16; all++) {
        char text[4] = {(char)(all >> 8), (char)all};
        assert_alike(text, 2);
    }
    for (unsigned lead = 0; lead < 256; lead++)
        for (unsigned rest = 0; rest < 16 * 16 * 16; rest++) {
            char text[4] = {(char)lead, (char)edges[rest >> 8], (char)edges[rest >> 4 & 15],
                            (char)edges[rest & 15]};
            assert_alike(text, 4);
        }
}

static void every_code_point_goes_there_and_back(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char text[4];
        unsigned size = utf8_put(c, text);
        assert_in_range(size, 1, 4);
        const char *at = text;
        if (utf8_next(&at) != c || at != text + size) fail_msg("U+%04X does not come back", c);
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        if (utf8_valid((struct slice){text, size}, NULL) == surrogate)
            fail_msg("U+%04X is judged wrongly", c);
    }
}

/* Eight ASCII bytes are read at once: a fault at every place of a longer text. */
static void a_fault_is_found_at_every_place(void **state)
{
    (void)state;
    for (size_t size = 1; size <= 40; size++) {
        for (size_t place = 0; place < size; place++) {
            char *text = malloc(size); /* exact: ASan sees reading beyond */
            assert_non_null(text);
            memset(text, 'a', size);
            size_t bad = 99;
            assert_true(utf8_valid((struct slice){text, size}, &bad));
            assert_int_equal(bad, 99); /* untouched */
            text[place] = '\x80';
            assert_false(utf8_valid((struct slice){text, size}, &bad));
            assert_int_equal(bad, place);
            text[place] = '\xE2'; /* cut short or followed by a letter */
            assert_false(utf8_valid((struct slice){text, size}, &bad));
            assert_int_equal(bad, place);
            free(text);
        }
    }
}

static void names_the_place_of_known_faults(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t bad;
    } rows[] = {
        {"ab\xC0\xAF", 2},           /* overlong / */
        {"\xE0\x80\xAF", 0},         /* overlong again */
        {"\xF0\x80\x80\xAF", 0},     /* and again */
        {"x\xED\xA0\x80", 1},        /* a surrogate */
        {"\xF4\x90\x80\x80", 0},     /* U+110000 */
        {"\xF5\x80\x80\x80", 0},     /* no lead byte at all */
        {"\xFE", 0},                 /* nor this */
        {"gr\xFC\xDF e", 2},         /* Latin-1 */
        {"\xE2\x82", 0},             /* stops inside */
        {"\xE2\x82\xAC\xE2\x82", 3}, /* a whole one before */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t bad = 99;
        assert_false(utf8_valid(slice_of(rows[i].text), &bad));
        assert_int_equal(bad, rows[i].bad);
        assert_false(utf8_valid(slice_of(rows[i].text), NULL));
    }
    assert_true(utf8_valid((struct slice){NULL, 0}, NULL));
    assert_true(utf8_valid(SLICE("a\0b"), NULL));
    assert_true(utf8_valid(SLICE("\xEF\xBB\xBF\xEF\xBF\xBF\xF4\x8F\xBF\xBF"), NULL));
}

/* Pieces of any bytes make up the text again; what is shown has no control character in it. */
static void shows_what_steers_no_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
        size_t columns;
    } rows[] = {
        {"a", "a", 1},
        {"\xE3\x83\x8D", "\xE3\x83\x8D", 1},
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80", 1},
        {"\xC2\xA0", "\xC2\xA0", 1},
        {"\x1B", "\\x1B", 4},
        {"\x7F", "\\x7F", 4},
        {"\xC2\x9B", "\\xC2\\x9B", 8}, /* CSI of C1 */
        {"\xFF", "\\xFF", 4},
        {"\xE3\x83", "\\xE3\\x83", 8}, /* stops inside */
        {"\xC0\xAF", "\\xC0\\xAF", 8}, /* overlong / */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char shown[32];
        size_t columns = 0;
        struct writer writer = writer_of(shown, sizeof shown);
        for (struct slice text = slice_of(rows[i].text); text.size > 0;)
            columns += utf8_show(&text, &writer);
        assert_int_equal(columns, rows[i].columns);
        assert_true(slice_equal(writer_slice(&writer), slice_of(rows[i].shown)));
    }
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char text[4], shown[UTF8_SHOWN_MAX];
        struct slice rest = {text, utf8_put(c, text)};
        struct writer writer = writer_of(shown, sizeof shown);
        bool surrogate = c >= 0xD800 && c <= 0xDFFF, control = c < 0x20 || (c >= 0x7F && c < 0xA0);
        size_t columns = utf8_show(&rest, &writer);
        if (surrogate ? rest.size != 2 : rest.size != 0) fail_msg("U+%04X is not one piece", c);
        if ((columns == 1) == (surrogate || control)) fail_msg("U+%04X is shown wrongly", c);
    }
}

static void counts_code_points(void **state)
{
    (void)state;
    assert_int_equal(utf8_count((struct slice){NULL, 0}), 0);
    assert_int_equal(utf8_count(SLICE("abc")), 3);
    assert_int_equal(utf8_count(SLICE("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80.")), 4);
}

static void what_is_no_character_is_mended(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mended;
    } rows[] = {
        {"", ""},
        {"p\xFF.csv: line 2", "p?.csv: line 2"},
        {"\xC3\xA4\xC3", "\xC3\xA4?"},
        {"\xFF\xFE\xE2\x82 a longer one \xE2\x82\xAC", "???? a longer one \xE2\x82\xAC"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        strcpy(text, rows[i].text);
        utf8_mend(text, strlen(text));
        assert_string_equal(text, rows[i].mended);
    }
}

static void is_cut_behind_a_character(void **state)
{
    (void)state;
    struct slice text = SLICE("a\xC3\xA4\xE2\x82\xAC.");
    static const size_t sizes[] = {0, 1, 1, 3, 3, 3, 6, 7, 7};
    for (size_t most = 0; most < sizeof sizes / sizeof *sizes; most++)
        assert_int_equal(utf8_cut(text, most).size, sizes[most]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_texts_are_judged_alike),
        cmocka_unit_test(every_code_point_goes_there_and_back),
        cmocka_unit_test(a_fault_is_found_at_every_place),
        cmocka_unit_test(names_the_place_of_known_faults),
        cmocka_unit_test(shows_what_steers_no_terminal),
        cmocka_unit_test(counts_code_points),
        cmocka_unit_test(what_is_no_character_is_mended),
        cmocka_unit_test(is_cut_behind_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
