/* startup_test.c - gunicorn's settings are read; secrets and values are not shown. */
// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include <sys/stat.h>
#include <unistd.h>

#include "doctor/startup.h"

static void put(const char *folder, const char *name, const char *data, size_t size)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    fclose(file);
}

#define PUT(folder, name, text) put(folder, name, text, sizeof(text) - 1)

static void make(const char *folder, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s%s", folder, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void gunicorn_is_read_and_secrets_are_not(void **state)
{
    (void)state;
    char folder[400];
    snprintf(folder, sizeof folder, "%s/startup.%d", test_folder(), (int)getpid());
    static const char *const folders[] = {
        "",
        "/proc",
        "/proc/7",
        "/proc/7/root",
        "/proc/7/root/x",
        "/proc/7/root/x/site-packages",
        "/proc/7/root/x/site-packages/fastai2-0.0.30.dist-info",
        "/proc/7/root/usr",
        "/proc/7/root/usr/lib",
        "/proc/7/root/usr/lib/python3.8",
        "/proc/7/root/usr/lib/python3.8/site-packages",
        "/proc/7/root/usr/lib/python3.8/site-packages/flask-1.1.2.dist-info",
        "/proc/7/root/venv",
        "/proc/7/root/venv/lib",
        "/proc/7/root/venv/lib/python3.8",
        "/proc/7/root/venv/lib/python3.8/site-packages",
        "/proc/7/root/venv/lib/python3.8/site-packages/gunicorn-20.0.4.dist-info"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) make(folder, folders[i]);
    char seven[420];
    snprintf(seven, sizeof seven, "%s/proc/7", folder);
    PUT(seven, "cmdline",
        "/venv/bin/python3\0/usr/bin/gunicorn\0-w4\0--timeout\000120\0-k\0gthread\0--preload\0"
        "--api-token=open-sesame\0--password\0hush\0--db\0postgres://me:secret@db/x\0api:app\0"
        "--db-pass=hunter2\0--header\0Authorization: Bearer hunter3\0"
        "--dsn=postgres://u:p@hunter4@host/db,redis://u2:hunter5@h2\0"
        "https://u:hunter6@h/api?a=b&token=hunter7&x=y\0h:8080/x?password=hunter8\0"
        "-Dapp:db.password=hunter9\0");
    PUT(seven, "environ",
        "PATH=/bin\0DB_PASSWORD=tell-nobody\0GUNICORN_CMD_ARGS=--threads=8 --max-requests 100\0"
        "WEB_CONCURRENCY=6\0broken\0=alsobroken\0");
    PUT(seven, "maps",
        "7f00-7f10 r-xp 00000000 00:00 0 /x/site-packages/torch/lib/libtorch.so\n"
        "7f11-7f12 r-xp 00000000 00:00 0 /usr/lib/python3.8/lib-dynload/_json.so\n"
        "7f10-7f20 r-xp 00000000 00:00 0 /usr/lib/libc.so.6\n7f20-7f30 rw-p 00000000 00:00 0 \n");
    struct startup startup;
    struct error err = {0};
    struct root root = root_of(folder);
    assert_fine(startup_read(&startup, &root, "7", &err), &err);
    assert_true(startup.gunicorn && startup.preload);
    assert_int_equal(startup.workers, 4); /* the command line has the last word */
    assert_int_equal(startup.timeout, 120);
    assert_int_equal(startup.threads, 8);
    assert_int_equal(startup.max_requests, 100);
    assert_string_equal(startup.worker_class, "gthread");
    assert_int_equal(json_array_size(startup.environment), 4);
    assert_int_equal(json_array_size(startup.libraries), 3);
    assert_string_equal(json_string_value(json_array_get(startup.packages, 0)), "fastai2-0.0.30");
    assert_int_equal(json_array_size(startup.packages), 3); /* also flask and gunicorn */
    struct facts facts;
    struct finding_list list;
    facts_clear(&facts);
    assert_fine(finding_list_open(&list, &err), &err);
    startup_findings(&startup, &facts, &list);
    json_t *json = startup_json(&startup);
    char *text = json_dumps(json, 0);
    static const char *const hidden[] = {"sesame", "hush", "secret", "tell-nobody", "hunter"};
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        assert_null(strstr(text, hidden[i]));
        for (size_t f = 0; f < list.count; f++) assert_null(strstr(list.items[f].read, hidden[i]));
    }
    assert_non_null(strstr(text, "--api-token=***"));
    assert_non_null(strstr(text, "postgres://***@db/x"));
    assert_non_null(strstr(text, "Authorization:***"));
    assert_non_null(strstr(text, "https://***@h/api?a=b&token=*** h:8080/x?password=*** "
                                 "-Dapp:db.password=***"));
    assert_non_null(strstr(text, "--dsn=postgres://***@host/db,redis://***@h2"));
    free(text);
    json_decref(json);
    finding_list_close(&list);
    startup_close(&startup);
    static const char *const files[] = {"cmdline", "environ", "maps"};
    for (size_t i = 0; i < 3; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", seven, files[i]);
        remove(path);
    }
    for (size_t i = sizeof folders / sizeof folders[0]; i-- > 0;) {
        char path[600];
        snprintf(path, sizeof path, "%s%s", folder, folders[i]);
        rmdir(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gunicorn_is_read_and_secrets_are_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
