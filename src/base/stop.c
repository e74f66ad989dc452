/* stop.c - a flag set by the handler; SA_RESETHAND gives the second signal its old meaning. */
// SPDX-License-Identifier: Apache-2.0
#include "base/stop.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked;

static void ask(int number)
{
    (void)number;
    asked = 1;
}

void stop_arm(void)
{
    struct sigaction action = {.sa_handler = ask, .sa_flags = (int)SA_RESETHAND | SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    asked = 0;
}

bool stop_asked(void) { return asked != 0; }
