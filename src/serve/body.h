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
#include "base/slice.h"
#include "text/case.h"

struct body_store {
    struct region kept, reading;
    size_t size_max; /* of one body */
};

/* What a store takes of address space, and at most of memory. */
size_t body_store_bytes(size_t kept, size_t size_max);
MUST_CHECK enum error_code body_store_open(struct body_store *out_store, size_t kept,
                                           size_t size_max, struct error *err);
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

/* Reads the body as one case. Its bytes become the case's texts, and what is over is given
 * back; after a failure they are as they were. */
MUST_CHECK enum error_code body_case(struct body *body, struct body_store *store,
                                     struct case_text *out_text, struct error *err);

/* An empty body is fine. */
void body_give(struct body *body, struct body_store *store);

#endif
