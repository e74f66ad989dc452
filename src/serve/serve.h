/* serve.h - the HTTP service: one process, threads made before it is ready.
 *
 * In       a model that answers its own canaries
 * Out      the routes of routes.h on one address
 * Errors   all that can be refused is refused before listening
 * Threads  those that answer, as many as asked for; for ULMFiT one more that reads
 *          requests. serve_run holds the calling thread until SIGTERM or SIGINT; it never
 *          makes a process
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/contract.h"

struct serve_options {
    const char *model;   /* path */
    const char *listen;  /* "127.0.0.1:8080", "[::1]:0" */
    const char *kernel;  /* of ULMFiT, NULL for the best */
    bool open;           /* may be an address other hosts reach */
    const char *version; /* of the program */
    unsigned threads;
    size_t queue_cases_max;  /* that wait to be answered */
    size_t queue_bytes_max;  /* of bodies that wait, all together */
    double deadline_seconds; /* that each may wait */
    size_t body_bytes_max;
    size_t batch_cases_max; /* of a request; no more than may wait */
    unsigned connections_max;
    unsigned read_seconds_max;
    unsigned drain_delay_seconds; /* from the signal, it answers on and is not ready */
    unsigned drain_seconds_max;   /* then */
    double canary_seconds;        /* between two of the model's own cases */
    const char *admin_token_path; /* NULL: only a signal reloads */
    size_t rehearsed_cases;       /* of the last ones, before another model answers */
    double reload_differ_max;     /* share of them that it may answer differently */
    bool reload_any_labels;       /* on a signal */
};

/* The memory contract, held against the limits of this process, container and host. */
struct serve_verdict {
    struct contract contract;
    struct contract_limits limits;
    enum error_code code; /* serve_run would refuse to start, as refusal says */
    struct error refusal;
};

/* Opens the model, and neither takes what the contract tells nor listens; what serve_run would
 * refuse of the options, it does. */
MUST_CHECK enum error_code serve_plan(struct serve_verdict *out_verdict,
                                      const struct serve_options *options, struct error *err);

/* Returns once every request in flight is answered, after the signal and its delay. */
MUST_CHECK enum error_code serve_run(const struct serve_options *options, struct error *err);

#endif
