/* serve.c - libmicrohttpd brings requests, routes answer them.
 *
 * A fixed pool of the library's threads shares one listening socket; each has a
 * context of its own. A request is counted from its header to its last byte out.
 * When SIGTERM comes, the queue of the kernel is emptied, listening ends, and what is
 * counted or still unread is waited for. A request that is refused is read to its end
 * first, because closing a connection with unread bytes resets it under the answer.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/serve.h"

#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tick.h"
#include "serve/header.h"
#include "serve/listen.h"
#include "serve/openapi.h"
#include "serve/routes.h"
#include "serve/watch.h"

enum {
    CONNECTION_BYTES = 16 * 1024,
    WATCH_MS = 250,
    LOOK_MS = 5,
    QUIET_LOOKS = 5, /* a request passes from the kernel to us unseen, but not for so long */
};

struct server {
    const struct serve_options *options;
    struct answer_model model;
    struct answer_context context[CREW_THREADS_MAX];
    atomic_uint contexts_taken;
    struct routes_state state;
    char *openapi;
    struct listen listen;
    struct watch watch;
    struct MHD_Daemon *daemon;
    atomic_uint in_flight;
};

struct request {
    const struct route *route; /* NULL: refused, once it is read to its end */
    char *body;
    size_t used, capacity;
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

static struct watch_entry *watched(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The route, or NULL with reply filled where the header alone refuses the request. */
static const struct route *admit(const struct server *server, struct MHD_Connection *connection,
                                 const char *method, const char *path, struct routes_reply *reply)
{
    struct error err;
    const struct route *route = routes_find(method, path, reply);
    if (route == NULL || !route->takes_case ||
        header_check_case(connection, server->options->body_bytes_max, &err) == ERR_NONE)
        return route;
    routes_problem(reply, &err);
    return NULL;
}

/* A reply from here, before the body, ends the connection; one from finish does not. */
static enum MHD_Result begin(struct server *server, struct MHD_Connection *connection,
                             const char *method, const char *path, void **out_request)
{
    struct error err;
    struct request *request;
    if (mem_take(&request, 1, sizeof *request, &err) != ERR_NONE) return MHD_NO;
    *out_request = request;
    atomic_fetch_add(&server->in_flight, 1);
    watch_renew(&server->watch, watched(connection), true); /* the header came, now the body */
    if (header_check_framing(connection, &err) != ERR_NONE)
        return send_problem(server, connection, &err);
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    request->route = admit(server, connection, method, path, &reply);
    if (request->route == NULL && !header_sends_anyway(connection))
        return send_reply(server, connection, &reply);
    return MHD_YES;
}

static enum MHD_Result take_body(const struct server *server, struct request *request,
                                 const char *data, size_t *size)
{
    struct error err;
    size_t more = *size;
    *size = 0;
    if (request->used + more > server->options->body_bytes_max) request->too_long = true;
    if (request->route == NULL || request->too_long) return MHD_YES; /* read, but not kept */
    if (mem_grow(&request->body, &request->capacity, request->used + more, 1, &err) != ERR_NONE)
        return MHD_NO;
    memcpy(request->body + request->used, data, more);
    request->used += more;
    return MHD_YES;
}

static enum MHD_Result finish(struct server *server, struct MHD_Connection *connection,
                              const struct request *request, const char *method, const char *path)
{
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    watch_renew(&server->watch, watched(connection),
                false); /* the body came, now they take the answer */
    if (request->route == NULL) {
        check(admit(server, connection, method, path, &reply) == NULL);
    } else if (request->too_long) {
        struct error err;
        error_set(&err, ERR_BODY_LONG, 0, "the body has more than %zu bytes",
                  server->options->body_bytes_max);
        routes_problem(&reply, &err);
    } else {
        struct slice body = {request->body != NULL ? request->body : "", request->used};
        request->route->answer(&server->state, own_context(server), body, &reply);
    }
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
    return finish(server, connection, known, method, url);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    (void)code;
    struct server *server = context;
    struct request *known = *request;
    if (known == NULL) return;
    mem_free(known->body);
    mem_free(known);
    *request = NULL;
    watch_renew(&server->watch, watched(connection), true);
    atomic_fetch_sub(&server->in_flight, 1);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **entry,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        watch_leave(&server->watch, *entry);
        return;
    }
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *entry = watch_enter(&server->watch, fd);
}

/* A coded NUL would end the path early, and make it another one. */
static size_t on_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
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
        on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_UNESCAPE_CALLBACK, on_escaped, server, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)CREW_STACK_BYTES, MHD_OPTION_ARRAY, pool,
        MHD_OPTION_END);
    if (server->daemon == NULL)
        return error_set(err, ERR_SYSTEM, 0, "the HTTP library does not start");
    return ERR_NONE;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

/* Cuts whom we have waited for too long. A second more than the library's own time-out,
 * which closes whoever is silent, and is no reason to tell anybody. */
static void cut(struct server *server)
{
    unsigned count = watch_cut(&server->watch, server->options->read_seconds_max + 1);
    if (count > 0)
        log_line(LOG_LEVEL_WARNING, "closed %u connections: a request took over %u s to arrive",
                 count, server->options->read_seconds_max);
}

static int wait_for_signal(struct server *server, const sigset_t *signals)
{
    const struct timespec wait = {.tv_nsec = WATCH_MS * 1000000L};
    int signal_number;
    while ((signal_number = sigtimedwait(signals, NULL, &wait)) < 0) cut(server);
    return signal_number;
}

static bool kernel_queues(const struct server *server)
{
    return poll(&(struct pollfd){.fd = server->listen.fd, .events = POLLIN}, 1, 0) > 0;
}

static void drain(struct server *server)
{
    atomic_store(&server->state.draining, true);
    uint64_t begun = tick_now();
    unsigned limit = server->options->drain_seconds_max;
    /* Connections the kernel took already are in flight for their clients. The queue keeps
     * their order: once it has been empty, every one from before the signal is in. */
    while (kernel_queues(server) && tick_seconds_since(begun) < limit) pause_ms(1);
    int fd = MHD_quiesce_daemon(server->daemon);
    for (int quiet = 0; quiet < QUIET_LOOKS && tick_seconds_since(begun) < limit;) {
        pause_ms(LOOK_MS);
        bool busy = atomic_load(&server->in_flight) > 0 || watch_unread(&server->watch);
        quiet = busy ? 0 : quiet + 1;
        cut(server);
    }
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
    server->watch = watch_start();
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
        int signal_number = wait_for_signal(server, &signals);
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
