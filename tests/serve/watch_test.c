/* watch_test.c - who is shut, who is left alone, over pairs of connected sockets. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/watch.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "help.h"

enum { FOREVER = 1000 };

static struct arena memory;

/* A watch over so many connections, whose entries are the memory's. */
static struct watch laid(size_t connections)
{
    struct watch watch;
    struct error err = {0};
    struct arena arena = arena_measure();
    watch_lay(&watch, connections, &arena);
    arena_close(&memory);
    assert_fine(arena_open(&memory, arena.used, &err), &err);
    watch_lay(&watch, connections, &memory);
    return watch;
}

struct pair {
    int ours, theirs;
    struct watch_entry *entry;
};

static struct pair connected(struct watch *watch)
{
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    struct pair pair = {fd[0], fd[1], watch_enter(watch, fd[0])};
    assert_non_null(pair.entry);
    return pair;
}

static void leave(struct watch *watch, struct pair *pair)
{
    watch_leave(watch, pair->entry);
    close(pair->ours);
    close(pair->theirs);
}

static bool is_shut(const struct pair *pair)
{
    char byte;
    return recv(pair->theirs, &byte, 1, MSG_DONTWAIT) == 0;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void the_late_are_shut_once(void **state)
{
    (void)state;
    struct watch watch = laid(8);
    struct pair old = connected(&watch), paused = connected(&watch);
    watch_pause(&watch, paused.entry);
    assert_int_equal(watch_cut(&watch, FOREVER), 0);
    assert_false(is_shut(&old));
    pause_ms(1100);
    struct pair renewed = connected(&watch), young = connected(&watch);
    watch_renew(&watch, renewed.entry, true);
    assert_int_equal(watch_cut(&watch, 1), 1);
    assert_true(is_shut(&old));
    assert_false(is_shut(&renewed));
    assert_false(is_shut(&young));
    assert_false(is_shut(&paused));
    assert_int_equal(watch_cut(&watch, 1), 0);
    leave(&watch, &paused);
    leave(&watch, &renewed); /* the middle, the first, the last */
    leave(&watch, &young);
    leave(&watch, &old);
    assert_null(watch.first);
}

static void those_who_left_are_shut_unless_they_wait_for_us(void **state)
{
    (void)state;
    struct watch watch = laid(8);
    struct pair left = connected(&watch), asked = connected(&watch), stays = connected(&watch);
    shutdown(left.theirs, SHUT_WR);
    shutdown(asked.theirs, SHUT_WR);
    watch_renew(&watch, asked.entry, false);
    assert_int_equal(watch_cut(&watch, FOREVER), 0);
    assert_false(is_shut(&left)); /* perhaps its request is still on the way to us */
    pause_ms(400);
    assert_int_equal(watch_cut(&watch, FOREVER), 0); /* nobody was late */
    assert_true(is_shut(&left));
    assert_false(is_shut(&asked));
    assert_false(is_shut(&stays));
    leave(&watch, &left);
    leave(&watch, &asked);
    leave(&watch, &stays);
}

static void unread_bytes_are_seen(void **state)
{
    (void)state;
    struct watch watch = laid(8);
    assert_false(watch_unread(&watch));
    struct pair first = connected(&watch), second = connected(&watch);
    assert_false(watch_unread(&watch));
    assert_int_equal(send(first.theirs, "a", 1, 0), 1);
    assert_true(watch_unread(&watch));
    assert_true(watch_unread(&watch)); /* looking takes nothing */
    char byte;
    assert_int_equal(recv(first.ours, &byte, 1, 0), 1);
    assert_false(watch_unread(&watch));
    leave(&watch, &second);
    leave(&watch, &first);
    watch_leave(&watch, NULL);
    watch_renew(&watch, NULL, true);
}

static void there_are_as_many_entries_as_laid(void **state)
{
    (void)state;
    struct watch watch = laid(2);
    struct pair first = connected(&watch), second = connected(&watch);
    assert_true(watch_number(&watch, first.entry) != watch_number(&watch, second.entry));
    assert_true(watch_number(&watch, first.entry) < 2 && watch_number(&watch, second.entry) < 2);
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_null(watch_enter(&watch, fd[0]));
    char byte;
    assert_int_equal(recv(fd[1], &byte, 1, MSG_DONTWAIT), 0); /* it is shut */
    size_t number = watch_number(&watch, first.entry);
    leave(&watch, &first);
    struct watch_entry *again = watch_enter(&watch, fd[0]);
    assert_int_equal(watch_number(&watch, again), number);
    watch_leave(&watch, again);
    leave(&watch, &second);
    close(fd[0]);
    close(fd[1]);
    assert_null(watch.first);
}

static void strangers_make_room_for_others(void **state)
{
    (void)state;
    struct watch watch = laid(8);
    struct pair first = connected(&watch), second = connected(&watch), third = connected(&watch);
    struct pair known = connected(&watch), paused = connected(&watch);
    watch_renew(&watch, known.entry, true);  /* its header came, */
    watch_renew(&watch, known.entry, false); /* its body, */
    watch_renew(&watch, known.entry, true);  /* and it was answered */
    watch_pause(&watch, paused.entry);
    assert_int_equal(watch_shed(&watch, 8, 1000), 0); /* all are young */
    assert_int_equal(watch_shed(&watch, 2, 0), 2);
    assert_true(is_shut(&first) && is_shut(&second));
    assert_false(is_shut(&third));
    assert_int_equal(watch_shed(&watch, 8, 0), 1);
    assert_int_equal(watch_shed(&watch, 8, 0), 0);
    assert_true(is_shut(&third));
    assert_false(is_shut(&known) || is_shut(&paused));
    struct pair *all[] = {&first, &second, &third, &known, &paused};
    for (size_t i = 0; i < 5; i++) leave(&watch, all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_late_are_shut_once),
        cmocka_unit_test(those_who_left_are_shut_unless_they_wait_for_us),
        cmocka_unit_test(unread_bytes_are_seen),
        cmocka_unit_test(there_are_as_many_entries_as_laid),
        cmocka_unit_test(strangers_make_room_for_others),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_close(&memory);
    return failed;
}
