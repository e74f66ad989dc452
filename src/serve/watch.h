/* watch.h - the connections that are open, and how long each has kept us waiting.
 *
 * The HTTP library's time-out sees silence only; a client that sends a byte a
 * second is never silent. Here each connection has a time since it owes us
 * something, and one that owes too long is shut, whatever it sends. Who takes
 * enough of a long answer in each such time has as long as it needs. Where others
 * wait for a place, the one that makes the least of its own gives it to them.
 *
 * Memory   one small entry a connection, laid out beforehand
 * Threads  any number; one lock, held for a few stores, or for a walk by those that shut
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_WATCH_H
#define SERVE_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

/* What a connection is at. */
enum watch_phase {
    WATCH_COMES, /* its header, the first or the next, is to come */
    WATCH_SENDS, /* its header came, its body is to come */
    WATCH_WAITS, /* its case waits here for its turn: it keeps nobody waiting */
    WATCH_TAKES, /* its answer */
};

/* What is taken of a long answer within the time that watch_cut allows, or else it is cut: else a
 * byte now and then would keep a place, and an answer's room, for as long as the client likes. */
enum { WATCH_TAKEN_MIN = 16 * 1024 };

/* Who was shut, by what was too slow. */
struct watch_late {
    unsigned senders, takers; /* of a request, of its answer */
};

/* Who gives way to others, in this order; nobody else does. */
enum watch_kind {
    WATCH_STRANGER, /* sent no whole request yet */
    WATCH_IDLE,     /* did, and its next one has not begun */
    WATCH_SENDER,   /* did, and the body of its next one is to come */
    WATCH_KINDS
};

struct watch_rule {
    const char *name, *what; /* it did: a metric's label, and a line of the log */
    unsigned milliseconds;   /* that it may do so, whoever waits */
};

extern const struct watch_rule watch_rules[WATCH_KINDS];

struct watch_entry;

struct watch {
    pthread_mutex_t mutex;
    struct watch_entry *entries, *first, *last, *free;
    size_t places, open, own;
    unsigned leaving; /* were shed, and are still there */
    unsigned lost;    /* since watch_lost last told */
};

/* Room for so many connections, and so many of our own; called on an arena that measures, it
 * only counts. */
void watch_lay(struct watch *watch, size_t connections, size_t own, struct arena *arena);

bool watch_has_room(struct watch *watch);

size_t watch_open(struct watch *watch);

/* When it is accepted, which one thread does, and before the library gets it; there is room. */
struct watch_entry *watch_enter(struct watch *watch, int fd);

/* One of our own, which takes no place, and which nobody shuts; before the library gets it, and
 * before anybody else enters. */
void watch_enter_own(struct watch *watch, int fd);
bool watch_is_own(const struct watch_entry *entry);

/* The library has it now. NULL where nobody entered it: it is shut at once. */
struct watch_entry *watch_take(struct watch *watch, int fd);

/* How many entered that the library closed without a word, for want of memory, instead of taking
 * them; their entries are free again. By the thread that accepts. */
unsigned watch_lost(struct watch *watch);

/* Below the number of connections; no other open connection has it. Not of our own. */
size_t watch_number(const struct watch *watch, const struct watch_entry *entry);

/* Before the descriptor is closed; of NULL, or our own, does nothing. */
void watch_leave(struct watch *watch, struct watch_entry *entry);

/* Its time begins anew; NULL does nothing. */
void watch_renew(struct watch *watch, struct watch_entry *entry, enum watch_phase phase);

/* The line of its next request came: time that it idled before is none of that one's. */
void watch_begin(struct watch *watch, struct watch_entry *entry);

/* Shuts every connection whose time is older than this, and gives how many of these were in a
 * request; also those whose client left in the middle of a request, which the library may not see
 * before its time-out. The time of who took WATCH_TAKEN_MIN of its answer meanwhile, as the kernel
 * counts what was acknowledged, begins anew. */
struct watch_late watch_cut(struct watch *watch, unsigned seconds);

/* Where no connection is free and so many others wait: sees to it that as many leave, by these
 * rules, whoever did so for the longest first. Tells whether any does, and how many more of each
 * kind. A request of which bytes lie here unread is not lost by it, nor is one that was read in
 * the meantime: it is answered. */
bool watch_shed(struct watch *watch, unsigned wanted, const struct watch_rule rules[WATCH_KINDS],
                unsigned out_shed[WATCH_KINDS]);

/* Whether a connection is still to be taken, or holds bytes that nobody has read. */
bool watch_unread(struct watch *watch);

#endif
