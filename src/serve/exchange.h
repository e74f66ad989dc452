/* exchange.h - one request and its reply, over the HTTP library.
 *
 * In       callbacks of the library, context is struct server
 * Out      a reply of routes.h, queued
 * Memory   one block a connection, laid out beforehand, and in the server's region its
 *          request's body, until exchange_end
 * Threads  the library's; each takes a context of its own, unless there is a batcher
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_EXCHANGE_H
#define SERVE_EXCHANGE_H

#include <microhttpd.h>
#include <stdarg.h>

#include "base/arena.h"

struct request;

/* A block for each connection; NULL while measuring. */
struct request *exchange_lay(size_t connections, struct arena *arena);

/* Its request line has come; gives the request of the other calls. */
void *exchange_open(void *context, const char *target, struct MHD_Connection *connection);

enum MHD_Result exchange_step(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **request);
void exchange_end(void *context, struct MHD_Connection *connection, void **request,
                  enum MHD_RequestTerminationCode code);

/* A line of the library's log: what it refuses itself is counted. */
void exchange_note(void *context, const char *format, va_list arguments);

#endif
