/* notify.h - what the service manager is told: sd_notify(3), without its library.
 *
 * In       NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID of the environment
 * Out      one datagram a message; none where nobody listens
 * Threads  notify_open before all others; then any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_NOTIFY_H
#define SERVE_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t size;
    double watchdog_seconds; /* 0: there is none */
};

/* Never fails: without a manager there is nothing to tell. */
void notify_open(struct notify *notify);
void notify_close(struct notify *notify);

/* Lines "NAME=value". */
void notify_send(const struct notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* RELOADING=1, with the moment that the manager asks for. */
void notify_reloading(const struct notify *notify);

#endif
