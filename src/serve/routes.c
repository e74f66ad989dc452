/* routes.c - the rows and what each of them does. */
// SPDX-License-Identifier: Apache-2.0
#include "serve/routes.h"

#include <stdio.h>
#include <string.h>

#include "answer/detail.h"
#include "base/check.h"
#include "serve/assets.h"
#include "serve/metrics.h"
#include "serve/openapi.h"
#include "serve/truth.h"
#include "text/json.h"
#include "text/utf8.h"

const struct routes_parameter routes_parameters[] = {
    {"detail", offsetof(struct routes_wish, detail), ROUTES_OF_CASES,
     "1: also the confidence, alternatives, what each member says, and the decision's id"},
    {"explain", offsetof(struct routes_wish, explain), ROUTES_OF_ONE_CASE,
     "1: also the runner-up, and the words that tell the answer from it"},
    {"any_labels", offsetof(struct routes_wish, any_labels), ROUTES_OF_ADMIN,
     "1: take the model even if its SBRs differ from those of the one that answers"},
};
const size_t routes_parameters_count = sizeof routes_parameters / sizeof *routes_parameters;

bool routes_takes(const struct route *route, const struct routes_parameter *parameter)
{
    switch (parameter->of) {
    case ROUTES_OF_ONE_CASE:
        return route->takes == ROUTES_CASE;
    case ROUTES_OF_ADMIN:
        return route->admin;
    default:
        return route->takes != ROUTES_NOTHING;
    }
}

static enum error_code unknown_parameter(const struct route *route, const char *name,
                                         struct error *err)
{
    char known[128];
    struct writer list = writer_of(known, sizeof known);
    for (size_t i = 0; i < routes_parameters_count; i++)
        if (routes_takes(route, &routes_parameters[i]))
            writer_format(&list, "%s'%s'", list.used > 0 ? ", " : "", routes_parameters[i].name);
    return error_set(err, ERR_PARAMETER, 0, "the parameter '%.60s' is not known; known are %.*s",
                     name, (int)list.used, list.data);
}

struct routes_wish routes_wish_default(const struct route *route)
{
    return (struct routes_wish){.detail = route->takes == ROUTES_CASES};
}

enum error_code routes_wish(const struct route *route, const char *name, const char *value,
                            struct routes_wish *wish, struct error *err)
{
    if (route->takes == ROUTES_NOTHING && !route->admin) return ERR_NONE;
    for (size_t i = 0; i < routes_parameters_count; i++) {
        const struct routes_parameter *row = &routes_parameters[i];
        if (strcmp(row->name, name) != 0 || !routes_takes(route, row)) continue;
        if (value == NULL || (strcmp(value, "0") != 0 && strcmp(value, "1") != 0))
            return error_set(err, ERR_PARAMETER, 0, "the parameter '%s' is 0 or 1, not '%.60s'",
                             name, value != NULL ? value : "");
        if (wish->seen & 1u << i)
            return error_set(err, ERR_PARAMETER, 0, "the parameter '%s' comes twice", name);
        wish->seen |= 1u << i;
        *(bool *)((char *)wish + row->offset) = value[0] == '1';
        return ERR_NONE;
    }
    return unknown_parameter(route, name, err);
}

size_t routes_bound(size_t detail_bytes, const struct routes_wish *wish)
{
    return ROUTES_REPLY_MAX + (wish->detail ? detail_bytes : 0) +
           (wish->explain ? explain_bound() : 0);
}

void routes_answer(const struct routes_wish *wish, const struct case_text *text,
                   const struct answer *answer, struct routes_reply *reply)
{
    reply->status = 200;
    reply->type = ROUTES_JSON;
    writer_char(&reply->body, '{');
    if (wish->detail) {
        struct detail detail = detail_of(answer->model, text, answer);
        detail_write(&detail, &reply->body);
    } else {
        writer_text(&reply->body, "\"predicted_sbr\":");
        json_put(&reply->body, answer_label(answer->model, answer->best));
    }
    if (!wish->explain) writer_text(&reply->body, "}\n");
    check(!reply->body.cut);
}

void routes_explain(const struct explain *explain, struct routes_reply *reply)
{
    writer_char(&reply->body, ',');
    explain_write(explain, &reply->body);
    writer_text(&reply->body, "}\n");
    check(!reply->body.cut);
}

static void tell_live(const struct routes_state *state, const struct answer_model *model,
                      const struct routes_wish *wish, struct routes_reply *reply)
{
    (void)state, (void)model, (void)wish;
    reply->status = 200;
    reply->type = ROUTES_JSON;
    writer_text(&reply->body, "{\"live\":true}\n");
}

static void tell_ready(const struct routes_state *state, const struct answer_model *model,
                       const struct routes_wish *wish, struct routes_reply *reply)
{
    (void)model, (void)wish;
    struct error err;
    enum error_code code = ERR_NONE;
    if (atomic_load(&state->draining))
        code = error_set(&err, ERR_DRAINING, 0, "the service finishes what is in flight and stops");
    else
        code = truth_ready(state->truth, &err);
    if (code != ERR_NONE) {
        routes_problem(reply, &err);
        return;
    }
    reply->status = 200;
    reply->type = ROUTES_JSON;
    writer_text(&reply->body, "{\"ready\":true}\n");
}

static void tell_text(const struct openapi_text *text, struct routes_reply *reply)
{
    reply->status = 200;
    reply->type = ROUTES_JSON;
    reply->fixed = slice_of(text->json);
    reply->tag = text->tag;
}

static void tell_openapi(const struct routes_state *state, const struct answer_model *model,
                         const struct routes_wish *wish, struct routes_reply *reply)
{
    (void)model, (void)wish;
    tell_text(&state->openapi->openapi, reply);
}

static void tell_apispec(const struct routes_state *state, const struct answer_model *model,
                         const struct routes_wish *wish, struct routes_reply *reply)
{
    (void)model, (void)wish;
    tell_text(&state->openapi->swagger, reply);
}

static void tell_asset(const struct routes_state *state, const struct answer_model *model,
                       const struct routes_wish *wish, struct routes_reply *reply)
{
    (void)state, (void)model;
    const struct assets_row *asset = wish->asset;
    if (asset->packed && !wish->gzip) {
        struct error err;
        error_fill(&err, ERR_ENCODING, 0, "Accept-Encoding leaves gzip out");
        routes_problem(reply, &err);
        return;
    }
    reply->status = 200;
    reply->type = asset->type;
    reply->fixed = asset->bytes;
    reply->tag = asset->tag;
    reply->packed = asset->packed;
    reply->page = true;
}

static void tell_metrics(const struct routes_state *state, const struct answer_model *model,
                         const struct routes_wish *wish, struct routes_reply *reply)
{
    struct metrics_now now = metrics_nothing(model);
    state->look(state->server, &now);
    reply->status = 200;
    reply->type = wish->open_metrics ? METRICS_TYPE_OPEN : METRICS_TYPE;
    metrics_write(state->metrics, &now, wish->open_metrics, &reply->body);
}

const struct route routes_table[] = {
    {.method = "POST",
     .path = "/classifier/sbr",
     .name = "classify",
     .takes = ROUTES_CASE,
     .summary = "The SBR that can solve a case",
     .statuses = {400, 413, 415, 429, 503, 504}},
    {.method = "POST",
     .path = "/classifier/sbr/batch",
     .name = "classifyMany",
     .takes = ROUTES_CASES,
     .summary = "The SBRs of many cases, in order, with details; what is wrong with one is told "
                "in its place",
     .statuses = {400, 413, 415, 429, 503, 504}},
    {.method = "GET",
     .path = "/health/live",
     .name = "live",
     .schema = "Live",
     .answer = tell_live,
     .summary = "Whether the process answers at all"},
    {.method = "GET",
     .path = "/health/ready",
     .name = "ready",
     .schema = "Ready",
     .answer = tell_ready,
     .summary = "Whether cases are answered rightly now",
     .statuses = {503}},
    {.method = "POST",
     .path = "/admin/reload",
     .name = "reload",
     .schema = "Reload",
     .admin = true,
     .summary =
         "Rehearses the model file as it is now and lets it answer, if it does what it should",
     .statuses = {400, 401, 403, 409, 413, 503}},
    {.method = "GET",
     .path = "/metrics",
     .name = "metrics",
     .answer = tell_metrics,
     .bound = metrics_bound,
     .type = METRICS_TYPE,
     .summary = "What the service counts, for Prometheus; OpenMetrics where Accept asks for it",
     .statuses = {429}},
    {.method = "GET",
     .path = "/openapi.json",
     .name = "openapi",
     .answer = tell_openapi,
     .tagged = true,
     .summary = "This description, OpenAPI 3.1"},
    {.method = "GET",
     .path = "/apispec_1.json",
     .name = "apispec",
     .answer = tell_apispec,
     .tagged = true,
     .summary = "This description, Swagger 2.0"},
    {.method = "GET",
     .path = "/apidocs/",
     .name = "apidocs",
     .answer = tell_asset,
     .tagged = true,
     .assets = true,
     .type = "text/html; charset=utf-8",
     .statuses = {406},
     .summary = "This description, for people to try it out"},
};
const size_t routes_count = sizeof routes_table / sizeof *routes_table;

/* Where flasgger's clients and bookmarks look. Targets are relative to the path, so that they are
 * right behind any path prefix. */
static const struct move {
    const char *path, *to;
    unsigned status; /* as flasgger's */
} moves[] = {
    {"/apidocs", "apidocs/", 308},
    {"/apidocs/index.html", "./", 302},
    {"/oauth2-redirect.html", "apidocs/", 302}, /* nobody is asked to log in here */
    {"/flasgger_static/swagger-ui.css", "../apidocs/swagger-ui.css", 302},
    {"/flasgger_static/swagger-ui-bundle.js", "../apidocs/swagger-ui-bundle.js", 302},
    {"/flasgger_static/favicon-32x32.png", "../apidocs/favicon-32x32.png", 302},
};

static const struct move *find_move(const char *path)
{
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (strcmp(moves[i].path, path) == 0) return &moves[i];
    return NULL;
}

static bool serves(const char *served, const char *method)
{
    return strcmp(served, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(served, "GET") == 0);
}

static bool is_at(const struct route *route, const char *path)
{
    return strcmp(route->path, path) == 0 ||
           (route->assets && strncmp(route->path, path, strlen(route->path)) == 0 &&
            assets_find(path) != NULL);
}

/* Another method than the path's. */
static void tell_method(const char *served, const char *method, struct routes_reply *reply)
{
    struct error err;
    reply->allow = strcmp(served, "GET") == 0 ? "GET, HEAD, OPTIONS" : "OPTIONS, POST";
    if (strcmp(method, "OPTIONS") == 0) {
        reply->status = 200;
        reply->type = "text/plain";
    } else {
        error_set(&err, ERR_METHOD, 0, "%.32s is not served here; %s are", method, reply->allow);
        routes_problem(reply, &err);
    }
}

const struct route *routes_find(const char *method, const char *path, struct routes_reply *reply)
{
    const char *served = NULL;
    for (size_t i = 0; i < routes_count; i++) {
        const struct route *route = &routes_table[i];
        if (!is_at(route, path)) continue;
        if (serves(route->method, method)) return route;
        served = route->method;
    }
    const struct move *move = find_move(path);
    if (move != NULL) served = "GET";
    if (served == NULL) {
        struct error err;
        error_set(&err, ERR_NOT_FOUND, 0, "nothing is served at this path");
        routes_problem(reply, &err);
    } else if (move != NULL && serves(served, method)) {
        reply->status = move->status;
        reply->type = "text/plain";
        reply->location = move->to;
    } else {
        tell_method(served, method, reply);
    }
    return NULL;
}

void routes_problem(struct routes_reply *reply, const struct error *err)
{
    const struct error_row *row = error_row(err->code);
    struct error said = *err; /* it may quote what a client sent */
    utf8_mend(said.detail, strlen(said.detail));
    reply->problem = err->code;
    reply->status = (unsigned)row->http_status;
    reply->type = "application/problem+json";
    reply->asks_token = row->http_status == 401;
    reply->retry_after_seconds = row->http_status == 429 || row->http_status == 503 ? 1 : 0;
    writer_text(&reply->body, "{\"type\":\"/problems/");
    writer_text(&reply->body, row->type);
    writer_text(&reply->body, "\",\"title\":");
    json_put(&reply->body, slice_of(row->title));
    writer_format(&reply->body, ",\"status\":%d,\"detail\":", row->http_status);
    json_put(&reply->body, slice_of(said.detail));
    writer_text(&reply->body, ",\"hint\":");
    json_put(&reply->body, slice_of(row->hint));
    writer_text(&reply->body, "}\n");
}
