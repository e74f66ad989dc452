/* pulse_test.c - rounds end once all have answered, over connections whose other end is held here.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/pulse.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "help.h"

enum { THREADS = 5 };

static int theirs[THREADS];
static unsigned given;

static bool keep(void *context, int fd)
{
    unsigned threads = *(unsigned *)context;
    assert_int_equal((unsigned)fd % threads, given);
    theirs[given++] = fd;
    return true;
}

static void let_go(void)
{
    while (given > 0) close(theirs[--given]);
}

static void open_pulse(struct pulse *pulse, unsigned threads)
{
    struct error err;
    assert_fine(pulse_open(pulse, threads, keep, &threads, &err), &err);
    assert_int_equal(given, threads);
}

/* What it was asked, in bytes. */
static ssize_t answer(unsigned thread)
{
    char asked[512];
    ssize_t size = recv(theirs[thread], asked, sizeof asked, MSG_DONTWAIT);
    assert_int_equal(send(theirs[thread], "HTTP/1.1 204\r\n\r\n", 16, 0), 16);
    return size;
}

static void a_round_ends_with_the_last_answer(void **state)
{
    (void)state;
    struct pulse pulse;
    open_pulse(&pulse, THREADS);
    pulse_hear(&pulse);
    assert_int_equal(pulse.rounds, 0); /* nobody was asked */
    for (unsigned long round = 1; round <= 3; round++) {
        uint64_t before = pulse.last;
        pulse_ask(&pulse);
        for (unsigned i = 1; i < THREADS; i++) assert_true(answer(i) > 0);
        pulse_hear(&pulse);
        pulse_ask(&pulse); /* not again while one is silent */
        pulse_hear(&pulse);
        assert_int_equal(pulse.rounds, round - 1);
        assert_true(pulse.last == before);
        ssize_t size = answer(0);
        assert_true(size > 0 && size < 100);
        pulse_hear(&pulse);
        assert_int_equal(pulse.rounds, round);
        assert_true(pulse.last >= before);
    }
    pulse_close(&pulse);
    let_go();
}

static void one_that_is_closed_never_answers(void **state)
{
    (void)state;
    struct pulse pulse;
    open_pulse(&pulse, 1);
    let_go();
    for (int i = 0; i < 3; i++) {
        pulse_ask(&pulse);
        pulse_hear(&pulse);
    }
    assert_int_equal(pulse.rounds, 0);
    pulse_close(&pulse);
}

static bool refuse(void *context, int fd)
{
    (void)context;
    close(fd);
    return false;
}

static void what_cannot_be_asked_is_told(void **state)
{
    (void)state;
    struct error err;
    struct pulse pulse;
    unsigned threads = 2;
    assert_fails(pulse_open(&pulse, threads, refuse, NULL, &err), ERR_SYSTEM, "cannot be asked",
                 &err);
    struct rlimit usual, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = usual;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum error_code code = pulse_open(&pulse, threads, keep, &threads, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(code, ERR_SYSTEM);
    assert_int_equal(given, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_round_ends_with_the_last_answer),
        cmocka_unit_test(one_that_is_closed_never_answers),
        cmocka_unit_test(what_cannot_be_asked_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
