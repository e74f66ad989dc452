/* watch.c - a doubly linked list under a lock, whose time began last first.
 *
 * A connection is only shut down here, never closed: the library closes it, after
 * watch_leave, so that a descriptor is never shut that belongs to somebody else by then.
 *
 * One that gives way is shut for reading alone. What the kernel has of it can still be read,
 * and answered; where nothing is left the library sees the end, and closes it. So it does not
 * matter that a request may be read between our look and the shutting.
 *
 * The library (0.9.75) tells nobody of a connection that it closes before it took it, as it
 * does where memory for it is refused. Such a one would keep its place for ever: "running but not
 * serving" once all are lost. So an entry is made before, and its descriptor looked at.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/watch.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/tick.h"

struct watch_entry {
    struct watch_entry *next, *previous;
    uint64_t since;
    uint64_t gone_since;   /* 0: the client is still there */
    uint64_t acknowledged; /* bytes of ours, by its client, when its time began, once looked at */
    int fd;
    enum watch_phase phase;
    bool looked; /* at what it acknowledged */
    bool taken;  /* by the library */
    bool known;  /* sent a whole request before */
    bool shed;   /* is on its way out */
    bool cut;
    bool own; /* in no list, once it is taken */
};

/* What the library has taken from the kernel it gives to us in far less. */
#define GONE_SECONDS 0.2

/* A stranger has time to send a request in, a client to think between two, and a body to come
 * over a slow line. */
const struct watch_rule watch_rules[WATCH_KINDS] = {
    [WATCH_STRANGER] = {"stranger", "sent no request", 100},
    [WATCH_IDLE] = {"idle", "had no request under way", 1000},
    [WATCH_SENDER] = {"sender", "were slow to send a body", 3000},
};

void watch_lay(struct watch *watch, size_t connections, size_t own, struct arena *arena)
{
    *watch = (struct watch){.mutex = PTHREAD_MUTEX_INITIALIZER, .places = connections};
    watch->entries = arena_take(arena, connections + own, sizeof *watch->entries);
    for (size_t i = 0; watch->entries != NULL && i < connections; i++) {
        watch->entries[i].next = watch->free;
        watch->free = &watch->entries[i];
    }
}

/* Puts it first: its time begins now. */
static void link_first(struct watch *watch, struct watch_entry *entry)
{
    entry->since = tick_now();
    entry->previous = NULL;
    entry->next = watch->first;
    if (entry->next != NULL)
        entry->next->previous = entry;
    else
        watch->last = entry;
    watch->first = entry;
}

static void unlink_entry(struct watch *watch, const struct watch_entry *entry)
{
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    else
        watch->last = entry->previous;
    if (entry->previous != NULL)
        entry->previous->next = entry->next;
    else
        watch->first = entry->next;
}

/* It left, or did what it is not shed for. */
static void stays(struct watch *watch, struct watch_entry *entry)
{
    watch->leaving -= entry->shed;
    entry->shed = false;
}

static void release(struct watch *watch, struct watch_entry *entry)
{
    unlink_entry(watch, entry);
    stays(watch, entry);
    entry->next = watch->free;
    watch->free = entry;
    watch->open--;
}

bool watch_has_room(struct watch *watch)
{
    pthread_mutex_lock(&watch->mutex);
    bool room = watch->free != NULL;
    pthread_mutex_unlock(&watch->mutex);
    return room;
}

size_t watch_open(struct watch *watch)
{
    pthread_mutex_lock(&watch->mutex);
    size_t open = watch->open;
    pthread_mutex_unlock(&watch->mutex);
    return open;
}

/* That entered with this descriptor, and was not taken yet. */
static struct watch_entry *find_new(const struct watch *watch, int fd)
{
    struct watch_entry *entry = watch->first;
    while (entry != NULL && (entry->taken || entry->fd != fd)) entry = entry->next;
    return entry;
}

static void lose(struct watch *watch, struct watch_entry *entry)
{
    release(watch, entry);
    watch->lost++;
}

struct watch_entry *watch_enter(struct watch *watch, int fd)
{
    pthread_mutex_lock(&watch->mutex);
    /* Who had the same descriptor has it no more. */
    struct watch_entry *before = find_new(watch, fd);
    if (before != NULL) lose(watch, before);
    struct watch_entry *entry = watch->free;
    check(entry != NULL);
    watch->free = entry->next;
    *entry = (struct watch_entry){.fd = fd, .phase = WATCH_COMES};
    link_first(watch, entry);
    watch->open++;
    pthread_mutex_unlock(&watch->mutex);
    return entry;
}

void watch_enter_own(struct watch *watch, int fd)
{
    pthread_mutex_lock(&watch->mutex);
    struct watch_entry *entry = &watch->entries[watch->places + watch->own++];
    *entry = (struct watch_entry){.fd = fd, .own = true};
    link_first(watch, entry);
    pthread_mutex_unlock(&watch->mutex);
}

bool watch_is_own(const struct watch_entry *entry) { return entry != NULL && entry->own; }

struct watch_entry *watch_take(struct watch *watch, int fd)
{
    pthread_mutex_lock(&watch->mutex);
    struct watch_entry *entry = find_new(watch, fd);
    if (entry != NULL) entry->taken = true;
    if (watch_is_own(entry)) unlink_entry(watch, entry);
    pthread_mutex_unlock(&watch->mutex);
    if (entry == NULL) shutdown(fd, SHUT_RDWR);
    return entry;
}

/* No other socket is made meanwhile than the clients', and these by the thread that asks. */
static bool is_open(int fd)
{
    int type;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

unsigned watch_lost(struct watch *watch)
{
    pthread_mutex_lock(&watch->mutex);
    for (struct watch_entry *entry = watch->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        if (!entry->taken && !is_open(entry->fd)) lose(watch, entry);
    }
    unsigned lost = watch->lost;
    watch->lost = 0;
    pthread_mutex_unlock(&watch->mutex);
    return lost;
}

size_t watch_number(const struct watch *watch, const struct watch_entry *entry)
{
    return (size_t)(entry - watch->entries);
}

void watch_leave(struct watch *watch, struct watch_entry *entry)
{
    if (entry == NULL || entry->own) return;
    pthread_mutex_lock(&watch->mutex);
    release(watch, entry);
    pthread_mutex_unlock(&watch->mutex);
}

void watch_renew(struct watch *watch, struct watch_entry *entry, enum watch_phase phase)
{
    if (entry == NULL) return;
    pthread_mutex_lock(&watch->mutex);
    unlink_entry(watch, entry);
    link_first(watch, entry);
    entry->phase = phase;
    entry->looked = false;
    entry->known = entry->known || phase > WATCH_SENDS;
    stays(watch, entry);
    pthread_mutex_unlock(&watch->mutex);
}

void watch_begin(struct watch *watch, struct watch_entry *entry)
{
    if (entry == NULL) return;
    pthread_mutex_lock(&watch->mutex);
    bool idled = entry->known && entry->phase == WATCH_COMES;
    pthread_mutex_unlock(&watch->mutex);
    if (idled) watch_renew(watch, entry, WATCH_SENDS);
}

static bool has_unread(const struct watch_entry *entry)
{
    char byte;
    return recv(entry->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* Whether the client closed its side, all it sent was read, and that some time ago. */
static bool is_gone(struct watch_entry *entry)
{
    char byte;
    if (entry->phase > WATCH_SENDS || recv(entry->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0) {
        entry->gone_since = 0;
        return false;
    }
    if (entry->gone_since == 0) entry->gone_since = tick_now();
    return tick_seconds_since(entry->gone_since) > GONE_SECONDS;
}

/* 0 where the kernel does not count. What is in the socket's buffer the library may have filled up
 * again: its length tells nothing. */
static uint64_t acknowledged(const struct watch_entry *entry)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(entry->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_acked
                                                                           : 0;
}

/* Whether the time of who takes an answer begins anew, as it does when it is first looked at. */
static bool goes_on(struct watch *watch, struct watch_entry *entry, bool late)
{
    if (entry->phase != WATCH_TAKES || (entry->looked && !late)) return false;
    uint64_t now = acknowledged(entry);
    if (entry->looked && now - entry->acknowledged < WATCH_TAKEN_MIN) return false;
    unlink_entry(watch, entry);
    link_first(watch, entry);
    entry->acknowledged = now;
    entry->looked = true;
    return true;
}

static bool is_late(struct watch *watch, struct watch_entry *entry, unsigned seconds)
{
    bool late = entry->phase != WATCH_WAITS && tick_seconds_since(entry->since) > seconds;
    return !goes_on(watch, entry, late) && late;
}

struct watch_late watch_cut(struct watch *watch, unsigned seconds)
{
    struct watch_late count = {0};
    pthread_mutex_lock(&watch->mutex);
    for (struct watch_entry *entry = watch->first, *next; entry != NULL; entry = next) {
        next = entry->next;
        if (entry->cut) continue;
        bool late = is_late(watch, entry, seconds);
        bool idles = entry->known && entry->phase == WATCH_COMES && !has_unread(entry);
        if (!late && !is_gone(entry)) continue;
        shutdown(entry->fd, SHUT_RDWR);
        entry->cut = true;
        count.takers += late && entry->phase == WATCH_TAKES;
        count.senders += late && entry->phase != WATCH_TAKES && !idles;
    }
    pthread_mutex_unlock(&watch->mutex);
    return count;
}

/* WATCH_KINDS: none that gives way. */
static enum watch_kind kind_of(const struct watch_entry *entry)
{
    if (entry->cut || entry->phase > WATCH_SENDS) return WATCH_KINDS;
    if (!entry->known) return WATCH_STRANGER;
    return entry->phase == WATCH_COMES ? WATCH_IDLE : WATCH_SENDER;
}

/* Those who were answered are sure of half of all places together, whatever crowd of strangers
 * comes, and however young these are; they leave for one another. */
static bool is_sure(const struct watch *watch)
{
    size_t known = 0;
    for (const struct watch_entry *entry = watch->first; entry != NULL; entry = entry->next)
        known += entry->known;
    return known <= watch->places / 2;
}

static unsigned shed(struct watch *watch, enum watch_kind kind, unsigned milliseconds,
                     unsigned most)
{
    unsigned count = 0;
    for (struct watch_entry *entry = watch->last; entry != NULL && count < most;
         entry = entry->previous) {
        if (tick_seconds_since(entry->since) * 1e3 < milliseconds) break;
        if (entry->shed || kind_of(entry) != kind || has_unread(entry)) continue;
        shutdown(entry->fd, SHUT_RD);
        entry->shed = true;
        count++;
    }
    watch->leaving += count;
    return count;
}

bool watch_shed(struct watch *watch, unsigned wanted, const struct watch_rule rules[WATCH_KINDS],
                unsigned out_shed[WATCH_KINDS])
{
    pthread_mutex_lock(&watch->mutex);
    bool sure = is_sure(watch);
    for (enum watch_kind kind = 0; kind < WATCH_KINDS; kind++) {
        unsigned more = wanted > watch->leaving ? wanted - watch->leaving : 0;
        bool spared = sure && kind != WATCH_STRANGER;
        out_shed[kind] = spared ? 0 : shed(watch, kind, rules[kind].milliseconds, more);
    }
    bool any = watch->leaving > 0;
    pthread_mutex_unlock(&watch->mutex);
    return any;
}

bool watch_unread(struct watch *watch)
{
    bool unread = false;
    pthread_mutex_lock(&watch->mutex);
    for (struct watch_entry *entry = watch->first; entry != NULL && !unread; entry = entry->next)
        unread = !entry->taken || (!entry->cut && has_unread(entry));
    pthread_mutex_unlock(&watch->mutex);
    return unread;
}
