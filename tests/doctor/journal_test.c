/* journal_test.c - the incident's log and its kin: formats, interleaving, bounds, damage.
 *
 * Covers needles.c, logline.c, traceback.c and causes.c through the lines they read.
 */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include <errno.h>
#include <unistd.h>

#include "doctor/causes.h"
#include "doctor/journal.h"
#include "doctor/needles.h"

#define LOGS "tests/doctor/logs/"

static struct journal *opened(void)
{
    struct journal *journal;
    struct error err = {0};
    assert_fine(journal_open(&journal, &err), &err);
    return journal;
}

static struct journal *read_text(const char *text)
{
    struct journal *journal = opened();
    while (*text != '\0') {
        size_t size = strcspn(text, "\n");
        journal_line(journal, (struct slice){text, size});
        text += size + (text[size] == '\n');
    }
    journal_end(journal);
    return journal;
}

static const struct journal_group *only_group(const struct journal *journal, enum journal_kind kind)
{
    const struct journal_group *found = NULL;
    for (size_t i = 0; i < journal_group_count(journal); i++)
        if (journal_group(journal, i)->kind == kind) {
            if (found != NULL) fail_msg("two groups of %s", journal_kind_name(kind));
            found = journal_group(journal, i);
        }
    if (found == NULL) fail_msg("no group of %s", journal_kind_name(kind));
    return found;
}

static void the_incident_is_named(void **state)
{
    (void)state;
    struct journal *journal = opened();
    struct error err = {0};
    struct finding_list list;
    assert_fine(journal_read(journal, LOGS "incident.log", &err), &err);
    journal_end(journal);
    const struct journal_group *group = only_group(journal, JOURNAL_FORK_REFUSED);
    assert_int_equal(group->count, 1);
    assert_string_equal(group->first, "Dec 11 14:27:24");
    assert_string_equal(group->traceback.file, "predict2.py");
    assert_string_equal(group->traceback.function, "predict_ulmfit");
    assert_string_equal(group->traceback.error, "OSError");
    assert_fine(finding_list_open(&list, &err), &err);
    causes_findings(journal, "incident.log", &list);
    finding_sort(&list);
    assert_string_equal(
        list.items[0].title,
        "forks inside a request: `tokenize_df` at predict2.py:95, 12 Cannot allocate "
        "memory; tokenize in process");
    assert_string_equal(list.items[1].title, "1 of 1 requests failed (100.0 %)");
    assert_int_equal(finding_status(&list), 2);
    finding_list_close(&list);
    journal_close(journal);
}

/* The same traceback under the prefixes of other collectors. */
static void prefixes_are_known(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Traceback (most recent call last):",
        "  File \"/srv/app/views.py\", line 12, in answer",
        "    tokenize_df(df)",
        "  File \"/usr/lib/python3/dist-packages/fastai/text/core.py\", line 217, in tokenize_df",
        "    self.pid = os.fork()",
        "OSError: [Errno 12] Cannot allocate memory",
    };
    static const struct {
        const char *before, *after, *stamp;
    } prefixes[] = {
        {"", "", ""},
        {"Dec 11 14:27:25 host app[77]: ", "", "Dec 11 14:27:25"},
        {"2020-12-11T14:27:25+0000 host app[77]: ", "", "2020-12-11T14:27:25"},
        {"2020-12-11T14:27:25.123456789Z stderr F ", "", "2020-12-11T14:27:25"},
        {"sbr_1  | ", "", ""},
        {"[2020-12-11 14:27:25 +0000] [9] [ERROR] ", "", "2020-12-11 14:27:25"},
        {"", "\r", ""},
    };
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++) {
        struct journal *journal = opened();
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
            char line[512];
            snprintf(line, sizeof line, "%s%s%s", prefixes[p].before, lines[i], prefixes[p].after);
            journal_line(journal, slice_of(line));
        }
        journal_end(journal);
        const struct journal_group *group = only_group(journal, JOURNAL_FORK_REFUSED);
        assert_string_equal(group->first, prefixes[p].stamp);
        assert_int_equal(group->traceback.line_number, 12);
        assert_string_equal(group->traceback.call, "tokenize_df");
        assert_true(group->traceback.tokenizes);
        assert_false(group->traceback.in_request);
        journal_close(journal);
    }
}

static void docker_json_is_unescaped(void **state)
{
    (void)state;
    struct journal *journal = read_text(
        "{\"log\":\"Traceback (most recent call "
        "last):\\n\",\"stream\":\"stderr\",\"time\":\"2020-12-11T14:27:25.1Z\"}\n"
        "{\"log\":\"  File \\\"/srv/app/a.py\\\", line 7, in "
        "\\u003cmodule\\u003e\\n\",\"stream\":\"stderr\",\"time\":\"2020-12-11T14:27:25.1Z\"}\n"
        "{\"log\":\"MemoryError\\n\",\"stream\":\"stderr\",\"time\":\"2020-12-11T14:27:26.1Z\"}\n");
    const struct journal_group *group = only_group(journal, JOURNAL_NO_MEMORY);
    assert_string_equal(group->traceback.file, "a.py");
    assert_string_equal(group->traceback.function, "<module>");
    assert_string_equal(group->first, "2020-12-11T14:27:25");
    journal_close(journal);
}

/* Two workers write at once: each has a traceback of its own. */
static void interleaved_tracebacks_are_told_apart(void **state)
{
    (void)state;
    struct journal *journal = read_text(
        "Dec 11 14:27:25 host app[1]: Traceback (most recent call last):\n"
        "Dec 11 14:27:25 host app[2]: Traceback (most recent call last):\n"
        "Dec 11 14:27:25 host app[1]:   File \"/srv/one.py\", line 1, in first\n"
        "Dec 11 14:27:25 host app[2]:   File \"/srv/two.py\", line 2, in second\n"
        "Dec 11 14:27:25 host kernel: Memory cgroup out of memory: Killed process 9 (gunicorn)\n"
        "Dec 11 14:27:26 host app[2]: KeyError: 'a customer wrote this'\n"
        "Dec 11 14:27:26 host app[1]: RuntimeError: can't start new thread\n");
    assert_string_equal(only_group(journal, JOURNAL_EXCEPTION)->traceback.file, "two.py");
    assert_string_equal(only_group(journal, JOURNAL_THREAD_REFUSED)->traceback.file, "one.py");
    assert_int_equal(only_group(journal, JOURNAL_OOM_GROUP)->count, 1);
    json_t *json = journal_json(journal);
    char *text = json_dumps(json, 0);
    assert_null(strstr(text, "customer"));
    free(text);
    json_decref(json);
    journal_close(journal);
}

static void lines_have_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum journal_kind kind;
    } cases[] = {
        {"[2024-01-02 03:04:05 +0000] [1] [CRITICAL] WORKER TIMEOUT (pid:12)",
         JOURNAL_WORKER_TIMEOUT},
        {"[2024-01-02 03:04:05 +0000] [1] [ERROR] Worker (pid:12) was sent SIGKILL! Perhaps out of "
         "memory?",
         JOURNAL_WORKER_KILLED},
        {"[2024-01-02 03:04:05 +0000] [12] [INFO] Booting worker with pid: 12",
         JOURNAL_WORKER_BOOT},
        {"gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>",
         JOURNAL_BOOT_FAILED},
        {"[ 8123.4] Out of memory: Killed process 77 (python3) total-vm:1kB", JOURNAL_OOM_HOST},
        {"Jan 02 03:04:05 h kernel: Memory cgroup out of memory: Kill process 77 (python3)",
         JOURNAL_OOM_GROUP},
        {"[Tue Jan  2 03:04:05 2024] cgroup: fork rejected by pids controller in /docker/ab",
         JOURNAL_PIDS_REFUSED},
        {"h kernel: __vm_enough_memory: pid: 7, comm: python3, bytes: 6442450944 not enough memory "
         "for the allocation",
         JOURNAL_PROMISE_REFUSED},
        {"Jan 02 03:04:05 h systemd[1]: a.service: Failed with result 'oom-kill'.",
         JOURNAL_UNIT_OOM},
        {"Jan 02 03:04:05 h systemd[1]: a.service: A process of this unit has been killed by the "
         "OOM killer.",
         JOURNAL_UNIT_OOM},
        {"Jan 02 03:04:05 h systemd[1]: a.service: Main process exited, code=killed, status=9/KILL",
         JOURNAL_UNIT_KILLED},
        {"Jan 02 03:04:05 h systemd[1]: a.service: Failed with result 'watchdog'.",
         JOURNAL_UNIT_WATCHDOG},
        {"Jan 02 03:04:05 h systemd[1]: a.service: Start request repeated too quickly.",
         JOURNAL_UNIT_LOOP},
        {"container sbr exited with code 137", JOURNAL_CONTAINER_OOM},
        {"-bash: fork: retry: Resource temporarily unavailable", JOURNAL_SHELL_FORK},
        {"bash: fork: Cannot allocate memory", JOURNAL_SHELL_FORK},
        {"RuntimeError: DataLoader worker (pid 9) is killed by signal: Bus error.",
         JOURNAL_BUS_ERROR},
        {"A process in the process pool was terminated abruptly while the future was running",
         JOURNAL_POOL_BROKEN},
        {"redis: Can't save: Cannot allocate memory", JOURNAL_NO_MEMORY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct journal *journal = read_text(cases[i].line);
        if (journal_group_count(journal) != 1) fail_msg("not one group: %s", cases[i].line);
        if (journal_group(journal, 0)->kind != cases[i].kind)
            fail_msg("%s for: %s", journal_kind_name(journal_group(journal, 0)->kind),
                     cases[i].line);
        if (cases[i].kind == JOURNAL_PROMISE_REFUSED)
            assert_int_equal(journal_group(journal, 0)->bytes, 6442450944);
        journal_close(journal);
    }
}

static void requests_are_counted(void **state)
{
    (void)state;
    struct journal *journal = read_text(
        "10.0.0.1 - - [11/Dec/2020:14:27:25 +0000] \"POST /classifier/sbr HTTP/1.1\" 200 28\n"
        "10.0.0.1 - - [11/Dec/2020:14:27:26 +0000] \"POST /classifier/sbr HTTP/1.1\" 500 265\n"
        "10.0.0.1 - - [11/Dec/2020:14:27:27 +0000] \"POST /classifier/sbr HTTP/1.1\" 429 12\n"
        "10.0.0.1 - - [11/Dec/2020:14:27:27 +0000] \"GET / HTTP/2\" 503 0\n"
        "speaking of HTTP/1.1 is not a request\n");
    assert_int_equal(journal_totals(journal)->requests, 4);
    assert_int_equal(journal_totals(journal)->failed, 2);
    journal_close(journal);
}

/* More places than there is room for, and lines no one wrote on purpose. */
static void damage_is_survived(void **state)
{
    (void)state;
    struct journal *journal = opened();
    for (int i = 0; i < 3 * JOURNAL_GROUPS_MAX; i++) {
        char text[256];
        int size = snprintf(text, sizeof text, "  File \"/srv/%d.py\", line %d, in f", i, i);
        journal_line(journal, SLICE("Traceback (most recent call last):"));
        journal_line(journal, (struct slice){text, (size_t)size});
        journal_line(journal, SLICE("ValueError: x"));
    }
    assert_int_equal(journal_group_count(journal), JOURNAL_GROUPS_MAX);
    assert_int_equal(journal_totals(journal)->lost_groups, 2 * JOURNAL_GROUPS_MAX);
    static const char *const broken[] = {
        "Traceback (most recent call last):\n  File \"/srv/a.py\", line",
        "Traceback (most recent call last):\n  File \"",
        "Traceback (most recent call last):\nTraceback (most recent call last):\n",
        "{\"log\":\"Traceback (most recent call last):\\",
        "{\"log\":\"\\u00",
        "[",
        "[]",
        "Dec 11 14:27:25",
        "Dec 11 14:27:25 ",
        "2020-12-11T14:27:25",
        "\" HTTP/1.1\" 2",
        " HTTP/1.1\"",
        "\xff\xfe Cannot allocate memory \x80",
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct journal *other = read_text(broken[i]);
        json_t *json = journal_json(other);
        assert_non_null(json);
        json_decref(json);
        journal_close(other);
    }
    journal_line(journal, (struct slice){"a\0b", 3});
    journal_close(journal);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s/long.%d", test_folder(), (int)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 3 * JOURNAL_BUFFER_BYTES; i++) fputc('x', file);
    fputs(" Cannot allocate memory\nOut of memory: Killed process 1 (a)\nno newline at the end",
          file);
    fclose(file);
    struct journal *journal = opened();
    struct error err = {0};
    assert_fine(journal_read(journal, path, &err), &err);
    journal_end(journal);
    assert_int_equal(journal_totals(journal)->lines, 3);
    assert_int_equal(journal_totals(journal)->long_lines, 1);
    assert_int_equal(only_group(journal, JOURNAL_OOM_HOST)->first_line, 2);
    assert_fails(journal_read(journal, "/nowhere/at/all", &err), ERR_NO_INPUT, "/nowhere", &err);
    journal_close(journal);
    remove(path);
}

/* The automaton against strstr, on texts made of the needles' own pieces. */
static void needles_agree_with_strstr(void **state)
{
    (void)state;
    static const char *const needles[] = {"abcab", "cab", "a", "bcabc", "abcabcab", "zz"};
    enum { COUNT = sizeof needles / sizeof needles[0] };
    struct needles machine;
    struct error err = {0};
    assert_fine(needles_open(&machine, needles, COUNT, &err), &err);
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t size = 0;
        for (; size < sizeof text - 1; size++) {
            seed = seed * 1664525 + 1013904223;
            text[size] = "aabbcczq"[seed >> 29];
        }
        text[size] = '\0';
        uint64_t expected = 0;
        for (size_t i = 0; i < COUNT; i++)
            if (strstr(text, needles[i]) != NULL) expected |= UINT64_C(1) << i;
        assert_int_equal(needles_find(&machine, (struct slice){text, size}), expected);
    }
    needles_close(&machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_incident_is_named),
        cmocka_unit_test(prefixes_are_known),
        cmocka_unit_test(docker_json_is_unescaped),
        cmocka_unit_test(interleaved_tracebacks_are_told_apart),
        cmocka_unit_test(lines_have_kinds),
        cmocka_unit_test(requests_are_counted),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(long_lines_are_cut),
        cmocka_unit_test(needles_agree_with_strstr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
