/* log_test.c - one line an event, one write, cut where it is too long. */
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <sys/stat.h>

#include "fail.h"

static char said[4096];

/* What JOURNAL_STREAM names, as systemd.exec(5) has it. */
enum journal { NONE, OURS, ANOTHER };

static void name_journal(enum journal journal)
{
    struct stat own;
    char name[64];
    assert_int_equal(fstat(STDERR_FILENO, &own), 0);
    snprintf(name, sizeof name, "%ju:%ju", (uintmax_t)own.st_dev,
             (uintmax_t)own.st_ino + (journal == ANOTHER));
    setenv("JOURNAL_STREAM", name, 1);
    if (journal == NONE) unsetenv("JOURNAL_STREAM");
}

static int begin_capture(int pipe_[2], enum journal journal)
{
    int keep = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipe_), 0);
    dup2(pipe_[1], STDERR_FILENO);
    name_journal(journal);
    return keep;
}

static void end_capture(int keep)
{
    dup2(keep, STDERR_FILENO);
    close(keep);
}

/* What a line looks like on standard error. */
static const char *line_of(enum log_level level, const char *text, enum journal journal)
{
    int pipe_[2], keep = begin_capture(pipe_, journal);
    log_line(level, "%s", text);
    end_capture(keep);
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
    assert_string_equal(line_of(LOG_LEVEL_ERROR, "gone", NONE), "error: gone\n");
    assert_string_equal(line_of(LOG_LEVEL_WARNING, "odd", NONE), "warning: odd\n");
    assert_string_equal(line_of(LOG_LEVEL_INFO, "ready", NONE), "ready\n");
    assert_string_equal(line_of(LOG_LEVEL_ERROR, "gone", OURS), "<3>gone\n");
    assert_string_equal(line_of(LOG_LEVEL_INFO, "", OURS), "<6>\n");
    assert_string_equal(line_of(LOG_LEVEL_WARNING, "odd", ANOTHER), "warning: odd\n");
    assert_string_equal(line_of(LOG_LEVEL_INFO, "ready", ANOTHER), "ready\n");
}

static void a_line_for_later_is_the_same(void **state)
{
    (void)state;
    char line[32];
    for (enum journal journal = NONE; journal <= ANOTHER; journal++) {
        const char *wanted = line_of(LOG_LEVEL_ERROR, "gone", journal);
        int pipe_[2], keep = begin_capture(pipe_, journal);
        size_t size = log_write(line, sizeof line, LOG_LEVEL_ERROR, "%s", "gone");
        end_capture(keep);
        for (int i = 0; i < 2; i++) close(pipe_[i]);
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
        const char *line = line_of(LOG_LEVEL_INFO, text, NONE);
        size_t length = strlen(line);
        assert_true(length <= 1024);
        assert_int_equal(line[length - 1], '\n');
        assert_int_equal(strspn(line, "x"), length - 1);
        assert_true(length - 1 == size || length >= 1000);
        text[size] = 'x';
    }
    assert_true(strlen(line_of(LOG_LEVEL_ERROR, text, NONE)) <= 1024);
}

/* A label of a model, say, must not look like the service's own words. */
static void stays_one_line_whatever_it_quotes(void **state)
{
    (void)state;
    assert_string_equal(line_of(LOG_LEVEL_ERROR, "no 'a\nready\r\t\x1B[31m\x7F'", OURS),
                        "<3>no 'a?ready???[31m?'\n");
    assert_string_equal(line_of(LOG_LEVEL_INFO, "\xC2\x9B \xC2\xA0 \xC3\x9B \xC2", NONE),
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
    assert_string_equal(line_of(LOG_LEVEL_INFO, "again", NONE), "again\n");
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
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    int pipe_[2], keep = begin_capture(pipe_, NONE);
    assert_true(fcntl(pipe_[1], F_SETPIPE_SZ, 4096) >= 4096);
    alarm(120);
    for (int i = 0; i < 100; i++) log_line(LOG_LEVEL_INFO, "%s", text);
    bool put = log_put("full\n", 5);
    size_t written = read_all(pipe_[0]);
    log_line(LOG_LEVEL_ERROR, "again");
    end_capture(keep);
    alarm(0);
    assert_false(put);
    assert_true(written >= sizeof text && written % sizeof text == 0);
    unsigned long lost = 100 - written / sizeof text;
    read_all(pipe_[0]);
    snprintf(wanted, sizeof wanted,
             "warning: lost %lu lines of the log: nobody read standard error\nerror: again\n",
             lost);
    assert_string_equal(said, wanted);
    assert_string_equal(line_of(LOG_LEVEL_INFO, "told once", NONE), "told once\n");
    for (int i = 0; i < 2; i++) close(pipe_[i]);
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
