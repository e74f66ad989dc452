/* watch_test.c - who is shut, who is left alone, over pairs of connected sockets. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/watch.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
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
    watch_lay(&watch, connections, 1, &arena);
    arena_close(&memory);
    assert_fine(arena_open(&memory, arena.used, &err), &err);
    watch_lay(&watch, connections, 1, &memory);
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
    assert_ptr_equal(watch_take(watch, fd[0]), pair.entry);
    return pair;
}

static void leave(struct watch *watch, struct pair *pair)
{
    watch_leave(watch, pair->entry);
    close(pair->ours);
    close(pair->theirs);
}

/* Over TCP, whose kernel counts what a client took. */
static struct pair connected_by_tcp(struct watch *watch)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof here;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&here, size), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&here, &size), 0);
    int theirs = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(theirs, (struct sockaddr *)&here, size), 0);
    int ours = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    close(listening);
    struct pair pair = {ours, theirs, watch_enter(watch, ours)};
    assert_ptr_equal(watch_take(watch, ours), pair.entry);
    return pair;
}

/* Whether nothing more comes to one of the two. */
static bool is_at_end(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static bool is_shut(const struct pair *pair) { return is_at_end(pair->theirs); }

/* We read no more, but may answer. */
static bool is_shed(const struct pair *pair) { return is_at_end(pair->ours) && !is_shut(pair); }

static void answer(struct watch *watch, struct pair *pair)
{
    for (enum watch_phase phase = WATCH_SENDS; phase <= WATCH_TAKES; phase++)
        watch_renew(watch, pair->entry, phase);
    watch_renew(watch, pair->entry, WATCH_COMES);
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
    watch_renew(&watch, paused.entry, WATCH_WAITS);
    assert_int_equal(watch_cut(&watch, FOREVER).senders, 0);
    assert_false(is_shut(&old));
    pause_ms(1100);
    struct pair renewed = connected(&watch), young = connected(&watch);
    watch_renew(&watch, renewed.entry, WATCH_SENDS);
    assert_int_equal(watch_cut(&watch, 1).senders, 1);
    assert_true(is_shut(&old));
    assert_false(is_shut(&renewed));
    assert_false(is_shut(&young));
    assert_false(is_shut(&paused));
    assert_int_equal(watch_cut(&watch, 1).senders, 0);
    leave(&watch, &paused);
    leave(&watch, &renewed); /* the middle, the first, the last */
    leave(&watch, &young);
    leave(&watch, &old);
    assert_null(watch.first);
}

/* So many bytes of its answer are sent, come, and are acknowledged. */
static void take(const struct pair *pair, size_t bytes)
{
    static char answer[WATCH_TAKEN_MIN];
    assert_int_equal(send(pair->ours, answer, bytes, 0), bytes);
    assert_int_equal(recv(pair->theirs, answer, bytes, MSG_WAITALL), bytes);
    int left = 1;
    while (left > 0) assert_int_equal(ioctl(pair->ours, SIOCOUTQ, &left), 0);
}

static void who_takes_an_answer_has_time_as_long_as_it_does(void **state)
{
    (void)state;
    skip_emulated();
    struct watch watch = laid(3);
    struct pair taker = connected_by_tcp(&watch), idler = connected_by_tcp(&watch);
    struct pair dripper = connected_by_tcp(&watch), *all[] = {&taker, &idler, &dripper};
    for (size_t i = 0; i < 3; i++) {
        take(all[i], WATCH_TAKEN_MIN); /* of an answer before */
        watch_renew(&watch, all[i]->entry, WATCH_TAKES);
    }
    assert_int_equal(watch_cut(&watch, FOREVER).takers, 0);
    for (int part = 0; part < 3; part++) take(&taker, WATCH_TAKEN_MIN / 2);
    take(&dripper, WATCH_TAKEN_MIN / 2);
    pause_ms(1100);
    struct watch_late late = watch_cut(&watch, 1);
    assert_int_equal(late.takers, 2);
    assert_int_equal(late.senders, 0);
    assert_false(is_at_end(taker.theirs));
    assert_true(is_at_end(idler.theirs) && is_at_end(dripper.theirs));
    pause_ms(1100);
    assert_int_equal(watch_cut(&watch, 1).takers, 1); /* it took no more */
    for (size_t i = 0; i < 3; i++) leave(&watch, all[i]);
    assert_null(watch.first);
    assert_null(watch.last);
}

static void those_who_left_are_shut_unless_they_wait_for_us(void **state)
{
    (void)state;
    struct watch watch = laid(8);
    struct pair left = connected(&watch), asked = connected(&watch), stays = connected(&watch);
    shutdown(left.theirs, SHUT_WR);
    shutdown(asked.theirs, SHUT_WR);
    watch_renew(&watch, asked.entry, WATCH_TAKES);
    assert_int_equal(watch_cut(&watch, FOREVER).senders, 0);
    assert_false(is_shut(&left)); /* perhaps its request is still on the way to us */
    pause_ms(400);
    assert_int_equal(watch_cut(&watch, FOREVER).senders, 0); /* nobody was late */
    assert_true(is_shut(&left));
    assert_false(is_shut(&asked));
    assert_false(is_shut(&stays));
    leave(&watch, &left);
    leave(&watch, &asked);
    leave(&watch, &stays);
}

static void our_own_take_no_place_and_are_never_shut(void **state)
{
    (void)state;
    struct watch watch = laid(1);
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    watch_enter_own(&watch, fd[0]);
    struct watch_entry *own = watch_take(&watch, fd[0]);
    assert_true(watch_is_own(own));
    assert_int_equal(watch_open(&watch), 0);
    struct pair other = connected(&watch);
    assert_false(watch_is_own(other.entry));
    assert_int_equal(watch_number(&watch, other.entry), 0);
    assert_int_equal(write(fd[1], "x", 1), 1);
    assert_false(watch_unread(&watch));
    pause_ms(1100);
    assert_int_equal(watch_cut(&watch, 1).senders, 1); /* the other */
    assert_true(is_shut(&other));
    assert_false(is_at_end(fd[1]));
    leave(&watch, &other);
    watch_leave(&watch, own);
    assert_int_equal(watch_open(&watch), 0);
    other = connected(&watch);
    assert_false(watch_has_room(&watch)); /* its place is nobody else's */
    leave(&watch, &other);
    close(fd[0]);
    close(fd[1]);
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
    watch_renew(&watch, NULL, WATCH_SENDS);
}

static void there_are_as_many_entries_as_laid(void **state)
{
    (void)state;
    struct watch watch = laid(2);
    struct pair first = connected(&watch);
    assert_true(watch_has_room(&watch));
    struct pair second = connected(&watch);
    assert_false(watch_has_room(&watch));
    assert_int_equal(watch_open(&watch), 2);
    assert_true(watch_number(&watch, first.entry) != watch_number(&watch, second.entry));
    assert_true(watch_number(&watch, first.entry) < 2 && watch_number(&watch, second.entry) < 2);
    size_t number = watch_number(&watch, first.entry);
    leave(&watch, &first);
    struct pair again = connected(&watch);
    assert_int_equal(watch_number(&watch, again.entry), number);
    leave(&watch, &again);
    leave(&watch, &second);
    assert_int_equal(watch_open(&watch), 0);
    assert_null(watch.first);
}

static void nobody_gets_in_behind_our_back(void **state)
{
    (void)state;
    struct watch watch = laid(2);
    struct pair pair = connected(&watch);
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_null(watch_take(&watch, fd[0]));
    assert_true(is_at_end(fd[1]));
    close(fd[0]);
    close(fd[1]);
    leave(&watch, &pair);
}

/* What is closed before it is taken, whether its descriptor is used again or not. */
static void the_lost_keep_no_place(void **state)
{
    (void)state;
    struct watch watch = laid(3);
    struct pair taken = connected(&watch);
    int fd[2], other[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), 0);
    watch_enter(&watch, fd[0]);
    assert_true(watch_unread(&watch)); /* it may have sent anything */
    assert_int_equal(watch_lost(&watch), 0);
    watch_enter(&watch, other[0]);
    assert_int_equal(watch_open(&watch), 3);
    close(fd[0]);
    assert_int_equal(dup3(other[1], fd[0], O_CLOEXEC), fd[0]); /* the next client's */
    struct watch_entry *next = watch_enter(&watch, fd[0]);
    assert_int_equal(watch_open(&watch), 3);
    assert_ptr_equal(watch_take(&watch, fd[0]), next);
    close(other[0]);
    assert_int_equal(watch_lost(&watch), 2);
    assert_int_equal(watch_lost(&watch), 0);
    assert_int_equal(watch_open(&watch), 2);
    assert_false(watch_unread(&watch));
    watch_leave(&watch, next);
    leave(&watch, &taken);
    for (int i = 0; i < 2; i++) close(fd[i]);
    close(other[1]);
    assert_null(watch.first);
}

/* How many leave now for others who wait, under rules by which each may be told to at once, but
 * one kind. */
static unsigned shed(struct watch *watch, unsigned wanted, enum watch_kind patient)
{
    struct watch_rule rules[WATCH_KINDS] = {0};
    unsigned shed[WATCH_KINDS], sum = 0;
    if (patient < WATCH_KINDS) rules[patient].milliseconds = 1000 * FOREVER;
    bool leaving = watch_shed(watch, wanted, rules, shed);
    for (int kind = 0; kind < WATCH_KINDS; kind++) sum += shed[kind];
    assert_int_equal(leaving, watch->leaving > 0);
    return sum;
}

static void strangers_make_room_for_others(void **state)
{
    (void)state;
    struct watch watch = laid(5);
    struct pair first = connected(&watch), second = connected(&watch), third = connected(&watch);
    struct pair known = connected(&watch), paused = connected(&watch);
    answer(&watch, &known);
    watch_renew(&watch, paused.entry, WATCH_WAITS);
    assert_int_equal(shed(&watch, 8, WATCH_STRANGER), 0); /* all are young */
    assert_int_equal(shed(&watch, 2, WATCH_KINDS), 2);
    assert_true(is_shed(&first) && is_shed(&second));
    assert_false(is_shed(&third));
    assert_int_equal(shed(&watch, 2, WATCH_KINDS), 0); /* as many are on their way out */
    leave(&watch, &first);
    leave(&watch, &second);
    assert_int_equal(shed(&watch, 8, WATCH_KINDS), 1);
    assert_int_equal(shed(&watch, 8, WATCH_KINDS), 0);
    assert_true(is_shed(&third));
    assert_false(is_shed(&known) || is_shed(&paused)); /* half of all places is theirs */
    struct pair *all[] = {&third, &known, &paused};
    for (size_t i = 0; i < 3; i++) leave(&watch, all[i]);
    assert_int_equal(watch.leaving, 0);
}

/* Four clients that were answered: one sends, two idle, one has sent what we did not read. */
static void who_idles_longest_makes_room_and_the_busy_stay(void **state)
{
    (void)state;
    struct watch watch = laid(7);
    struct pair sender = connected(&watch), young = connected(&watch), old = connected(&watch);
    struct pair asks = connected(&watch), taker = connected(&watch), waiter = connected(&watch);
    struct pair stranger = connected(&watch);
    struct pair *all[] = {&sender, &asks, &old, &young, &taker, &waiter, &stranger};
    for (size_t i = 0; i < 6; i++) answer(&watch, all[i]); /* not in the order they came in */
    watch_renew(&watch, sender.entry, WATCH_SENDS);
    watch_renew(&watch, waiter.entry, WATCH_WAITS);
    watch_renew(&watch, taker.entry, WATCH_TAKES);
    assert_int_equal(send(asks.theirs, "a", 1, 0), 1);
    assert_int_equal(shed(&watch, 1, WATCH_STRANGER), 1);
    assert_true(is_shed(&old));
    assert_int_equal(shed(&watch, 2, WATCH_KINDS), 1);
    assert_true(is_shed(&stranger)); /* goes first, where it may be told to */
    assert_int_equal(shed(&watch, 3, WATCH_KINDS), 1);
    assert_true(is_shed(&young));
    assert_int_equal(shed(&watch, 8, WATCH_SENDER), 0);
    assert_int_equal(shed(&watch, 8, WATCH_KINDS), 1);
    assert_true(is_shed(&sender));
    char byte;
    assert_int_equal(recv(asks.ours, &byte, 1, MSG_DONTWAIT), 1);
    for (size_t i = 0; i < 7; i++) leave(&watch, all[i]);
    assert_null(watch.first);
    assert_null(watch.last);
}

/* A request that was read between our look and the shutting. */
static void who_was_shed_too_soon_is_answered(void **state)
{
    (void)state;
    struct watch watch = laid(2);
    struct pair first = connected(&watch), second = connected(&watch);
    answer(&watch, &first);
    answer(&watch, &second);
    assert_int_equal(shed(&watch, 1, WATCH_KINDS), 1);
    watch_renew(&watch, first.entry, WATCH_SENDS);
    watch_renew(&watch, first.entry, WATCH_TAKES);
    char byte;
    assert_int_equal(send(first.ours, "a", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(first.theirs, &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(shed(&watch, 1, WATCH_KINDS), 1); /* so another one leaves */
    assert_true(is_shed(&second));
    leave(&watch, &first);
    leave(&watch, &second);
    assert_int_equal(watch.leaving, 0);
}

static void rules_are_patient(void **state)
{
    (void)state;
    struct watch watch = laid(2);
    struct pair known = connected(&watch), stranger = connected(&watch);
    unsigned count[WATCH_KINDS];
    answer(&watch, &known);
    assert_false(watch_shed(&watch, 2, watch_rules, count));
    pause_ms(watch_rules[WATCH_STRANGER].milliseconds + 20);
    assert_true(watch_shed(&watch, 2, watch_rules, count));
    assert_int_equal(count[WATCH_STRANGER], 1);
    assert_true(is_shed(&stranger));
    assert_false(is_shed(&known));
    assert_true(watch_rules[WATCH_IDLE].milliseconds > watch_rules[WATCH_STRANGER].milliseconds);
    leave(&watch, &known);
    leave(&watch, &stranger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_late_are_shut_once),
        cmocka_unit_test(who_takes_an_answer_has_time_as_long_as_it_does),
        cmocka_unit_test(those_who_left_are_shut_unless_they_wait_for_us),
        cmocka_unit_test(our_own_take_no_place_and_are_never_shut),
        cmocka_unit_test(unread_bytes_are_seen),
        cmocka_unit_test(there_are_as_many_entries_as_laid),
        cmocka_unit_test(nobody_gets_in_behind_our_back),
        cmocka_unit_test(the_lost_keep_no_place),
        cmocka_unit_test(strangers_make_room_for_others),
        cmocka_unit_test(who_idles_longest_makes_room_and_the_busy_stay),
        cmocka_unit_test(who_was_shed_too_soon_is_answered),
        cmocka_unit_test(rules_are_patient),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_close(&memory);
    return failed;
}
