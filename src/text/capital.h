/* capital.h - the text rules that lower everything and mark what was in capitals.
 *
 * In, out, bound, time and threads as text/clean.h.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_CAPITAL_H
#define TEXT_CAPITAL_H

struct clean;

/* replace_all_caps, replace_maj, lowercase: xxup, xxmaj, small letters, trimmed, xxbos. */
void capital_mark(struct clean *clean);

#endif
