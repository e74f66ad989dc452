/* exchange.c - a request is counted from its header to its last byte out.
 *
 * Cases are answered through the batcher: the connection is suspended while its case waits,
 * and its reply is made by the answering thread, while the answer's numbers are there. The
 * linear member alone takes a tenth of what the hop to another thread and back costs, so
 * what is small the library's threads answer at once there; what is not would keep health,
 * and everybody else, waiting.
 *
 * One that is refused is read to its end first, because closing a connection with
 * unread bytes resets it under the answer. Chunks may have no end: their client is told
 * after a while all the same (early.h), and what it sends meanwhile is read, up to a bound.
 *
 * What the library itself refuses we learn from its log alone. Of an error that it finds once a
 * header is whole, such as a length that is none, it (0.9.75) sends the head of its answer twice:
 * there the answer is ours (early.h), and its own finds the socket shut.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/exchange.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/tick.h"
#include "serve/assets.h"
#include "serve/batch.h"
#include "serve/early.h"
#include "serve/header.h"
#include "serve/reasons.h"
#include "serve/server.h"

/* Of a request that is answered at once: some 0.1 ms. */
enum { AT_ONCE_BYTES = 2048 };

/* More the library has no room for, and says nothing. */
enum { PARAMETERS_MAX = 64 };

/* The request that this thread of the library's began last was refused by its target alone: what
 * the library may say of it is said. */
static _Thread_local bool told_early;

/* A body in chunks that is refused has this long, or as many bytes as a body may have, to end. */
#define AWAY_SECONDS 1.0

struct request {
    const struct route *route; /* NULL: refused, once it is read to its end */
    const struct route *found; /* the same, also where it is refused; NULL: nobody serves it */
    uint64_t since;            /* its header came; 0: it is to come */
    const char *behind_target; /* header_behind */
    struct routes_wish wish;
    struct body body;
    enum error_code body_verdict; /* why it is read to its end, but not kept */
    bool coded;                   /* its body comes in chunks */
    bool last;                    /* what follows on the connection is not to be read */
    bool refused;                 /* while its body came: its answer is sent */
    uint64_t away_since;          /* its bytes are read and thrown away; 0: they are not */
    size_t away;
    struct body reply; /* room for a long one, until it is sent */
    struct body block; /* of reasons, where they are wanted */
    struct reasons *reasons;
    size_t told;        /* bytes of the reply, while reasons are looked for */
    char *page;         /* the same, of a route that has a bound */
    struct batch batch; /* of a request of many cases */
    /* Of cases that were handed to the batcher: */
    bool waiting;
    struct server *server;
    struct seat *seat; /* pinned until the reply is made */
    struct MHD_Connection *connection;
    struct MHD_Response *response;
    unsigned status;
    enum error_code problem;
    struct batcher_case one;
};

struct request *exchange_lay(size_t connections, struct arena *arena)
{
    return arena_take(arena, connections, sizeof(struct request));
}

/* Each of the library's threads has one, below server->loops. */
static unsigned own_number(struct server *server)
{
    static _Thread_local struct {
        bool known;
        unsigned number;
    } own;
    if (!own.known) {
        own.number = atomic_fetch_add(&server->loops_taken, 1);
        own.known = true;
    }
    check(own.number < server->loops);
    return own.number;
}

/* No other host, nothing written into the page itself, and nobody's frame. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static struct slice body_of(const struct routes_reply *reply)
{
    return reply->fixed.size > 0 ? reply->fixed : writer_slice(&reply->body);
}

/* NULL where the library has no memory. */
static struct MHD_Response *make_response(struct server *server, const struct request *request,
                                          const struct routes_reply *reply)
{
    struct slice body = body_of(reply);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        body.size, (void *)(size_t)body.data,
        reply->fixed.size > 0 || reply->stays ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_COPY);
    if (response == NULL) return NULL;
    MHD_add_response_header(response, "Content-Type", reply->type);
    if (reply->location != NULL) MHD_add_response_header(response, "Location", reply->location);
    if (reply->tag != NULL) {
        MHD_add_response_header(response, "ETag", reply->tag);
        MHD_add_response_header(response, "Cache-Control", "no-cache"); /* ask whether it changed */
    }
    if (reply->packed) {
        MHD_add_response_header(response, "Content-Encoding", "gzip");
        MHD_add_response_header(response, "Vary", "Accept-Encoding");
    }
    if (reply->page) {
        MHD_add_response_header(response, "Content-Security-Policy", page_policy);
        MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    }
    if (reply->allow != NULL) MHD_add_response_header(response, "Allow", reply->allow);
    if (reply->asks_token)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"admin\"");
    if (reply->retry_after_seconds > 0) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", reply->retry_after_seconds);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
    if (request->last || atomic_load(&server->state.draining))
        MHD_add_response_header(response, "Connection", "close");
    return response;
}

static void count(struct server *server, const struct request *request, unsigned status,
                  enum error_code problem)
{
    metrics_request(&server->metrics, request->found, status, tick_now() - request->since);
    if (problem != ERR_NONE) metrics_refused(&server->metrics, problem);
}

static enum MHD_Result send_response(struct server *server, struct MHD_Connection *connection,
                                     const struct request *request, unsigned status,
                                     enum error_code problem, struct MHD_Response *response)
{
    if (response == NULL) return MHD_NO;
    count(server, request, status, problem);
    enum MHD_Result queued = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    /* What is refused for want of time or room is counted, not told a thousand times. */
    if (status == 500) log_line(LOG_LEVEL_WARNING, "answered %u", status);
    return queued;
}

static enum MHD_Result send_reply(struct server *server, struct MHD_Connection *connection,
                                  const struct request *request, const struct routes_reply *reply)
{
    return send_response(server, connection, request, reply->status, reply->problem,
                         make_response(server, request, reply));
}

static enum MHD_Result send_problem(struct server *server, struct MHD_Connection *connection,
                                    const struct request *request, const struct error *err)
{
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    routes_problem(&reply, err);
    return send_reply(server, connection, request, &reply);
}

static struct watch_entry *watched(struct MHD_Connection *connection)
{
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* The route, or NULL with reply filled where the header alone refuses the request. */
static const struct route *admit(const struct server *server, struct MHD_Connection *connection,
                                 struct request *request, const char *method, const char *path,
                                 struct routes_reply *reply)
{
    struct error err;
    const struct route *route = routes_find(method, path, reply);
    request->found = route;
    if (route == NULL) return NULL;
    enum error_code code = header_wish(connection, route, &request->wish, &err);
    if (code == ERR_NONE && route->admin)
        code = header_check_admin(connection, &server->admin, &err);
    if (route->assets) request->wish.asset = assets_find(path);
    if (code == ERR_NONE && route->takes != ROUTES_NOTHING)
        code = header_check_body(connection, route->takes, server->options->body_bytes_max, &err);
    if (code == ERR_NONE) return route;
    routes_problem(reply, &err);
    return NULL;
}

static void set_coming(struct server *server, const struct request *request, unsigned loop)
{
    atomic_store_explicit(&server->coming[request - server->requests], loop, memory_order_relaxed);
}

/* A reply from here, before the body, ends the connection; one from finish does not. */
static enum MHD_Result begin(struct server *server, struct MHD_Connection *connection,
                             struct request *request, const char *method, const char *path,
                             const char *version)
{
    struct error err;
    set_coming(server, request, 0);
    if (request->refused) {
        told_early = false;
        return MHD_NO;
    }
    request->since = tick_now();
    atomic_fetch_add(&server->in_flight, 1);
    watch_renew(&server->watch, watched(connection), WATCH_SENDS);
    bool plain = path == method + strlen(method) + 1 && request->behind_target == version;
    enum error_code code =
        plain ? header_check_framing(connection, method, version, &request->coded, &err)
              : error_set(&err, ERR_REQUEST, 0,
                          "the request line holds a third space, NUL or another control character");
    if (code != ERR_NONE) return send_problem(server, connection, request, &err);
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    path = header_path(path);
    request->route = admit(server, connection, request, method, path, &reply);
    if (request->route == NULL &&
        (reply.problem == ERR_REQUEST || !header_sends_anyway(connection)))
        return send_reply(server, connection, request, &reply);
    return MHD_YES;
}

/* Why a request is refused whose body was not kept. */
static void refuse(const struct server *server, struct MHD_Connection *connection,
                   struct request *request, const char *method, const char *path,
                   struct routes_reply *reply)
{
    if (request->route == NULL) {
        check(admit(server, connection, request, method, path, reply) == NULL);
        return;
    }
    struct error err;
    bool too_long = request->body_verdict == ERR_BODY_LONG;
    error_fill(&err, request->body_verdict, 0,
               too_long ? "the body has more than %zu bytes"
                        : "other requests hold the room; bodies of %zu bytes are taken",
               server->options->body_bytes_max);
    routes_problem(reply, &err);
}

static enum MHD_Result send_early(struct server *server, struct MHD_Connection *connection,
                                  struct request *request, const struct routes_reply *reply,
                                  struct slice body)
{
    request->refused = request->last = true;
    struct MHD_Response *response = make_response(server, request, reply);
    if (response == NULL) return MHD_NO;
    count(server, request, reply->status, reply->problem);
    early_send(connection, reply->status, response, body);
    MHD_destroy_response(response);
    return MHD_YES;
}

static enum MHD_Result tell_early(struct server *server, struct MHD_Connection *connection,
                                  struct request *request, const char *method, const char *path)
{
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    refuse(server, connection, request, method, path, &reply);
    bool bodiless = strcmp(method, "HEAD") == 0;
    return send_early(server, connection, request, &reply,
                      bodiless ? (struct slice){"", 0} : body_of(&reply));
}

/* That the library looks at now, in this thread: the one whose header is whole, but neither ours
 * yet nor answered. NULL where it refuses one whose header is still to come. */
static struct request *find_whole(struct server *server)
{
    unsigned mine = own_number(server) + 1;
    for (size_t i = 0; i < server->options->connections_max; i++) {
        if (atomic_load_explicit(&server->coming[i], memory_order_relaxed) != mine) continue;
        struct request *request = &server->requests[i];
        struct MHD_Connection *connection = request->connection;
        if (MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) != NULL &&
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS) == NULL)
            return request;
    }
    return NULL;
}

static void tell_unread(struct server *server, struct request *request, unsigned status)
{
    struct error err;
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    if (status == 413)
        error_fill(&err, ERR_BODY_LONG, 0, "Content-Length is larger than any number");
    else
        error_fill(&err, ERR_REQUEST, 0, "Content-Length is not digits alone");
    routes_problem(&reply, &err);
    if (status != reply.status) /* cookies that it has no room for: 431 */
        reply = (struct routes_reply){.status = status,
                                      .type = "text/plain",
                                      .fixed = slice_of("The header is too large.\n")};
    request->since = tick_now();
    (void)send_early(server, request->connection, request, &reply, body_of(&reply));
    request->since = 0; /* it never becomes ours */
}

void *exchange_open(void *context, const char *target, struct MHD_Connection *connection)
{
    struct server *server = context;
    const struct watch_entry *entry = watched(connection);
    if (entry == NULL || watch_is_own(entry)) return NULL;
    struct request *request = &server->requests[watch_number(&server->watch, entry)];
    *request = (struct request){.connection = connection, .behind_target = header_behind(target)};
    set_coming(server, request, own_number(server) + 1);
    watch_begin(&server->watch, watched(connection));
    told_early = header_parameters(target) > PARAMETERS_MAX;
    if (told_early) tell_unread(server, request, 431);
    return request;
}

void exchange_note(void *context, const char *format, va_list arguments)
{
    static const char refusal[] = "Error processing request (HTTP response code is %u";
    if (strncmp(format, refusal, sizeof refusal - 1) != 0) return;
    struct server *server = context;
    unsigned status = va_arg(arguments, unsigned);
    struct request *request = find_whole(server);
    bool told = request != NULL ? request->refused : told_early;
    if (request == NULL) told_early = false;
    if (told) return;
    if (request != NULL)
        tell_unread(server, request, status);
    else
        metrics_unread(&server->metrics, status);
}

/* A body that tells its length ends there, and begin has looked at it. */
static enum MHD_Result read_away(struct server *server, struct MHD_Connection *connection,
                                 struct request *request, const char *method, const char *path,
                                 size_t more)
{
    if (!request->coded) return MHD_YES;
    if (request->away_since == 0) request->away_since = tick_now();
    request->away += more;
    if (request->refused) return header_may_discard(request->away) ? MHD_YES : MHD_NO;
    if (request->away <= server->options->body_bytes_max &&
        tick_seconds_since(request->away_since) < AWAY_SECONDS)
        return MHD_YES;
    return tell_early(server, connection, request, method, path);
}

static enum MHD_Result take_body(struct server *server, struct MHD_Connection *connection,
                                 struct request *request, const char *method, const char *path,
                                 const char *data, size_t *size)
{
    struct error err;
    size_t more = *size;
    *size = 0;
    if (request->route == NULL || request->body_verdict != ERR_NONE)
        return read_away(server, connection, request, method, path, more);
    request->body_verdict = body_add(&request->body, &server->bodies, data, more, &err);
    if (request->body_verdict != ERR_NONE) body_give(&request->body, &server->bodies);
    return MHD_YES;
}

/* A reply that is longer than our stack has room for lies in the store, from before its case
 * is answered, so that no answer is thrown away; so do reasons. */
static enum error_code take_room(struct server *server, struct request *request,
                                 const struct answer_model *model, const struct case_text *text,
                                 struct error *err)
{
    if (request->wish.explain)
        TRY(reasons_take(&request->reasons, &request->block, &server->bodies, model, text, err));
    size_t bound = routes_bound(server->detail_bytes, &request->wish);
    return bound <= ROUTES_REPLY_MAX ? ERR_NONE
                                     : body_room(&request->reply, &server->bodies, bound, err);
}

static void use_room(const struct request *request, struct routes_reply *reply)
{
    if (request->reply.data == NULL) return;
    reply->body = writer_of(request->reply.data, request->reply.capacity);
    reply->stays = true;
}

/* What became of all of the request's cases. */
static void tell_batch(struct server *server, const struct request *request,
                       struct routes_reply *reply)
{
    struct error err;
    if (batch_failed(&request->batch, &err)) {
        routes_problem(reply, &err);
        return;
    }
    for (size_t i = 0; i < request->batch.count; i++)
        if (request->batch.items[i].code != ERR_NONE)
            metrics_refused(&server->metrics, request->batch.items[i].code);
    reply->status = 200;
    reply->type = request->batch.lines ? ROUTES_LINES : ROUTES_JSON;
    batch_write(&request->batch, !request->wish.detail, &reply->body);
}

static void resume(struct server *server, struct request *request, const struct routes_reply *reply)
{
    request->response = make_response(server, request, reply);
    request->status = reply->status;
    request->problem = reply->problem;
    /* From here on the request belongs to the library's thread, which may free it. */
    MHD_resume_connection(request->connection);
}

/* An answer that came from the queue: what it did not spend on being answered it waited. */
static void count_queued(struct server *server, const struct batcher_case *one,
                         const struct answer *answer)
{
    uint64_t waited = tick_now() - one->since;
    for (int s = 0; s < ANSWER_STAGES; s++)
        waited -= waited > answer->nanos[s] ? answer->nanos[s] : waited;
    metrics_queued(&server->metrics, waited);
    metrics_answer(&server->metrics, answer);
}

static batcher_done explained;

/* The next round of reasons, or the end of the reply. */
static void explain_on(struct request *request)
{
    struct server *server = request->server;
    if (reasons_ask(request->reasons, server->state.batcher, server->options->deadline_seconds,
                    explained, request))
        return;
    struct routes_reply reply = {.status = 200, .type = ROUTES_JSON};
    use_room(request, &reply);
    reply.body.used = request->told;
    routes_explain(&request->reasons->explain, &reply);
    seats_unpin(request->seat);
    resume(server, request, &reply);
}

static void explained(struct batcher_case *one, const struct answer *answer,
                      const struct error *err)
{
    (void)err; /* what is not known is not told */
    struct request *request = one->owner;
    if (reasons_hear(request->reasons, one, answer)) explain_on(request);
}

/* Another model may have answered than the one that was there when the case came: then it is
 * that one's seat that must stay. It does until this case is done. */
static struct seat *follow(struct request *request, const struct answer_model *model)
{
    if (&request->seat->model == model) return request->seat;
    struct seats *seats = &request->server->seats;
    struct seat *other = request->seat == &seats->seat[0] ? &seats->seat[1] : &seats->seat[0];
    check(&other->model == model);
    seats_pin(other);
    seats_unpin(request->seat);
    return request->seat = other;
}

/* The reply so far waits for the reasons. */
static void explain(struct request *request, const struct answer *answer,
                    const struct routes_reply *reply)
{
    struct seat *seat = follow(request, answer->model);
    request->told = reply->body.used;
    reasons_begin(request->reasons, seats_last(seat), request->one.since, &request->one.text,
                  answer);
    explain_on(request);
}

/* Makes the reply, once all of the request's cases are answered, and lets the library's thread
 * send it. */
static void answered(struct batcher_case *one, const struct answer *answer, const struct error *err)
{
    struct request *request = one->owner;
    struct server *server = request->server;
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    if (answer != NULL) count_queued(server, one, answer);
    use_room(request, &reply);
    if (answer != NULL) recent_note(&server->recent, &one->text, answer);
    if (request->batch.items != NULL) {
        if (!batch_take(&request->batch, one, answer, err)) return;
        tell_batch(server, request, &reply);
    } else if (answer != NULL) {
        routes_answer(&request->wish, &one->text, answer, &reply);
        if (request->reasons != NULL) {
            explain(request, answer, &reply);
            return;
        }
    } else {
        routes_problem(&reply, err);
    }
    seats_unpin(request->seat);
    resume(server, request, &reply);
}

/* Until resume, which may come before the call that leads to it returns. */
static void suspend(struct server *server, struct MHD_Connection *connection,
                    struct request *request)
{
    request->waiting = true;
    request->server = server;
    request->connection = connection;
    watch_renew(&server->watch, watched(connection), WATCH_WAITS);
    MHD_suspend_connection(connection);
}

static void resume_refused(struct request *request, const struct error *err)
{
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    routes_problem(&reply, err);
    resume(request->server, request, &reply);
}

static void reloaded(void *owner, const struct reload_report *report, const struct error *err)
{
    struct request *request = owner;
    if (report == NULL) {
        resume_refused(request, err);
        return;
    }
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {
        .status = 200, .type = ROUTES_JSON, .body = writer_of(buffer, sizeof buffer)};
    reload_write(report, &reply.body);
    resume(request->server, request, &reply);
}

static void order_reload(struct server *server, struct MHD_Connection *connection,
                         struct request *request)
{
    struct error err;
    struct reload_order order = {request->wish.any_labels, reloaded, request};
    suspend(server, connection, request);
    if (reload_order(server->reload, &order, &err) != ERR_NONE) resume_refused(request, &err);
}

static void enqueue(struct server *server, struct seat *seat, struct MHD_Connection *connection,
                    struct request *request, struct batcher_case *cases, size_t count)
{
    struct error err;
    for (size_t i = 0; i < count; i++) {
        cases[i].done = answered;
        cases[i].owner = request;
    }
    request->seat = seat;
    seats_pin(seat);
    suspend(server, connection, request);
    if (batcher_put(server->state.batcher, cases, count, &err) == ERR_NONE) return;
    seats_unpin(seat);
    resume_refused(request, &err);
}

static bool is_small(const struct seat *seat, const struct request *request, size_t bytes)
{
    return server_at_once(&seat->model) && bytes <= AT_ONCE_BYTES && !request->wish.explain;
}

static void answer_now(struct server *server, struct seat *seat, const struct case_text *text,
                       struct answer *out_answer)
{
    answer_case(&seat->context[own_number(server)], text, out_answer);
    metrics_answer(&server->metrics, out_answer);
    recent_note(&server->recent, text, out_answer);
}

/* false: reply is filled; true: it will be, by the batcher. */
static bool take_case(struct server *server, struct seat *seat, struct MHD_Connection *connection,
                      struct request *request, struct routes_reply *reply)
{
    struct error err;
    struct case_text text;
    size_t bytes = request->body.used;
    if (body_case(&request->body, &server->bodies, &text, &err) != ERR_NONE ||
        take_room(server, request, &seat->model, &text, &err) != ERR_NONE) {
        routes_problem(reply, &err);
        return false;
    }
    if (!is_small(seat, request, bytes)) {
        request->one = (struct batcher_case){.text = text, .bytes = bytes};
        enqueue(server, seat, connection, request, &request->one, 1);
        return true;
    }
    struct answer answer;
    answer_now(server, seat, &text, &answer);
    use_room(request, reply);
    routes_answer(&request->wish, &text, &answer, reply);
    return false;
}

/* The same for many. */
static bool take_cases(struct server *server, struct seat *seat, struct MHD_Connection *connection,
                       struct request *request, struct routes_reply *reply)
{
    struct error err;
    struct batch *batch = &request->batch;
    size_t bytes = request->body.used;
    enum error_code code = batch_read(batch, &request->body, &server->bodies,
                                      header_is_lines(connection), server->batch_max, &err);
    if (code == ERR_NONE)
        code = body_room(&request->reply, &server->bodies,
                         batch_bound(batch, server->detail_bytes, bytes), &err);
    if (code != ERR_NONE) {
        routes_problem(reply, &err);
        return false;
    }
    if (batch->asked > 0 && !is_small(seat, request, bytes)) {
        enqueue(server, seat, connection, request, batch->cases, batch->asked);
        return true;
    }
    for (size_t i = 0; i < batch->asked; i++) {
        struct answer answer;
        answer_now(server, seat, &batch->cases[i].text, &answer);
        batch_take(batch, &batch->cases[i], &answer, NULL);
    }
    use_room(request, reply);
    tell_batch(server, request, reply);
    return false;
}

/* The library's own time-out sees what the socket takes, which may hold megabytes and then takes
 * nothing for long, though the client does: while an answer is taken watch_cut alone judges. */
static void begin_answer(struct server *server, struct MHD_Connection *connection)
{
    watch_renew(&server->watch, watched(connection), WATCH_TAKES);
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
}

static void end_answer(struct server *server, struct MHD_Connection *connection, bool whole)
{
    watch_renew(&server->watch, watched(connection), WATCH_COMES);
    if (whole)
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                  server->options->read_seconds_max);
}

static enum MHD_Result deliver(struct server *server, struct MHD_Connection *connection,
                               struct request *request)
{
    struct MHD_Response *response = request->response;
    request->response = NULL;
    begin_answer(server, connection);
    return send_response(server, connection, request, request->status, request->problem, response);
}

/* A route without a body. Its page, if it needs one, is not that of the bodies, which may all
 * be taken when one wants to know why. */
static void tell(struct server *server, const struct answer_model *model,
                 struct MHD_Connection *connection, struct request *request,
                 struct routes_reply *reply)
{
    const struct route *route = request->route;
    if (route->bound != NULL) {
        struct error err;
        size_t bound = route->bound(model);
        request->page = server_page(server, bound);
        if (request->page != NULL) {
            reply->body = writer_of(request->page, bound);
            reply->stays = true;
        } else if (body_room(&request->reply, &server->bodies, bound, &err) != ERR_NONE) {
            routes_problem(reply, &err);
            return;
        }
        use_room(request, reply);
    }
    route->answer(&server->state, model, &request->wish, reply);
    if (reply->tag == NULL || !header_has(connection, reply->tag)) return;
    reply->status = 304; /* with the length of what is not sent: RFC 9110, 8.6 */
}

/* Who knows that its answers are wrong, or do not come, gives none. */
static bool is_unready(struct server *server, const struct route *route, struct routes_reply *reply)
{
    struct error err;
    if (route->takes == ROUTES_NOTHING || truth_holds(&server->truth) ||
        truth_ready(&server->truth, &err) == ERR_NONE)
        return false;
    routes_problem(reply, &err);
    return true;
}

/* false: reply is filled; true: it will be. */
static bool take_request(struct server *server, struct MHD_Connection *connection,
                         struct request *request, struct routes_reply *reply)
{
    if (is_unready(server, request->route, reply)) return false;
    if (request->route->admin) {
        order_reload(server, connection, request);
        return true;
    }
    struct seat *seat = seats_hold(&server->seats, own_number(server));
    bool later = false;
    if (request->route->takes == ROUTES_CASE)
        later = take_case(server, seat, connection, request, reply);
    else if (request->route->takes == ROUTES_CASES)
        later = take_cases(server, seat, connection, request, reply);
    else
        tell(server, &seat->model, connection, request, reply);
    seats_release(&server->seats, own_number(server));
    return later;
}

static enum MHD_Result finish(struct server *server, struct MHD_Connection *connection,
                              struct request *request, const char *method, const char *path)
{
    char buffer[ROUTES_REPLY_MAX];
    struct routes_reply reply = {.body = writer_of(buffer, sizeof buffer)};
    begin_answer(server, connection);
    if (request->refused) return MHD_NO;
    request->last = request->coded && header_ends_oddly(connection, method);
    if (request->route == NULL || request->body_verdict != ERR_NONE)
        refuse(server, connection, request, method, path, &reply);
    else if (take_request(server, connection, request, &reply))
        return MHD_YES;
    return send_reply(server, connection, request, &reply);
}

/* Of the connections that exchange_open has no request for, our own: the first call is for the
 * header, and `server` stands for its request in the next. */
static enum MHD_Result begin_beat(struct server *server, struct MHD_Connection *connection,
                                  void **request)
{
    if (!watch_is_own(watched(connection))) return MHD_NO;
    *request = server;
    return MHD_YES;
}

static enum MHD_Result beat(struct server *server, struct MHD_Connection *connection)
{
    fault_hang("http");
    own_number(server); /* serve.c counts them */
    return MHD_queue_response(connection, MHD_HTTP_NO_CONTENT, server->heard);
}

enum MHD_Result exchange_step(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **request)
{
    struct server *server = context;
    if (*request == NULL) return begin_beat(server, connection, request);
    if (*request == server) return beat(server, connection);
    struct request *known = *request;
    const char *path = header_path(url);
    if (known->since == 0) return begin(server, connection, known, method, url, version);
    if (*size > 0) return take_body(server, connection, known, method, path, data, size);
    if (known->waiting) return deliver(server, connection, known);
    return finish(server, connection, known, method, path);
}

void exchange_end(void *context, struct MHD_Connection *connection, void **request,
                  enum MHD_RequestTerminationCode code)
{
    struct server *server = context;
    struct request *known = *request;
    if (known == NULL || *request == server) return;
    if (known->since == 0) {
        if (known->refused) told_early = false;
        set_coming(server, known, 0);
        return;
    }
    if (known->response != NULL) MHD_destroy_response(known->response);
    batch_give(&known->batch, &server->bodies);
    body_give(&known->body, &server->bodies);
    body_give(&known->reply, &server->bodies);
    body_give(&known->block, &server->bodies);
    server_page_give(server, known->page);
    *request = NULL;
    end_answer(server, connection, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    atomic_fetch_sub(&server->in_flight, 1);
}
