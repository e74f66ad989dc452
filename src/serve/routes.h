/* routes.h - what the service answers; one row a route.
 *
 * From the rows come dispatch, 404, 405 with Allow, OPTIONS, and the OpenAPI
 * description. Nothing here knows the HTTP library: a route fills a reply.
 *
 * Threads  any number; the model of a call is held meanwhile (seats.h)
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_ROUTES_H
#define SERVE_ROUTES_H

#include <stdatomic.h>

#include "answer/explain.h"
#include "base/writer.h"

enum { ROUTES_REPLY_MAX = 4096 }; /* of all replies but those with details */

#define ROUTES_JSON  "application/json"
#define ROUTES_LINES "application/x-ndjson"

struct assets_row;
struct batcher;
struct metrics;
struct metrics_now;
struct openapi_texts;
struct truth;

/* What all requests share. */
struct routes_state {
    struct batcher *batcher; /* answers all cases; NULL: each worker's context does */
    struct truth *truth;
    struct metrics *metrics;
    void (*look)(const void *server, struct metrics_now *now); /* fills what is looked up */
    const void *server;
    struct openapi_texts *openapi;
    atomic_bool draining;
};

/* What a request wants beside the label: its query's parameters, one row each. */
struct routes_wish {
    bool detail, explain;
    bool any_labels;                /* of a reload */
    bool open_metrics;              /* by the header Accept */
    bool gzip;                      /* is taken, by the header Accept-Encoding */
    const struct assets_row *asset; /* of the path, on the route that has such */
    unsigned seen;                  /* rows of routes_parameters, a bit each */
};

/* Which routes take a parameter. */
enum routes_of { ROUTES_OF_CASES, ROUTES_OF_ONE_CASE, ROUTES_OF_ADMIN };

struct routes_parameter {
    const char *name;
    size_t offset; /* of its bool in struct routes_wish */
    enum routes_of of;
    const char *summary;
};

extern const struct routes_parameter routes_parameters[];
extern const size_t routes_parameters_count;

struct route;
bool routes_takes(const struct route *route, const struct routes_parameter *parameter);

struct routes_reply {
    unsigned status;
    const char *type;     /* of the content */
    struct writer body;   /* over a buffer of routes_bound */
    bool stays;           /* body lies where it is until the reply is sent */
    struct slice fixed;   /* instead of body, if not empty: lives as long as the state */
    const char *allow;    /* header Allow, or NULL */
    const char *location; /* header Location, or NULL */
    const char *tag;      /* header ETag, or NULL: the reply may be kept until it is another */
    bool asks_token;      /* header WWW-Authenticate */
    bool packed;          /* fixed is gzip */
    bool page;            /* a browser shows it: only what comes from here may run in it */
    unsigned retry_after_seconds; /* header Retry-After, or 0 */
    enum error_code problem;      /* that the body tells, or ERR_NONE */
};

enum routes_body {
    ROUTES_NOTHING,
    ROUTES_CASE,  /* in JSON; the reply is that of routes_answer */
    ROUTES_CASES, /* many of them; the reply is that of batch.h */
};

struct route {
    const char *method, *path;
    enum routes_body takes;
    bool admin; /* wants the admin's token, and is the reload */
    /* Of a route without a body: */
    void (*answer)(const struct routes_state *state, const struct answer_model *model,
                   const struct routes_wish *wish, struct routes_reply *reply);
    size_t (*bound)(const struct answer_model *model); /* NULL: ROUTES_REPLY_MAX is enough */
    const char *type;                                  /* of its answer, NULL: JSON */
    bool assets;               /* what assets_find finds below its path belongs to it */
    bool tagged;               /* by an ETag: 304 to whom has it already */
    const char *name, *schema; /* in the descriptions; schema: of its JSON */
    const char *summary;
    unsigned statuses[8]; /* it may answer with, beside 200; ends in 0 */
};

extern const struct route routes_table[];
extern const size_t routes_count;

/* The route, or NULL with reply filled (404, 405, OPTIONS, moved). HEAD finds GET. */
const struct route *routes_find(const char *method, const char *path, struct routes_reply *reply);

/* What a request wants that says nothing. */
struct routes_wish routes_wish_default(const struct route *route);

/* Takes `name=value` (NULL: no value) of the query into the wish; ERR_PARAMETER, also for one
 * that comes twice. Who asks for
 * cases to be answered is told of a name that is not known, because the answer would not be
 * what was wanted; elsewhere, other names are for others to read. */
MUST_CHECK enum error_code routes_wish(const struct route *route, const char *name,
                                       const char *value, struct routes_wish *wish,
                                       struct error *err);

/* Bytes of the longest reply to such a wish, where a detail_bound is so much. */
size_t routes_bound(size_t detail_bytes, const struct routes_wish *wish);

/* What a case's answer looks like; while the answer's probabilities are there. Where the wish is
 * to explain it, routes_explain must follow. */
void routes_answer(const struct routes_wish *wish, const struct case_text *text,
                   const struct answer *answer, struct routes_reply *reply);

void routes_explain(const struct explain *explain, struct routes_reply *reply);

/* RFC 9457. */
void routes_problem(struct routes_reply *reply, const struct error *err);

#endif
