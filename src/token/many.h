/* many.h - a long stream of texts over all threads: read, work, write, in order.
 *
 * Each thread owns one block. It takes the turn to read and fills its block,
 * gives the turn on, works, waits for the turn to write, and writes. So reading
 * and writing overlap with work, what is written stays in the order of reading
 * for any number of threads, and never more blocks than threads are in memory.
 *
 * Errors   what was read before the failure is written first; then nothing more
 * Threads  those of the crew; `read` and `write` are each called by one at a time
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOKEN_MANY_H
#define TOKEN_MANY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/crew.h"
#include "base/error.h"
#include "base/progress.h"
#include "token/token.h"

struct many_work {
    void *context;
    /* Fills a block; *out_end when there is nothing more (the block is then not used). */
    enum error_code (*read)(void *context, void *block, bool *out_end, struct error *err);
    /* Several at once, each with its own block. */
    enum error_code (*work)(void *context, void *block, struct error *err);
    /* Also called for a block whose work failed: what it did before. */
    enum error_code (*write)(void *context, void *block, struct error *err);
    void *const *blocks; /* one for each thread of the crew */
};

MUST_CHECK enum error_code many_run(struct crew *crew, const struct many_work *work,
                                    struct error *err);

/* A token_scratch that grows to the longest text it has seen. */
struct many_scratch {
    struct arena arena;
    struct token_scratch scratch;
};
MUST_CHECK enum error_code many_tokens(struct many_scratch *scratch, const struct token_way *way,
                                       struct slice text, struct token_list *out,
                                       struct error *err);
void many_scratch_close(struct many_scratch *scratch);

#endif
