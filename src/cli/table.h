/* table.h - scores as people and as programs read them. */
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include <jansson.h>

#include "answer/answer.h"
#include "train/corpus.h"
#include "train/score.h"

/* As it stands, filled to so many columns, but for what would steer the terminal: control
 * characters and bytes that are no UTF-8 are told as \xHH. */
void table_text(FILE *to, struct slice text, int columns);

/* A line of sums and a line for each label, to standard output. */
void table_score(const struct score *score, const struct answer_model *model);

/* A line a member the model has. */
void table_members(const struct score member[ANSWER_MEMBERS], const struct answer_model *model);

/* The sums as members of an object; NULL when memory ends. */
json_t *table_json(const struct score *score, const struct answer_model *model);

/* Names the first bad rows of a corpus on standard error. Whether to go on: none, or skipped. */
MUST_CHECK enum error_code table_bad_rows(const struct corpus *corpus, bool skip,
                                          struct error *err);

#endif
