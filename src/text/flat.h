/* flat.h - a case from JSON that needs no decoding, read where it lies.
 *
 * In      one JSON object of 1 to FLAT_MEMBERS_MAX members, no key twice, whose keys and values
 *         are strings of the bytes 0x20 to 0x7E without a backslash
 * Out     true: slices into those bytes, not checked by case_check; before that check it is
 *         what json_case_open finds: an absent field is the empty string, and unknown members
 *         are ignored
 * Errors  false: anything else, be it right or wrong; ask json.h. *out_text is as it was
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_FLAT_H
#define TEXT_FLAT_H

#include "text/case.h"

enum { FLAT_MEMBERS_MAX = 16 };

MUST_CHECK bool flat_case(struct case_text *out_text, struct slice bytes);

#endif
