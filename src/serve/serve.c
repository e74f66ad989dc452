/* serve.c - the life of the service: prepare, start, let clients in, drain, end.
 *
 * libmicrohttpd's own pool of threads brings requests to exchange.c. Clients are let
 * in here, on the calling thread, and not by the library: its MHD_quiesce_daemon
 * (0.9.75, epoll and a pool) races with its workers for the listening socket and
 * aborts the process when it loses. Letting in ourselves, we also know that the
 * kernel's queue is empty before listening ends, so that nobody in it is reset.
 */
// SPDX-License-Identifier: Apache-2.0
#include "serve/serve.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer/detail.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/tick.h"
#include "serve/exchange.h"
#include "serve/plan.h"
#include "serve/sandbox.h"
#include "serve/server.h"

enum {
    WATCH_MS = 250,
    TELL_SECONDS = 10, /* between two lines of the log about what is closed without end */
    FULL_MS = 10,
    SHED_PART = 16, /* of all connections, at a time */
    LOOK_MS = 5,
    SETTLE_MS = 50,
    QUIET_LOOKS = 5, /* a request passes from the kernel to us unseen, but not for so long */
    LOOKS_A_PERIOD = 4,
    STARTING_SECONDS = 10, /* for all of the library's threads to be heard of */
    SILENT_DEADLINES = 2,
};

/* When each was last done. */
struct rounds {
    uint64_t looked, cut, told, canary;
    unsigned long right, beats; /* when the watchdog was last fed */
};

static void on_connection(void *context, struct MHD_Connection *connection, void **entry,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        watch_leave(&server->watch, *entry);
        return;
    }
    int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *entry = watch_take(&server->watch, fd);
    if (watch_is_own(*entry))
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
}

/* A coded NUL would end the path early, and make it another one. */
static size_t on_escaped(void *context, struct MHD_Connection *connection, char *text)
{
    (void)context, (void)connection;
    return strstr(text, "%00") != NULL ? strlen(text) : MHD_http_unescape(text);
}

static enum error_code prepare_batcher(struct server *server, struct error *err)
{
    struct batcher_options options = server_batcher_options(server);
    options.context = seats_last(atomic_load(&server->seats.current));
    return batcher_open(&server->state.batcher, &options, err);
}

/* What the file says is read and checked, so that its pages are there, and then what serving
 * it takes is held against the limits. */
static enum error_code plan(struct server *server, struct contract_limits *out_limits,
                            struct error *err)
{
    struct root root = root_of(NULL);
    struct seat *seat;
    contract_read_limits(out_limits, &root);
    TRY(seats_open(&server->seats, server->options->model, server->options->kernel, &seat, err));
    seats_swap(&server->seats, seat);
    server->model = &seat->model;
    server->detail_bytes = detail_bound(server->model) + RELOAD_DETAIL_MORE;
    plan_make(&server->contract, server, NULL);
    return ERR_NONE;
}

static enum error_code lay(struct server *server, struct error *err)
{
    struct arena arena = arena_measure();
    server_lay(server, &arena);
    TRY(arena_open(&arena, arena.used, err));
    server_lay(server, &arena);
    arena_seal(&arena);
    server->arena = arena;
    return ERR_NONE;
}

/* A canary goes before all others, so that what has no answer in the time that all of them have
 * hangs; a little more than that, as cores may be busy with others. */
static double patience(const struct server *server)
{
    double deadline = server->options->deadline_seconds;
    return SILENT_DEADLINES * (deadline > 1 ? deadline : 1);
}

static enum error_code prepare_seat(struct server *server, struct error *err)
{
    server->loops = server_loops(server, server->model);
    if (!server_at_once(server->model))
        TRY(team_open(&server->team, server_room(server).threads, err));
    TRY(server_fill(server, atomic_load(&server->seats.current), server->team, err));
    truth_begin(&server->truth, server->period_seconds + patience(server));
    server->state.truth = &server->truth;
    return prepare_batcher(server, err);
}

static enum error_code prepare(struct server *server, struct error *err)
{
    struct contract_limits limits;
    TRY(admin_open(&server->admin, server->options->admin_token_path, err));
    TRY(plan(server, &limits, err));
    TRY(plan_check(&server->contract, server, &limits, err));
    TRY(lay(server, err));
    TRY(prepare_seat(server, err));
    server->batch_max = server_batch_max(server);
    TRY(body_store_open(&server->bodies, server->options->queue_bytes_max,
                        server->options->body_bytes_max, server_beside(server), err));
    TRY(recent_open(&server->recent, server->options->rehearsed_cases, server->model, err));
    TRY(openapi_make(&server->openapi, server->options->version, server->batch_max, err));
    server->state.openapi = &server->openapi;
    server->state.metrics = &server->metrics;
    server->state.look = server_look;
    server->state.server = server;
    atomic_store(&server->loaded, time(NULL));
    tzset(); /* reads a file the first time; the library's Date would be that */
    return listen_open(&server->listen, server->options->listen, server->options->open, err);
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static bool give_line(void *context, int fd)
{
    struct server *server = context;
    static const struct sockaddr nobody = {.sa_family = AF_UNIX};
    watch_enter_own(&server->watch, fd);
    return MHD_add_connection(server->daemon, fd, &nobody, sizeof nobody.sa_family) == MHD_YES;
}

/* Whether all of the library's threads answer within so many seconds. */
static bool hear_round(struct server *server, double seconds)
{
    struct pulse *pulse = &server->pulse;
    unsigned long before = pulse->rounds;
    uint64_t begun = tick_now();
    pulse_ask(pulse);
    while (pulse->rounds == before && tick_seconds_since(begun) < seconds) {
        pause_ms(1);
        pulse_hear(pulse);
    }
    return pulse->rounds > before;
}

/* Each of the library's threads has answered before anybody is let in. */
static enum error_code hear_all(struct server *server, struct error *err)
{
    server->heard = MHD_create_response_from_buffer(0, (void *)(size_t) "", MHD_RESPMEM_PERSISTENT);
    if (server->heard == NULL)
        return error_set(err, ERR_MEMORY, 0, "no memory for the HTTP library");
    TRY(pulse_open(&server->pulse, server->loops, give_line, server, err));
    bool all = hear_round(server, STARTING_SECONDS);
    unsigned heard = atomic_load(&server->loops_taken);
    if (all && heard == server->loops) return ERR_NONE;
    return error_set(err, ERR_SYSTEM, 0, "%u of %u threads serve HTTP", heard, server->loops);
}

/* The library divides its limit among its threads; ours is over all, and let_in's. */
static enum error_code start(struct server *server, struct error *err)
{
    const struct serve_options *options = server->options;
    TRY(reload_open(&server->reload, server, err));
    struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, server->loops > 1 ? (intptr_t)server->loops : 0, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    /* Strict, it would answer what lacks Host itself (exchange_note); header.c does it. */
    server->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET |
            MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG,
        0, NULL, NULL, exchange_step, server, MHD_OPTION_EXTERNAL_LOGGER, exchange_note, server,
        MHD_OPTION_URI_LOG_CALLBACK, exchange_open, server, MHD_OPTION_CONNECTION_LIMIT,
        (options->connections_max + 1) * server->loops, MHD_OPTION_CONNECTION_TIMEOUT,
        options->read_seconds_max, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)PLAN_CONNECTION_BYTES, MHD_OPTION_NOTIFY_COMPLETED, exchange_end, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_UNESCAPE_CALLBACK,
        on_escaped, server, MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_THREAD_STACK_SIZE,
        (size_t)CREW_STACK_BYTES, MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
    if (server->daemon == NULL)
        return error_set(err, ERR_SYSTEM, 0, "the HTTP library does not start");
    return hear_all(server, err);
}

/* Cuts whom we have waited for too long. A second more than the library's own time-out,
 * which closes whoever is silent, and is no reason to tell anybody. */
static void cut(struct server *server)
{
    struct watch_late late = watch_cut(&server->watch, server->options->read_seconds_max + 1);
    server->late.senders += late.senders;
    server->late.takers += late.takers;
    server->lost += watch_lost(&server->watch);
}

/* Takes connections in until none waits, or as many are open as may be; tells which. */
static bool let_in(struct server *server)
{
    while (watch_has_room(&server->watch)) {
        union {
            struct sockaddr any;
            struct sockaddr_storage room;
        } peer;
        socklen_t size = sizeof peer;
        int fd = accept4(server->listen.fd, &peer.any, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (fd < 0) return errno == EAGAIN;
        struct watch_entry *entry = watch_enter(&server->watch, fd);
        if (MHD_add_connection(server->daemon, fd, &peer.any, size) == MHD_YES) continue;
        watch_leave(&server->watch, entry);
        server->lost++;
    }
    return false;
}

/* All places are taken: whoever makes nothing of his gives it to those who wait. Without that,
 * a few idle clients keep all others out for --read-timeout. Gives how long to wait now. */
static int make_room(struct server *server)
{
    unsigned waiting = listen_waiting(&server->listen), shed[WATCH_KINDS];
    unsigned most = server->options->connections_max / SHED_PART + 1;
    if (waiting == 0) return FULL_MS;
    bool leaving = watch_shed(&server->watch, waiting < most ? waiting : most, watch_rules, shed);
    for (int kind = 0; kind < WATCH_KINDS; kind++) server->shed[kind] += shed[kind];
    metrics_shed(&server->metrics, shed);
    return leaving ? 1 : FULL_MS;
}

/* Whether there was anything to tell. */
static bool tell_closed(struct server *server)
{
    struct watch_late late = server->late;
    unsigned seconds = server->options->read_seconds_max;
    bool any = late.senders > 0 || late.takers > 0 || server->lost > 0;
    if (server->lost > 0)
        log_line(LOG_LEVEL_ERROR, "closed %u connections: memory for them was refused",
                 server->lost);
    if (late.senders > 0)
        log_line(LOG_LEVEL_WARNING, "closed %u connections: a request took over %u s to arrive",
                 late.senders, seconds);
    if (late.takers > 0)
        log_line(LOG_LEVEL_WARNING,
                 "closed %u connections: of an answer less than %d bytes were taken in %u s",
                 late.takers, WATCH_TAKEN_MIN, seconds);
    server->late = (struct watch_late){0};
    server->lost = 0;
    for (int kind = 0; kind < WATCH_KINDS; kind++) {
        if (server->shed[kind] == 0) continue;
        log_line(LOG_LEVEL_WARNING, "closed %u connections that %s: others waited for their place",
                 server->shed[kind], watch_rules[kind].what);
        server->shed[kind] = 0;
        any = true;
    }
    return any;
}

/* Whether it is a signal to end by. */
static bool is_last(struct server *server, const struct signalfd_siginfo *signal)
{
    if (signal->ssi_signo == SIGTERM || signal->ssi_signo == SIGINT) return true;
    if (signal->ssi_signo == SIGUSR1) {
        fault_turn();
        if (fault_bent("process")) sandbox_try();
    }
    if (signal->ssi_signo == SIGHUP) reload_signalled(server->reload);
    return false;
}

/* The watchdog: once a canary was answered rightly since, and all threads went round. */
static void feed(struct server *server, struct rounds *rounds)
{
    unsigned long right = truth_right(&server->truth), beats = server->pulse.rounds;
    if (right == rounds->right || beats == rounds->beats) return;
    notify_send(&server->notify, "WATCHDOG=1");
    rounds->right = right;
    rounds->beats = beats;
}

/* What is due every now and then, each in its own time. */
static void look_after(struct server *server, struct rounds *rounds)
{
    rounds->looked = tick_now();
    if (tick_seconds_since(rounds->cut) * 1e3 >= WATCH_MS) {
        cut(server);
        rounds->cut = tick_now();
        if (tick_seconds_since(rounds->told) > TELL_SECONDS && tell_closed(server))
            rounds->told = tick_now();
    }
    if (truth_due(&server->truth)) server_ask(server);
    if (tick_seconds_since(rounds->canary) >= server->period_seconds) {
        server_ask(server);
        pulse_ask(&server->pulse);
        rounds->canary = tick_now();
    }
    batcher_look(server->state.batcher);
    pulse_hear(&server->pulse);
    truth_beat(&server->truth, server->pulse.last);
    feed(server, rounds);
}

/* Lets clients in until a signal to end comes, and gives it, or for so long at most: 0. */
static int watch_over(struct server *server, const sigset_t *signals, double seconds_max)
{
    int fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
    check(fd >= 0);
    struct pollfd polled[] = {{.fd = fd, .events = POLLIN},
                              {.fd = server->listen.fd, .events = POLLIN}};
    struct signalfd_siginfo signal;
    struct rounds rounds = {.cut = tick_now(),
                            .canary = tick_now(),
                            .right = truth_right(&server->truth),
                            .beats = server->pulse.rounds};
    int look_ms = (int)(server->period_seconds * 1e3 / LOOKS_A_PERIOD) + 1;
    if (look_ms > WATCH_MS) look_ms = WATCH_MS;
    uint64_t begun = tick_now();
    bool room = true, last = false;
    while (!last && tick_seconds_since(begun) < seconds_max) {
        /* Without room (connections, descriptors), a look now and then. */
        poll(polled, room ? 2 : 1, room ? look_ms : make_room(server));
        room = let_in(server);
        if (tick_seconds_since(rounds.looked) * 1e3 >= look_ms) look_after(server, &rounds);
        last = read(fd, &signal, sizeof signal) == sizeof signal && is_last(server, &signal);
    }
    close(fd);
    return last ? (int)signal.ssi_signo : 0;
}

static void stop_http(struct server *server)
{
    if (server->daemon != NULL) MHD_stop_daemon(server->daemon);
    if (server->heard != NULL) MHD_destroy_response(server->heard);
    pulse_close(&server->pulse);
    server->daemon = NULL;
    server->heard = NULL;
}

/* A reload under way, which storage may be slow for, is waited for as a request is. */
static bool is_busy(struct server *server)
{
    return atomic_load(&server->in_flight) > 0 || watch_unread(&server->watch) ||
           !reload_ended(server->reload);
}

/* A thread that hangs is not waited for without end, as the library itself would. A question that
 * was still out may hide one that hangs since, so that all are asked twice. */
static enum error_code end_threads(struct server *server, unsigned left, struct error *err)
{
    const char *hangs = NULL;
    double most = patience(server);
    /* The library must not be stopped while connections are suspended. */
    if (!batcher_stop(server->state.batcher, most))
        hangs = "the thread that answers";
    else if (!hear_round(server, most) || !hear_round(server, most))
        hangs = "a thread that serves HTTP";
    else if (!reload_join(server->reload, most))
        server->abandoned = true; /* it reads a file: no thread that hangs */
    if (server->abandoned) log_line(LOG_LEVEL_WARNING, "stopping with a reload under way still");
    if (left > 0) pause_ms(SETTLE_MS);
    if (hangs != NULL) return error_set(err, ERR_SYSTEM, 0, "%s hangs: ended without it", hangs);
    if (!server->abandoned) stop_http(server);
    return ERR_NONE;
}

/* ERR_SYSTEM: a thread hangs, and still uses what there is. */
static enum error_code drain(struct server *server, struct error *err)
{
    uint64_t begun = tick_now();
    reload_stop(server->reload);
    unsigned limit = server->options->drain_seconds_max;
    /* Connections the kernel took already are in flight for their clients. Its queue keeps
     * their order: once it is empty, every one from before the signal is in. */
    while (!let_in(server) && tick_seconds_since(begun) < limit) pause_ms(make_room(server));
    listen_close(&server->listen);
    for (int quiet = 0; quiet < QUIET_LOOKS && tick_seconds_since(begun) < limit;) {
        pause_ms(LOOK_MS);
        quiet = is_busy(server) ? 0 : quiet + 1;
        batcher_look(server->state.batcher);
        cut(server);
    }
    unsigned left = atomic_load(&server->in_flight);
    if (left > 0) log_line(LOG_LEVEL_WARNING, "stopping with %u requests unanswered", left);
    return end_threads(server, left, err);
}

static void close_server(struct server *server)
{
    stop_http(server);
    openapi_free(&server->openapi);
    reload_close(server->reload);
    batcher_close(server->state.batcher);
    seats_close(&server->seats.seat[0]);
    seats_close(&server->seats.seat[1]);
    team_close(server->team);
    notify_close(&server->notify);
    body_store_close(&server->bodies);
    recent_close(&server->recent);
    arena_close(&server->arena);
}

/* More would never be let in, and who idles would not know that others wait. */
static enum error_code lower(struct serve_options *options, uint64_t files, struct error *err)
{
    unsigned wanted = options->connections_max;
    TRY(plan_connections(&options->connections_max, options->threads, files, err));
    if (options->connections_max < wanted)
        log_line(LOG_LEVEL_WARNING,
                 "the limit of open files leaves %u connections, not %u: see 'serve --plan'",
                 options->connections_max, wanted);
    return ERR_NONE;
}

/* What the contract tells is of as many connections as there would be; of open files, how many
 * all that were asked for take, so that it is known what the limit should be. */
enum error_code serve_plan(struct serve_verdict *out_verdict, const struct serve_options *options,
                           struct error *err)
{
    struct server *server;
    TRY(mem_take(&server, 1, sizeof *server, err));
    struct serve_verdict verdict;
    struct serve_options own = *options;
    server->options = &own;
    plan_tame();
    enum error_code code = listen_check(options->listen, options->open, err);
    if (code == ERR_NONE) code = admin_open(&server->admin, options->admin_token_path, err);
    if (code == ERR_NONE) verdict.code = lower(&own, plan_files_allowed(), &verdict.refusal);
    if (code == ERR_NONE) code = plan(server, &verdict.limits, err);
    if (code == ERR_NONE) {
        verdict.contract = server->contract;
        verdict.contract.descriptors = plan_files(options->connections_max, options->threads);
        if (verdict.code == ERR_NONE)
            verdict.code = plan_check(&server->contract, server, &verdict.limits, &verdict.refusal);
        seats_close(atomic_load(&server->seats.current));
        *out_verdict = verdict;
    }
    mem_free(server);
    return code;
}

/* Often enough that the watchdog is fed twice in its time. */
static double period(const struct serve_options *options, const struct notify *notify)
{
    double most = notify->watchdog_seconds / 2;
    return most > 0 && most < options->canary_seconds ? most : options->canary_seconds;
}

/* Without it the service serves all the same: it makes no process of its own accord. */
static void confine(void)
{
    struct error err;
    if (sandbox_enter(&err) != ERR_NONE) log_line(LOG_LEVEL_WARNING, "%s", err.detail);
}

static void tell_ready(struct server *server, uint64_t begun)
{
    const struct answer_model *model = server->model;
    struct root root = root_of(NULL);
    long kills = truth_kills(&root);
    if (kills > 0)
        log_line(LOG_LEVEL_WARNING,
                 "the kernel killed in this container for want of memory before: %ld times; "
                 "'air-classifier doctor' tells more",
                 kills);
    log_line(LOG_LEVEL_INFO, "ready on http://%s after %.0f ms: %u SBRs, %u threads, model %s",
             server->listen.text, 1e3 * tick_seconds_since(begun), model->label_count,
             server->options->threads, model->bundle.checksum);
    notify_send(&server->notify, "READY=1\nSTATUS=serving %u SBRs on %s, model %s",
                model->label_count, server->listen.text, model->bundle.checksum);
}

/* A balancer hears of the end by readiness, and goes on sending until it has: whom it sends in
 * that time is answered, and told to come no more on this connection. */
static int answer_on(struct server *server, int signal_number, const sigset_t *signals)
{
    unsigned seconds = server->options->drain_delay_seconds;
    log_line(LOG_LEVEL_INFO, "signal %d: not ready any more, and answering for %u s yet",
             signal_number, seconds);
    notify_send(&server->notify, "STOPPING=1\nSTATUS=answering for %u s yet", seconds);
    int second = watch_over(server, signals, seconds);
    return second != 0 ? second : signal_number;
}

static enum error_code stop(struct server *server, int signal_number, const sigset_t *signals,
                            struct error *err)
{
    atomic_store(&server->state.draining, true);
    if (server->options->drain_delay_seconds > 0)
        signal_number = answer_on(server, signal_number, signals);
    log_line(LOG_LEVEL_INFO, "signal %d: finishing %u requests in flight", signal_number,
             atomic_load(&server->in_flight));
    notify_send(&server->notify, "STOPPING=1\nSTATUS=finishing %u requests",
                atomic_load(&server->in_flight));
    TRY(drain(server, err));
    tell_closed(server);
    log_line(LOG_LEVEL_INFO, "stopped");
    return ERR_NONE;
}

enum error_code serve_run(const struct serve_options *options, struct error *err)
{
    struct server *server;
    struct serve_options own = *options;
    unsigned files = plan_files(own.connections_max, own.threads);
    TRY(lower(&own, plan_raise_files(files), err));
    TRY(mem_take(&server, 1, sizeof *server, err));
    plan_tame();
    server->lowered = own;
    server->options = &server->lowered;
    server->listen.fd = -1;
    notify_open(&server->notify);
    server->period_seconds = period(options, &server->notify);
    uint64_t begun = tick_now();
    /* Blocked before any thread is made, so that only watch_over sees them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    enum error_code code = prepare(server, err);
    if (code == ERR_NONE) code = start(server, err);
    if (code == ERR_NONE) {
        confine();
        tell_ready(server, begun);
        TRY(stop(server, watch_over(server, &signals, INFINITY), &signals, err));
        if (server->abandoned) return ERR_NONE;
    } else {
        listen_close(&server->listen);
    }
    close_server(server);
    mem_free(server);
    return code;
}
