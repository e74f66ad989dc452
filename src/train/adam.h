/* adam.h - the optimiser, as fastai's: momentum, squares, weight decay beside them.
 *
 *   p -= rate decay p                          rows that decay
 *   m  = momentum m + (1 - momentum) g         v = 0.99 v + 0.01 g g
 *   p -= rate / (1 - momentum^t) m / (sqrt(v / (1 - 0.99^t)) + 1e-5)
 *
 * The momentum of today stands in the correction with the power t, although it
 * changes from step to step. A row without gradient in this step decays like others.
 *
 * In       a net whose gradients are new; a rate a group
 * Out      its parameters, of the groups that are not frozen
 * Memory   two numbers a parameter, from an arena
 * Threads  the net's team; the calls are its caller's. Bits do not depend on them, but
 *          where clipping sums the gradients
 * Source   Kingma & Ba 2015, Loshchilov & Hutter 2019, as fastai runs them: ULMFiT, section 7.1
 */
// SPDX-License-Identifier: Apache-2.0
#ifndef TRAIN_ADAM_H
#define TRAIN_ADAM_H

#include "model/net.h"

struct adam {
    struct net *net;
    float *average, *square; /* m and v, as net->parameters */
    uint64_t steps;          /* t, since adam_clear */
};

struct adam_step {
    const double *rates; /* [net->groups] */
    double momentum, decay;
    double clip; /* the gradients' norm is at most this; 0: as it is */
};

void adam_lay(struct adam *adam, struct net *net, struct arena *arena);

/* Forgets: fastai begins anew whenever groups thaw. */
void adam_clear(struct adam *adam);

/* Returns the norm of the gradients before clipping; 0 without clipping. */
double adam_learn(struct adam *adam, const struct adam_step *step);

#endif
