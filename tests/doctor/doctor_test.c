/* doctor_test.c - recorded trees of /proc and /sys, judged by the rule alone.
 *
 * Each folder of tests/doctor/trees holds the files that are read and, in
 * expected.check and expected.fork, what doctor says of them in full. The table
 * below says by hand what must be found in each, so that a golden file written anew
 * (UPDATE_GOLDEN=1) can not make a wrong finding right.
 */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include <jansson.h>

#include "doctor/doctor.h"
#include "doctor/judge.h"

#define TREES "tests/doctor/trees/"

struct expected {
    const char *tree;
    const char *id;
    const char *severity;
    const char *text; /* somewhere in the finding */
};

static const struct expected findings[] = {
    {"bare", "host.overcommit", "fine", "5.2 or later"},
    {"bare", "cgroup.memory", "fine", "unlimited"},
    {"docker-v1", "cgroup.oom", "cause", "killed 2 here"},
    {"docker-v1", "cgroup.memory", "warning", "lowest limit 2.00 GiB"},
    {"docker-v1", "host.overcommit", "note", "before 5.2"},
    {"docker-v1", "host.shm", "note", "64.0 MiB"},
    {"docker-v2", "cgroup.pids", "cause", "refused 31 times"},
    {"docker-v2", "cgroup.oom", "fine", "oom_kill 0"},
    {"docker-v2", "fork.verdict", "note", "1 worker"},
    {"hybrid", "cgroup.hang", "warning", "oom_kill_disable 1"},
    {"hybrid", "cgroup.memory", "fine", "/sys/fs/cgroup/memory/process_api/915365"},
    {"kubernetes", "cgroup.oom", "cause", "killed 9 here"},
    {"kubernetes", "cgroup.oom_group", "note", "1.28"},
    {"kubernetes", "cgroup.throttle", "warning", "18.50 %"},
    {"rhel7", "cgroup.kmem", "cause", "98.2 MiB of 100 MiB"},
    {"rhel7", "host.kernel", "note", "3.x answers ENOMEM"},
    {"rhel8", "host.overcommit", "note", "before or after 5.2"},
    {"nested", "cgroup.memory", "warning", "at /sys/fs/cgroup/ml.slice, of 4 groups"},
    {"nested", "cgroup.pids", "warning", "497 of pids.max 500 at /sys/fs/cgroup/ml.slice"},
    {"hidden", "sight", "note", "/proc/meminfo: No such file"},
    {"hidden", "sight", "note", "/proc/self/smaps: Permission denied"},
    {"hidden", "cgroup.memory", "fine", "512 MiB"},
    {"dead-namespace", "pid.namespace", "cause", "every fork fails with ENOMEM"},
    {"dead-namespace", "fork.verdict", "cause", "pid namespace"},
    {"strict", "host.commit", "cause", "94 %"},
    {"strict", "fork.verdict", "cause", "worker 1 of 1: ENOMEM"},
    {"strict", "limits.space", "warning", "fork is not affected"},
    {"strict", "host.huge", "warning", "4.00 GiB"},
    {"mappings", "host.maps", "cause", "8 mappings of at most 8"},
    {"mappings", "limits.files", "warning", "open 12"},
    {"incident-mode0-old", "host.overcommit", "warning", "430 MiB in one mapping"},
    {"incident-mode1", "host.overcommit", "fine", "never refused"},
};

static const char *const trees[] = {
    "bare",
    "docker-v1",
    "docker-v2",
    "hybrid",
    "kubernetes",
    "rhel7",
    "rhel8",
    "nested",
    "hidden",
    "dead-namespace",
    "strict",
    "mappings",
    "incident-mode0-old",
    "incident-mode0-new",
    "incident-mode1",
    "incident-mode2",
};

typedef enum error_code command(const struct doctor_options *options,
                                const struct doctor_output *output, int *out_status,
                                struct error *err);

/* What a command prints; the caller frees it. */
static char *printed(command *run, const struct doctor_options *options, bool json, int *out_status)
{
    char *text = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    assert_non_null(memory);
    struct doctor_output output = {.to = memory, .json = json};
    struct error err = {0};
    assert_fine(run(options, &output, out_status, &err), &err);
    fclose(memory);
    return text;
}

static char *text_of(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) return NULL;
    char *text = calloc(1, 65536);
    assert_non_null(text);
    size_t used = fread(text, 1, 65535, file);
    assert_true(used < 65535);
    fclose(file);
    return text;
}

static void same_as_golden(const char *path, const char *text)
{
    if (getenv("UPDATE_GOLDEN") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
        return;
    }
    char *expected = text_of(path);
    if (expected == NULL) fail_msg("%s is missing", path);
    if (strcmp(expected, text) != 0)
        fail_msg("%s says:\n%s\nbut this was said:\n%s", path, expected, text);
    free(expected);
}

static void trees_as_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++) {
        char folder[128], path[160];
        int status = -1;
        snprintf(folder, sizeof folder, TREES "%s", trees[i]);
        struct doctor_options options = {.root = folder, .simulate = -1};
        char *text = printed(doctor_check, &options, false, &status);
        snprintf(path, sizeof path, "%s/expected.check", folder);
        same_as_golden(path, text);
        free(text);
        options.simulate = INT64_C(6) << 30;
        options.workers = 2;
        text = printed(doctor_fork, &options, false, &status);
        snprintf(path, sizeof path, "%s/expected.fork", folder);
        same_as_golden(path, text);
        free(text);
    }
}

static const json_t *finding_of(const json_t *report, const char *id)
{
    size_t i;
    const json_t *finding;
    json_array_foreach(json_object_get(report, "findings"), i,
                       finding) if (strcmp(json_string_value(json_object_get(finding, "id")), id) ==
                                    0) return finding;
    return NULL;
}

static json_t *json_of(command *run, const struct doctor_options *options, int *out_status)
{
    char *text = printed(run, options, true, out_status);
    json_error_t place;
    json_t *json = json_loads(text, 0, &place);
    if (json == NULL) fail_msg("%s in %s", place.text, text);
    free(text);
    return json;
}

static void findings_are_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof findings / sizeof findings[0]; i++) {
        const struct expected *wanted = &findings[i];
        char folder[128];
        int status;
        snprintf(folder, sizeof folder, TREES "%s", wanted->tree);
        struct doctor_options options = {.root = folder, .simulate = -1};
        json_t *report = json_of(doctor_check, &options, &status);
        const json_t *finding = finding_of(report, wanted->id);
        if (finding == NULL) fail_msg("%s: no finding %s", wanted->tree, wanted->id);
        char *text = json_dumps(finding, 0);
        const char *severity = json_string_value(json_object_get(finding, "severity"));
        if (strcmp(severity, wanted->severity) != 0 || strstr(text, wanted->text) == NULL)
            fail_msg("%s: wanted %s with '%s', got %s", wanted->tree, wanted->severity,
                     wanted->text, text);
        free(text);
        json_decref(report);
    }
}

/* The incident's host, 6 GiB on the heap, one worker: four truths. */
static void the_incident_in_four_modes(void **state)
{
    (void)state;
    static const struct {
        const char *tree, *verdict, *errno_name;
        int status;
    } cases[] = {
        {"incident-mode0-old", "no", "ENOMEM", 2},
        {"incident-mode0-new", "yes", "", 1}, /* 1: an OOM kill may follow */
        {"incident-mode1", "yes", "", 1},
        {"incident-mode2", "no", "ENOMEM", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char folder[128];
        int status;
        snprintf(folder, sizeof folder, TREES "%s", cases[i].tree);
        struct doctor_options options = {
            .root = folder, .simulate = INT64_C(6) << 30, .workers = 1};
        json_t *report = json_of(doctor_fork, &options, &status);
        const json_t *fork = json_object_get(json_object_get(report, "details"), "fork");
        assert_string_equal(json_string_value(json_object_get(fork, "verdict")), cases[i].verdict);
        assert_string_equal(json_string_value(json_object_get(fork, "errno")), cases[i].errno_name);
        assert_int_equal(status, cases[i].status);
        assert_null(json_object_get(fork, "oracle")); /* a tree is judged by the rule alone */
        json_decref(report);
    }
}

/* Children that stay add up, until one of them does not fit. */
static void strict_mode_names_the_worker(void **state)
{
    (void)state;
    int status;
    struct doctor_options options = {
        .root = TREES "incident-mode2", .simulate = INT64_C(1) << 30, .workers = 8};
    json_t *report = json_of(doctor_fork, &options, &status);
    const json_t *fork = json_object_get(json_object_get(report, "details"), "fork");
    /* 9.72 GiB less 7 GiB and the reserves: two fit, the third does not. */
    assert_int_equal(json_integer_value(json_object_get(fork, "worker")), 3);
    json_decref(report);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A snapshot of a tree, one of its facts changed for each pair given. */
static void snapshot_with(const char *path, const char *const changes[][2], size_t count)
{
    int status;
    struct doctor_options options = {.root = TREES "bare", .simulate = -1};
    json_t *snapshot = json_of(doctor_snapshot, &options, &status);
    json_t *facts = json_object_get(snapshot, "facts");
    for (size_t i = 0; i < count; i++) {
        char *end;
        long long number = strtoll(changes[i][1], &end, 10);
        json_object_set_new(facts, changes[i][0],
                            *end == '\0' ? json_integer(number) : json_string(changes[i][1]));
    }
    char *text = json_dumps(snapshot, JSON_INDENT(1));
    write_file(path, text);
    free(text);
    json_decref(snapshot);
}

static void the_mode_comes_first(void **state)
{
    (void)state;
    char dev[512], qa[512];
    snprintf(dev, sizeof dev, "%s/dev.json", test_folder());
    snprintf(qa, sizeof qa, "%s/qa.json", test_folder());
    static const char *const changes[][2] = {
        {"page_tables", "777216"}, {"huge_pages_free", "3"},   {"tasks", "999"},
        {"command", "gunicorn"},   {"kernel_stack", "888832"}, {"overcommit_memory", "2"},
    };
    snapshot_with(dev, NULL, 0);
    snapshot_with(qa, changes, sizeof changes / sizeof changes[0]);
    const char *files[] = {dev, qa};
    struct doctor_options options = {
        .operands = files, .operand_count = 2, .simulate = INT64_C(12) << 30};
    int status;
    json_t *report = json_of(doctor_compare, &options, &status);
    const json_t *all = json_object_get(report, "findings");
    const json_t *first = json_array_get(all, 0);
    assert_string_equal(json_string_value(json_object_get(first, "id")), "overcommit_memory");
    assert_string_equal(json_string_value(json_object_get(first, "severity")), "cause");
    assert_non_null(finding_of(report, "tasks"));
    assert_string_equal(json_string_value(json_object_get(finding_of(report, "tasks"), "severity")),
                        "fine");
    assert_int_equal(status, 2);
    json_decref(report);
    /* The same file twice: nothing differs, nothing is found. */
    files[1] = dev;
    report = json_of(doctor_compare, &options, &status);
    assert_int_equal(status, 0);
    json_decref(report);
    remove(dev);
    remove(qa);
}

static void damaged_snapshots_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{", "near"},
        {"[]", "not a snapshot"},
        {"{\"facts\": {\"mem_total\": true}}", "'mem_total' has the wrong type"},
        {"{\"facts\": {\"mem_total\": \"much\"}}", "neither a number nor 'unlimited'"},
    };
    char path[512];
    snprintf(path, sizeof path, "%s/bad.json", test_folder());
    const char *files[] = {path, path};
    struct doctor_options options = {.operands = files, .operand_count = 2, .simulate = -1};
    struct doctor_output output = {.to = stdout};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct error err = {0};
        int status = 7;
        write_file(path, cases[i].text);
        assert_fails(doctor_compare(&options, &output, &status, &err), ERR_SNAPSHOT,
                     cases[i].sentence, &err);
        assert_int_equal(status, 7);
    }
    remove(path);
}

static void sizes_are_read(void **state)
{
    (void)state;
    struct error err = {0};
    int64_t bytes = 0;
    assert_fine(doctor_size("6GiB", &bytes, &err), &err);
    assert_int_equal(bytes, INT64_C(6) << 30);
    assert_fine(doctor_size("1.5m", &bytes, &err), &err);
    assert_int_equal(bytes, 3 << 19);
    assert_fine(doctor_size("4096", &bytes, &err), &err);
    assert_int_equal(bytes, 4096);
    static const char *const bad[] = {"", "six", "6Gib/s", "-1G", "1e30", "nan"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_fails(doctor_size(bad[i], &bytes, &err), ERR_USAGE, "is not a size", &err);
    assert_int_equal(bytes, 4096);
}

static void nobody_is_not_found(void **state)
{
    (void)state;
    struct error err = {0};
    int status = 7;
    struct doctor_output output = {.to = stdout};
    struct doctor_options options = {.root = TREES "bare", .pid = 99999, .simulate = -1};
    assert_fails(doctor_fork(&options, &output, &status, &err), ERR_UNSEEN, "no process 99999",
                 &err);
    options.pid = 0;
    assert_fails(doctor_fork(&options, &output, &status, &err), ERR_USAGE, "--simulate", &err);
}

/* On this machine, whatever it is, doctor answers and its JSON is JSON. */
static void this_machine_is_read(void **state)
{
    (void)state;
    int status = -1;
    struct doctor_options options = {.simulate = -1, .plan_refused = "no such file"};
    json_t *report = json_of(doctor_check, &options, &status);
    assert_in_range(status, 0, 2);
    assert_non_null(finding_of(report, "sight"));
    assert_non_null(finding_of(report, "own.plan"));
    json_decref(report);
}

static json_t *own_plan(const char *tree, size_t memory, unsigned tasks, unsigned files,
                        unsigned least, int *out_status)
{
    struct contract contract = {.tasks = tasks, .descriptors = files, .descriptors_least = least};
    struct contract_bytes bytes = {memory, memory}, more = {1, 1};
    contract_add(&contract, "all", bytes, more, "of it");
    struct doctor_options options = {.root = tree, .simulate = -1, .plan = &contract};
    return json_of(doctor_check, &options, out_status);
}

/* This tree's group has a limit of 2 GiB and one of pids; its hard limit of files is the lower
 * one, as in no other tree. */
static void our_own_plan_is_held_against_limits(void **state)
{
    (void)state;
    static const char *tree = TREES "kubernetes";
    static const struct {
        size_t memory;
        unsigned tasks, files, least;
        const char *severity, *means;
    } rows[] = {
        {((size_t)2 << 30) + 1, 3, 10, 10, "cause", "serving would not start"},
        {(size_t)2 << 30, 3, 10, 10, "warning", "a reload would be refused"},
        {4096, 1000000, 10, 10, "cause", "its threads could not be made"},
        {4096, 3, 524290, 524289, "cause", "is 524288: serving would not start"},
        {4096, 3, 524289, 524288, "warning", "fewer places for clients"},
        {4096, 3, 524288, 524288, "fine", "what serving takes at most"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int status;
        json_t *report =
            own_plan(tree, rows[i].memory, rows[i].tasks, rows[i].files, rows[i].least, &status);
        const json_t *finding = finding_of(report, "own.plan");
        assert_string_equal(json_string_value(json_object_get(finding, "severity")),
                            rows[i].severity);
        assert_non_null(
            strstr(json_string_value(json_object_get(finding, "means")), rows[i].means));
        json_decref(report);
    }
}

/* The limit is of all tasks of the user, beside the process looked at, and binds neither root nor
 * who may pass it. In a tree, where they are not seen, our own alone may be too many. */
static void our_own_threads_are_held_against_the_limit_of_the_user(void **state)
{
    (void)state;
    static const struct {
        int64_t uid, cap_admin, cap_resource, user_tasks, threads, limit;
        enum finding_severity severity;
    } rows[] = {
        {65533, 0, 0, 2, 1, 4, FINDING_CAUSE},
        {65533, 0, 0, 2, 1, 5, FINDING_FINE},
        {65533, 0, 0, 2, 1, FACTS_UNLIMITED, FINDING_FINE},
        {65533, 0, 0, 2, 1, FACTS_UNSEEN, FINDING_FINE},
        {65533, 1, 0, 2, 1, 4, FINDING_FINE},
        {65533, 0, 1, 2, 1, 4, FINDING_FINE},
        {0, 0, 0, 2, 1, 4, FINDING_FINE},
        {65533, 0, 0, FACTS_UNSEEN, 1, 3, FINDING_CAUSE},
        {65533, 0, 0, FACTS_UNSEEN, 1, 4, FINDING_FINE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct facts facts;
        facts_clear(&facts);
        facts.plan_memory = 4096;
        facts.plan_tasks = 4;
        facts.uid = rows[i].uid;
        facts.cap_admin = rows[i].cap_admin;
        facts.cap_resource = rows[i].cap_resource;
        facts.user_tasks = rows[i].user_tasks;
        facts.threads = rows[i].threads;
        facts.limit_nproc = rows[i].limit;
        struct finding finding = {0};
        struct checkup checkup = {.facts = &facts};
        assert_true(judge_own_plan(&checkup, &finding));
        assert_int_equal(finding.severity, rows[i].severity);
        assert_int_equal(strstr(finding.means, "its threads could not be made") != NULL,
                         rows[i].severity == FINDING_CAUSE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_as_golden),
        cmocka_unit_test(findings_are_right),
        cmocka_unit_test(the_incident_in_four_modes),
        cmocka_unit_test(strict_mode_names_the_worker),
        cmocka_unit_test(the_mode_comes_first),
        cmocka_unit_test(damaged_snapshots_are_refused),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(nobody_is_not_found),
        cmocka_unit_test(this_machine_is_read),
        cmocka_unit_test(our_own_plan_is_held_against_limits),
        cmocka_unit_test(our_own_threads_are_held_against_the_limit_of_the_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
