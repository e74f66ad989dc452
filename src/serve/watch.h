/* watch.h - the connections that are open, and how long each has kept us waiting.
 *
 * The HTTP library's time-out sees silence only; a client that sends a byte a
 * second is never silent. Here each connection has a time since it owes us
 * something, and one that owes too long is shut, whatever it sends.
 *
 * Memory   one small entry a connection, laid out beforehand
 * Threads  any number; one lock, held for a few stores, or for one walk by watch_cut
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_WATCH_H
#define SERVE_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct watch_entry;

struct watch {
    pthread_mutex_t mutex;
    struct watch_entry *entries, *first, *free;
};

/* Room for so many connections; called on an arena that measures, it only counts. */
void watch_lay(struct watch *watch, size_t connections, struct arena *arena);

/* NULL where there is no entry left: that connection is shut at once. */
struct watch_entry *watch_enter(struct watch *watch, int fd);

/* Below the number of connections; no other open connection has it. */
size_t watch_number(const struct watch *watch, const struct watch_entry *entry);

/* Before the descriptor is closed; NULL does nothing. */
void watch_leave(struct watch *watch, struct watch_entry *entry);

/* Its time begins anew, and the client owes us bytes, or we owe it an answer; NULL does nothing. */
void watch_renew(struct watch *watch, struct watch_entry *entry, bool owes);

/* Its case waits for its turn here: it keeps nobody waiting until watch_renew; NULL does nothing.
 */
void watch_pause(struct watch *watch, struct watch_entry *entry);

/* Shuts every connection whose time is older than this, and gives how many; also those whose
 * client left in the middle of a request, which the library may not see before its time-out. */
unsigned watch_cut(struct watch *watch, unsigned seconds);

/* Where no connection is free and others wait: shuts up to `most` strangers, who have not sent a
 * whole request in so many milliseconds or more, the oldest first; gives how many. Clients that
 * were answered once are let alone. */
unsigned watch_shed(struct watch *watch, unsigned most, unsigned milliseconds);

/* Whether a connection holds bytes that nobody has read. */
bool watch_unread(struct watch *watch);

#endif
