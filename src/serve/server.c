/* server.c - the one place that knows what a running service is laid out from.
 *
 * Run on an arena that measures it is the plan's row of requests; run on the real one it is
 * the service. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/server.h"

#include "serve/batch.h"
#include "serve/exchange.h"

size_t server_beside(const struct server *server)
{
    struct batch full = {.count = server->batch_max};
    return batch_bytes(full.count) + batch_bound(&full, &server->model, 0);
}

void server_lay(struct server *server, struct arena *arena)
{
    size_t connections = server->options->connections_max;
    watch_lay(&server->watch, connections, arena);
    server->requests = exchange_lay(connections, arena);
}
