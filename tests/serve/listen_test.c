/* listen_test.c - which addresses are taken, and what is said of the others. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "help.h"

static int reach(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    unsigned port = (unsigned)strtoul(strrchr(text, ':') + 1, NULL, 10);
    address.sin_port = htons((uint16_t)port);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int result = connect(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    return result;
}

static void a_free_port_is_named_and_reached(void **state)
{
    (void)state;
    struct error err;
    struct listen listen;
    assert_fine(listen_open(&listen, "127.0.0.1:0", false, &err), &err);
    assert_int_equal(strncmp(listen.text, "127.0.0.1:", 10), 0);
    assert_string_not_equal(listen.text, "127.0.0.1:0");
    assert_int_equal(reach(listen.text), 0);
    assert_int_not_equal(fcntl(listen.fd, F_GETFD) & FD_CLOEXEC, 0);
    listen_close(&listen);
    assert_int_equal(listen.fd, -1);
    listen_close(&listen); /* twice does nothing */
}

static void those_who_wait_are_counted(void **state)
{
    (void)state;
    skip_emulated();
    struct error err;
    struct listen listen;
    assert_fine(listen_open(&listen, "127.0.0.1:0", false, &err), &err);
    assert_int_equal(listen_waiting(&listen), 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(reach(listen.text), 0);
        assert_int_equal(listen_waiting(&listen), i);
    }
    close(accept(listen.fd, NULL, NULL));
    assert_int_equal(listen_waiting(&listen), 2);
    listen_close(&listen);
}

static void a_port_in_use_is_told(void **state)
{
    (void)state;
    struct error err;
    struct listen first, second = {.fd = -7};
    assert_fine(listen_open(&first, "127.0.0.1:0", false, &err), &err);
    assert_fails(listen_open(&second, first.text, false, &err), ERR_UNAVAILABLE, "in use", &err);
    assert_int_equal(second.fd, -7);
    listen_close(&first);
}

static void other_hosts_need_open(void **state)
{
    (void)state;
    static const char *const reachable[] = {"0.0.0.0:0",        "[::]:0",
                                            "10.0.0.1:80",      "128.0.0.1:80",
                                            "[2001:db8::1]:80", "[::ffff:127.0.0.1]:80"};
    struct error err;
    struct listen listen;
    for (size_t i = 0; i < sizeof reachable / sizeof *reachable; i++) {
        assert_fails(listen_open(&listen, reachable[i], false, &err), ERR_USAGE, "--open", &err);
        assert_fails(listen_check(reachable[i], false, &err), ERR_USAGE, "--open", &err);
        assert_fine(listen_check(reachable[i], true, &err), &err);
    }
    assert_fine(listen_open(&listen, "0.0.0.0:0", true, &err), &err);
    assert_int_equal(reach(listen.text), 0);
    listen_close(&listen);
    assert_fine(listen_open(&listen, "127.255.255.254:0", false, &err), &err);
    listen_close(&listen);
}

static void what_is_no_address(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",       ":",          ":80",       "80",          "127.0.0.1",    "127.0.0.1:",
        "a:80",   "::1:80",     "[::1]",     "[::1]80",     "127.0.0.1:-1", "127.0.0.1:65536",
        "[]:80",  "[:80",       "]:80",      "[1.2.3.4]:1", "1.2.3.4 :80",  "127.0.0.1:8 ",
        "[::1:8", "[::1%lo]:8", "0x7f.1:80", "127.1:80"};
    struct error err;
    struct listen listen;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_fails(listen_open(&listen, wrong[i], true, &err), ERR_USAGE, "--listen", &err);
    char endless[1000];
    memset(endless, '1', sizeof endless);
    memcpy(endless + sizeof endless - 4, ":80", 4);
    assert_fails(listen_open(&listen, endless, true, &err), ERR_USAGE, "--listen", &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_free_port_is_named_and_reached),
        cmocka_unit_test(those_who_wait_are_counted),
        cmocka_unit_test(a_port_in_use_is_told),
        cmocka_unit_test(other_hosts_need_open),
        cmocka_unit_test(what_is_no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
