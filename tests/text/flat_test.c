/* flat_test.c - what is read where it lies is what jansson reads; the rest is left to it. */
// SPDX-License-Identifier: Apache-2.0
#include "text/flat.h"

#include "base/writer.h"
#include "fail.h"
#include "text/json.h"

#define CASE(members) "{\"subject\":\"s\"," members "}"

static void assert_same(const struct case_text *a, const struct case_text *b)
{
    for (enum case_field f = 0; f < CASE_FIELDS; f++)
        if (!slice_equal(a->field[f], b->field[f]))
            fail_msg("%s is '%.*s'", case_rows[f].name, (int)a->field[f].size, a->field[f].data);
}

static void takes_what_jansson_takes(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"subject\":\"s\"}",
        "\r\n\t {\n\"subject\" :\t\"s\" ,\r\"version\":\"\"\n}\r\n\t ",
        "{\"version\":\"1\",\"subject\":\"2\",\"severity\":\"3\",\"product\":\"4\","
        "\"origin\":\"5\",\"description\":\"6\",\"case_number\":\"7\",\"case_language\":\"8\"}",
        CASE("\"\":\"no name\",\"sbr\":\"a label\",\"Subject\":\"S\",\"subjec\":\"t\""),
        CASE("\"description\":\" !#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~ \""),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err;
        struct json_case json;
        struct case_text text;
        struct slice bytes = slice_of(rows[i]);
        if (!flat_case(&text, bytes)) fail_msg("left to jansson: %s", rows[i]);
        assert_fine(json_case_open(&json, bytes, &err), &err);
        assert_same(&text, &json.text);
        json_case_close(&json);
        for (enum case_field f = 0; f < CASE_FIELDS; f++)
            assert_true(text.field[f].size == 0 ||
                        (text.field[f].data > bytes.data &&
                         text.field[f].data + text.field[f].size < bytes.data + bytes.size));
    }
}

/* Whether a case is one that can be answered is case_check's to say. */
static void takes_cases_that_say_nothing(void **state)
{
    (void)state;
    struct case_text text;
    struct error err;
    assert_true(flat_case(&text, SLICE("{\"subject\":\"\",\"version\":\"1\"}")));
    assert_int_equal(case_check(&text, 0, &err), ERR_EMPTY_CASE);
}

static void leaves_the_rest(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        " ",
        "{",
        "{}",
        "\"subject\"",
        "[\"subject\"]",
        "[{\"subject\":\"s\"}]",
        "\xEF\xBB\xBF{\"subject\":\"s\"}",
        "{\"subject\":\"s\"}}",
        "{\"subject\":\"s\"} x",
        "{\"subject\":\"s\"}\v",
        "\f{\"subject\":\"s\"}",
        "{\"subject\":\"s\",}",
        "{,\"subject\":\"s\"}",
        "{\"subject\" \"s\"}",
        "{\"subject\":\"s\" \"version\":\"1\"}",
        "{'subject':'s'}",
        "{subject:\"s\"}",
        CASE("\"subject\":\"s\""), /* a key twice, known or not */
        CASE("\"x\":\"1\",\"x\":\"1\""),
        CASE("\"version\":null"),
        CASE("\"version\":6.8"),
        CASE("\"version\":true"),
        CASE("\"x\":{}"),
        CASE("\"x\":[]"),
        CASE("\"x\":{\"subject\":\"t\"}"),
        CASE("\"version\":\"\\n\""),
        CASE("\"version\":\"\\\"\""),
        CASE("\"versio\\u006e\":\"1\""),
        CASE("\"version\":\"\xC3\xA4\""),
        CASE("\"\xC3\xA4\":\"1\""),
        CASE("\"version\":\"\xFF\""),
        CASE("\"version\":\"\t\""),
        CASE("\"version\":\"\n\""),
        CASE("\"version\":\"\x1F\""),
        CASE("\"version\":\"\x7F\""),
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct case_text text = {.field = {SLICE("before")}};
        if (flat_case(&text, slice_of(rows[i]))) fail_msg("taken: %s", rows[i]);
        assert_true(slice_equal(text.field[0], SLICE("before")));
    }
    struct case_text text;
    assert_false(flat_case(&text, SLICE(CASE("\"version\":\"\0\""))));
    assert_false(flat_case(&text, SLICE("{\"subject\":\"s\"}\0")));
}

/* In blocks of exactly that size, so that the sanitizers see a byte too far. */
static void leaves_every_beginning(void **state)
{
    (void)state;
    struct slice whole = SLICE(CASE(" \"version\" : \"1\" "));
    struct case_text text;
    for (size_t size = 0; size <= whole.size; size++) {
        char *bytes = malloc(size + (size == 0));
        assert_non_null(bytes);
        memcpy(bytes, whole.data, size);
        assert_int_equal(flat_case(&text, (struct slice){bytes, size}), size == whole.size);
        free(bytes);
    }
}

static void takes_sixteen_members(void **state)
{
    (void)state;
    for (int members = FLAT_MEMBERS_MAX - 1; members <= FLAT_MEMBERS_MAX + 1; members++) {
        char bytes[512];
        struct writer writer = writer_of(bytes, sizeof bytes);
        struct case_text text;
        writer_text(&writer, "{\"subject\":\"s\"");
        for (int i = 1; i < members; i++) writer_format(&writer, ",\"x%d\":\"\"", i);
        writer_char(&writer, '}');
        assert_false(writer.cut);
        assert_int_equal(flat_case(&text, writer_slice(&writer)), members <= FLAT_MEMBERS_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_jansson_takes), cmocka_unit_test(takes_cases_that_say_nothing),
        cmocka_unit_test(leaves_the_rest),          cmocka_unit_test(leaves_every_beginning),
        cmocka_unit_test(takes_sixteen_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
