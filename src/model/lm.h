/* lm.h - the language model's step: the next word of every text of a batch.
 *
 * The decoder's weight is the embedding. State goes on from batch to batch, and row
 * by row; gradients do not.
 *
 * In      x [rows, steps] and y, what comes after each; a row begins stride after
 *         the one before, so both may point into a stream of tokens (y = x + 1)
 * Out     net->gradients; the loss
 * Bound   rows and steps at most those of net->options (steps: shape.bptt)
 * Memory  the net's
 * Threads see net.h
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef MODEL_LM_H
#define MODEL_LM_H

#include "model/net.h"

struct lm_batch {
    size_t rows, steps, stride;
    const uint32_t *x, *y;
    uint64_t draw; /* number of this batch's masks: another one for each step of a training */
};

/* For net_lay(). */
void lm_lay(struct net *net, struct arena *arena);

/* State becomes zero: at the start of an epoch, of a validation, and at the end. */
void lm_reset(struct net *net);

void lm_learn(struct net *net, const struct lm_batch *batch, struct net_loss *out_loss);

/* No dropout, no gradients; state goes on, too. Returns the mean cross entropy. */
double lm_judge(struct net *net, const struct lm_batch *batch);

#endif
