/* batch_test.c - arrays and lines of cases, good and bad, told in order within the bound. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/batch.h"

#include <jansson.h>

#include "../answer/imported.h"

enum { MOST = 64 * 1024, CASES = 8 };

struct fixture {
    struct answer_model model;
    struct answer_context context;
    struct body_store store;
    struct body body;
    size_t sent;
};

static void assert_free(struct region *region)
{
    void *all = region_take(region, region->size - REGION_ALIGN);
    assert_non_null(all);
    region_give(region, all);
}

static enum error_code read_batch(struct fixture *fixture, struct batch *batch, struct slice sent,
                                  bool lines, struct error *err)
{
    fixture->sent = sent.size;
    if (sent.size > 0)
        assert_fine(body_add(&fixture->body, &fixture->store, sent.data, sent.size, err), err);
    return batch_read(batch, &fixture->body, &fixture->store, lines, CASES, err);
}

static void give(struct fixture *fixture, struct batch *batch)
{
    batch_give(batch, &fixture->store);
    body_give(&fixture->body, &fixture->store);
    assert_free(&fixture->store.kept);
    assert_free(&fixture->store.reading);
}

/* The reply, which the caller frees; never longer than was said before. */
static json_t *answered(struct fixture *fixture, struct batch *batch, bool brief)
{
    static char room[1 << 20];
    size_t bound = batch_bound(batch, detail_bound(&fixture->model), fixture->sent);
    assert_in_range(bound, 1, sizeof room);
    for (size_t i = 0; i < batch->asked; i++) {
        struct answer answer;
        answer_case(&fixture->context, &batch->cases[i].text, &answer);
        assert_int_equal(batch_take(batch, &batch->cases[i], &answer, NULL), i == batch->asked - 1);
    }
    struct writer writer = writer_of(room, bound);
    batch_write(batch, brief, &writer);
    json_error_t error;
    if (!batch->lines) {
        json_t *root = json_loadb(room, writer.used, JSON_ALLOW_NUL, &error);
        assert_non_null(root);
        return root;
    }
    json_t *root = json_array();
    for (char *at = room; at < room + writer.used;) {
        char *end = memchr(at, '\n', (size_t)(room + writer.used - at));
        assert_non_null(end);
        json_array_append_new(root, json_loadb(at, (size_t)(end - at), JSON_ALLOW_NUL, &error));
        at = end + 1;
    }
    return root;
}

static const char *string_at(const json_t *item, const char *key)
{
    const char *text = json_string_value(json_object_get(item, key));
    return text != NULL ? text : "(none)";
}

static void assert_fault(const json_t *item, const char *number, const char *code, int line,
                         const char *words)
{
    const json_t *error = json_object_get(item, "error");
    assert_string_equal(string_at(item, "case_number"), number);
    assert_string_equal(string_at(error, "code"), code);
    assert_int_equal(json_integer_value(json_object_get(error, "line")), line);
    if (strstr(string_at(error, "detail"), words) == NULL)
        fail_msg("no '%s' in '%s'", words, string_at(error, "detail"));
}

/* Six cases, three of which can be answered, in both forms. */
static const char *const mixed[] = {
    "{\"case_number\":\"1\\u00e4\\\"\",\"subject\":\"the printer\",\"x\":[{}]}",
    "{\"case_number\":\"2\",\"subject\":7}",
    "{\"case_number\":\"3\",\"subject\":\"\\n\\t\\u0001\",\"description\":\"disk is full\"}",
    "[\"no\\u0000case\"]",
    "{\"case_number\":5,\"subject\":\"\"}",
    "{\"description\":\"and again\"}",
};
enum { MIXED = sizeof mixed / sizeof *mixed };

static void assert_mixed(struct fixture *fixture, struct batch *batch, int step)
{
    assert_int_equal(batch->count, MIXED);
    assert_int_equal(batch->asked, 3);
    json_t *items = answered(fixture, batch, false);
    assert_int_equal(json_array_size(items), MIXED);
    for (size_t i = 0; i < batch->asked; i++) {
        struct answer answer;
        const json_t *item = json_array_get(items, batch->place[i]);
        answer_case(&fixture->context, &batch->cases[i].text, &answer);
        struct slice label = answer_label(&fixture->model, answer.best);
        assert_true(slice_equal(slice_of(string_at(item, "predicted_sbr")), label));
        assert_non_null(json_object_get(item, "decision_id"));
        assert_null(json_object_get(item, "error"));
    }
    assert_string_equal(string_at(json_array_get(items, 0), "case_number"), "1\xc3\xa4\"");
    assert_fault(json_array_get(items, 1), "2", "invalid-field", 1 * step + 1, "subject");
    assert_string_equal(string_at(json_array_get(items, 2), "case_number"), "3");
    assert_fault(json_array_get(items, 3), "", "invalid-field", 3 * step + 1, "an array");
    assert_fault(json_array_get(items, 4), "", "invalid-field", 4 * step + 1, "case_number");
    assert_string_equal(string_at(json_array_get(items, 5), "case_number"), "");
    struct error err;
    assert_false(batch_failed(batch, &err));
    json_decref(items);
}

static void an_array_is_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct batch batch;
    char text[4000];
    struct writer writer = writer_of(text, sizeof text);
    for (size_t i = 0; i < MIXED; i++) {
        writer_text(&writer, i == 0 ? "[" : " ,\n");
        writer_text(&writer, mixed[i]);
    }
    writer_char(&writer, ']');
    assert_fine(read_batch(fixture, &batch, writer_slice(&writer), false, &err), &err);
    assert_mixed(fixture, &batch, 1);
    give(fixture, &batch);
}

/* Blank lines and both ends of lines; the last has none. */
static void lines_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct batch batch;
    char text[4000];
    struct writer writer = writer_of(text, sizeof text);
    for (size_t i = 0; i < MIXED; i++) {
        if (i > 0) writer_text(&writer, i % 2 ? "\r\n \n" : "\n\n");
        writer_text(&writer, mixed[i]);
    }
    assert_fine(read_batch(fixture, &batch, writer_slice(&writer), true, &err), &err);
    assert_mixed(fixture, &batch, 2);
    give(fixture, &batch);
}

static void a_broken_line_spoils_no_other(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct batch batch;
    static const char text[] = "{\"subject\":\"a\"}\n"
                               "{\"subject\":\n"
                               "{\"case_number\":\"3\",\"subject\":\"\xc3(\"}\n"
                               "{\"subject\":\"a\",\"subject\":\"b\"}\n"
                               "[[[[[[[[[[[[[[[[[[[[\n"
                               "{\"subject\":\"b\"} {\"subject\":\"c\"}\n"
                               "{\"case_number\":\"7\",\"subject\":\"c\"}";
    assert_fine(read_batch(fixture, &batch, (struct slice){text, sizeof text - 1}, true, &err),
                &err);
    assert_int_equal(batch.count, 7);
    assert_int_equal(batch.asked, 2);
    json_t *items = answered(fixture, &batch, true);
    assert_non_null(json_object_get(json_array_get(items, 0), "predicted_sbr"));
    assert_null(json_object_get(json_array_get(items, 0), "confidence"));
    assert_fault(json_array_get(items, 1), "", "invalid-json", 2, "line 2, column");
    assert_fault(json_array_get(items, 2), "", "invalid-utf8", 3, "line 3, column");
    assert_fault(json_array_get(items, 3), "", "invalid-json", 4, "line 4, column");
    assert_fault(json_array_get(items, 4), "", "invalid-json", 5, "line 5, byte");
    assert_fault(json_array_get(items, 5), "", "invalid-json", 6, "line 6, column");
    assert_string_equal(string_at(json_array_get(items, 6), "case_number"), "7");
    json_decref(items);
    give(fixture, &batch);
}

static void nothing_at_all_is_answered_with_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct batch batch;
    for (int lines = 0; lines <= 1; lines++) {
        struct slice empty = lines ? SLICE(" \n\r\n") : SLICE("[]");
        assert_fine(read_batch(fixture, &batch, empty, lines, &err), &err);
        assert_int_equal(batch.count, 0);
        assert_false(batch_failed(&batch, &err));
        json_t *items = answered(fixture, &batch, false);
        assert_int_equal(json_array_size(items), 0);
        json_decref(items);
        give(fixture, &batch);
    }
    assert_fine(read_batch(fixture, &batch, SLICE(""), true, &err), &err);
    give(fixture, &batch);
}

static void what_is_no_batch_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct batch batch = {0};
    char nine[200], lines[200];
    struct writer array = writer_of(nine, sizeof nine), line = writer_of(lines, sizeof lines);
    for (int i = 0; i <= CASES; i++) {
        writer_text(&array, i == 0 ? "[{}" : ",{}");
        writer_text(&line, "{}\n");
    }
    writer_char(&array, ']');
    const struct {
        struct slice text;
        bool lines;
        enum error_code code;
    } rows[] = {
        {SLICE(""), false, ERR_JSON},
        {SLICE("{\"subject\":\"a\"}"), false, ERR_FIELD},
        {SLICE("[{\"subject\":\"a\"}"), false, ERR_JSON},
        {SLICE("[{\"subject\":\"a\"},]"), false, ERR_JSON},
        {writer_slice(&array), false, ERR_BATCH_LONG},
        {writer_slice(&line), true, ERR_BATCH_LONG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(read_batch(fixture, &batch, rows[i].text, rows[i].lines, &err),
                         rows[i].code);
        assert_null(batch.items);
        give(fixture, &batch);
    }
}

static void a_full_store_refuses_the_whole(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct batch batch = {0};
    static const char text[] = "{\"subject\":\"a\"}";
    for (int i = 0; i < 2; i++) {
        struct region *region = i == 0 ? &fixture->store.kept : &fixture->store.reading;
        assert_fine(body_add(&fixture->body, &fixture->store, text, sizeof text - 1, &err), &err);
        /* All of it, in ever smaller pieces. */
        void *held[64];
        size_t count = 0;
        for (size_t size = region->size; size >= REGION_ALIGN && count < 64;) {
            held[count] = region_take(region, size);
            if (held[count] != NULL)
                count++;
            else
                size /= 2;
        }
        assert_int_equal(batch_read(&batch, &fixture->body, &fixture->store, true, CASES, &err),
                         ERR_QUEUE_FULL);
        assert_null(batch.items);
        while (count > 0) region_give(region, held[--count]);
        give(fixture, &batch);
    }
}

static void refusals_of_the_service_are_told(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0}, late, told;
    struct batch batch;
    error_fill(&late, ERR_DEADLINE, 0, "the case waited 3 s");
    static const char text[] = "[{\"subject\":\"a\"},{\"subject\":\"\"},{\"subject\":\"b\"}]";
    for (int answers = 0; answers <= 1; answers++) {
        struct answer answer;
        assert_fine(read_batch(fixture, &batch, slice_of(text), false, &err), &err);
        assert_int_equal(batch.asked, 2);
        assert_false(batch_take(&batch, &batch.cases[1], NULL, &late)); /* in any order */
        answer_case(&fixture->context, &batch.cases[0].text, &answer);
        const struct answer *first = answers ? &answer : NULL;
        assert_true(batch_take(&batch, &batch.cases[0], first, answers ? NULL : &late));
        assert_int_equal(batch_failed(&batch, &told), !answers);
        if (!answers) assert_int_equal(told.code, ERR_DEADLINE);
        char room[8000];
        struct writer writer = writer_of(room, sizeof room);
        batch_write(&batch, true, &writer);
        json_error_t error;
        json_t *items = json_loadb(room, writer.used, 0, &error);
        assert_fault(json_array_get(items, 2), "", "deadline", 3, "waited 3 s");
        assert_fault(json_array_get(items, 1), "", "empty-case", 2, "");
        json_decref(items);
        give(fixture, &batch);
    }
}

/* Numbers of the characters that grow most, as long as the body lets them be. */
static void the_bound_holds_for_the_longest_numbers(void **state)
{
    struct fixture *fixture = *state;
    struct error err = {0};
    struct batch batch;
    static char text[MOST];
    struct writer writer = writer_of(text, sizeof text);
    for (int i = 0; i < CASES; i++) {
        writer_text(&writer, "{\"case_number\":\"");
        for (int c = 0; c < 1200; c++) writer_text(&writer, i % 2 ? "\\u0000" : "\\b");
        writer_text(&writer, i % 3 ? "\",\"subject\":\"s\"}\n" : "\",\"subject\":\"\"}\n");
    }
    assert_false(writer.cut);
    assert_fine(read_batch(fixture, &batch, writer_slice(&writer), true, &err), &err);
    json_t *items = answered(fixture, &batch, false);
    for (size_t i = 0; i < CASES; i++) {
        const json_t *item = json_array_get(items, i);
        assert_int_equal(json_string_length(json_object_get(item, "case_number")), 1200);
    }
    json_decref(items);
    give(fixture, &batch);
}

static int open_fixture(void **state)
{
    static struct fixture fixture;
    struct error err;
    const char *path = imported_write(true);
    assert_fine(answer_open(&fixture.model, path, NULL, &err), &err);
    unlink(path);
    assert_fine(answer_begin(&fixture.context, &fixture.model, &err), &err);
    assert_fine(body_store_open(&fixture.store, 2 * MOST, MOST, batch_bytes(CASES), &err), &err);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    body_store_close(&fixture->store);
    answer_end(&fixture->context);
    answer_close(&fixture->model);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_array_is_answered_in_order),
        cmocka_unit_test(lines_are_answered_in_order),
        cmocka_unit_test(a_broken_line_spoils_no_other),
        cmocka_unit_test(nothing_at_all_is_answered_with_nothing),
        cmocka_unit_test(what_is_no_batch_is_refused),
        cmocka_unit_test(a_full_store_refuses_the_whole),
        cmocka_unit_test(refusals_of_the_service_are_told),
        cmocka_unit_test(the_bound_holds_for_the_longest_numbers),
    };
    return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
