/* repeat.h - the text rules that fold what is said over and over.
 *
 * In, out, bound, time and threads as text/clean.h.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TEXT_REPEAT_H
#define TEXT_REPEAT_H

struct clean;

void repeat_chars(struct clean *clean); /* replace_rep: aaaa -> xxrep 4 a */
void repeat_words(struct clean *clean); /* replace_wrep: no no no -> xxwrep 3 no */

#endif
