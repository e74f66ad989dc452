/* json_test.c - what is a case in JSON, what is not, and where it stops being one. */
// SPDX-License-Identifier: Apache-2.0
#include "text/json.h"

#include "base/limits.h"
#include "fail.h"
#include "text/utf8.h"

#define CASE(members) "{\"subject\":\"s\"," members "}"

static void assert_field(const struct json_case *json, enum case_field field, struct slice wanted)
{
    if (!slice_equal(json->text.field[field], wanted))
        fail_msg("%s is '%.*s'", case_rows[field].name, (int)json->text.field[field].size,
                 json->text.field[field].data);
}

static void takes_the_eight_strings(void **state)
{
    (void)state;
    struct error err;
    struct json_case json;
    struct slice text = SLICE(
        "\r\n {\"version\":\"1\", \"subject\":\"2\",\t\"severity\":\"3\", \"product\":\"4\",\n"
        "\"origin\":\"5\",\"description\":\"6\",\"case_number\":\"7\",\"case_language\":\"8\"}\n");
    assert_fine(json_case_open(&json, text, &err), &err);
    static const char *wanted[CASE_FIELDS] = {
        [CASE_VERSION] = "1", [CASE_SUBJECT] = "2", [CASE_SEVERITY] = "3",
        [CASE_PRODUCT] = "4", [CASE_ORIGIN] = "5",  [CASE_DESCRIPTION] = "6",
        [CASE_NUMBER] = "7",  [CASE_LANGUAGE] = "8"};
    for (enum case_field f = 0; f < CASE_FIELDS; f++) assert_field(&json, f, slice_of(wanted[f]));
    json_case_close(&json);
    assert_null(json.root);
    json_case_close(&json); /* harmless */
}

static void absent_and_null_are_empty(void **state)
{
    (void)state;
    struct error err;
    struct json_case json;
    struct slice text = SLICE(CASE("\"product\":null,\"version\":\"\",\"other\":[1,{\"a\":2.5}]"));
    assert_fine(json_case_open(&json, text, &err), &err);
    for (enum case_field f = 0; f < CASE_FIELDS; f++)
        assert_field(&json, f, f == CASE_SUBJECT ? SLICE("s") : SLICE(""));
    json_case_close(&json);
}

static void escapes_are_characters(void **state)
{
    (void)state;
    struct error err;
    struct json_case json;
    struct slice text = SLICE(CASE("\"description\":\"a\\u0000b\\n\\\"\\/\\u00e4\\ud83d\\ude00\","
                                   "\"version\":\"\\u0000\",\"origin\":\"\xE2\x82\xAC\\t\""));
    assert_fine(json_case_open(&json, text, &err), &err);
    assert_field(&json, CASE_DESCRIPTION, SLICE("a\0b\n\"/\xC3\xA4\xF0\x9F\x98\x80"));
    assert_field(&json, CASE_VERSION, SLICE("\0"));
    assert_field(&json, CASE_ORIGIN, SLICE("\xE2\x82\xAC\t"));
    json_case_close(&json);
}

static void what_is_no_case(void **state)
{
    (void)state;
    const struct {
        struct slice text;
        enum error_code code;
        const char *why;
    } rows[] = {
        {{"", 0}, ERR_JSON, "line 1, column 1"},
        {{" \n ", 3}, ERR_JSON, "line 2"},
        {{"[]", 2}, ERR_FIELD, "a case must be a JSON object, not an array"},
        {{"\"s\"", 3}, ERR_FIELD, "not a string"},
        {{"12", 2}, ERR_FIELD, "not a number"},
        {{"-1.5e3", 6}, ERR_FIELD, "not a number"},
        {{"true", 4}, ERR_FIELD, "not a boolean"},
        {{"false", 5}, ERR_FIELD, "not a boolean"},
        {{"null", 4}, ERR_FIELD, "not null"},
        {{"{}", 2}, ERR_EMPTY_CASE, "subject and description are both empty"},
        {SLICE("{\"subject\":\"\",\"description\":null}"), ERR_EMPTY_CASE, "both empty"},
        {SLICE("{\"subject\":1}"), ERR_FIELD, "subject: must be a string, not a number"},
        {SLICE(CASE("\"version\":6.8")), ERR_FIELD, "version: must be a string, not a number"},
        {SLICE(CASE("\"origin\":{}")), ERR_FIELD, "origin: must be a string, not an object"},
        {SLICE(CASE("\"severity\":[\"2\"]")), ERR_FIELD,
         "severity: must be a string, not an array"},
        {SLICE(CASE("\"case_number\":true")), ERR_FIELD, "case_number: must be a string, not a bo"},
        {SLICE(CASE("\"subject\":\"t\"")), ERR_JSON, "duplicate object key"},
        {SLICE(CASE("\"other\":{\"a\":1,\"a\":1}")), ERR_JSON, "duplicate object key"},
        {SLICE("{\"subject\":\"s\"} {}"), ERR_JSON, "end of file expected"},
        {SLICE("{\"subject\":\"s\",}"), ERR_JSON, "line 1"},
        {SLICE("{subject:\"s\"}"), ERR_JSON, "line 1"},
        {SLICE("{'subject':'s'}"), ERR_JSON, "line 1"},
        {SLICE("{\"subject\":\"s\" // no\n}"), ERR_JSON, "line 1"},
        {SLICE("{\"subject\":NaN}"), ERR_JSON, "line 1"},
        {SLICE("{\n\"subject\"\n\"s\"}"), ERR_JSON, "line 3"},
        {SLICE("{\"subject\":\"a\nb\"}"), ERR_JSON, "line 1"},
        {SLICE("{\"subject\":\"a\tb\"}"), ERR_JSON, "control character"},
        {SLICE("{\"subject\":\"a\0b\"}"), ERR_JSON, "control character 0x0"},
        {SLICE("{\"subject\":\"s\"}\0"), ERR_JSON, "line 1"},
        {SLICE("\0{\"subject\":\"s\"}"), ERR_JSON, "line 1"},
        {SLICE("{\"subject\":\"\\ud800\"}"), ERR_JSON, "line 1, column"},
        {SLICE("{\"subject\":\"\\ud800x\"}"), ERR_JSON, "line 1, column"},
        {SLICE("{\"subject\":\"\\udc00\"}"), ERR_JSON, "line 1, column"},
        {SLICE("{\"subject\":\"\\ud800\\u0041\"}"), ERR_JSON, "line 1, column"},
        {SLICE("{\"subject\":\"\\x41\"}"), ERR_JSON, "line 1, column"},
        {SLICE("{\"subject\":\"\\u0\xD2\x99\xCE\xB7\"}"), ERR_JSON, "invalid escape near"},
        {SLICE("{\"subject\":\"\\u12g4\"}"), ERR_JSON, "line 1, column"},
        {SLICE("\xEF\xBB\xBF{\"subject\":\"s\"}"), ERR_JSON, "line 1"},
        {SLICE("{\"subject\":\n\"gr\xFC\"}"), ERR_UTF8, "line 2"},
        {SLICE("{\"subject\":\"\xED\xA0\x80\"}"), ERR_UTF8, "line 1"},
        {SLICE("{\"subject\":\"\xC0\x80\"}"), ERR_UTF8, "line 1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error err;
        struct json_case json = {.root = (void *)&err};
        /* exact, so that ASan sees reading beyond */
        char *text = malloc(rows[i].text.size + 1);
        assert_non_null(text);
        memcpy(text + 1, rows[i].text.data, rows[i].text.size);
        struct slice bytes = {text + 1, rows[i].text.size};
        if (json_case_open(&json, bytes, &err) != rows[i].code)
            fail_msg("row %zu: %s", i, err.detail);
        assert_true(utf8_valid(slice_of(err.detail), NULL)); /* it is sent back in JSON */
        if (strstr(err.detail, rows[i].why) == NULL)
            fail_msg("row %zu: '%s' is not in '%s'", i, rows[i].why, err.detail);
        assert_ptr_equal(json.root, &err); /* untouched */
        free(text);
    }
}

/* Each beginning of a case is told to be unfinished, so that a reader can wait for more. */
static void beginnings_are_unfinished(void **state)
{
    (void)state;
    struct slice text = SLICE("{\"subject\":\"a \\n\",\"o\":[15,{}]}");
    for (size_t size = 1; size < text.size; size++) {
        struct error err;
        json_t *root = NULL;
        bool unfinished = false;
        assert_int_not_equal(json_parse(&root, (struct slice){text.data, size}, &unfinished, &err),
                             ERR_NONE);
        assert_null(root);
        /* jansson takes half an escape for a wrong one */
        if (!unfinished && text.data[size - 1] != '\\')
            fail_msg("after %zu bytes: %s", size, err.detail);
    }
    struct error err;
    json_t *root;
    bool unfinished = true;
    assert_fine(json_parse(&root, text, &unfinished, &err), &err);
    assert_false(unfinished);
    json_decref(root);
    unfinished = true;
    assert_fails(json_parse(&root, SLICE("{]"), &unfinished, &err), ERR_JSON, "line 1", &err);
    assert_false(unfinished);
}

static enum error_code nested(size_t levels, char open, struct error *err)
{
    size_t size = 2 * levels;
    char *text = malloc(size);
    json_t *root;
    assert_non_null(text);
    memset(text, open, levels);
    memset(text + levels, open + 2, levels); /* ] and } stand two after [ and { */
    enum error_code code = json_parse(&root, (struct slice){text, size}, NULL, err);
    if (code == ERR_NONE) json_decref(root);
    free(text);
    return code;
}

static void depth_has_a_bound(void **state)
{
    (void)state;
    struct error err;
    assert_fine(nested(JSON_DEPTH_MAX, '[', &err), &err);
    assert_fails(nested(JSON_DEPTH_MAX + 1, '[', &err), ERR_JSON,
                 "line 1, byte 17: nested deeper than 16 levels", &err);
    assert_fails(nested(10000, '[', &err), ERR_JSON, "nested deeper", &err);
    assert_fails(nested(10000000, '{', &err), ERR_JSON, "nested deeper", &err);
}

/* Brackets in strings do not count, whatever is escaped; the line is that of the bracket. */
static void only_brackets_outside_strings_nest(void **state)
{
    (void)state;
    struct error err;
    struct json_case json;
    struct slice fine =
        SLICE(CASE("\"description\":\"[[[[[[[[[[[[[[[[[[[[[[[[\\\"{{{{{{{{{{{{{{{{\","
                   "\"a\":\"\\\\\",\"b\":[[]],\"c\":[[]]"));
    assert_fine(json_case_open(&json, fine, &err), &err);
    json_case_close(&json);
    struct slice deep = SLICE("{\"a\":\"\\\\\",\n\"b\":\n[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}");
    assert_fails(json_case_open(&json, deep, &err), ERR_JSON, "line 3, byte", &err);
    assert_int_equal(err.line, 3);
    /* closing more than was opened must not make room for more */
    struct slice odd = SLICE("]]]]]]]]]][[[[[[[[[[[[[[[[[");
    json_t *root;
    assert_fails(json_parse(&root, odd, NULL, &err), ERR_JSON, "nested deeper", &err);
    assert_fails(json_parse(&root, SLICE("]]}}[["), NULL, &err), ERR_JSON, "line 1, column", &err);
}

static void labels_are_taken_where_asked(void **state)
{
    (void)state;
    struct error err;
    struct case_text text;
    struct slice label = SLICE("kept");
    json_t *value = json_pack("{s:s, s:s}", "subject", "s", "sbr", "Kernel");
    assert_fine(json_case_of(&text, &label, value, NULL, &err), &err);
    assert_true(slice_equal(label, SLICE("Kernel")));
    assert_true(slice_equal(text.field[CASE_SUBJECT], SLICE("s")));
    json_object_del(value, "sbr");
    assert_fine(json_case_of(&text, &label, value, NULL, &err), &err);
    assert_int_equal(label.size, 0);
    json_object_set_new(value, "sbr", json_integer(5));
    assert_fine(json_case_of(&text, NULL, value, NULL, &err), &err); /* a member like any other */
    text.field[CASE_SUBJECT] = label = SLICE("kept");
    assert_fails(json_case_of(&text, &label, value, NULL, &err), ERR_FIELD,
                 "sbr: must be a string, not a number", &err);
    assert_true(slice_equal(label, SLICE("kept")));
    assert_true(slice_equal(text.field[CASE_SUBJECT], SLICE("kept")));
    json_decref(value);
}

static void a_text_too_long_is_refused(void **state)
{
    (void)state;
    struct error err;
    struct json_case json;
    size_t size = TEXT_CODE_POINTS_MAX + sizeof "{\"subject\":\"\"}" - 1;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 'x', size + 1);
    memcpy(text, "{\"subject\":\"", 12);
    memcpy(text + size - 2, "\"}", 2);
    assert_fine(json_case_open(&json, (struct slice){text, size}, &err), &err);
    json_case_close(&json);
    memcpy(text + size - 2, "x\"}", 3);
    assert_fails(json_case_open(&json, (struct slice){text, size + 1}, &err), ERR_TEXT_LONG,
                 "subject makes the case longer", &err);
    free(text);
}

static void strings_are_written_and_read_again(void **state)
{
    (void)state;
    char all[400];
    struct writer raw = writer_of(all, sizeof all);
    for (int c = 0; c < 128; c++) writer_char(&raw, (char)c);
    writer_text(&raw, "\xC3\xA4\xE2\x80\xA8\xF0\x9F\x98\x80\\u0041\"");
    char text[2000];
    struct writer writer = writer_of(text, sizeof text);
    json_put(&writer, writer_slice(&raw));
    assert_false(writer.cut);
    struct error err;
    json_t *value;
    assert_fine(json_parse(&value, writer_slice(&writer), NULL, &err), &err);
    assert_true(slice_equal((struct slice){json_string_value(value), json_string_length(value)},
                            writer_slice(&raw)));
    json_decref(value);

    static const char *rows[][2] = {{"", "\"\""},
                                    {"a", "\"a\""},
                                    {"\n\r\t\b\f\x01", "\"\\n\\r\\t\\b\\f\\u0001\""},
                                    {"\"\\", "\"\\\"\\\\\""},
                                    {"/\x7F", "\"/\x7F\""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        writer = writer_of(text, sizeof text);
        json_put(&writer, slice_of(rows[i][0]));
        assert_true(slice_equal(writer_slice(&writer), slice_of(rows[i][1])));
    }
    writer = writer_of(text, sizeof text);
    json_put(&writer, (struct slice){NULL, 0});
    assert_true(slice_equal(writer_slice(&writer), SLICE("\"\"")));
}

static void writing_stays_inside(void **state)
{
    (void)state;
    for (size_t size = 0; size < 20; size++) {
        char *text = malloc(size + 1);
        assert_non_null(text);
        text[size] = '#';
        struct writer writer = writer_of(text, size);
        json_put(&writer, SLICE("ab\x01\"\n\0z"));
        assert_int_equal(text[size], '#');
        assert_true(writer.used <= size);
        assert_true(writer.cut); /* 21 bytes are wanted */
        free(text);
    }
}

/* jansson's memory goes through malloc; here it can be made to fail. */
static void *take_or_fail(size_t size) { return fault_hit() ? NULL : malloc(size); }

static enum error_code open_and_close(void *context, struct error *err)
{
    struct json_case json = {.root = context};
    struct slice text = SLICE(CASE("\"description\":\"a\\u00e4\",\"x\":[1,2.5,{\"y\":null}]"));
    enum error_code code = json_case_open(&json, text, err);
    if (code == ERR_NONE) {
        json_case_close(&json);
    } else {
        assert_ptr_equal(json.root, context);
        /* jansson takes a string that it can not store for a wrong token; all else is memory */
        if (strstr(err->detail, " near '\"") == NULL) assert_int_equal(code, ERR_MEMORY);
    }
    return code;
}

static void every_failing_allocation_is_told(void **state)
{
    (void)state;
    json_set_alloc_funcs(take_or_fail, free);
    long failures = fail_walk(open_and_close, NULL);
    json_set_alloc_funcs(malloc, free);
    assert_true(failures > 10);
}

/* In a room of its own nothing is taken from the heap, and what does not fit is told as that,
 * at every size of the room. */
static void a_room_is_all_there_is(void **state)
{
    (void)state;
    static _Alignas(16) char room[16 * 1024];
    struct slice text = SLICE(CASE("\"description\":\"a\\u00e4\",\"x\":[1,2.5,{\"y\":null}]"));
    struct error err;
    struct json_case json;
    bool fits = false;
    for (size_t size = 0; size <= sizeof room; size += 16) {
        json_room(room, size);
        enum error_code code = json_case_open(&json, text, &err);
        if (code == ERR_NONE) {
            const char *at = json.text.field[CASE_DESCRIPTION].data;
            assert_true(at >= room && at < room + size);
            json_case_close(&json);
            fits = true;
        } else {
            assert_false(fits);
            assert_int_equal(code, ERR_BODY_LONG);
        }
    }
    assert_true(fits);
    json_room(NULL, 0);
    assert_fine(json_case_open(&json, text, &err), &err);
    json_case_close(&json);
}

/* A long string grows by doubling; the room for that is a small multiple of it. */
static void a_long_text_needs_little_room(void **state)
{
    (void)state;
    enum { TEXT = 100000, ROOM = 5 * TEXT + 4096 };
    char *text = malloc(TEXT), *room = malloc(ROOM);
    struct error err;
    struct json_case json;
    memset(text, 'x', TEXT);
    memcpy(text, "{\"subject\":\"", 12);
    memcpy(text + TEXT - 2, "\"}", 2);
    json_room(room, ROOM);
    assert_fine(json_case_open(&json, (struct slice){text, TEXT}, &err), &err);
    json_case_close(&json);
    json_room(NULL, 0);
    free(room);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_eight_strings),
        cmocka_unit_test(absent_and_null_are_empty),
        cmocka_unit_test(escapes_are_characters),
        cmocka_unit_test(what_is_no_case),
        cmocka_unit_test(beginnings_are_unfinished),
        cmocka_unit_test(depth_has_a_bound),
        cmocka_unit_test(only_brackets_outside_strings_nest),
        cmocka_unit_test(labels_are_taken_where_asked),
        cmocka_unit_test(a_text_too_long_is_refused),
        cmocka_unit_test(strings_are_written_and_read_again),
        cmocka_unit_test(writing_stays_inside),
        cmocka_unit_test(every_failing_allocation_is_told),
        cmocka_unit_test(a_room_is_all_there_is),
        cmocka_unit_test(a_long_text_needs_little_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
