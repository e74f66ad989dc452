/* early.h - an answer past the HTTP library, for where it has none to give.
 *
 * In       a connection on which no other answer is being sent; the answer: its status, the headers
 *          of its response, its body (none to HEAD)
 * Out      its bytes, as far as the socket takes them at once, and then the end of what we send.
 *          The library learns nothing of it, and must give no answer of its own afterwards.
 * Threads  the connection's
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_EARLY_H
#define SERVE_EARLY_H

#include <microhttpd.h>

#include "base/slice.h"

void early_send(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response,
                struct slice body);

#endif
