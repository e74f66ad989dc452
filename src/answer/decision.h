/* decision.h - the name of one answer: who gave what to which case.
 *
 *   avx512-6c1f...   the kernel, then 128 bits over the model's checksums, the
 *                    eight fields of the case, and every bit of the answer
 *
 * Whoever keeps case and id can have any copy of the model show that it gives
 * this answer, bit for bit (`replay`). A model without ULMFiT has the kernel
 * "linear". An absent field and an empty one are the same case.
 *
 * Memory   none
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef ANSWER_DECISION_H
#define ANSWER_DECISION_H

#include "answer/answer.h"

enum { DECISION_KERNEL_MAX = 15, DECISION_DIGITS = 32 };

struct decision {
    char kernel[DECISION_KERNEL_MAX + 1];
    char digits[DECISION_DIGITS + 1]; /* hex, lower case */
};

#define DECISION_FORMAT "%s-%s" /* kernel, digits */

/* While the answer's probabilities are there. */
struct decision decision_of(const struct answer_model *model, const struct case_text *text,
                            const struct answer *answer);

/* ERR_USAGE where the text is no such name. */
MUST_CHECK enum error_code decision_parse(struct decision *out_decision, struct slice text,
                                          struct error *err);

/* What answer_open takes as kernel to give this decision again. */
const char *decision_kernel(const struct decision *decision);

bool decision_equal(const struct decision *a, const struct decision *b);

#endif
