/* body.h - what a client sends, in memory that was had before the service was ready.
 *
 * In      pieces of a body; the store of all bodies
 * Out     a case whose texts lie in the body itself
 * Bound   the store: so many bytes of bodies, and room to read one of the largest,
 *         or many small ones, at a time
 * Errors  ERR_BODY_LONG, ERR_QUEUE_FULL where others hold the store, and all of json.h
 * Threads any number, each with its own body
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_BODY_H
#define SERVE_BODY_H

#include "base/region.h"
#include "text/json.h"

struct body_store {
    struct region kept, reading;
    size_t size_max; /* of one body */
};

/* What a store takes of address space, and at most of memory. beside: what one request may
 * take of it beside its body and as much again. */
size_t body_store_bytes(size_t kept, size_t size_max, size_t beside);
MUST_CHECK enum error_code body_store_open(struct body_store *out_store, size_t kept,
                                           size_t size_max, size_t beside, struct error *err);
void body_store_close(struct body_store *store);

struct body {   /* or a reply, which lies in the same store while it is sent */
    char *data; /* in the store, or NULL */
    size_t used, capacity;
};

MUST_CHECK enum error_code body_add(struct body *body, struct body_store *store, const char *data,
                                    size_t size, struct error *err);

/* Room for a text of that size, which is the caller's to fill; the body was empty. */
MUST_CHECK enum error_code body_room(struct body *body, struct body_store *store, size_t size,
                                     struct error *err);

/* Reads the body as one case. Its texts lie in the body, and what is behind them is given
 * back: flat.h's stay in the JSON, others take its place. After a failure it is as it was. */
MUST_CHECK enum error_code body_case(struct body *body, struct body_store *store,
                                     struct case_text *out_text, struct error *err);

/* What body_case is made of, for bodies that hold more than one case. */

struct slice body_slice(const struct body *body);

/* Looks at JSON that was read; it is gone afterwards. */
typedef enum error_code body_reader(void *context, const json_t *root, struct error *err);

MUST_CHECK enum error_code body_read(struct body_store *store, struct slice bytes,
                                     body_reader *reader, void *context, struct error *err);

/* Puts the texts over the body's bytes from *used on, and moves it behind them. */
void body_keep(struct body *body, size_t *used, struct case_text *text);

/* Gives back what is behind the first used bytes. */
void body_shrink(struct body *body, struct body_store *store, size_t used);

/* An empty body is fine. */
void body_give(struct body *body, struct body_store *store);

#endif
