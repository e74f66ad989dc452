/* split_test.c - the tables, affixes, addresses, words and phrases one by one. */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include "base/eight.h"
#include "text/unescape.h"
#include "token/affix.h"
#include "token/many.h"
#include "token/phrase.h"
#include "token/split.h"
#include "token/tables.h"
#include "token/weburl.h"
#include "token/words.h"

static void tables_are_small(void **state)
{
    (void)state;
    size_t bytes = chars_bytes() + unescape_bytes() + tables_bytes();
    printf("tables: %zu bytes of %d\n", bytes, TABLES_BYTES_MAX);
    assert_true(bytes > 50 * 1024); /* they are really counted */
    assert_true(bytes <= TABLES_BYTES_MAX);
}

/* What split.c takes for granted of a-z, in every rule set. */
static void small_letters_have_no_affix(void **state)
{
    (void)state;
    for (unsigned set = 0; set < TABLES_RULE_SETS; set++)
        for (char c = 'a'; c <= 'z'; c++) {
            uint32_t flags = tables_ascii[set][(unsigned char)c];
            assert_int_equal(flags & (TABLES_PREFIX | TABLES_PREFIX_MANY | TABLES_SUFFIX |
                                      TABLES_INFIX | TABLES_SPACE | TABLES_DIGIT),
                             0);
            assert_true(flags & TABLES_ALPHA);
        }
}

static void exceptions_belong_to_rule_sets(void **state)
{
    (void)state;
    static const struct row {
        const char *text;
        bool in[TABLES_RULE_SETS]; /* en3 de3 xx3 en2 de2 xx2 */
    } ROWS[] = {
        {"can't", {1, 0, 0, 1, 0, 0}},    {"z.b.", {0, 1, 0, 0, 1, 0}},
        {":)", {1, 1, 1, 1, 1, 1}},       {"cause", {0, 0, 0, 1, 0, 0}},
        {"\u00b0C.", {1, 1, 1, 0, 0, 0}}, {"disk", {0, 0, 0, 0, 0, 0}},
        {"", {0, 0, 0, 0, 0, 0}},         {"theses", {0, 0, 0, 1, 0, 0}},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        for (unsigned set = 0; set < TABLES_RULE_SETS; set++)
            assert_int_equal(tables_exception(set, ROWS[i].text, strlen(ROWS[i].text)) != NULL,
                             ROWS[i].in[set]);
    const struct exception *row = tables_exception(RULES_ENGLISH_3, "can't", 5);
    assert_int_equal(row->starts, 1 | 1 << 2); /* ca n't */
}

static void affixes_are_measured(void **state)
{
    (void)state;
    static const struct row {
        unsigned set;
        const char *text;
        size_t prefix, suffix;
    } ROWS[] = {
        {RULES_ENGLISH_3, "(x)", 1, 1},
        {RULES_ENGLISH_3, ".x.", 0, 1},
        {RULES_ENGLISH_3, "...x", 3, 0},
        {RULES_ENGLISH_3, "+1", 0, 0},
        {RULES_ENGLISH_3, "+x", 1, 0},
        {RULES_ENGLISH_3, "+", 1, 0},
        {RULES_ENGLISH_3, "US$5", 3, 0},
        {RULES_ENGLISH_3, "USA", 0, 0},
        {RULES_ENGLISH_3, "5US$", 0, 3},
        {RULES_ENGLISH_3, "5km\xC2\xB2", 0, 4},
        {RULES_ENGLISH_3, "km", 0, 0},
        {RULES_ENGLISH_3, "1st", 0, 0},
        {RULES_ENGLISH_3, "\u2026\u2026", 3, 6},
        {RULES_ENGLISH_3, "x's", 0, 2},
        {RULES_GERMAN_3, "x's", 0, 0},
        {RULES_GERMAN_3, "x''", 0, 2},
        {RULES_GERMAN_3, "``x/", 2, 1},
        {RULES_ENGLISH_3, "``x/", 1, 0},
        {RULES_ENGLISH_3, "A.", 0, 0},
        {RULES_ENGLISH_3, "AB.", 0, 1},
        {RULES_ENGLISH_3, "a..", 0, 2},
        {RULES_ENGLISH_3, "\u00b0C.", 2, 1},
        {RULES_ENGLISH_3, "3.", 0, 1},
        {RULES_GERMAN_3, "3.", 0, 0},
        {RULES_ENGLISH_3, "5+", 0, 1},
        {RULES_ENGLISH_3, "x+", 0, 0},
        {RULES_ENGLISH_3,
         "\u20b9"
         "5",
         3, 0},
        {RULES_ENGLISH_2,
         "\u20b9"
         "5",
         0, 0},
        {RULES_ENGLISH_3, "5\u20b9", 0, 3},
        {RULES_ENGLISH_2, "5\u20b9", 0, 0},
        {RULES_ENGLISH_3, "\U0001F600x", 4, 0},
        {RULES_ENGLISH_3, "x\u00a9", 0, 2},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const char *text = ROWS[i].text, *end = text + strlen(text);
        if (affix_prefix(ROWS[i].set, text, end) != ROWS[i].prefix ||
            affix_suffix(ROWS[i].set, text, end) != ROWS[i].suffix)
            fail_msg("'%s' has prefix %zu and suffix %zu", text,
                     affix_prefix(ROWS[i].set, text, end), affix_suffix(ROWS[i].set, text, end));
    }
}

static void infixes_are_found(void **state)
{
    (void)state;
    static const struct row {
        unsigned set;
        const char *text;
        size_t at, size;
    } ROWS[] = {
        {RULES_ENGLISH_3, "16-bit", 2, 1},
        {RULES_ENGLISH_2, "16-bit", 6, 0},
        {RULES_ENGLISH_3, "a--b", 1, 2},
        {RULES_ENGLISH_3, "a.B", 1, 1},
        {RULES_ENGLISH_3, "a.b", 3, 0},
        {RULES_ENGLISH_3, "2^-1", 1, 1},
        {RULES_ENGLISH_3, "x=y", 1, 1},
        {RULES_ENGLISH_3, "x=5", 3, 0},
        {RULES_ENGLISH_3, "a..b", 1, 2},
        {RULES_GERMAN_3, "a(b", 1, 1},
        {RULES_GERMAN_3, "a--b", 1, 2},
        {RULES_GERMAN_3, "3-4", 1, 1},
        {RULES_GERMAN_3, "a-b", 3, 0},
        {RULES_ENGLISH_3, "..a", 0, 2},
        {RULES_ENGLISH_3, "a\u2014\u2014b", 1, 6},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const char *text = ROWS[i].text, *at = text;
        size_t size = affix_infix(ROWS[i].set, text, text + strlen(text), &at);
        if (size != ROWS[i].size || (size_t)(at - text) != ROWS[i].at)
            fail_msg("'%s' has an infix of %zu at %zu", text, size, (size_t)(at - text));
    }
}

static void addresses_are_told(void **state)
{
    (void)state;
    static const char *const YES[] = {"example.com",
                                      "www.example.co.uk",
                                      "http://a.example.com/x?y=1#z",
                                      "me@example.org",
                                      "me:pw@example.org:8080/x",
                                      "8.8.8.8",
                                      "8.8.8.8:53",
                                      "223.255.255.254/x",
                                      "x://@a.bc",
                                      "1.2.3.4?q",
                                      "x_y.com",
                                      "\u6f22.\u6f22\u6f22",
                                      "a@b@c.de",
                                      "172.32.1.1",
                                      "x.y.z.com"};
    static const char *const NO[] = {"",
                                     "com",
                                     ".com",
                                     "a.b",
                                     "example.COM",
                                     "10.1.2.3",
                                     "127.0.0.1",
                                     "192.168.1.1",
                                     "172.16.0.1",
                                     "172.31.9.9",
                                     "169.254.1.1",
                                     "224.1.1.1",
                                     "1.2.3.255",
                                     "01.2.3.4",
                                     "1.2.3.0",
                                     "1.2.3",
                                     "1.2.3.4.5",
                                     "-a.com",
                                     "a-.com",
                                     "a..com",
                                     "example.com:8",
                                     "example.com:123456",
                                     "@example.c",
                                     "http://",
                                     "a.co m@",
                                     "example.com|x",
                                     "1.2.256.4"};
    for (size_t i = 0; i < sizeof YES / sizeof *YES; i++)
        if (!weburl_matches(RULES_ENGLISH_3, YES[i], YES[i] + strlen(YES[i])))
            fail_msg("no: %s", YES[i]);
    for (size_t i = 0; i < sizeof NO / sizeof *NO; i++)
        if (weburl_matches(RULES_ENGLISH_3, NO[i], NO[i] + strlen(NO[i])))
            fail_msg("yes: %s", NO[i]);
}

/* Boundaries shown by '|', as in the test file of UAX #29. */
static void words_end_where_unicode_says(void **state)
{
    (void)state;
    static const char *const ROWS[] = {
        "can't|!",
        "3.14|.",
        "a|-|b",
        "1,000",
        "e.g|.",
        "\u30ab\u30bf\u30ab\u30ca|\u306e|\u6f22|\u5b57",
        "\u0e2a\u0e31|\u0e27",
        "e\u0301a",
        "\U0001F1FA\U0001F1F8|\U0001F1FA\U0001F1F8",
        "\U0001F468\u200d\U0001F469|a",
        "\u05d0\"\u05d1",
        "\u05d0'",
        "a'|'|b",
        "x_1",
        "\u30ab_\u30ab",
        "a|:|1",
        "a:b",
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[128], shown[128];
        size_t size = 0, used = 0;
        for (const char *c = ROWS[i]; *c != '\0'; c++)
            if (*c != '|') text[size++] = *c;
        for (const char *at = text, *end = text + size; at < end;) {
            const char *next = words_next(at, end);
            assert_true(next > at && next <= end);
            if (used > 0) shown[used++] = '|';
            memcpy(shown + used, at, (size_t)(next - at));
            used += (size_t)(next - at);
            at = next;
        }
        shown[used] = '\0';
        if (strcmp(ROWS[i], "a'|'|b") != 0)
            assert_string_equal(shown, ROWS[i]);
        else
            assert_string_equal(shown, "a|'|'|b");
    }
}

static void phrases_are_joined(void **state)
{
    (void)state;
    struct token tokens[64];
    uint16_t marks[64];
    char starts[64];
    static const struct pair {
        const char *in, *out;
    } PAIRS[] = {{"foo:)", "foo|:)"},
                 {"foo: )", "foo|:|)"},
                 {"foo:):)", "foo|:)|:|)"},
                 {"30\u00b0C. x", "30|\u00b0|C|.|x"}};
    for (size_t p = 0; p < sizeof PAIRS / sizeof *PAIRS; p++) {
        struct split split = {.rule_set = RULES_ENGLISH_3,
                              .tokens = tokens,
                              .marks = marks,
                              .tokens_max = 64,
                              .starts = starts};
        split_text(&split, slice_of(PAIRS[p].in));
        char shown[128];
        size_t used = 0;
        for (size_t i = 0; i < split.count; i++)
            used += (size_t)snprintf(shown + used, sizeof shown - used, "%s%.*s", i > 0 ? "|" : "",
                                     (int)tokens[i].size, PAIRS[p].in + tokens[i].at);
        assert_string_equal(shown, PAIRS[p].out);
    }
    struct split empty = {.rule_set = RULES_ENGLISH_3, .marks = marks, .tokens = tokens};
    phrase_pass(&empty, "");
    assert_int_equal(empty.count, 0);
}

static void eight_bytes_at_once(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 256; c++) {
        char text[8] = "bcdbcdb";
        text[7] = 'b';
        text[5] = (char)c;
        uint64_t marks = eight_between(eight_load(text), 'e', 'x');
        assert_int_equal(marks != 0, c >= 'e' && c <= 'x');
        if (marks != 0) assert_int_equal(eight_first(marks), 5);
        marks = eight_between(eight_load(text), 0, ' ');
        assert_int_equal(marks != 0, c <= ' ');
        if (c != 'b')
            assert_int_equal(eight_first(eight_equal(eight_load(text), (char)c)), c == 'c'   ? 1
                                                                                  : c == 'd' ? 2
                                                                                             : 5);
    }
}

/* A scratch grows with its texts and keeps what it has. */
static void scratch_grows(void **state)
{
    (void)state;
    struct many_scratch many = {0};
    struct token_way way = token_way_of(SLICE("en"), TOKEN_SPACY3);
    struct token_list list;
    struct error err;
    static char text[100000];
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < sizeof text; i += 7) text[i] = i % 2 ? ' ' : '/';
    for (size_t size = 0; size <= sizeof text; size += 20000) {
        assert_fine(many_tokens(&many, &way, (struct slice){text, size}, &list, &err), &err);
        assert_true(list.count > size / 7);
        assert_true(many.scratch.text_max >= size);
    }
    many_scratch_close(&many);
    assert_fails(many_tokens(&many, &way, (struct slice){text, (size_t)1 << 40}, &list, &err),
                 ERR_TEXT_LONG, "bytes", &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_small),
        cmocka_unit_test(small_letters_have_no_affix),
        cmocka_unit_test(exceptions_belong_to_rule_sets),
        cmocka_unit_test(affixes_are_measured),
        cmocka_unit_test(infixes_are_found),
        cmocka_unit_test(addresses_are_told),
        cmocka_unit_test(words_end_where_unicode_says),
        cmocka_unit_test(phrases_are_joined),
        cmocka_unit_test(eight_bytes_at_once),
        cmocka_unit_test(scratch_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
