/* log_test.c - one line an event, one write, cut where it is too long. */
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "fail.h"

static char said[4096];

/* What a line looks like on standard error. */
static const char *line_of(enum log_level level, const char *text, const char *journal)
{
    int pipe_[2], keep = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipe_), 0);
    if (journal != NULL)
        setenv("JOURNAL_STREAM", journal, 1);
    else
        unsetenv("JOURNAL_STREAM");
    dup2(pipe_[1], STDERR_FILENO);
    log_line(level, "%s", text);
    dup2(keep, STDERR_FILENO);
    close(keep);
    close(pipe_[1]);
    ssize_t got = read(pipe_[0], said, sizeof said - 1);
    close(pipe_[0]);
    assert_true(got > 0);
    said[got] = '\0';
    return said;
}

static void says_its_level(void **state)
{
    (void)state;
    assert_string_equal(line_of(LOG_LEVEL_ERROR, "gone", NULL), "error: gone\n");
    assert_string_equal(line_of(LOG_LEVEL_WARNING, "odd", NULL), "warning: odd\n");
    assert_string_equal(line_of(LOG_LEVEL_INFO, "ready", NULL), "ready\n");
    assert_string_equal(line_of(LOG_LEVEL_ERROR, "gone", "8:1"), "<3>gone\n");
    assert_string_equal(line_of(LOG_LEVEL_INFO, "", "8:1"), "<6>\n");
}

static void a_line_for_later_is_the_same(void **state)
{
    (void)state;
    char line[32];
    static const char *const journals[] = {NULL, "8:1"};
    for (size_t i = 0; i < 2; i++) {
        const char *wanted = line_of(LOG_LEVEL_ERROR, "gone", journals[i]);
        size_t size = log_write(line, sizeof line, LOG_LEVEL_ERROR, "%s", "gone");
        assert_int_equal(size, strlen(wanted));
        assert_memory_equal(line, wanted, size);
    }
    unsetenv("JOURNAL_STREAM");
    assert_int_equal(log_write(line, 12, LOG_LEVEL_ERROR, "%s", "far too long"), 11);
    assert_memory_equal(line, "error: far\n", 11);
}

static void cuts_a_long_line(void **state)
{
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t size = 1000; size < 1040; size++) {
        text[size] = '\0';
        const char *line = line_of(LOG_LEVEL_INFO, text, NULL);
        size_t length = strlen(line);
        assert_true(length <= 1024);
        assert_int_equal(line[length - 1], '\n');
        assert_int_equal(strspn(line, "x"), length - 1);
        assert_true(length - 1 == size || length >= 1000);
        text[size] = 'x';
    }
    assert_true(strlen(line_of(LOG_LEVEL_ERROR, text, NULL)) <= 1024);
}

/* A label of a model, say, must not look like the service's own words. */
static void stays_one_line_whatever_it_quotes(void **state)
{
    (void)state;
    assert_string_equal(line_of(LOG_LEVEL_ERROR, "no 'a\nready\r\t\x1B[31m\x7F'", "8:1"),
                        "<3>no 'a?ready???[31m?'\n");
    assert_string_equal(line_of(LOG_LEVEL_INFO, "\xC2\x9B \xC2\xA0 \xC3\x9B \xC2", NULL),
                        "?? \xC2\xA0 \xC3\x9B \xC2\n");
}

static void survives_a_closed_standard_error(void **state)
{
    (void)state;
    int keep = dup(STDERR_FILENO);
    close(STDERR_FILENO);
    log_line(LOG_LEVEL_ERROR, "nobody listens");
    dup2(keep, STDERR_FILENO);
    close(keep);
    assert_string_equal(line_of(LOG_LEVEL_INFO, "again", NULL), "again\n");
}

static size_t read_all(int fd)
{
    ssize_t got = read(fd, said, sizeof said - 1);
    assert_true(got >= 0);
    said[got] = '\0';
    return (size_t)got;
}

/* Waiting for a reader, each of these calls would hang. */
static void a_line_that_nobody_reads_is_lost_and_told_later(void **state)
{
    (void)state;
    char text[1000], wanted[200];
    unsigned long lost = 0;
    int pipe_[2], keep = dup(STDERR_FILENO);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(pipe(pipe_), 0);
    assert_true(fcntl(pipe_[1], F_SETPIPE_SZ, 4096) >= 4096);
    unsetenv("JOURNAL_STREAM");
    alarm(120);
    dup2(pipe_[1], STDERR_FILENO);
    for (int i = 0; i < 100; i++) log_line(LOG_LEVEL_INFO, "%s", text);
    bool put = log_put("full\n", 5);
    size_t written = read_all(pipe_[0]);
    log_line(LOG_LEVEL_ERROR, "again");
    dup2(keep, STDERR_FILENO);
    alarm(0);
    assert_false(put);
    assert_true(written >= sizeof text && written % sizeof text == 0);
    lost = 100 - written / sizeof text;
    read_all(pipe_[0]);
    snprintf(wanted, sizeof wanted,
             "warning: lost %lu lines of the log: nobody read standard error\nerror: again\n",
             lost);
    assert_string_equal(said, wanted);
    assert_string_equal(line_of(LOG_LEVEL_INFO, "told once", NULL), "told once\n");
    for (int i = 0; i < 2; i++) close(pipe_[i]);
    close(keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_its_level),
        cmocka_unit_test(a_line_for_later_is_the_same),
        cmocka_unit_test(cuts_a_long_line),
        cmocka_unit_test(stays_one_line_whatever_it_quotes),
        cmocka_unit_test(survives_a_closed_standard_error),
        cmocka_unit_test(a_line_that_nobody_reads_is_lost_and_told_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
