/* listen.h - a listening socket from the text of --listen. */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_LISTEN_H
#define SERVE_LISTEN_H

#include <stdbool.h>

#include "base/error.h"

enum { LISTEN_TEXT_MAX = 80 };

struct listen {
    int fd;
    char text[LISTEN_TEXT_MAX]; /* "127.0.0.1:8080", with the port really taken */
};

/* What can be said of such a text before anything listens. */
MUST_CHECK enum error_code listen_check(const char *text, bool open, struct error *err);

/* "ADDRESS:PORT", an IPv6 address in brackets. Addresses other hosts reach are
 * refused unless open. */
MUST_CHECK enum error_code listen_open(struct listen *out_listen, const char *text, bool open,
                                       struct error *err);

/* How many connections wait to be accepted. */
unsigned listen_waiting(const struct listen *listen);

void listen_close(struct listen *listen);

#endif
