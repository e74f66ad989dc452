/* server.h - what serve.c and exchange.c share: the running service.
 *
 * Threads  the atomics and the watch: any; the rest is laid before threads are made
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include <microhttpd.h>
#include <stdatomic.h>

#include "base/contract.h"
#include "serve/batcher.h"
#include "serve/body.h"
#include "serve/listen.h"
#include "serve/routes.h"
#include "serve/serve.h"
#include "serve/watch.h"

struct server {
    const struct serve_options *options;
    struct answer_model model;
    /* One of them for each of the library's threads, or one thread and state.batcher. */
    struct answer_context *context;
    atomic_uint contexts_taken;
    unsigned loops; /* the library's threads */
    struct routes_state state;
    char *openapi;
    struct listen listen;
    struct contract contract;
    struct arena arena; /* of contexts, watch and requests */
    struct watch watch;
    struct request *requests; /* one a connection, by watch_number */
    struct body_store bodies;
    size_t batch_max; /* cases of a request: server_batch_max */
    struct MHD_Daemon *daemon;
    unsigned accepted; /* connections given to the library; serve.c's thread alone */
    atomic_uint entered, left;
    atomic_uint in_flight; /* requests, from header to last byte out */
};

/* Of these, only options and model need be set. */

/* Whether cases wait for ULMFiT, or the library's threads answer them at once. */
bool server_has_queue(const struct answer_model *model);
unsigned server_loops(const struct server *server, const struct answer_model *model);
struct answer_room server_room(const struct server *server);                /* of each context */
struct batcher_options server_batcher_options(const struct server *server); /* less context */
size_t server_batch_max(const struct server *server);

/* The most that one request takes of the store of bodies beside its body and as much again. */
size_t server_beside(const struct server *server);

/* All that is taken for each loop and connection. */
void server_lay(struct server *server, struct arena *arena);

#endif
