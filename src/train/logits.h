/* logits.h - what ULMFiT says of many cases, by the path that serves.
 *
 * Out      a row of logits a case, the same for any number of threads
 * Memory   a reader and a pass a thread, while it runs
 * Threads  one caller, who brings the crew
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_LOGITS_H
#define TRAIN_LOGITS_H

#include "answer/reader.h"
#include "base/crew.h"
#include "model/ulmfit.h"
#include "train/corpus.h"

struct logits_task {
    const struct ulmfit *ulmfit;
    const struct reader *reader;
    const struct corpus *corpus;
    const uint32_t *chosen; /* [count], which of its cases */
    size_t count;
    const char *title; /* for progress */
    float *out;        /* [count, classes] */
};

MUST_CHECK enum error_code logits_find(const struct logits_task *task, struct crew *crew,
                                       struct progress *progress, struct error *err);

#endif
