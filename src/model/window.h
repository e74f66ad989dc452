/* window.h - which steps of a text the pooling sees (fastai's SentenceEncoder).
 *
 * A text runs in blocks of bptt steps. All blocks are run, but only the last
 * ones are pooled: those that start at most max_len steps before the end. A step
 * whose token is xxpad is masked. A block that starts with xxpad is dead: it is
 * not run, its outputs are zeros, and the next block starts from zero.
 *
 * This is the rule for one text alone; answers never depend on batch mates.
 *
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_WINDOW_H
#define MODEL_WINDOW_H

#include <stdbool.h>

#include "base/error.h"
#include "model/weights.h"

struct window {
    size_t start; /* the first step pooled */
    size_t last;  /* the step whose output counts as the last one */
    size_t steps; /* unmasked steps from start on; at least 1 */
};

/* ERR_EMPTY_CASE where no step is left to pool. */
MUST_CHECK enum error_code window_of(const struct weights_shape *shape, const uint32_t *ids,
                                     size_t count, struct window *out_window, struct error *err);

/* Whether the block that starts at step start is dead. */
static inline bool window_dead(const uint32_t *ids, size_t start)
{
    return ids[start] == WEIGHTS_PAD;
}

#endif
