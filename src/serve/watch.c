/* watch.c - a doubly linked list under a lock.
 *
 * A connection is only shut down here, never closed: the library closes it, after
 * watch_leave, so that a descriptor is never shut that belongs to somebody else by then.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/watch.h"

#include <sys/socket.h>

#include "base/tick.h"

struct watch_entry {
    struct watch_entry *next, *previous;
    uint64_t since;
    uint64_t gone_since; /* 0: the client is still there */
    int fd;
    bool owes;  /* the client; otherwise we do */
    bool known; /* sent a whole request before */
    bool paused;
    bool cut;
};

/* What the library has taken from the kernel it gives to us in far less. */
#define GONE_SECONDS 0.2

void watch_lay(struct watch *watch, size_t connections, struct arena *arena)
{
    *watch = (struct watch){.mutex = PTHREAD_MUTEX_INITIALIZER};
    watch->entries = arena_take(arena, connections, sizeof *watch->entries);
    for (size_t i = 0; watch->entries != NULL && i < connections; i++) {
        watch->entries[i].next = watch->free;
        watch->free = &watch->entries[i];
    }
}

struct watch_entry *watch_enter(struct watch *watch, int fd)
{
    pthread_mutex_lock(&watch->mutex);
    struct watch_entry *entry = watch->free;
    if (entry != NULL) {
        watch->free = entry->next;
        *entry =
            (struct watch_entry){.next = watch->first, .fd = fd, .owes = true, .since = tick_now()};
        if (entry->next != NULL) entry->next->previous = entry;
        watch->first = entry;
    }
    pthread_mutex_unlock(&watch->mutex);
    if (entry == NULL) shutdown(fd, SHUT_RDWR);
    return entry;
}

size_t watch_number(const struct watch *watch, const struct watch_entry *entry)
{
    return (size_t)(entry - watch->entries);
}

void watch_leave(struct watch *watch, struct watch_entry *entry)
{
    if (entry == NULL) return;
    pthread_mutex_lock(&watch->mutex);
    if (entry->next != NULL) entry->next->previous = entry->previous;
    if (entry->previous != NULL)
        entry->previous->next = entry->next;
    else
        watch->first = entry->next;
    entry->next = watch->free;
    watch->free = entry;
    pthread_mutex_unlock(&watch->mutex);
}

void watch_renew(struct watch *watch, struct watch_entry *entry, bool owes)
{
    if (entry == NULL) return;
    pthread_mutex_lock(&watch->mutex);
    entry->since = tick_now();
    entry->owes = owes;
    entry->known = entry->known || !owes;
    entry->paused = false;
    pthread_mutex_unlock(&watch->mutex);
}

void watch_pause(struct watch *watch, struct watch_entry *entry)
{
    if (entry == NULL) return;
    pthread_mutex_lock(&watch->mutex);
    entry->paused = true;
    entry->owes = false;
    pthread_mutex_unlock(&watch->mutex);
}

/* Whether the client closed its side, all it sent was read, and that some time ago. */
static bool is_gone(struct watch_entry *entry)
{
    char byte;
    if (!entry->owes || recv(entry->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) {
        entry->gone_since = 0;
        return false;
    }
    if (entry->gone_since == 0) entry->gone_since = tick_now();
    return tick_seconds_since(entry->gone_since) > GONE_SECONDS;
}

unsigned watch_cut(struct watch *watch, unsigned seconds)
{
    unsigned count = 0;
    pthread_mutex_lock(&watch->mutex);
    for (struct watch_entry *entry = watch->first; entry != NULL; entry = entry->next) {
        if (entry->cut) continue;
        bool late = !entry->paused && tick_seconds_since(entry->since) > seconds;
        if (!late && !is_gone(entry)) continue;
        shutdown(entry->fd, SHUT_RDWR);
        entry->cut = true;
        count += late;
    }
    pthread_mutex_unlock(&watch->mutex);
    return count;
}

static bool is_stranger(const struct watch_entry *entry)
{
    return !entry->cut && !entry->known && !entry->paused;
}

/* The list has the youngest first. */
static struct watch_entry *oldest(struct watch *watch)
{
    struct watch_entry *entry = watch->first;
    while (entry != NULL && entry->next != NULL) entry = entry->next;
    return entry;
}

unsigned watch_shed(struct watch *watch, unsigned most, unsigned milliseconds)
{
    unsigned count = 0;
    pthread_mutex_lock(&watch->mutex);
    for (struct watch_entry *entry = oldest(watch); entry != NULL && count < most;
         entry = entry->previous) {
        if (!is_stranger(entry) || tick_seconds_since(entry->since) * 1e3 < milliseconds) continue;
        shutdown(entry->fd, SHUT_RDWR);
        entry->cut = true;
        count++;
    }
    pthread_mutex_unlock(&watch->mutex);
    return count;
}

bool watch_unread(struct watch *watch)
{
    bool unread = false;
    char byte;
    pthread_mutex_lock(&watch->mutex);
    for (struct watch_entry *entry = watch->first; entry != NULL && !unread; entry = entry->next)
        unread = !entry->cut && recv(entry->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    pthread_mutex_unlock(&watch->mutex);
    return unread;
}
