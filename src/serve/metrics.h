/* metrics.h - what the service counts, in the form that Prometheus reads.
 *
 * In      each request, refusal and answer as it happens; what can be looked up, when asked
 * Out     the rows of one table (metrics.c), as text format 0.0.4 or OpenMetrics 1.0
 * Bound   metrics_bound bytes; labels are routes, statuses, error types and the model's SBRs
 * Memory  laid out beforehand; counting is adding, and takes none
 * Threads any number count; one at a time writes, under a lock of its own
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_METRICS_H
#define SERVE_METRICS_H

#include <pthread.h>
#include <stdatomic.h>

#include "answer/answer.h"
#include "base/writer.h"
#include "serve/routes.h"
#include "serve/watch.h"

/* Drift is judged over so many of the last answers. */
enum { METRICS_WINDOW = 1024, METRICS_BUCKETS_MAX = 16, METRICS_STATUSES_MAX = 24 };

/* As many as there are seats: one answers, or two while the later takes over. */
enum { METRICS_MODELS = 2 };

/* Values are in billionths: of a second, of a token, of one. */
#define METRICS_ONE UINT64_C(1000000000)

struct metrics_histogram {
    atomic_ullong bucket[METRICS_BUCKETS_MAX + 1]; /* not cumulative; the last one has no bound */
    atomic_ullong sum;
};

/* The answering stages, and before them the queue. */
enum { METRICS_STAGE_QUEUE = ANSWER_STAGES, METRICS_STAGES };

enum metrics_reload { METRICS_RELOAD_DONE, METRICS_RELOAD_REFUSED, METRICS_RELOADS };

struct metrics_past; /* of an answer in the window */

/* What is counted by SBR, of one model and those that follow it with the same labels. */
struct metrics_tally {
    atomic_ullong *predictions; /* [labels_max] */
    struct metrics_past *past;  /* [METRICS_WINDOW], a ring */
    atomic_ullong answers;      /* ever; the next place in the ring */
};

/* Whose answers go where. */
struct metrics_source {
    _Atomic(const struct answer_model *) model;
    _Atomic(struct metrics_tally *) tally;
};

struct metrics {
    unsigned status[METRICS_STATUSES_MAX]; /* all that are counted; the rest is 0 */
    atomic_ullong *requests;               /* [routes and one for all other paths][statuses] */
    struct metrics_histogram *durations;   /* [the same routes] */
    struct metrics_histogram stage[METRICS_STAGES];
    struct metrics_histogram tokens, confidence;
    atomic_ullong refused[ERR_COUNT];
    atomic_ullong shed[WATCH_KINDS];
    atomic_ullong abstained, disagreed, unknown, reloads[METRICS_RELOADS];
    uint32_t labels_max;
    struct metrics_tally tally[METRICS_MODELS];
    struct metrics_source source[METRICS_MODELS];
    pthread_mutex_t lock; /* over what follows */
    uint32_t *mix;        /* [labels_max], while writing */
};

/* What is not counted but looked up; NAN is not known, and left out. All zero is not that:
 * begin with metrics_nothing. */
struct metrics_now {
    const struct answer_model *model;
    double queue_depth, queue_limit; /* cases */
    double in_flight, connections, connections_limit;
    double canary_success, draining;
    double model_loaded_seconds; /* since 1970 */
    double budget_bytes, reload_budget_bytes, address_budget_bytes, peak_bytes;
    double no_fork;
    double resident_bytes, virtual_bytes, cpu_seconds, open_fds, fds_limit, start_seconds;
    double threads;
    double cgroup_bytes, cgroup_limit_bytes, cgroup_kills;
};

struct metrics_now metrics_nothing(const struct answer_model *model);

/* On an arena that measures, it only counts. */
void metrics_lay(struct metrics *metrics, const struct answer_model *model, struct arena *arena);

/* Before the first answer of `after`, when nobody uses a model before these two any more: both
 * are told of, each for itself, from now on. Where the labels are others `after` begins with
 * nothing, else with what there is; labels beyond the room there is are not counted alone. */
void metrics_follow(struct metrics *metrics, const struct answer_model *before,
                    const struct answer_model *after);

/* route is NULL for a path that nobody serves; the time is from its header to its reply. */
void metrics_request(struct metrics *metrics, const struct route *route, unsigned status,
                     uint64_t nanos);

/* The library's own answer, before there was a path. */
void metrics_unread(struct metrics *metrics, unsigned status);

/* A case, or a request, got this instead of an answer. */
void metrics_refused(struct metrics *metrics, enum error_code code);

/* So many connections of each kind gave their places to others. */
void metrics_shed(struct metrics *metrics, const unsigned shed[WATCH_KINDS]);

void metrics_queued(struct metrics *metrics, uint64_t nanos);

/* While the answer is there. */
void metrics_answer(struct metrics *metrics, const struct answer *answer);

void metrics_reload(struct metrics *metrics, enum metrics_reload result);

/* For this model, and any with the same labels. */
size_t metrics_bound(const struct answer_model *model);

void metrics_write(struct metrics *metrics, const struct metrics_now *now, bool open_metrics,
                   struct writer *writer);

#define METRICS_TYPE      "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_TYPE_OPEN "application/openmetrics-text; version=1.0.0; charset=utf-8"

#endif
