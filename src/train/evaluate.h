/* evaluate.h - answers labelled cases and counts.
 *
 * Errors   ERR_MODEL where an answer is no number
 * Threads  one caller, who brings the crew; the same result for any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_EVALUATE_H
#define TRAIN_EVALUATE_H

#include "answer/answer.h"
#include "base/crew.h"
#include "train/corpus.h"
#include "train/score.h"

struct evaluate {
    struct score blend;
    struct score member[ANSWER_MEMBERS];
};

MUST_CHECK enum error_code evaluate_open(struct evaluate *out_evaluate,
                                         const struct answer_model *model,
                                         const struct corpus *corpus, struct crew *crew,
                                         struct progress *progress, struct error *err);
void evaluate_close(struct evaluate *evaluate);

#endif
