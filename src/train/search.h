/* search.h - the lowest point of a function with one valley, by golden section.
 *
 * Threads  any number
 * Source   Kiefer 1953
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_SEARCH_H
#define TRAIN_SEARCH_H

typedef double search_function(void *context, double x);

/* Within low and high; each section leaves 0.618 of what the one before left. */
double search_lowest(search_function *at, void *context, double low, double high,
                     unsigned sections);

#endif
