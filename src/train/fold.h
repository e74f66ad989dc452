/* fold.h - cuts a corpus into parts for cross-validation.
 *
 * Cases of equal text always share a part, every label is spread over all parts,
 * and the parts depend on the cases alone, not on their order.
 *
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_FOLD_H
#define TRAIN_FOLD_H

#include "train/corpus.h"

/* How many parts: five, three for many cases, which teach enough with two thirds. */
uint32_t fold_count(size_t cases);

/* out_fold[i]: the part of cases[chosen[i]]. */
MUST_CHECK enum error_code fold_deal(const struct corpus *corpus, const uint32_t *chosen,
                                     size_t count, uint32_t folds, uint64_t seed,
                                     uint32_t *out_fold, struct error *err);

#endif
