/* url.h - the same case to several environments, side by side.
 *
 * In      addresses, a case, time-outs, token, certificates, proxy
 * Out     one environment's facts each, a table, and findings that name the odd one
 * Bound   URL_MAX environments, asked one after the other; texts are compared whole, and shown
 *         as a terminal may be given them, cut
 * Memory  the texts that were said, given back by url_close
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef DOCTOR_URL_H
#define DOCTOR_URL_H

#include <jansson.h>

#include "doctor/facts.h"
#include "doctor/fetch.h"
#include "doctor/finding.h"

enum { URL_MAX = 16, URL_NAME_MAX = 96, URL_TABLE_MAX = 512 * (URL_MAX + 1) };

/* What one environment says; empty or -1 where it does not. */
struct url_answer {
    char name[URL_NAME_MAX]; /* the address, without user and password */
    int status;              /* of the case; 0: no answer */
    int ready;               /* status of /health/ready; 0: no answer */
    double milliseconds;
    char failure[256];
    json_t *answer, *version, *checksum; /* strings, as they were said, or NULL */
    char server[FACTS_TEXT_MAX];
    int64_t budget, limit; /* our own service's plan, and its group's limit, in bytes */
    int64_t no_fork;
};

struct url_options {
    const char *body, *token, *ca_path, *proxy;
    int64_t timeout_ms;
};

extern const char url_default_case[]; /* the incident's: every text "Test" */

/* What *out holds is given back by url_close; on failure it holds nothing. */
MUST_CHECK enum error_code url_ask(struct fetch *fetch, const char *address,
                                   const struct url_options *options, struct url_answer *out,
                                   struct error *err);

void url_close(struct url_answer *answers, size_t count);

void url_findings(const struct url_answer *answers, size_t count, struct finding_list *list);

/* A line per environment, for people, of 512 bytes at most. */
void url_table(const struct url_answer *answers, size_t count, struct writer *writer);
json_t *url_json(const struct url_answer *answers, size_t count);

#endif
