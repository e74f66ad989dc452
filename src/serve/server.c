/* server.c - the one place that knows what a running service is laid out from.
 *
 * Run on an arena that measures it is the plan's row of requests; run on the real one it is
 * the service. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/server.h"

#include "serve/batch.h"
#include "serve/exchange.h"
#include "serve/reasons.h"
#include "serve/sandbox.h"
#include "serve/vitals.h"

bool server_at_once(const struct answer_model *model) { return !model->has[ANSWER_ULMFIT]; }

unsigned server_loops(const struct server *server, const struct answer_model *model)
{
    return server_at_once(model) ? server->options->threads : 1;
}

unsigned server_contexts(const struct server *server, const struct answer_model *model)
{
    return server_at_once(model) ? server_loops(server, model) + 1 : 1;
}

/* The linear member gains nothing by company: one place, and the canary's. */
struct answer_room server_room(const struct server *server)
{
    if (server_at_once(server->model)) return (struct answer_room){.slots = 2, .threads = 1};
    unsigned threads = server->options->threads;
    return (struct answer_room){.slots = BATCHER_ROOM,
                                .threads = threads < TEAM_THREADS_MAX ? threads : TEAM_THREADS_MAX};
}

struct batcher_options server_batcher_options(const struct server *server)
{
    const struct serve_options *options = server->options;
    return (struct batcher_options){.cases_max = options->queue_cases_max,
                                    .bytes_max = options->queue_bytes_max,
                                    .deadline_seconds = options->deadline_seconds};
}

size_t server_batch_max(const struct server *server)
{
    size_t most = server->options->batch_cases_max, waiting = server->options->queue_cases_max;
    return most < waiting ? most : waiting;
}

size_t server_beside(const struct server *server)
{
    struct batch full = {.count = server_batch_max(server)};
    struct routes_wish all = {.detail = true, .explain = true};
    size_t many = batch_bytes(full.count) + batch_bound(&full, server->detail_bytes, 0);
    size_t one = reasons_bytes(server->model) + routes_bound(server->detail_bytes, &all);
    return many > one ? many : one;
}

void server_lay(struct server *server, struct arena *arena)
{
    size_t connections = server->options->connections_max;
    watch_lay(&server->watch, connections, server_loops(server, server->model), arena);
    server->requests = exchange_lay(connections, arena);
    server->coming = arena_take(arena, connections, sizeof *server->coming);
    metrics_lay(&server->metrics, server->model, arena);
    server->page_bytes = metrics_bound(server->model);
    for (int i = 0; i < SERVER_PAGES; i++)
        server->page[i] = arena_take(arena, server->page_bytes, 1);
}

char *server_page(struct server *server, size_t size)
{
    if (size > server->page_bytes) return NULL;
    for (int i = 0; i < SERVER_PAGES; i++)
        if (!atomic_exchange(&server->page_taken[i], true)) return server->page[i];
    return NULL;
}

void server_page_give(struct server *server, const char *page)
{
    for (int i = 0; i < SERVER_PAGES && page != NULL; i++)
        if (server->page[i] == page) atomic_store(&server->page_taken[i], false);
}

void server_look(const void *context, struct metrics_now *now)
{
    struct server *server = (void *)(size_t)context; /* its locks and atomics */
    const struct serve_options *options = server->options;
    struct root root = root_of(NULL);
    struct error err;
    vitals_read(&root, now);
    now->queue_depth = (double)batcher_waiting(server->state.batcher);
    now->queue_limit = (double)options->queue_cases_max;
    now->in_flight = atomic_load(&server->in_flight);
    now->connections = (double)watch_open(&server->watch);
    now->connections_limit = options->connections_max;
    now->canary_success = truth_ready(&server->truth, &err) == ERR_NONE;
    now->draining = atomic_load(&server->state.draining);
    now->no_fork = sandbox_entered();
    now->model_loaded_seconds = (double)atomic_load(&server->loaded);
    now->budget_bytes = (double)contract_serving(&server->contract).memory;
    now->reload_budget_bytes = (double)contract_reloading(&server->contract).memory;
    now->address_budget_bytes = (double)contract_serving(&server->contract).address;
}

enum error_code server_fill(const struct server *server, struct seat *seat, struct team *team,
                            struct error *err)
{
    struct answer_room room = server_room(server);
    room.team = team;
    return seats_fill(seat, server_contexts(server, &seat->model), room, err);
}

/* On the answering thread. A case that was handed back says nothing, nor does the answer of
 * a model that came in between: it is asked again, and no silence, which would keep clients out
 * after a reload at the wrong moment. */
static void judge(struct batcher_case *one, const struct answer *answer, const struct error *err)
{
    (void)err;
    struct server *server = one->owner;
    bool judged = answer != NULL && answer->model == &server->canary_seat->model;
    if (judged) truth_judge(&server->truth, server->canary_number, answer);
    seats_unpin(server->canary_seat);
    atomic_store(&server->canary_waits, false);
    if (!judged) truth_pass(&server->truth); /* behind that: another may be asked now */
}

void server_ask(struct server *server)
{
    if (atomic_load(&server->canary_waits)) return; /* truth.h sees its silence */
    struct seat *seat = seats_hold(&server->seats, server->loops);
    server->canary_number = (server->canary_number + 1) % seat->model.canary_count;
    server->canary = (struct batcher_case){
        .text = answer_canary(&seat->model, server->canary_number), .done = judge, .owner = server};
    server->canary_seat = seat;
    seats_pin(seat);
    atomic_store(&server->canary_waits, true);
    batcher_put_canary(server->state.batcher, &server->canary);
    seats_release(&server->seats, server->loops);
}
