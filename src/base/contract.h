/* contract.h - what a process will take at most, told before it takes it.
 *
 * In      rows, one a part, in bytes: of memory (resident, pages of files included) and of
 *         address space; each while serving, and while another model is rehearsed as well
 * Out     their sums, and whether they fit into the limits of host and container
 * Bound   CONTRACT_ROWS_MAX rows
 * Memory  none of its own
 * Threads one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_CONTRACT_H
#define BASE_CONTRACT_H

#include "base/error.h"
#include "base/root.h"

enum { CONTRACT_ROWS_MAX = 24 };

struct contract_bytes {
    size_t memory, address;
};

struct contract_row {
    const char *part;
    struct contract_bytes serving, reloading; /* the latter is all of it, not what is added */
    char of[128];                             /* what it is made of, for people */
};

struct contract {
    struct contract_row rows[CONTRACT_ROWS_MAX];
    size_t count;
    unsigned tasks;       /* threads, the first included: what a limit of pids must allow */
    unsigned descriptors; /* open files; and with the fewest connections that may be */
    unsigned descriptors_least;
};

/* A part that grows by `more` while a reload is rehearsed. */
void contract_add(struct contract *contract, const char *part, struct contract_bytes serving,
                  struct contract_bytes more, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

struct contract_bytes contract_serving(const struct contract *contract);
struct contract_bytes contract_reloading(const struct contract *contract);

/* A mapping of so many bytes; a block of the heap so large that it becomes one. */
struct contract_bytes contract_mapping(size_t bytes);
struct contract_bytes contract_block(size_t bytes);
struct contract_bytes contract_times(struct contract_bytes one, size_t count);
struct contract_bytes contract_plus(struct contract_bytes a, struct contract_bytes b);

/* The rows of this very process: its program, the libraries in it. Every page of theirs that
 * may be read is counted, touched or not; of libraries that only other libraries name, half,
 * where no more than that is resident. */
void contract_add_program(struct contract *contract);

struct contract_limits {
    int64_t memory, address; /* ROOT_UNLIMITED where there is none */
    char memory_at[ROOT_TEXT_MAX + 32], address_at[32];
};

/* The tightest of the group, all groups above and the host; of this process the address space. */
void contract_read_limits(struct contract_limits *out_limits, struct root *root);

/* ERR_MEMORY tells what is short, of what, and where the limit stands. */
MUST_CHECK enum error_code contract_check(struct contract_bytes need, const char *what,
                                          const struct contract_limits *limits, struct error *err);

#endif
