/* plan.h - the memory contract of a service: each part's worst case, before it is taken.
 *
 * In      options and the opened model of a server that is not laid out yet
 * Out     the rows of a contract. What our code takes is measured by the functions that lay it
 *         out; what libraries and the kernel take for us is a bound that tests hold them to
 * Memory  none of its own
 * Threads one at a time
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef SERVE_PLAN_H
#define SERVE_PLAN_H

#include <stdint.h>

#include "base/contract.h"

struct answer_model;
struct server;

enum {
    /* What the HTTP library may use for a connection's header and reply: four pages, less the
     * allocator's own words, so that it is a mapping of its own, gone when it is closed. */
    PLAN_CONNECTION_BYTES = 16 * 1024 - 64,
};

/* First of all: keeps the allocator of the C library to one heap that does not fray, so that
 * what the plan says holds. */
void plan_tame(void);

/* What so many connections take of open files. */
unsigned plan_files(unsigned connections, unsigned threads);

/* How many may be open once the limit of them is raised, as far as this process may; the second
 * one raises it so far, and no farther than is needed. */
uint64_t plan_files_allowed(void);
uint64_t plan_raise_files(unsigned needed);

/* Lowers the number of connections to what so many open files have room for. ERR_SYSTEM where
 * that is hardly any. */
MUST_CHECK enum error_code plan_connections(unsigned *connections, unsigned threads, uint64_t files,
                                            struct error *err);

/* server->options and server->model are set; next is the model a reload brings, or NULL for one
 * like it. */
void plan_make(struct contract *out_contract, const struct server *server,
               const struct answer_model *next);

/* The same for a service that runs: what it was laid out for is that of its contract. */
void plan_reload(struct contract *out_contract, const struct server *server,
                 const struct answer_model *next);

/* ERR_MEMORY names the limit that the service would break, and options that would fit. */
MUST_CHECK enum error_code plan_check(const struct contract *contract, const struct server *server,
                                      const struct contract_limits *limits, struct error *err);

#endif
