/* reload.c - the steps of a reload, in their order.
 *
 * They run on a thread that gives way to those that answer (nice), with contexts and a team
 * of one of its own, so that nothing that serves waits for them. ULMFiT's contexts then get
 * the team that the batcher has.
 *
 * What is refused: other labels, because whoever routes by them must know first; a model of
 * the other kind (with or without ULMFiT), because threads and queue are laid out for one;
 * and one that answers too many of the last cases differently, which is what a mistaken file
 * or permuted labels look like. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/reload.h"

#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "answer/detail.h"
#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/tick.h"
#include "serve/plan.h"
#include "serve/server.h"
#include "text/json.h"
#include "text/utf8.h"

enum {
    NICENESS = 10,
    NAMES_MAX = 5,     /* labels that are named, of those that come or go */
    NAME_BYTES = 40,   /* of each */
    REHEARSED_MIN = 8, /* fewer cases tell nothing about how many would differ */
};

/* Longer ones go on with what they have seen. */
static const double rehearsal_seconds = 10;

struct reload {
    struct server *server;
    struct team *alone;
    struct thread thread;
    pthread_mutex_t lock; /* over all below */
    pthread_cond_t wake;
    struct reload_order order;
    bool ordered; /* until it is done */
    bool signalled;
    atomic_bool closing;
};

/* The model that answers and the one that wants to. */
struct trial {
    struct seat *seat; /* of the latter */
    const struct answer_model *before, *after;
};

/* Both lists are sorted. Names the first few that are in one only. */
static size_t missing(const struct answer_model *here, const struct answer_model *there,
                      struct writer *names)
{
    size_t count = 0;
    uint32_t at = 0;
    for (uint32_t c = 0; c < here->label_count; c++) {
        struct slice label = answer_label(here, c);
        while (at < there->label_count && slice_compare(answer_label(there, at), label) < 0) at++;
        if (at < there->label_count && slice_equal(answer_label(there, at), label)) continue;
        struct slice begin = utf8_cut(label, NAME_BYTES);
        if (count < NAMES_MAX)
            writer_format(names, "%s'%.*s'", count > 0 ? ", " : "", (int)begin.size, begin.data);
        else if (count == NAMES_MAX)
            writer_text(names, ", ...");
        count++;
    }
    return count;
}

static enum error_code check_labels(const struct trial *trial, struct reload_report *report,
                                    bool any, struct error *err)
{
    char come[NAMES_MAX * (NAME_BYTES + 8)] = "", go[NAMES_MAX * (NAME_BYTES + 8)] = "";
    struct writer added = writer_of(come, sizeof come), removed = writer_of(go, sizeof go);
    report->added = missing(trial->after, trial->before, &added);
    report->removed = missing(trial->before, trial->after, &removed);
    if (any || report->added + report->removed == 0) return ERR_NONE;
    return error_set(err, ERR_RELOAD, 0, "the SBRs differ: %zu new%s%.*s, %zu gone%s%.*s",
                     report->added, report->added > 0 ? " " : "", (int)added.used, come,
                     report->removed, report->removed > 0 ? " " : "", (int)removed.used, go);
}

static enum error_code check_kind(const struct server *server, const struct trial *trial,
                                  struct error *err)
{
    if (server_at_once(trial->before) != server_at_once(trial->after))
        return error_set(err, ERR_RELOAD, 0,
                         "the model %s ULMFiT, the one that answers %s it: restart the service",
                         server_at_once(trial->after) ? "has no" : "has",
                         server_at_once(trial->before) ? "has not" : "has");
    if (detail_bound(trial->after) > server->detail_bytes)
        return error_set(err, ERR_RELOAD, 0,
                         "its labels are longer than replies have room for: restart the service");
    if (trial->after->label_count > server->metrics.labels_max)
        return error_set(err, ERR_RELOAD, 0,
                         "it has %u SBRs, and %u are the most that can be counted: restart the "
                         "service",
                         trial->after->label_count, server->metrics.labels_max);
    return ERR_NONE;
}

static enum error_code check_memory(struct server *server, const struct answer_model *next,
                                    struct error *err)
{
    struct root root = root_of(NULL);
    struct contract_limits limits;
    struct contract contract;
    contract_read_limits(&limits, &root);
    plan_reload(&contract, server, next);
    return contract_check(contract_reloading(&contract), "reloading", &limits, err);
}

/* Nothing that takes long begins once the service stops. */
static enum error_code check_stop(const struct reload *reload, struct error *err)
{
    bool closing = atomic_load(&reload->closing);
    return closing ? error_set(err, ERR_DRAINING, 0, "the service stops") : ERR_NONE;
}

/* What the new model says of cases that the old one answered. */
static enum error_code rehearse(struct reload *reload, const struct trial *trial,
                                struct reload_report *report, struct error *err)
{
    struct server *server = reload->server;
    struct recent *recent = &server->recent;
    uint64_t begun = tick_now();
    for (size_t i = 0; i < recent->count; i++) {
        TRY(check_stop(reload, err));
        if (tick_seconds_since(begun) > rehearsal_seconds) break;
        struct answer answer;
        struct recent_case *one = &recent->cases[i];
        struct slice before = answer_label(trial->before, one->label);
        answer_case(&trial->seat->context[0], &one->text, &answer);
        one->next_label = answer.best;
        report->rehearsed++;
        /* A label that is gone had to be answered otherwise. */
        report->differed += answer_find(trial->after, before) < trial->after->label_count &&
                            !slice_equal(before, answer_label(trial->after, answer.best));
    }
    double most = server->options->reload_differ_max * (double)report->rehearsed;
    if (report->rehearsed < REHEARSED_MIN || (double)report->differed <= most) return ERR_NONE;
    return error_set(err, ERR_RELOAD, 0,
                     "it answers %zu of the last %zu cases differently; at most %.0f may differ",
                     report->differed, report->rehearsed, most);
}

/* From here on the new model answers; returns when the old one is used no more. */
static enum error_code swap(struct server *server, struct seat *seat, struct error *err)
{
    struct answer_context *context = seats_last(seat);
    if (server->team != NULL) answer_use_team(context, server->team);
    metrics_follow(&server->metrics, server->model, &seat->model);
    TRY(batcher_swap(server->state.batcher, context, err));
    seats_swap(&server->seats, seat);
    server->model = &seat->model;
    return ERR_NONE;
}

static enum error_code rehearse_and_swap(struct reload *reload, const struct trial *trial,
                                         struct reload_report *report, struct error *err)
{
    TRY(rehearse(reload, trial, report, err));
    return swap(reload->server, trial->seat, err);
}

static enum error_code try_model(struct reload *reload, const struct trial *trial, bool any_labels,
                                 struct reload_report *report, struct error *err)
{
    struct server *server = reload->server;
    TRY(check_stop(reload, err));
    TRY(check_kind(server, trial, err));
    TRY(check_memory(server, trial->after, err));
    TRY(check_labels(trial, report, any_labels, err));
    TRY(server_fill(server, trial->seat, reload->alone, err));
    recent_begin(&server->recent);
    enum error_code code = rehearse_and_swap(reload, trial, report, err);
    recent_end(&server->recent, code == ERR_NONE ? trial->after : NULL, report->rehearsed);
    return code;
}

static struct reload_model name(const struct answer_model *model)
{
    struct reload_model named = {.labels = model->label_count};
    memcpy(named.checksum, model->bundle.checksum, sizeof named.checksum);
    return named;
}

static enum error_code carry_out(struct reload *reload, bool any_labels,
                                 struct reload_report *report, struct error *err)
{
    struct server *server = reload->server;
    struct seat *old = atomic_load(&server->seats.current);
    struct trial trial = {.before = &old->model};
    uint64_t begun = tick_now();
    report->before = name(trial.before);
    fault_hang("reload");
    TRY(seats_open(&server->seats, server->options->model, server->options->kernel, &trial.seat,
                   err));
    trial.after = &trial.seat->model;
    report->after = name(trial.after);
    enum error_code code = try_model(reload, &trial, any_labels, report, err);
    seats_close(code == ERR_NONE ? old : trial.seat);
    report->seconds = tick_seconds_since(begun);
    return code;
}

/* To the log, the manager and the counters. */
static void tell(struct server *server, enum error_code code, const struct reload_report *report,
                 const struct error *err)
{
    if (code == ERR_NONE) {
        metrics_reload(&server->metrics, METRICS_RELOAD_DONE);
        atomic_store(&server->loaded, time(NULL));
        log_line(LOG_LEVEL_INFO,
                 "reloaded in %.2f s: model %s, %u SBRs (%zu new, %zu gone), %zu of %zu cases "
                 "differ",
                 report->seconds, report->after.checksum, report->after.labels, report->added,
                 report->removed, report->differed, report->rehearsed);
    } else {
        metrics_reload(&server->metrics, METRICS_RELOAD_REFUSED);
        log_line(LOG_LEVEL_ERROR, "the model stays as it is: %s", err->detail);
    }
    if (atomic_load(&server->state.draining)) return; /* the manager knows that it stops */
    const struct reload_model *now = code == ERR_NONE ? &report->after : &report->before;
    notify_send(&server->notify, "READY=1\nSTATUS=serving %u SBRs, model %s", now->labels,
                now->checksum);
}

/* What another file could mend is one kind of error for who gives orders. */
static void blame(struct error *err)
{
    if (err->code != ERR_MEMORY && err->code != ERR_DRAINING) err->code = ERR_RELOAD;
}

/* The lock is held, and given up meanwhile. */
static void obey(struct reload *reload)
{
    struct error err;
    struct reload_report report = {0};
    struct reload_order order = {.any_labels = reload->server->options->reload_any_labels};
    bool ordered = reload->ordered;
    if (ordered)
        order = reload->order;
    else
        reload->signalled = false;
    pthread_mutex_unlock(&reload->lock);
    if (!atomic_load(&reload->server->state.draining)) notify_reloading(&reload->server->notify);
    enum error_code code = carry_out(reload, order.any_labels, &report, &err);
    tell(reload->server, code, &report, &err);
    pthread_mutex_lock(&reload->lock);
    if (!ordered) return;
    reload->ordered = false;
    pthread_mutex_unlock(&reload->lock);
    if (code != ERR_NONE) blame(&err);
    order.done(order.owner, code == ERR_NONE ? &report : NULL, &err);
    pthread_mutex_lock(&reload->lock);
}

static void *live(void *argument)
{
    struct reload *reload = argument;
    /* Of this thread, more than the others have it; the kernel makes 19 of what is above. */
    setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICENESS);
    pthread_mutex_lock(&reload->lock);
    while (!atomic_load(&reload->closing)) {
        if (reload->ordered || reload->signalled)
            obey(reload);
        else
            pthread_cond_wait(&reload->wake, &reload->lock);
    }
    bool left = reload->ordered;
    pthread_mutex_unlock(&reload->lock);
    if (!left) return NULL;
    struct error err;
    error_fill(&err, ERR_DRAINING, 0, "the service stops");
    reload->order.done(reload->order.owner, NULL, &err);
    return NULL;
}

enum error_code reload_order(struct reload *reload, const struct reload_order *order,
                             struct error *err)
{
    enum error_code code = ERR_NONE;
    pthread_mutex_lock(&reload->lock);
    if (atomic_load(&reload->closing)) {
        code = error_set(err, ERR_DRAINING, 0, "the service stops");
    } else if (reload->ordered) {
        code = error_set(err, ERR_RELOAD, 0, "another reload is under way");
    } else {
        reload->order = *order;
        reload->ordered = true;
        pthread_cond_signal(&reload->wake);
    }
    pthread_mutex_unlock(&reload->lock);
    if (code == ERR_RELOAD) {
        metrics_reload(&reload->server->metrics, METRICS_RELOAD_REFUSED);
        log_line(LOG_LEVEL_ERROR, "the model stays as it is: %s", err->detail);
    }
    return code;
}

void reload_signalled(struct reload *reload)
{
    pthread_mutex_lock(&reload->lock);
    reload->signalled = true;
    pthread_cond_signal(&reload->wake);
    pthread_mutex_unlock(&reload->lock);
}

enum error_code reload_open(struct reload **out_reload, struct server *server, struct error *err)
{
    struct reload *reload;
    TRY(mem_take(&reload, 1, sizeof *reload, err));
    reload->server = server;
    pthread_mutex_init(&reload->lock, NULL);
    pthread_cond_init(&reload->wake, NULL);
    enum error_code code = ERR_NONE;
    if (!server_at_once(server->model)) code = team_open(&reload->alone, 1, err);
    if (code == ERR_NONE && !thread_start(&reload->thread, live, reload))
        code = error_set(err, ERR_SYSTEM, 0, "the reloading thread could not be made");
    if (code != ERR_NONE) {
        reload_close(reload);
        return code;
    }
    *out_reload = reload;
    return ERR_NONE;
}

void reload_stop(struct reload *reload)
{
    pthread_mutex_lock(&reload->lock);
    atomic_store(&reload->closing, true);
    pthread_cond_signal(&reload->wake);
    pthread_mutex_unlock(&reload->lock);
}

bool reload_ended(struct reload *reload) { return thread_ended(&reload->thread); }

bool reload_join(struct reload *reload, double seconds)
{
    return thread_join_within(&reload->thread, seconds);
}

void reload_close(struct reload *reload)
{
    if (reload == NULL) return;
    reload_stop(reload);
    thread_join(&reload->thread);
    team_close(reload->alone);
    pthread_cond_destroy(&reload->wake);
    pthread_mutex_destroy(&reload->lock);
    mem_free(reload);
}

static void put_model(const char *key, const struct reload_model *model, struct writer *writer)
{
    writer_format(writer, "\"%s\":{\"checksum\":\"%s\",\"sbrs\":%u}", key, model->checksum,
                  model->labels);
}

void reload_write(const struct reload_report *report, struct writer *writer)
{
    writer_char(writer, '{');
    put_model("model", &report->after, writer);
    writer_char(writer, ',');
    put_model("before", &report->before, writer);
    writer_format(writer,
                  ",\"sbrs_added\":%zu,\"sbrs_removed\":%zu,\"cases_rehearsed\":%zu,"
                  "\"cases_differing\":%zu,\"seconds\":%.3f}\n",
                  report->added, report->removed, report->rehearsed, report->differed,
                  report->seconds);
}
