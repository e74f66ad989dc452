/* settings.h - what the linear member is learnt with, chosen by cross-validation.
 *
 * Threads  one caller; the holdout brings the crew
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_SETTINGS_H
#define TRAIN_SETTINGS_H

#include "train/holdout.h"

/* The cost, and the weight of field values, which is set in the bag. The holdout's cases,
 * parts and scores are others afterwards. */
MUST_CHECK enum error_code settings_choose(struct holdout *holdout, struct bag *bag,
                                           double *out_cost, struct error *err);

#endif
