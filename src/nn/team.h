/* team.h - a few threads that work through one computation in lock step.
 *
 * Unlike a crew (base/crew.h), whose items are independent, the members of a
 * team meet at barriers many thousand times a second, so they spin there before
 * they sleep. Between two runs they sleep.
 *
 * Memory   one heap block a team
 * Threads  one caller at a time; it is worker 0
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef NN_TEAM_H
#define NN_TEAM_H

#include "base/error.h"

enum { TEAM_THREADS_MAX = 16 };

struct team;

typedef void team_job(void *context, unsigned worker);

MUST_CHECK enum error_code team_open(struct team **out_team, unsigned threads, struct error *err);
void team_close(struct team *team);
unsigned team_size(const struct team *team);

/* Runs job on all members, each with its number; returns when all have ended. */
void team_run(struct team *team, team_job *job, void *context);

/* For jobs: returns when all members are here; what any wrote before, all see after. */
void team_wait(struct team *team);

#endif
