/* stop.h - Ctrl-C and SIGTERM as a question that long work asks between two steps.
 *
 * The first signal asks to stop; the second ends the program at once, as it would
 * have without stop_arm().
 *
 * Threads  any number
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_STOP_H
#define BASE_STOP_H

#include <stdbool.h>

void stop_arm(void);
bool stop_asked(void);

#endif
