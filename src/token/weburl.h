/* weburl.h - whether a piece of text is one web or mail address.
 *
 * In      a piece of valid UTF-8 without white space
 * Time    linear, without a regex engine
 * Threads any number
 * Source  spaCy's URL_MATCH: ULMFiT, section 2.5
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TOKEN_WEBURL_H
#define TOKEN_WEBURL_H

#include <stdbool.h>

bool weburl_matches(unsigned rule_set, const char *text, const char *end);

#endif
