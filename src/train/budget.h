/* budget.h - memory asked for beforehand, and what would fit where it does not.
 *
 * The bytes come from the code that lays the training out (base/arena.h), so what is
 * told and what is taken are the same.
 *
 * Errors   ERR_MEMORY names what is needed, who leaves how much, and the batch, the vocabulary or
 *          both that would fit
 * Threads  one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_BUDGET_H
#define TRAIN_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/headroom.h"

struct budget {
    const char *what; /* "the language model" */
    size_t rows, words;
    /* What so many rows a batch, and so many words, would take. */
    uint64_t (*bytes)(void *context, size_t rows, size_t words);
    void *context;
    bool smallest;                      /* no --size is smaller */
    void (*tell)(const char *sentence); /* for people, where it fits; or NULL */
};

enum { BUDGET_SIZE_MAX = 32 };

/* What host, container and process leave; or, of memory_max for all that the process takes, what
 * it has not taken yet. */
MUST_CHECK enum error_code budget_look(uint64_t memory_max, struct headroom *out_headroom,
                                       struct error *err);

MUST_CHECK enum error_code budget_require(const struct budget *budget,
                                          const struct headroom *headroom, struct error *err);

/* "1.25 GiB" */
const char *budget_size(char out[BUDGET_SIZE_MAX], uint64_t bytes);

#endif
