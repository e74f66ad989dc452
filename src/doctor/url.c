/* url.c - asks, then lets the majority say what is usual.
 *
 * An address without a path is a service's root; one with a path is posted to as it
 * is, and health and metrics are looked for beside it. ?detail=1 makes our own
 * service name its model; the Python service ignores it.
 */
// SPDX-License-Identifier: Apache-2.0
#include "doctor/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/check.h"
#include "base/mem.h"
#include "text/utf8.h"

const char url_default_case[] =
    "{\"case_language\": \"en\", \"case_number\": \"string\", \"description\": \"Test\", "
    "\"origin\": \"Test\", \"product\": \"Test\", \"severity\": \"Test\", \"subject\": \"Test\", "
    "\"version\": \"Test\"}";

enum { POST_MAX = FETCH_URL_MAX + 64 };

static const char route[] = "/classifier/sbr";

/* "host:port" of an address that curl would take. */
static bool names_host(const char *authority, size_t size)
{
    const char *at = memrchr(authority, '@', size);
    const char *host = at != NULL ? at + 1 : authority, *end = authority + size;
    const char *bracket = memrchr(host, ']', (size_t)(end - host));
    const char *from = bracket != NULL ? bracket : host;
    const char *colon = memchr(from, ':', (size_t)(end - from));
    if (host == end || colon == host) return false;
    if (colon == NULL) return true;
    uint16_t port;
    return slice_port((struct slice){colon + 1, (size_t)(end - colon - 1)}, &port) && port > 0;
}

/* Splits "scheme://host:port/path" into the root to ask beside, and the path to post to. */
static bool split(const char *address, char base[FETCH_URL_MAX], char post[POST_MAX])
{
    const char *scheme = strstr(address, "://");
    if (scheme == NULL || strlen(address) > FETCH_URL_MAX - 64) return false;
    bool http = strncasecmp(address, "http://", 7) == 0 || strncasecmp(address, "https://", 8) == 0;
    size_t origin = (size_t)(scheme + 3 - address), authority = origin;
    origin += strcspn(address + origin, "/?#");
    if (!http || !names_host(address + authority, origin - authority)) return false;
    const char *path = address + origin;
    size_t length = strcspn(path, "?#");
    while (length > 0 && path[length - 1] == '/') length--;
    size_t own = sizeof route - 1;
    bool ends = length >= own && memcmp(path + length - own, route, own) == 0;
    bool whole = length > 0 && !ends; /* a path of the user's own */
    size_t prefix = ends ? length - own : whole ? 0 : length;
    snprintf(base, FETCH_URL_MAX, "%.*s%.*s", (int)origin, address, (int)prefix, path);
    if (whole)
        snprintf(post, POST_MAX, "%s", address);
    else
        snprintf(post, POST_MAX, "%s%s?detail=1", base, route);
    return true;
}

static void set_name(struct url_answer *out, const char *address)
{
    const char *scheme = strstr(address, "://");
    const char *host = scheme != NULL ? scheme + 3 : address;
    const char *at = strchr(host, '@');
    if (at != NULL && at < host + strcspn(host, "/?#")) host = at + 1;
    char shown[FACTS_TEXT_MAX];
    root_set_text(shown, host, strcspn(host, "?#"));
    snprintf(out->name, sizeof out->name, "%.95s", shown);
}

/* A string that says something, with a reference of its own, or NULL. */
static json_t *member(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return json_string_length(value) > 0 ? json_incref(value) : NULL;
}

static void read_answer(struct url_answer *out, const struct fetch_answer *got)
{
    json_error_t place;
    json_t *object = json_loadb(got->body, got->size, 0, &place);
    out->answer = member(object, "predicted_sbr");
    const json_t *model = json_object_get(object, "model");
    out->version = member(model, "version");
    out->checksum = member(model, "checksum");
    json_decref(object);
    if (got->status == 200 && out->answer == NULL && out->failure[0] == '\0')
        snprintf(out->failure, sizeof out->failure, "and no predicted_sbr in what it says");
}

static bool answers_case(const struct url_answer *answer)
{
    return answer->status == 200 && answer->answer != NULL;
}

/* The value of the first sample of a family. */
static int64_t metric(const char *body, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = strstr(body, name); at != NULL; at = strstr(at + 1, name)) {
        bool starts = at == body || at[-1] == '\n';
        if (!starts || (at[length] != ' ' && at[length] != '{')) continue;
        const char *blank = strchr(at + length, ' ');
        char *end;
        double value = blank != NULL ? strtod(blank, &end) : -1;
        return value >= 0 && value < 0x1p62 ? (int64_t)value : FACTS_UNSEEN;
    }
    return FACTS_UNSEEN;
}

static enum error_code ask_beside(struct fetch *fetch, const char *base, const char *path,
                                  const struct url_options *options, struct fetch_answer *got,
                                  struct error *err)
{
    char url[FETCH_URL_MAX + 32];
    snprintf(url, sizeof url, "%s%s", base, path);
    struct fetch_request request = {.url = url,
                                    .token = options->token,
                                    .ca_path = options->ca_path,
                                    .proxy = options->proxy,
                                    .timeout_ms = options->timeout_ms};
    return fetch_once(fetch, &request, got, err);
}

static enum error_code ask_all(struct fetch *fetch, const char *base, const char *post,
                               const struct url_options *options, struct url_answer *out,
                               struct fetch_answer *got, struct error *err)
{
    struct fetch_request request = {.url = post,
                                    .body = options->body,
                                    .token = options->token,
                                    .ca_path = options->ca_path,
                                    .proxy = options->proxy,
                                    .timeout_ms = options->timeout_ms};
    TRY(fetch_once(fetch, &request, got, err));
    out->status = got->status;
    out->milliseconds = got->milliseconds;
    root_set_text(out->server, got->server, strlen(got->server));
    memcpy(out->failure, got->failure, sizeof out->failure);
    read_answer(out, got);
    if (got->status == 0) return ERR_NONE; /* nobody is there: the rest would only wait */
    TRY(ask_beside(fetch, base, "/health/ready", options, got, err));
    out->ready = got->status;
    TRY(ask_beside(fetch, base, "/metrics", options, got, err));
    if (got->status != 200) return ERR_NONE;
    out->budget = metric(got->body, "air_classifier_memory_budget_bytes");
    out->limit = metric(got->body, "air_classifier_cgroup_memory_max_bytes");
    out->no_fork = metric(got->body, "air_classifier_no_fork");
    return ERR_NONE;
}

enum error_code url_ask(struct fetch *fetch, const char *address, const struct url_options *options,
                        struct url_answer *out, struct error *err)
{
    struct url_answer answer = {
        .budget = FACTS_UNSEEN, .limit = FACTS_UNSEEN, .no_fork = FACTS_UNSEEN};
    char base[FETCH_URL_MAX], post[POST_MAX];
    if (!split(address, base, post))
        return error_set(err, ERR_USAGE, 0, "'%.200s' is not an address such as http://host:8080",
                         address);
    set_name(&answer, address);
    struct fetch_answer *got;
    TRY(mem_take(&got, 1, sizeof *got, err));
    enum error_code code = ask_all(fetch, base, post, options, &answer, got, err);
    mem_free(got);
    if (code == ERR_NONE)
        *out = answer;
    else
        url_close(&answer, 1);
    return code;
}

void url_close(struct url_answer *answers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_decref(answers[i].answer);
        json_decref(answers[i].version);
        json_decref(answers[i].checksum);
    }
}

/* One value of an environment as text, and how grave it is to differ in it. */
struct column {
    const char *id, *title;
    enum finding_severity severity;
    void (*show)(const struct url_answer *answer, struct writer *writer);
    size_t said; /* instead of show: where in an answer the string is */
};

static void show_status(const struct url_answer *a, struct writer *w)
{
    if (a->status == 0)
        writer_text(w, "no answer");
    else
        writer_format(w, "%d", a->status);
}

static void show_ready(const struct url_answer *a, struct writer *w)
{
    if (a->ready == 0)
        writer_text(w, "-");
    else
        writer_format(w, "%d", a->ready);
}

static void show_server(const struct url_answer *a, struct writer *w) { writer_text(w, a->server); }

static void show_bytes(struct writer *w, int64_t bytes)
{
    writer_text(w, bytes == FACTS_UNSEEN ? "-" : facts_bytes(bytes));
}

static void show_budget(const struct url_answer *a, struct writer *w) { show_bytes(w, a->budget); }

static void show_limit(const struct url_answer *a, struct writer *w) { show_bytes(w, a->limit); }

static void show_no_fork(const struct url_answer *a, struct writer *w)
{
    writer_text(w, a->no_fork == FACTS_UNSEEN ? "-" : a->no_fork == 1 ? "yes" : "no");
}

static const struct column columns[] = {
    {"url.status", "status", FINDING_CAUSE, show_status, 0},
    {"url.answer", "answer", FINDING_CAUSE, NULL, offsetof(struct url_answer, answer)},
    {"url.ready", "ready", FINDING_WARNING, show_ready, 0},
    {"url.version", "model", FINDING_WARNING, NULL, offsetof(struct url_answer, version)},
    {"url.checksum", "checksum", FINDING_WARNING, NULL, offsetof(struct url_answer, checksum)},
    {"url.server", "server", FINDING_NOTE, show_server, 0},
    {"url.plan", "plan", FINDING_WARNING, show_budget, 0},
    {"url.limit", "limit", FINDING_WARNING, show_limit, 0},
    {"url.no_fork", "no fork", FINDING_NOTE, show_no_fork, 0},
};

enum {
    COLUMNS = sizeof columns / sizeof columns[0],
    VALUE = 64,       /* bytes of one that is not said by a string */
    TABLE_WIDTH = 24, /* of what is shown, in columns of a terminal */
    TITLE_WIDTH = 40,
    CELL = 4 * TITLE_WIDTH + 2 * UTF8_SHOWN_MAX, /* bytes that this may take */
};

/* Whole and as it was said, to be compared; room is for one that is not a string. */
static struct slice value_of(const struct column *column, const struct url_answer *answer,
                             char room[VALUE])
{
    const json_t *said;
    struct writer writer = writer_of(room, VALUE);
    if (column->show != NULL) {
        column->show(answer, &writer);
        return writer_slice(&writer);
    }
    memcpy(&said, (const char *)answer + column->said, sizeof said);
    return said != NULL ? (struct slice){json_string_value(said), json_string_length(said)}
                        : SLICE("");
}

static bool same(const struct column *column, const struct url_answer *a,
                 const struct url_answer *b)
{
    char mine[VALUE], theirs[VALUE];
    return slice_equal(value_of(column, a, mine), value_of(column, b, theirs));
}

/* What a terminal may be given of a text, cut so that it fills so many columns at most. */
static void show(struct slice text, size_t width, char out[CELL])
{
    struct writer writer = writer_of(out, CELL - 1);
    size_t filled = 0, fits = 0;
    if (text.size == 0) writer_char(&writer, '-');
    while (text.size > 0 && filled <= width) {
        filled += utf8_show(&text, &writer);
        if (filled + 3 <= width) fits = writer.used;
    }
    if (filled > width) {
        writer.used = fits;
        writer_text(&writer, "...");
    }
    out[writer.used] = '\0';
}

static void cell(const struct column *column, const struct url_answer *answer, size_t width,
                 char out[CELL])
{
    char room[VALUE];
    show(value_of(column, answer, room), width, out);
}

/* The value most environments share; of equals the first that is a success. */
static size_t usual(const struct column *column, const struct url_answer *answers, size_t count)
{
    size_t best = 0, best_votes = 0;
    for (size_t i = 0; i < count; i++) {
        size_t votes = 0;
        for (size_t j = 0; j < count; j++) votes += same(column, &answers[i], &answers[j]);
        bool better = answers_case(&answers[i]) && !answers_case(&answers[best]);
        if (votes > best_votes || (votes == best_votes && better)) {
            best = i;
            best_votes = votes;
        }
    }
    return best;
}

/* Where two texts part, at the beginning of a character. */
static size_t parting(struct slice a, struct slice b)
{
    size_t at = 0;
    while (at < a.size && at < b.size && a.data[at] == b.data[at]) at++;
    return utf8_cut(a, at).size;
}

static bool is_ascii(struct slice text) { return utf8_count(text) == text.size; }

/* Two values may look alike where they are shown: cut, or of letters that look alike or are not
 * seen at all. */
static void tell_parting(const struct column *column, const struct url_answer *odd,
                         const struct url_answer *model, bool alike, struct finding *f)
{
    char mine[CELL], theirs[CELL], room[2][VALUE];
    struct slice a = value_of(column, odd, room[0]), b = value_of(column, model, room[1]);
    if (!alike && is_ascii(a) && is_ascii(b)) return;
    size_t at = parting(a, b);
    finding_read(f, ", from byte %zu on", at + 1);
    if (!alike) return;
    show(slice_from(a, at), TITLE_WIDTH, mine);
    show(slice_from(b, at), TITLE_WIDTH, theirs);
    finding_read(f, ": %s against %s", mine, theirs);
}

static void add_difference(const struct column *column, const struct url_answer *odd,
                           const struct url_answer *model, struct finding_list *list)
{
    char mine[CELL], theirs[CELL];
    cell(column, odd, TITLE_WIDTH, mine);
    cell(column, model, TITLE_WIDTH, theirs);
    struct finding *f = finding_add(list, column->id, column->title);
    finding_grade(f, column->severity);
    finding_title(f, "%s differs in %s: %s, elsewhere %s", odd->name, column->title, mine, theirs);
    finding_read(f, "%s against %s", odd->name, model->name);
    tell_parting(column, odd, model, strcmp(mine, theirs) == 0, f);
    if (odd->failure[0] != '\0') finding_read(f, "; %s", odd->failure);
    if (column->show != show_status) return;
    finding_means(f, "the same case is answered elsewhere: the input is not the cause, the "
                     "environment is");
    finding_todo(f, "read its log ('doctor log FILE') and compare snapshots taken in both places "
                    "('doctor compare')");
}

static void add_failure(const struct url_answer *answer, struct finding_list *list)
{
    struct finding *f = finding_add(list, "url.failed", "no environment answers");
    finding_grade(f, FINDING_CAUSE);
    finding_title(f, "%s does not answer the case", answer->name);
    finding_read(f, "status %d %s", answer->status, answer->failure);
    finding_todo(f, answer->status == 0     ? "is it running, and is this its address?"
                    : answer->status == 200 ? "is this the service's address, or a page before it?"
                                            : "read its log ('doctor log FILE')");
}

static void add_slow(const struct url_answer *answers, size_t count, struct finding_list *list)
{
    for (size_t i = 0; i < count; i++) {
        double others = 0;
        for (size_t j = 0; j < count; j++)
            if (j != i && answers[j].milliseconds > others) others = answers[j].milliseconds;
        bool slow = count > 1 && answers[i].status != 0 && answers[i].milliseconds > 200 &&
                    answers[i].milliseconds > 5 * others;
        if (!slow) continue;
        struct finding *f = finding_add(list, "url.time", "time");
        finding_grade(f, FINDING_WARNING);
        finding_title(f, "%s is slow: %.0f ms, elsewhere at most %.0f ms", answers[i].name,
                      answers[i].milliseconds, others);
        finding_means(f, "throttled, swapping, or short of cores");
        finding_todo(f, "run 'doctor' there: memory.high, pressure, CPU quota");
    }
}

void url_findings(const struct url_answer *answers, size_t count, struct finding_list *list)
{
    check(count <= URL_MAX);
    size_t answered = 0;
    for (size_t i = 0; i < count; i++) answered += answers_case(&answers[i]);
    for (size_t i = 0; answered == 0 && i < count; i++) add_failure(&answers[i], list);
    for (size_t c = 0; answered > 0 && c < COLUMNS; c++) {
        size_t model = usual(&columns[c], answers, count);
        /* Where most fail, those that answer are the model all the same. */
        for (size_t i = 0; columns[c].show == show_status && i < count; i++)
            if (answers_case(&answers[i])) model = i;
        for (size_t i = 0; i < count; i++) {
            bool silent = c > 0 && answers[i].status != 200; /* said once, by its status */
            if (!same(&columns[c], &answers[i], &answers[model]) && !silent)
                add_difference(&columns[c], &answers[i], &answers[model], list);
        }
    }
    add_slow(answers, count, list);
    struct finding *f = finding_add(list, "url.all", "environments asked");
    for (size_t i = 0; i < count; i++)
        finding_read(f, "%s%s: %d in %.0f ms", i > 0 ? "; " : "", answers[i].name,
                     answers[i].status, answers[i].milliseconds);
}

void url_table(const struct url_answer *answers, size_t count, struct writer *writer)
{
    writer_format(writer, "%-36s%9s", "environment", "time");
    bool shown[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++) {
        char text[CELL];
        shown[c] = false;
        for (size_t i = 0; i < count; i++) {
            cell(&columns[c], &answers[i], TABLE_WIDTH, text);
            if (strcmp(text, "-") != 0) shown[c] = true;
        }
        if (shown[c]) writer_format(writer, "  %-12s", columns[c].title);
    }
    writer_char(writer, '\n');
    for (size_t i = 0; i < count; i++) {
        writer_format(writer, "%-36.36s%6.0f ms", answers[i].name, answers[i].milliseconds);
        for (size_t c = 0; c < COLUMNS; c++) {
            char text[CELL];
            cell(&columns[c], &answers[i], TABLE_WIDTH, text);
            int filled = (int)utf8_count(slice_of(text));
            if (shown[c]) writer_format(writer, "  %s%*s", text, filled < 12 ? 12 - filled : 0, "");
        }
        writer_char(writer, '\n');
    }
}

static const char *text_of(const json_t *said)
{
    return said != NULL ? json_string_value(said) : "";
}

json_t *url_json(const struct url_answer *answers, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < count; i++) {
        const struct url_answer *a = &answers[i];
        json_t *one = json_pack(
            "{s:s, s:i, s:f, s:i, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "url", a->name, "status",
            a->status, "milliseconds", a->milliseconds, "ready", a->ready, "predicted_sbr",
            text_of(a->answer), "version", text_of(a->version), "checksum", text_of(a->checksum),
            "server", a->server, "memory_budget_bytes", (json_int_t)a->budget, "memory_limit_bytes",
            (json_int_t)a->limit, "no_fork", (json_int_t)a->no_fork);
        if (json_array_append_new(array, one) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}
