/* bar.h - progress as people see it: a bar on a terminal, a line now and then elsewhere.
 *
 * Only steps that last over a second are drawn. Everything goes to standard error.
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_BAR_H
#define CLI_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/progress.h"

struct bar {
    struct progress progress; /* first: what the steps see */
    bool terminal;
    const char *title; /* of the step being drawn */
    uint64_t begun, drawn, last;
    uint64_t first; /* done when it began */
    bool visible;
};

struct bar bar_open(void);

/* Ends the line of a bar that is still shown. */
void bar_close(struct bar *bar);

#endif
