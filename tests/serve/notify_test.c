/* notify_test.c - the manager hears what is meant for it, and its absence harms nobody. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/notify.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "help.h"

/* A manager that listens; its name is what NOTIFY_SOCKET says. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    memcpy(address.sun_path, name, size);
    if (name[0] == '@') address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void assert_heard(int fd, const char *expected)
{
    char message[4096];
    ssize_t size = recv(fd, message, sizeof message - 1, 0);
    assert_true(size >= 0);
    message[size] = '\0';
    if (strstr(message, expected) == NULL) fail_msg("'%s' is not in '%s'", expected, message);
}

static void talk(const char *name)
{
    int fd = listen_at(name);
    struct notify notify;
    notify_open(&notify);
    assert_true(notify.fd >= 0);
    notify_send(&notify, "READY=1\nSTATUS=%s", "fine");
    assert_heard(fd, "READY=1\nSTATUS=fine");
    notify_reloading(&notify);
    assert_heard(fd, "RELOADING=1\nMONOTONIC_USEC=");
    char long_text[3000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    notify_send(&notify, "STATUS=%s", long_text);
    assert_heard(fd, "STATUS=xxxx"); /* cut */
    close(fd);
    notify_send(&notify, "WATCHDOG=1"); /* nobody hears it */
    notify_close(&notify);
    notify_close(&notify);
    notify_send(&notify, "WATCHDOG=1");
}

static void a_manager_hears_all(void **state)
{
    (void)state;
    char name[100]; /* short: the folder's name may be too long for a socket */
    snprintf(name, sizeof name, "/tmp/%ld.notify", (long)getpid());
    talk(name);
    unlink(name);
    snprintf(name, sizeof name, "@air-classifier-test-%ld", (long)getpid());
    talk(name);
}

static void without_a_manager_nothing_is_sent(void **state)
{
    (void)state;
    static const char *const names[] = {"", "relative", "vsock:2:1234"};
    struct notify notify;
    unsetenv("NOTIFY_SOCKET");
    notify_open(&notify);
    assert_int_equal(notify.fd, -1);
    notify_send(&notify, "READY=1");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify_open(&notify);
        assert_int_equal(notify.fd, -1);
    }
    char longest[200];
    memset(longest, '/', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    setenv("NOTIFY_SOCKET", longest, 1);
    notify_open(&notify);
    assert_int_equal(notify.fd, -1);
}

static void assert_watchdog(const char *micros, const char *pid, double seconds)
{
    struct notify notify;
    if (micros != NULL)
        setenv("WATCHDOG_USEC", micros, 1);
    else
        unsetenv("WATCHDOG_USEC");
    if (pid != NULL)
        setenv("WATCHDOG_PID", pid, 1);
    else
        unsetenv("WATCHDOG_PID");
    setenv("NOTIFY_SOCKET", "/nowhere", 1);
    notify_open(&notify);
    assert_true(notify.watchdog_seconds == seconds);
    notify_close(&notify);
}

static void the_watchdog_is_ours_only(void **state)
{
    (void)state;
    char own[20];
    snprintf(own, sizeof own, "%ld", (long)getpid());
    assert_watchdog(NULL, own, 0);
    assert_watchdog("3000000", own, 3);
    assert_watchdog("3000000", NULL, 3);
    assert_watchdog("3000000", "1", 0);
    assert_watchdog("nonsense", own, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_hears_all),
        cmocka_unit_test(without_a_manager_nothing_is_sent),
        cmocka_unit_test(the_watchdog_is_ours_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
