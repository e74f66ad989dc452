/* metrics.c - one table of families; each knows how its samples are written.
 *
 * Every combination of labels that can occur is there from the beginning, with 0, so that
 * rate() sees the first hit. Sums are whole billionths, so nothing is lost however long the
 * service runs.
 *
 * Drift: the share of each SBR among the last METRICS_WINDOW answers against its share in
 * training, as a population stability index; below 0.1 is called stable, above 0.25 changed.
 * Half a case is added to each count, as an SBR that never came would be infinitely strange.
 *
 * What is counted by SBR is a model's: while one takes over from another, both answer, and page
 * and answer alike are matched with the tally of the model that they hold. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/metrics.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

enum {
    SPARE_LABELS = 256, /* for models with more labels, loaded later */
    LINE_BYTES = 160,   /* of a sample, without its label's text */
    FAMILY_BYTES = 400, /* of HELP, TYPE and a sample */
    STATUSES_BESIDE = 7,
};

struct metrics_past {
    atomic_uint label; /* 1 more; 0: nobody yet */
    atomic_uint tokens, unknown;
};

/* What a family's rows are made from, and where they go. */
struct view {
    struct metrics *metrics;
    const struct metrics_now *now;
    const struct answer_model *model;
    const struct metrics_tally *tally; /* the model's */
    bool open_metrics;
    struct writer *writer;
};

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct family {
    const char *name; /* a counter's without _total */
    enum kind kind;
    const char *help;
    void (*put)(const struct view *view, const struct family *family);
    size_t at; /* of what put looks at, where several share it */
};

/* Buckets */

#define MICRO UINT64_C(1000)
#define MILLI UINT64_C(1000000)

static const uint64_t seconds_bounds[] = {
    500 * MICRO, 1 * MILLI,    2500 * MICRO,    5 * MILLI,        10 * MILLI,
    25 * MILLI,  50 * MILLI,   100 * MILLI,     250 * MILLI,      500 * MILLI,
    METRICS_ONE, 2500 * MILLI, 5 * METRICS_ONE, 10 * METRICS_ONE,
};
static const uint64_t tokens_bounds[] = {
    16 * METRICS_ONE,   32 * METRICS_ONE,   64 * METRICS_ONE,
    128 * METRICS_ONE,  256 * METRICS_ONE,  512 * METRICS_ONE,
    1024 * METRICS_ONE, 2048 * METRICS_ONE, 4096 * METRICS_ONE,
};
static const uint64_t tenths_bounds[] = {
    100 * MILLI, 200 * MILLI, 300 * MILLI, 400 * MILLI, 500 * MILLI,
    600 * MILLI, 700 * MILLI, 800 * MILLI, 900 * MILLI, 1000 * MILLI,
};

struct scale {
    const uint64_t *bounds;
    size_t count;
};
#define SCALE(bounds)                                                                              \
    {                                                                                              \
        bounds, sizeof(bounds) / sizeof *(bounds)                                                  \
    }
static const struct scale scale_seconds = SCALE(seconds_bounds);
static const struct scale scale_tokens = SCALE(tokens_bounds);
static const struct scale scale_tenths = SCALE(tenths_bounds);

/* Who has read a counter finds all that its writer had added to others before. */
static void add(atomic_ullong *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_release);
}

static uint64_t value_of(const atomic_ullong *counter)
{
    return atomic_load_explicit(counter, memory_order_acquire);
}

/* The sum first: who reads counts and then the sum finds every value there that was counted. */
static void observe(struct metrics_histogram *histogram, const struct scale *scale, uint64_t value)
{
    size_t bucket = 0;
    while (bucket < scale->count && value > scale->bounds[bucket]) bucket++;
    add(&histogram->sum, value);
    add(&histogram->bucket[bucket == scale->count ? METRICS_BUCKETS_MAX : bucket], 1);
}

/* Counting */

static size_t paths(void) { return routes_count + 1; }

static size_t path_of(const struct route *route)
{
    return route != NULL ? (size_t)(route - routes_table) : routes_count;
}

/* Those beside errors.def, the last three of which the HTTP library alone gives; then its. */
static void list_statuses(unsigned *out_status)
{
    static const unsigned beside[STATUSES_BESIDE] = {200, 302, 304, 308, 414, 431, 505};
    size_t count = STATUSES_BESIDE;
    memcpy(out_status, beside, sizeof beside);
    for (enum error_code code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        unsigned status = (unsigned)error_row(code)->http_status;
        size_t i = 0;
        while (i < count && out_status[i] != status) i++;
        check(i < METRICS_STATUSES_MAX);
        out_status[i] = status;
        if (i == count) count++;
    }
}

void metrics_lay(struct metrics *metrics, const struct answer_model *model, struct arena *arena)
{
    *metrics = (struct metrics){.lock = PTHREAD_MUTEX_INITIALIZER,
                                .labels_max = model->label_count + SPARE_LABELS};
    list_statuses(metrics->status);
    metrics->requests =
        arena_take(arena, paths() * METRICS_STATUSES_MAX, sizeof *metrics->requests);
    metrics->durations = arena_take(arena, paths(), sizeof *metrics->durations);
    for (int i = 0; i < METRICS_MODELS; i++) {
        struct metrics_tally *tally = &metrics->tally[i];
        tally->predictions = arena_take(arena, metrics->labels_max, sizeof *tally->predictions);
        tally->past = arena_take(arena, METRICS_WINDOW, sizeof *tally->past);
    }
    atomic_store(&metrics->source[0].tally, &metrics->tally[0]);
    atomic_store(&metrics->source[0].model, model);
    metrics->mix = arena_take(arena, metrics->labels_max, sizeof *metrics->mix);
}

static bool same_labels(const struct answer_model *a, const struct answer_model *b)
{
    bool same = a->label_count == b->label_count;
    for (uint32_t c = 0; same && c < a->label_count; c++)
        same = slice_equal(answer_label(a, c), answer_label(b, c));
    return same;
}

/* Which of them is this model's; it is one of them. */
static int source_of(const struct metrics *metrics, const struct answer_model *model)
{
    int i = atomic_load(&metrics->source[0].model) != model;
    check(atomic_load(&metrics->source[i].model) == model);
    return i;
}

static struct metrics_tally *tally_of(const struct metrics *metrics,
                                      const struct answer_model *model)
{
    return atomic_load(&metrics->source[source_of(metrics, model)].tally);
}

static void forget(const struct metrics *metrics, struct metrics_tally *tally)
{
    for (uint32_t c = 0; c < metrics->labels_max; c++) atomic_store(&tally->predictions[c], 0);
    for (size_t i = 0; i < METRICS_WINDOW; i++) atomic_store(&tally->past[i].label, 0);
}

void metrics_follow(struct metrics *metrics, const struct answer_model *before,
                    const struct answer_model *after)
{
    int there = source_of(metrics, before);
    struct metrics_source *source = &metrics->source[!there];
    struct metrics_tally *tally = atomic_load(&metrics->source[there].tally);
    if (!same_labels(before, after)) {
        tally = &metrics->tally[tally == &metrics->tally[0]];
        forget(metrics, tally);
    }
    atomic_store(&source->tally, tally);
    atomic_store(&source->model, after);
}

/* Whether a route may answer with it, so that it is told before it happened; what else
 * comes of it is counted with what nobody serves. */
static bool expected(size_t path, unsigned status)
{
    if (status == 200 || status == 500) return true; /* the latter by a defect of ours */
    if (status == 304 && routes_table[path].tagged) return true;
    for (const unsigned *own = routes_table[path].statuses; *own != 0; own++)
        if (*own == status) return true;
    return false;
}

void metrics_request(struct metrics *metrics, const struct route *route, unsigned status,
                     uint64_t nanos)
{
    size_t path = path_of(route), i = 0;
    while (i < METRICS_STATUSES_MAX && metrics->status[i] != status) i++;
    check(i < METRICS_STATUSES_MAX);
    if (path < routes_count && !expected(path, status)) path = routes_count;
    observe(&metrics->durations[path], &scale_seconds, nanos);
    add(&metrics->requests[path * METRICS_STATUSES_MAX + i], 1);
}

void metrics_unread(struct metrics *metrics, unsigned status)
{
    bool known = false;
    for (size_t i = 0; i < METRICS_STATUSES_MAX; i++) known |= metrics->status[i] == status;
    metrics_request(metrics, NULL, known ? status : 400, 0);
}

void metrics_refused(struct metrics *metrics, enum error_code code)
{
    add(&metrics->refused[code], 1);
}

void metrics_shed(struct metrics *metrics, const unsigned shed[WATCH_KINDS])
{
    for (int kind = 0; kind < WATCH_KINDS; kind++) add(&metrics->shed[kind], shed[kind]);
}

void metrics_queued(struct metrics *metrics, uint64_t nanos)
{
    observe(&metrics->stage[METRICS_STAGE_QUEUE], &scale_seconds, nanos);
}

static bool disagree(const struct answer *answer)
{
    const struct answer_model *model = answer->model;
    for (int m = 1; m < ANSWER_MEMBERS; m++)
        if (model->has[0] && model->has[m] && answer->member[m].best != answer->member[0].best)
            return true;
    return false;
}

void metrics_answer(struct metrics *metrics, const struct answer *answer)
{
    const struct answer_model *model = answer->model;
    struct metrics_tally *tally = tally_of(metrics, model);
    if (answer->best < metrics->labels_max) add(&tally->predictions[answer->best], 1);
    if (answer->abstained) add(&metrics->abstained, 1);
    if (disagree(answer)) add(&metrics->disagreed, 1);
    observe(&metrics->confidence, &scale_tenths, (uint64_t)((double)answer->confidence * 1e9));
    for (enum answer_stage s = 0; s < ANSWER_STAGES; s++)
        if (answer_has_stage(model, s))
            observe(&metrics->stage[s], &scale_seconds, answer->nanos[s]);
    if (model->has[ANSWER_ULMFIT])
        observe(&metrics->tokens, &scale_tokens, answer->tokens * METRICS_ONE);
    add(&metrics->unknown, answer->unknown);
    struct metrics_past *past = &tally->past[atomic_fetch_add(&tally->answers, 1) % METRICS_WINDOW];
    atomic_store(&past->label, answer->best + 1);
    atomic_store(&past->tokens, answer->tokens);
    atomic_store(&past->unknown, answer->unknown);
}

void metrics_reload(struct metrics *metrics, enum metrics_reload result)
{
    add(&metrics->reloads[result], 1);
}

/* Writing */

static void put_name(const struct view *view, const struct family *family, const char *suffix)
{
    writer_text(view->writer, family->name);
    writer_text(view->writer, suffix);
}

/* A sample's name and one label, NULL for none. */
static void put_start(const struct view *view, const struct family *family, const char *suffix,
                      const char *label, struct slice value)
{
    put_name(view, family, suffix);
    if (label == NULL) return;
    writer_format(view->writer, "{%s=\"", label);
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        if (c == '\\' || c == '"') writer_char(view->writer, '\\');
        if (c == '\n')
            writer_text(view->writer, "\\n");
        else if (c != '\0') /* which no format of these has */
            writer_char(view->writer, c);
    }
    writer_char(view->writer, '"');
}

static void put_count(const struct view *view, bool labelled, uint64_t count)
{
    writer_format(view->writer, "%s %llu\n", labelled ? "}" : "", (unsigned long long)count);
}

static void put_total(const struct view *view, const struct family *family, const char *label,
                      struct slice value, uint64_t count)
{
    put_start(view, family, "_total", label, value);
    put_count(view, label != NULL, count);
}

/* Whole numbers without an exponent: of bytes and of seconds since 1970 each digit counts. */
static void put_double(const struct view *view, double number)
{
    bool whole = number == floor(number) && fabs(number) < 9e15;
    writer_format(view->writer, whole ? " %.0f\n" : " %.9g\n", number);
}

static void put_head(const struct view *view, const struct family *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    const char *suffix = family->kind == COUNTER && !view->open_metrics ? "_total" : "";
    writer_format(view->writer, "# HELP %s%s %s\n", family->name, suffix, family->help);
    writer_format(view->writer, "# TYPE %s%s %s\n", family->name, suffix, kinds[family->kind]);
}

static void put_histogram(const struct view *view, const struct family *family,
                          const struct metrics_histogram *histogram, const struct scale *scale,
                          const char *label, struct slice value)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= scale->count; i++) {
        bool last = i == scale->count;
        count += value_of(&histogram->bucket[last ? METRICS_BUCKETS_MAX : i]);
        put_start(view, family, "_bucket", label, value);
        writer_text(view->writer, label != NULL ? "," : "{");
        if (last)
            writer_text(view->writer, "le=\"+Inf\"");
        else
            writer_format(view->writer, "le=\"%.9g\"", (double)scale->bounds[i] / METRICS_ONE);
        put_count(view, true, count);
    }
    uint64_t sum = value_of(&histogram->sum);
    put_start(view, family, "_sum", label, value);
    writer_format(view->writer, "%s %llu.%09llu\n", label != NULL ? "}" : "",
                  (unsigned long long)(sum / METRICS_ONE), (unsigned long long)(sum % METRICS_ONE));
    put_start(view, family, "_count", label, value);
    put_count(view, label != NULL, count);
}

static const char *path_name(size_t path)
{
    return path < routes_count ? routes_table[path].path : "other";
}

static void put_requests(const struct view *view, const struct family *family)
{
    for (size_t path = 0; path < paths(); path++)
        for (size_t i = 0; i < METRICS_STATUSES_MAX && view->metrics->status[i] != 0; i++) {
            unsigned status = view->metrics->status[i];
            uint64_t count = value_of(&view->metrics->requests[path * METRICS_STATUSES_MAX + i]);
            if (path < routes_count && !expected(path, status)) continue;
            put_start(view, family, "_total", "route", slice_of(path_name(path)));
            writer_format(view->writer, ",code=\"%u\"", status);
            put_count(view, true, count);
        }
}

static void put_durations(const struct view *view, const struct family *family)
{
    for (size_t path = 0; path < paths(); path++)
        put_histogram(view, family, &view->metrics->durations[path], &scale_seconds, "route",
                      slice_of(path_name(path)));
}

static void put_stages(const struct view *view, const struct family *family)
{
    const struct answer_model *model = view->model;
    for (unsigned s = 0; s < METRICS_STAGES; s++) {
        bool queue = s == METRICS_STAGE_QUEUE;
        if (!queue && !answer_has_stage(model, (enum answer_stage)s)) continue;
        put_histogram(view, family, &view->metrics->stage[s], &scale_seconds, "stage",
                      slice_of(queue ? "queue" : answer_stages[s]));
    }
}

static void put_tokens(const struct view *view, const struct family *family)
{
    put_histogram(view, family, &view->metrics->tokens, &scale_tokens, NULL, SLICE(""));
}

static void put_confidence(const struct view *view, const struct family *family)
{
    put_histogram(view, family, &view->metrics->confidence, &scale_tenths, NULL, SLICE(""));
}

/* One sample for each type of problem that may come; several codes may share one. */
static void put_refused(const struct view *view, const struct family *family)
{
    for (enum error_code code = ERR_NONE + 1; code < ERR_COUNT; code++) {
        const char *type = error_row(code)->type;
        enum error_code first = ERR_NONE + 1;
        while (strcmp(error_row(first)->type, type) != 0) first++;
        if (first != code) continue;
        uint64_t count = 0;
        for (enum error_code other = code; other < ERR_COUNT; other++)
            if (strcmp(error_row(other)->type, type) == 0)
                count += value_of(&view->metrics->refused[other]);
        if (count > 0 || error_row(code)->http_status != 500)
            put_total(view, family, "reason", slice_of(type), count);
    }
}

static void put_predictions(const struct view *view, const struct family *family)
{
    for (uint32_t c = 0; c < view->model->label_count && c < view->metrics->labels_max; c++)
        put_total(view, family, "sbr", answer_label(view->model, c),
                  value_of(&view->tally->predictions[c]));
}

static void put_training(const struct view *view, const struct family *family)
{
    for (uint32_t c = 0; c < view->model->label_count; c++) {
        put_start(view, family, "", "sbr", answer_label(view->model, c));
        put_count(view, true, view->model->label_cases[c]);
    }
}

static void put_counter(const struct view *view, const struct family *family)
{
    const void *counter = (const char *)view->metrics + family->at;
    put_total(view, family, NULL, SLICE(""), value_of(counter));
}

static void put_reloads(const struct view *view, const struct family *family)
{
    static const char *const results[] = {"done", "refused"};
    for (size_t i = 0; i < METRICS_RELOADS; i++)
        put_total(view, family, "result", slice_of(results[i]),
                  value_of(&view->metrics->reloads[i]));
}

static void put_shed(const struct view *view, const struct family *family)
{
    for (int kind = 0; kind < WATCH_KINDS; kind++)
        put_total(view, family, "reason", slice_of(watch_rules[kind].name),
                  value_of(&view->metrics->shed[kind]));
}

static void put_model(const struct view *view, const struct family *family)
{
    const char *made = bundle_meta(&view->model->bundle, "created");
    put_start(view, family, "", "version", slice_of(made));
    writer_format(view->writer, ",checksum=\"%s\",trained=\"%s\"} 1\n",
                  view->model->bundle.checksum, made);
}

static void put_number(const struct view *view, const struct family *family)
{
    double number;
    memcpy(&number, (const char *)view->now + family->at, sizeof number);
    put_name(view, family, family->kind == COUNTER ? "_total" : "");
    put_double(view, number);
}

/* The window */

static double unknown_ratio(const struct metrics_tally *tally)
{
    uint64_t tokens = 0, unknown = 0;
    for (size_t i = 0; i < METRICS_WINDOW; i++) {
        if (atomic_load(&tally->past[i].label) == 0) continue;
        tokens += atomic_load(&tally->past[i].tokens);
        unknown += atomic_load(&tally->past[i].unknown);
    }
    return tokens > 0 ? (double)unknown / (double)tokens : NAN;
}

/* How many answers the window has of each label, and of all. */
static uint32_t count_mix(const struct view *view)
{
    struct metrics *metrics = view->metrics;
    uint32_t count = 0;
    memset(metrics->mix, 0, metrics->labels_max * sizeof *metrics->mix);
    for (size_t i = 0; i < METRICS_WINDOW; i++) {
        uint32_t label = atomic_load(&view->tally->past[i].label);
        if (label == 0 || label > metrics->labels_max || label > view->model->label_count) continue;
        metrics->mix[label - 1]++;
        count++;
    }
    return count;
}

static double psi(const struct view *view)
{
    const struct answer_model *model = view->model;
    double learnt = 0, sum = 0, count = count_mix(view), labels = model->label_count;
    for (uint32_t c = 0; c < model->label_count; c++) learnt += model->label_cases[c];
    if (learnt == 0 || count == 0 || model->label_count > view->metrics->labels_max) return NAN;
    for (uint32_t c = 0; c < model->label_count; c++) {
        double now = (view->metrics->mix[c] + 0.5) / (count + 0.5 * labels);
        double then = (model->label_cases[c] + 0.5) / (learnt + 0.5 * labels);
        sum += (now - then) * log(now / then);
    }
    return sum;
}

static void put_psi(const struct view *view, const struct family *family)
{
    put_start(view, family, "", "field", SLICE(CASE_LABEL));
    writer_char(view->writer, '}');
    put_double(view, psi(view));
}

static void put_window(const struct view *view, const struct family *family)
{
    put_name(view, family, "");
    put_double(view, count_mix(view));
}

static void put_unknown(const struct view *view, const struct family *family)
{
    put_name(view, family, "");
    put_double(view, unknown_ratio(view->tally));
}

#define NAME(name)      "air_classifier_" name
#define COUNTED(name)   put_counter, offsetof(struct metrics, name)
#define LOOKED_UP(name) put_number, offsetof(struct metrics_now, name)

static const struct family families[] = {
    {NAME("requests"), COUNTER, "Requests answered, by path and status.", put_requests, 0},
    {NAME("request_duration_seconds"), HISTOGRAM,
     "From a request's header to its reply handed to the network.", put_durations, 0},
    {NAME("stage_duration_seconds"), HISTOGRAM,
     "What a case spends its time on; ulmfit: beside the others of its pass.", put_stages, 0},
    {NAME("tokens"), HISTOGRAM, "Tokens of a case that ULMFiT read.", put_tokens, 0},
    {NAME("queue_depth"), GAUGE, "Cases that wait.", LOOKED_UP(queue_depth)},
    {NAME("queue_limit"), GAUGE, "Cases that may wait; more are refused.", LOOKED_UP(queue_limit)},
    {NAME("requests_in_flight"), GAUGE, "Requests between header and last byte out.",
     LOOKED_UP(in_flight)},
    {NAME("connections"), GAUGE, "Connections open.", LOOKED_UP(connections)},
    {NAME("connections_limit"), GAUGE, "Connections that may be open.",
     LOOKED_UP(connections_limit)},
    {NAME("connections_shed"), COUNTER, "Connections closed because others waited for their place.",
     put_shed, 0},
    {NAME("rejected"), COUNTER, "Requests, and cases of batches, that got a problem instead.",
     put_refused, 0},
    {NAME("predictions"), COUNTER, "Answers, by SBR.", put_predictions, 0},
    {NAME("training_cases"), GAUGE, "Cases the model learnt each SBR from.", put_training, 0},
    {NAME("abstained"), COUNTER, "Answers below their SBR's threshold.", COUNTED(abstained)},
    {NAME("confidence"), HISTOGRAM, "Confidence of the answers.", put_confidence, 0},
    {NAME("ensemble_disagreement"), COUNTER, "Answers whose members guessed different SBRs.",
     COUNTED(disagreed)},
    {NAME("unknown_tokens"), COUNTER, "Tokens that are not in ULMFiT's vocabulary.",
     COUNTED(unknown)},
    {NAME("unknown_token_ratio"), GAUGE, "Their share, over the last 1024 answers.", put_unknown,
     0},
    {NAME("drift_psi"), GAUGE,
     "Population stability index of the last 1024 answers' SBRs against training: above 0.25 "
     "they are others.",
     put_psi, 0},
    {NAME("drift_window_cases"), GAUGE, "Answers that these are judged from.", put_window, 0},
    {NAME("model_info"), GAUGE, "The model that answers.", put_model, 0},
    {NAME("model_load_timestamp_seconds"), GAUGE, "When it was loaded.",
     LOOKED_UP(model_loaded_seconds)},
    {NAME("reload"), COUNTER, "Reloads asked for, by what came of them.", put_reloads, 0},
    {NAME("memory_budget_bytes"), GAUGE, "What serving may take at most, file pages included.",
     LOOKED_UP(budget_bytes)},
    {NAME("memory_reload_budget_bytes"), GAUGE, "The same while a reload is rehearsed.",
     LOOKED_UP(reload_budget_bytes)},
    {NAME("address_space_budget_bytes"), GAUGE, "Address space that serving may take at most.",
     LOOKED_UP(address_budget_bytes)},
    {NAME("memory_peak_bytes"), GAUGE, "The most that was resident so far.", LOOKED_UP(peak_bytes)},
    {NAME("canary_success"), GAUGE, "Whether the model's own cases are answered rightly now.",
     LOOKED_UP(canary_success)},
    {NAME("draining"), GAUGE, "Whether the service is stopping.", LOOKED_UP(draining)},
    {NAME("no_fork"), GAUGE, "Whether the kernel refuses this service new processes.",
     LOOKED_UP(no_fork)},
    {NAME("cgroup_memory_current_bytes"), GAUGE, "Memory of the tightest control group.",
     LOOKED_UP(cgroup_bytes)},
    {NAME("cgroup_memory_max_bytes"), GAUGE, "Its limit.", LOOKED_UP(cgroup_limit_bytes)},
    {NAME("cgroup_oom_kill"), COUNTER, "Processes killed there for want of memory.",
     LOOKED_UP(cgroup_kills)},
    {"process_resident_memory_bytes", GAUGE, "Resident memory.", LOOKED_UP(resident_bytes)},
    {"process_virtual_memory_bytes", GAUGE, "Address space.", LOOKED_UP(virtual_bytes)},
    {"process_cpu_seconds", COUNTER, "Time on a CPU, user and system.", LOOKED_UP(cpu_seconds)},
    {"process_open_fds", GAUGE, "Open file descriptors.", LOOKED_UP(open_fds)},
    {"process_max_fds", GAUGE, "Descriptors that may be open.", LOOKED_UP(fds_limit)},
    {"process_start_time_seconds", GAUGE, "When the process began, since 1970.",
     LOOKED_UP(start_seconds)},
    {"process_threads", GAUGE, "Threads.", LOOKED_UP(threads)},
};
enum { FAMILIES = sizeof families / sizeof *families };

struct metrics_now metrics_nothing(const struct answer_model *model)
{
    struct metrics_now now = {.model = model};
    double nothing = NAN;
    for (size_t i = 0; i < FAMILIES; i++)
        if (families[i].put == put_number)
            memcpy((char *)&now + families[i].at, &nothing, sizeof nothing);
    return now;
}

/* Whether a family says anything of this service. */
static bool is_known(const struct view *view, const struct family *family)
{
    const struct answer_model *model = view->model;
    if (family->put == put_number) {
        double number;
        memcpy(&number, (const char *)view->now + family->at, sizeof number);
        return !isnan(number);
    }
    if (family->put == put_tokens) return model->has[ANSWER_ULMFIT];
    if (family->put == put_unknown) return !isnan(unknown_ratio(view->tally));
    if (family->put == put_psi) return !isnan(psi(view));
    return true;
}

/* Of requests, by path and status. */
static size_t request_samples(void)
{
    size_t samples = METRICS_STATUSES_MAX; /* of what nobody serves */
    unsigned status[METRICS_STATUSES_MAX] = {0};
    list_statuses(status);
    for (size_t path = 0; path < routes_count; path++)
        for (size_t i = 0; i < METRICS_STATUSES_MAX; i++) samples += expected(path, status[i]);
    return samples;
}

size_t metrics_bound(const struct answer_model *model)
{
    size_t histograms = paths() + METRICS_STAGES + 2;
    size_t samples = request_samples() + ERR_COUNT + METRICS_RELOADS + WATCH_KINDS +
                     histograms * (METRICS_BUCKETS_MAX + 3) + (size_t)2 * model->label_count;
    size_t texts = 2 * (2 * (size_t)model->label_start[model->label_count]) +
                   4 * strlen(bundle_meta(&model->bundle, "created"));
    return FAMILIES * (size_t)FAMILY_BYTES + samples * LINE_BYTES + texts;
}

void metrics_write(struct metrics *metrics, const struct metrics_now *now, bool open_metrics,
                   struct writer *writer)
{
    const struct metrics_tally *tally = tally_of(metrics, now->model);
    struct view view = {metrics, now, now->model, tally, open_metrics, writer};
    pthread_mutex_lock(&metrics->lock);
    for (size_t i = 0; i < FAMILIES; i++) {
        if (!is_known(&view, &families[i])) continue;
        put_head(&view, &families[i]);
        families[i].put(&view, &families[i]);
    }
    pthread_mutex_unlock(&metrics->lock);
    if (open_metrics) writer_text(writer, "# EOF\n");
    check(!writer->cut);
}
