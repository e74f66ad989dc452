/* server.c - the one place that knows what a running service is laid out from.
 *
 * Run on an arena that measures it is the plan's row of requests; run on the real one it is
 * the service. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/server.h"

#include "serve/exchange.h"

void server_lay(struct server *server, struct arena *arena)
{
    size_t connections = server->options->connections_max;
    watch_lay(&server->watch, connections, arena);
    server->requests = exchange_lay(connections, arena);
}
