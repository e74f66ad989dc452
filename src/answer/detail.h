/* detail.h - an answer that outlives its context: what ?detail=1 and predict --detail tell.
 *
 * In       an answer whose probabilities are still there
 * Out      a small copy, and its members in JSON
 * Bound    detail_bound bytes
 * Memory   none; label indices point into the model
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef ANSWER_DETAIL_H
#define ANSWER_DETAIL_H

#include "answer/decision.h"
#include "base/writer.h"

enum { DETAIL_ALTERNATIVES = 5 };

struct detail_share {
    uint32_t sbr;
    float confidence;
};

struct detail {
    const struct answer_model *model;
    struct detail_share best;
    bool abstained, truncated;
    struct decision decision;
    uint32_t alternatives; /* how many */
    struct detail_share alternative[DETAIL_ALTERNATIVES];
    struct detail_share member[ANSWER_MEMBERS];
};

/* Ranks the labels and names the decision. */
struct detail detail_of(const struct answer_model *model, const struct case_text *text,
                        const struct answer *answer);

/* `"predicted_sbr":"...",...,"model":{...}`: members without the braces around them. */
void detail_write(const struct detail *detail, struct writer *writer);

/* Lines about one case of many, in braces: with all of this, with the label alone, and one
 * that cannot be answered, with `line` as err has it. The number is UTF-8. */
void detail_put(struct slice case_number, const struct detail *detail, struct writer *writer);
void detail_put_brief(struct slice case_number, const struct detail *detail, struct writer *writer);
void detail_put_fault(struct slice case_number, const struct error *err, struct writer *writer);

/* Bytes that detail_write does not exceed for this model. */
size_t detail_bound(const struct answer_model *model);

#endif
