/* form.h - files that are no text at all, told by their first bytes.
 *
 * In      what a file begins with, as far as it is read
 * Errors  ERR_FORM: what it is, and how to make text of it
 * Threads any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_FORM_H
#define TEXT_FORM_H

#include "base/error.h"
#include "base/slice.h"

enum { FORM_BYTES = 4 }; /* enough to tell */

MUST_CHECK enum error_code form_check(struct slice begin, const char *path, struct error *err);

#endif
