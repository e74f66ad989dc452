/* serve.c - libmicrohttpd brings requests, routes answer them.
 *
 * A fixed pool of the library's threads shares one listening socket; each has a
 * context of its own. A request is counted from its header to its last byte out;
 * when SIGTERM comes, listening ends, and what is counted is waited for. That a
 * request must arrive within read_seconds_max, however slowly it trickles, is
 * checked here, because the library's time-out only sees silence.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/serve.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tick.h"
#include "serve/listen.h"
#include "serve/openapi.h"
#include "serve/routes.h"

enum { CONNECTION_BYTES = 16 * 1024, SETTLE_MS = 50 };

struct server {
    const struct serve_options *options;
    struct answer_model model;
    struct answer_context context[CREW_THREADS_MAX];
    atomic_uint contexts_taken;
    struct routes_state state;
    char *openapi;
    struct listen listen;
    struct MHD_Daemon *daemon;
    atomic_uint in_flight;
};

struct request {
    const struct route *route;
    char *body;
    size_t used, capacity;
    uint64_t begun;
    bool too_long;
};

static struct answer_context *own_context(struct server *server)
{
    static _Thread_local struct answer_context *own;
    if (own == NULL || own->model != &server->model) {
        unsigned taken = atomic_fetch_add(&server->contexts_taken, 1);
        check(taken < server->options->threads);
        own = &server->context[taken];
    }
    return own;
}

static enum MHD_Result send_reply(struct server *server, struct MHD_Connection *connection,
                                  const struct routes_reply *reply)
{
    struct slice body = reply->fixed.size > 0 ? reply->fixed : writer_slice(&reply->body);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.size, (void *)(size_t)body.data,
        reply->fixed.size > 0 ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
    if (response == NULL) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", reply->type);
    if (reply->allow != NULL) MHD_add_response_header(response, "Allow", reply->allow);
    if (reply->retry_after_seconds > 0) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", reply->retry_after_seconds);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    if (atomic_load(&server->state.draining))
        MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result queued = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    if (reply->status >= 500) log_line(LOG_LEVEL_WARNING, "answered %u", reply->status);
    return queued;
}

static enum MHD_Result send_problem(struct server *server, struct MHD_Connection *connection,
                                    const struct error *err)
{
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    routes_problem(&reply, err);
    return send_reply(server, connection, &reply);
}

/* "application/json", with or without parameters. */
static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    if (type == NULL || strncasecmp(type, json, sizeof json - 1) != 0) return false;
    char next = type[sizeof json - 1];
    return next == '\0' || next == ';' || next == ' ';
}

/* What can be refused by the header alone, before a byte of the body. */
static enum error_code refuse_early(const struct server *server, struct MHD_Connection *connection,
                                    struct error *err)
{
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
    if (!is_json(type))
        return error_set(err, ERR_MEDIA_TYPE, 0, "Content-Type is %.100s, not application/json",
                         type != NULL ? type : "absent");
    const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
    if (length != NULL && strtoull(length, NULL, 10) > server->options->body_bytes_max)
        return error_set(err, ERR_BODY_LONG, 0, "the body has %.20s bytes; at most %zu are taken",
                         length, server->options->body_bytes_max);
    return ERR_NONE;
}

static enum MHD_Result begin(struct server *server, struct MHD_Connection *connection,
                             const char *method, const char *path, void **out_request)
{
    struct error err;
    struct request *request;
    if (mem_take(&request, 1, sizeof *request, &err) != ERR_NONE) return MHD_NO;
    *out_request = request;
    request->begun = tick_now();
    atomic_fetch_add(&server->in_flight, 1);
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    request->route = routes_find(method, path, &reply);
    if (request->route == NULL) return send_reply(server, connection, &reply);
    if (request->route->takes_case && refuse_early(server, connection, &err) != ERR_NONE)
        return send_problem(server, connection, &err);
    return MHD_YES;
}

static enum MHD_Result take_body(const struct server *server, struct request *request,
                                 const char *data, size_t *size)
{
    struct error err;
    size_t more = *size;
    *size = 0;
    if (tick_seconds_since(request->begun) > server->options->read_seconds_max) {
        log_line(LOG_LEVEL_WARNING, "closed a connection: its request took over %u s to arrive",
                 server->options->read_seconds_max);
        return MHD_NO;
    }
    if (request->used + more > server->options->body_bytes_max) request->too_long = true;
    if (request->too_long) return MHD_YES; /* read to its end, kept no further, answered 413 */
    if (mem_grow(&request->body, &request->capacity, request->used + more, 1, &err) != ERR_NONE)
        return MHD_NO;
    memcpy(request->body + request->used, data, more);
    request->used += more;
    return MHD_YES;
}

static enum MHD_Result finish(struct server *server, struct MHD_Connection *connection,
                              const struct request *request)
{
    if (request->too_long) {
        struct error err;
        error_set(&err, ERR_BODY_LONG, 0, "the body has more than %zu bytes",
                  server->options->body_bytes_max);
        return send_problem(server, connection, &err);
    }
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    struct slice body = {request->body != NULL ? request->body : "", request->used};
    request->route->answer(&server->state, own_context(server), body, &reply);
    return send_reply(server, connection, &reply);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *size, void **request)
{
    (void)version;
    struct server *server = context;
    if (*request == NULL) return begin(server, connection, method, url, request);
    struct request *known = *request;
    if (*size > 0) return take_body(server, known, data, size);
    return finish(server, connection, known);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    (void)connection, (void)code;
    struct server *server = context;
    struct request *known = *request;
    if (known == NULL) return;
    mem_free(known->body);
    mem_free(known);
    *request = NULL;
    atomic_fetch_sub(&server->in_flight, 1);
}

static enum error_code prepare(struct server *server, struct error *err)
{
    TRY(answer_open(&server->model, server->options->model, server->options->kernel, err));
    for (unsigned i = 0; i < server->options->threads; i++)
        TRY(answer_begin(&server->context[i], &server->model, err));
    TRY(answer_canaries(&server->context[0], UINT32_MAX, err));
    TRY(openapi_make(&server->openapi, server->options->version, err));
    server->state.model = &server->model;
    server->state.openapi = slice_of(server->openapi);
    return listen_open(&server->listen, server->options->listen, server->options->open, err);
}

static enum error_code start(struct server *server, struct error *err)
{
    const struct serve_options *options = server->options;
    struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, options->threads > 1 ? (intptr_t)options->threads : 0, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, NULL, NULL, on_request, server,
        MHD_OPTION_LISTEN_SOCKET, server->listen.fd, MHD_OPTION_CONNECTION_LIMIT,
        options->connections_max, MHD_OPTION_CONNECTION_TIMEOUT, options->read_seconds_max,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, server, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_THREAD_STACK_SIZE,
        (size_t)CREW_STACK_BYTES, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
    if (server->daemon == NULL)
        return error_set(err, ERR_SYSTEM, 0, "the HTTP library does not start");
    return ERR_NONE;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void drain(struct server *server)
{
    atomic_store(&server->state.draining, true);
    uint64_t begun = tick_now();
    unsigned limit = server->options->drain_seconds_max;
    /* Connections the kernel took already are in flight for their clients: let them in first. */
    pause_ms(SETTLE_MS);
    int fd = MHD_quiesce_daemon(server->daemon);
    pause_ms(SETTLE_MS);
    while (atomic_load(&server->in_flight) > 0 && tick_seconds_since(begun) < limit) pause_ms(5);
    unsigned left = atomic_load(&server->in_flight);
    if (left > 0) log_line(LOG_LEVEL_WARNING, "stopping with %u requests unanswered", left);
    MHD_stop_daemon(server->daemon);
    if (fd >= 0) listen_close(&server->listen);
}

static void close_server(struct server *server)
{
    free(server->openapi);
    for (unsigned i = 0; i < server->options->threads; i++) answer_end(&server->context[i]);
    answer_close(&server->model);
}

enum error_code serve_run(const struct serve_options *options, struct error *err)
{
    struct server *server;
    TRY(mem_take(&server, 1, sizeof *server, err));
    server->options = options;
    server->listen.fd = -1;
    uint64_t begun = tick_now();
    /* Blocked before any thread is made, so that only sigwait below sees them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    enum error_code code = prepare(server, err);
    if (code == ERR_NONE) code = start(server, err);
    if (code == ERR_NONE) {
        log_line(LOG_LEVEL_INFO, "ready on http://%s after %.0f ms: %u SBRs, %u threads, model %s",
                 server->listen.text, 1e3 * tick_seconds_since(begun), server->model.label_count,
                 options->threads, server->model.bundle.checksum);
        int signal_number;
        sigwait(&signals, &signal_number);
        log_line(LOG_LEVEL_INFO, "signal %d: finishing %u requests in flight", signal_number,
                 atomic_load(&server->in_flight));
        drain(server);
        log_line(LOG_LEVEL_INFO, "stopped");
    } else {
        listen_close(&server->listen);
    }
    close_server(server);
    mem_free(server);
    return code;
}
