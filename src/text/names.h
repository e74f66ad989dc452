/* names.h - what a file calls the fields of a case, where that is not their own names.
 *
 * In      --columns subject=title,sbr=queue: for the columns of a CSV and the members of JSON alike
 * Memory  slices of the option's text, which lives on
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_NAMES_H
#define TEXT_NAMES_H

#include "text/case.h"

/* By enum case_field, and the label behind them; empty: its own name. */
enum { NAMES_LABEL = CASE_FIELDS, NAMES_ALL };
struct names {
    struct slice given[NAMES_ALL];
};

MUST_CHECK enum error_code names_parse(struct names *out_names, struct slice option,
                                       struct error *err);

/* The name of a field or of the label; names may be NULL. Empty: none, for its own is given to
 * another: with sbr=product a product would be the label told as a field. */
struct slice names_of(const struct names *names, unsigned field);

#endif
