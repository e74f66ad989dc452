/* server.c - the one place that knows what a running service is laid out from.
 *
 * Run on an arena that measures it is the plan's row of requests; run on the real one it is
 * the service. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/server.h"

#include "serve/batch.h"
#include "serve/exchange.h"

bool server_has_queue(const struct answer_model *model) { return model->has[ANSWER_ULMFIT]; }

unsigned server_loops(const struct server *server, const struct answer_model *model)
{
    return server_has_queue(model) ? 1 : server->options->threads;
}

/* The linear member alone answers sooner than another thread could be woken. */
struct answer_room server_room(const struct server *server)
{
    if (!server_has_queue(&server->model)) return (struct answer_room){.slots = 1, .threads = 1};
    unsigned threads = server->options->threads;
    return (struct answer_room){.slots = BATCHER_SLOTS,
                                .threads = threads < TEAM_THREADS_MAX ? threads : TEAM_THREADS_MAX};
}

struct batcher_options server_batcher_options(const struct server *server)
{
    const struct serve_options *options = server->options;
    return (struct batcher_options){.model = &server->model,
                                    .room = server_room(server),
                                    .cases_max = options->queue_cases_max,
                                    .bytes_max = options->queue_bytes_max,
                                    .deadline_seconds = options->deadline_seconds,
                                    .done = exchange_done};
}

size_t server_batch_max(const struct server *server)
{
    size_t most = server->options->batch_cases_max, waiting = server->options->queue_cases_max;
    return server_has_queue(&server->model) && most > waiting ? waiting : most;
}

size_t server_beside(const struct server *server)
{
    struct batch full = {.count = server_batch_max(server)};
    return batch_bytes(full.count) + batch_bound(&full, &server->model, 0);
}

void server_lay(struct server *server, struct arena *arena)
{
    size_t connections = server->options->connections_max;
    server->context =
        arena_take(arena, server_loops(server, &server->model), sizeof *server->context);
    watch_lay(&server->watch, connections, arena);
    server->requests = exchange_lay(connections, arena);
}
