/* server.h - what serve.c and exchange.c share: the running service.
 *
 * Threads  the atomics and the watch: any; the rest is laid before threads are made
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include <microhttpd.h>
#include <stdatomic.h>
#include <time.h>

#include "base/contract.h"
#include "nn/team.h"
#include "serve/admin.h"
#include "serve/batcher.h"
#include "serve/body.h"
#include "serve/listen.h"
#include "serve/metrics.h"
#include "serve/notify.h"
#include "serve/openapi.h"
#include "serve/pulse.h"
#include "serve/recent.h"
#include "serve/reload.h"
#include "serve/routes.h"
#include "serve/seats.h"
#include "serve/serve.h"
#include "serve/truth.h"
#include "serve/watch.h"

/* Replies too long for a connection's own room, such as metrics, while they are sent. */
enum { SERVER_PAGES = 2 };

struct server {
    const struct serve_options *options;
    struct serve_options lowered;     /* these, of a service that runs */
    const struct answer_model *model; /* the current seat's; serve.c's thread, and a reload */
    /* A seat's contexts: one for each of the library's threads where these answer, and the
     * batcher's (seats_last). */
    struct seats seats;
    struct team *team; /* the batcher's; NULL without ULMFiT */
    atomic_uint loops_taken;
    unsigned loops; /* the library's threads; serve.c's holds a seat under the number `loops` */
    struct truth truth;
    struct pulse pulse;         /* of the library's threads */
    struct MHD_Response *heard; /* what they answer it */
    double period_seconds;      /* from one canary to the next */
    struct notify notify;
    struct batcher_case canary; /* while canary_waits */
    struct seat *canary_seat;   /* pinned meanwhile */
    uint32_t canary_number;
    atomic_bool canary_waits;
    _Atomic time_t loaded; /* the model, in seconds since 1970 */
    struct recent recent;
    struct reload *reload;
    bool abandoned; /* a reload was still at it at the end: nothing that it uses may be touched */
    struct admin admin;
    size_t detail_bytes; /* of a case's details, laid out for */
    struct routes_state state;
    struct openapi_texts openapi;
    struct listen listen;
    struct contract contract;
    struct arena arena; /* of watch, requests, metrics and pages */
    struct watch watch;
    struct request *requests; /* one a connection, by watch_number */
    atomic_uint *coming;      /* the same; whose header is to come: its loop's number + 1, or 0 */
    struct body_store bodies;
    struct metrics metrics;
    size_t page_bytes;
    char *page[SERVER_PAGES];
    atomic_bool page_taken[SERVER_PAGES];
    size_t batch_max; /* cases of a request: server_batch_max */
    struct MHD_Daemon *daemon;
    struct watch_late late;           /* closed since that was last told */
    unsigned lost, shed[WATCH_KINDS]; /* the same */
    atomic_uint in_flight;            /* requests, from header to last byte out */
};

/* Of these, only options, model and detail_bytes need be set. */

/* Whether the library's threads answer small cases themselves, which the linear member alone
 * allows, or all of them wait for the batcher. */
bool server_at_once(const struct answer_model *model);
unsigned server_loops(const struct server *server, const struct answer_model *model);
unsigned server_contexts(const struct server *server, const struct answer_model *model);
struct answer_room server_room(const struct server *server);                /* of each context */
struct batcher_options server_batcher_options(const struct server *server); /* less context */
size_t server_batch_max(const struct server *server);

/* The most that one request takes of the store of bodies beside its body and as much again. */
size_t server_beside(const struct server *server);

/* All that is taken for each loop and connection. */
void server_lay(struct server *server, struct arena *arena);

/* A page of so many bytes, or NULL where none is long enough, or free; NULL gives nothing back. */
char *server_page(struct server *server, size_t size);
void server_page_give(struct server *server, const char *page);

/* A routes_state's look. */
void server_look(const void *server, struct metrics_now *now);

/* Lays a seat's contexts out, over a team that is lent; NULL for a linear model. */
MUST_CHECK enum error_code server_fill(const struct server *server, struct seat *seat,
                                       struct team *team, struct error *err);

/* Asks the next canary; serve.c's thread alone. */
void server_ask(struct server *server);

#endif
