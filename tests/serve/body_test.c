/* body_test.c - bodies in pieces, read where they lie, in a region that may be full. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/body.h"

#include "base/fault.h"
#include "base/writer.h"
#include "help.h"
#include "text/json.h"

enum { MOST = 64 * 1024 };

static struct body_store opened(size_t kept)
{
    struct body_store store;
    struct error err = {0};
    assert_fine(body_store_open(&store, kept, MOST, 0, &err), &err);
    assert_int_equal(store.kept.size + store.reading.size, body_store_bytes(kept, MOST, 0));
    return store;
}

static void assert_free(struct region *region)
{
    void *all = region_take(region, region->size - REGION_ALIGN);
    assert_non_null(all);
    region_give(region, all);
}

static void assert_nothing_held(struct body_store *store)
{
    assert_free(&store->kept);
    assert_free(&store->reading);
}

static void send_in(struct body *body, struct body_store *store, const char *text, size_t piece)
{
    struct error err = {0};
    size_t size = strlen(text);
    for (size_t at = 0; at < size; at += piece)
        assert_fine(body_add(body, store, text + at, size - at < piece ? size - at : piece, &err),
                    &err);
    assert_int_equal(body->used, size);
}

/* Escapes make texts shorter than they were in the JSON; none may overlap another. */
static void a_case_is_read_from_any_pieces(void **state)
{
    (void)state;
    struct body_store store = opened(2 * MOST);
    struct error err = {0};
    for (size_t piece = 1; piece < 200; piece += 13) {
        struct body body = {0};
        struct case_text text;
        send_in(
            &body, &store,
            "{\"version\":\"6.8\",\"subject\":\"a\\u00e4\\n\",\"x\":[1,{}],\"description\":\"d\"}",
            piece);
        assert_fine(body_case(&body, &store, &text, &err), &err);
        assert_true(slice_equal(text.field[CASE_SUBJECT], SLICE("a\xc3\xa4\n")));
        assert_true(slice_equal(text.field[CASE_DESCRIPTION], SLICE("d")));
        assert_true(slice_equal(text.field[CASE_VERSION], SLICE("6.8")));
        assert_int_equal(text.field[CASE_ORIGIN].size, 0);
        assert_int_equal(body.used, 8); /* the texts and nothing else */
        body_give(&body, &store);
        assert_nothing_held(&store);
    }
    body_store_close(&store);
}

/* Such a case lies in the JSON in the JSON's order, and stays there. */
static void a_flat_case_is_not_moved(void **state)
{
    (void)state;
    static const char json[] = "{\"version\":\"6.8\", \"x\":\"y\", \"subject\":\"of it\", "
                               "\"description\":\"a longer one\", \"case_language\":\"en\"}\n";
    struct body_store store = opened(2 * MOST);
    struct error err = {0};
    for (size_t piece = 1; piece < 200; piece += 13) {
        struct body body = {0};
        struct case_text text;
        send_in(&body, &store, json, piece);
        void *held = region_take(&store.reading, store.reading.size - REGION_ALIGN);
        assert_non_null(held); /* nothing is needed of that room */
        assert_fine(body_case(&body, &store, &text, &err), &err);
        region_give(&store.reading, held);
        assert_true(slice_equal(body_slice(&body), slice_of(json)));
        assert_int_equal(body.capacity, body.used);
        assert_true(slice_equal(text.field[CASE_VERSION], SLICE("6.8")));
        assert_true(slice_equal(text.field[CASE_SUBJECT], SLICE("of it")));
        assert_true(slice_equal(text.field[CASE_DESCRIPTION], SLICE("a longer one")));
        assert_true(slice_equal(text.field[CASE_LANGUAGE], SLICE("en")));
        assert_int_equal(text.field[CASE_ORIGIN].size, 0);
        assert_ptr_equal(text.field[CASE_VERSION].data, body.data + strlen("{\"version\":\""));
        body_give(&body, &store);
        assert_nothing_held(&store);
    }
    body_store_close(&store);
}

static void a_reply_has_room_beside_the_body(void **state)
{
    (void)state;
    struct body_store store = opened(2 * MOST);
    struct error err = {0};
    struct body reply = {0}, other = {0};
    assert_fine(body_room(&reply, &store, 3000, &err), &err);
    memset(reply.data, 'x', reply.capacity);
    assert_int_equal(body_room(&other, &store, store.kept.size - 3000, &err), ERR_QUEUE_FULL);
    assert_null(other.data);
    body_give(&reply, &store);
    assert_nothing_held(&store);
    body_store_close(&store);
}

/* The largest body while it grows, and beside it all that its reply may take. */
static void what_lies_beside_a_body_has_room(void **state)
{
    (void)state;
    static char text[MOST];
    struct body_store store;
    struct error err = {0};
    struct body body = {0}, reply = {0};
    assert_fine(body_store_open(&store, 0, MOST, 100000, &err), &err);
    assert_int_equal(store.kept.size + store.reading.size, body_store_bytes(0, MOST, 100000));
    for (size_t at = 0; at < MOST; at += MOST / 16)
        assert_fine(body_add(&body, &store, text, MOST / 16, &err), &err);
    assert_fine(body_room(&reply, &store, MOST + 100000, &err), &err);
    body_give(&reply, &store);
    body_give(&body, &store);
    assert_nothing_held(&store);
    body_store_close(&store);
}

static void a_bad_case_leaves_nothing_behind(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum error_code code;
    } rows[] = {
        {"[1]", ERR_FIELD}, {"{\"subject\":", ERR_JSON}, {"{\"subject\":\"\"}", ERR_EMPTY_CASE}};
    struct body_store store = opened(2 * MOST);
    struct error err;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct body body = {0};
        struct case_text text;
        send_in(&body, &store, rows[i].body, 4);
        assert_int_equal(body_case(&body, &store, &text, &err), rows[i].code);
        assert_memory_equal(body.data, rows[i].body, body.used);
        body_give(&body, &store);
        assert_nothing_held(&store);
    }
    struct body none = {0};
    struct case_text text;
    assert_int_equal(body_case(&none, &store, &text, &err), ERR_JSON);
    body_give(&none, &store);
    body_store_close(&store);
}

/* The longest body is read beside others that wait, in the room that is planned for it. */
static void the_longest_body_has_room(void **state)
{
    (void)state;
    static char text[MOST + 1];
    struct body_store store = opened(4 * MOST);
    struct error err = {0};
    struct body waiting = {0}, body = {0};
    struct case_text found;
    memset(text, 'x', MOST);
    memcpy(text, "{\"subject\":\"\\n", 14); /* not flat.h's */
    memcpy(text + MOST - 2, "\"}", 2);
    send_in(&waiting, &store, text, 1000);
    assert_fine(body_case(&waiting, &store, &found, &err), &err);
    send_in(&body, &store, text, 1000);
    assert_fails(body_add(&body, &store, "x", 1, &err), ERR_BODY_LONG, "more than 65536", &err);
    assert_fine(body_case(&body, &store, &found, &err), &err);
    assert_int_equal(found.field[CASE_SUBJECT].size, MOST - 15);
    void *held = region_take(&store.reading, 5 * MOST);
    assert_non_null(held);
    struct body third = {0};
    assert_fine(body_add(&third, &store, text, MOST, &err), &err);
    assert_fails(body_case(&third, &store, &found, &err), ERR_QUEUE_FULL, "hold the room", &err);
    region_give(&store.reading, held);
    assert_fine(body_case(&third, &store, &found, &err), &err);
    body_give(&waiting, &store);
    body_give(&third, &store);
    body_give(&body, &store);
    assert_nothing_held(&store);
    body_store_close(&store);
}

/* Members are dear: many of them are read where a body of the most bytes could be, and
 * refused beyond that. */
static void many_members_are_bounded(void **state)
{
    (void)state;
    static char text[MOST];
    struct body_store store = opened(4 * MOST);
    struct error err = {0};
    for (int members = 100; members <= 10000; members *= 100) {
        struct writer writer = writer_of(text, sizeof text - 1);
        struct body body = {0};
        struct case_text found;
        writer_text(&writer, "{\"subject\":\"s\",\"x\":[");
        for (int i = 1; i < members; i++) writer_text(&writer, "[],");
        writer_text(&writer, "[]]}");
        text[writer.used] = '\0';
        assert_false(writer.cut);
        send_in(&body, &store, text, 5000);
        enum error_code code = body_case(&body, &store, &found, &err);
        assert_int_equal(code, members == 100 ? ERR_NONE : ERR_BODY_LONG);
        body_give(&body, &store);
        assert_nothing_held(&store);
    }
    body_store_close(&store);
}

static void a_full_store_is_told(void **state)
{
    (void)state;
    static char text[MOST];
    struct body_store store = opened(4096); /* more, so that a body of the most bytes fits */
    struct error err = {0};
    struct body fits[3] = {0}, over = {0};
    for (int i = 0; i < 3; i++) {
        assert_fine(body_add(&fits[i], &store, text, MOST - 1, &err), &err);
        assert_fine(body_add(&fits[i], &store, text, 1, &err), &err);
    }
    assert_fails(body_add(&over, &store, text, MOST, &err), ERR_QUEUE_FULL, "hold the room", &err);
    assert_null(over.data);
    body_give(&over, &store);
    for (int i = 0; i < 3; i++) body_give(&fits[i], &store);
    assert_nothing_held(&store);
    body_store_close(&store);
}

static void what_cannot_be_had_is_told(void **state)
{
    (void)state;
    struct body_store store;
    struct error err = {0};
    for (long nth = 1; nth <= 2; nth++) {
        fault_arm(nth);
        assert_fails(body_store_open(&store, MOST, MOST, 0, &err), ERR_MEMORY, "could not be had",
                     &err);
    }
    fault_arm(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_case_is_read_from_any_pieces),
        cmocka_unit_test(a_flat_case_is_not_moved),
        cmocka_unit_test(a_reply_has_room_beside_the_body),
        cmocka_unit_test(what_lies_beside_a_body_has_room),
        cmocka_unit_test(a_bad_case_leaves_nothing_behind),
        cmocka_unit_test(the_longest_body_has_room),
        cmocka_unit_test(many_members_are_bounded),
        cmocka_unit_test(a_full_store_is_told),
        cmocka_unit_test(what_cannot_be_had_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
