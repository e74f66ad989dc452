/* feed_test.c - the same cases as CSV, JSON Lines, or one object, from a file or a pipe. */
// SPDX-License-Identifier: Apache-2.0
#include "text/feed.h"

#include "base/limits.h"
#include "base/writer.h"
#include "stream.h"

static int source = -1;

/* A file that holds text, as a path. */
static const char *path_of(struct slice text)
{
    static char path[64];
    source = stream_of(text);
    snprintf(path, sizeof path, "/proc/self/fd/%d", source);
    return path;
}

static struct feed *open_labelled(struct slice text, bool need_label)
{
    struct error err;
    struct feed *feed;
    assert_fine(feed_open(&feed,
                          &(struct feed_options){.path = path_of(text), .need_label = need_label},
                          &err),
                &err);
    assert_int_equal(feed_size(feed), text.size);
    return feed;
}

static struct feed *open_fine(struct slice text) { return open_labelled(text, false); }

static void shut(struct feed *feed)
{
    feed_close(feed);
    close(source);
}

static void assert_case(struct feed *feed, size_t line, const char *subject)
{
    struct error err;
    struct csv_row row;
    bool end = true;
    assert_fine(feed_next(feed, &row, &end, &err), &err);
    assert_false(end);
    if (row.fault.code != ERR_NONE) fail_msg("%s", row.fault.detail);
    struct slice got = row.text.field[CASE_SUBJECT];
    if (!slice_equal(got, slice_of(subject)))
        fail_msg("'%.*s' instead of '%s'", (int)got.size, got.data, subject);
    assert_int_equal(row.line, line);
}

static void assert_bad(struct feed *feed, enum error_code code, size_t line, const char *why)
{
    struct error err;
    struct csv_row row;
    bool end = true;
    assert_fine(feed_next(feed, &row, &end, &err), &err);
    assert_false(end);
    assert_fails(row.fault.code, code, why, &row.fault);
    assert_int_equal(row.fault.line, line);
}

static void assert_end(struct feed *feed)
{
    for (int i = 0; i < 2; i++) {
        struct error err;
        struct csv_row row = {.line = 4711};
        bool end = false;
        assert_fine(feed_next(feed, &row, &end, &err), &err);
        assert_true(end);
        assert_int_equal(row.line, 4711);
    }
}

static void the_first_character_tells_the_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t line;
    } rows[] = {
        {"{\"subject\":\"a\"}", 1},
        {"{\"subject\":\"a\"}\n", 1},
        {"\xEF\xBB\xBF{\"subject\":\"a\"}", 1},
        {"\r\n\n \t {\"subject\":\"a\"}\r\n\r\n", 3},
        {"\xEF\xBB\xBF\n{\"subject\":\"a\"}", 2},
        {"{\n  \"subject\": \"a\"\n}\n", 1},
        {"\n{\"subject\":\n\n\"a\"\n}", 2},
        {"{\"subject\":\"a\",\"x\":\n{\"y\":\n1}}", 1},
        {"subject\na\n", 2},
        {"\xEF\xBB\xBFsubject\na\n", 2},
        {"\n\nsubject\na\n", 4},
        {"\"subject\"\na", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct feed *feed = open_fine(slice_of(rows[i].text));
        assert_case(feed, rows[i].line, "a");
        assert_end(feed);
        assert_int_equal(feed_consumed(feed), strlen(rows[i].text));
        shut(feed);
    }
}

/* As pandas writes it, and jq without -c. */
static void an_array_is_told_from_csv(void **state)
{
    (void)state;
    static const char *arrays[] = {"[{\"subject\":\"a\"}]", "\xEF\xBB\xBF \n[\r\n\t {\n", "[]",
                                   "[ \n]\n"};
    struct error err;
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        struct feed *feed = (void *)&source;
        struct feed_options options = {.path = path_of(slice_of(arrays[i]))};
        assert_fails(feed_open(&feed, &options, &err), ERR_JSON,
                     "a JSON array, where one object a line is wanted; jq -c '.[]'", &err);
        assert_ptr_equal(feed, &source); /* untouched */
        close(source);
    }
    static const char *columns[] = {"[1],subject\n2,a\n", "[,subject\n2,a\n"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        struct feed *feed = open_fine(slice_of(columns[i]));
        assert_case(feed, 2, "a");
        assert_end(feed);
        shut(feed);
    }
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    static const struct slice texts[] = {
        {"PK\3\4\24\0\n", 7}, {"\xFF\xFEs\0\n\0", 6}, {"\x1F\x8B", 2}};
    struct error err;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct feed *feed = (void *)&source;
        struct feed_options options = {.path = path_of(texts[i])};
        assert_fails(feed_open(&feed, &options, &err), ERR_FORM, ": this is ", &err);
        assert_ptr_equal(feed, &source); /* untouched */
        close(source);
    }
}

static void a_bad_line_is_one_bad_case(void **state)
{
    (void)state;
    struct feed *feed = open_fine(SLICE("{\"subject\":\"a\"}\n"
                                        "{\"subject\":\"b\n"
                                        "\n"
                                        "{\"subject\":3}\n"
                                        "nonsense\n"
                                        "{\"subject\":\"gr\xFC\"}\n"
                                        "[]\n"
                                        "{\"subject\":\"c\",\"version\":null}\r\n"
                                        "{\"version\":\"c\"}\n"
                                        "{\"subject\":\"d\"} {\"subject\":\"e\"}\n"
                                        "{\"subject\":\"a\0b\"}\n"
                                        "\0\n"
                                        "{\"subject\":\"f\"}"));
    assert_case(feed, 1, "a");
    assert_bad(feed, ERR_JSON, 2, ": line 2, column 13: ");
    assert_bad(feed, ERR_FIELD, 4, ": line 4: subject: must be a string, not a number");
    assert_bad(feed, ERR_JSON, 5, ": line 5, column ");
    assert_bad(feed, ERR_UTF8, 6, ": line 6, column ");
    assert_bad(feed, ERR_FIELD, 7, "not an array");
    assert_case(feed, 8, "c");
    assert_bad(feed, ERR_EMPTY_CASE, 9, "line 9: subject and description are both empty");
    assert_bad(feed, ERR_JSON, 10, "line 10, column ");
    assert_bad(feed, ERR_JSON, 11, "control character 0x0");
    assert_bad(feed, ERR_JSON, 12, "line 12, column ");
    assert_case(feed, 13, "f");
    assert_end(feed);
    shut(feed);
}

/* A first line that only stops too early must not take the other cases with it. */
static void a_bad_first_line_is_one_bad_case_too(void **state)
{
    (void)state;
    static const char *firsts[] = {"{\"subject\":\"x", "{\"subject\":\"x\"", "{", "{\"subject\":"};
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        char text[200];
        int size = snprintf(text, sizeof text, "\n%s\n\n{\"subject\":\"a\"}\n{\"subject\":\"b\"}\n",
                            firsts[i]);
        struct feed *feed = open_fine((struct slice){text, (size_t)size});
        assert_bad(feed, ERR_JSON, 2, ": line 2, column ");
        assert_case(feed, 4, "a");
        assert_case(feed, 5, "b");
        assert_end(feed);
        shut(feed);
    }
}

static void a_bad_object_over_lines_is_one_bad_case(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
        enum error_code code;
        size_t line;
    } rows[] = {
        {"{\n\"subject\": \"a\",\n\"version\" 3,\n\"x\": 1\n}\n", ": line 3, column ", ERR_JSON, 3},
        {"\n\n{\n\"subject\": \"a\",\n\"subject\": \"b\"\n}\n", ": line 5, column ", ERR_JSON, 5},
        {"{\n\"subject\": \"a\"\n", ": line 3, column 1", ERR_JSON, 3},
        {"{\n\"subject\": 3\n}", ": line 1: subject: must be a string", ERR_FIELD, 1},
        {"{\"subject\":\n{\"a\":1}}", ": line 1: subject: must be a string", ERR_FIELD, 1},
        {"{\"subject\":\"a", ": line 1, column ", ERR_JSON, 1},
        {"{\n\"subject\": \"gr\xFC\"\n}", ": line 2, column ", ERR_UTF8, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct feed *feed = open_fine(slice_of(rows[i].text));
        assert_bad(feed, rows[i].code, rows[i].line, rows[i].why);
        assert_end(feed);
        shut(feed);
    }
}

static void a_bad_case_keeps_its_number(void **state)
{
    (void)state;
    struct error err;
    struct csv_row row;
    bool end;
    struct feed *feed = open_fine(SLICE("{\"subject\":1,\"case_number\":\"0042\"}\n"));
    assert_fine(feed_next(feed, &row, &end, &err), &err);
    assert_int_equal(row.fault.code, ERR_FIELD);
    assert_true(slice_equal(row.text.field[CASE_NUMBER], SLICE("0042")));
    shut(feed);
}

static void labels_are_needed_where_asked(void **state)
{
    (void)state;
    struct error err;
    struct csv_row row;
    bool end;
    static const char *texts[] = {"subject,sbr\na,\nb,Kernel\n",
                                  "\n{\"subject\":\"a\"}\n{\"subject\":\"b\",\"sbr\":\"Kernel\"}"};
    for (size_t i = 0; i < 2; i++) {
        struct feed *feed = open_labelled(slice_of(texts[i]), true);
        assert_bad(feed, ERR_FIELD, 2, "is empty");
        assert_fine(feed_next(feed, &row, &end, &err), &err);
        assert_int_equal(row.fault.code, ERR_NONE);
        assert_true(slice_equal(row.label, SLICE("Kernel")));
        assert_end(feed);
        shut(feed);
        feed = open_labelled(slice_of(texts[i]), false);
        assert_case(feed, 2, "a");
        shut(feed);
    }
}

static void nothing_is_an_empty_csv(void **state)
{
    (void)state;
    static const char *texts[] = {"", "\n", "\xEF\xBB\xBF", "a"};
    for (size_t i = 0; i < 4; i++) {
        struct error err;
        struct feed *feed = NULL;
        assert_int_equal(
            feed_open(&feed, &(struct feed_options){.path = path_of(slice_of(texts[i]))}, &err),
            ERR_CSV);
        assert_null(feed);
        close(source);
    }
    feed_close(NULL); /* harmless */
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct error err;
    struct feed *feed = NULL;
    assert_fails(feed_open(&feed, &(struct feed_options){.path = "no/such"}, &err), ERR_NO_INPUT,
                 "no/such: No such file", &err);
    assert_fails(feed_open(&feed, &(struct feed_options){.path = test_folder()}, &err),
                 ERR_NO_INPUT, "Is a directory", &err);
    assert_null(feed);
}

/* A pipe that a thread fills, by its path. */
static struct feed *open_stream(struct stream *stream)
{
    struct error err;
    struct feed *feed;
    static char path[64];
    stream_open(stream);
    snprintf(path, sizeof path, "/proc/self/fd/%d", stream->fd);
    assert_fine(feed_open(&feed, &(struct feed_options){.path = path}, &err), &err);
    assert_int_equal(feed_size(feed), 0); /* not known */
    return feed;
}

static void shut_stream(struct feed *feed, struct stream *stream)
{
    feed_close(feed);
    stream_close(stream);
}

static void pieces_make_no_difference(void **state)
{
    (void)state;
    static const char *texts[] = {"\xEF\xBB\xBF \n{\"subject\":\"a\"}\n{\"subject\":\"b\"}",
                                  "\n  \n{\"subject\":\"a\"}\r\n{\"subject\":\"b\"}\n",
                                  "\xEF\xBB\xBFsubject\n\"a\"\nb"};
    for (size_t i = 0; i < 3; i++) {
        struct stream stream = {.head = slice_of(texts[i]), .apart = strlen(texts[i])};
        struct feed *feed = open_stream(&stream);
        assert_case(feed, i == 1 ? 3 : 2, "a");
        assert_case(feed, i == 1 ? 4 : 3, "b");
        assert_end(feed);
        assert_int_equal(feed_consumed(feed), strlen(texts[i]));
        shut_stream(feed, &stream);
    }
    for (size_t apart = 1; apart <= 2; apart++) {
        struct stream stream = {.head = SLICE("[ {"), .apart = apart};
        stream_open(&stream);
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", stream.fd);
        struct error err;
        struct feed *feed;
        assert_fails(feed_open(&feed, &(struct feed_options){.path = path}, &err), ERR_JSON,
                     "a JSON array", &err);
        stream_close(&stream);
    }
}

/* A pipe may give one byte and then a chunk: both together are more than a chunk. */
static void a_slow_start_is_no_obstacle(void **state)
{
    (void)state;
    enum { ROWS = 500, ROW = 1000, SIZE = 8 + ROWS * ROW };
    char *text = malloc(SIZE);
    assert_non_null(text);
    memset(text, 'x', SIZE);
    memcpy(text, "subject\n", 8);
    for (size_t i = 1; i <= ROWS; i++) memcpy(text + 8 + i * ROW - 3, "\na\n", 3);
    for (size_t apart = 0; apart < 4; apart++) {
        struct stream stream = {.head = {text, SIZE}, .apart = apart};
        struct feed *feed = open_stream(&stream);
        for (size_t i = 0; i < ROWS; i++) {
            struct error err;
            struct csv_row row;
            bool end;
            assert_fine(feed_next(feed, &row, &end, &err), &err);
            assert_false(end);
            assert_int_equal(row.text.field[CASE_SUBJECT].size, ROW - 3);
            assert_case(feed, 3 + 2 * i, "a");
        }
        assert_end(feed);
        assert_int_equal(feed_consumed(feed), SIZE);
        shut_stream(feed, &stream);
    }
    free(text);
}

static void a_dash_is_standard_input(void **state)
{
    (void)state;
    int keep = dup(STDIN_FILENO);
    int fd = stream_of(SLICE("{\"subject\":\"a\"}\n"));
    assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    struct error err;
    struct feed *feed;
    assert_fine(feed_open(&feed, &(struct feed_options){.path = "-"}, &err), &err);
    assert_case(feed, 1, "a");
    assert_end(feed);
    feed_close(feed);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0); /* stays open */
    if (keep >= 0) dup2(keep, STDIN_FILENO);
    if (keep >= 0) close(keep);
}

/* A line without end is dropped as it comes; the next one is read. */
static void a_line_too_long_is_one_bad_case(void **state)
{
    (void)state;
    enum { PIECE = 64 * 1024 };
    char *piece = malloc(PIECE);
    assert_non_null(piece);
    memset(piece, 'x', PIECE);
    struct stream stream = {.head = SLICE("{\"subject\":\"a\"}\n{\"subject\":\""),
                            .piece = {piece, PIECE},
                            .count = 500,
                            .tail = SLICE("\"}\n{\"subject\":\"b\"}\n")};
    struct feed *feed = open_stream(&stream);
    assert_case(feed, 1, "a");
    assert_bad(feed, ERR_JSON, 2, ": line 2: longer than 8388608 bytes");
    assert_case(feed, 3, "b");
    assert_end(feed);
    shut_stream(feed, &stream);

    /* also as the only line, whatever is left of it at the end */
    for (size_t left = 0; left < 3; left++) {
        memset(piece, 'x', PIECE);
        piece[0] = '{';
        stream = (struct stream){
            .piece = {piece, PIECE}, .count = FEED_LINE_MAX / PIECE + 1, .tail = {piece, left}};
        feed = open_stream(&stream);
        assert_bad(feed, ERR_JSON, 1, ": line 1: longer than 8388608 bytes");
        assert_end(feed);
        shut_stream(feed, &stream);
    }
    free(piece);
}

/* The first line stops too early and much follows: an object too large, or other cases. */
static void a_first_line_cut_short_before_much_else(void **state)
{
    (void)state;
    enum { PIECE = 64 * 1024 };
    char *piece = malloc(PIECE);
    assert_non_null(piece);
    memset(piece, ' ', PIECE);
    piece[0] = '\n';
    piece[1] = '1';
    piece[2] = ',';
    struct stream stream = {
        .head = SLICE("{\"a\":["), .piece = {piece, PIECE}, .count = 500, .tail = SLICE("1]}")};
    struct feed *feed = open_stream(&stream);
    struct error err;
    struct csv_row row = {.line = 4711};
    bool end = true;
    assert_fails(feed_next(feed, &row, &end, &err), ERR_JSON, "a JSON object of more than", &err);
    assert_int_equal(row.line, 4711);
    assert_true(end);
    shut_stream(feed, &stream);

    memcpy(piece, "\n{\"subject\":\"c\"}", 16);
    stream =
        (struct stream){.head = SLICE("{\"subject\":\"a"), .piece = {piece, PIECE}, .count = 200};
    feed = open_stream(&stream);
    assert_bad(feed, ERR_JSON, 1, ": line 1, column ");
    for (size_t i = 0; i < 200; i++) assert_case(feed, 2 + i, "c");
    assert_end(feed);
    shut_stream(feed, &stream);
    free(piece);
}

static enum error_code read_all(void *context, struct error *err)
{
    struct slice *text = context;
    struct feed *feed = (void *)text;
    enum error_code code = feed_open(&feed, &(struct feed_options){.path = path_of(*text)}, err);
    if (code != ERR_NONE) {
        assert_ptr_equal(feed, context);
        close(source);
        return code;
    }
    for (;;) {
        struct csv_row row = {.line = 4711};
        bool end = false;
        code = feed_next(feed, &row, &end, err);
        if (code != ERR_NONE || end) assert_int_equal(row.line, 4711);
        if (code != ERR_NONE) assert_false(end);
        if (code != ERR_NONE || end) break;
        assert_int_equal(row.fault.code, ERR_NONE);
    }
    shut(feed);
    return code;
}

static void every_failing_operation_is_told(void **state)
{
    (void)state;
    struct slice texts[] = {SLICE("subject\na\nb\n"), SLICE("{\"subject\":\"a\"}\n"),
                            SLICE("{\n\"subject\":\"a\"\n}\n")};
    for (size_t i = 0; i < 3; i++) assert_true(fail_walk(read_all, &texts[i]) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_character_tells_the_form),
        cmocka_unit_test(an_array_is_told_from_csv),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(a_bad_line_is_one_bad_case),
        cmocka_unit_test(a_bad_first_line_is_one_bad_case_too),
        cmocka_unit_test(a_bad_object_over_lines_is_one_bad_case),
        cmocka_unit_test(a_bad_case_keeps_its_number),
        cmocka_unit_test(labels_are_needed_where_asked),
        cmocka_unit_test(nothing_is_an_empty_csv),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(a_slow_start_is_no_obstacle),
        cmocka_unit_test(a_dash_is_standard_input),
        cmocka_unit_test(a_line_too_long_is_one_bad_case),
        cmocka_unit_test(a_first_line_cut_short_before_much_else),
        cmocka_unit_test(every_failing_operation_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
