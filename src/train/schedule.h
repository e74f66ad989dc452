/* schedule.h - one cycle of rate and momentum.
 *
 * Over the first quarter of a stage the rate rises from a 25th of its height, over
 * the rest it falls to a 100,000th, both along half a cosine; the momentum goes the
 * other way, from 0.8 to 0.7 and back.
 *
 * Threads  any number
 * Source   fastai's fit_one_cycle: ULMFiT, section 7.4
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include <stddef.h>

/* At this share, 0 to 1, of the stage. */
double schedule_rate(double rate_max, double position);
double schedule_momentum(double position);

/* Rates of the groups from the first to the last: in equal ratios from low to high. */
void schedule_spread(double low, double high, double *out_rates, size_t groups);

#endif
