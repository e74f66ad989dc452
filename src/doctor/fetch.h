/* fetch.h - one HTTP request by libcurl, which is opened at run time.
 *
 * In      method by body or none, time-out, token, certificates, proxy (libcurl reads
 *         http_proxy and its kin itself)
 * Out     status, time, the first FETCH_BODY_MAX bytes of the body; or why there is none
 * Bound   redirects are not followed, only http and https are spoken
 * Memory  libcurl's, given back by fetch_close
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_FETCH_H
#define DOCTOR_FETCH_H

#include <stdint.h>

#include "base/error.h"

enum { FETCH_BODY_MAX = 128 * 1024, FETCH_URL_MAX = 2048 };

struct fetch;

struct fetch_request {
    const char *url;
    const char *body;    /* NULL: GET; else POST of JSON */
    const char *token;   /* bearer, or NULL */
    const char *ca_path; /* certificates to trust instead of the system's, or NULL */
    const char *proxy;   /* NULL: as the environment says; "" none */
    int64_t timeout_ms;
};

struct fetch_answer {
    int status; /* 0: no answer, see failure */
    double milliseconds;
    size_t size;
    char failure[256];
    char server[64];
    char body[FETCH_BODY_MAX + 1]; /* ended by a NUL */
};

MUST_CHECK enum error_code fetch_open(struct fetch **out_fetch, struct error *err);
void fetch_close(struct fetch *fetch);

/* A server that does not answer is an answer, not an error. */
MUST_CHECK enum error_code fetch_once(struct fetch *fetch, const struct fetch_request *request,
                                      struct fetch_answer *out, struct error *err);

#endif
