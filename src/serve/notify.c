/* notify.c - the protocol is one datagram, so there is no library for it here.
 *
 * libsystemd would bring six others with it, and code into this process that has nothing to
 * do with it (docs/decisions/003-service-manager.md). */
// SPDX-License-Identifier: Apache-2.0
#include "serve/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/tick.h"

enum { MESSAGE_MAX = 1024, PATIENCE_MS = 500 };

static void find_watchdog(struct notify *notify)
{
    const char *micros = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (micros == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid())) return;
    double seconds = (double)strtoull(micros, NULL, 10) / 1e6;
    if (seconds > 0) notify->watchdog_seconds = seconds;
}

void notify_open(struct notify *notify)
{
    *notify = (struct notify){.fd = -1};
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || (path[0] != '/' && path[0] != '@')) return;
    size_t size = strlen(path);
    if (size >= sizeof notify->address.sun_path) {
        log_line(LOG_LEVEL_WARNING, "NOTIFY_SOCKET is too long: the manager is told nothing");
        return;
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, path, size);
    if (path[0] == '@') notify->address.sun_path[0] = '\0'; /* an abstract name */
    notify->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* A manager that does not read must not stop the service. */
    struct timeval patience = {.tv_usec = PATIENCE_MS * 1000};
    if (notify->fd >= 0)
        setsockopt(notify->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    find_watchdog(notify);
}

void notify_close(struct notify *notify)
{
    if (notify->fd >= 0) close(notify->fd);
    notify->fd = -1;
}

void notify_send(const struct notify *notify, const char *format, ...)
{
    if (notify->fd < 0) return;
    char message[MESSAGE_MAX];
    va_list values;
    va_start(values, format);
    int size = vsnprintf(message, sizeof message, format, values);
    va_end(values);
    if (size < 0) return;
    if (size >= (int)sizeof message) size = (int)sizeof message - 1;
    /* Who does not hear it acts by what is missing; there is nobody else to tell. */
    (void)sendto(notify->fd, message, (size_t)size, MSG_NOSIGNAL,
                 (const struct sockaddr *)&notify->address, notify->size);
}

void notify_reloading(const struct notify *notify)
{
    notify_send(notify, "RELOADING=1\nMONOTONIC_USEC=%llu",
                (unsigned long long)(tick_now() / 1000));
}
